"""From a sweep to its cells: axes expanded, plugins located and fingerprinted, trials drawn.

It imports nothing heavy.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from bench.api import Aligner, Cell, Dataset, Recognizer, Trials
from bench.config import Sweep
from bench.datasets.searches import ONE_TO_MANY, draw_searches
from bench.errors import ConfigError, UnknownName
from bench.provenance import images_read_by, value_digest
from bench.sweep.acquisition import check_cast
from bench.sweep.alignment import photos_part
from bench.sweep.axes import Axes, aligners_of, expand
from bench.sweep.calibration_plan import calibration_identity, plan_calibration
from bench.sweep.detection_plan import detection_identity, plan_detectors, plan_exhibition
from bench.sweep.grouping import plan_columns
from bench.sweep.inputs import Entry, draw_trials, identity_of, images_digest, settings_of, warn_of_inferred_people
from bench.sweep.instances import plain, plugin
from bench.sweep.making_plan import making_identity, plan_making
from bench.sweep.risk_plan import EVERY_PHOTO, faces_part, plan_risk
from bench.sweep.sighting import Cast

CELL_REVISION = 3
"""Part of every cell's key; it moves when what a cell computes from the same inputs moves."""


@dataclass(frozen=True)
class Plan:
    """What a sweep will do.

    Attributes:
        sweep: the sweep.
        cells: its cells, in the order in which their figures stand in the report.
        frames: how many frames take part, over all data sets.
        trials: how many comparisons a recognizer makes, over all data sets.
    """

    sweep: Sweep
    cells: tuple[Cell, ...]
    frames: int
    trials: int


def plan(sweep: Sweep) -> Plan:
    """The cells of a sweep.

    Raises:
        UnknownName: a plugin, protocol or setting that is not there.
        ConfigError: a setting of the wrong type, or two recognizers that figures could not tell apart.
        MissingFile: a data set or model file that is not there.
    """
    cells: list[Cell] = []
    frames = trials = 0
    for dataset_entry, dataset_axes in expand("dataset", sweep.dataset):
        dataset: Dataset = plugin("dataset", dataset_entry)
        drawn = _Drawn(sweep, dataset, dataset_entry)
        for work in _works(drawn) if sweep.recognizers else ():
            frames, trials = frames + work.frames, trials + work.comparisons
            cells += _cells(drawn, dataset_axes, work)
        if sweep.detectors:
            exhibition = plan_exhibition(sweep, dataset, dataset_entry)
            frames, trials = frames + exhibition.frames, trials + exhibition.samples
            for judging in plan_detectors(sweep, dataset_entry, dataset_axes, exhibition):
                cells.append(_cell(sweep, judging.part, judging.entries, judging.labels))
        if sweep.aligners:
            frames += len(dataset.frames())
            cells += _alignment_cells(sweep, dataset, dataset_entry, dataset_axes)
    _refuse_confusion(cells)
    return Plan(sweep, tuple(cells), frames, trials)


class _Drawn:
    """A data set of a sweep, and what is drawn of it once for all cells.

    Attributes:
        sweep: the sweep.
        dataset: the data set.
        entry: ``{"name": ..., **settings}``.
        calibrations: what `plan_calibration` remembers.
    """

    def __init__(self, sweep: Sweep, dataset: Dataset, entry: Entry) -> None:
        self.sweep, self.dataset, self.entry = sweep, dataset, entry
        self.calibrations: dict[str, Entry] = {}

    @cached_property
    def trials(self) -> Trials:
        """The trials of the sweep's protocol. Raises `UnknownName`."""
        protocol = self.sweep.protocol or self.dataset.protocols[0]
        if protocol not in self.dataset.protocols:
            raise UnknownName("protocol", protocol, self.dataset.protocols, f"(of data set {self.entry['name']!r})")
        return draw_trials(self.dataset, self.entry["name"], protocol, self.sweep.seed)

    @cached_property
    def people(self) -> frozenset[str]:
        """Who takes part in the trials."""
        return frozenset(frame.subject for frame in self.trials.frames)

    @cached_property
    def compared(self) -> Mapping[str, Any]:
        """The part of a cell's identity that says which trials."""
        trials = self.trials
        images = images_digest(self.dataset, trials.frames)
        return {"protocol": trials.protocol, "trials": trials.digest, "images": images}


@dataclass(frozen=True)
class _Work:
    """What every recognizer is asked on a data set.

    Attributes:
        assessment: which.
        part: the part of each cell's identity that says so.
        frames: how many photos take part.
        comparisons: how many comparisons that is.
        people: who is reported on, where thresholds are carried over from other people; None where none are.
        labels: what its figures are filed under besides data set, protocol, recognizer and their settings.
        entries: role to sweep-file entry, of plugins besides data set, recognizer and aligner.
    """

    assessment: str
    part: Mapping[str, Any]
    frames: int
    comparisons: int
    people: frozenset[str] | None = None
    labels: Mapping[str, Any] = field(default_factory=dict)
    entries: Mapping[str, Entry] = field(default_factory=dict)


def _works(drawn: _Drawn) -> Iterator[_Work]:
    for assessment in drawn.sweep.assessments:
        yield _PLANNERS[assessment](drawn)
    for made in plan_making(drawn.sweep, drawn.dataset, drawn.entry):
        part = {**drawn.compared, **made.part}
        people = drawn.people | made.people
        yield _Work("generated", part, made.faces, made.comparisons, people, made.labels, made.entries)


def _verification(drawn: _Drawn) -> _Work:
    sweep, trials = drawn.sweep, drawn.trials
    part = {
        **drawn.compared,
        "columns": {
            "files": [str(path.absolute()) for path in sweep.columns],
            "digests": plan_columns(sweep, drawn.dataset, trials.frames),
        },
        "groups": [plain(group.model_dump()) for group in sweep.groups],
        "discard": list(sweep.discard),
    }
    return _Work("verification", part, len(trials.frames), len(trials.probe), drawn.people)


def _identification(drawn: _Drawn) -> _Work:
    warn_of_inferred_people(drawn.dataset, drawn.entry["name"])
    searches = draw_searches(drawn.dataset, drawn.entry["name"], drawn.sweep.seed)
    part = {
        "protocol": ONE_TO_MANY,
        "trials": searches.digest,
        "images": images_digest(drawn.dataset, searches.frames),
    }
    return _Work("identification", part, len(searches.frames), len(searches.probe) * len(searches.gallery))


def _impersonation_risk(drawn: _Drawn) -> _Work:
    frames = drawn.dataset.frames()
    risk = plan_risk(drawn.sweep, drawn.entry)
    part = {"protocol": EVERY_PHOTO, **faces_part(drawn.dataset, frames), **risk.part}
    held = sum(len(others.frames) for others in risk.held.values())
    people = frozenset(frame.subject for frame in frames)
    return _Work("impersonation_risk", part, len(frames), len(frames) * held, people, entries=risk.entries)


_PLANNERS: Mapping[str, Callable[[_Drawn], _Work]] = {
    "verification": _verification,
    "identification": _identification,
    "impersonation_risk": _impersonation_risk,
}


def _cells(drawn: _Drawn, dataset_axes: Axes, work: _Work) -> Iterator[Cell]:
    sweep, dataset_entry = drawn.sweep, drawn.entry
    for wanted in sweep.recognizers:
        for entry, axes in expand("recognizer", wanted):
            recognizer: Recognizer = plugin("recognizer", entry)
            for aligner_entry, aligner_axes in aligners_of(wanted, recognizer):
                aligner: Aligner = plugin("aligner", aligner_entry)
                check_cast(Cast(dataset_entry, aligner_entry, entry), drawn.dataset)
                finder = {"aligner": aligner_entry["name"], **aligner_axes}
                labels = {
                    "dataset": dataset_entry["name"],
                    "protocol": work.part["protocol"],
                    "recognizer": wanted.label or wanted.name,
                    **work.labels,
                    "settings": {**dataset_axes, **axes, **finder, **work.labels.get("settings", {})},
                }
                identity = {
                    "assessment": work.assessment,
                    "dataset": identity_of(dataset_entry, drawn.dataset),
                    **work.part,
                    "recognizer": identity_of(entry, recognizer),
                    "aligner": identity_of(aligner_entry, aligner),
                    "comparison": recognizer.comparison,
                    "calibration": None,
                }
                settings = {"dataset": dataset_entry, "recognizer": entry, "aligner": aligner_entry, **work.entries}
                if work.people is not None:
                    identity["calibration"] = plan_calibration(
                        sweep,
                        label=labels["recognizer"],
                        recognizer_entry=entry,
                        recognizer=recognizer,
                        aligner_entry=aligner_entry,
                        aligner=aligner,
                        dataset_entry=dataset_entry,
                        evaluated=work.people,
                        remembered=drawn.calibrations,
                    )
                yield _cell(sweep, identity, settings, labels)


def _alignment_cells(sweep: Sweep, dataset: Dataset, dataset_entry: Entry, dataset_axes: Axes) -> Iterator[Cell]:
    name = dataset_entry["name"]
    shared: dict[str, Any] = {
        "assessment": "alignment",
        "dataset": identity_of(dataset_entry, dataset),
        **photos_part(dataset, name),
        "fmr": [],
        "calibration": None,
    }
    for wanted in sweep.aligners:
        for entry, axes in expand("aligner", wanted):
            labels = {
                "dataset": name,
                "protocol": shared["protocol"],
                "recognizer": None,
                "settings": {**dataset_axes, "aligner": entry["name"], **axes},
            }
            part = {**shared, "aligner": identity_of(entry, plugin("aligner", entry))}
            yield _cell(sweep, part, {"dataset": dataset_entry, "aligner": entry}, labels)


def _cell(sweep: Sweep, part: Mapping[str, Any], settings: Mapping[str, Entry], labels: Mapping[str, Any]) -> Cell:
    identity = {
        "cell": CELL_REVISION,
        "labels": labels,
        "fmr": list(sweep.fmr),
        **part,
        "images_read_by": images_read_by(),
        "draws": sweep.draws,
        "seed": sweep.seed,
    }
    return Cell(value_digest(_keyed(identity)), with_settings(identity, settings), labels)


def with_settings(identity: Mapping[str, Any], entries: Mapping[str, Entry]) -> dict[str, Any]:
    """A cell's spec: its identity, and the settings from which another process rebuilds the plugins.

    Args:
        identity: parts of a spec, plain data once it went through JSON.
        entries: role, dotted where it lies deeper, to sweep-file entry.
    """
    spec: dict[str, Any] = plain(identity)
    for role, entry in entries.items():
        part = spec
        for step in role.split("."):
            part = part[int(step)] if isinstance(part, list) else part[step]
        part["settings"] = settings_of(entry)
    return spec


def _keyed(identity: Mapping[str, Any]) -> dict[str, Any]:
    """The identity without where things lie on this machine."""
    if identity["assessment"] == "detection":
        return detection_identity(identity)
    columns = identity.get("columns", {}).get("digests")
    made = making_identity(identity) if "maker" in identity else identity
    return {**made, "columns": columns, "calibration": calibration_identity(identity["calibration"])}


_TOLD_APART: Mapping[str, str] = {
    "detector": "give each a label, or make one of them with an axis: a list of values where one is expected",
    "aligner": "make one of them with an axis: a list of values where one is expected",
}


def _refuse_confusion(cells: list[Cell]) -> None:
    counts = Counter((cell.spec["assessment"], value_digest(cell.labels)) for cell in cells)
    for cell in cells:
        if counts[cell.spec["assessment"], value_digest(cell.labels)] > 1:
            name = cell.labels["recognizer"]
            if name is None:
                kind = "detector" if cell.spec["assessment"] == "detection" else "aligner"
                called = cell.spec[kind]["name"]
                raise ConfigError(f"figures could not tell two {kind}s called {called!r} apart; {_TOLD_APART[kind]}")
            if maker := cell.spec.get("maker"):
                raise ConfigError(
                    f"figures could not tell two of {maker['name']}, as {name!r} sees it, apart; give each "
                    f"{maker['kind']} and each recognizer a label, such as "
                    f"{{name: {maker['name']}, label: {maker['label']}-2}}"
                )
            raise ConfigError(
                f"figures could not tell two recognizers called {name!r} apart; give each a label, such as "
                f"{{name: {cell.spec['recognizer']['name']}, label: {name}-2}}, or make one "
                "of them with an axis: a list of values where one is expected"
            )
