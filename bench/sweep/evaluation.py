"""One generator, evaluated: the sweep that `impersona evaluate` runs, made by code.

Nothing here computes a figure: the sweep has one generator, its faces of photos of many people, and every figure that a
sweep has of made faces. What it says of the generator goes into a model card (`bench.sweep.model_card`).

It imports nothing heavy.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from bench import registry
from bench.config import (
    Calibrate,
    Diversity,
    GroupEntry,
    MakerEntry,
    Pairs,
    PluginEntry,
    RecognizerEntry,
    Sweep,
    axes_of,
    load_sweep,
    parse_entry,
    parse_group,
    parse_pairs,
    parse_sweep,
)
from bench.errors import ConfigError, MissingFile
from bench.sweep.instances import plain

DEFAULT_RECOGNIZERS = ("dlib_resnet", "lbp")
"""Who judges where nobody says otherwise: those whose weights are there on every machine."""

FMRS = (0.01, 0.001)
SPLITS: Mapping[str, str] = {"eval": "dev", "dev": "train", "train": "dev"}
"""A split of the data to the people on whom thresholds are set."""

ALL_PAIRS = "all_pairs"
"""The protocol of every data set that has splits by person."""


def data_given(text: str) -> dict[str, Any]:
    """What ``--data`` names, as the keys of a sweep: ``dataset`` at least.

    Args:
        text: a data set's name, a YAML mapping such as ``{name: drawn, people: 20}``, or a YAML file that holds such a
            mapping or a whole sweep, of which the data set, recognizers, thresholds and seed are taken.

    Raises:
        ConfigError: it is none of them.
        MissingFile: there is no such file.
    """
    path = Path(text)
    if path.suffix in (".yaml", ".yml"):
        return _of_file(path)
    return {"dataset": entry_given(text, "--data")}


def entry_given(text: str, where: str) -> PluginEntry:
    """The plugin that an option names.

    Args:
        text: its name, or a YAML mapping with ``name`` and settings.
        where: the option, for errors.

    Raises:
        ConfigError: it is neither.
    """
    return parse_entry(_yaml(text, where, "a name"), where)


def group_given(text: str, where: str) -> GroupEntry:
    """The groups that an option names.

    Args:
        text: a column, or a YAML mapping with ``column``, ``bins`` and ``per``.
        where: the option, for errors.

    Raises:
        ConfigError: it is neither.
    """
    return parse_group(_yaml(text, where, "a column"), where)


def recognizers_given(text: str, option: str = "--recognizers") -> tuple[RecognizerEntry, ...]:
    """The recognizers that an option names.

    Args:
        text: names with commas between them, or a YAML list of them and of mappings with ``name`` and settings.
        option: its name, for errors.

    Raises:
        ConfigError: it is neither.
    """
    try:
        value = yaml.safe_load(text if text.lstrip().startswith(("[", "{")) else f"[{text}]")
    except yaml.YAMLError as error:
        raise ConfigError(f"{option}: {text!r} is neither names nor a YAML list ({error})") from error
    given = value if isinstance(value, list) else [value]
    where = {"name": "a", "dataset": "drawn", "recognizers": given}
    return parse_sweep(where, option).recognizers


def evaluation_sweep(
    generator: MakerEntry,
    data: Mapping[str, Any],
    *,
    recognizers: Sequence[RecognizerEntry] = (),
    count: int = 100,
    seed: int | None = None,
) -> Sweep:
    """The sweep that evaluates a generator.

    Thresholds are set on other people of the data set where it has a split by person, else on the comparisons of the
    very people whose photos faces are made of.

    Args:
        generator: with its settings; a list among them makes an axis, and the card a row of each.
        data: as `data_given` returns it.
        recognizers: who judges; by default those of `data`, then `DEFAULT_RECOGNIZERS`.
        count: how many faces are made.
        seed: everything drawn is drawn from it; by default that of `data`, then 0.

    Raises:
        ConfigError: so many faces are never made, or several settings of the data set are asked for.
        UnknownName: no such generator.
    """
    registry.registry().find("generator", generator.name)
    base = dict(data)
    _refuse_axes(base["dataset"])
    of_others = on_other_people(base["dataset"])
    pairs: Pairs = base.get("pairs") or Pairs()
    fields: dict[str, Any] = {"count": count, "references": pairs.references}
    if pairs.kind != Pairs().kind:
        fields |= {"kind": pairs.kind, "alike_by": pairs.alike_by}
    return Sweep(
        name=f"evaluate-{generator.label or generator.name}",
        seed=seed if seed is not None else base.get("seed", 0),
        dataset=base["dataset"],
        # A part of the people has no lists of its own, such as LFW's view 2.
        protocol=base.get("protocol", ALL_PAIRS if of_others else None),
        recognizers=tuple(recognizers) or base.get("recognizers") or _default_recognizers(),
        fmr=base.get("fmr", FMRS),
        calibrate=base.get("calibrate", of_others),
        draws=base.get("draws", 1000),
        generators=(generator,),
        pairs=parse_pairs(fields),
        diversity=base.get("diversity") or Diversity(),
    )


def _of_file(path: Path) -> dict[str, Any]:
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise MissingFile(f"--data: no file at {path}; expected a data set's name or a YAML file") from error
    except (yaml.YAMLError, UnicodeDecodeError, OSError) as error:
        raise ConfigError(f"--data: {path} is not a YAML file ({error})") from error
    if not isinstance(document, dict):
        raise ConfigError(f"--data: {path} holds {type(document).__name__}; expected a data set or a sweep")
    if "dataset" in document:
        sweep = load_sweep(path)
        taken = ("dataset", "seed", "protocol", "recognizers", "fmr", "draws", "pairs", "diversity")
        found = {name: getattr(sweep, name) for name in taken}
        # What the file leaves out has other defaults here.
        said = {name: found[name] for name in taken if name in document}
        return said | ({"calibrate": sweep.calibrate} if "calibrate" in document else {})
    # As a part of a sweep it may name environment variables too.
    return {"dataset": parse_sweep({"name": "a", "dataset": document, "recognizers": "a"}, str(path)).dataset}


def _refuse_axes(dataset: PluginEntry) -> None:
    cls = registry.settings_class(registry.registry().find("dataset", dataset.name))
    for name, values in axes_of(cls, plain(dataset.settings)).items():
        raise ConfigError(f"--data: got {name}: {values}; a model card is of one data set, so give one of them")


def _default_recognizers() -> tuple[RecognizerEntry, ...]:
    return tuple(RecognizerEntry(name=name) for name in DEFAULT_RECOGNIZERS)


def on_other_people(dataset: PluginEntry) -> Calibrate | None:
    """Thresholds of other people of the same data set, where it has a split by person; None elsewhere.

    Args:
        dataset: the data set that is reported on.
    """
    cls = registry.settings_class(registry.registry().find("dataset", dataset.name))
    default = next((field.default for field in dataclasses.fields(cls) if field.name == "split"), None)
    split = plain(dataset.settings).get("split", default)
    other = SPLITS.get(split) if isinstance(split, str) else None
    return None if other is None else Calibrate(split=other)  # type: ignore[arg-type]


def _yaml(text: str, where: str, kind: str) -> Any:
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ConfigError(f"{where}: {text!r} is neither {kind} nor a YAML mapping ({error})") from error
