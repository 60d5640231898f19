"""What a thing to train is, as the loop sees it: networks by name, phases in order, one method that knows the maths.

The loop (`generators.training.loop`) never learns what a phase means. In every step it asks which phases there are, and
for each: the losses, then the gradient of their total in the networks of that phase, then one step of that phase's
optimizer. A recipe with two networks against each other names two phases; one that is trained alone names one.

Nothing random is kept between steps: all that is drawn in step number n follows from the seed and n, so that a run that
was stopped and resumed is, bit for bit, the run that never stopped.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol, runtime_checkable

import torch
from torch import nn

from bench.api import GradientRecognizer
from generators.training.batches import TrainingBatch

Features = Callable[[torch.Tensor], tuple[torch.Tensor, ...]]
"""Images, float32 (N, 3, S, S) in [0, 1], to features of several depths, differentiable: for perceptual losses."""
Parse = Callable[[torch.Tensor], torch.Tensor]
"""Images, float32 (N, 3, S, S) in [0, 1], to logits (N, 19, S, S) of the labels of faces, differentiable."""


@dataclass(frozen=True, eq=False)
class Losses:
    """What a phase came to.

    Attributes:
        total: a scalar with gradients: the weighted sum that is minimised.
        terms: name to scalar, detached, before weighting; what the log shows.
    """

    total: torch.Tensor
    terms: Mapping[str, torch.Tensor]


@dataclass(frozen=True, eq=False)
class Step:
    """One step, as all of its phases see it.

    Attributes:
        number: of the step, from 0.
        batch: what it learns from; a phase that wants faces of its own is alone in its step.
        draw: draws on the batch's device, seeded by the run's seed and `number`.
        shared: what an earlier phase of this step left for a later one, such as the faces that it made, so that nothing
            is computed twice; empty when the step begins.
    """

    number: int
    batch: TrainingBatch
    draw: torch.Generator
    shared: dict[str, Any] = field(default_factory=dict)


class Recipe(Protocol):
    """Networks and how they learn."""

    side: int
    """S, pixels of a side of the images that it wants."""
    batch_size: int
    """N, faces a step."""
    wanted: frozenset[str]
    """The fields of `TrainingBatch` that it reads, besides ``images`` and ``rows``."""
    networks: Mapping[str, nn.Module]
    """Every network that is trained, by name; frozen ones are not among them."""
    averaged: frozenset[str]
    """Those whose weights are averaged over the steps (EMA) and released."""
    ema_decay: float
    """Of that average, for one step."""

    def optimizers(self) -> Mapping[str, torch.optim.Optimizer]:
        """Phase to optimizer; a parameter belongs to one optimizer only. Asked once, after the networks moved."""
        ...

    def phases(self, number: int) -> Sequence[str]:
        """The phases of step `number`, in order; some may be left out of some steps."""
        ...

    def losses(self, phase: str, step: Step) -> Losses:
        """The maths. The loop has made sure that only parameters of this phase's optimizer collect gradients."""
        ...

    def samples(self, networks: Mapping[str, nn.Module], batch: TrainingBatch) -> torch.Tensor:
        """float32 (N, C, 3, S, S) in [0, 1]: for each face of a fixed batch C pictures beside each other.

        Args:
            networks: those of `networks`, the averaged ones with their averages, in eval mode.
            batch: up to 8 faces, without mirroring.
        """
        ...


@runtime_checkable
class Scheduled(Protocol):
    """What a recipe may have besides: learning rates that change, as a function of the step's number alone."""

    def rate_factor(self, number: int) -> float:
        """What every learning rate of `Recipe.optimizers` is multiplied by in step `number`, 0 or more.

        The loop sets the rates before it asks for the phases; `generators.training.schedule` has the usual factors.
        """
        ...


@runtime_checkable
class Ending(Protocol):
    """What a recipe may have besides: a step at which it has learned all that its schedule allows."""

    last_step: int
    """How many steps the whole run has, unless somebody sets another number (``--max-steps``)."""


@runtime_checkable
class Staged(Protocol):
    """What a recipe may have besides: steps at which other phases begin, for whoever counts what each of them costs."""

    beginnings: Sequence[int]
    """Step numbers, 0 the first."""


@dataclass(frozen=True, eq=False)
class Frozen:
    """Networks that teach and are not taught, injected so that a recipe names none of them.

    A recipe shows them faces through `generators.training.chips.Views`, which knows what each of them wants to see.

    Attributes:
        identity: knows who is shown, in crops of its own `template`; None where the recipe was built without one.
        perceptual: features for perceptual losses, of five depths; None likewise.
        names: role to the name that every result carries, such as ``{"identity": "dlib_resnet"}``.
        perceptual_view: which picture `perceptual` wants: ``"chip"``, dlib's chip of the face, or ``"crop"``, the
            generator's own picture as it is.
        identity_encoder: the sweep-file entry of `identity`; empty for its name alone.
        parser: says what of a face each pixel shows, in the bench's crops of any side; None likewise.
    """

    identity: GradientRecognizer | None = None
    perceptual: Features | None = None
    names: Mapping[str, str] = field(default_factory=dict)
    perceptual_view: Literal["chip", "crop"] = "chip"
    identity_encoder: Mapping[str, Any] = field(default_factory=dict)
    parser: Parse | None = None

    @property
    def encoder(self) -> dict[str, Any]:
        """The sweep-file entry of the recognizer behind `identity` and behind `TrainingBatch.identity`."""
        return dict(self.identity_encoder) or {"name": self.names.get("identity", "dlib_resnet")}


class Source(Protocol):
    """Where batches come from; what it gives for a step depends on the seed and the step only."""

    def batch(self, number: int, device: torch.device) -> TrainingBatch:
        """The faces of step `number`."""
        ...

    def fixed(self, count: int, device: torch.device) -> TrainingBatch:
        """`count` faces for sample grids, always the same."""
        ...

    def close(self) -> None:
        """Ends what reads ahead; safe to call twice."""
        ...

    def describe(self) -> Mapping[str, Any]:
        """What the run card says of the data: digest, faces, people, splits."""
        ...


@dataclass(frozen=True, eq=False)
class Trainable:
    """What a plugin row's ``recipe`` names.

    Attributes:
        presets: name (``tiny``, ``base``, ``paper``) to settings, a frozen dataclass of plain values.
        build: settings and frozen networks to a recipe with fresh networks, drawn from torch's global stream, which the
            caller has seeded. It must build under ``torch.device("meta")`` too, where `impersona describe` counts.
        needs: roles of `Frozen` that it wants: ``"identity"``, ``"perceptual"``, ``"parser"``.
        needs_of: those of them that some settings want, where it depends; None for all.
        settings_of: what a settings file says, a mapping and the file's name, to fields of the settings; None where the
            mapping's keys are these.
        source: the data of ``--data``, the recipe, the seed; None for a pack.
        conditions: what a made face is made of, for `impersona describe`: fields of `FaceBatch` besides ``images``.
    """

    presets: Mapping[str, Any]
    build: Callable[[Any, Frozen], Recipe]
    needs: frozenset[str] = frozenset()
    needs_of: Callable[[Any], frozenset[str]] | None = None
    settings_of: Callable[[Mapping[str, Any], str], Mapping[str, Any]] | None = None
    source: Callable[[Path, Recipe, int], Source] | None = None
    conditions: frozenset[str] = frozenset()
