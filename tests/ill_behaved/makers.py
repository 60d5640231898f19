"""What generators, attacks and executors can do wrong."""

from __future__ import annotations

import contextlib
import dataclasses
from typing import Any

import numpy as np

from bench.api import FaceBatch
from bench.conformance.executors import CELLS
from bench.errors import PluginError
from bench.sweep.executors.inline import Inline
from tests.ill_behaved.deeds import NONE_OF, Deed, darken, draw, returns, sets, spoils
from tests.well_behaved import Attack, Generator, Identified, mean_of_two


def ignores_the_second(toy: Any) -> None:
    toy.generate = lambda batch, rng: Generator.generate(
        toy,
        dataclasses.replace(batch, references=batch.images[:, None]) if batch.references is not None else batch,
        rng,
    )


def takes_any_number(toy: Any) -> None:
    toy.generate = lambda batch, rng: Generator.generate(
        toy, batch if batch.references is None else dataclasses.replace(batch, references=batch.references[:, :1]), rng
    )


def makes_up_landmarks(toy: Any) -> None:
    def generate(batch: FaceBatch, rng: np.random.Generator) -> Any:
        if batch.landmarks is None and batch.reference_landmarks is not None:
            batch = dataclasses.replace(batch, landmarks=batch.reference_landmarks[:, 0])
        return mean_of_two(batch, rng)

    toy.generate = generate


def anybodys_identity(toy: Any) -> None:
    def generate(batch: FaceBatch, rng: np.random.Generator) -> Any:
        if batch.identity is None and batch.reference_identity is not None:
            batch = dataclasses.replace(batch, identity=batch.reference_identity[:, 0])
        return Identified.generate(toy, batch, rng)

    toy.generate = generate


def hides_nothing(toy: Any) -> None:
    toy.run = lambda batch, oracle, goal, budget, rng: mean_of_two(batch, rng)


def asks_for_more(toy: Any) -> None:
    def run(batch: Any, oracle: Any, goal: Any, budget: Any, rng: Any) -> Any:
        with contextlib.suppress(PluginError):
            oracle.gradients(batch.images)
        return Attack.run(toy, batch, oracle, goal, budget, rng)

    toy.run = run


def asks_too_often(toy: Any) -> None:
    def run(batch: Any, oracle: Any, goal: Any, budget: Any, rng: Any) -> Any:
        for _ in range(4000 if budget.norm == "linf" else 1):
            oracle.queries += len(batch.images)
        return Attack.run(toy, batch, oracle, goal, budget, rng)

    toy.run = run


def shares_anything(toy: Any) -> None:
    def shares(batch: FaceBatch, rng: np.random.Generator) -> Any:
        drawn = np.zeros((len(batch.images), 2, 19), np.float32)
        drawn[:, 0, 1] = draw()
        drawn[:, 1, 1] = 1 - drawn[:, 0, 1]
        return drawn

    toy.shares = shares


def closes_once(toy: Any) -> None:
    def close() -> None:
        if toy.__dict__.get("closed"):
            raise RuntimeError("closed already")
        toy.closed = True

    toy.close = close


def outcome_of_nothing(toy: Any) -> None:
    toy.run = lambda cells, execute, watch: Inline.run(toy, list(cells) or CELLS[:1], execute, watch)


def never_starts(toy: Any) -> None:
    toy.run = lambda cells, execute, watch: (execute(cell, lambda *_: None) for cell in cells)


DEEDS: dict[str, Deed] = {
    # generators
    "conditions in a list": Deed("generator", sets(conditions=["references"]), "Generator.conditions", "a frozenset"),
    "an unknown condition": Deed(
        "generator", sets(conditions=frozenset({"landmark"})), "Generator.conditions", "landmarks"
    ),
    "contributors without references": Deed(
        "generator",
        sets(conditions=frozenset({"landmarks", "reference_landmarks"})),
        "Generator.conditions",
        "references among the conditions",
    ),
    "no faces at once": Deed("generator", sets(batch_size=0), "Generator.batch_size", "at least 1"),
    "nobody contributes": Deed("generator", sets(contributors=0), "Generator.contributors", "at least 1"),
    "an aligner without 68 points": Deed(
        "generator", sets(default_aligner=lambda: {"name": "none"}), "Generator.default_aligner", "dlib68"
    ),
    "pixels above 1": Deed("generator", returns("generate", lambda g: g * 2), "Generator.generate", "clip them"),
    "pixels of uint8": Deed(
        "generator", returns("generate", lambda g: (g * 255).astype(np.uint8)), "Generator.generate", "float32"
    ),
    "holes of NaN": Deed(
        "generator",
        returns("generate", lambda g: np.where(g > 0.5, g, np.float32(np.nan))),
        "Generator.generate",
        "some NaN",
    ),
    "nothing made": Deed("generator", returns("generate", NONE_OF), "Generator.generate", "3 rows of NaN"),
    "another stream": Deed(
        "generator",
        returns("generate", lambda g: np.clip(g + draw(), 0, 1)),
        "Generator.generate",
        "draw from the rng",
    ),
    "faces of the batch": Deed(
        "generator",
        returns("generate", lambda g: np.clip((g + np.nanmax(g, axis=0)) / 2, 0, 1)),
        "Generator.generate",
        "by itself",
    ),
    "generate paints": Deed(
        "generator", spoils("generate", lambda batch: darken(batch.landmarks[:, :1])), "FaceBatch", "landmarks"
    ),
    "the second does not show": Deed("generator", ignores_the_second, "Generator.contributors", "contributor 2"),
    "any number of people": Deed("generator", takes_any_number, "Generator.contributors", "2 other contributors"),
    "stumbles over what is missing": Deed(
        "generator",
        spoils("generate", lambda batch: batch.landmarks.shape),
        "Generator.conditions",
        "look at what is given",
    ),
    "does without": Deed("generator", makes_up_landmarks, "Generator.conditions", "no landmarks"),
    "raises for a face that cannot be made": Deed(
        "generator",
        spoils("generate", lambda batch: None if batch.landmarks is None else 1 // int(batch.landmarks[-1].any())),
        "Generator.generate",
        "ZeroDivisionError",
    ),
    # those that take identities
    "whose identity is not said": Deed(
        "identified",
        sets(identity_encoder=None),
        "IdentityConditioned.identity_encoder",
        "one, where identity is among the conditions",
    ),
    "an encoder without a name": Deed(
        "identified",
        sets(identity_encoder=lambda: {"model": "it"}),
        "IdentityConditioned.identity_encoder",
        "dlib_resnet",
    ),
    "an encoder that is none": Deed(
        "identified",
        sets(identity_encoder=lambda: {"name": "random_projetion"}),
        "IdentityConditioned.identity_encoder",
        "random_projection",
    ),
    "an encoder of another setting": Deed(
        "identified",
        sets(identity_encoder=lambda: {"name": "random_projection", "lenth": 4}),
        "IdentityConditioned.identity_encoder",
        "length",
    ),
    "an encoder's aligner that is none": Deed(
        "identified",
        sets(identity_encoder=lambda: {"name": "random_projection", "aligner": {"name": "dlib_hoc"}}),
        "IdentityConditioned.identity_encoder",
        "dlib_hog",
    ),
    "does without identity": Deed(
        "identified", anybodys_identity, "Generator.conditions", "no identity, expected a ValueError"
    ),
    "paints identities": Deed(
        "identified", spoils("generate", lambda batch: darken(batch.identity[:, :1])), "FaceBatch", "identity"
    ),
    "attention of another type": Deed(
        "identified",
        returns("identity_attention", lambda maps: maps.astype(np.float64)),
        "AttentiveMaker.identity_attention",
        "float32",
    ),
    "attention that is not square": Deed(
        "identified",
        returns("identity_attention", lambda maps: maps[..., :4]),
        "AttentiveMaker.identity_attention",
        "square maps",
    ),
    "attention of another side": Deed(
        "identified",
        returns("identity_attention", lambda maps: maps[..., :7, :7]),
        "AttentiveMaker.identity_attention",
        "divides 32",
    ),
    "attention above 1": Deed(
        "identified",
        returns("identity_attention", lambda maps: maps + 1),
        "AttentiveMaker.identity_attention",
        "0 to 1",
    ),
    "attention of nothing": Deed(
        "identified", returns("identity_attention", NONE_OF), "AttentiveMaker.identity_attention", "finite"
    ),
    "attention of the batch": Deed(
        "identified",
        returns("identity_attention", lambda maps: (maps + maps[:1]) / 2),
        "AttentiveMaker.identity_attention",
        "by itself",
    ),
    "shares of another type": Deed(
        "mixing", returns("shares", lambda found: found.astype(np.float64)), "MixingMaker.shares", "float32"
    ),
    "shares of some regions": Deed(
        "mixing", returns("shares", lambda found: found[..., :18]), "MixingMaker.shares", "float32 (3, 2, 19)"
    ),
    "shares of nothing": Deed("mixing", returns("shares", NONE_OF), "MixingMaker.shares", "finite"),
    "shares below 0": Deed(
        "mixing",
        returns("shares", lambda found: found - np.eye(1, 19, dtype=np.float32) + np.eye(1, 19, 1, dtype=np.float32)),
        "MixingMaker.shares",
        "at least 0",
    ),
    "shares of a half": Deed(
        "mixing", returns("shares", lambda found: found / 2), "MixingMaker.shares", "add up to 0.5"
    ),
    "shares of the batch": Deed(
        "mixing",
        returns("shares", lambda found: (found + found[:1]) / 2),
        "MixingMaker.shares",
        "compute each row by itself",
    ),
    "shares by chance": Deed("mixing", shares_anything, "MixingMaker.shares", "draw from the rng that is given"),
    "layouts of another type": Deed(
        "mixing", returns("layouts", lambda found: found.astype(np.int64)), "LayoutMaker.layouts", "uint8"
    ),
    "layouts of a part": Deed(
        "mixing", returns("layouts", lambda found: found[:, 1:]), "LayoutMaker.layouts", "uint8 (3, 32, 32)"
    ),
    "layouts of no class": Deed(
        "mixing", returns("layouts", lambda found: found + np.uint8(18)), "LayoutMaker.layouts", "labels 0 to 18"
    ),
    "layouts of the batch": Deed(
        "mixing",
        returns("layouts", lambda found: found[::-1]),
        "LayoutMaker.layouts",
        "compute each row by itself",
    ),
    "attention by chance": Deed(
        "identified",
        returns("identity_attention", lambda maps: np.clip(maps + draw() / 9, 0, 1)),
        "AttentiveMaker.identity_attention",
        "draw nothing",
    ),
    # attacks
    "goals in a list": Deed("attack", sets(goals=["hide"]), "Attack.goals", "a frozenset"),
    "an unknown goal": Deed("attack", sets(goals=frozenset({"win"})), "Attack.goals", "'impersonate'"),
    "an unknown access": Deed("attack", sets(access="all"), "Attack.access", "'decisions'"),
    "asks for gradients": Deed("attack", asks_for_more, "Attack.access", "a question for gradients"),
    "an attack's pixels above 1": Deed("attack", returns("run", lambda g: g * 2), "Attack.run (hide)", "clip them"),
    "an attack of the batch": Deed(
        "attack", returns("run", lambda g: np.clip((g + np.nanmax(g, axis=0)) / 2, 0, 1)), "Attack.run", "by itself"
    ),
    "no budget": Deed("attack", hides_nothing, "Budget", "project onto the budget"),
    "too many queries": Deed("attack", asks_too_often, "Budget", "at most 10000"),
    # executors
    "loses a cell": Deed("executor", returns("run", lambda r: list(r)[1:]), "Executor.run", "[0, 1, 1, 1, 1] outcomes"),
    "an outcome twice": Deed("executor", returns("run", lambda r: list(r) * 2), "Executor.run", "[2, 2, 2, 2, 2]"),
    "an outcome that is None": Deed(
        "executor", returns("run", lambda r: [None for _ in r]), "Executor.run", "a Success or"
    ),
    "an outcome of nothing": Deed("executor", outcome_of_nothing, "Executor.run", "1 outcomes of no cells"),
    "outcomes that change": Deed(
        "executor",
        returns("run", lambda r: [dataclasses.replace(one, seconds=1.0) for one in r]),
        "Executor.run",
        "5 changed outcomes",
    ),
    "never says that it began": Deed("executor", never_starts, "Watch.started", "0 cells"),
    "closes once": Deed("executor", closes_once, "Executor.close", "RuntimeError: closed already"),
}
