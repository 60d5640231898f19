"""From a sweep to its cells: axes expanded, plugins located and fingerprinted, trials drawn.

It imports nothing heavy.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from bench import registry
from bench.api import Aligner, Cell, Dataset, Kind, Recognizer, Trials
from bench.config import PluginEntry, RecognizerEntry, Sweep, axes_of, refuse_unknown
from bench.datasets.searches import ONE_TO_MANY, draw_searches
from bench.errors import ConfigError, UnknownName
from bench.images import READER
from bench.provenance import value_digest, version_of
from bench.sweep.calibration_plan import calibration_identity, plan_calibration
from bench.sweep.grouping import plan_columns
from bench.sweep.inputs import Entry, draw_trials, identity_of, images_digest, settings_of
from bench.sweep.instances import plain, plugin

CELL_REVISION = 2
"""Part of every cell's key; it moves when what a cell computes from the same inputs moves."""

Axes = dict[str, Any]


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
    for dataset_entry, dataset_axes in _expand("dataset", sweep.dataset):
        dataset: Dataset = plugin("dataset", dataset_entry)
        for assessment in sweep.assessments:
            work = _PLANNERS[assessment](sweep, dataset, dataset_entry)
            frames, trials = frames + work.frames, trials + work.comparisons
            cells += _cells(sweep, assessment, dataset_entry, dataset_axes, work)
    _refuse_confusion(cells)
    return Plan(sweep, tuple(cells), frames, trials)


@dataclass(frozen=True)
class _Work:
    """What every recognizer is asked on a data set.

    Attributes:
        part: the part of each cell's identity that says so.
        frames: how many photos take part.
        comparisons: how many comparisons that is.
        trials: the trials, where there are some: thresholds must come from other people than theirs.
    """

    part: Mapping[str, Any]
    frames: int
    comparisons: int
    trials: Trials | None = None


def _verification(sweep: Sweep, dataset: Dataset, entry: Entry) -> _Work:
    protocol = sweep.protocol or dataset.protocols[0]
    if protocol not in dataset.protocols:
        raise UnknownName("protocol", protocol, dataset.protocols, f"(of data set {entry['name']!r})")
    trials = draw_trials(dataset, entry["name"], protocol, sweep.seed)
    part = {
        "protocol": protocol,
        "trials": trials.digest,
        "images": images_digest(dataset, trials.frames),
        "columns": {
            "files": [str(path.absolute()) for path in sweep.columns],
            "digests": plan_columns(sweep, dataset, trials.frames),
        },
        "groups": [plain(group.model_dump()) for group in sweep.groups],
        "discard": list(sweep.discard),
    }
    return _Work(part, len(trials.frames), len(trials.probe), trials)


def _identification(sweep: Sweep, dataset: Dataset, entry: Entry) -> _Work:
    searches = draw_searches(dataset, entry["name"], sweep.seed)
    part = {
        "protocol": ONE_TO_MANY,
        "trials": searches.digest,
        "images": images_digest(dataset, searches.frames),
    }
    return _Work(part, len(searches.frames), len(searches.probe) * len(searches.gallery))


_PLANNERS: Mapping[str, Callable[[Sweep, Dataset, Entry], _Work]] = {
    "verification": _verification,
    "identification": _identification,
}


def _cells(sweep: Sweep, assessment: str, dataset_entry: Entry, dataset_axes: Axes, work: _Work) -> Iterator[Cell]:
    dataset: Dataset = plugin("dataset", dataset_entry)
    for wanted in sweep.recognizers:
        for entry, axes in _expand("recognizer", wanted):
            recognizer: Recognizer = plugin("recognizer", entry)
            for aligner_entry, aligner_axes in _aligners(wanted, recognizer):
                aligner: Aligner = plugin("aligner", aligner_entry)
                labels = {
                    "dataset": dataset_entry["name"],
                    "protocol": work.part["protocol"],
                    "recognizer": wanted.label or wanted.name,
                    "settings": {**dataset_axes, **axes, "aligner": aligner_entry["name"], **aligner_axes},
                }
                identity = {
                    "cell": CELL_REVISION,
                    "labels": labels,
                    "assessment": assessment,
                    "dataset": identity_of(dataset_entry, dataset),
                    **work.part,
                    "images_read_by": {name: version_of(name) for name in READER},
                    "recognizer": identity_of(entry, recognizer),
                    "aligner": identity_of(aligner_entry, aligner),
                    "comparison": recognizer.comparison,
                    "fmr": list(sweep.fmr),
                    "draws": sweep.draws,
                    "seed": sweep.seed,
                    "calibration": None,
                }
                settings = {"dataset": dataset_entry, "recognizer": entry, "aligner": aligner_entry}
                if work.trials is not None:
                    identity["calibration"] = plan_calibration(
                        sweep,
                        label=labels["recognizer"],
                        recognizer_entry=entry,
                        recognizer=recognizer,
                        aligner_entry=aligner_entry,
                        aligner=aligner,
                        dataset_entry=dataset_entry,
                        evaluated=work.trials,
                    )
                yield Cell(value_digest(_keyed(identity)), _with_settings(identity, settings), labels)


def _aligners(wanted: RecognizerEntry, recognizer: Recognizer) -> Iterator[tuple[Entry, Axes]]:
    entries = wanted.aligner
    if entries is None:
        entries = (PluginEntry.model_validate(dict(recognizer.default_aligner())),)
    for entry in entries:
        yield from _expand("aligner", entry)


def _expand(kind: Kind, entry: PluginEntry) -> Iterator[tuple[Entry, Axes]]:
    """Every combination of the axes among an entry's settings, with each axis' value under its dotted name."""
    given = plain(entry.settings)
    cls = registry.settings_class(registry.registry().find(kind, entry.name))
    own = set(type(entry).model_fields) - {"settings"}
    refuse_unknown(given, {field.name for field in dataclasses.fields(cls)} | own, f"{kind} {entry.name}", "setting")
    axes = axes_of(cls, given)
    for values in itertools.product(*axes.values()):
        chosen = dict(zip(axes, values, strict=True))
        yield {"name": entry.name, **given, **chosen}, {f"{kind}.{axis}": value for axis, value in chosen.items()}


def _with_settings(identity: Mapping[str, Any], entries: Mapping[str, Entry]) -> dict[str, Any]:
    spec = dict(identity)
    for role, entry in entries.items():
        spec[role] = {**spec[role], "settings": settings_of(entry)}
    return spec


def _keyed(identity: Mapping[str, Any]) -> dict[str, Any]:
    """The identity without where things lie on this machine."""
    columns = identity.get("columns", {}).get("digests")
    return {**identity, "columns": columns, "calibration": calibration_identity(identity["calibration"])}


def _refuse_confusion(cells: list[Cell]) -> None:
    counts = Counter((cell.spec["assessment"], value_digest(cell.labels)) for cell in cells)
    for cell in cells:
        if counts[cell.spec["assessment"], value_digest(cell.labels)] > 1:
            name = cell.labels["recognizer"]
            raise ConfigError(
                f"figures could not tell two recognizers called {name!r} apart; give each a label, such as "
                f"{{name: {cell.spec['recognizer']['name']}, label: {name}-2}}, or make one "
                "of them with an axis: a list of values where one is expected"
            )
