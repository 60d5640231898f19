"""Plugins that live as long as the process: cells that name the same one share it, and with it a loaded model."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from bench import registry
from bench.api import Kind
from bench.provenance import canonical_json

_LIVING: dict[tuple[str, str], Any] = {}


def plugin(kind: Kind, entry: Mapping[str, Any]) -> Any:
    """The plugin that an entry names.

    Args:
        kind: such as ``"recognizer"``.
        entry: ``{"name": ..., **settings}``, plain data.
    """
    key = (kind, canonical_json(entry))
    if key not in _LIVING:
        settings = {name: value for name, value in entry.items() if name != "name"}
        _LIVING[key] = registry.load(kind, entry["name"], **settings)
    return _LIVING[key]


def plain(value: Any) -> Any:
    """The value as JSON would give it back; paths become strings."""
    return json.loads(json.dumps(value, default=str))


def forget() -> None:
    """Lets every living plugin go."""
    _LIVING.clear()
