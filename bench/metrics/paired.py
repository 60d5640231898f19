"""Whether a figure differs between two runs over the same people: paired differences and a gate over several of them.

Two runs that gave the same draws of people the same codes can be subtracted draw by draw. A double-or-nothing draw of a
sum over people is the sum with a random sign before what each person adds: Σ ±c_p. So the draws' deviation is the
standard error sqrt(Σc²), and their excess kurtosis, -2·Σc⁴ / (Σc²)², says how many people make it up: (Σc²)² / Σc⁴ is
n where n people add the same and all others nothing. Those are the degrees of freedom of Student's t here.

- Statistic: t = difference / deviation, taken to t / sqrt(1 + t²/P) for P people. That is the difference over its
  deviation *if nothing had changed*; for one sample a person and k people who changed sides, all to the worse, it is
  sqrt(k), as in McNemar's test, and it is at most sqrt(P), whatever is seen.
- Degrees: from the kurtosis (`degrees_of_freedom`), at least 2, at most P/2.
- Two-sided: a gate says "better" as well as "worse", and the interval is the one that reports print. So it is
  built to let 2.5 % of runs of equal quality fail and to call 2.5 % of them better.
- Several rules: Holm's step-down. A rule's interval is at the level at which Holm judged it, so that it excludes zero
  exactly where Holm rejects.

docs/gate_statistics.md holds the measured rates of false alarms and of losses caught.

Source:
    Fogliato, Patil and Perona, IJCV 2024 (arXiv 2306.01198); Owen and Eckles, Annals of Applied Statistics 6(3), 2012;
    Holm, Scandinavian Journal of Statistics 6, 1979; McNemar, Psychometrika 12, 1947; sums over their root of squares:
    Efron, JASA 64, 1969.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import special

from bench.errors import ConfigError, ShapeError
from bench.metrics.intervals import DEFINED_SHARE, FEWEST_DEGREES

Verdict = Literal["better", "no change", "worse", "cannot tell"]
Worse = Literal["up", "down"]

ALPHA = 0.05
"""What all rules of a gate together may err by."""

MOST_PEOPLE = 10**9
"""Where more people than this would be needed, no number is named."""

_ROUNDING = 1e-12
"""A difference or a deviation below this share of the figure is rounding."""

RATIO_EXCESS = 18
"""A rate's draws have a random number of people below the line, which adds 12/P to their excess kurtosis, and noise to
what is seen of it; 18/P is taken off."""


@dataclass(frozen=True)
class PairedDifference:
    """A figure's difference between two runs over the same people, new minus base.

    Attributes:
        base: the figure in the run that is compared with.
        new: the figure in the run that is judged.
        difference: new - base, in the figure's own unit.
        deviation: its standard error, at least 0; 0 where no draw differs from another.
        excess: excess kurtosis of the draws of the difference.
        draws: on how many draws both figures are defined.
        people: P, how many people both rest on; infinite where that is not known.
    """

    base: float
    new: float
    difference: float
    deviation: float
    excess: float
    draws: int
    people: float = math.inf

    @property
    def identical(self) -> bool:
        """Whether the figure is the same in both runs on every draw; then no people could tell them apart."""
        return self.difference == 0 and self.deviation == 0

    @property
    def degrees(self) -> float:
        """Degrees of freedom of Student's t, from the kurtosis of the draws; at least 2, at most half the people."""
        excess = self.excess - RATIO_EXCESS / self.people if self.deviation > 0 else 0.0
        known = degrees_of_freedom(excess, self.draws)
        return max(min(known, self.people / 2), FEWEST_DEGREES)

    @property
    def p_value(self) -> float:
        """How often a difference at least as large, up or down, would come about if there were none."""
        if self.difference == 0:
            return 1.0
        size = abs(self.difference)
        if_none = math.hypot(self.deviation, size / math.sqrt(self.people))
        return min(1.0, 2 * float(special.stdtr(self.degrees, -size / if_none))) if if_none > 0 else 0.0

    def interval(self, level: float = ALPHA) -> tuple[float, float]:
        """The differences that the data do not contradict; it holds zero if and only if `p_value` is above the level.

        Args:
            level: how often the interval may miss the true difference, in (0, 1); 0.05 for a 95 % interval.

        Returns:
            Its ends; infinite where so few people cannot contradict anything at this level.

        Raises:
            ConfigError: a level outside (0, 1).
        """
        if not 0 < level < 1:
            raise ConfigError(f"got level {level!r}; expected a number between 0 and 1, such as 0.05")
        if self.identical:
            return 0.0, 0.0
        half = _half_width(self.deviation, self.degrees, self.people, level)
        return self.difference - half, self.difference + half


@dataclass(frozen=True)
class Judgement:
    """What a gate says about one rule.

    Attributes:
        verdict: ``"better"``, ``"no change"``, ``"worse"`` or ``"cannot tell"``.
        failed: the rule fails: the verdict is ``"worse"``.
        low: lower end of the interval of the difference at `level`; None without a difference, or where there are too
            few people for any interval at that level.
        high: its upper end.
        level: what Holm's step-down judged the rule at; None without a difference.
        more_people: how many more people would tell, if the difference and the spread a person stayed as they are;
            None where the verdict is not ``"cannot tell"``, and where no number would.
    """

    verdict: Verdict
    failed: bool
    low: float | None
    high: float | None
    level: float | None
    more_people: int | None


def degrees_of_freedom(excess: float, draws: int) -> float:
    """Degrees of freedom of a deviation, from the excess kurtosis e of B double-or-nothing draws: -2/e, at least 2.

    B draws know a kurtosis to about s = sqrt(24/B) only. Half of that is taken off, so that chance rather makes fewer
    degrees than more, and what is well within it is shrunk to nothing, as otherwise chance alone would widen intervals
    over many people: e becomes (e - s/2)·e² / (e² + s²). They know the variance as B - 1
    independent values do, which is added.

    Args:
        excess: e; a positive one, which no sum over people has, says nothing and counts as 0.
        draws: B, at least 2.
    """
    inverse = 1 / (draws - 1)
    if excess < 0:
        noise = math.sqrt(24 / draws)
        inverse += (noise / 2 - excess) / 2 * excess**2 / (excess**2 + noise**2)
    return max(1 / inverse, FEWEST_DEGREES)


def paired_difference(
    base: float, new: float, base_draws: NDArray[np.float64], new_draws: NDArray[np.float64]
) -> PairedDifference | None:
    """The difference of a figure between two runs whose draws kept the same people.

    Args:
        base: the figure in the run that is compared with.
        new: the same figure in the run that is judged.
        base_draws: float64 (B,), the figure on every draw of the base; NaN where it is not defined.
        new_draws: float64 (B,), of the other run, on the same draws.

    Returns:
        The difference; None where fewer than 90 % of the draws, or fewer than two, are defined in both, unless both
        runs are identical on every one.

    Raises:
        ShapeError: draws that do not fit each other, or a figure that is not finite.
    """
    if base_draws.ndim != 1 or base_draws.shape != new_draws.shape or base_draws.size == 0:
        raise ShapeError(
            f"got draws {base_draws.shape} and {new_draws.shape}; expected two (B,) of the same draws, at least one"
        )
    if not (math.isfinite(base) and math.isfinite(new)):
        raise ShapeError(f"got figures {base!r} and {new!r}; expected finite numbers")
    both = np.isfinite(base_draws) & np.isfinite(new_draws)
    drawn = new_draws[both] - base_draws[both]
    if base == new and np.array_equal(base_draws, new_draws, equal_nan=True):
        return PairedDifference(base, new, 0.0, 0.0, 0.0, drawn.size)
    if drawn.size < max(DEFINED_SHARE * base_draws.size, 2):
        return None
    scale = max(abs(base), abs(new), float(np.abs(base_draws[both]).max()), float(np.abs(new_draws[both]).max()))
    deviation, excess = _spread(drawn)
    difference = new - base
    return PairedDifference(
        base,
        new,
        0.0 if abs(difference) <= _ROUNDING * scale else difference,
        0.0 if deviation <= _ROUNDING * scale else deviation,
        excess,
        drawn.size,
    )


def holm(p_values: Sequence[float], alpha: float = ALPHA) -> list[float]:
    """The level at which Holm's step-down judged each of m hypotheses; those with p at most their level are rejected.

    In the order of p, the i-th is judged at alpha / (m - i + 1), until one is not rejected; that one's level holds for
    all after it. Equal p are judged alike, at the strictest of their levels, so that order does not matter.

    Args:
        p_values: m numbers from 0 to 1, in any order.
        alpha: what all of them together may err by, in (0, 1).

    Returns:
        m levels, in the same order.

    Raises:
        ConfigError: a p outside [0, 1] or an alpha outside (0, 1).

    Source:
        Holm, Scandinavian Journal of Statistics 6, 1979.
    """
    if not 0 < alpha < 1 or not all(0 <= p <= 1 for p in p_values):
        raise ConfigError(f"got p {list(p_values)} and alpha {alpha!r}; expected p from 0 to 1 and alpha between them")
    levels, level, before = [alpha] * len(p_values), 0.0, -1.0
    stopped = False
    for place, at in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        if not stopped and p_values[at] > before:
            level, before = alpha / (len(p_values) - place), p_values[at]
            stopped = p_values[at] > level
        levels[at] = level
    return levels


def judge(
    differences: Sequence[PairedDifference | None],
    worse_is: Sequence[Worse],
    tolerances: Sequence[float],
    people: Sequence[int],
) -> list[Judgement]:
    """What a gate says about each of R rules, corrected for how many there are.

    A rule fails if and only if the figure changed for the worse by more than its tolerance and its interval excludes
    zero. It is ``"better"`` where the interval excludes zero on the other side; ``"no change"`` where it reaches no
    farther to the bad side than the tolerance; otherwise the data ``"cannot tell"``.

    Args:
        differences: of each rule; None where there is none. That one is ``"cannot tell"`` and counts for no other.
        worse_is: ``"up"`` where a larger figure is a worse one, else ``"down"``.
        tolerances: by how much each figure may change for the worse, at least 0, in the figure's unit.
        people: how many people each difference rests on, at least 1.

    Returns:
        R judgements, in the same order.

    Raises:
        ShapeError: lists of different lengths.
        ConfigError: a direction, a tolerance or a number of people out of range.
    """
    if not len(differences) == len(worse_is) == len(tolerances) == len(people):
        raise ShapeError(
            f"got {len(differences)} differences, {len(worse_is)} directions, {len(tolerances)} tolerances and "
            f"{len(people)} numbers of people; expected one of each a rule"
        )
    for direction, tolerance, count in zip(worse_is, tolerances, people, strict=True):
        if direction not in ("up", "down") or not (0 <= tolerance < math.inf) or count < 1:
            raise ConfigError(
                f"got direction {direction!r}, tolerance {tolerance!r} and {count!r} people; expected 'up' or 'down', "
                "a tolerance of at least 0 and at least one person"
            )
    known = [
        None if one is None else replace(one, people=float(count))
        for one, count in zip(differences, people, strict=True)
    ]
    levels = iter(holm([one.p_value for one in known if one is not None]))
    return [
        Judgement("cannot tell", False, None, None, None, None)
        if one is None
        else _judged(one, direction, tolerance, next(levels))
        for one, direction, tolerance in zip(known, worse_is, tolerances, strict=True)
    ]


def _judged(one: PairedDifference, worse_is: Worse, tolerance: float, level: float) -> Judgement:
    low, high = one.interval(level)
    loss, least, most = (one.difference, low, high) if worse_is == "up" else (-one.difference, -high, -low)
    exceeds = _exceeds(loss, tolerance, one)
    verdict: Verdict
    if exceeds and least > 0:
        verdict = "worse"
    elif most < 0:
        verdict = "better"
    elif not exceeds and not _exceeds(most, tolerance, one):
        verdict = "no change"
    else:
        verdict = "cannot tell"
    more = _more_people(one, loss, tolerance, level) if verdict == "cannot tell" else None
    if math.isinf(low):
        return Judgement(verdict, False, None, None, level, more)
    return Judgement(verdict, verdict == "worse", low, high, level, more)


def _exceeds(loss: float, tolerance: float, one: PairedDifference) -> bool:
    """Whether a loss is above the tolerance by more than rounding: 0.3 - 0.28 is 0.02."""
    return loss - tolerance > _ROUNDING * max(abs(one.base), abs(one.new), tolerance)


def _more_people(one: PairedDifference, loss: float, tolerance: float, level: float) -> int | None:
    """How many more people would make the half width small enough for "worse" or "no change"; None where none would."""
    if tolerance == 0 and loss <= 0:
        return None
    room = loss if _exceeds(loss, tolerance, one) else tolerance - loss
    now, known = int(one.people), one.degrees

    def tells(count: int) -> bool:
        times = count / now
        degrees = min(known * times, count / 2)
        return _half_width(one.deviation / math.sqrt(times), degrees, count, level) < room

    if room <= 0 or not tells(MOST_PEOPLE):
        return None
    too_few, enough = now, MOST_PEOPLE
    while enough - too_few > 1:
        middle = (too_few + enough) // 2
        too_few, enough = (too_few, middle) if tells(middle) else (middle, enough)
    return enough - now


def _half_width(deviation: float, degrees: float, people: float, level: float) -> float:
    """Half of the interval at a level: t·deviation / sqrt(1 - t²/P), the inverse of `PairedDifference.p_value`."""
    quantile = -float(special.stdtrit(max(degrees, FEWEST_DEGREES), level / 2))
    if quantile**2 >= people:
        return math.inf
    return deviation * quantile / math.sqrt(1 - quantile**2 / people)


def _spread(drawn: NDArray[np.float64]) -> tuple[float, float]:
    """The deviation of draws and their excess kurtosis. Sums are exact."""
    count = drawn.size
    mean = math.fsum(drawn.tolist()) / count
    squares = np.square(drawn - mean)
    second = math.fsum(squares.tolist()) / count
    if second == 0:
        return 0.0, 0.0
    excess = math.fsum(np.square(squares).tolist()) / count / second**2 - 3
    return math.sqrt(second * count / (count - 1)), excess
