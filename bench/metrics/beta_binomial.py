"""The beta-binomial law: how many of N people a probe matches, where probes differ in how readily they match anybody.

Each probe has a chance p of its own to match a person, p has a beta distribution with mean m and precision s (its
parameters are m·s and (1 - m)·s), and a probe matches Binomial(N, p) of N people. In the limit of an infinite precision
all probes are alike. A probe matches somebody among n people with probability

    1 - E[(1 - p)^n] = 1 - B(m·s, (1 - m)·s + n) / B(m·s, (1 - m)·s),   1 - (1 - m)^n in the limit.

Fitted by maximum likelihood, by Newton's method on the logarithms of both parameters, many samples at once. Where
counts vary no more than binomial ones the likelihood has its maximum in the limit (Tarone's statistic is at most 0).

Source: Skellam, JRSS B 10, 1948; Tarone, Biometrika 66, 1979.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

_STEPS = 100
_TOLERANCE = 1e-7
_ALIKE = 1e7
"""A precision above so many times N is that of the limit: nothing in N people tells them apart."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class BetaBinomial:
    """The laws of B samples.

    Attributes:
        mean: float64 (B,), m, in [0, 1]; NaN of a sample without probes.
        precision: float64 (B,), s, above 0; infinite where probes are alike.
    """

    mean: Floats
    precision: Floats

    def rate(self, size: int) -> Floats:
        """The chance that a probe matches anybody among so many people, float64 (B,).

        Args:
            size: n, at least 0.
        """
        rate: Floats = -np.expm1(-self.hazard(size))
        return rate

    def hazard(self, size: int) -> Floats:
        """-log(1 - rate), float64 (B,): infinite where everybody is matched.

        Args:
            size: n, at least 0.
        """
        if size == 0:
            return np.zeros_like(self.mean)
        with np.errstate(divide="ignore"):
            alike = -size * np.log1p(-self.mean)
        finite = np.isfinite(self.precision)
        both = np.where(finite, self.precision, 1.0)
        miss = np.where(finite, (1 - self.mean) * both, 1.0)
        hazard: Floats = np.where(finite, _rising(both, size) - _rising(miss, size), alike)
        return hazard


def fit_beta_binomial(
    sample: NDArray[np.integer], count: NDArray[np.integer], weight: Floats, people: NDArray[np.integer]
) -> BetaBinomial:
    """The laws under which samples are likeliest.

    Args:
        sample: int (E,), which sample an entry is of, from 0 to B - 1.
        count: int (E,), how many people some probes of it match.
        weight: float64 (E,), how many probes do.
        people: int (B,), N of each sample, at least 1.

    Returns:
        B laws.
    """
    samples = len(people)
    probes, matches = (np.bincount(sample, each, samples) for each in (weight, weight * count))
    mean = np.full(samples, np.nan)
    np.divide(matches, probes * people, out=mean, where=probes > 0)
    precision = np.full(samples, np.inf)
    spread = np.bincount(sample, weight * np.square(count - people[sample] * mean[sample]), samples)
    with np.errstate(invalid="ignore", divide="ignore"):
        # 1 for binomial counts, N where a probe matches either everybody or nobody.
        excess = spread / (probes * people * mean * (1 - mean))
        varied = (excess > 1) & (people > 1)
        start = np.clip((people - excess) / (excess - 1), 1e-3, 1e3 * people)
    places = np.flatnonzero(varied)
    if places.size:
        own = np.full(samples, -1)
        own[places] = np.arange(places.size)
        taken = own[sample] >= 0
        likelihood = _Likelihood(own[sample[taken]], count[taken], weight[taken], people[places])
        logs = np.log(np.stack([mean[places] * start[places], (1 - mean[places]) * start[places]]))
        alpha, beta = np.exp(_climb(likelihood, logs))
        fitted = alpha + beta
        far = fitted > _ALIKE * people[places]
        mean[places] = np.where(far, mean[places], alpha / fitted)
        precision[places] = np.where(far, np.inf, fitted)
    return BetaBinomial(mean, precision)


class _Likelihood:
    """Of the logarithms of both parameters; every result is of B samples."""

    def __init__(
        self, sample: NDArray[np.integer], count: NDArray[np.integer], weight: Floats, people: NDArray[np.integer]
    ) -> None:
        self.sample, self.people, self.samples = sample, people.astype(np.float64), len(people)
        self.match, self.weight = count.astype(np.float64), weight
        self.miss = self.people[sample] - self.match
        self.probes = np.bincount(sample, weight, self.samples)

    def value(self, logs: Floats) -> Floats:
        alpha, beta = np.exp(logs)
        whole = alpha + beta
        each = _rising(alpha[self.sample], self.match) + _rising(beta[self.sample], self.miss)
        return self._sum(each) - self.probes * _rising(whole, self.people)

    def slopes(self, logs: Floats) -> tuple[Floats, Floats]:
        """First derivatives, float64 (2, B), and second ones: of the first, the second, both; float64 (3, B)."""
        both = np.exp(logs)
        whole = both.sum(axis=0)
        counts = self.match, self.miss
        shared = [self.probes * _steps(order, whole, self.people) for order in (0, 1)]
        first, second = (
            np.stack(
                [
                    self._sum(_steps(order, own[self.sample], count)) - shared[order]
                    for own, count in zip(both, counts, strict=True)
                ]
            )
            for order in (0, 1)
        )
        slope = both * first
        curve = np.stack([*(np.square(both) * second + slope), -both.prod(axis=0) * shared[1]])
        return slope, curve

    def _sum(self, each: Floats) -> Floats:
        return np.bincount(self.sample, self.weight * each, self.samples).astype(np.float64)


def _climb(likelihood: _Likelihood, logs: Floats) -> Floats:
    """Newton's method, damped until it climbs."""
    value, damping = likelihood.value(logs), np.full(likelihood.samples, 1e-3)
    for _ in range(_STEPS):
        slope, (first, second, mixed) = likelihood.slopes(logs)
        if (np.abs(slope) <= _TOLERANCE * likelihood.probes).all():
            break
        # Where the surface is not that of a hill, the damping makes it one.
        scale = np.maximum(np.abs(slope).max(axis=0), likelihood.probes * 1e-6)
        first, second = (np.minimum(curve, 0.0) - damping * (np.abs(curve) + scale) for curve in (first, second))
        mixed = np.clip(mixed, -0.999 * np.sqrt(first * second), 0.999 * np.sqrt(first * second))
        steps = -np.stack([second * slope[0] - mixed * slope[1], first * slope[1] - mixed * slope[0]])
        tried = logs + np.clip(steps / (first * second - np.square(mixed)), -2.0, 2.0)
        reached = likelihood.value(tried)
        better = reached >= value
        logs, value = np.where(better, tried, logs), np.where(better, reached, value)
        damping = np.clip(np.where(better, damping / 10, damping * 10), 1e-12, 1e12)
    return logs


def _rising(start: Floats, steps: Floats | int) -> Floats:
    """The logarithm of start·(start + 1)·...·(start + steps - 1)."""
    risen: Floats = special.gammaln(start + steps) - special.gammaln(start)
    return risen


def _steps(order: int, start: Floats, steps: Floats) -> Floats:
    """The first (0) or second (1) derivative of `_rising` by its start."""
    if order == 0:
        found: Floats = special.psi(start + steps) - special.psi(start)
    else:
        found = special.zeta(2, start + steps) - special.zeta(2, start)
    return found
