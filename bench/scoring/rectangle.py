"""Two sets, everybody of one against everybody of the other, without storing scores: what thresholds and curves need.

Products are made in float32 and looked through at once (`engines`); of the scores that are returned none is an
approximation (`margin`, `watches`). Only the histogram is counted in float32, and its accuracy is part of the result.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench.api import Comparison, Embeddings
from bench.errors import ConfigError
from bench.scoring.engines import BIN_SLACK, Bins, Tile, candidates
from bench.scoring.margin import LOWEST
from bench.scoring.mated import MatedPairs
from bench.scoring.rescoring import ExactScores
from bench.scoring.streaming import MOST_BINS
from bench.scoring.tiles import Tiles
from bench.scoring.watches import RANKS_HELD, CountAtThreshold, HighestPairs, SearchOfRank, Watch

PROBE_BLOCKS = 8
"""Of so many blocks of probes float32 rows are held while the references pass by: 25 MB for 512 numbers."""

_FINEST = 4096
_SCORED_AT_ONCE = 2**14


@dataclass(frozen=True, eq=False)
class RectangleScores:
    """The scores of all probes against all references.

    Attributes:
        mated: float32 (G,), the score of every pair of one person, descending.
        nonmated_count: I, how many pairs of different people there are.
        ranked: float32, for each rank that was asked for, the nonmated score at it, 1 being the highest.
        higher: int64, likewise: how many nonmated scores are higher than that one.
        accepted: int64, for each threshold that was given, how many nonmated scores are at or above it.
        histogram: int64 (B,), how many nonmated scores fall in each bin; what lies beyond the outer edges falls in the
            outer bins. Counted in float32.
        edges: float64 (B + 1,), ascending, of equal width, as `streaming.StreamedScores` has them.
        tolerance: a score is counted on the wrong side of an edge only if it is within this of the edge; for
            ``neg_l2``, only if its square is within this of the edge's square.
    """

    mated: NDArray[np.float32]
    nonmated_count: int
    ranked: NDArray[np.float32]
    higher: NDArray[np.int64]
    accepted: NDArray[np.int64]
    histogram: NDArray[np.int64]
    edges: NDArray[np.float64]
    tolerance: float


def streamed_rectangle(
    probes: Embeddings,
    references: Embeddings,
    comparison: Comparison,
    probe_codes: NDArray[np.integer] | None = None,
    reference_codes: NDArray[np.integer] | None = None,
    *,
    ranks: Sequence[int] = (),
    thresholds: Sequence[float] = (),
    bins: int = 4096,
    block: int | None = None,
    device: str = "cpu",
) -> RectangleScores:
    """The scores of all M·N pairs of two sets, of which none is stored.

    Everything but the histogram is bit for bit what `kernel.cross_scores` gives. A threshold at FMR a needs rank k + 1,
    k = floor(a·I): it is the next float32 above that score, and `higher` are its false matches.

    Besides the embeddings, which may lie on disk, memory holds the mated scores, 4 bytes each, and for 512 numbers
    about 100 MB and 20 MB for every thread. Of ranks up to 2^20 the largest adds up to 80 bytes a rank; a higher one
    adds 8 MB, and a second pass over all pairs, seldom a third.

    Args:
        probes: float32 (M, D), finite; for ``cosine`` no row of zeros.
        references: float32 (N, D), likewise.
        comparison: ``"cosine"`` or ``"neg_l2"``; for the latter both sets share one grid.
        probe_codes: int (M,), equal where two rows show one person, in either set; None where nobody is in both.
        reference_codes: int (N,), or None with the other one.
        ranks: of nonmated scores, each from 1 to I.
        thresholds: finite numbers; a score is compared with the number itself, not with its float32.
        bins: B, a power of two up to 65,536, so that edges are exact.
        block: rows and columns of one matrix product; None for what suits the device.
        device: ``"cpu"``, ``"cuda"`` or ``"cuda:N"``.

    Returns:
        The scores; all but the histogram depend neither on block and device nor on the order of rows.

    Raises:
        ShapeError: embeddings that cannot be compared, or codes that are not one integer a row.
        ConfigError: ranks, thresholds, bins, block or device out of range.
    """
    tiles = Tiles(probes, references, comparison, block, device, PROBE_BLOCKS)
    people = MatedPairs(probe_codes, reference_codes, len(probes), len(references))
    nonmated = len(probes) * len(references) - people.count
    _check_settings(ranks, nonmated, bins)

    margin = tiles.margin
    counted = [CountAtThreshold(float(each), margin) for each in thresholds]
    held = HighestPairs(max((rank for rank in ranks if rank <= RANKS_HELD), default=0), margin)
    fine = Bins(max(bins, _FINEST), comparison == "neg_l2")
    counts, mated = _first_pass(tiles, people, counted, held, fine)
    found = {rank: held.at(rank, tiles.exact) for rank in ranks if rank <= RANKS_HELD and not held.overflown}
    found.update(_searched([rank for rank in ranks if rank not in found], counts, fine, tiles, people))

    scale, low, high = (1.0, -1.0, 1.0) if comparison == "cosine" else (margin.bound**2, -2 * margin.bound, 0.0)
    return RectangleScores(
        mated=mated,
        nonmated_count=nonmated,
        ranked=np.array([found[rank][0] for rank in ranks], np.float32),
        higher=np.array([found[rank][1] for rank in ranks], np.int64),
        accepted=np.array([each.accepted for each in counted], np.int64),
        histogram=counts.reshape(bins, -1).sum(axis=1),
        edges=np.linspace(low, high, bins + 1),
        tolerance=scale * (margin.tolerance + (1 if comparison == "cosine" else 8) * BIN_SLACK),
    )


def _check_settings(ranks: Sequence[int], nonmated: int, bins: int) -> None:
    if not 2 <= bins <= MOST_BINS or bins & (bins - 1):
        raise ConfigError(f"got {bins} bins; expected a power of two from 2 to {MOST_BINS}")
    for rank in ranks:
        if not 1 <= rank <= nonmated:
            raise ConfigError(f"got rank {rank}; expected 1, the highest, to {nonmated}, as many nonmated scores exist")


def _first_pass(
    tiles: Tiles, people: MatedPairs, watches: Sequence[Watch], held: HighestPairs, bins: Bins
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Feeds watches and `held`.

    Returns:
        int64 (B,), how many nonmated products fall in each bin, and float32 (G,), the mated scores, descending.
    """
    counts, lock = np.zeros(bins.count + 2, np.int64), threading.Lock()
    mated = _MatedScores(tiles.exact)

    def look_through(row: int, column: int, tile: Tile) -> None:
        rows, columns = people.between(row, column, tiles.block)
        if rows.size:
            tile.leave_out(rows, columns)
            mated.add(rows + row, columns + column)
        # Without a floor nearly all of a tile would be held, and let go of again: then its bins say where to begin.
        unknown = held.floor == LOWEST
        own, highest = tile.survey(bins, np.float32(np.inf) if unknown else held.floor)
        own[0] -= rows.size
        if unknown:
            if own.sum() >= held.keep:
                held.raise_floor(bins.products_in(_bin_of_rank(_inner(own), held.keep))[0])
            highest = tile.candidates(held.floor, np.float32(np.inf))
        held.add(candidates(highest, row, column))
        with lock:
            np.add(counts, own, out=counts)
        for watch in watches:
            _feed(watch, row, column, tile, tiles)

    tiles.each(look_through)
    return _inner(counts), mated.descending()


def _inner(counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """The bins' counts, those of the guard bins added to the outer ones."""
    inner = counts[1:-1].copy()
    inner[0] += counts[0]
    inner[-1] += counts[-1]
    return inner


def _feed(watch: Watch, row: int, column: int, tile: Tile, tiles: Tiles) -> None:
    found = tile.candidates(watch.low, watch.high)
    scores = tiles.exact(found.rows + row, found.columns + column)
    tiles.margin.check(found.products, scores)
    watch.take(found.above, scores)


def _searched(
    ranks: Sequence[int], counts: NDArray[np.int64], bins: Bins, tiles: Tiles, people: MatedPairs
) -> dict[int, tuple[np.float32, int]]:
    """The score at every rank, and how many are higher, by further passes over all pairs."""
    bounds = {rank: tiles.margin.scores(*bins.products_in(_bin_of_rank(counts, rank))) for rank in ranks}
    searches = {rank: SearchOfRank(rank, *bounds[rank], tiles.margin) for rank in ranks}
    while open_ones := [each for each in searches.values() if not each.found]:

        def look_through(row: int, column: int, tile: Tile, watches: Sequence[Watch] = open_ones) -> None:
            rows, columns = people.between(row, column, tiles.block)
            tile.leave_out(rows, columns)
            for watch in watches:
                _feed(watch, row, column, tile, tiles)

        tiles.each(look_through)
        for each in open_ones:
            each.narrow()
    return {rank: (each.score, each.higher) for rank, each in searches.items()}


def _bin_of_rank(counts: NDArray[np.int64], rank: int) -> int:
    """The bin in which the pair at a rank, 1 being the highest, was counted."""
    return counts.size - 1 - int(np.searchsorted(counts[::-1].cumsum(), rank))


class _MatedScores:
    """Scores mated pairs, many at a time."""

    def __init__(self, exact: ExactScores) -> None:
        self._exact, self._lock = exact, threading.Lock()
        self._scores: list[NDArray[np.float32]] = []
        self._waiting: list[tuple[NDArray[np.int64], NDArray[np.int64]]] = []
        self._count = 0

    def add(self, rows: NDArray[np.int64], columns: NDArray[np.int64]) -> None:
        with self._lock:
            self._waiting.append((rows, columns))
            self._count += rows.size
            if self._count < _SCORED_AT_ONCE:
                return
            taken, self._waiting, self._count = self._waiting, [], 0
        self._score(taken)

    def descending(self) -> NDArray[np.float32]:
        self._score(self._waiting)
        return np.sort(np.concatenate(self._scores))[::-1]

    def _score(self, pairs: list[tuple[NDArray[np.int64], NDArray[np.int64]]]) -> None:
        none = np.empty(0, np.int64)
        rows, columns = (np.concatenate([none, *each]) for each in zip((none, none), *pairs, strict=True))
        order = np.argsort(rows, kind="stable")
        self._scores.append(self._exact(rows[order], columns[order]))
