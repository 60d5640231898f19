"""The rules of a gate: which figure, where, and how much worse it may get.

    FIGURE[@POINT][key=value,...]:TOLERANCE
    bscer@macer5[detector=spectral]:+2pp

docs/gate.md describes the grammar. A rule is text until it meets the figures of two runs: `Rule.picks` says which of
them it means, `Rule.allowed` how far each may go.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, Literal

from bench.errors import ConfigError, UnknownName
from bench.metrics import FIGURES
from bench.metrics.paired import Worse
from bench.store.run_folder import DrawKey
from reports.gate.aliases import figure_named, point_named

ROLES = ("recognizer", "detector", "generator", "attack")
LABELS = ("dataset", "protocol", *ROLES, "goal", "aligner")
"""Selectors that are found among a cell's labels; `aligner` is one of its settings."""

_PATTERN = re.compile(r"(?P<figure>[A-Za-z_][\w-]*)\s*(@(?P<point>[^\[\]]+))?(\[(?P<where>.*)\])?", re.DOTALL)
_TOLERANCE = re.compile(
    r"(?P<sign>[+\-\u2212]?)(?P<amount>\d+\.?\d*(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?)\s*(?P<unit>pp|%|)"
)
_PART = re.compile(r'\s*(?P<key>[\w.]+)\s*=\s*(?:"(?P<quoted>[^"]*)"|(?P<plain>[^,"]*))\s*(?:,|$)')
_EXAMPLE = "such as bscer@macer5:+2pp, eer:+10% or tmr@fmr=0.001[recognizer=lbp]:-1pp"

Unit = Literal["pp", "%", ""]


@dataclass(frozen=True)
class Tolerance:
    """How much worse a figure may get.

    Attributes:
        worse_is: to which side it gets worse, as the rule's sign says.
        amount: how far, at least 0.
        unit: ``"pp"``, points of a share; ``"%"``, of the base's value; empty for the figure's own unit.
    """

    worse_is: Worse
    amount: float
    unit: Unit

    def allowed(self, base: float) -> float:
        """By how much a figure may change for the worse, at least 0, in its own unit.

        Args:
            base: the figure in the run that is compared with.
        """
        scale = {"pp": 0.01, "%": abs(base) / 100, "": 1.0}[self.unit]
        return self.amount * scale


@dataclass(frozen=True)
class Pattern:
    """Which figures of which cells.

    Attributes:
        text: as it was typed.
        figure: a name of `bench.metrics.FIGURES`; ``"*"`` for every one.
        point: the operating point, with ``*`` for anything; None where none was named.
        where: selector to the value that is asked for, with ``*`` for anything but nothing.
    """

    text: str
    figure: str
    point: str | None
    where: Mapping[str, str]

    def fits(self, *labels: Mapping[str, Any]) -> bool:
        """Whether a cell is meant.

        Args:
            labels: the cell's, as each of two runs has them: either may be named.
        """
        return all(
            any(_fits(_label(one, key), wanted) for one in labels)
            for key, wanted in self.where.items()
            if key not in ("group", "species")
        )

    def picks(self, keys: Iterable[DrawKey]) -> list[DrawKey]:
        """Those of a cell's figures that are meant, in their order.

        Where no point, group or species is named, the figure of none is meant, and each one only where there is no
        figure of none: TMR at every false match rate, MACER of every species.
        """
        found = [key for key in keys if self.figure in ("*", key.figure) and self._at(key.operating_point)]
        if self.figure == "*":
            return [key for key in found if self._asked(key, "group") and self._asked(key, "species")]
        if self.point is None:
            found = _of_none(found, "operating_point")
        for field in ("group", "species"):
            found = [key for key in found if self._asked(key, field)] if field in self.where else _of_none(found, field)
        return found

    def selectors_unknown_to(self, labels: Sequence[Mapping[str, Any]]) -> list[str]:
        """The selectors that no cell has, whatever its value.

        Args:
            labels: of all cells.
        """
        there = {key for one in labels for key in one.get("settings") or {}}
        known = {*LABELS, "group", "species", *there, *(key.rpartition(".")[2] for key in there)}
        return [key for key in self.where if key not in known]

    def _at(self, point: str | None) -> bool:
        if self.point is None:
            return True
        return point is not None and _fits(_canonical(point), self.point)

    def _asked(self, key: DrawKey, field: str) -> bool:
        return field not in self.where or _fits(getattr(key, field), self.where[field])


@dataclass(frozen=True)
class Rule(Pattern):
    """A pattern, and how much worse what it means may get."""

    tolerance: Tolerance


def parse_rules(texts: Sequence[str]) -> list[Rule]:
    """The rules of a gate.

    Args:
        texts: as they were typed.

    Raises:
        ConfigError: one that cannot be understood, or that stands twice.
        UnknownName: a figure that there is not.
    """
    if strange := [text for text in texts if not isinstance(text, str)]:
        raise ConfigError(f"got rule {strange[0]!r}; expected text, {_EXAMPLE}")
    if twice := [text for text in texts if list(texts).count(text) > 1]:
        raise ConfigError(f"rule {twice[0]!r}: got it twice; each counts in the correction, so give it once")
    return [parse_rule(text) for text in texts]


def parse_rule(text: str) -> Rule:
    """One rule; see `parse_rules`."""
    where, colon, allowed = text.rpartition(":")
    if not colon or "]" in allowed or "@" in allowed:
        raise ConfigError(f"rule {text!r}: expected FIGURE[@POINT][key=value,...]:TOLERANCE, {_EXAMPLE}")
    pattern = parse_pattern(where, f"rule {text!r}")
    if pattern.figure == "*":
        raise ConfigError(f"rule {text!r}: expected the name of one figure, {_EXAMPLE}")
    return Rule(text, pattern.figure, pattern.point, pattern.where, _tolerance(allowed, pattern.figure, text))


def parse_pattern(text: str, what: str = "") -> Pattern:
    """A rule without its tolerance; ``"*"`` is every figure.

    Args:
        text: as it was typed.
        what: what to call it in an error.

    Raises:
        ConfigError: it cannot be understood.
        UnknownName: a figure that there is not.
    """
    what = what or f"figure {text!r}"
    if text.strip() == "*":
        return Pattern(text, "*", None, {})
    found = _PATTERN.fullmatch(text.strip())
    if found is None:
        raise ConfigError(f"{what}: expected FIGURE[@POINT][key=value,...], {_EXAMPLE}")
    try:
        named = figure_named(found["figure"])
    except UnknownName as error:
        raise UnknownName(error.what, error.got, error.known, f"(in {what}; docs/summary.md lists them)") from error
    point = named.point
    if found["point"] is not None:
        if point is not None:
            raise ConfigError(f"{what}: {found['figure']} names its operating point, {point}; expected no other one")
        try:
            point = point_named(found["point"])
        except ConfigError as error:
            raise ConfigError(f"{what}: {error}") from error
    return Pattern(text, named.figure, point, _selectors(found["where"], what))


def _selectors(text: str | None, what: str) -> dict[str, str]:
    found: dict[str, str] = {}
    at = 0
    while text is not None and at < len(text):
        part = _PART.match(text, at)
        if part is None or part.end() == at:
            raise ConfigError(
                f"{what}: got [{text}]; expected [key=value,...], such as [recognizer=lbp,species=collage]"
            )
        value = part["quoted"] if part["quoted"] is not None else part["plain"].strip()
        if part["key"] in found or not value:
            problem = "a value" if not value else "it once"
            raise ConfigError(f"{what}: {part['key']}: expected {problem}, such as [recognizer=lbp]")
        found[part["key"]] = value
        at = part.end()
    return found


def _tolerance(text: str, figure: str, rule: str) -> Tolerance:
    found = _TOLERANCE.fullmatch(text.strip())
    better, unit = FIGURES[figure].direction, FIGURES[figure].unit
    sign = {"down": "+", "up": "-"}.get(better, "+")
    example = f"{sign}2pp, {sign}10% or {sign}0.01"
    if found is None:
        raise ConfigError(f"rule {rule!r}: got tolerance {text!r}; expected how much worse is allowed: {example}")
    got = found["sign"].replace("\u2212", "-")
    if not got or (better != "none" and got != sign):
        rest = text.strip().lstrip("+-\u2212")
        way = {"down": "higher is worse", "up": "lower is worse", "none": "it says which way is worse"}[better]
        raise ConfigError(
            f"rule {rule!r}: got tolerance {text.strip()!r}; the sign is that of the bad direction, and of {figure} "
            f"{way}: write {sign}{rest}" + (f" or -{rest}" if better == "none" else "")
        )
    if found["unit"] == "pp" and unit != "share":
        raise ConfigError(
            f"rule {rule!r}: {figure} is no share, so that it has no points (its unit: {unit}); write {got}10% of the "
            f"base's value, or {got}0.01 in its own unit"
        )
    amount = float(found["amount"])
    if not math.isfinite(amount):
        raise ConfigError(f"rule {rule!r}: got tolerance {text.strip()!r}; expected a finite number: {example}")
    if unit == "share" and amount >= {"pp": 100, "": 1}.get(found["unit"], math.inf):
        raise ConfigError(
            f"rule {rule!r}: got tolerance {text.strip()!r}; no share changes by more than 100 points, so that "
            f"the rule could never fail; write less, such as {example}"
        )
    kinds: Mapping[str, Unit] = {"pp": "pp", "%": "%", "": ""}
    return Tolerance("up" if got == "+" else "down", amount, kinds[found["unit"]])


def _canonical(point: str) -> str:
    try:
        return point_named(point)
    except ConfigError:  # a stranger's point that only looks like one of ours
        return point


def _of_none(keys: list[DrawKey], field: str) -> list[DrawKey]:
    """Without those that have something there, unless all of their figure do."""
    bare = {key.figure for key in keys if getattr(key, field) is None}
    return [key for key in keys if getattr(key, field) is None or key.figure not in bare]


def _label(labels: Mapping[str, Any], key: str) -> Any:
    settings = labels.get("settings") or {}
    if key in LABELS and key != "aligner":
        return labels.get(key)
    if key in settings:
        return settings[key]
    return next((value for name, value in settings.items() if name.rpartition(".")[2] == key), None)


def _fits(value: Any, wanted: str) -> bool:
    return value is not None and fnmatchcase(_in_words(value), wanted.replace("[", "[[]").replace("?", "[?]"))


def _in_words(value: Any) -> str:
    return "+".join(map(_in_words, value)) if isinstance(value, list | tuple) else str(value)
