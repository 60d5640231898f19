"""What every plugin promises, of whatever kind: settings, a cheap constructor, a fingerprint."""

from __future__ import annotations

import dataclasses
import json
import math
import re
from collections.abc import Mapping
from typing import Any

from bench.api import PluginRow
from bench.conformance.construction import Construction, construct_elsewhere
from bench.conformance.finding import Inspection, expect, in_words
from bench.errors import PluginError
from bench.registry import load, settings_class

# A slash that begins a word and is followed by a folder, or a drive letter: URLs and media types are no match.
_PATH = re.compile(r"""(?:^|[\s"'=,;:(\[])(?:/[^/\s]+/|[A-Za-z]:\\|~/|\\\\)""")


class Subject:
    """The plugin that is being asked, as a sweep would name it.

    Args:
        row: its row.
        settings: its settings, as a sweep file would give them.
    """

    def __init__(self, row: PluginRow, settings: Mapping[str, Any]) -> None:
        self.row, self.settings = row, dict(settings)

    def fresh(self) -> Any:
        """Another instance, through the registry, as a sweep makes one."""
        return load(self.row.kind, self.row.name, **self.settings)


def ask_plugin(asks: Inspection, subject: Subject) -> tuple[Any, Any]:
    """Asks what any plugin promises.

    Returns:
        The plugin, or None where it cannot be loaded; its fingerprint, or None where that is not fit for JSON.

    Raises:
        ImpersonaError: the settings or the files that they name are wrong, or a package is missing: nothing that the
            plugin promised.
    """
    _ask_settings(asks, subject)
    plugin = None
    with asks.promise("PluginRow.target", "the registry loads it, with every member of its protocol", usage=True):
        plugin = _load(subject)
    if plugin is None:
        return None, None
    return plugin, _ask_fingerprint(asks, subject, plugin)


def ask_fingerprint_again(asks: Inspection, plugin: Any, before: Any) -> None:
    """Asks, after the plugin has worked, whether its fingerprint is what it was."""
    with asks.promise("Plugin.fingerprint", "the same after it has worked"):
        _expect_same(before, _plain(plugin.fingerprint()), "work must not change what a plugin is")


def _load(subject: Subject) -> Any:
    try:
        return subject.fresh()
    except PluginError as error:
        expect(False, str(error), "a class with everything that bench/api.py lists")
        raise


def _ask_settings(asks: Inspection, subject: Subject) -> None:
    with asks.promise("PluginRow.settings", "a frozen dataclass"):
        cls = settings_class(subject.row)
        frozen = dataclasses.is_dataclass(cls) and cls.__dataclass_params__.frozen  # type: ignore[attr-defined]
        expect(frozen, f"{cls.__name__}, which can be changed", "a frozen dataclass", "write @dataclass(frozen=True)")


def _ask_fingerprint(asks: Inspection, subject: Subject, plugin: Any) -> Any:
    found: Any = None
    promise = "a flat mapping from text to str, int, float, bool or None, fit for JSON"
    with asks.promise("Plugin.fingerprint", promise, usage=True):
        found = plugin.fingerprint()
        expect(isinstance(found, Mapping), in_words(found), "a mapping")
        for key, value in found.items():
            expect(isinstance(key, str), f"the key {in_words(key)}", "text")
            fits = value is None or type(value) in (str, int, bool) or (type(value) is float and math.isfinite(value))
            expect(
                fits, f"{key}: {in_words(value)}", "str, int, float, bool or None",
                "join a list to one text, digest what is large, turn NumPy numbers into Python's",
            )  # fmt: skip
    if not asks.last_kept:
        return None
    with asks.promise("Plugin.fingerprint", "no path of this machine: a run that is moved stays the same run"):
        for key, value in found.items():
            expect(
                not (isinstance(value, str) and _PATH.search(value)), f"{key}: {value!r}", "no path",
                "give the SHA-256 of the file, not where it lies",
            )  # fmt: skip
    _ask_construction(asks, subject, plugin, _plain(found))
    return _plain(found)


def _ask_construction(asks: Inspection, subject: Subject, plugin: Any, found: Any) -> None:
    with asks.promise("Plugin.fingerprint", "the same when asked again, and of a second instance"):
        _expect_same(found, _plain(plugin.fingerprint()), "leave out times, counters and ids")
        _expect_same(found, _plain(subject.fresh().fingerprint()), "leave out times, counters and ids")
    elsewhere: Construction | None = None
    with asks.promise("Plugin.fingerprint", "the same in another process"):
        elsewhere = construct_elsewhere(subject.row, subject.settings)
        _expect_same(found, elsewhere.fingerprint, "use no hash(), id() or order of a set")
    promise = "a cheap constructor and fingerprint: torch, onnxruntime, cv2 and the like are imported by the first work"
    if elsewhere is None:
        asks.stop("PluginRow.target", promise, "it could not be constructed in a fresh process")
        return
    with asks.promise("PluginRow.target", promise):
        for step, modules in elsewhere.imported.items():
            expect(
                not modules, f"{' and '.join(modules)} imported by {step}", "none of them",
                "move the import into the method that uses it",
            )  # fmt: skip


def _plain(value: Any) -> Any:
    return json.loads(json.dumps(dict(value), sort_keys=True, default=repr))


def _expect_same(first: Any, second: Any, change: str) -> None:
    if first == second:
        return
    keys = [key for key in {**first, **second} if first.get(key, "(absent)") != second.get(key, "(absent)")]
    key = keys[0]
    expect(
        False, f"{key}: {in_words(first.get(key, '(absent)'))}, then {in_words(second.get(key, '(absent)'))}",
        "the same", change,
    )  # fmt: skip
