"""Plugins by kind and name, found without importing any of them.

Built-in rows come from `bench.wiring`, others from entry points of the group `impersona.plugins`. An entry point names
a table: an iterable of `PluginRow`, or of mappings with the same fields, so that a plugin need not import impersona.
"""

from __future__ import annotations

import dataclasses
import functools
import importlib
import importlib.metadata
import importlib.util
from collections.abc import Iterable, Mapping
from typing import Any, get_args

from bench import api, wiring
from bench.api import KINDS, Kind, PluginRow
from bench.config import validate_settings
from bench.errors import ConfigError, MissingDependency, MissingFile, PluginError, UnknownName

PROTOCOLS: Mapping[Kind, type] = {
    "dataset": api.Dataset,
    "aligner": api.Aligner,
    "parser": api.Parser,
    "judge": api.AttributeJudge,
    "recognizer": api.Recognizer,
    "detector": api.Detector,
    "generator": api.Generator,
    "attack": api.Attack,
    "executor": api.Executor,
}

STRANGERS_ERRORS = (
    ImportError, AttributeError, TypeError, ValueError, LookupError, NameError, SyntaxError, RuntimeError, OSError,
)  # fmt: skip
"""What importing somebody else's module may raise."""

_NO_SETTINGS = dataclasses.make_dataclass("NoSettings", [], frozen=True)


class Registry:
    """Rows under (kind, name), each pair once.

    Args:
        rows: the rows to begin with.

    Attributes:
        problems: what could not be read, one line each.
    """

    def __init__(self, rows: Iterable[PluginRow] = ()) -> None:
        self._rows: dict[tuple[str, str], PluginRow] = {}
        self.problems: list[str] = []
        for row in rows:
            self.add(row, "impersona")

    def add(self, row: PluginRow | Mapping[str, Any], origin: str) -> None:
        """Adds a row, checking everything that can be checked without importing its target.

        Args:
            row: a row, or a mapping with its fields.
            origin: who brings it, for errors.

        Raises:
            PluginError: a field is missing or malformed, or the name is taken.
        """
        checked = _checked(row, origin)
        key = (checked.kind, checked.name)
        if key in self._rows:
            raise PluginError(
                f"{origin} brings a second {checked.kind} called {checked.name!r} ({checked.target}); "
                f"the first is {self._rows[key].target}: rename one of them"
            )
        self._rows[key] = checked

    def rows(self, kind: str | None = None) -> list[PluginRow]:
        """All rows, or those of a kind, in the order of `KINDS` and, within one, of their addition."""
        if kind is not None and kind not in KINDS:
            raise UnknownName("kind of plugin", kind, KINDS)
        order = {name: position for position, name in enumerate(KINDS)}
        found = [row for row in self._rows.values() if kind in (None, row.kind)]
        return sorted(found, key=lambda row: order[row.kind])

    def find(self, kind: Kind, name: str) -> PluginRow:
        """The row of a name.

        Raises:
            UnknownName: no such plugin; names the near ones.
        """
        try:
            return self._rows[kind, name]
        except KeyError:
            known = [row.name for row in self.rows(kind)]
            hint = f"(impersona ls {kind} lists them)" + "".join(f"; {problem}" for problem in self.problems)
            raise UnknownName(kind, name, known, hint) from None


@functools.cache
def registry() -> Registry:
    """The registry of this installation: built-in rows, then those of every entry point."""
    found = Registry(wiring.BUILT_IN)
    for point in importlib.metadata.entry_points(group=wiring.ENTRY_POINT_GROUP):
        origin = f"entry point {point.name!r} of {point.dist.name if point.dist else 'an unknown distribution'}"
        try:
            table = point.load()
            rows = list(table)
        except STRANGERS_ERRORS as error:
            # A distribution that cannot be imported must not take the others down: it is listed, and lacks its rows.
            found.problems.append(f"{origin}: {point.value} is not a table of plugin rows ({error})")
            continue
        for row in rows:
            found.add(row, origin)
    return found


def settings_class(row: PluginRow) -> type:
    """The settings dataclass of a plugin; imports the module that holds it, which is light."""
    if not row.settings:
        return _NO_SETTINGS
    cls = _resolve(row, row.settings)
    if not (isinstance(cls, type) and dataclasses.is_dataclass(cls)):
        raise PluginError(f"{row.kind} {row.name!r}: {row.settings} is not a dataclass")
    return cls


def load(kind: Kind, name: str, **settings: Any) -> Any:
    """A plugin, ready to use; heavy libraries are imported when it first works, not now.

    Args:
        kind: such as ``"recognizer"``.
        name: such as ``"dlib_resnet"``.
        settings: the plugin's settings; what is left out takes its default.

    Returns:
        An object that satisfies the kind's protocol in `bench.api`.

    Raises:
        UnknownName: no plugin or no setting of that name.
        ConfigError: a setting has the wrong type or range.
        MissingDependency: a package that it needs is not installed.
        PluginError: it does not satisfy its protocol.
    """
    row = registry().find(kind, name)
    missing = [module for module in row.requires if importlib.util.find_spec(module) is None]
    if missing:
        raise MissingDependency(f"{kind} {name!r} needs {', '.join(missing)}; pip install impersona brings them")
    checked = validate_settings(settings_class(row), settings, f"{kind} {name}")
    target = _resolve(row, row.target)
    try:
        plugin = target(checked) if row.settings else target()
    except OSError as error:
        raise MissingFile(f"{kind} {name}: {error}") from error
    # isinstance would evaluate properties on Python 3.11, and a property may open a model.
    if lacking := sorted(_members(PROTOCOLS[row.kind]) - set(dir(plugin))):
        raise PluginError(f"{kind} {name!r} ({row.target}) lacks {', '.join(lacking)}; bench/api.py says what they are")
    return plugin


def trainable(row: PluginRow) -> Any:
    """The `generators.training.recipe.Trainable` of a plugin; imports torch.

    Raises:
        ConfigError: there is nothing to train in it.
    """
    if not row.recipe:
        known = ", ".join(sorted(one.name for one in registry().rows() if one.recipe))
        raise ConfigError(f"{row.kind} {row.name!r} has nothing to train; these have: {known or 'none'}")
    return _resolve(row, row.recipe)


def what_is_missing(row: PluginRow) -> str:
    """What keeps a plugin from being used here, one line; empty if nothing does. Imports nothing heavy."""
    absent = [module for module in row.requires if importlib.util.find_spec(module) is None]
    if absent:
        return f"not installed: {', '.join(absent)}"
    return str(_resolve(row, row.ready)()) if row.ready else ""


def _resolve(row: PluginRow, target: str) -> Any:
    module, _, name = target.partition(":")
    try:
        return getattr(importlib.import_module(module), name)
    except STRANGERS_ERRORS as error:
        raise PluginError(f"{row.kind} {row.name!r}: {target} cannot be imported ({error})") from error


def _members(protocol: type) -> set[str]:
    return {name for cls in protocol.__mro__ for name in (*vars(cls), *getattr(cls, "__annotations__", ()))
            if not name.startswith("_")}  # fmt: skip


def _checked(row: PluginRow | Mapping[str, Any], origin: str) -> PluginRow:
    if isinstance(row, Mapping):
        try:
            row = PluginRow(**row)
        except TypeError as error:
            raise PluginError(f"{origin}: {row!r} is not a plugin row ({error})") from error
    if not isinstance(row, PluginRow):
        raise PluginError(f"{origin}: got {row!r}; a plugin table holds PluginRow or mappings with its fields")
    if row.kind not in get_args(Kind):
        raise PluginError(f"{origin}: plugin {row.name!r} is of kind {row.kind!r}; expected one of {', '.join(KINDS)}")
    if not row.name or row.name != row.name.lower() or not row.name.replace("_", "").isalnum():
        raise PluginError(f"{origin}: plugin name {row.name!r}; expected lower-case letters, digits and underscores")
    for field in ("target", "settings", "ready", "recipe"):
        value = getattr(row, field)
        if (value or field == "target") and not _is_target(value):
            raise PluginError(f"{origin}: {row.kind} {row.name!r} has {field} {value!r}; expected 'module:name'")
    return row


def _is_target(value: str) -> bool:
    module, _, name = value.partition(":")
    return name.isidentifier() and all(part.isidentifier() for part in module.split("."))
