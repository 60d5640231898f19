"""Figures of detectors on every draw of the double-or-nothing bootstrap of people.

A draw keeps a sample if all its people are kept; its figures are those of the kept samples alone, with thresholds
chosen anew. Samples are sorted by score once. For a block of draws, running counts of the kept samples of each kind
then answer everything: how many lie below a threshold, where the one of a rank is, and, counted at the other kind's
scores, the area under the curve. Counts are whole numbers, and each draw is counted by itself, so that results depend
neither on blocks nor on threads nor on the order of samples; all of them are exact.

Kept samples of one kind weigh the same, unless they rest on different numbers of people (`Kind.weights`); in the area
over all species, those of a species of more people weigh more, likewise.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from bench.errors import ShapeError
from bench.metrics.detection_kept import Members, Pairing, next_float32
from bench.metrics.detection_samples import DetectionSamples
from bench.metrics.kept_counts import shares_of
from bench.metrics.operating import allowed_false_matches
from bench.metrics.separation import crossing

DrawKey = tuple[str, str | None, None, str | None]
"""Figure, operating point, group (always None here), species."""

Draws = dict[DrawKey, NDArray[np.float64]]
"""A figure's value on each draw, float64 (B,), NaN where a draw has none."""

_CELLS_AT_ONCE = 2**21  # kept flags of a block, so that its running counts take a few megabytes
_LOWEST, _HIGHEST = np.finfo(np.float32).min, np.finfo(np.float32).max


def own_draws(
    samples: DetectionSamples, points: Sequence[tuple[str, str, float]], kept: NDArray[np.bool_] | None
) -> Draws:
    """Every share without an operating point, and every figure at thresholds that each draw sets anew.

    Args:
        samples: N of them.
        points: name of the operating point, ``"attack_error"`` or ``"bona_fide_error"``, and the rate, in (0, 1].
        kept: bool (B, P), who is kept in each draw; None or B = 0 for no draws.

    Returns:
        Draws of the non-response rates, EER, area, thresholds and error rates; nothing without draws.

    Raises:
        ShapeError: `kept` is not bool (B, P).
    """
    names = list(samples.names)

    def of_block(block: _Block) -> Draws:
        found = block.over_all_thresholds(names)
        for name, error, rate in points:
            at = block.at_attack_error if error == "attack_error" else block.at_bona_fide_error
            found |= at(name, rate, names)
        return found

    return _in_blocks(samples, kept, of_block)


def draws_at(
    samples: DetectionSamples, thresholds: Sequence[tuple[str, float]], kept: NDArray[np.bool_] | None
) -> Draws:
    """The error rates at thresholds that are the same for all draws.

    Args:
        samples: N of them.
        thresholds: operating point and threshold.
        kept: bool (B, P), who is kept in each draw; None or B = 0 for no draws.

    Raises:
        ShapeError: `kept` is not bool (B, P).
    """

    def of_block(block: _Block) -> Draws:
        found: Draws = {}
        for name, threshold in thresholds:
            found |= block.errors_at(name, np.full(block.draws, threshold), list(samples.names))
        return found

    return _in_blocks(samples, kept, of_block)


def _in_blocks(samples: DetectionSamples, kept: NDArray[np.bool_] | None, of_block: Callable[[_Block], Draws]) -> Draws:
    if kept is None or not len(kept):
        return {}
    if kept.dtype != np.bool_ or kept.shape != (len(kept), samples.count):
        raise ShapeError(f"got kept {kept.dtype} {kept.shape}; expected bool (B, {samples.count})")
    members = [Members.of(kind) for kind in (samples.bona_fide, *samples.attacks)]
    pairings = [Pairing.of(attack, samples.bona_fide) for attack in samples.attacks]
    at_once = max(1, _CELLS_AT_ONCE // max(samples.scores.size, 1))
    blocks = [
        of_block(_Block(members, pairings, kept[start : start + at_once])) for start in range(0, len(kept), at_once)
    ]
    return {key: np.concatenate([block[key] for block in blocks]) for key in blocks[0]}


class _Block:
    """A few draws; every array of results is float64 (W,)."""

    def __init__(self, members: Sequence[Members], pairings: Sequence[Pairing | None], kept: NDArray[np.bool_]) -> None:
        self.draws, self.pairings = len(kept), pairings
        self._each = np.arange(self.draws)
        self._kinds = [one.kind for one in members]
        with_nobody = np.concatenate([kept, np.ones((self.draws, 1), np.bool_)], axis=1)
        self._running = [one.running(with_nobody) for one in members]
        self._totals = [
            counts[:, kind.responses].astype(np.int64) for counts, kind in zip(self._running, self._kinds, strict=True)
        ]

    # ------------------------------------------------------------------------------------------- without a threshold

    def over_all_thresholds(self, names: Sequence[str]) -> Draws:
        """Non-response rates, EER and area."""
        found: Draws = {("bona_fide_non_response_rate", None, None, None): self._non_response(0)}
        for place, name in enumerate(names, start=1):
            found["attack_non_response_rate", None, None, name] = self._non_response(place)
        rates = [self._equal_error_rate(place) for place in range(1, len(names) + 1)]
        areas = [self._twice_area(place) for place in range(1, len(names) + 1)]
        bona_fide = self._totals[0]
        for place, (name, rate, twice) in enumerate(zip(names, rates, areas, strict=True), start=1):
            found["detection_equal_error_rate", None, None, name] = rate
            area = shares_of(twice, 2 * self._totals[place] * bona_fide)
            found["detection_area_under_curve", None, None, name] = area
        found["detection_equal_error_rate", None, None, None] = self._largest(rates)
        fewest = [kind.fewest_people for kind in self._kinds[1:] if kind.samples]
        scale = [2 ** max(kind.fewest_people - min(fewest, default=0), 0) for kind in self._kinds[1:]]
        none = np.zeros(self.draws, np.int64)
        twice = sum((each * factor for each, factor in zip(areas, scale, strict=True)), none)
        attacks = sum((each * factor for each, factor in zip(self._totals[1:], scale, strict=True)), none)
        found["detection_area_under_curve", None, None, None] = shares_of(twice, 2 * attacks * bona_fide)
        return found

    def _non_response(self, place: int) -> NDArray[np.float64]:
        every = self._running[place][:, -1].astype(np.int64)
        return shares_of(every - self._totals[place], every)

    def _twice_area(self, place: int) -> NDArray[np.int64]:
        """Twice the number of pairs of an attack and a bona fide sample that scores lower, ties counted half."""
        pairing = self.pairings[place - 1]
        if pairing is None:
            return np.zeros(self.draws, np.int64)
        attacks = np.diff(np.take(self._running[place], pairing.bounds, axis=1), axis=1)
        lower = np.take(self._running[0], pairing.before, axis=1) + np.take(self._running[0], pairing.up_to, axis=1)
        twice: NDArray[np.int64] = np.multiply(attacks, lower, dtype=np.int64).sum(axis=1)
        return twice

    def _equal_error_rate(self, place: int) -> NDArray[np.float64]:
        """By linear crossing, as `separation.equal_error_rate`."""
        values, pairing = np.full(self.draws, np.nan), self.pairings[place - 1]
        some = np.flatnonzero((self._totals[place] > 0) & (self._totals[0] > 0))
        if pairing is None or not some.size:
            return values
        attacks, bona_fide = self._totals[place][some], self._totals[0][some]

        def errors(at: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
            missed = self._running[place][some, pairing.attacks_below[at]].astype(np.int64)
            return bona_fide - self._running[0][some, pairing.bona_fide_below[at]], missed

        # Every bona fide sample is an error at the lowest score and none at +inf; the difference only falls.
        before, after = np.zeros(some.size, np.int64), np.full(some.size, pairing.attacks_below.size - 1)
        while (after - before > 1).any():
            middle = (before + after) // 2
            alarms, missed = errors(middle)
            over = alarms * attacks > missed * bona_fide
            before, after = np.where(over, middle, before), np.where(over, after, middle)
        counts = [each.tolist() for each in (*errors(before), *errors(after), attacks, bona_fide)]
        values[some] = [crossing(*each) for each in zip(*counts, strict=True)]
        return values

    # ---------------------------------------------------------------------------------------------- at one threshold

    def at_attack_error(self, point: str, rate: float, names: Sequence[str]) -> Draws:
        """The figures at the threshold of each species, and at the smallest of them."""
        thresholds = [self._attack_threshold(place, rate) for place in range(1, len(names) + 1)]
        lowest = np.min(thresholds, axis=0) if thresholds else np.full(self.draws, np.nan)
        found = self.errors_at(point, lowest, names) | {("threshold", point, None, None): lowest}
        for place, (name, threshold) in enumerate(zip(names, thresholds, strict=True), start=1):
            found["threshold", point, None, name] = threshold
            found["attack_error_rate", point, None, name] = self._below(place, threshold)
            found["bona_fide_error_rate", point, None, name] = self._at_or_above(threshold)
        return found

    def at_bona_fide_error(self, point: str, rate: float, names: Sequence[str]) -> Draws:
        """The figures at the threshold that bona fide samples set."""
        threshold = self._bona_fide_threshold(rate)
        return self.errors_at(point, threshold, names) | {("threshold", point, None, None): threshold}

    def errors_at(self, point: str, threshold: NDArray[np.float64], names: Sequence[str]) -> Draws:
        """The error rates at one threshold for each draw."""
        rates = [self._below(place, threshold) for place in range(1, len(names) + 1)]
        found: Draws = {("attack_error_rate", point, None, name): rate for name, rate in zip(names, rates, strict=True)}
        found["worst_attack_error_rate", point, None, None] = self._largest(rates)
        found["bona_fide_error_rate", point, None, None] = self._at_or_above(threshold)
        return found

    def _below(self, place: int, threshold: NDArray[np.float64]) -> NDArray[np.float64]:
        """The share of a kind's responses below a threshold; NaN where there is none, or no threshold."""
        shares = shares_of(self._missed(place, threshold), self._totals[place])
        shares[np.isnan(threshold)] = np.nan
        return shares

    def _at_or_above(self, threshold: NDArray[np.float64]) -> NDArray[np.float64]:
        """The share of bona fide responses at or above a threshold; NaN likewise."""
        shares = shares_of(self._totals[0] - self._missed(0, threshold), self._totals[0])
        shares[np.isnan(threshold)] = np.nan
        return shares

    def _missed(self, place: int, threshold: NDArray[np.float64]) -> NDArray[np.int64]:
        at = np.searchsorted(self._kinds[place].scores, next_float32(threshold))
        return self._running[place][self._each, at].astype(np.int64)

    def _attack_threshold(self, place: int, rate: float) -> NDArray[np.float64]:
        totals = self._totals[place]
        allowed = _allowed(rate, totals)
        return self._score_of_rank(place, allowed, allowed >= totals, _HIGHEST)

    def _bona_fide_threshold(self, rate: float) -> NDArray[np.float64]:
        totals = self._totals[0]
        allowed = _allowed(rate, totals)
        found = self._score_of_rank(0, totals - allowed - 1, allowed >= totals, _LOWEST)
        ranked = allowed < totals
        found[ranked] = np.nextafter(found[ranked].astype(np.float32), np.float32(np.inf))
        return found

    def _score_of_rank(
        self, place: int, rank: NDArray[np.int64], every: NDArray[np.bool_], otherwise: np.float32
    ) -> NDArray[np.float64]:
        """The kept score with so many kept ones before it; `otherwise` where every one is allowed to err."""
        scores, counts, totals = self._kinds[place].scores, self._running[place], self._totals[place]
        found = np.where(every, float(otherwise), np.nan)
        found[totals == 0] = np.nan
        some = np.flatnonzero(~every & (totals > 0))
        # The last place before which no more than `rank` are kept is in front of the kept one of that rank.
        before, after = np.zeros(some.size, np.int64), np.full(some.size, scores.size)
        while (after - before > 1).any():
            middle = (before + after) // 2
            fewer = counts[some, middle] <= rank[some]
            before, after = np.where(fewer, middle, before), np.where(fewer, after, middle)
        found[some] = scores[before]
        return found

    def _largest(self, rates: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
        largest: NDArray[np.float64] = np.max(rates, axis=0) if rates else np.full(self.draws, np.nan)
        return largest


def _allowed(rate: float, totals: NDArray[np.int64]) -> NDArray[np.int64]:
    """floor(rate·total) for each draw."""
    distinct, place = np.unique(totals, return_inverse=True)
    return np.array([allowed_false_matches(rate, total) for total in distinct.tolist()], np.int64)[place]
