"""Which cell of one run is to be compared with which of the other: by their labels, some of which may be renamed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from bench.errors import ConfigError, UnknownName
from bench.provenance import canonical_json
from bench.store.run_folder import DrawKey
from reports.gate.rules import ROLES
from reports.gate.standing import CellStanding, Standing

_ROLES_AND_ALIGNER = (*ROLES, "aligner")


@dataclass(frozen=True, eq=False)
class Pair:
    """A cell of each run, or of one of them.

    Attributes:
        base: the cell of the run that is compared with, under its own labels; None where that has none.
        new: the cell of the run that is judged; likewise.
        renamed: the base's cell with its figures under the names of the new run.
    """

    base: CellStanding | None
    new: CellStanding | None
    renamed: CellStanding | None = None

    @property
    def labels(self) -> Mapping[str, Any]:
        """Those of the new run where it has the cell."""
        one = self.new or self.base
        return {} if one is None else one.labels

    @property
    def assessment(self) -> str:
        """What both compute."""
        one = self.new or self.base
        return "" if one is None else one.assessment


@dataclass(frozen=True, eq=False)
class Matching:
    """All cells of two runs.

    Attributes:
        pairs: those that both runs have, in the order of the new one.
        base_only: those that only the base has.
        new_only: those that only the new run has.
        notes: what was matched without being told.
    """

    pairs: Sequence[Pair]
    base_only: Sequence[Pair]
    new_only: Sequence[Pair]
    notes: Sequence[str] = field(default_factory=tuple)


def match_cells(base: Standing, new: Standing, match: Mapping[str, str]) -> Matching:
    """Matches the cells of two runs.

    Cells belong together whose labels are the same, once those of the base are renamed. What is left over belongs
    together, too, where each run has one recognizer (detector, generator, attack) only, under another name; and where
    only the aligner differs.

    Args:
        base: the run that is compared with.
        new: the run that is judged.
        match: label in the base to label in the new run, of recognizers, detectors, generators, attacks and aligners.

    Raises:
        UnknownName: a label that no cell has.
    """
    _refuse_unknown(base, new, match)
    notes: list[str] = []
    renames = {kind: dict(match) for kind in {cell.assessment for cell in base.cells}}
    for kind, known in renames.items():
        for role in ROLES:
            old, now = _names(base, kind, role, known), _names(new, kind, role, {})
            if len(old) == len(now) == 1 and old != now:
                (was,), (is_now,) = old, now
                known[was] = is_now
                note = f"{role} {was!r} of BASE was matched with {is_now!r} of NEW, each the only one"
                notes += [] if note in notes else [note]
    left = [Pair(cell, None, _renamed(cell, renames[cell.assessment])) for cell in base.cells]
    pairs: dict[int, Pair] = {}
    for loosely in (False, True):
        found = _matched(left, [cell for cell in new.cells if id(cell) not in pairs], loosely)
        pairs |= {id(pair.new): pair for pair in found}
        left = [one for one in left if all(one.base is not pair.base for pair in found)]
        notes += _of_aligners(found) if loosely else []
    return Matching(
        [pairs[id(cell)] for cell in new.cells if id(cell) in pairs],
        left,
        [Pair(None, cell) for cell in new.cells if id(cell) not in pairs],
        notes,
    )


def _matched(left: Sequence[Pair], cells: Sequence[CellStanding], loosely: bool) -> list[Pair]:
    """Those whose labels are the same and nobody else's."""
    ours = [_key(one.renamed, loosely) for one in left]
    theirs = [_key(cell, loosely) for cell in cells]
    once = {key for key, count in Counter(ours).items() if count == 1} & {
        key for key, count in Counter(theirs).items() if count == 1
    }
    there = dict(zip(theirs, cells, strict=True))
    return [replace(one, new=there[key]) for one, key in zip(left, ours, strict=True) if key in once]


def _key(cell: CellStanding | None, loosely: bool) -> str:
    assert cell is not None
    labels = {name: cell.labels.get(name) for name in ("dataset", "protocol", *ROLES, "goal")}
    settings = {
        name: value
        for name, value in (cell.labels.get("settings") or {}).items()
        if not (loosely and name == "aligner")
    }
    return canonical_json([cell.assessment, labels, settings])


def _renamed(cell: CellStanding, match: Mapping[str, str]) -> CellStanding:
    """The cell under the labels of the other run; species of attack are named by what makes them."""
    if not match:
        return cell
    settings = dict(cell.labels.get("settings") or {})
    if "aligner" in settings:
        settings["aligner"] = match.get(settings["aligner"], settings["aligner"])
    labels = {
        name: match.get(value, value) if name in ROLES and isinstance(value, str) else value
        for name, value in cell.labels.items()
    } | {"settings": settings}

    def under(key: DrawKey) -> DrawKey:
        return key._replace(species=_species(key.species, match))

    return replace(
        cell,
        labels=labels,
        figures={under(key): one for key, one in cell.figures.items()},
        grids={under(key): one for key, one in cell.grids.items()},
        read_draws=lambda: {under(key): one for key, one in cell.draws.items()},
    )


def _species(name: str | None, match: Mapping[str, str]) -> str | None:
    for old, new in match.items():
        if name is not None and (name == old or name.startswith(f"{old} ")):
            return new + name[len(old) :]
    return name


def _names(standing: Standing, kind: str, role: str, match: Mapping[str, str]) -> set[str]:
    found = {str(cell.labels.get(role)) for cell in standing.cells if cell.assessment == kind and cell.labels.get(role)}
    return {match.get(name, name) for name in found}


def _refuse_unknown(base: Standing, new: Standing, match: Mapping[str, str]) -> None:
    for standing, names, side in ((base, match.keys(), "BASE"), (new, match.values(), "NEW")):
        known = _labels_of(standing.cells)
        for name in names:
            if name not in known:
                raise UnknownName("label", name, known, f"(in --match OLD=NEW, looked for in {side}, {standing.path})")
    if len(set(match.values())) < len(match):
        raise ConfigError("--match: got two labels of BASE for one of NEW; expected a different one for each")


def _labels_of(cells: Iterable[CellStanding]) -> set[str]:
    found = set()
    for cell in cells:
        all_labels = {**cell.labels, "aligner": (cell.labels.get("settings") or {}).get("aligner")}
        found |= {str(all_labels[role]) for role in _ROLES_AND_ALIGNER if all_labels.get(role)}
        found |= {key.species for key in cell.figures if key.species}
    return found


def _of_aligners(pairs: Iterable[Pair]) -> list[str]:
    notes = []
    for pair in pairs:
        old, now = ((one.labels.get("settings") or {}).get("aligner") for one in (pair.base, pair.new) if one)
        notes.append(f"aligner {old!r} of BASE was matched with {now!r} of NEW, since nothing else differs")
    return list(dict.fromkeys(notes))
