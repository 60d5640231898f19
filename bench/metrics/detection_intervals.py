"""The intervals of a detector's shares, by person, and that of the largest share of several species.

A share of each species gets the interval of a share at a given threshold (`intervals.rate_interval`, for three or more
people a sample `shares.share_interval`), or that of its bootstrap draws where its threshold is chosen on the same
samples. For the largest of S species both ends are put together from those:

- It lies above the upper end of the largest only if the interval of the species that is truly worst missed it. So the
  largest of the upper ends stands, without correction.
- It lies below a lower end as soon as one of S intervals missed. So the largest of the lower ends stands, each at a
  tail of 2.5 % / S instead of 2.5 % (Bonferroni), whatever the species have in common.

The draws of a largest share are of the largest in each draw; they are for differences of two detectors on the same
people, and say nothing here: with several species about equally hard, the largest of noisy shares is too large, and
that of noisy draws of noisy shares once more.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import special

from bench.metrics.clusters import Clusters, independent_trials
from bench.metrics.detection_samples import Kind
from bench.metrics.intervals import (
    FEWEST_DEGREES,
    TAIL,
    Interval,
    drawn_rate_interval,
    percentile_interval,
    rate_interval,
    zero_error_bound,
)
from bench.metrics.shares import Contributors, independent_faces, mean_spread, share_interval
from bench.metrics.variance import RateSpread, rate_spread


@dataclass(frozen=True)
class Share:
    """A share of samples and how sure it is.

    Attributes:
        value: in [0, 1]; None where there is no sample, or no threshold.
        n: how many samples it is of.
        errors: how many of them are errors; of an EER the product with the rarer kind.
        interval: None where none could be computed.
        low_among: the lower end of the interval if it is one of S, at a tail of 2.5 % / S; None likewise.
    """

    value: float | None
    n: int
    errors: float = 0
    interval: Interval | None = None
    low_among: float | None = None


@dataclass(frozen=True, eq=False)
class Judged:
    """Samples of one kind, and which of them are errors.

    Attributes:
        errors: bool (n,).
        contributors: who the same samples rest on: one or two people each as clusters, more as contributors.
    """

    errors: NDArray[np.bool_]
    contributors: Clusters | Contributors

    def interval(self) -> Interval:
        """Of the share of errors, at a threshold that is given."""
        if isinstance(self.contributors, Clusters):
            return rate_interval(self.errors, self.contributors)
        return share_interval(self.errors.astype(np.float64), self.contributors)

    def spread(self) -> RateSpread:
        """How far the share of errors may be from the true one."""
        if isinstance(self.contributors, Clusters):
            return rate_spread(self.errors, self.contributors)
        return mean_spread(self.errors.astype(np.float64), self.contributors)

    def independent(self) -> int:
        """How many of the samples can be chosen of which no two share a person."""
        chosen = self.contributors
        return independent_trials(chosen) if isinstance(chosen, Clusters) else independent_faces(chosen)


def judged(kind: Kind, errors: NDArray[np.bool_]) -> Judged:
    """The first samples of a kind, with their errors.

    Args:
        kind: N samples, those with a response first.
        errors: bool (n,) of the first n.
    """
    people, count = kind.people[: errors.size], kind.count
    if people.shape[1] <= 2:
        first, second = people[:, 0].copy(), people[:, -1].copy()
        return Judged(errors, Clusters(first, np.where(second < 0, first, second), count))
    # Whoever is missing becomes someone whom no other sample shares, and so adds nothing.
    filled, missing = people.copy(), people < 0
    extra = int(np.count_nonzero(missing))
    filled[missing] = np.arange(count, count + extra, dtype=np.int32)
    return Judged(errors, Contributors(filled, count + extra))


def share_at(samples: Judged, among: int = 1) -> Share:
    """A share of samples whose threshold they had no part in.

    Args:
        samples: which of them are errors.
        among: S, of how many species the largest share is looked for.
    """
    wrong, n = int(np.count_nonzero(samples.errors)), samples.errors.size
    if not n:
        return Share(None, 0)
    interval = samples.interval()
    if among == 1 or not wrong:
        low = interval.low
    elif wrong == n:
        low = (2 * TAIL / among) ** (1 / samples.independent())
    else:
        low = lower_end(wrong / n, wrong, n, samples.spread(), TAIL / among)
    return Share(wrong / n, n, wrong, interval, low)


def drawn_share_at(samples: Judged, draws: NDArray[np.float64] | None, weak: bool, among: int = 1) -> Share:
    """A share of samples whose threshold is chosen on the same people, by its draws.

    Where the threshold rests on a few samples, a draw's share hangs on whether it keeps the nearest of them, and the
    percentiles stand for it. Where no draw can say anything (no error, nothing but errors, or fewer than 90 % of the
    draws with a value), the interval is that at this very threshold.

    Args:
        samples: which of them are errors.
        draws: float64 (B,); None for no draws, and then the share has an interval only where it is 0 or 1.
        weak: whether the threshold rests on fewer than 30 errors.
        among: S, of how many species the largest share is looked for.
    """
    wrong, n = int(np.count_nonzero(samples.errors)), samples.errors.size
    if not n or wrong in (0, n):
        return share_at(samples, among)
    share = Share(wrong / n, n, wrong)
    if draws is None:
        return share
    drawn = _drawn(share, draws, weak, among)
    return share_at(samples, among) if drawn.interval is None else drawn


def separation_share(
    value: float,
    errors: float,
    kinds: tuple[Kind, Kind],
    draws: NDArray[np.float64] | None,
    among: int = 1,
) -> Share:
    """An EER or area by its draws; where it is 0 or 1, so that no draw says anything, with the exact bound.

    Args:
        value: in [0, 1].
        errors: how many samples are errors.
        kinds: the two that are told apart.
        draws: float64 (B,); None for no draws.
        among: S, of how many species the largest share is looked for.
    """
    share = Share(value, sum(kind.responses for kind in kinds), errors)
    if value not in (0, 1):
        return share if draws is None else _drawn(share, draws, False, among)
    least = min(judged(kind, np.zeros(kind.responses, np.bool_)).independent() for kind in kinds)
    bound = zero_error_bound(least)
    if value == 0:
        return replace(share, interval=Interval(0.0, bound, "exact"), low_among=0.0)
    low = (2 * TAIL / among) ** (1 / least)
    return replace(share, interval=Interval(1 - bound, 1.0, "exact"), low_among=low)


def _drawn(share: Share, draws: NDArray[np.float64], weak: bool, among: int) -> Share:
    """With the interval of the draws; as it is where fewer than 90 % of them have a value."""
    value = share.value or 0.0
    found = percentile_interval(draws) if weak else drawn_rate_interval(value, draws, share.n)
    if found is None:
        return share
    defined = np.sort(draws[~np.isnan(draws)])
    if weak:
        found = Interval(min(found.low, value), max(found.high, value), found.method)
        low = min(float(np.percentile(defined, 100 * TAIL / among)), value)
    else:
        spread = RateSpread(float(np.var(defined)), math.inf)
        low = lower_end(value, round(value * share.n), share.n, spread, TAIL / among)
    return replace(share, interval=found, low_among=low)


def worst_share(shares: Sequence[Share]) -> Share:
    """The largest of the shares of S species, with an interval that holds it; None where a species has none.

    Args:
        shares: of each species, made with ``among=S``.
    """
    if not shares or any(share.value is None for share in shares):
        return Share(None, sum(share.n for share in shares))
    worst = max(shares, key=lambda share: (share.value, share.n))
    if len(shares) == 1 or any(share.interval is None or share.low_among is None for share in shares):
        return worst if len(shares) == 1 else replace(worst, interval=None)
    high = max(share.interval.high for share in shares if share.interval)
    low = max(share.low_among for share in shares if share.low_among is not None)
    method = worst.interval.method if worst.interval else "wilson"
    return replace(worst, interval=Interval(min(low, worst.value or 0.0), high, method))


def lower_end(rate: float, errors: int, n: int, spread: RateSpread, tail: float) -> float:
    """The lower end of Wilson's interval at another tail than 2.5 %, as `intervals.wilson_interval` has it there.

    Args:
        rate: in [0, 1].
        errors: how many of n samples are; decides the end as there.
        n: how many samples there are; the effective number is at most that, before Student's t.
        spread: variance and degrees of freedom.
        tail: what it leaves out.
    """
    if errors == 0:
        return 0.0
    if errors == 1:
        return -math.log1p(-2 * tail) / n
    z = float(special.ndtri(1 - tail))
    known = min(rate * (1 - rate) / spread.variance, n) if spread.variance > 0 else n
    if not math.isinf(spread.degrees):
        known *= (z / float(special.stdtrit(max(spread.degrees, FEWEST_DEGREES), 1 - tail))) ** 2
    half = z * math.sqrt((rate * (1 - rate) + z**2 / 4 / known) / known)
    return max((rate + z**2 / 2 / known - half) / (1 + z**2 / known), 0.0)
