"""Which thresholds a sweep may use: those of its own recognizer and aligner, and of nothing else."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.api import Comparison
from bench.errors import ConfigError, MissingFile
from bench.provenance import RECORDED_DISTRIBUTIONS
from bench.store.thresholds import PluginIdentity, Thresholds

LIBRARIES = frozenset(RECORDED_DISTRIBUTIONS) | {"opencv", "dlib"}
"""Entries of a fingerprint that hold the version of a library. Every other entry must be equal."""

_AGAIN = "calibrate again: impersona calibrate SWEEP.yaml --replace"


@dataclass(frozen=True, kw_only=True)
class Setup:
    """What makes scores out of photos: thresholds are of one setup and of no other.

    Attributes:
        recognizer: the recognizer.
        aligner: the aligner.
        comparison: how two embeddings become a score.
        images_read_by: distribution to version: what turned files into pixels.
    """

    recognizer: PluginIdentity
    aligner: PluginIdentity
    comparison: Comparison
    images_read_by: Mapping[str, str]


def find_fitting(path: str | os.PathLike[str], setup: Setup) -> tuple[Thresholds, str, tuple[str, ...]]:
    """The manifest of a setup.

    Args:
        path: a manifest, or a folder of manifests of which one fits.
        setup: what a sweep uses.

    Returns:
        The manifest, what to call it, and warnings; see `check`.

    Raises:
        MissingFile: nothing there.
        CorruptFile: a JSON file there is no manifest.
        ConfigError: none fits, or several do.
    """
    path = Path(path).expanduser()
    if not path.is_dir():
        found = Thresholds.read(path)
        return found, path.name, check(found, setup, str(path))
    manifests = {file.name: Thresholds.read(file) for file in sorted(path.glob("*.json"))}
    compared = {name: compare(manifest, setup) for name, manifest in manifests.items()}
    fitting = [name for name, (differences, _) in compared.items() if not differences]
    wanted = f"{setup.recognizer.label or setup.recognizer.name} with {setup.aligner.name}"
    if not manifests:
        raise MissingFile(f"no thresholds in {path}; write them with impersona calibrate SWEEP.yaml --out {path}")
    if len(fitting) > 1:
        raise ConfigError(f"{path}: {' and '.join(fitting)} all fit {wanted}; name one file: thresholds: {path}/...")
    if not fitting:
        lines = [f"{name}: {'; '.join(differences)}" for name, (differences, _) in compared.items()]
        raise ConfigError(f"no thresholds in {path} are of {wanted}:\n  " + "\n  ".join(lines) + f"\n{_AGAIN}")
    return manifests[fitting[0]], fitting[0], compared[fitting[0]][1]


def check(thresholds: Thresholds, setup: Setup, where: str) -> tuple[str, ...]:
    """Makes sure that thresholds are of a setup.

    Args:
        thresholds: the manifest.
        setup: what a sweep uses.
        where: what to call the manifest in an error.

    Returns:
        Warnings: libraries that differ in their patch version only.

    Raises:
        ConfigError: it is another setup; lists everything that differs.
    """
    differences, warnings = compare(thresholds, setup)
    if differences:
        raise ConfigError(
            f"{where} is not of this recognizer and aligner:\n  " + "\n  ".join(differences) + f"\n{_AGAIN}"
        )
    return warnings


def compare(thresholds: Thresholds, setup: Setup) -> tuple[list[str], tuple[str, ...]]:
    """What makes a setup another one than that of thresholds, and what is worth a warning only."""
    differences: list[str] = []
    warnings: list[str] = []
    for role in ("recognizer", "aligner"):
        mine, theirs = getattr(thresholds, role), getattr(setup, role)
        if mine.name != theirs.name:
            differences.append(_difference(role, mine.name, theirs.name))
        else:
            _compare_entries(f"{role} ", mine.fingerprint, theirs.fingerprint, differences, warnings)
    if thresholds.comparison != setup.comparison:
        differences.append(_difference("comparison", thresholds.comparison, setup.comparison))
    _compare_entries("images read by ", thresholds.images_read_by, setup.images_read_by, differences, warnings)
    return differences, tuple(warnings)


def check_runtime(thresholds: Thresholds, runtime: Mapping[str, str], where: str) -> None:
    """Makes sure that a recognizer really ran on what it ran on when thresholds were set.

    Args:
        thresholds: the manifest.
        runtime: `bench.api.Recognizer.runtime`, known only after the first embedding.
        where: what to call the manifest in an error.

    Raises:
        ConfigError: another provider or device. Where either is not known, the fingerprints must do.
    """
    if not runtime or not thresholds.runtime:
        return
    differences = [
        _difference(name, thresholds.runtime.get(name), runtime.get(name))
        for name in ("provider", "device")
        if thresholds.runtime.get(name) != runtime.get(name)
    ]
    if differences:
        raise ConfigError(f"{where}: the recognizer ran elsewhere:\n  " + "\n  ".join(differences) + f"\n{_AGAIN}")


def _compare_entries(
    where: str, mine: Mapping[str, Any], theirs: Mapping[str, Any], differences: list[str], warnings: list[str]
) -> None:
    for name in dict.fromkeys([*mine, *theirs]):
        got, used = mine.get(name), theirs.get(name)
        if got != used or type(got) is not type(used):
            harmless = name in LIBRARIES and _release(got) is not None and _release(got) == _release(used)
            (warnings if harmless else differences).append(_difference(f"{where}{name}", got, used))


def _release(version: object) -> tuple[str, ...] | None:
    """Major and minor number of a version; what follows them changes no more than rounding."""
    found = re.match(r"(\d+)\.(\d+)", str(version))
    return found.groups() if found else None


def _difference(what: str, thresholds: object, sweep: object) -> str:
    return f"{what}: these thresholds are of {_short(thresholds)}, the sweep uses {_short(sweep)}"


def _short(value: object) -> str:
    if value is None:
        return "none"
    text = str(value)
    return f"{text[:12]}…" if re.fullmatch(r"[0-9a-f]{32,}", text) else text
