"""A baseline for a terminal."""

from __future__ import annotations

from reports.gate.comparable import JUDGED, MADE, shown
from reports.gate.matching import Pair
from reports.gate.standing import CellStanding, Standing
from reports.gate.wording import labels_in_words, scale_of, title_of


def baseline_shown(standing: Standing) -> str:
    """What a baseline says: where it is from, then the figures of each cell with their intervals.

    Args:
        standing: the baseline.
    """
    commit = f", commit {shown(standing.commit)}" if standing.commit else ""
    lines = [f"{standing.path}: run {standing.name}, by impersona {standing.impersona}{commit}"]
    for cell in standing.cells:
        people = "an unknown number of" if cell.people is None else f"{cell.people:,}"
        lines += ["", f"{labels_in_words(cell.labels)}: {people} people, {cell.identity.get('draws')} draws"]
        lines += [f"  {line}" for line in _plugins(cell)]
        lines += _figures(cell)
    return "\n".join(lines) + "\n"


def _plugins(cell: CellStanding) -> list[str]:
    found = []
    for role in ("dataset", *JUDGED, *MADE):
        part = cell.identity.get(role)
        if isinstance(part, dict) and part.get("name"):
            prints = part.get("fingerprint") or {}
            details = ", ".join(f"{key} {shown(value)}" for key, value in prints.items() if "weights" in key)
            found.append(f"{role.replace('_', ' ')}: {part['name']}" + (f" ({details})" if details else ""))
    return found


def _figures(cell: CellStanding) -> list[str]:
    rows = []
    for key, one in cell.figures.items():
        scale = scale_of(key.figure, one.value)
        ends = "" if one.low is None or one.high is None else f"{scale.value(one.low)} to {scale.value(one.high)}"
        title = title_of(Pair(None, cell), key, with_aligner=False)
        extra = ", ".join(filter(None, [key.species, key.group]))
        rows.append((f"{title.figure}{f', {extra}' if extra else ''}", scale.value(one.value), ends))
    widths = [max((len(row[column]) for row in rows), default=0) for column in range(3)]
    return [
        "  " + "  ".join([row[0].ljust(widths[0]), row[1].rjust(widths[1]), row[2].rjust(widths[2])]).rstrip()
        for row in rows
    ]
