"""One run put together: a recipe with its networks, optimizers, average and data, and how far it has come."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from bench.provenance import value_digest
from bench.seeding import stream
from generators.training.average import Average
from generators.training.card import versions_here
from generators.training.identity import identity_of
from generators.training.options import Options
from generators.training.phases import phases_of
from generators.training.recipe import Frozen, Recipe, Source, Trainable

if TYPE_CHECKING:
    from lightning.fabric import Fabric


class Run:
    """Everything that learns, and what it learns from.

    Args:
        trainable: what to train.
        settings: of its recipe.
        data: the pack, or what the trainable's own source reads.
        options: of this call.
        frozen: the networks that teach; None for those that the trainable needs.
        fabric: launched.

    Attributes:
        steps: done since the run began.
        images: seen since the run began.
    """

    def __init__(
        self, trainable: Trainable, settings: Any, data: Path, options: Options, frozen: Frozen | None, fabric: Fabric
    ) -> None:
        from generators.training.frozen import frozen_for
        from generators.training.source import pack_source

        self.options, self.settings, self.device = options, settings, fabric.device
        self.frozen = (
            frozen if frozen is not None else frozen_for(trainable.needs, data, self.device, options.cpu_threads)
        )
        self.recipe = build(trainable, settings, self.frozen, options.seed)
        for network in self.recipe.networks.values():
            network.to(self.device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
            network.train()
        self.phases = phases_of(self.recipe)
        self.average = Average(self.recipe.networks, self.recipe.averaged, self.recipe.ema_decay)
        self.source: Source = (trainable.source or pack_source)(data, self.recipe, options.seed)
        self.identity = identity_of(
            options.name,
            settings,
            self.recipe.batch_size,
            options.seed,
            str(self.source.describe().get("digest", "")),
            fabric.world_size,
        )
        self.steps = self.images = 0
        self._seconds_before, self._began = 0.0, time.perf_counter()

    @property
    def seconds(self) -> float:
        """Trained since the run began, all calls together."""
        return self._seconds_before + time.perf_counter() - self._began

    def begin_at(self, steps: int, images: int, seconds: float) -> None:
        """How far the run had come when this call begins to train."""
        self.steps, self.images = steps, images
        self._seconds_before, self._began = seconds, time.perf_counter()

    def circumstances(self) -> dict[str, str]:
        """What must be the same for a resumed run to be, bit for bit, the one that never stopped; it may differ."""
        options, identity = self.options, self.frozen.identity
        teacher = {} if identity is None else {"identity network": value_digest(dict(identity.fingerprint()))[:12]}
        computed = {"device": self.device.type, "threads": str(options.cpu_threads), "precision": options.precision}
        return versions_here() | computed | teacher


def build(trainable: Trainable, settings: Any, frozen: Frozen, seed: int) -> Recipe:
    """A recipe with fresh networks, which follow from the seed alone."""
    torch.manual_seed(int(stream(seed, "build").integers(2**63)))
    return trainable.build(settings, frozen)


def step_seeds(seed: int, number: int, rank: int = 0) -> tuple[int, int]:
    """The seeds of torch's global stream and of `Step.draw` in one step of one process.

    Args:
        seed: the run's.
        number: of the step, from 0.
        rank: of the process.
    """
    first, second = stream(seed, "step", str(number), *([f"rank {rank}"] if rank else [])).integers(2**63, size=2)
    return int(first), int(second)
