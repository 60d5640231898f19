"""What a report shows, as read from a run folder: series, the groups they stand in, and the run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.store.run_folder import RunFolder, draws_by_figure

UNITS = {"cosine": "similarity (cosine)", "neg_l2": "similarity (minus Euclidean distance)"}
FIRST_CELLS_WITH_INTERVALS = 2
"""The revision of cells (`bench.sweep.plan.CELL_REVISION`) from which every figure but a count carries an interval."""

WITHOUT_RECOGNIZER = ("detection", "alignment")
"""Assessments of something else than a recognizer."""

Record = Mapping[str, Any]
"""One record of summary.json; its fields are `bench.store.schema.RECORD_FIELDS`."""


@dataclass(frozen=True, eq=False)
class Series:
    """One cell that succeeded: a recognizer on a group's trials or searches, or on the faces of one maker.

    Or a detector on what it was shown, or an aligner on photos.

    Attributes:
        key: the cell's key.
        label: what tables and pictures call its recognizer, detector or aligner, the same in every group.
        recognizer: the label in the sweep of its recognizer, or else of its detector or aligner.
        outcome: the stored outcome: ``spec``, ``labels``, ``figures``, ``counts``, ``runtime``, ``seconds``.
        folder: where its tables are.
        differences: records of how much it differs from another recognizer, or maker, on the same people.
        maker: the generator or attack that made its faces, with the settings that vary; empty where none did.
    """

    key: str
    label: str
    recognizer: str
    outcome: Mapping[str, Any]
    folder: RunFolder
    differences: Sequence[Record] = ()
    maker: str = ""
    _read: dict[str, pd.DataFrame] = field(default_factory=dict, repr=False)

    @property
    def title(self) -> str:
        """Who judges, and whose faces it was shown where somebody made them."""
        return f"{self.label} \u00b7 {self.maker}" if self.maker else self.label

    def table(self, name: str) -> pd.DataFrame | None:
        """A table of the cell, such as ``"curve"``; None where it has none of that name.

        Args:
            name: a name of `bench.store.schema.TABLES`.

        Raises:
            CorruptFile: it is not readable.
        """
        if name not in self.outcome["tables"]:
            return None
        if name not in self._read:
            self._read[name] = self.folder.table(self.key, name)
        return self._read[name]

    @cached_property
    def trials(self) -> pd.DataFrame:
        """The table `trials`; empty where the cell has none."""
        found = self.table("trials")
        return pd.DataFrame({"mated": [], "score": []}) if found is None else found

    @cached_property
    def draws(self) -> Mapping[tuple[str, str | None], NDArray[np.float64]]:
        """The table `draws` by figure and operating point: float64 (B,) each, NaN where a draw has no value."""
        table = self.table("draws")
        return {} if table is None else draws_by_figure(table)

    @property
    def frames(self) -> pd.DataFrame | None:
        """The table `frames`, or None where the cell has none."""
        return self.table("frames")

    @property
    def identities(self) -> pd.DataFrame | None:
        """The table `identities`, or None where the cell has none."""
        return self.table("identities")

    @cached_property
    def scores(self) -> NDArray[np.float32]:
        """The score of every trial, float32 (M,), NaN where either face was not acquired."""
        return np.asarray(self.trials["score"].to_numpy(dtype=np.float32, na_value=np.nan))

    @cached_property
    def is_mated(self) -> NDArray[np.bool_]:
        """Whether each trial compares a person with themself, bool (M,)."""
        return np.asarray(self.trials["mated"].to_numpy(dtype=bool))

    @cached_property
    def mated(self) -> NDArray[np.float32]:
        """The scores of mated trials that were acquired."""
        return self.scores[self.is_mated & ~np.isnan(self.scores)]

    @cached_property
    def nonmated(self) -> NDArray[np.float32]:
        """The scores of nonmated trials that were acquired."""
        return self.scores[~self.is_mated & ~np.isnan(self.scores)]

    @property
    def records(self) -> Sequence[Record]:
        """The cell's figure records, those of groups of people included."""
        return list(self.outcome["figures"])

    @property
    def spec(self) -> Mapping[str, Any]:
        """What the cell was asked to do."""
        found: Mapping[str, Any] = self.outcome["spec"]
        return found

    @property
    def why_no_interval(self) -> str:
        """Why its figures may stand without an interval, in words; empty where they may not."""
        if int(self.spec.get("cell", 1)) < FIRST_CELLS_WITH_INTERVALS:
            return "this run was made before figures carried intervals"
        if self.spec.get("draws") == 0:
            return "the sweep asked for no bootstrap (draws: 0)"
        return ""

    @property
    def aligner(self) -> str:
        """The name of the aligner that found the faces; empty where the cell names none."""
        named: str = (self.spec.get("aligner") or {}).get("name", "")
        return named

    @property
    def unit(self) -> str:
        """What its score is, in words."""
        return UNITS.get(self.spec.get("comparison", ""), "similarity")


@dataclass(frozen=True)
class FailedCell:
    """A cell that did not end well.

    Attributes:
        label: as that of a series.
        place: data set and protocol.
        error: the class name of what was raised.
        message: what it said.
        traceback: where it came from.
        maker: as that of a series.
        axes: the settings of its maker that the sweep varies.
    """

    label: str
    place: str
    error: str
    message: str
    traceback: str
    maker: str = ""
    axes: Mapping[str, Any] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """As that of a series."""
        return f"{self.label} \u00b7 {self.maker}" if self.maker else self.label


@dataclass(frozen=True, eq=False)
class Group:
    """Series of the same trials, searches or pairs of people, which may therefore stand in one table and one picture.

    Attributes:
        assessment: ``"verification"``, ``"identification"``, ``"generated"``, ``"impersonation_risk"``,
            ``"detection"`` or ``"alignment"``.
        dataset: the data set's name.
        protocol: the protocol's name; of generated faces, how the people were chosen that contribute; of detectors
            that, too, or ``"labels"`` where the data set itself holds attacks.
        title: what the report calls the group.
        series: at least one unless every cell of the group failed.
        failed: the cells of the group that failed.
    """

    assessment: str
    dataset: str
    protocol: str
    title: str
    series: tuple[Series, ...]
    failed: tuple[FailedCell, ...]


@dataclass(frozen=True, eq=False)
class Run:
    """A run, as a report shows it.

    Attributes:
        folder: where it lies.
        manifest: what was asked and where it ran.
        all_groups: of every assessment, in the order of the sweep.
        unfinished: how many cells have no outcome: the run was interrupted.
        profile: whose words are asked for, a name of `reports.vocabulary.VOCABULARIES`; empty for those of each
            detector.
    """

    folder: Path
    manifest: Mapping[str, Any]
    all_groups: tuple[Group, ...]
    unfinished: int
    profile: str = ""

    @property
    def name(self) -> str:
        """The sweep's name."""
        return str(self.manifest.get("name") or (self.manifest.get("sweep") or {}).get("name") or self.folder.name)

    @property
    def groups(self) -> tuple[Group, ...]:
        """The groups that were verified: they have trials."""
        return self.of("verification")

    def of(self, assessment: str) -> tuple[Group, ...]:
        """The groups of an assessment, such as ``"identification"``."""
        return tuple(group for group in self.all_groups if group.assessment == assessment)

    @property
    def series(self) -> tuple[Series, ...]:
        """Every series of every verified group."""
        return tuple(one for group in self.groups for one in group.series)

    @property
    def every_series(self) -> tuple[Series, ...]:
        """Every series of every assessment."""
        return tuple(one for group in self.all_groups for one in group.series)

    @property
    def failed(self) -> tuple[FailedCell, ...]:
        """Every failed cell of every group."""
        return tuple(one for group in self.all_groups for one in group.failed)

    @property
    def labels(self) -> tuple[str, ...]:
        """Every label once, in the order of the sweep."""
        return self.labels_in(self.all_groups)

    @property
    def species(self) -> tuple[str, ...]:
        """Every species of attack that detectors were shown once, in the order of the sweep."""
        found = [record.get("species") for one in self.every_series for record in one.records]
        return tuple(dict.fromkeys(str(name) for name in found if name))

    @staticmethod
    def labels_in(groups: Iterable[Group]) -> tuple[str, ...]:
        """Every label of some groups once, in the order of the sweep.

        Args:
            groups: which.
        """
        of_groups = [[one.label for one in group.series] + [one.label for one in group.failed] for group in groups]
        return tuple(dict.fromkeys(label for labels in of_groups for label in labels))
