"""What is another in the new run: plugins, weights, libraries, impersona itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from reports.gate.comparable import JUDGED, LIBRARIES, MADE, shown
from reports.gate.matching import Pair
from reports.gate.standing import Standing

_ROLES = {
    "maker": "maker of faces",
    "maker_aligner": "maker of faces's aligner",
    "maker_parser": "maker of faces's parser",
    "maker_identity": "maker of faces's recognizer",
    "maker_identity_aligner": "maker of faces's recognizer's aligner",
}


@dataclass(frozen=True)
class Change:
    """One thing that differs between two runs.

    Attributes:
        what: whose, such as ``"recognizer lbp"``; ``"library"`` for a library, ``"impersona"`` for itself.
        field: what of it, such as ``"weights"``.
        base: its value in the run that is compared with; a digest in full.
        new: its value in the run that is judged.
    """

    what: str
    field: str
    base: str
    new: str

    def __str__(self) -> str:
        return f"{self.what}: {self.field} {shown(self.base)} \u2192 {shown(self.new)}"


def changes_between(base: Standing, new: Standing, pairs: Sequence[Pair]) -> list[Change]:
    """Everything that is recorded and differs: what is judged first, then libraries, then impersona.

    Args:
        base: the run that is compared with.
        new: the run that is judged.
        pairs: the cells that both have.
    """
    found = [change for pair in pairs for change in _of_pair(pair)]
    found += [
        Change("library", name, *_texts(base.versions.get(name), new.versions.get(name)))
        for name in sorted({*base.versions, *new.versions})
        if base.versions.get(name) != new.versions.get(name)
    ]
    found.sort(key=lambda change: change.what == "library")
    for field, old, now in (("version", base.impersona, new.impersona), ("commit", base.commit, new.commit)):
        if old != now:
            found.append(Change("impersona", field, *_texts(old or None, now or None)))
    return list(dict.fromkeys(found))


def _of_pair(pair: Pair) -> Iterator[Change]:
    assert pair.base is not None
    assert pair.new is not None
    old, now = pair.base.identity, pair.new.identity
    for role in (*JUDGED, *MADE):
        yield from _of_plugin(role, old.get(role), now.get(role), pair.labels)
    for was, is_now in zip(old.get("makers") or (), now.get("makers") or (), strict=False):
        for role in MADE:
            yield from _of_plugin(role, was.get(role), is_now.get(role), {})
    for field in ("comparison", "cell"):
        if old.get(field) != now.get(field):
            what = "how cells are computed" if field == "cell" else "scores"
            name = "revision" if field == "cell" else "comparison"
            yield Change(what, name, *_texts(old.get(field), now.get(field)))
    read = [one.get("images_read_by") or {} for one in (old, now)]
    yield from _of_fields("reading of images", *read)


def _of_plugin(role: str, old: Any, now: Any, labels: Mapping[str, Any]) -> Iterator[Change]:
    if not isinstance(old, Mapping) or not isinstance(now, Mapping):
        return
    kind = str(now.get("kind") or _ROLES.get(role, role))
    name = str(labels.get(role) or now.get("label") or now.get("name"))
    if old.get("name") != now.get("name"):
        yield Change(f"{kind} {name}", "plugin", *_texts(old.get("name"), now.get("name")))
        return  # fingerprints of two plugins have nothing to do with each other
    yield from _of_fields(f"{kind} {name}", old.get("fingerprint") or {}, now.get("fingerprint") or {})


def _of_fields(what: str, old: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[Change]:
    for field in dict.fromkeys([*old, *now]):
        if old.get(field) != now.get(field):
            yield Change("library" if field in LIBRARIES else what, field, *_texts(old.get(field), now.get(field)))


def _texts(*values: Any) -> tuple[str, ...]:
    return tuple("nothing" if value is None else str(value) for value in values)
