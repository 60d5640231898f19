"""What groups, makers and those who judge are called: by their name, and by the settings in which they differ."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from bench.provenance import canonical_json

Outcome = Mapping[str, Any]
_OF_PAIRS = ("kind", "count", "references")
_OF_PEOPLE = ("generated", "detection")
"""Assessments whose protocol is how people were paired."""
MAKERS = ("generator", "attack")


def assessment_of(outcome: Outcome) -> str:
    """What a cell computes, such as ``"verification"``."""
    return str(outcome["spec"].get("assessment") or "verification")


def judge_of(outcome: Outcome) -> str:
    """Whom a cell is about: the label of its recognizer, or else of its detector, or the name of its aligner."""
    labels = outcome["labels"]
    settings = labels.get("settings") or {}
    return str(labels.get("recognizer") or labels.get("detector") or settings.get("aligner"))


def contributors_of(outcome: Outcome) -> int:
    """How many people contribute to each face that a cell is about; 0 where it is about no made faces."""
    return int((outcome["spec"].get("maker") or {}).get("contributors") or 0)


def group_of(outcome: Outcome) -> str:
    """What the cells of one group have in common, as one text: trials, searches, or how people were paired."""
    spec, labels = outcome["spec"], outcome["labels"]
    where = [labels.get("dataset"), labels.get("protocol")]
    if assessment_of(outcome) == "generated":
        same: list[Any] = [contributors_of(outcome), spec.get("pairs")]
    elif assessment_of(outcome) == "detection":
        same = [spec.get("trials"), [maker.get("species") for maker in spec.get("makers") or ()]]
    else:
        same = [spec.get("trials_digest") or spec.get("trials") or spec.get("searches")]
    return canonical_json([assessment_of(outcome), *where, *same, spec.get("dataset")])


def titles_of(outcomes: Iterable[Outcome]) -> Mapping[str, str]:
    """Group to its title: data set and protocol, and whatever else parts groups that would be called alike."""
    named: dict[str, tuple[str, str]] = {}
    details: dict[str, Mapping[str, Any]] = {}
    for outcome in outcomes:
        same, labels, spec = group_of(outcome), outcome["labels"], outcome["spec"]
        protocol = str(labels.get("protocol"))
        if assessment_of(outcome) in _OF_PEOPLE:
            protocol = protocol.replace("_", " ")
        named[same] = assessment_of(outcome), f"{labels.get('dataset')} \u00b7 {protocol}"
        details[same] = {
            **((spec.get("dataset") or {}).get("settings") or {}),
            **({"contributors": contributors_of(outcome)} if contributors_of(outcome) else {}),
            **{key: value for key, value in (spec.get("pairs") or {}).items() if key in _OF_PAIRS},
        }
    titles = {}
    for same, name in named.items():
        varying = _varying([details[other] for other, theirs in named.items() if theirs == name])
        extra = ", ".join(_detail(key, details[same].get(key)) for key in varying)
        titles[same] = f"{name[1]} ({extra})" if extra else name[1]
    return titles


def _detail(name: str, value: Any) -> str:
    if name == "contributors":
        return "1 contributor" if value == 1 else f"{value} contributors"
    return f"{name} {in_words(value)}"


def labels_of(outcomes: Sequence[Outcome]) -> Mapping[str, str]:
    """Cell to the label of whom it is about, with the settings that differ among cells of that name."""
    cells: dict[tuple[str, str], list[Outcome]] = {}
    for outcome in outcomes:
        cells.setdefault((judge_of(outcome), group_of(outcome)), []).append(outcome)
    varying: dict[str, set[str]] = {}
    for (judge, _), members in cells.items():
        varying.setdefault(judge, set()).update(_varying([_own_settings(member) for member in members]))
    labels = {}
    for (judge, _), members in cells.items():
        for member in members:
            settings = _own_settings(member)
            extra = ", ".join(f"{key} {settings[key]}" for key in sorted(varying[judge]) if key in settings)
            labels[member["key"]] = f"{judge} ({extra})" if extra else judge
    return labels


def makers_of(outcomes: Sequence[Outcome]) -> Mapping[str, str]:
    """Cell to the label of what made its faces, with the settings that differ among makers of that name, or empty."""
    members: dict[tuple[str, str], list[Outcome]] = {}
    for outcome in outcomes:
        kind = next((kind for kind in MAKERS if outcome["labels"].get(kind)), "")
        if kind:
            members.setdefault((kind, str(outcome["labels"][kind])), []).append(outcome)
    found = {outcome["key"]: "" for outcome in outcomes}
    for (kind, name), alike in members.items():
        varying = _varying([axes_of(member) for member in alike])
        other = next(each for each in MAKERS if each != kind)
        shown = f"{name} ({kind})" if (other, name) in members else name
        for member in alike:
            axes = axes_of(member)
            extra = [f"{key.replace('_', ' ')} {in_words(axes[key])}" for key in varying if key in axes]
            found[member["key"]] = ", ".join([shown, *extra])
    return found


def axes_of(outcome: Outcome) -> Mapping[str, Any]:
    """The settings of a cell's maker that a sweep varies, by their names: ``{"weight": 0.5}``."""
    settings = outcome["labels"].get("settings") or {}
    parts = {key: key.partition(".") for key in settings}
    return {setting: settings[key] for key, (kind, _, setting) in parts.items() if kind in MAKERS and setting}


def in_words(value: Any) -> str:
    """A setting as people write it: ``"eyes + mouth"``, ``"0.5"``, ``"yes"``, ``"Bangs + no Young + Smiling flip"``."""
    if isinstance(value, Mapping):
        return " + ".join(_pair_in_words(str(key), one) for key, one in value.items()) or "none"
    if isinstance(value, list | tuple):
        return " + ".join(map(in_words, value)) or "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "none" if value is None else f"{value:g}" if isinstance(value, float) else str(value)


def _pair_in_words(key: str, value: Any) -> str:
    """A key of a setting with its value, such as an attribute that a face is to show, or to show no more."""
    said = key.replace("_", " ")
    if isinstance(value, bool):
        return said if value else f"no {said}"
    return f"{said} {in_words(value)}"


def _own_settings(outcome: Outcome) -> Mapping[str, Any]:
    """The settings in a cell's labels that are not of its maker; those of a detector or aligner by their mere names."""
    settings = outcome["labels"].get("settings") or {}
    own = {key: value for key, value in settings.items() if key.partition(".")[0] not in MAKERS}
    of = {"detection": "detector.", "alignment": "aligner."}.get(assessment_of(outcome))
    return {key.removeprefix(of): in_words(value) for key, value in own.items()} if of else own


def _varying(settings: Sequence[Mapping[str, Any]]) -> list[str]:
    keys = sorted({key for one in settings for key in one})
    return [key for key in keys if len({canonical_json(one.get(key)) for one in settings}) > 1]
