"""Learning rates that follow from the step's number, and runs that end with their schedule."""

import dataclasses
import hashlib
import json
from pathlib import Path

import pytest
import torch

from generators.auxiliary.face_parser.recipe import PRESETS
from generators.auxiliary.face_parser.recipe import TRAINABLE as PARSER
from generators.training.loop import train
from generators.training.recipe import Ending, Frozen, Scheduled
from generators.training.schedule import linear_decay
from tests.toy_recipe import TOY, Toy, ToySettings

COMMON = {"device": "cpu", "threads": 1, "tick_steps": 1, "sample_seconds": 0, "name": "generator/toy", "seed": 5}
BEGIN, END = 10, 30


class Falling(Toy):
    """The toy with a schedule, and with two groups of parameters of different rates."""

    last_step = END

    def rate_factor(self, number):
        return linear_decay(number, BEGIN, END)

    def optimizers(self):
        found = dict(super().optimizers())
        first, *rest = self.maker.parameters()
        groups = [{"params": [first]}, {"params": rest, "lr": 1e-3}]
        return found | {"make": torch.optim.Adam(groups, self.settings.rate, betas=(0.5, 0.9))}


def trained(out, build=Falling, **options):
    return train(dataclasses.replace(TOY, build=build), "tiny", Path("/nowhere"), out, **{**COMMON, **options})


def lines_of(out):
    return [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]


def state_of(out, step):
    folder = out / "checkpoints" / f"step-{step:09d}"
    return hashlib.sha256((folder / "state.safetensors").read_bytes()).hexdigest(), json.loads(
        (folder / "state.json").read_text()
    )


def test_constant_then_straight_to_zero():
    factors = [linear_decay(number, 2, 6) for number in range(9)]
    assert factors == [1, 1, 1, 0.75, 0.5, 0.25, 0, 0, 0]
    assert [linear_decay(number, 0, 4) for number in range(5)] == [1, 0.75, 0.5, 0.25, 0]
    assert [linear_decay(number, 3, 3) for number in range(5)] == [1, 1, 1, 0, 0]
    for wrong in ((5, 4), (-1, 4)):
        with pytest.raises(ValueError, match="expected 0 <= decay_from <= decay_to"):
            linear_decay(0, *wrong)


def test_rates_fall_and_the_run_ends_with_them(tmp_path):
    found = trained(tmp_path)
    assert (found.steps, found.stopped) == (END, "the schedule's 30 steps are done")
    rates = [line["learning_rate"]["make"] for line in lines_of(tmp_path)]
    assert rates == [ToySettings().rate * linear_decay(number, BEGIN, END) for number in range(END)]
    assert rates[BEGIN] == 1e-2
    assert rates[-1] == pytest.approx(1e-2 / (END - BEGIN))
    _, facts = state_of(tmp_path, END)
    groups = facts["optimizers"]["make"]["groups"]
    assert groups[1]["lr"] == pytest.approx(groups[0]["lr"] / 10)
    assert trained(tmp_path).steps == END  # the same command again has nothing to do


def test_stopped_anywhere_it_is_the_run_that_never_stopped(tmp_path):
    """Before, in and behind the turn: a rate from the checkpoint, scaled, must not be scaled again."""
    trained(tmp_path / "whole")
    for steps in (4, 11, 12, 25, None):
        trained(tmp_path / "parts", max_steps=steps)
    whole, parts = (state_of(tmp_path / name, END) for name in ("whole", "parts"))
    assert whole[0] == parts[0]
    assert whole[1]["optimizers"] == parts[1]["optimizers"]
    rates = [[line["learning_rate"] for line in lines_of(tmp_path / name)] for name in ("whole", "parts")]
    assert rates[0] == rates[1]


def test_the_rates_matter(tmp_path):
    trained(tmp_path / "falling")
    trained(tmp_path / "constant", build=Toy, max_steps=END)
    assert state_of(tmp_path / "falling", END)[0] != state_of(tmp_path / "constant", END)[0]


def test_a_number_of_steps_that_is_typed_wins_over_the_schedules(tmp_path):
    assert trained(tmp_path, max_steps=END + 2).steps == END + 2
    assert [line["learning_rate"]["make"] for line in lines_of(tmp_path)][END:] == [0, 0]
    assert trained(tmp_path / "images", max_images=8).steps == 2


def test_a_recipe_that_sets_its_own_rates_is_left_alone(tmp_path):
    class Own(Toy):
        def phases(self, number):
            self.adam.param_groups[0]["lr"] = 1e-3 * (number + 1)
            return super().phases(number)

    trained(tmp_path, build=Own, max_steps=3)
    rates = [line["learning_rate"]["make"] for line in lines_of(tmp_path)]
    assert rates == [1e-3, 2e-3, 3e-3]
    assert not isinstance(Own(ToySettings(), Frozen()), Scheduled)


def test_the_face_parser_ends_with_its_schedule():
    recipe = PARSER.build(PRESETS["base"], Frozen())
    assert isinstance(recipe, Ending)
    assert recipe.last_step == 5000
