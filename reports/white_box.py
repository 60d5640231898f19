"""Whom a maker learned from: recognizers that are its white box, as a report marks them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from bench import registry
from bench.errors import ImpersonaError
from bench.provenance import Sameness, canonical_json, same_weights
from reports import numbers
from reports.makers import Made
from reports.strands import base_of

MARK = "\u2020"
"""What stands behind the name of a recognizer that is white box to a maker beside it."""
PERHAPS = "\u2021"
"""What stands there where that is not known."""


class Cells(Protocol):
    """Cells of made faces, such as `reports.makers.Judged`."""

    @property
    def made(self) -> Sequence[Made]:
        """Those that succeeded."""


class WhiteBoxes:
    """Which recognizers are white box to which makers: they gave the identity, or taught the maker.

    Two recognizers are one where the digests of their weights are equal, whatever the plugins are called. Where a
    digest is not known, plugins of one name are perhaps one.

    Args:
        judged: the cells.
    """

    def __init__(self, judged: Cells) -> None:
        self._taught: dict[str, frozenset[str] | None] = {}
        found: dict[tuple[str, str], list[Sameness]] = {}
        self._closed: dict[str, None] = {}
        for one in judged.made:
            if self._teachers(one) is None:
                self._closed[base_of(one)] = None
            found.setdefault((one.series.label, base_of(one)), []).append(self._is(one))
        self._pairs = {pair: _strongest(answers) for pair, answers in found.items()}

    def marked(self, recognizer: str, bases: Sequence[str] | None = None) -> str:
        """A recognizer's label with a mark where it is white box to one of some makers, or perhaps is.

        Args:
            recognizer: the label.
            bases: names of makers without their settings; None for all.
        """
        answers = [
            answer
            for (label, base), answer in self._pairs.items()
            if label == recognizer and (bases is None or base in bases)
        ]
        return recognizer + {"yes": MARK, "perhaps": PERHAPS, "no": ""}[_strongest(answers)]

    def said_of(self, one: Made) -> str:
        """Whether who judges a cell is its maker's white box, in words; empty where it is not."""
        answer = self._pairs[one.series.label, base_of(one)]
        return {"yes": "white box", "perhaps": "perhaps white box", "no": ""}[answer]

    @property
    def note(self) -> str:
        """What the marks mean, and of which makers nothing is known; empty where there is nothing to say."""
        said = []
        if listed := self._listed("yes"):
            said.append(
                f"{MARK} white box: {listed}. It taught the maker, or gave it the identity: a gain that only it sees "
                "proves nothing."
            )
        if listed := self._listed("perhaps"):
            said.append(
                f"{PERHAPS} perhaps white box: {listed}. A recognizer of that name taught the maker, or gave it the "
                "identity; whether with the same weights is not known here."
            )
        if self._closed:
            said.append(
                f"Who taught {numbers.listed(list(self._closed))} is not known here, because it cannot be opened: any "
                "recognizer may be its white box."
            )
        return " ".join(said)

    def _listed(self, wanted: Sameness) -> str:
        makers: dict[str, list[str]] = {}
        for (label, base), answer in self._pairs.items():
            if answer == wanted:
                makers.setdefault(base, []).append(label)
        return "; ".join(f"{numbers.listed(labels)} to {base}" for base, labels in makers.items())

    def _is(self, one: Made) -> Sameness:
        judge: Mapping[str, Any] = one.series.spec.get("recognizer") or {}
        encoder: Mapping[str, Any] = one.series.spec.get("maker_identity") or {}
        gave = same_weights(encoder, judge)
        # A maker says its teachers' names alone, so that theirs may be other weights of the same plugin.
        taught: Sameness = "perhaps" if judge.get("name") in (self._teachers(one) or ()) else "no"
        return _strongest((gave, taught))

    def _teachers(self, one: Made) -> frozenset[str] | None:
        """The names of recognizer plugins that the maker says taught it; None where it cannot be opened here."""
        maker: Mapping[str, Any] = one.series.spec.get("maker") or {}
        varied = {name for name, value in one.axes.items() if isinstance(value, float | int | list | tuple)}
        # Numbers and lists of words do not change who taught it, and a sweep has dozens of them.
        settings = {name: value for name, value in (maker.get("settings") or {}).items() if name not in varied}
        key = canonical_json([maker.get("kind"), maker.get("name"), settings])
        if key not in self._taught:
            found = _said_by(maker, settings)
            # A number that it cannot do without, such as the threshold of a surrogate.
            self._taught[key] = _said_by(maker, maker.get("settings") or {}) if found is None and varied else found
        return self._taught[key]


def _said_by(maker: Mapping[str, Any], settings: Mapping[str, Any]) -> frozenset[str] | None:
    try:
        found = getattr(registry.load(maker["kind"], maker["name"], **settings), "taught_by", ())
    except (ImpersonaError, KeyError):  # no weights here, a plugin that is not installed, or a cell that does not say
        return None
    return frozenset([found] if isinstance(found, str) else found)


def _strongest(answers: Sequence[Sameness]) -> Sameness:
    order: tuple[Sameness, ...] = ("yes", "perhaps")
    return next((answer for answer in order if answer in answers), "no")
