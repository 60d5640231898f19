"""1:N search with a threshold: everybody who matches, in memory that grows with the matches alone.

Products are made in float32; whatever may be at the threshold or above it is scored exactly and decided then.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench.api import Comparison, Embeddings
from bench.scoring.engines import Tile
from bench.scoring.search import PROBE_BLOCKS
from bench.scoring.tiles import Tiles
from bench.scoring.watches import CountAtThreshold


@dataclass(frozen=True, eq=False)
class Matches:
    """The P pairs of a probe and a row of a gallery that match, by probe, then by row.

    Attributes:
        probes: int64 (P,), rows of the probes.
        rows: int64 (P,), rows of the gallery.
        scores: float32 (P,).
    """

    probes: NDArray[np.int64]
    rows: NDArray[np.int64]
    scores: NDArray[np.float32]


def matches_at(
    probes: Embeddings,
    gallery: Embeddings,
    comparison: Comparison,
    threshold: float,
    *,
    block: int | None = None,
    device: str = "cpu",
) -> Matches:
    """All pairs that score at least a threshold, as `kernel.cross_scores` would find them, bit for bit.

    Besides the embeddings, which may lie on disk, memory holds for 512 numbers about 70 MB and 20 MB for every thread,
    and 60 bytes for each match.

    Args:
        probes: float32 (M, D), finite; for ``cosine`` no row of zeros.
        gallery: float32 (N, D), likewise; read once for every 6,144 probes, for ``neg_l2`` once more.
        comparison: ``"cosine"`` or ``"neg_l2"``; for the latter both share one grid.
        threshold: a finite number; a score is compared with the number itself, not with its float32.
        block: rows and columns of one matrix product; None for what suits the device.
        device: ``"cpu"``, ``"cuda"`` or ``"cuda:N"``.

    Returns:
        The matches; they depend neither on block and device nor on who else is searched for.

    Raises:
        ShapeError: embeddings that cannot be compared.
        ConfigError: threshold, block or device out of range.
    """
    tiles = Tiles(probes, gallery, comparison, block, device, PROBE_BLOCKS)
    window = CountAtThreshold(threshold, tiles.margin)
    found: list[tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]] = []
    lock = threading.Lock()

    def look_through(row: int, column: int, tile: Tile) -> None:
        near = tile.candidates(window.low, np.float32(np.inf))
        of_probe, of_gallery = near.rows.astype(np.int64) + row, near.columns.astype(np.int64) + column
        scores = tiles.exact(of_probe, of_gallery)
        tiles.margin.check(near.products, scores)
        match = scores >= window.threshold
        with lock:
            found.append((of_probe[match], of_gallery[match], scores[match]))

    tiles.each(look_through)
    none = np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.float32)
    rows, columns, values = (np.concatenate(parts) for parts in zip(none, *found, strict=True))
    order = np.lexsort((columns, rows))
    return Matches(rows[order], columns[order], values[order])
