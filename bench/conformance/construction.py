"""What constructing a plugin costs: asked in a fresh process, because this one may have imported everything already."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bench.api import PluginRow
from bench.conformance.finding import Broken
from bench.registry import Registry, load, registry, settings_class

HEAVY = ("torch", "onnxruntime", "cv2", "dlib", "insightface", "skimage", "sklearn")
"""What a constructor must leave alone: together they take seconds and hundreds of megabytes."""

PATIENCE_SECONDS = 120

_PROGRAM = (
    "import json, sys; task = json.load(sys.stdin); sys.path[:] = task['path'];"
    " from bench.conformance.construction import tell; tell(task)"
)


@dataclass(frozen=True)
class Construction:
    """What was seen in the fresh process.

    Attributes:
        imported: step, in the order in which they were taken, to the heavy modules that it imported.
        fingerprint: what the plugin's `fingerprint` gave, as JSON gives it back.
    """

    imported: Mapping[str, list[str]]
    fingerprint: Any


def construct_elsewhere(row: PluginRow, settings: Mapping[str, Any]) -> Construction:
    """Constructs a plugin in a process of its own and asks for its fingerprint.

    Args:
        row: the plugin.
        settings: its settings.

    Raises:
        Broken: the process failed.
    """
    task = {"path": sys.path, "row": dataclasses.asdict(row), "settings": dict(settings)}
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM],
        input=json.dumps(task, default=str), capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False,
        env=os.environ | {"PYTHONHASHSEED": _other_hash_seed()},
    )  # fmt: skip
    if done.returncode:
        last = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
        raise Broken(
            f"got, in a fresh process: {last}; expected the same plugin as in this one; a constructor may rely on"
            " nothing but its settings and the files that they name"
        )
    seen = json.loads(done.stdout.splitlines()[-1])
    return Construction(seen["imported"], seen["fingerprint"])


def _other_hash_seed() -> str:
    """Another one than that of this process, so that what rests on hash() shows."""
    return "2" if os.environ.get("PYTHONHASHSEED") == "1" else "1"


def tell(task: Mapping[str, Any]) -> None:
    """In the fresh process: constructs the plugin and prints what that imported, as one line of JSON."""
    row = PluginRow(**{**task["row"], "requires": tuple(task["row"]["requires"])})
    _make_known(registry(), row)
    imported: dict[str, list[str]] = {}
    before = _heavy_now()

    def note(step: str) -> None:
        nonlocal before
        imported[step] = sorted(_heavy_now() - before)
        before = _heavy_now()

    settings_class(row)
    note("importing the module of its settings")
    plugin = load(row.kind, row.name, **task["settings"])
    note("importing its module and constructing it")
    fingerprint = plugin.fingerprint()
    note("its fingerprint()")
    print()  # a plugin may have left a line unfinished
    print(json.dumps({"imported": imported, "fingerprint": dict(fingerprint)}, default=repr))


def _make_known(known: Registry, row: PluginRow) -> None:
    # A row that a test added by hand comes through no entry point.
    if all((other.kind, other.name) != (row.kind, row.name) for other in known.rows()):
        known.add(row, "impersona check")


def _heavy_now() -> set[str]:
    return {name for name in HEAVY if name in sys.modules}
