"""Baselines: what a later run is compared with, as one small text file that is meant to be committed.

One line a figure, its bootstrap draws packed at the end of the same line; each part carries a check, so that an edited
or badly merged file is told by its line. It holds no path, no date and no name of a person: a run made again gives the
same bytes. docs/gate.md describes the fields.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.errors import ConfigError
from bench.store.blobs import DiskStore
from bench.store.run_folder import DrawKey
from reports.gate.baseline_reader import KEY, SCHEMA, check_of
from reports.gate.quantised import packed
from reports.gate.rules import Pattern
from reports.gate.standing import CellStanding, Draws, Measured, Standing, complement_of, is_headline

Json = dict[str, Any]


def baseline_text(standing: Standing, patterns: Sequence[Pattern] = ()) -> str:
    """The file that holds what a run says.

    Args:
        standing: the run.
        patterns: which figures; by default those that are compared where no rule says which.

    Raises:
        ConfigError: cells that failed, no figure with draws, or a pattern that fits none.
    """
    if standing.failed:
        raise ConfigError(
            f"{standing.path}: {len(standing.failed)} of {len(standing.cells) + len(standing.failed)} cells have no "
            f"result (the first: {standing.failed[0].reason}); a baseline holds whole runs: run the sweep again"
        )
    used: set[str] = set()
    parts = [_cell_text(cell, chosen) for cell in standing.cells if (chosen := _chosen(cell, patterns, used))]
    if unused := [one.text for one in patterns if one.text not in used]:
        raise ConfigError(
            f"{standing.path}: no figure with bootstrap draws fits {unused[0]!r}; see which there are: "
            f"impersona baseline save {standing.path} --figure '*', then impersona baseline show"
        )
    if not parts:
        raise ConfigError(
            f"{standing.path} holds no figure with bootstrap draws; make the run with draws: 1000, which is the default"
        )
    header = {
        "schema": SCHEMA,
        "impersona": standing.impersona,
        "run": standing.name,
        "commit": standing.commit,
        "versions": dict(sorted(standing.versions.items())),
    }
    lines = [f"{_text(name)}: {_text(value)}," for name, value in _with_check(header).items()]
    return "\n".join(["{", *lines, '"cells": [', ",\n".join(parts), "]", "}"]) + "\n"


def write_baseline(text: str, path: str | os.PathLike[str], replace: bool = False) -> bool:
    """Puts a baseline at a path, in one step.

    Args:
        text: the file.
        path: where.
        replace: whether to put it over something else.

    Returns:
        False where the very same file stood there already.

    Raises:
        ConfigError: something else stands there.
    """
    path = Path(path)
    store, data = DiskStore(path.parent), text.encode()
    if store.put_if_absent(path.name, data):
        return True
    if path.is_file() and store.get(path.name) == data:
        return False
    if not replace or path.is_dir():
        raise ConfigError(
            f"{path} holds something else; give --replace to put this baseline in its place, or --out FILE"
        )
    store.put(path.name, data)
    return True


def _chosen(cell: CellStanding, patterns: Sequence[Pattern], used: set[str]) -> list[DrawKey]:
    """The figures to keep, as they are stored: no complement of one that is kept too."""
    there = [key for key in cell.figures if key in cell.draws]
    if not patterns:
        found = {key for key in there if is_headline(cell.assessment, key)}
    else:
        found = set()
        for pattern in patterns:
            picked = pattern.picks(there) if pattern.fits(cell.labels) else []
            found.update(picked)
            used.update([pattern.text] if picked else [])
    kept = {other if (other := complement_of(key)) in cell.figures and other is not None else key for key in found}
    return [key for key in cell.figures if key in kept]


def _cell_text(cell: CellStanding, chosen: Iterable[DrawKey]) -> str:
    head = _with_check(
        {
            "assessment": cell.assessment,
            "labels": {name: value for name, value in cell.labels.items() if value not in (None, {})},
            "people": cell.people,
            "identity": cell.identity,
        }
    )
    lines = [
        f"{_text(name)}: {json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False, sort_keys=True)},"
        if name == "identity"
        else f"{_text(name)}: {_text(value)},"
        for name, value in head.items()
    ]
    figures = [_figure_text(key, cell.figures[key], cell.draws[key]) for key in chosen]
    return "\n".join(["{", *lines, '"figures": [', ",\n".join(figures), "]", "}"])


def _figure_text(key: DrawKey, measured: Measured, draws: Draws) -> str:
    codes = packed(draws)
    named = {short: getattr(key, name) for name, short in KEY.items() if getattr(key, name) is not None}
    numbers = {name: getattr(measured, name) for name in ("value", "low", "high", "n", "support")}
    record = {**named, **numbers, "grid": codes.grid, "first": codes.first, "draws": codes.codes}
    check = check_of(record)
    last = record.pop("draws")
    return _text({**record, "check": check, "draws": last})


def _with_check(part: Mapping[str, Any]) -> Json:
    return {**part, "check": check_of(part)}


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)
