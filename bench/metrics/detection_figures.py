"""The figures of one detector on one list of samples, put together; `detection` says what they mean."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from bench.metrics.detection_bootstrap import Draws
from bench.metrics.detection_intervals import (
    Judged,
    Share,
    drawn_share_at,
    judged,
    separation_share,
    share_at,
    worst_share,
)
from bench.metrics.detection_samples import DetectionSamples, Kind
from bench.metrics.figures import figure
from bench.metrics.intervals import percentile_interval
from bench.metrics.operating import Support, allowed_false_matches, support_of, threshold_at_fmr
from bench.metrics.rates import error_tradeoff
from bench.metrics.separation import area_under_curve, equal_error_rate
from bench.metrics.verification import FigureValue


@dataclass(frozen=True)
class DetectionPoint:
    """A threshold to be carried over to other people.

    Attributes:
        name: such as ``"attack_error=0.05"``; whoever carries it over puts ``"dev:"`` before it.
        threshold: an attack if and only if score >= threshold; None where the samples could not set one.
        support: of the threshold.
        n: how many scores it was set on.
        low: lower end of its 95 % interval over the people it was set on; None where none was computed.
        high: its upper end.
    """

    name: str
    threshold: float | None
    support: Support
    n: int
    low: float | None = None
    high: float | None = None


class Judge:
    """The figures of one list of samples.

    Args:
        samples: N of them.
        draws: from `detection_bootstrap`, of the figures that are asked for; empty for none.
    """

    def __init__(self, samples: DetectionSamples, draws: Draws) -> None:
        self.samples, self.draws, self.species = samples, draws, len(samples.names)
        self.bona_fide = samples.bona_fide
        self.attacks = dict(zip(samples.names, samples.attacks, strict=True))
        self.responses = sum(kind.responses for kind in samples.attacks)

    def drawn_of(self, values: Sequence[FigureValue]) -> Draws:
        """The draws of those figures that have a value."""
        present = {(each.figure, each.operating_point, None, each.species) for each in values if each.value is not None}
        return {key: drawn for key, drawn in self.draws.items() if key in present}

    # ------------------------------------------------------------------------------------------- without a threshold

    def counts(self) -> Iterator[FigureValue]:
        """How many samples there are, and how many of them have no response."""
        kinds: list[tuple[str | None, Kind]] = [(None, self.bona_fide), *self.attacks.items()]
        names = {species: "bona_fide" if species is None else "attack" for species, _ in kinds}
        for species, kind in kinds:
            count = figure(f"{names[species]}_samples").name
            yield FigureValue(count, None, kind.samples, None, None, kind.samples, "ok", species=species)
        for species, kind in kinds:
            share = share_at(judged(kind, np.arange(kind.samples) >= kind.responses))
            yield _value(f"{names[species]}_non_response_rate", share, species=species)

    def over_all_thresholds(self) -> Iterator[FigureValue]:
        """D-EER and area, of all species and of each."""
        rates, areas = {}, {}
        for name, attack in self.attacks.items():
            rates[name], areas[name] = self._rate_and_area(name, attack)
        yield _value("detection_equal_error_rate", worst_share([*rates.values()]))
        for name, share in rates.items():
            yield _value("detection_equal_error_rate", share, species=name)
        yield _value("detection_area_under_curve", self._area_of_all())
        for name, share in areas.items():
            yield _value("detection_area_under_curve", share, species=name)

    def _rate_and_area(self, name: str, attack: Kind) -> tuple[Share, Share]:
        n, fewer = attack.responses + self.bona_fide.responses, min(attack.responses, self.bona_fide.responses)
        if not fewer:
            return Share(None, n), Share(None, n)
        curve, kinds = error_tradeoff(attack.scores, self.bona_fide.scores), (attack, self.bona_fide)
        eer, drawn = equal_error_rate(curve), self.draws.get(("detection_equal_error_rate", None, None, name))
        rate = separation_share(eer, round(eer * fewer, 6), kinds, drawn, self.species)
        drawn = self.draws.get(("detection_area_under_curve", None, None, name))
        return rate, separation_share(area_under_curve(curve), fewer, kinds, drawn)

    def _area_of_all(self) -> Share:
        n, fewer = self.responses + self.bona_fide.responses, min(self.responses, self.bona_fide.responses)
        if not fewer:
            return Share(None, n)
        every = self._every_attack()
        value = area_under_curve(error_tradeoff(every.scores, self.bona_fide.scores))
        drawn = self.draws.get(("detection_area_under_curve", None, None, None))
        return separation_share(value, fewer, (every, self.bona_fide), drawn)

    def _every_attack(self) -> Kind:
        """The attacks of all species as one kind, without those that have no response."""
        of_attacks = self.samples.species >= 0
        answered = of_attacks & ~np.isnan(self.samples.scores)
        together = np.where(answered, np.int16(0), np.int16(-1))[answered]
        chosen = self.samples.scores[answered], together, ("all",), self.samples.people[answered], self.samples.count
        return DetectionSamples(*chosen).attacks[0]

    # ----------------------------------------------------------------------------------- thresholds of these samples

    def at_attack_error(self, point: str, rate: float) -> Iterator[FigureValue]:
        """The figures where no species has more than so many attack errors, and those of each species by itself."""
        own = {name: _attack_threshold(attack, rate) for name, attack in self.attacks.items()}
        everyone = self.own_threshold(point, "attack_error", rate)
        yield everyone
        for name, (threshold, support) in own.items():
            yield self._threshold(point, name, threshold, support, self.attacks[name].responses)
        for name, (threshold, support) in own.items():
            yield _value("attack_error_rate", self._missed(name, threshold), point, name, support)
        worst = worst_share([self._missed(name, everyone.value) for name in own])
        yield _value("worst_attack_error_rate", worst, point, None, everyone.support)
        shares = {name: self._drawn_alarms(point, name, *of) for name, of in own.items()}
        # At the smallest of the thresholds, so it is the largest of the rates.
        yield _value("bona_fide_error_rate", worst_share([*shares.values()]), point, None, everyone.support)
        for name, (_, support) in own.items():
            yield _value("bona_fide_error_rate", shares[name], point, name, support)

    def at_bona_fide_error(self, point: str, rate: float) -> Iterator[FigureValue]:
        """The figures where no more than so many bona fide samples are errors."""
        own = self.own_threshold(point, "bona_fide_error", rate)
        yield own
        shares = [self._drawn_missed(point, name, own.value, own.support) for name in self.attacks]
        for name, share in zip(self.attacks, shares, strict=True):
            yield _value("attack_error_rate", share, point, name, own.support)
        yield _value("worst_attack_error_rate", worst_share(shares), point, None, own.support)
        yield _value("bona_fide_error_rate", self._alarms(own.value), point, None, own.support)

    def own_threshold(self, point: str, error: str, rate: float) -> FigureValue:
        """The threshold of all species at one error rate."""
        if error == "bona_fide_error":
            found = threshold_at_fmr(np.zeros(0, np.float32), self.bona_fide.scores, rate)
            return self._threshold(point, None, found.threshold, found.support, self.bona_fide.responses)
        each = [_attack_threshold(attack, rate) for attack in self.attacks.values()]
        supports = [support for _, support in each] or ["insufficient"]
        support: Support = min(supports, key=("insufficient", "weak", "ok").index)
        thresholds = [threshold for threshold, _ in each if threshold is not None]
        lowest = None if support == "insufficient" else min(thresholds)
        return self._threshold(point, None, lowest, support, self.responses)

    def _threshold(
        self, point: str, species: str | None, threshold: float | None, support: Support, n: int
    ) -> FigureValue:
        low = high = method = None
        draws = self.draws.get(("threshold", point, None, species))
        if threshold is not None and draws is not None and (found := percentile_interval(draws)):
            low, high, method = found
        return FigureValue("threshold", point, threshold, low, high, n, support, method, species=species)

    # -------------------------------------------------------------------------------------------- a threshold from afar

    def at_point(self, point: DetectionPoint) -> Iterator[FigureValue]:
        """The figures at one threshold that the samples had no part in."""
        method = None if point.low is None else "bootstrap"
        support: Support = "insufficient" if point.threshold is None else point.support
        yield FigureValue(
            "threshold", point.name, point.threshold, point.low, point.high, point.n, support, method
        )  # fmt: skip
        shares = [self._missed(name, point.threshold) for name in self.attacks]
        for name, share in zip(self.attacks, shares, strict=True):
            yield _value("attack_error_rate", share, point.name, name, support)
        yield _value("worst_attack_error_rate", worst_share(shares), point.name, None, support)
        yield _value("bona_fide_error_rate", self._alarms(point.threshold), point.name, None, support)

    # --------------------------------------------------------------------------------------------------- their parts

    def _missed(self, name: str, threshold: float | None) -> Share:
        """Attacks of a species below a threshold."""
        if threshold is None:
            return Share(None, self.attacks[name].responses)
        return share_at(_below(self.attacks[name], threshold), self.species)

    def _drawn_missed(self, point: str, name: str, threshold: float | None, support: Support) -> Share:
        """Likewise, the threshold being chosen on these people."""
        if threshold is None:
            return Share(None, self.attacks[name].responses)
        drawn = self.draws.get(("attack_error_rate", point, None, name))
        return drawn_share_at(_below(self.attacks[name], threshold), drawn, support == "weak", self.species)

    def _alarms(self, threshold: float | None) -> Share:
        """Bona fide samples at or above a threshold."""
        return Share(None, self.bona_fide.responses) if threshold is None else share_at(self._above(threshold))

    def _drawn_alarms(self, point: str, name: str, threshold: float | None, support: Support) -> Share:
        """Likewise, the threshold being chosen on these people."""
        if threshold is None:
            return Share(None, self.bona_fide.responses)
        drawn = self.draws.get(("bona_fide_error_rate", point, None, name))
        return drawn_share_at(self._above(threshold), drawn, support == "weak", self.species)

    def _above(self, threshold: float) -> Judged:
        kind = self.bona_fide
        return judged(kind, np.arange(kind.responses) >= kind.missed(threshold))


def _below(attack: Kind, threshold: float) -> Judged:
    return judged(attack, np.arange(attack.responses) < attack.missed(threshold))


def _attack_threshold(attack: Kind, rate: float) -> tuple[float | None, Support]:
    """The largest float32 with an attack error of at most the rate."""
    k = allowed_false_matches(rate, attack.responses)
    if k == 0:
        return None, "insufficient"
    every = k >= attack.responses
    return float(np.finfo(np.float32).max if every else attack.scores[k]), support_of(k)


def _value(
    name: str, share: Share, point: str | None = None, species: str | None = None, support: Support = "ok"
) -> FigureValue:
    """A figure, no better supported than its threshold and its own errors."""
    if share.value is None:
        support = "insufficient"
    elif support == "ok":
        support = support_of(share.errors)
    low, high, method = share.interval or (None, None, None)
    return FigureValue(figure(name).name, point, share.value, low, high, share.n, support, method, species=species)
