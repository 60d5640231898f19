"""From a sweep to its cells: axes expanded, plugins located and fingerprinted, trials drawn.

It imports nothing heavy.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from bench import registry
from bench.api import Aligner, Cell, Dataset, Kind, Recognizer, Trials
from bench.config import PluginEntry, RecognizerEntry, Sweep, axes_of, refuse_unknown
from bench.errors import ConfigError, MissingFile, UnknownName
from bench.images import READER
from bench.provenance import value_digest, version_of
from bench.seeding import stream
from bench.sweep.instances import plain, plugin

CELL_REVISION = 1
"""Part of every cell's key; it moves when what a cell computes from the same inputs moves."""

Entry = dict[str, Any]
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
        protocol = sweep.protocol or dataset.protocols[0]
        if protocol not in dataset.protocols:
            raise UnknownName("protocol", protocol, dataset.protocols, f"(of data set {dataset_entry['name']!r})")
        drawn = draw_trials(dataset, dataset_entry["name"], protocol, sweep.seed)
        frames, trials = frames + len(drawn.frames), trials + len(drawn.probe)
        part = {
            "dataset": _identity(dataset_entry, dataset),
            "protocol": protocol,
            "trials": drawn.digest,
            "images": images_digest(dataset, drawn),
        }
        cells += _cells(sweep, dataset_entry, dataset_axes, part)
    _refuse_confusion(cells)
    return Plan(sweep, tuple(cells), frames, trials)


def draw_trials(dataset: Dataset, name: str, protocol: str, seed: int) -> Trials:
    """The trials of a protocol, from the stream that belongs to them: planning and execution draw the same."""
    return dataset.trials(protocol, stream(seed, "trials", name, protocol))


def images_digest(dataset: Dataset, trials: Trials) -> str:
    """SHA-256 hex of the content of every frame that takes part."""
    return value_digest([dataset.content_digest(frame.key) for frame in trials.frames])


def _cells(sweep: Sweep, dataset_entry: Entry, dataset_axes: Axes, part: Mapping[str, Any]) -> Iterator[Cell]:
    for assessment, wanted in itertools.product(sweep.assessments, sweep.recognizers):
        for entry, axes in _expand("recognizer", wanted):
            recognizer: Recognizer = plugin("recognizer", entry)
            for aligner_entry, aligner_axes in _aligners(wanted, recognizer):
                aligner: Aligner = plugin("aligner", aligner_entry)
                labels = {
                    "dataset": dataset_entry["name"],
                    "protocol": part["protocol"],
                    "recognizer": wanted.label or wanted.name,
                    "settings": {**dataset_axes, **axes, "aligner": aligner_entry["name"], **aligner_axes},
                }
                identity = {
                    "cell": CELL_REVISION,
                    "labels": labels,
                    "assessment": assessment,
                    **part,
                    "images_read_by": {name: version_of(name) for name in READER},
                    "recognizer": _identity(entry, recognizer),
                    "aligner": _identity(aligner_entry, aligner),
                    "comparison": recognizer.comparison,
                    "fmr": list(sweep.fmr),
                    "seed": sweep.seed,
                }
                settings = {"dataset": dataset_entry, "recognizer": entry, "aligner": aligner_entry}
                yield Cell(value_digest(identity), _with_settings(identity, settings), labels)


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


def _identity(entry: Entry, loaded: Any) -> dict[str, Any]:
    try:
        return {"name": entry["name"], "fingerprint": plain(loaded.fingerprint())}
    except OSError as error:
        raise MissingFile(f"{entry['name']}: {error}") from error


def _with_settings(identity: Mapping[str, Any], entries: Mapping[str, Entry]) -> dict[str, Any]:
    spec = dict(identity)
    for role, entry in entries.items():
        spec[role] = {**spec[role], "settings": {key: value for key, value in entry.items() if key != "name"}}
    return spec


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
