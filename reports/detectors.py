"""What detectors said of a group's presentations: who they are, which species they saw, at which thresholds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.metrics import ErrorCurve
from bench.metrics.detection import DetectionSamples, detection_error_curve
from reports.curves import Ends, Mark
from reports.detector_points import KINDS, DetectorPoint, point_of
from reports.figures.threshold_lines import Line
from reports.records import Key, by_key
from reports.series import Group, Record, Run, Series
from reports.vocabulary import ATTACK_ERROR, Vocabulary, shared_by

WORST = "worst species"


@dataclass(frozen=True, eq=False)
class Detected:
    """What one detector said.

    Attributes:
        series: the cell.
    """

    series: Series

    @cached_property
    def scores(self) -> NDArray[np.float32]:
        """float32 (N,), the attack score of every presentation, NaN where there was no response."""
        table = self.series.table("presentations")
        if table is None:
            return np.zeros(0, dtype=np.float32)
        return np.asarray(table["score"].to_numpy(dtype=np.float32, na_value=np.nan))

    @cached_property
    def _kinds(self) -> pd.Series:
        table = self.series.table("presentations")
        return pd.Series([], dtype="category") if table is None else table["species"].astype("category")

    @cached_property
    def species(self) -> tuple[str, ...]:
        """The species that it was shown, in the order of the records, which is that of the sweep."""
        recorded = [record.get("species") for record in self.series.records]
        return tuple(dict.fromkeys(str(one) for one in (*recorded, *self._kinds.dropna().unique()) if one))

    @cached_property
    def codes(self) -> NDArray[np.int16]:
        """int16 (N,), the place of the species of every presentation; -1 for a bona fide one."""
        return np.asarray(pd.Categorical(self._kinds, categories=pd.Index(self.species, dtype=str)).codes, np.int16)

    def responses(self, species: str | None) -> NDArray[np.float32]:
        """The scores of a species, or of bona fide samples for None, that are there."""
        code = -1 if species is None else self.species.index(species) if species in self.species else -2
        found: NDArray[np.float32] = self.scores[(self.codes == code) & ~np.isnan(self.scores)]
        return found

    @cached_property
    def _by_species(self) -> Mapping[str | None, Mapping[Key, Record]]:
        return {name: by_key(self.series, None, name) for name in (None, *self.species)}

    def records(self, species: str | None = None) -> Mapping[Key, Record]:
        """Its figures of a species; of all, the worst, or of bona fide samples for None."""
        return self._by_species.get(species, {})

    def record(
        self, figure: str, point: DetectorPoint | str | None = None, species: str | None = None
    ) -> Record | None:
        """One figure, or None.

        Args:
            figure: its name.
            point: at which operating point, or at the one of which name; None for none.
            species: as in `records`.
        """
        return self.records(species).get((figure, point.name if isinstance(point, DetectorPoint) else point))

    def value(self, figure: str, point: DetectorPoint | str | None = None, species: str | None = None) -> float | None:
        """The value of a figure, or None; arguments as `record`."""
        found = (self.record(figure, point, species) or {}).get("value")
        return None if found is None else float(found)

    def ends(self, figure: str, point: DetectorPoint | None = None, species: str | None = None) -> Ends:
        """The interval of a figure, or None; arguments as `record`."""
        found: Mapping[str, Any] = self.record(figure, point, species) or {}
        low, high = found.get("low"), found.get("high")
        return None if low is None or high is None else (float(low), float(high))

    def curve(self, species: str | None) -> ErrorCurve | None:
        """Both errors at every threshold: of a species, or for None of whichever is missed most at each.

        In it attacks stand for mated comparisons, and bona fide samples for nonmated ones.
        """
        shown = self.species if species is None else (species,)
        attacks = [len(self.responses(one)) for one in shown]
        bona_fide = len(self.responses(None))
        if not bona_fide or not attacks or not min(attacks):
            return None
        samples = DetectionSamples(
            scores=self.scores,
            species=self.codes,
            names=self.species,
            people=np.zeros((len(self.scores), 1), dtype=np.int32),
            count=1,
        )
        thresholds, missed, refused = detection_error_curve(samples, species)
        # Of the worst species these are no counts: another one may be the worst at the next threshold.
        counts: Any = missed * min(attacks)
        return ErrorCurve(
            thresholds=np.asarray(thresholds, dtype=np.float32),
            false_matches=np.rint(refused * bona_fide).astype(np.int64),
            false_non_matches=np.rint(counts).astype(np.int64) if species is not None else counts,
            nonmated=bona_fide,
            mated=min(attacks),
        )

    def marks(self, points: Sequence[DetectorPoint], species: str | None, words: Vocabulary) -> tuple[Mark, ...]:
        """The operating points that its data support, as marks on its curve.

        Args:
            points: which.
            species: whose curve; None for that of the worst.
            words: what they are called in.
        """
        found = []
        for point in points:
            at = self._errors_at(point, species)
            if at is not None:
                weak = "weak" in {record.get("support") for record in at}
                threshold, missed, refused = (float(record["value"]) for record in at)
                ends = [_ends(record) for record in at]
                found.append(
                    Mark(
                        point.label(words), refused, missed, threshold, weak, not point.own, ends[2], ends[1], ends[0],
                        "fnmr" if point.kind == ATTACK_ERROR else "fmr",
                    )
                )  # fmt: skip
        return tuple(found)

    def _errors_at(self, point: DetectorPoint, species: str | None) -> list[Record] | None:
        """Threshold, attack error and bona fide error at a point, of one species or the worst; None if one lacks."""
        held = species if point.own and point.kind == ATTACK_ERROR else None
        # Chosen for attack errors, a threshold of these samples is one of each species; any other one is for all.
        missed = "worst_attack_error_rate" if species is None else "attack_error_rate"
        found = [
            self.record("threshold", point, held) or {},
            self.record(missed, point, species) or {},
            self.record("bona_fide_error_rate", point, held) or {},
        ]
        return None if any(record.get("value") is None for record in found) else found

    def lines(self, points: Sequence[DetectorPoint], words: Vocabulary) -> list[Line]:
        """Thresholds to draw through all of its scores: those at points that hold for every species.

        Args:
            points: which.
            words: what they are called in.
        """
        found = []
        for point in points:
            record = self.record("threshold", point)
            if record is not None and record["value"] is not None:
                weak = record["support"] == "weak"
                found.append(Line(point.label(words), float(record["value"]), weak, _ends(record)))
        return found


def _ends(record: Record) -> Ends:
    low, high = record.get("low"), record.get("high")
    return None if low is None or high is None else (float(low), float(high))


@dataclass(frozen=True, eq=False)
class Shown:
    """A group of detectors, as arranged on the page.

    Attributes:
        group: the cells.
        detectors: those that succeeded, in the order of the sweep.
        species: every species that any of them was shown.
        own: the operating points that were set on these very presentations: for attack errors first, the laxest first.
        carried: those that were set elsewhere, by origin.
        words: what errors are called.
    """

    group: Group
    detectors: tuple[Detected, ...]
    species: tuple[str, ...]
    own: tuple[DetectorPoint, ...]
    carried: tuple[DetectorPoint, ...]
    words: Vocabulary

    @property
    def several(self) -> bool:
        """Whether there is more than one species, so that one of them is the worst."""
        return len(self.species) > 1

    def at(self, kind: str) -> list[DetectorPoint]:
        """The points that were set on these very presentations, for a rate of one kind."""
        return [point for point in self.own if point.kind == kind]

    @property
    def drawn(self) -> list[DetectorPoint]:
        """The points whose thresholds are drawn through scores: those in use elsewhere, or else those set here."""
        return [point for point in self.carried if point.kind == ATTACK_ERROR] or self.at(ATTACK_ERROR)


def arranged(group: Group, run: Run) -> Shown:
    """The cells of a group, arranged.

    Args:
        group: cells of detectors.
        run: what they are part of.
    """
    detectors = tuple(Detected(one) for one in group.series)
    names = {record["operating_point"]: None for one in group.series for record in one.records}
    points = sorted(
        (point for point in (point_of(name) for name in names if name) if point is not None),
        key=lambda point: (point.origin, KINDS[point.kind], -(point.rate or 0.0)),
    )
    return Shown(
        group=group,
        detectors=detectors,
        species=tuple(dict.fromkeys(name for one in detectors for name in one.species)),
        own=tuple(point for point in points if point.own),
        carried=tuple(point for point in points if not point.own),
        words=shared_by((one.spec for one in group.series), run.profile),
    )


def counted(group: Group) -> tuple[int, int]:
    """How many bona fide samples and how many attacks the detectors of a group were shown.

    Args:
        group: of detectors; of no succeeded cell both are 0.
    """
    if not group.series:
        return 0, 0
    one = Detected(group.series[0])
    attacks = [one.value("attack_samples", None, name) or 0 for name in one.species]
    return int(one.value("bona_fide_samples") or 0), int(sum(attacks))
