"""What generators and attacks promise: faces in [0, 1] or NaN, of what they were given, drawn from the given stream."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from bench.api import IDENTITIES, Budget, Crops, FaceBatch, Goal, Template
from bench.conformance.conditions import (
    FIELDS,
    PLACES,
    SCHEME,
    Recipe,
    given_fields,
    make_batch,
    other_company,
    rows_of,
    spoilt,
)
from bench.conformance.finding import Inspection, NotAsked, expect, expect_refusal, in_words
from bench.conformance.identities import ask_attention, ask_identity_encoder
from bench.conformance.oracle import Access, SampleOracle
from bench.conformance.subject import Subject
from bench.conformance.telling import ask_attributes, ask_layouts, ask_shares
from bench.conformance.values import (
    ask_default_aligner,
    ask_template,
    expect_array,
    expect_count,
    expect_option,
    expect_same,
)
from bench.errors import ImpersonaError
from bench.seeding import stream

Make = Callable[[Any, FaceBatch], Crops]
"""Called with a plugin and a batch; always the same random stream."""


@dataclass(frozen=True)
class Asked:
    """What a maker is asked about its faces.

    Attributes:
        asks: where findings go.
        kind: the protocol, for `Finding.line`.
        line: its method that makes faces, likewise.
        maker: the plugin.
        recipe: what it takes.
        make: calls that method.
    """

    asks: Inspection
    kind: str
    line: str
    maker: Any
    recipe: Recipe
    make: Make


MOST_QUERIES = 10_000
"""What an attack is allowed; enough for any that counts its queries at all."""


def ask_generator(asks: Inspection, subject: Subject, generator: Any) -> None:
    """Asks what `bench.api.Generator` promises."""
    recipe = _ask_recipe(asks, "Generator", generator)
    if recipe is None:
        asks.stop("Generator.generate", "float32 (N, 3, S, S) in [0, 1]", "what it takes is not known")
        return
    _ask_faces(Asked(asks, "Generator", "Generator.generate", generator, recipe, _generate), subject)


def ask_attack(asks: Inspection, subject: Subject, attack: Any) -> None:
    """Asks what `bench.api.Attack` promises, for each of its goals."""
    recipe = _ask_recipe(asks, "Attack", attack)
    with asks.promise("Attack.goals", "a frozenset of impersonate, dodge, hide"):
        goals = attack.goals
        expect(isinstance(goals, frozenset) and goals, in_words(goals), "a frozenset with one goal or more")
        for goal in goals:
            expect_option(goal, Goal)
    known = asks.last_kept
    with asks.promise("Attack.access", "nothing, decisions, scores or gradients"):
        expect_option(attack.access, Access)
    if recipe is None or not known or not asks.last_kept:
        asks.stop("Attack.run", "float32 (N, 3, S, S) in [0, 1]", "what it takes is not known")
        return
    for goal in sorted(attack.goals):
        line = f"Attack.run ({goal})" if len(attack.goals) > 1 else "Attack.run"
        _ask_faces(Asked(asks, "Attack", line, attack, recipe, _run_for(goal)), subject)
        _ask_budget(asks, line, attack, recipe, goal)


def _generate(generator: Any, batch: FaceBatch) -> Crops:
    faces: Crops = generator.generate(batch, stream(0, "conformance"))
    return faces


def _run_for(goal: Goal) -> Make:
    def run(attack: Any, batch: FaceBatch) -> Crops:
        oracle = SampleOracle(attack.access)
        faces: Crops = attack.run(batch, oracle, goal, Budget(steps=2), stream(0, "conformance"))
        return faces

    return run


def _ask_recipe(asks: Inspection, kind: str, maker: Any) -> Recipe | None:
    """Asks what the maker takes; None where that is not known."""
    sound = True
    with asks.promise(f"{kind}.conditions", "a frozenset of fields of FaceBatch besides images"):
        expect(isinstance(maker.conditions, frozenset), in_words(maker.conditions), "a frozenset")
        strange = sorted(map(str, maker.conditions - set(FIELDS)))
        expect(not strange, f"the conditions {strange}", f"some of {', '.join(FIELDS)}")
    sound &= asks.last_kept
    with asks.promise(f"{kind}.contributors", "an int of at least 1"):
        expect_count(maker.contributors)
    sound &= asks.last_kept
    with asks.promise(f"{kind}.batch_size", "an int of at least 1"):
        expect_count(maker.batch_size)
    sound &= asks.last_kept
    template = ask_template(asks, kind, maker)
    if template is None or not sound:
        return None
    with asks.promise(f"{kind}.conditions", "references, where more than one person contributes"):
        missing = maker.contributors > 1 and "references" not in maker.conditions
        expect(not missing, f"{maker.contributors} contributors, no references", "references among the conditions")
    points = bool(maker.conditions & {"landmarks", "reference_landmarks"})
    ask_default_aligner(asks, kind, maker, template, SCHEME if points else "")
    width = ask_identity_encoder(asks, maker) if maker.conditions & IDENTITIES else 0
    return Recipe(template, maker.contributors, maker.batch_size, frozenset(maker.conditions), width)


def _ask_faces(asked: Asked, subject: Subject) -> None:
    asks, line, maker, recipe, make = asked.asks, asked.line, asked.maker, asked.recipe, asked.make
    batch: FaceBatch | None = None
    faces: Any = None
    with asks.promise(line, "float32 (N, 3, S, S) in [0, 1], or rows of NaN; faces of ordinary photos are made"):
        batch = make_batch(recipe)
        faces = make(maker, rows_of(batch))
        _expect_faces(faces, recipe.size, recipe.template)
        made = int(_made(faces).sum())
        expect(made, f"{recipe.size} rows of NaN", "faces: these are drawn people seen from the front")
    if batch is None or not asks.last_kept:
        return
    with asks.promise(line, "the same faces of the same rng, and from a second instance"):
        for other in (maker, subject.fresh()):
            change = "draw from the rng that is given, and from nothing else"
            expect_same(faces, make(other, rows_of(batch)), "faces", change)
    with asks.promise(line, "a face does not depend on what shares its batch"):
        _expect_independence(asked, batch, faces)
    with asks.promise("FaceBatch", f"what is given to {line.split('.')[1]} is left as it was"):
        given = rows_of(batch)
        make(maker, given)
        after = given_fields(given)
        for name, before in given_fields(batch).items():
            expect_same(before, after[name], f"rows of {name}", "work on a copy")
    with asks.promise(f"{asked.kind}.contributors", "everybody who contributes shows in the faces"):
        _expect_everybody(asked, faces)
    ask_attention(asks, maker, recipe, batch, _made(faces))
    ask_shares(asks, subject, maker, recipe, batch, _made(faces))
    ask_layouts(asks, subject, maker, recipe, batch, _made(faces))
    ask_attributes(asks, subject, maker, recipe, batch, _made(faces))
    _ask_refusals(asked, batch)
    if recipe.conditions & PLACES:
        with asks.promise(line, "a face that cannot be made is a row of NaN or a face, never an exception"):
            odd = make(maker, spoilt(batch))
            _expect_faces(odd, recipe.size, recipe.template)
            if recipe.size > 1:
                expect_same(faces[:1], odd[:1], "faces", "one face that cannot be made must not change another")


def _ask_refusals(asked: Asked, batch: FaceBatch) -> None:
    """Asks about batches that the maker cannot take."""
    asks, kind, recipe, make = asked.asks, asked.kind, asked.recipe, functools.partial(asked.make, asked.maker)
    if recipe.contributors > 1:
        with asks.promise(f"{kind}.contributors", "one contributor too many is refused"):
            more = make_batch(dataclasses.replace(recipe, contributors=recipe.contributors + 1))
            expect_refusal(lambda: make(more), f"{recipe.contributors} other contributors a face")
    for name in sorted(recipe.conditions):
        with asks.promise(f"{kind}.conditions", f"a batch without {name} is refused by name"):
            without: dict[str, Any] = {name: None}
            expect_refusal(functools.partial(make, dataclasses.replace(rows_of(batch), **without)), f"no {name}", name)


def _expect_faces(faces: Any, size: int, template: Template) -> None:
    expect_array(faces, "float32", (size, 3, template.side, template.side))
    empty = np.isnan(faces).all(axis=(1, 2, 3))
    holes = int((np.isnan(faces).any(axis=(1, 2, 3)) & ~empty).sum())
    expect(not holes, f"{holes} faces with some NaN pixels", "faces without NaN, or rows of nothing else")
    rest = faces[~empty]
    if rest.size:
        low, high = float(rest.min()), float(rest.max())
        expect(low >= 0 and high <= 1, f"pixels from {low:.4g} to {high:.4g}", "0 to 1", "clip them")


def _made(faces: Crops) -> Any:
    return ~np.isnan(faces).any(axis=(1, 2, 3))


def _expect_independence(asked: Asked, batch: FaceBatch, faces: Crops) -> None:
    size = asked.recipe.size
    if size == 1:
        return
    change = "compute each row by itself, and draw as much for every row"
    for kept in (0, size - 1):
        again = asked.make(asked.maker, rows_of(batch, other_company(size, kept)))
        expect_same(faces[kept : kept + 1], again[kept : kept + 1], "faces", f"{change} (row {kept})")


def _expect_everybody(asked: Asked, faces: Crops) -> None:
    for number in range(asked.recipe.contributors):
        other = asked.make(asked.maker, make_batch(asked.recipe, replaced=number))
        both = _made(faces) & _made(other)
        if not both.any():
            raise NotAsked("no face could be made of other photos")
        same = np.array_equal(faces[both], other[both])
        expect(
            not same, f"the same faces where contributor {number + 1} is somebody else", "other faces",
            "or, if these settings leave that person out on purpose, check with others",
        )  # fmt: skip


def _ask_budget(asks: Inspection, line: str, attack: Any, recipe: Recipe, goal: Goal) -> None:
    batch = make_batch(recipe)
    radius = 8 / 255
    with asks.promise("Budget", f"{line.split('.')[1]} keeps to a radius and to its queries, or refuses them"):
        for budget in (Budget("linf", radius, 2, MOST_QUERIES), Budget("l2", 1.0, 2, MOST_QUERIES)):
            oracle = SampleOracle(attack.access)
            try:
                faces = attack.run(rows_of(batch), oracle, goal, budget, stream(0, "conformance"))
            except (ImpersonaError, ValueError):
                continue  # refused, which is as good
            _expect_within(faces, batch.images, budget)
            expect(oracle.queries <= MOST_QUERIES, f"{oracle.queries} queries", f"at most {MOST_QUERIES}")
    with asks.promise("Attack.access", "it asks its oracle for no more than it declares"):
        oracle = SampleOracle(attack.access)
        attack.run(rows_of(batch), oracle, goal, Budget(steps=2), stream(0, "conformance"))
        expect(
            not oracle.refused, f"a question for {' and '.join(oracle.refused)}", f"access {attack.access!r} at most"
        )


def _expect_within(faces: Crops, images: Crops, budget: Budget) -> None:
    made = _made(faces)
    away = (np.rint(faces[made] * 255) - np.rint(images[made] * 255)).reshape(int(made.sum()), -1) / 255
    if not away.size:
        return
    far = float(np.abs(away).max()) if budget.norm == "linf" else float(np.linalg.norm(away, axis=1).max())
    expect(
        far <= budget.radius + 1e-6, f"a change of {far:.4g} in {budget.norm}", f"at most {budget.radius:.4g}",
        "project onto the budget after rounding, or raise ValueError for a budget that means nothing to this attack",
    )  # fmt: skip
