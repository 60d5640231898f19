"""The exact scores of chosen pairs of two sets: those that float32 could not decide on."""

from __future__ import annotations

import threading

import numpy as np
from numpy.typing import NDArray

from bench.api import Comparison, Embeddings
from bench.scoring import compiled
from bench.scoring.kernel import to_scores

PAIRS_AT_ONCE = 1024
"""Of these the embeddings are put on the grid at a time: 8 MB for 512 numbers."""


class ExactScores:
    """Scores of pairs, bit for bit those of `kernel.cross_scores`.

    Args:
        probes: float32 (M, D), checked.
        references: float32 (N, D), checked.
        comparison: ``"cosine"`` or ``"neg_l2"``.
        step: of the grid that both share.
    """

    def __init__(self, probes: Embeddings, references: Embeddings, comparison: Comparison, step: float) -> None:
        self.probes, self.references = np.asarray(probes), np.asarray(references)
        self.comparison, self.step = comparison, step
        self._room = threading.local()

    def __call__(self, rows: NDArray[np.integer], columns: NDArray[np.integer]) -> NDArray[np.float32]:
        """The scores of some pairs.

        Args:
            rows: int (P,), rows of `probes`; fastest where equal ones stand together.
            columns: int (P,), rows of `references`.

        Returns:
            float32 (P,).
        """
        scores = np.empty(len(rows), np.float32)
        if len(rows) and not hasattr(self._room, "both"):
            # Kept for the next time: fresh memory costs more than what is done with it.
            self._room.both = np.empty((2, PAIRS_AT_ONCE, self.probes.shape[1]), np.float64)
        for start in range(0, len(rows), PAIRS_AT_ONCE):
            part = slice(start, start + PAIRS_AT_ONCE)
            left, i = self._gridded(self.probes, rows[part], self._room.both[0])
            right, j = self._gridded(self.references, columns[part], self._room.both[1])
            products = np.empty(len(i), np.float64)
            compiled.products_of_pairs(left, right, i, j, self.comparison == "neg_l2", products)
            scores[part] = to_scores(products, self.comparison)
        return scores

    def _gridded(
        self, embeddings: Embeddings, rows: NDArray[np.integer], room: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """The gridded rows that occur, each once, and for every pair its place among them."""
        used, place = np.unique(rows, return_inverse=True)
        grid_rows(embeddings, used, self.comparison, self.step, room[: used.size])
        return room, place.astype(np.int64, copy=False)


def grid_rows(
    embeddings: Embeddings, used: NDArray[np.integer], comparison: Comparison, step: float, out: NDArray[np.float64]
) -> None:
    """`grid.on_grid` of some rows, float64 (U, D); `embeddings` were checked before."""
    compiled.gridded(embeddings, used.astype(np.int64, copy=False), step, comparison == "cosine", out)
