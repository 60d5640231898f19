"""A run folder, read for the gate."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import partial
from typing import Any

from bench.store.run_folder import DrawKey, RunFolder, draws_of
from reports.gate.standing import CellStanding, Draws, FailedCell, Measured, Standing, completed

_PLACES = ("settings", "file", "files", "content", "warnings")
"""Parts of a spec that say where things lie on a machine; what they hold is digested beside them."""

_NAMES = ("labels", "run", "keep_faces")
"""Parts of a spec that decide no figure."""

_MANIFEST = ("name", "fingerprint", "protocol", "split", "trials", "images")


def read_run(path: str | os.PathLike[str]) -> Standing:
    """What a run folder says.

    Args:
        path: the folder.

    Raises:
        MissingFile: it holds no run.
        CorruptFile: a part of it is not readable.
    """
    folder = RunFolder.open(path)
    manifest = folder.manifest()
    cells, failed = [], []
    for key in manifest["cells"]:
        status = folder.status(key)
        if status == "absent":
            failed.append(FailedCell({}, "it was never made, or its tables are damaged"))
            continue
        outcome = folder.outcome(key)
        if status == "failure":
            failed.append(FailedCell(outcome["labels"], f"{outcome['error']}: {outcome['message']}"))
        else:
            cells.append(_cell(folder, key, outcome))
    return Standing(
        path=str(path),
        kind="run",
        name=str(manifest.get("name", "")),
        impersona=str(manifest.get("impersona", "")),
        versions={str(name): str(version) for name, version in (manifest.get("versions") or {}).items()},
        commit=_commit(manifest.get("git")),
        cells=cells,
        failed=failed,
    )


def identity_of(spec: Mapping[str, Any]) -> dict[str, Any]:
    """What of a cell's spec says what it computes: no place of a machine, no name of a person.

    Of a threshold manifest the recipe is kept: on what it was set, for which rates, with which draws.

    Args:
        spec: the cell's.
    """
    kept = {name: value for name, value in spec.items() if name not in _NAMES}
    found: dict[str, Any] = _without_places(kept)
    content = (spec.get("calibration") or {}).get("content")
    if content:
        found["calibration"]["recipe"] = {
            "dataset": {name: content["dataset"].get(name) for name in _MANIFEST},
            "rates": [point["requested_fmr"] for point in content["points"]],
            "seed": content["seed"],
            "draws": content["draws"],
        }
    return found


def _without_places(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {
            name: part if name == "fingerprint" else _without_places(part)
            for name, part in value.items()
            if name not in _PLACES
        }
    return [_without_places(part) for part in value] if isinstance(value, list | tuple) else value


def _cell(folder: RunFolder, key: str, outcome: Mapping[str, Any]) -> CellStanding:
    figures = {
        DrawKey(one["figure"], one.get("operating_point"), one.get("group"), one.get("species")): Measured(
            one["value"], one.get("low"), one.get("high"), int(one.get("n") or 0), str(one.get("support") or "ok")
        )
        for one in outcome["figures"]
        if one.get("versus") is None
    }
    return CellStanding(
        assessment=str(outcome["spec"].get("assessment") or "verification"),
        labels=outcome["labels"],
        identity=identity_of(outcome["spec"]),
        people=_people(outcome, figures),
        figures=completed(figures),
        read_draws=partial(_draws, folder, key) if "draws" in outcome["tables"] else dict,
        grids={},
    )


def _draws(folder: RunFolder, key: str) -> Mapping[DrawKey, Draws]:
    return draws_of(folder.table(key, "draws"))


def _people(outcome: Mapping[str, Any], figures: Mapping[DrawKey, Measured]) -> int | None:
    counted = (outcome.get("counts") or {}).get("people")
    if counted is None and (subjects := figures.get(DrawKey("subjects", None, None, None))) is not None:
        counted = subjects.value
    return int(counted) if counted else None


def _commit(git: Mapping[str, Any] | None) -> str:
    return f"{git['commit']}{'+' if git.get('changed') else ''}" if git and git.get("commit") else ""
