"""The scores of a run's cells, as other tools' files take them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bench.errors import ConfigError, UnknownName
from bench.exchange import ComparisonScores, PresentationScores
from bench.store.run_folder import RunFolder

PER_COMPARISON, PER_SUBJECT = "comparisons", "subjects"
"""What counts as a person: the field ``people`` of an imported cell's spec."""


def exported_scores(
    folder: RunFolder, cell: str | None = None, system: str | None = None
) -> ComparisonScores | PresentationScores:
    """The scores of one cell of a run.

    Args:
        folder: any run.
        cell: the start of the cell's key, or None for whichever cell `system` means.
        system: the label of a recognizer or detector, or None.

    Raises:
        ConfigError: no cell holds scores, or several do and nobody says which.
        UnknownName: no cell of that key or label holds scores.
    """
    held = [one for one in folder.outcomes() if one["status"] == "success" and _TABLES.keys() & one["tables"].keys()]
    if not held:
        raise ConfigError(f"{folder.path} holds no scores of comparisons or detectors; run a sweep with some")
    found = [one for one in held if _means(one, cell, system)]
    if not found:
        what, got = ("cell", cell) if cell is not None else ("system", system)
        known = [one["key"][:12] if cell is not None else _system(one) for one in held]
        raise UnknownName(what, str(got), known, f"(in {folder.path})")
    if len(found) > 1:
        rows = "\n".join(f"  --cell {one['key'][:12]}  {_said(one)}" for one in found)
        raise ConfigError(f"{folder.path} holds {len(found)} cells with scores that fit; name one of them:\n{rows}")
    outcome = found[0]
    named = outcome["spec"].get("people") != PER_COMPARISON
    name = next(table for table in _TABLES if table in outcome["tables"])
    return _TABLES[name].from_table(folder.table(outcome["key"], name), named)


_TABLES: Mapping[str, type[ComparisonScores] | type[PresentationScores]] = {
    "trials": ComparisonScores,
    "presentations": PresentationScores,
}
"""The tables that hold scores, and as what they are exported."""


def _means(outcome: Mapping[str, Any], cell: str | None, system: str | None) -> bool:
    return (cell is None or outcome["key"].startswith(cell)) and (system is None or _system(outcome) == system)


def _system(outcome: Mapping[str, Any]) -> str:
    labels = outcome["labels"]
    return str(labels.get("recognizer") or labels.get("detector"))


def _said(outcome: Mapping[str, Any]) -> str:
    labels = outcome["labels"]
    settings = ", ".join(f"{name}={value}" for name, value in (labels.get("settings") or {}).items())
    where = f"{_system(outcome)} on {labels['dataset']}/{labels['protocol']}"
    return where + (f" ({settings})" if settings else "")
