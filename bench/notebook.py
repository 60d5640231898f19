"""The public functions for notebooks, which the command line uses too; `import bench` offers them by name."""

from __future__ import annotations

import dataclasses
import inspect
import json
import os
import re
import typing
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from bench.api import Dataset, Executor, Frame, Kind, Progress
from bench.config import Sweep, load_sweep, parse_entry, parse_sweep
from bench.errors import ConfigError
from bench.registry import load, registry, settings_class, what_is_missing

if TYPE_CHECKING:
    import pandas as pd

    from bench.conformance import Finding
    from bench.store.run_folder import RunFolder
    from bench.store.thresholds import Thresholds
    from bench.sweep.runner import Listener, Resume

__all__ = [
    "calibrate", "check", "embed", "load", "load_executor", "open_run", "plugin_rows", "plugins", "read_sweep", "run",
    "settings_of",
]  # fmt: skip

FIRST_SWEEP = Path(__file__).with_name("first.yaml")
"""The embedded default: what `impersona run` runs when no sweep is named."""


def plugin_rows(kind: str | None = None) -> list[dict[str, str]]:
    """Every plugin, or those of a kind, as plain rows: kind, name, summary, source, licence, missing.

    Args:
        kind: one of `bench.api.KINDS`.
    """
    return [
        {
            "kind": row.kind,
            "name": row.name,
            "summary": row.summary,
            "source": row.source,
            "licence": row.licence,
            "missing": what_is_missing(row),
        }
        for row in registry().rows(kind)
    ]


def settings_of(kind: Kind, name: str) -> list[dict[str, str]]:
    """The settings of a plugin as plain rows: name, type, default (empty where one must be given), meaning.

    Args:
        kind: such as ``"recognizer"``.
        name: such as ``"dlib_resnet"``.

    Raises:
        UnknownName: no such plugin.
    """
    cls = settings_class(registry().find(kind, name))
    entries = re.findall(r"^    (\w+): ((?:.|\n(?=        ))+)", inspect.getdoc(cls) or "", re.MULTILINE)
    hints = typing.get_type_hints(cls)
    meanings = {entry: " ".join(text.split()) for entry, text in entries}
    return [
        {
            "name": field.name,
            "type": _type_in_words(hints[field.name]),
            "default": _default_in_words(field),
            "meaning": meanings.get(field.name, ""),
        }
        for field in dataclasses.fields(cls)
    ]


def _default_in_words(field: dataclasses.Field[Any]) -> str:
    if field.default_factory is not dataclasses.MISSING:
        return json.dumps(field.default_factory(), default=str)
    return "" if field.default is dataclasses.MISSING else json.dumps(field.default, default=str)


def _type_in_words(hint: Any) -> str:
    if typing.get_origin(hint) is Literal:
        return " | ".join(repr(option) for option in typing.get_args(hint))
    if isinstance(hint, type) and not typing.get_args(hint):
        return hint.__name__
    return str(hint).replace("pathlib.", "").replace("collections.abc.", "")


def plugins(kind: str | None = None) -> pd.DataFrame:
    """`plugin_rows` as a frame; ``missing`` is empty where a plugin can be used on this machine."""
    import pandas as pd

    return pd.DataFrame(plugin_rows(kind), columns=["kind", "name", "summary", "source", "licence", "missing"])


def check(kind: Kind, name: str, **settings: Any) -> tuple[Finding, ...]:
    """Whether a plugin keeps the promises of its protocol; what `impersona check` prints.

    Args:
        kind: such as ``"recognizer"``.
        name: such as ``"dlib_resnet"``.
        settings: the plugin's settings; what is left out takes its default.

    Returns:
        One finding a promise; `Finding.kept` is False where one is broken.

    Raises:
        ImpersonaError: nothing could be asked: an unknown name, a wrong setting, a missing file or package.
    """
    from bench.conformance import check_plugin

    return check_plugin(kind, name, settings)


def read_sweep(
    sweep: str | os.PathLike[str] | Mapping[str, Any] | Sweep | None = None, overrides: Sequence[str] = ()
) -> Sweep:
    """A sweep from a file, a mapping or itself; the embedded default for None.

    Args:
        sweep: a YAML file, what such a file holds, or a ready `Sweep`.
        overrides: ``"key=value"``, for a file only; see `bench.config.load_sweep`.
    """
    if isinstance(sweep, Sweep | Mapping):
        if overrides:
            raise ConfigError("overrides go with a sweep file; change the mapping itself")
        return sweep if isinstance(sweep, Sweep) else parse_sweep(sweep)
    return load_sweep(sweep if sweep is not None else FIRST_SWEEP, overrides)


def run(
    sweep: str | os.PathLike[str] | Mapping[str, Any] | Sweep | None = None,
    out: str | os.PathLike[str] | None = None,
    *,
    overrides: Sequence[str] = (),
    listener: Listener | None = None,
    executor: str | None = None,
    jobs: int | None = None,
    resume: Resume = "failed",
) -> RunFolder:
    """Runs a sweep.

    Args:
        sweep: see `read_sweep`.
        out: the run folder; by default ``runs/NAME``. An existing run is continued.
        overrides: see `read_sweep`.
        listener: hears how it goes.
        executor: the name of a plugin that runs the cells; by default ``"processes"`` where `jobs` is given, else
            ``"inline"``. None changes a result.
        jobs: how many cells run at once, for an executor that takes it; 0 for as many as there are cores, up to 8.
        resume: which cells are run: ``"missing"``, those without any outcome; ``"failed"``, those and the ones that
            failed; ``"all"``, every one, over what is stored; ``"none"``: figures are made again from what is stored.

    Returns:
        The run, with `summary`, `trials`, `frames` and `failures` as pandas frames.
    """
    from bench.sweep.runner import run_sweep

    chosen = read_sweep(sweep, overrides)
    folder = Path(out) if out is not None else Path("runs") / chosen.name
    return run_sweep(chosen, folder, listener=listener, executor=load_executor(executor, jobs), resume=resume)


def load_executor(name: str | None = None, jobs: int | None = None) -> Executor:
    """What runs the cells of a sweep; see `run` for the arguments.

    Raises:
        UnknownName: no such executor, or one that takes no `jobs`.
    """
    settings = {} if jobs is None else {"jobs": jobs}
    executor: Executor = load("executor", name or ("inline" if jobs is None else "processes"), **settings)
    return executor


def calibrate(
    sweep: str | os.PathLike[str] | Mapping[str, Any] | Sweep | None = None,
    out: str | os.PathLike[str] = "thresholds",
    *,
    overrides: Sequence[str] = (),
    fmr: Sequence[float] | None = None,
    replace: bool = False,
    written: Callable[[Path, Thresholds, bool], None] | None = None,
    progress: Progress | None = None,
) -> dict[Path, Thresholds]:
    """Sets thresholds for every recognizer and aligner of a sweep and writes a manifest of each: docs/thresholds.md.

    Args:
        sweep: see `read_sweep`. The people are those that its ``calibrate`` names, by default split dev of its own.
        out: the folder of the manifests; each is called RECOGNIZER_ALIGNER.json.
        overrides: see `read_sweep`.
        fmr: false match rates; by default those of ``calibrate``, then those of the sweep.
        replace: whether a manifest may replace one that says something else.
        written: told of each manifest as it stands, and whether it was written or stood there already.
        progress: told how far it is.

    Returns:
        The manifests by their file.

    Raises:
        ConfigError: the sweep cannot be planned, or a manifest that says something else stands there.
    """
    from bench.store.cache import ArrayCache
    from bench.sweep.calibration import calibrate_on
    from bench.sweep.calibration_plan import calibration_sweep, manifest_names
    from bench.sweep.plan import plan

    cells = plan(calibration_sweep(read_sweep(sweep, overrides), fmr)).cells
    found: dict[Path, Thresholds] = {}
    for cell, name in zip(cells, manifest_names(cells), strict=True):
        path = Path(out) / name
        found[path] = calibrate_on(cell.spec, ArrayCache(), progress)
        new = found[path].write(path, replace)
        if written:
            written(path, found[path], new)
    return found


def open_run(path: str | os.PathLike[str]) -> RunFolder:
    """A run that was made earlier. Raises `MissingFile` if the folder holds none."""
    from bench.store.run_folder import RunFolder

    return RunFolder.open(path)


def embed(
    dataset: str | Mapping[str, Any],
    recognizer: str | Mapping[str, Any],
    aligner: str | Mapping[str, Any] | None = None,
    frames: Sequence[Frame] | None = None,
) -> pd.DataFrame:
    """The embeddings of a data set's photos.

    Args:
        dataset: a plugin as a sweep file names it: ``"drawn"`` or ``{"name": "folder", "root": "photos"}``.
        recognizer: likewise.
        aligner: likewise; by default what the recognizer asks for.
        frames: which photos; by default all of them.

    Returns:
        One row a photo: key, subject, acquired, problem, and embedding, float32 (D,) or None.
    """
    import pandas as pd

    from bench.store.cache import ArrayCache
    from bench.sweep.acquisition import acquire
    from bench.sweep.instances import plain, plugin
    from bench.sweep.sighting import Cast

    faces, judge = (_entry(value) for value in (dataset, recognizer))
    finder = _entry(aligner) if aligner is not None else plain(dict(plugin("recognizer", judge).default_aligner()))
    source: Dataset = plugin("dataset", faces)
    chosen = list(frames if frames is not None else source.frames())
    found = acquire(Cast(faces, finder, judge), chosen, ArrayCache())
    return pd.DataFrame(
        {
            "key": [frame.key for frame in chosen],
            "subject": [frame.subject for frame in chosen],
            "acquired": found.acquired,
            "problem": list(found.problems),
            "embedding": [row if ok else None for row, ok in zip(found.embeddings, found.acquired, strict=True)],
        }
    )


def _entry(value: str | Mapping[str, Any]) -> dict[str, Any]:
    from bench.sweep.instances import plain

    entry: dict[str, Any] = plain(parse_entry(value).as_entry())
    return entry
