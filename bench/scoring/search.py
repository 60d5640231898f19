"""1:N search: the best matches of every probe in a gallery of any size, in memory that does not grow with it.

Products are made in float32 and only those that may still be among the best are held; these are scored exactly and put
in order. Where so many tie within float32's margin that they cannot be held, the probe is scored exactly throughout.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench.api import Comparison, Embeddings
from bench.errors import ConfigError
from bench.scoring.engines import CANDIDATE, Tile, candidates
from bench.scoring.grid import GriddedEmbeddings
from bench.scoring.kernel import factors, to_scores
from bench.scoring.margin import LOWEST, Margin
from bench.scoring.rescoring import ExactScores, grid_rows
from bench.scoring.tiles import Tiles

PROBE_BLOCKS = 4
"""Of so many blocks of probes the candidates are held at a time; the gallery passes once for each such run."""
SPARE = 1024
"""How many candidates beyond k a probe may have before it is scored exactly throughout."""

_EXACT_PROBES, _EXACT_ROWS = 256, 1024


@dataclass(frozen=True, eq=False)
class TopMatches:
    """The best matches of M probes.

    Attributes:
        scores: float32 (M, k), descending.
        rows: int64 (M, k), rows of the gallery; of equal scores the lower row comes first.
    """

    scores: NDArray[np.float32]
    rows: NDArray[np.int64]


def top_matches(
    probes: Embeddings,
    gallery: Embeddings,
    comparison: Comparison,
    k: int,
    *,
    block: int | None = None,
    device: str = "cpu",
) -> TopMatches:
    """The k best matches of every probe, as `kernel.cross_scores` and a stable sort would find them, bit for bit.

    Besides the embeddings, which may lie on disk, and the result, memory holds for 512 numbers about 70 MB and 20 MB
    for every thread, and the candidates of 9,216 probes at most: a few k for each, and where faces abound that float32
    cannot tell apart up to 24·(k + 1,024) bytes.

    Args:
        probes: float32 (M, D), finite; for ``cosine`` no row of zeros.
        gallery: float32 (N, D), likewise; read once for every 6,144 probes, for ``neg_l2`` once more.
        comparison: ``"cosine"`` or ``"neg_l2"``; for the latter both share one grid.
        k: from 1 to N; 1 gives the nearest.
        block: rows and columns of one matrix product; None for what suits the device.
        device: ``"cpu"``, ``"cuda"`` or ``"cuda:N"``.

    Returns:
        The matches; they depend neither on block and device nor on who else is searched for.

    Raises:
        ShapeError: embeddings that cannot be compared.
        ConfigError: k, block or device out of range.
    """
    tiles = Tiles(probes, gallery, comparison, block, device, PROBE_BLOCKS)
    if not 1 <= k <= len(gallery):
        raise ConfigError(f"got k {k}; expected 1 to {len(gallery)}, as many as the gallery has")
    result = TopMatches(np.empty((len(probes), k), np.float32), np.empty((len(probes), k), np.int64))
    contests: dict[int, _Contest] = {}
    lock = threading.Lock()

    def look_through(row: int, column: int, tile: Tile) -> None:
        with lock:
            if row not in contests:
                contests[row] = _Contest(min(tiles.block, len(probes) - row), len(gallery), k, tiles.margin)
            contest = contests[row]
        if contest.add(column, min(tiles.block, len(gallery) - column), tile):
            with lock:
                del contests[row]
            rows = slice(row, row + contest.probes)
            result.scores[rows], result.rows[rows] = contest.best(row, tiles.exact)

    tiles.each(look_through)
    return result


class _Contest:
    """The candidates of one block of probes.

    Args:
        probes: m, how many there are.
        gallery: N.
        k: how many matches are wanted.
        margin: of the products.
    """

    def __init__(self, probes: int, gallery: int, k: int, margin: Margin) -> None:
        self.probes = probes
        self._to_come, self._k, self._margin = gallery, k, margin
        self._floors = np.full(probes, LOWEST)  # replaced, never changed: threads read it without the lock
        self._seeded = False
        self._held = np.empty(0, CANDIDATE)
        self._waiting: list[NDArray[np.void]] = []
        self._least = self._limit = 2 * probes * k + 2**16
        self._lock = threading.Lock()

    def add(self, column: int, width: int, tile: Tile) -> bool:
        """Takes what may be among the best from a tile; True when it was the last one."""
        if not self._seeded and width >= self._k:
            floors = self._floors_below(tile.best_of_rows(self._k))
            with self._lock:
                self._floors, self._seeded = np.maximum(self._floors, floors), True
        found = candidates(tile.candidates(self._floors, np.float32(np.inf)), 0, column)
        with self._lock:
            self._waiting.append(found[found["product"] >= self._floors[found["row"]]])
            if self._held.size + sum(each.size for each in self._waiting) > self._limit:
                self._shrink()
            self._to_come -= width
            return self._to_come == 0

    def best(self, first: int, exact: ExactScores) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """The best matches, float32 and int64 (m, k); `first` is the row of the first probe."""
        self._shrink()
        lost = np.flatnonzero(np.isinf(self._floors))
        scores, rows = np.empty((self.probes, self._k), np.float32), np.empty((self.probes, self._k), np.int64)
        probe, column = self._held["row"], self._held["column"]
        each = exact(probe + first, column)
        self._margin.check(self._held["product"], each)
        order = np.lexsort((column, -each, probe))
        kept = np.setdiff1d(np.arange(self.probes), lost)
        best = order[np.searchsorted(probe[order], kept)[:, None] + np.arange(self._k)]
        scores[kept], rows[kept] = each[best], column[best]
        for start in range(0, lost.size, _EXACT_PROBES):
            part = lost[start : start + _EXACT_PROBES]
            scores[part], rows[part] = _exact_matches(part + first, self._k, exact)
        return scores, rows

    def _shrink(self) -> None:
        """Raises the floors by what is held, and lets go of what is below them."""
        held = np.concatenate([self._held, *self._waiting])
        held = held[np.lexsort((-held["product"], held["row"]))]
        starts = np.searchsorted(held["row"], np.arange(self.probes + 1))
        full = np.flatnonzero(np.diff(starts) >= self._k)
        floors = self._floors.copy()
        floors[full] = np.maximum(floors[full], self._floors_below(held["product"][starts[full] + self._k - 1]))
        held = held[held["product"] >= floors[held["row"]]]
        floors[np.bincount(held["row"], minlength=self.probes) > self._k + SPARE] = np.inf
        self._held, self._waiting = held[held["product"] >= floors[held["row"]]], []
        self._floors, self._limit = floors, max(self._least, 2 * self._held.size)

    def _floors_below(self, kth: NDArray[np.float32]) -> NDArray[np.float32]:
        """The products below which no pair can have the score that the pair of this product has, or a higher one."""
        low: NDArray[np.float32] = self._margin.window(*self._margin.scores(kth, kth))[0]
        return low


def _exact_matches(
    probes: NDArray[np.int64], k: int, exact: ExactScores
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """The best matches of a few probes by float64 products with the whole gallery."""
    scores, rows = np.empty((len(probes), 0), np.float32), np.empty((len(probes), 0), np.int64)
    left = factors(_gridded(exact.probes, probes, exact))[0]
    for start in range(0, len(exact.references), _EXACT_ROWS):
        these = np.arange(start, min(start + _EXACT_ROWS, len(exact.references)))
        right = factors(_gridded(exact.references, these, exact))[1]
        scores = np.hstack([scores, to_scores(left @ right.T, exact.comparison)])
        rows = np.hstack([rows, np.broadcast_to(these, (len(probes), len(these)))])
        best = np.argsort(-scores, axis=1, kind="stable")[:, :k]  # those before are of lower rows
        scores, rows = np.take_along_axis(scores, best, axis=1), np.take_along_axis(rows, best, axis=1)
    return scores, rows


def _gridded(embeddings: Embeddings, rows: NDArray[np.int64], exact: ExactScores) -> GriddedEmbeddings:
    values = np.empty((len(rows), embeddings.shape[1]), np.float64)
    grid_rows(embeddings, rows, exact.comparison, exact.step, values)
    return GriddedEmbeddings(values, exact.step, exact.comparison)
