"""Plugins that live as long as the process: cells that name the same one share it, and with it a loaded model.

Constructing a plugin is cheap, so each call makes one and compares fingerprints: where a weight file was replaced in
the meantime, the loaded model is let go. Data sets are never kept, because photos come and go.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from bench import registry
from bench.api import Fingerprint, Kind
from bench.provenance import canonical_json

_LIVING: dict[tuple[str, str], tuple[Fingerprint, Any]] = {}


def plugin(kind: Kind, entry: Mapping[str, Any]) -> Any:
    """The plugin that an entry names.

    Args:
        kind: such as ``"recognizer"``.
        entry: ``{"name": ..., **settings}``, plain data.
    """
    fresh = registry.load(kind, entry["name"], **{name: value for name, value in entry.items() if name != "name"})
    if kind == "dataset":
        return fresh
    key, fingerprint = (kind, canonical_json(entry)), fresh.fingerprint()
    if key not in _LIVING or _LIVING[key][0] != fingerprint:
        _LIVING[key] = (fingerprint, fresh)
    return _LIVING[key][1]


def plain(value: Any) -> Any:
    """The value as JSON would give it back; paths become strings."""
    return json.loads(json.dumps(value, default=str))


def forget() -> None:
    """Lets every living plugin go."""
    _LIVING.clear()
