"""All pairs of a set whose scores do not fit in memory: everything mated, and of the nonmated what thresholds need."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench.api import Comparison, Embeddings
from bench.errors import ConfigError, ShapeError
from bench.scoring.grid import STEPS_PER_NORM, on_grid
from bench.scoring.kernel import BLOCK, BlockProduct, factors, to_scores

MOST_BINS = 2**16


@dataclass(frozen=True, eq=False)
class StreamedScores:
    """The scores of all pairs of different rows, each pair once.

    Attributes:
        mated: float32 (G,), every score of two rows of one subject, descending.
        nonmated_top: float32 (min(k, I),), the highest scores of two rows of different subjects, descending.
        nonmated_count: I, how many pairs of different subjects there are.
        histogram: int64 (B,), how many nonmated scores fall in each bin; a score on an edge falls in the bin above, and
            what lies beyond the outer edges falls in the outer bins.
        edges: float64 (B + 1,), ascending, of equal width: over [-1, 1] for ``cosine``, and for ``neg_l2`` over
            [-2b, 0], where b bounds the norms (see `grid.grid_step`).
    """

    mated: NDArray[np.float32]
    nonmated_top: NDArray[np.float32]
    nonmated_count: int
    histogram: NDArray[np.int64]
    edges: NDArray[np.float64]


def streamed_verification(
    embeddings: Embeddings,
    subject_codes: NDArray[np.int32],
    comparison: Comparison,
    keep_nonmated: int,
    bins: int = 4096,
    block: int = BLOCK,
) -> StreamedScores:
    """The scores of all N(N-1)/2 pairs, in memory that grows with N, the mated pairs and `keep_nonmated` only.

    A threshold at FMR a needs the k + 1 highest nonmated scores, k = floor(a·I): `metrics.threshold_from_top` takes
    them from here and gives what `metrics.threshold_at_fmr` gives on all of them.

    Args:
        embeddings: float32 (N, D), finite.
        subject_codes: int (N,), equal where two rows show the same person.
        comparison: ``"cosine"`` or ``"neg_l2"``.
        keep_nonmated: how many of the highest nonmated scores to keep, at least 1.
        bins: B, a power of two up to 65,536, so that edges are exact.
        block: rows and columns of one matrix product.

    Returns:
        The scores; they do not depend on the order of rows, the block or the threads.

    Raises:
        ShapeError: embeddings that cannot be compared, or codes that are not int (N,).
        ConfigError: `keep_nonmated`, `bins` or `block` out of range.
    """
    if keep_nonmated < 1 or block < 1:
        raise ConfigError(f"got keep_nonmated {keep_nonmated}, block {block}; expected at least 1")
    if not 2 <= bins <= MOST_BINS or bins & (bins - 1):
        raise ConfigError(f"got {bins} bins; expected a power of two from 2 to {MOST_BINS}")
    if subject_codes.shape != embeddings.shape[:1] or not np.issubdtype(subject_codes.dtype, np.integer):
        raise ShapeError(
            f"got subject codes {subject_codes.dtype} {subject_codes.shape} for embeddings {embeddings.shape}; "
            "expected one integer a row"
        )
    # Sorted by subject, all mated pairs lie in blocks near the diagonal: no other block needs a mask.
    order = np.argsort(subject_codes, kind="stable")
    codes, gridded = subject_codes[order], on_grid(embeddings[order], comparison)
    left, right = factors(gridded)
    low = -1.0 if comparison == "cosine" else -2.0 * gridded.step * STEPS_PER_NORM
    histogram, top = _Histogram(low, 1.0 if comparison == "cosine" else 0.0, bins), _Top(keep_nonmated)
    mated: list[NDArray[np.float32]] = []
    product = BlockProduct()
    for i in range(0, len(codes), block):
        for j in range(i, len(codes), block):
            rows, columns = slice(i, i + block), slice(j, j + block)
            nonmated = to_scores(product(left[rows], right[columns]), comparison)
            if codes[rows][-1] >= codes[j]:
                same = codes[rows, None] == codes[None, columns]
                once = np.triu(np.ones_like(same), 1) if i == j else np.ones_like(same)
                mated.append(nonmated[same & once])
                nonmated = nonmated[once & ~same]
            histogram.add(nonmated)
            top.add(nonmated)
    kept = np.concatenate(mated) if mated else np.empty(0, np.float32)
    return StreamedScores(np.sort(kept)[::-1], top.scores(), histogram.total, histogram.counts(), histogram.edges)


class _Histogram:
    """Counts scores in bins of equal width; the width is a power of two, so that no score is put in a wrong bin."""

    def __init__(self, low: float, high: float, bins: int) -> None:
        self.edges = np.linspace(low, high, bins + 1)
        self.total = 0
        self._per_score = np.float32(bins / (high - low))
        # One guard bin on either side takes what rounding to the grid carries beyond the range.
        self._first = 1 - round(low * bins / (high - low))
        self._counts = np.zeros(bins + 2, np.int64)

    def add(self, scores: NDArray[np.float32]) -> None:
        bins = np.floor(scores.ravel() * self._per_score).astype(np.intp)
        bins += self._first
        self._counts += np.bincount(bins, minlength=self._counts.size)
        self.total += scores.size

    def counts(self) -> NDArray[np.int64]:
        inner = self._counts[1:-1].copy()
        inner[0] += self._counts[0]
        inner[-1] += self._counts[-1]
        return inner


class _Top:
    """Keeps the highest scores; what cannot be among them any more is dropped by one comparison."""

    def __init__(self, keep: int) -> None:
        self._keep = keep
        self._parts: list[NDArray[np.float32]] = []
        self._held = 0
        self._floor = np.float32(-np.inf)

    def add(self, scores: NDArray[np.float32]) -> None:
        above = scores[scores > self._floor]
        self._parts.append(above)
        self._held += above.size
        if self._held > 2 * self._keep + BLOCK * BLOCK:
            self._shrink()

    def scores(self) -> NDArray[np.float32]:
        self._shrink()
        return np.sort(self._parts[0])[::-1]

    def _shrink(self) -> None:
        held = np.concatenate([*self._parts, np.empty(0, np.float32)])
        if held.size > self._keep:
            held = np.partition(held, held.size - self._keep)[-self._keep :]
            # Scores equal to the lowest kept one change nothing: only higher ones can still enter.
            self._floor = held[0]
        self._parts, self._held = [held], held.size
