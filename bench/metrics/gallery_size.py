"""How the share of probes that match anybody grows with the number of people enrolled, at a fixed threshold.

Up to the N people there are it is counted: a probe that matches c of them matches somebody among n of them, drawn at
random, with probability 1 - C(N - c, n) / C(N, n), and the rate is the mean over probes (``"subsample"``). Beyond N it
is a model (``"extrapolated"``): the beta-binomial law of c over probes (`beta_binomial`).

Intervals: of a rate up to N that of shares of faces (`shares.share_interval`), for other probes and these people. Of an
extrapolated rate the bootstrap, over the people behind the probes and over the people enrolled, since who is beyond N
are other people. A draw keeps each of them with probability one half, and the law is fitted anew: half of the people
vary as much around all of them as all of them do around everybody (as in `bootstrap`), nobody counts twice, which would
look like probes that differ, and the law of half a gallery is that of the whole one. Draws of both kinds of people at
once count the chance of a single comparison three times, draws of either kind once each; so with H = -log(1 - rate)

    Var(H) = 2·(Var(contributors drawn) + Var(enrolled drawn)) - Var(both drawn),

at least the larger and at most the sum of the first two. H is what would be expected to be found of rare finds, and its
interval the score interval of n* = H² / Var(H) of them, z²/2 added: H·(n* + z²/2 ± z·sqrt(n* + z²/4)) / n*. Whoever
is matched among n is so among more: beyond N no lower end is below that of a smaller gallery, and where every probe
matches somebody already the interval is that at N.

Source: the two-way variance after Cameron, Gelbach and Miller, JBES 29, 2011, and Owen and Eckles, Annals of Applied
Statistics 6(3), 2012; the interval of a count by its score after Rao, Proceedings of the Cambridge Philosophical
Society 44, 1948.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import sparse, special

from bench.errors import ShapeError
from bench.metrics.beta_binomial import BetaBinomial, fit_beta_binomial
from bench.metrics.intervals import DEFINED_SHARE, TAIL, zero_error_bound
from bench.metrics.shares import Contributors, independent_faces, share_interval

BEYOND = (10, 100, 1000)
"""How many times as many people extrapolation goes to."""

_Z = float(special.ndtri(1 - TAIL))
_CELLS_AT_ONCE = 2**22


@dataclass(frozen=True)
class SizeRisk:
    """The share of probes that match anybody in a gallery of some size.

    Attributes:
        size: n, how many people are enrolled.
        rate: expected over galleries of n people.
        low: lower end of its 95 % interval; None beyond the number of people there are without draws.
        high: upper end; None likewise.
        method: ``"subsample"`` up to the number of people there are, ``"extrapolated"`` beyond.
    """

    size: int
    rate: float
    low: float | None
    high: float | None
    method: Literal["subsample", "extrapolated"]


def gallery_sizes(people: int) -> list[int]:
    """The sizes 1, 2, 5, 10, 20, 50, ... below a number of people, and that number.

    Args:
        people: N, at least 1.
    """
    decades = range(len(str(people)))
    return [
        *(size for decade in decades for size in (10**decade, 2 * 10**decade, 5 * 10**decade) if size < people),
        people,
    ]


def rate_by_size(
    hits: NDArray[np.bool_] | sparse.csr_array,
    contributors: Contributors,
    kept: NDArray[np.bool_],
    kept_enrolled: NDArray[np.bool_],
    sizes: Sequence[int] | None = None,
    beyond: Sequence[int] = BEYOND,
) -> list[SizeRisk]:
    """The share of probes that match anybody, by the number of people enrolled.

    Args:
        hits: bool (M, N), which probe matches which person; an array, or a sparse one.
        contributors: who the probes rest on; of photos, whose they are.
        kept: bool (B, P), which contributors are kept in each draw; B of 0 for no extrapolated intervals.
        kept_enrolled: bool (B, N), which enrolled people are (`bootstrap.double_or_nothing`).
        sizes: n, from 1 to N, in any order; None for those of `gallery_sizes`.
        beyond: multiples of N to extrapolate to.

    Returns:
        A row a size, ascending.

    Raises:
        ShapeError: arrays that do not fit each other, no probe, or a size that is not between 1 and N.
    """
    if hits.dtype != np.bool_ or hits.ndim != 2 or hits.shape[0] != len(contributors) or 0 in hits.shape:
        raise ShapeError(f"got hits {hits.dtype} {hits.shape}; expected bool ({len(contributors)}, N), none of them 0")
    hits = sparse.csr_array(hits)
    probes, people = hits.shape
    if kept.shape != (len(kept), contributors.count) or kept_enrolled.shape != (len(kept), people):
        raise ShapeError(
            f"got kept {kept.shape} and {kept_enrolled.shape}; expected (B, {contributors.count}) and (B, {people})"
        )
    wanted = sorted(set(gallery_sizes(people) if sizes is None else sizes))
    if not wanted or not 1 <= wanted[0] <= wanted[-1] <= people:
        raise ShapeError(f"got sizes {wanted}; expected some from 1 to {people}")
    matched = hits.sum(axis=1)
    rows = []
    for size in wanted:
        shares = chance_in_part(matched, people, size)
        # As many galleries of this size as there are that share nobody.
        low, high, _ = share_interval(shares, contributors, attempts=probes * (people // size))
        rows.append(SizeRisk(size, math.fsum(shares.tolist()) / probes, low, high, "subsample"))
    larger = sorted({multiple * people for multiple in beyond if multiple > 1})
    if not larger:
        return rows
    least, _, _ = share_interval(np.asarray(matched > 0, np.float64), contributors, attempts=probes)
    for row in _extrapolated(hits, contributors, kept, kept_enrolled, larger):
        if row.low is None:
            rows.append(row)
        else:
            least = max(least, row.low)
            rows.append(replace(row, low=least))
    return rows


def chance_in_part(matched: NDArray[np.integer], people: int, part: int) -> NDArray[np.float64]:
    """How likely at least one of the c marked among N is in a part of n that is drawn at random.

    Args:
        matched: int (M,), c, from 0 to N.
        people: N.
        part: n, from 0 to N.

    Returns:
        float64 (M,), 1 - C(N - c, n) / C(N, n), in [0, 1].
    """
    most = int(matched.max(initial=0))
    # C(N - c, n) / C(N, n) is the product of 1 - n / (N - i) for i < c: factors of which none is rounded away.
    with np.errstate(divide="ignore"):
        factors = np.log1p(-np.minimum(part / (people - np.arange(most)), 1.0))
    none = np.concatenate([[0.0], np.cumsum(factors)])
    chance: NDArray[np.float64] = np.abs(np.expm1(none[matched]))
    return chance


def _extrapolated(
    hits: sparse.csr_array,
    contributors: Contributors,
    kept: NDArray[np.bool_],
    kept_enrolled: NDArray[np.bool_],
    sizes: Sequence[int],
) -> list[SizeRisk]:
    if not hits.nnz:
        # One in all comparisons of faces that share nobody, if the people enrolled are alike.
        bound = zero_error_bound(independent_faces(contributors) * hits.shape[1])
        return [SizeRisk(size, 0.0, 0.0, -math.expm1(size * math.log1p(-bound)), "extrapolated") for size in sizes]
    if (hits.sum(axis=1) > 0).all():
        low, high = (0.0, 1.0) if len(kept) else (None, None)
        return [SizeRisk(size, 1.0, low, high, "extrapolated") for size in sizes]
    counts = _Counts(hits, contributors)
    everybody, every_person = (np.broadcast_to(np.True_, each.shape) for each in (kept, kept_enrolled))
    law = counts.fitted(np.ones((1, kept.shape[1]), np.bool_), np.ones((1, hits.shape[1]), np.bool_))
    drawn = [
        counts.fitted(*draws) for draws in ((kept, every_person), (everybody, kept_enrolled), (kept, kept_enrolled))
    ]
    rows = []
    # Whoever is matched already is so in a larger gallery, whatever the law says.
    known = float((hits.sum(axis=1) > 0).mean())
    for size in sizes:
        low, high = _ends(float(law.hazard(size)[0]), *(each.hazard(size) for each in drawn)) or (None, None)
        rate = max(float(law.rate(size)[0]), known)
        rows.append(SizeRisk(size, rate, low, None if high is None else max(high, rate), "extrapolated"))
    return rows


class _Counts:
    """How many enrolled people each probe matches, of those that a draw keeps."""

    def __init__(self, hits: sparse.csr_array, contributors: Contributors) -> None:
        some = hits.sum(axis=1) > 0
        self.matched, self.people = np.flatnonzero(hits.sum(axis=0)), hits.shape[1]
        self.hits = hits[some][:, self.matched].astype(np.float32)
        self.some, self.others = contributors.select(some), contributors.select(~some)

    def fitted(self, kept: NDArray[np.bool_], kept_enrolled: NDArray[np.bool_]) -> BetaBinomial:
        """The law of every draw."""
        at_once = max(1, _CELLS_AT_ONCE // max(len(self.some), len(self.others), self.matched.size))
        laws = [
            self._fitted(kept[start : start + at_once], kept_enrolled[start : start + at_once])
            for start in range(0, len(kept), at_once)
        ]
        if not laws:
            return BetaBinomial(np.empty(0), np.empty(0))
        return BetaBinomial(
            *(np.concatenate(parts) for parts in zip(*((one.mean, one.precision) for one in laws), strict=True))
        )

    def _fitted(self, kept: NDArray[np.bool_], kept_enrolled: NDArray[np.bool_]) -> BetaBinomial:
        # Sums of a few ones: exact in float32.
        matched = (self.hits @ kept_enrolled[:, self.matched].T.astype(np.float32)).astype(np.int64)
        draw, probe = np.nonzero(_kept_faces(self.some, kept))
        key = draw * (self.people + 1) + matched[probe, draw]
        distinct, weight = np.unique(key, return_counts=True)
        sample, count = np.divmod(distinct, self.people + 1)
        draws = np.arange(len(kept))
        without = np.count_nonzero(_kept_faces(self.others, kept), axis=1)
        people = np.count_nonzero(kept_enrolled, axis=1)
        # A draw without people says nothing.
        weights = np.concatenate([weight, without]) * (people[np.concatenate([sample, draws])] > 0)
        return fit_beta_binomial(
            np.concatenate([sample, draws]),
            np.concatenate([count, np.zeros_like(draws)]),
            weights.astype(np.float64),
            np.maximum(people, 1),
        )


def _kept_faces(contributors: Contributors, kept: NDArray[np.bool_]) -> NDArray[np.bool_]:
    faces: NDArray[np.bool_] = np.logical_and.reduce([kept[:, column] for column in contributors.people.T])
    return faces


def _ends(
    hazard: float, of_contributors: NDArray[np.float64], of_enrolled: NDArray[np.float64], of_both: NDArray[np.float64]
) -> tuple[float, float] | None:
    """Both ends of the interval of a rate; None without enough draws, or where everybody matches."""
    defined = [each[np.isfinite(each)] for each in (of_contributors, of_enrolled, of_both)]
    if not of_both.size or min(map(len, defined)) < DEFINED_SHARE * of_both.size or not math.isfinite(hazard):
        return None
    probes, enrolled, both = (float(np.var(np.sort(each))) for each in defined)
    variance = min(max(2 * (probes + enrolled) - both, probes, enrolled), probes + enrolled)
    if not variance:
        return None
    finds = hazard**2 / variance
    middle, half = finds + _Z**2 / 2, _Z * math.sqrt(finds + _Z**2 / 4)
    low, high = (max(-math.expm1(-hazard * end / finds), 0.0) for end in (middle - half, middle + half))
    return low, high
