"""Whom a maker learned from: recognizers that are its white box, as a report marks them."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from typing import Any

from bench import registry
from bench.errors import ImpersonaError
from bench.provenance import canonical_json
from reports import numbers
from reports.makers import Judged, Made
from reports.strands import base_of

MARK = "\u2020"
"""What stands behind the name of a recognizer that is white box to a maker beside it."""


class WhiteBoxes:
    """Which recognizers are white box to which makers: they gave the identity, or taught the maker.

    Args:
        judged: the cells.
    """

    def __init__(self, judged: Judged) -> None:
        self._taught: dict[str, frozenset[str]] = {}
        self._pairs = {(one.series.label, base_of(one)): None for one in judged.made if self._is(one)}

    def marked(self, recognizer: str, bases: Sequence[str] | None = None) -> str:
        """A recognizer's label with a mark where it is white box to one of some makers.

        Args:
            recognizer: the label.
            bases: names of makers without their settings; None for all.
        """
        found = any(label == recognizer and (bases is None or base in bases) for label, base in self._pairs)
        return f"{recognizer}{MARK}" if found else recognizer

    @property
    def note(self) -> str:
        """What the mark means; empty where there is none."""
        makers: dict[str, list[str]] = {}
        for label, base in self._pairs:
            makers.setdefault(base, []).append(label)
        if not makers:
            return ""
        said = "; ".join(f"{numbers.listed(labels)} to {base}" for base, labels in makers.items())
        return (
            f"{MARK} white box: {said}. It taught the maker, or gave it the identity: a gain that only it sees proves "
            "nothing."
        )

    def _is(self, one: Made) -> bool:
        judge: Mapping[str, Any] = one.series.spec.get("recognizer") or {}
        encoder: Mapping[str, Any] = one.series.spec.get("maker_identity") or {}
        if encoder and encoder["name"] == judge.get("name") and _weights(encoder) == _weights(judge):
            return True
        return judge.get("name") in self._teachers(one)

    def _teachers(self, one: Made) -> frozenset[str]:
        """The names of recognizer plugins that the maker says taught it; nobody where it cannot be opened here."""
        maker: Mapping[str, Any] = one.series.spec.get("maker") or {}
        varied = {name for name, value in one.axes.items() if isinstance(value, float | int | list | tuple)}
        # Numbers and lists of words do not change who taught it, and a sweep has dozens of them.
        settings = {name: value for name, value in (maker.get("settings") or {}).items() if name not in varied}
        key = canonical_json([maker.get("kind"), maker.get("name"), settings])
        if key not in self._taught:
            self._taught[key] = frozenset()
            with contextlib.suppress(ImpersonaError):
                plugin = registry.load(maker["kind"], maker["name"], **settings)
                found = getattr(plugin, "taught_by", ())
                self._taught[key] = frozenset([found] if isinstance(found, str) else found)
        return self._taught[key]


def _weights(part: Mapping[str, Any]) -> Any:
    return (part.get("fingerprint") or {}).get("weights")
