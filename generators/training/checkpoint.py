"""Checkpoints on disk: safetensors and JSON in a folder of their own, written aside and renamed.

    OUT/checkpoints/step-000001200/state.safetensors     every tensor
    OUT/checkpoints/step-000001200/state.json            everything else, and the SHA-256 of the tensors
    OUT/checkpoints/last-good/                           after a divergence: the newest one from before it
    OUT/checkpoints/damaged-step-000001200/              one that could not be read, set aside

A process that is killed leaves either the folder as it was or a name that begins with a dot, which the next one
removes. The newest two are kept, so that one that a disk has damaged costs a few minutes and not the run.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from bench.errors import CorruptFile

FORMAT = "impersona.checkpoint/1"
KEPT = 2
LAST_GOOD = "last-good"
_DAMAGED = "damaged-"
_TENSORS, _FACTS = "state.safetensors", "state.json"
_NAME = re.compile(r"step-(\d{9,})")


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """One checkpoint, read and found to be whole.

    Attributes:
        folder: where it is.
        facts: what state.json says.
        tensors: by name, on the CPU.
    """

    folder: Path
    facts: Mapping[str, Any]
    tensors: Mapping[str, torch.Tensor]


class Checkpoints:
    """The checkpoints of one run.

    Args:
        out: the run's folder.
        warn: is told of checkpoints that cannot be used.
    """

    def __init__(self, out: Path, warn: Callable[[str], None]) -> None:
        self.folder = out / "checkpoints"
        self._warn = warn

    def steps(self) -> list[int]:
        """The steps of which there are checkpoints, ascending; they need not be whole."""
        if not self.folder.is_dir():
            return []
        found = (_NAME.fullmatch(one.name) for one in self.folder.iterdir())
        return sorted(int(match[1]) for match in found if match)

    def clear_leftovers(self) -> None:
        """Removes what killed processes left half written."""
        if self.folder.is_dir():
            for one in self.folder.glob(".*"):
                if one.is_dir():  # a file is none of ours
                    shutil.rmtree(one)

    def set_aside_behind(self, step: int) -> None:
        """Renames those of later steps, which are damaged if the run goes on from `step`.

        Left where they are, they would pass for the newest ones: be kept in place of whole ones, be copied as the last
        good one, and stand where the run would write its own when it comes by.
        """
        for later in [one for one in self.steps() if one > step]:
            damaged = self.folder / f"{_DAMAGED}{self._place(later).name}"
            if damaged.exists():
                self._remove(damaged)
            self._place(later).rename(damaged)

    def write(self, step: int, tensors: Mapping[str, torch.Tensor], facts: Mapping[str, Any]) -> Path:
        """Writes one and removes all but the newest two.

        Args:
            step: how many steps were done.
            tensors: by name, contiguous, on the CPU.
            facts: plain values.

        Returns:
            Its folder.
        """
        from safetensors.torch import save

        self.folder.mkdir(parents=True, exist_ok=True)
        final = self._place(step)
        aside = self.folder / f".{final.name}.{os.getpid()}"
        aside.mkdir()
        data = save(dict(tensors))
        _write(aside / _TENSORS, data)
        whole = {"format": FORMAT, "step": step, "sha256": hashlib.sha256(data).hexdigest(), **facts}
        _write(aside / _FACTS, json.dumps(whole, indent=1, allow_nan=False).encode())
        if final.exists():
            self._remove(final)
        aside.rename(final)
        _sync(self.folder)
        for old in self.steps()[:-KEPT]:
            self._remove(self._place(old))
        return final

    def newest(self) -> Checkpoint | None:
        """The newest that is whole; the others are named to `warn`, and None is for a run that has none.

        Raises:
            CorruptFile: there are checkpoints, and none of them is whole.
        """
        damaged = []
        for step in reversed(self.steps()):
            try:
                return read_checkpoint(self._place(step))
            except CorruptFile as error:
                damaged.append(str(error))
                self._warn(f"{error}; going on from the one before")
        if damaged:
            raise CorruptFile(
                f"{self.folder}: none of {len(damaged)} checkpoints is whole; remove the folder to begin anew"
            )
        return None

    def keep_last_good(self) -> Path | None:
        """A copy of the newest as ``last-good``, which later checkpoints leave alone; None if there is none."""
        if not (steps := self.steps()):
            return None
        kept, aside = self.folder / LAST_GOOD, self.folder / f".{LAST_GOOD}.{os.getpid()}"
        shutil.copytree(self._place(steps[-1]), aside)
        if kept.exists():
            self._remove(kept)
        aside.rename(kept)
        return kept

    def _place(self, step: int) -> Path:
        return self.folder / f"step-{step:09d}"

    def _remove(self, folder: Path) -> None:
        # Renamed first: a folder that is half removed must not look like a checkpoint.
        gone = self.folder / f".removed-{folder.name}.{os.getpid()}"
        folder.rename(gone)
        shutil.rmtree(gone)


def read_checkpoint(folder: Path) -> Checkpoint:
    """One checkpoint.

    Args:
        folder: that holds state.safetensors and state.json.

    Raises:
        CorruptFile: a file is missing, cut short or altered.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load

    try:
        facts = json.loads((folder / _FACTS).read_bytes())
        data = (folder / _TENSORS).read_bytes()
        if facts["format"] != FORMAT:
            raise CorruptFile(f"{folder}: got a checkpoint of format {facts['format']!r}, expected {FORMAT!r}")
        if (digest := hashlib.sha256(data).hexdigest()) != facts["sha256"]:
            raise CorruptFile(
                f"{folder / _TENSORS}: got SHA-256 {digest[:12]}…, expected {facts['sha256'][:12]}… (damaged)"
            )
        return Checkpoint(folder, facts, load(data))
    except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
        raise CorruptFile(f"{folder}: not a whole checkpoint ({error})") from error


def _write(path: Path, data: bytes) -> None:
    with path.open("wb") as stream:
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())


def _sync(folder: Path) -> None:
    """Makes a rename last through a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
