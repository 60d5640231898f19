"""`impersona describe`: floating-point operations, counted without memory."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from generators.spade.recipe import TRAINABLE as SPADE
from generators.training.batches import TrainingBatch
from generators.training.description import as_text, description_of, operations_of
from generators.training.recipe import Frozen, Losses, Step, Trainable


@dataclasses.dataclass(frozen=True)
class Sizes:
    """What the recipe below is built from; `read` makes it look at a number, which ``meta`` does not have."""

    read: bool = False
    judged: bool = True


class Maker:
    """A 3x3 convolution with 2 channels made for every one of a picture of 8 pixels, and a judge."""

    side, batch_size, ema_decay = 8, 4, 0.9
    wanted = frozenset({"masks"})
    averaged = frozenset({"maker"})

    def __init__(self, settings: Sizes, frozen: Frozen) -> None:
        self.settings = settings
        self.networks: Mapping[str, nn.Module] = {
            "maker": nn.Conv2d(3, 2, 3, padding=1),
            "judge": nn.Sequential(nn.Flatten(), nn.Linear(128, 1)),
        }

    def optimizers(self) -> Mapping[str, torch.optim.Optimizer]:
        return {}

    def phases(self, number: int) -> Sequence[str]:
        return ("both",)

    def losses(self, phase: str, step: Step) -> Losses:
        assert step.batch.masks is not None
        made = self.networks["maker"](step.batch.images)
        if self.settings.read:
            made = made * float(made.mean())
        if self.settings.judged:
            made = self.networks["judge"](torch.cat([made, made]))
        return Losses(made.mean(), {})

    def samples(self, networks: Mapping[str, nn.Module], batch: TrainingBatch) -> Tensor:
        made: Tensor = networks["maker"](batch.images[:1])
        return made


def trainable(**settings: Any) -> Trainable:
    return Trainable(presets={"tiny": Sizes(**settings)}, build=Maker)  # type: ignore[arg-type]


def test_operations_by_hand() -> None:
    made, judged = 2 * (8 * 8) * (3 * 9) * 2, 2 * 128
    assert operations_of(trainable(), Sizes()) == ({"maker": made, "judge": judged}, "")
    found = description_of("generator/small", trainable(), "tiny")
    assert found["networks"]["maker"]["operations"] == made
    assert found["not_counted"] == ""
    assert "operations  of one face forward, 1e9: maker 6.91e-06, judge 2.56e-07" in as_text(found)


@pytest.mark.parametrize(
    ("settings", "why"), [({"read": True}, "meta"), ({"judged": False}, "judge: not called in the first step")]
)
def test_what_could_not_be_counted_is_said(settings: dict[str, bool], why: str) -> None:
    found = description_of("generator/small", trainable(**settings), "tiny")
    assert found["networks"]["judge"]["operations"] is None
    assert found["networks"]["maker"]["operations"] > 0
    assert why in found["not_counted"]
    assert f"(not counted: {found['not_counted']})" in as_text(found)


def test_networks_that_frozen_ones_teach_are_counted_without_weights_of_these() -> None:
    found = description_of("generator/spade", SPADE, "tiny")
    assert found["not_counted"] == ""
    assert all(one["operations"] > 1e7 for one in found["networks"].values())
