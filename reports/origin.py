"""Where a run comes from and how to make it again: versions, machine, digests, seed, commit, command."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

import yaml

from reports import numbers, tables
from reports.outlet import Outlet
from reports.page import Block, Code, Failures, Folded, Links, Part, Rows, Section, Words
from reports.series import Group, Run, Series

Terms = list[tuple[str, str]]


def section(run: Run, outlet: Outlet) -> Section:
    """Section "Provenance".

    Args:
        run: the run.
        outlet: takes every figure of the run as a CSV file.
    """
    files = [("CSV: every figure", outlet.csv(tables.figures_frame(run), "figures"))]
    if run.failed:
        files.append(("CSV: failed cells", outlet.csv(tables.failed_frame(run.failed), "failed_cells")))
    files += [(name, name) for name in ("summary.json", "manifest.json") if (run.folder / name).is_file()]
    many = len(run.all_groups) > 1
    cells: list[Block] = [
        Folded(
            f"{one.title}{f' on {group.title}' if many else ''}{_ran(one, group)}",
            [Rows(of_series(one))],
        )
        for group in run.all_groups
        for one in group.series
    ]
    parts = [
        Part("Make it again", [Code(recipe(run))]),
        Part("The run", [Rows(of_run(run))]),
        Part("Its cells", [*cells, Links(files)]),
    ]
    return Section("provenance", "Provenance", parts)


def failed_section(run: Run) -> Section:
    """Section "Failed cells"; without any part where every cell ended well.

    Args:
        run: the run.
    """
    blocks: list[Block] = []
    if run.unfinished:
        has = "has" if run.unfinished == 1 else "have"
        cells = f"{numbers.plural(run.unfinished, 'cell')} of the sweep {has} no outcome: the run was interrupted. "
        blocks.append(Words(f"{cells}The same command goes on from there."))
    if run.failed:
        blocks.append(Failures(run.failed))
    return Section("failed", "Failed cells", [Part("", blocks)] if blocks else [])


def of_run(run: Run) -> Terms:
    """Term and value of everything the manifest says about the run as a whole."""
    manifest = run.manifest
    machine = manifest.get("machine") or {}
    rows = [
        ("impersona", str(manifest.get("impersona", "unknown"))),
        ("commit", _commit(manifest.get("git"))),
        ("command", str(manifest.get("command") or "unknown: run from Python")),
        ("started", str(manifest.get("started", "unknown")).replace("T", " ")),
        ("last session took", numbers.seconds(manifest.get("seconds"))),
        ("seed", str(manifest.get("seed", "unknown"))),
        ("system", str(machine.get("system", "unknown"))),
        ("processor", f"{machine.get('processor', 'unknown')}, {machine.get('cores', '?')} cores"),
    ]
    return rows + [(key, str(value)) for key, value in (manifest.get("versions") or {}).items()]


def of_series(series: Series) -> Terms:
    """Term and value of what determined one cell's scores, and what it ran on."""
    spec, outcome = series.outcome["spec"], series.outcome
    rows: Terms = [(f"really used: {key}", str(value)) for key, value in outcome["runtime"].items()]
    rows += [(key.replace("_", " "), numbers.count(value)) for key, value in outcome["counts"].items()]
    rows.append(("took", numbers.seconds(outcome.get("seconds"))))
    for key, value in spec.items():
        if isinstance(value, Mapping):
            rows += [(f"{key} · {name}", text) for name, text in _flat(value)]
        elif key == "makers":
            for maker in value:
                rows += [(f"attack · {maker.get('species', 'unknown')} · {name}", text) for name, text in _flat(maker)]
        else:
            rows.append((key.replace("_", " "), _text(value)))
    return [*rows, ("cell", series.key)]


def device(series: Series) -> str:
    """The provider or device that embedded a series, in a few words."""
    runtime = series.outcome["runtime"]
    return str(runtime.get("provider") or runtime.get("device") or "")


def _ran(one: Series, group: Group) -> str:
    """On what a cell ran, as its heading says it; aligners do not tell."""
    ran = device(one) or ("" if group.assessment == "alignment" else "runtime unknown")
    return f": {ran}" if ran else ""


def sweep_file(run: Run) -> str:
    """The sweep as a YAML file that `impersona run` takes."""
    sweep = {key: _entry(value) for key, value in (run.manifest.get("sweep") or {}).items() if value is not None}
    return yaml.safe_dump(sweep, sort_keys=False, allow_unicode=True, width=100)


def recipe(run: Run) -> str:
    """Shell lines that make the run again."""
    manifest = run.manifest
    git = manifest.get("git") or {}
    lines = [
        f"# impersona {manifest.get('impersona', '')}" + (f", commit {git['commit']}" if git.get("commit") else "")
    ]
    if git.get("changed"):
        lines.append("# the working tree had changes that no commit holds")
    if imported := manifest.get("imported"):
        commands = [(imported.get(key) or {}).get("command") for key in manifest["cells"]]
        return "\n".join([*lines, *(command or "# imported from Python" for command in commands)])
    body = sweep_file(run)
    end = "SWEEP"
    while end in body:
        end += "_"
    target = shlex.quote(f"runs/{run.name}-again")
    return "\n".join(
        [*lines, f"cat > sweep.yaml <<'{end}'", body.rstrip("\n"), end, f"impersona run sweep.yaml --out {target}"]
    )


def _commit(git: Mapping[str, Any] | None) -> str:
    if not git:
        return "none: not run from a checkout"
    return str(git.get("commit", "unknown")) + (" with uncommitted changes" if git.get("changed") else "")


def _entry(value: Any) -> Any:
    """A plugin's entry as one would write it: its settings beside its name, or its name alone."""
    if isinstance(value, list):
        return [_entry(one) for one in value]
    if isinstance(value, Mapping) and "name" in value and isinstance(value.get("settings"), Mapping):
        rest = {key: _entry(one) for key, one in value.items() if key not in ("name", "settings") and one is not None}
        whole = {"name": value["name"], **value["settings"], **rest}
        return whole if len(whole) > 1 else value["name"]
    return value


def _flat(value: Mapping[str, Any], before: str = "") -> Terms:
    rows: Terms = []
    for key, one in value.items():
        name = f"{before}{key}"
        rows += _flat(one, f"{name} · ") if isinstance(one, Mapping) else [(name, _text(one))]
    return rows


def _text(value: Any) -> str:
    if isinstance(value, list) and not any(isinstance(one, Mapping | list) for one in value):
        return ", ".join(map(_text, value)) or "none"
    return "none" if value is None else str(value)
