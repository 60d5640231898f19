"""One run put together: a recipe with its networks, optimizers, average and data, and how far it has come."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from bench.errors import ConfigError
from bench.provenance import file_digest, value_digest
from bench.released import read_about, read_released
from bench.seeding import stream
from generators.training.average import Average
from generators.training.card import versions_here
from generators.training.identity import identity_of
from generators.training.options import Options
from generators.training.phases import phases_of
from generators.training.recipe import Ending, Frozen, Recipe, Scheduled, Source, Trainable

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
        conditioned: whether it learns from the embeddings in the data.
        started_with: what the weights that it began with say of themselves; empty where all were fresh.
        last_step: how many steps the recipe's schedule has; None where it has no end.
    """

    def __init__(
        self, trainable: Trainable, settings: Any, data: Path, options: Options, frozen: Frozen | None, fabric: Fabric
    ) -> None:
        from generators.training.encoder import refuse_other_embeddings
        from generators.training.frozen import frozen_for
        from generators.training.source import pack_source

        self.options, self.settings, self.device = options, settings, fabric.device
        if frozen is None:
            needs = trainable.needs if trainable.needs_of is None else trainable.needs_of(settings)
            frozen = frozen_for(needs, data, self.device, options.cpu_threads, options.identity, options.perceptual)
        elif options.identity or options.perceptual:
            raise ValueError("frozen: got networks beside identity or perceptual, expected one or the other")
        self.frozen = frozen
        self.recipe = build(trainable, settings, self.frozen, options.seed)
        self.started_with = start_with(options.start, self.recipe.networks) if options.start else {}
        for network in self.recipe.networks.values():
            network.to(self.device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
            network.train()
        self.phases = phases_of(self.recipe)
        self.average = Average(self.recipe.networks, self.recipe.averaged, self.recipe.ema_decay)
        self.conditioned = "identity" in self.recipe.wanted
        if options.identity and not (self.conditioned or self.frozen.identity):
            raise ConfigError(
                f"--identity: got {options.identity}, and this recipe asks nobody who is shown; leave it out"
            )
        self.source: Source = (trainable.source or pack_source)(data, self.recipe, options.seed)
        try:
            described = self.source.describe()
            if self.conditioned:
                refuse_other_embeddings(self.frozen.encoder, self.frozen.identity, described)
            digest, processes = str(described.get("digest", "")), fabric.world_size
            more = {"labels": described["labels"]} if "labels" in described else {}
            self.identity = identity_of(
                options.name, settings, self.recipe.batch_size, options.seed, digest, processes,
                self._teachers() | ({"start": self.started_with["sha256"]} if self.started_with else {}) | more,
            )  # fmt: skip
        except BaseException:
            self.source.close()  # nobody else knows of it yet
            raise
        self.last_step = self.recipe.last_step if isinstance(self.recipe, Ending) else None
        self._schedule = self.recipe.rate_factor if isinstance(self.recipe, Scheduled) else None
        self.steps = self.images = 0
        self._seconds_before, self._began = 0.0, time.perf_counter()

    @property
    def seconds(self) -> float:
        """Trained since the run began, all calls together."""
        return self._seconds_before + time.perf_counter() - self._began

    def set_rates(self) -> None:
        """Sets the learning rates of the step that comes, where the recipe has a schedule."""
        if self._schedule is not None:
            factor = self._schedule(self.steps)
            for phase in self.phases.values():
                phase.scale_rates(factor)

    @property
    def encoder(self) -> dict[str, Any] | None:
        """The sweep-file entry of the recognizer that tells who is shown; None where nobody asks."""
        asked = self.conditioned or self.frozen.identity is not None
        return self.frozen.encoder if asked else None

    @property
    def taught_by(self) -> dict[str, str]:
        """Role to the name of the network that taught; those behind embeddings in the data, and first weights, too."""
        names = dict(self.frozen.names)
        if self.conditioned:
            names = {"identity": str(self.frozen.encoder["name"]), **names}
        earlier = self.started_with.get("taught_by", ())
        return names | {f"start: {name}": name for name in earlier if name not in names.values()}

    def begin_at(self, steps: int, images: int, seconds: float) -> None:
        """How far the run had come when this call begins to train."""
        self.steps, self.images = steps, images
        self._seconds_before, self._began = seconds, time.perf_counter()

    def _teachers(self) -> dict[str, Any]:
        """What of the networks that teach is not as it is without a word; part of what identifies the run."""
        from generators.training.encoder import DEFAULT, DLIB

        encoder, perceptual = self.frozen.encoder, self.frozen.names.get("perceptual", DLIB)
        found = {"identity_encoder": encoder} if self.options.identity and encoder != DEFAULT else {}
        return found | ({"perceptual": perceptual} if self.options.perceptual and perceptual != DLIB else {})

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


def start_with(path: str, networks: Mapping[str, nn.Module]) -> dict[str, Any]:
    """Loads a released file's weights into the networks of the same names; the others stay as they are.

    Args:
        path: of the file.
        networks: freshly built.

    Returns:
        ``sha256`` of the file, and what it says of itself, such as whom it has seen and who taught it.

    Raises:
        MissingFile: there is no such file.
        CorruptFile: it is not such a file.
        ConfigError: it has none of these networks, or one that is made otherwise.
    """
    _, states = read_released(path)
    known = [name for name in networks if name in states]
    if not known:
        raise ConfigError(
            f"--start: got {path} with {', '.join(sorted(states))}, expected some of {', '.join(sorted(networks))}"
        )
    for name in known:
        try:
            networks[name].load_state_dict(states[name])
        except RuntimeError as error:
            said = " ".join(str(error).split())
            raise ConfigError(
                f"--start: {name} in {path} is made otherwise than this run's ({said}); give weights of the same sizes,"
                " or other settings (--set)"
            ) from error
    return {**read_about(path), "sha256": file_digest(path)}


def step_seeds(seed: int, number: int, rank: int = 0) -> tuple[int, int]:
    """The seeds of torch's global stream and of `Step.draw` in one step of one process.

    Args:
        seed: the run's.
        number: of the step, from 0.
        rank: of the process.
    """
    first, second = stream(seed, "step", str(number), *([f"rank {rank}"] if rank else [])).integers(2**63, size=2)
    return int(first), int(second)
