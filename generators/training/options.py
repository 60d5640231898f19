"""How long, how often and on what a run trains: everything that is no business of its recipe."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from bench.provenance import available_cores

Device = Literal["auto", "cpu", "cuda"]
Precision = Literal["32-true", "bf16-mixed"]


@dataclass(frozen=True, kw_only=True)
class Options:
    """One call of `generators.training.loop.train`.

    Attributes:
        name: of what is trained, such as ``"generator/spade"``; stands in checkpoints, cards and grids.
        preset: the name of its settings, for cards and grids.
        seed: of everything that is drawn.
        max_seconds: that this call may take, a chunk of the run; None for no limit.
        max_steps: of the whole run, all chunks together; None for no limit.
        max_images: of the whole run likewise.
        tick_seconds: between two lines of the log.
        tick_steps: steps between two lines instead, so that they fall on the same steps in every run; 0 for the clock.
        checkpoint_seconds: between two checkpoints.
        sample_seconds: between two sample grids; 0 for none at all.
        samples: faces in a grid.
        device: ``"auto"`` is CUDA where this torch sees it.
        devices: GPUs, or processes on the CPU; each sees a batch of its own.
        precision: Fabric's word. On a CPU bfloat16 is many times slower.
        threads: CPU threads of torch; 0 for every core.
        identity: the recognizer that knows who is shown: its name, or its sweep-file entry as a mapping or as YAML
            text; empty for ``dlib_resnet``.
        perceptual: the network behind perceptual losses: ``"dlib_resnet"`` or ``"vgg19:PATH"``; empty for the former.
        start: a released file; networks that it has by name start with its weights. Empty for none.
        release: a file to write the released weights to at the end; empty for none.
        command: what was typed, for the run card.
    """

    name: str = ""
    preset: str = ""
    seed: int = 0
    max_seconds: float | None = None
    max_steps: int | None = None
    max_images: int | None = None
    tick_seconds: float = 10.0
    tick_steps: int = 0
    checkpoint_seconds: float = 240.0
    sample_seconds: float = 600.0
    samples: int = 8
    device: Device = "auto"
    devices: int = 1
    precision: Precision = "32-true"
    threads: int = 0
    identity: str | Mapping[str, Any] = ""
    perceptual: str = ""
    start: str = ""
    release: str = ""
    command: str = ""

    def __post_init__(self) -> None:
        """Raises ValueError for a value out of range."""
        for name in ("max_seconds", "max_steps", "max_images"):
            value = getattr(self, name)
            if value is not None and not value >= 0:
                raise ValueError(f"{name}: got {value}, expected 0 or more, or None for no limit")
        for name in ("tick_seconds", "tick_steps", "checkpoint_seconds", "sample_seconds", "threads"):
            if not getattr(self, name) >= 0:
                raise ValueError(f"{name}: got {getattr(self, name)}, expected 0 or more")
        for name in ("devices", "samples"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}: got {getattr(self, name)}, expected at least 1")
        for name, choice in (("device", Device), ("precision", Precision)):
            if getattr(self, name) not in get_args(choice):
                raise ValueError(f"{name}: got {getattr(self, name)!r}, expected one of {', '.join(get_args(choice))}")

    @property
    def cpu_threads(self) -> int:
        """The threads that torch gets on the CPU."""
        return self.threads or available_cores()
