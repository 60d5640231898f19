"""Faces edited from several people, one after the other, by a generator whose every pixel can be worked out by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from bench.api import FaceBatch, PluginRow
from bench.errors import ConfigError
from bench.regions import CLASSES
from bench.registry import Registry, load
from generators.mixsyn.assignment import drawn_assignment, numbers_wanted
from generators.mixsyn.settings import PARTS
from generators.spade.settings import SpadeSettings
from tests.test_contracts import spade_weights
from tests.test_hidden_identity_attack import IDENTITY, SIDE, STYLE, CoarsePainter

BACKGROUND, SKIN, NOSE, HAIR, HAT = (CLASSES.index(name) for name in ("background", "skin", "nose", "hair", "hat"))


@pytest.fixture
def painter(own_registry: Registry) -> None:
    module = "tests.test_hidden_identity_attack"
    own_registry.add(
        PluginRow(
            kind="generator", name="painter", target=f"{module}:{CoarsePainter.__name__}",
            settings=f"{module}:PaintSettings", summary="a toy", source="the tests", licence="none",
        ),
        "the tests",
    )  # fmt: skip


def edits(sources: int) -> Any:
    return load("generator", "successive_edits", generator="painter", sources=sources)


def faces(count: int, sources: int) -> FaceBatch:
    """Hair above, skin below with a nose whose height is the person's, background at the left; each of one colour."""
    rng = np.random.default_rng(5)
    labels = np.full((count, sources, SIDE, SIDE), SKIN, np.uint8)
    labels[..., :4, :] = HAIR
    labels[..., :, :4] = BACKGROUND
    for person in range(sources):
        labels[:, person, 8 : 10 + 2 * person, 8:10] = NOSE
    colours = rng.random((count, sources, 19, 3)).astype(np.float32)
    rows, people = np.indices((count, sources))
    images = colours[rows[..., None, None], people[..., None, None], labels].transpose(0, 1, 4, 2, 3)
    return FaceBatch(
        images=np.ascontiguousarray(images[:, 0]),
        masks=np.ascontiguousarray(labels[:, 0]),
        references=np.ascontiguousarray(images[:, 1:]),
        reference_masks=np.ascontiguousarray(labels[:, 1:]),
        identity=rng.normal(size=(count, 4)).astype(np.float32),
    )


def owners(batch: FaceBatch, sources: int, seed: int) -> np.ndarray[Any, Any]:
    """Who gives each class, int (N, 19)."""
    shown = np.zeros((len(batch.images), sources, 19), bool)
    shown[..., [BACKGROUND, SKIN, NOSE, HAIR]] = True
    numbers = np.random.default_rng(seed).random((len(batch.images), numbers_wanted(PARTS)))
    found = drawn_assignment(PARTS, torch.from_numpy(shown), torch.from_numpy(numbers))
    style: np.ndarray[Any, Any] = found.style.numpy()
    return style


def colour(batch: FaceBatch, face: int, person: int, row: int, column: int) -> np.ndarray[Any, Any]:
    """What somebody's photo has at a pixel."""
    assert batch.references is not None
    picture = batch.images[face] if not person else batch.references[face, person - 1]
    return np.asarray(picture[:, row, column])


@pytest.mark.usefixtures("painter")
@pytest.mark.parametrize("sources", [2, 3])
def test_each_edit_is_of_what_the_one_before_made(sources: int) -> None:
    batch = faces(6, sources)
    made, whose = edits(sources).generate(batch, np.random.default_rng(3)), owners(batch, sources, 3)
    assert batch.identity is not None
    assert {0, 1} <= set(whose[:, [BACKGROUND, SKIN, HAIR]].ravel())
    for face in range(6):
        tint = 1 / (1 + np.exp(-batch.identity[face, :3]))
        for region, place in ((BACKGROUND, (12, 1)), (SKIN, (14, 12)), (HAIR, (1, 12))):
            owner = int(whose[face, region])
            expected = colour(batch, face, owner, *place)
            # From the edit on in which it comes; what the first person keeps is painted again in all of them.
            for _ in range(sources - max(owner, 1)):
                expected = STYLE * expected + IDENTITY * tint
            np.testing.assert_allclose(made[face, :, place[0], place[1]], expected, atol=1e-6)


@pytest.mark.usefixtures("painter")
def test_shapes_come_but_of_what_others_lie_on() -> None:
    batch = faces(8, 3)
    maker, whose = edits(3), owners(batch, 3, 4)
    layouts, shares = (ask(batch, np.random.default_rng(4)) for ask in (maker.layouts, maker.shares))
    assert len(set(whose[:, NOSE])) == 3
    for face in range(8):
        # The editor sees every second pixel: noses of 1, 2 and 3 of its pixels, of which each is four of the face's.
        assert (layouts[face] == NOSE).sum() == 4 * (1 + whose[face, NOSE])
        assert (layouts[face, :, :4] == BACKGROUND).all()
        assert shares[face].sum() == pytest.approx(1)
        for region in (BACKGROUND, SKIN, NOSE, HAIR):
            assert set(np.flatnonzero(shares[face, :, region])) == {whose[face, region]}


@pytest.mark.usefixtures("painter")
def test_a_part_comes_as_a_whole() -> None:
    batch = faces(12, 2)
    assert batch.masks is not None
    batch.masks[:, :2, 4:] = HAT  # the first person alone has one
    batch.images[:, :, :2, 4:] = 0.9
    maker = edits(2)
    layouts, shares = (ask(batch, np.random.default_rng(6)) for ask in (maker.layouts, maker.shares))
    gone = shares[:, 1, HAIR] > 0
    assert 0 < gone.sum() < 12
    np.testing.assert_array_equal((layouts == HAT).any(axis=(1, 2)), ~gone)


@pytest.mark.usefixtures("painter")
def test_nobody_gives_what_the_first_person_has_no_place_for() -> None:
    batch = faces(12, 2)
    assert batch.reference_masks is not None
    cloth = CLASSES.index("cloth")
    batch.reference_masks[:, :, -3:, 4:] = cloth  # and the first person shows none
    shares = edits(2).shares(batch, np.random.default_rng(2))
    assert not shares[:, :, cloth].any()
    assert (shares.sum(axis=2) > 0).all(), "each person gives something that is seen"


@pytest.mark.usefixtures("painter")
def test_a_face_is_its_own_whatever_is_made_beside_it() -> None:
    batch = faces(5, 3)
    every = edits(3).generate(batch, np.random.default_rng(0))
    first = FaceBatch(**{name: rows[:2] for name, rows in vars(batch).items() if rows is not None})
    np.testing.assert_array_equal(edits(3).generate(first, np.random.default_rng(0)), every[:2])


@pytest.mark.usefixtures("painter")
def test_nobody_who_shows_skin_makes_no_face() -> None:
    batch = faces(2, 2)
    assert batch.masks is not None
    assert batch.reference_masks is not None
    batch.masks[0], batch.reference_masks[0] = HAIR, HAIR
    made = edits(2).generate(batch, np.random.default_rng(0))
    assert np.isnan(made[0]).all()
    assert np.isfinite(made[1]).all()


def test_another_editor_needs_no_identity(tmp_path: Path) -> None:
    file = spade_weights(tmp_path / "spade.safetensors")
    maker: Any = load("generator", "successive_edits", generator={"name": "spade", "weights": str(file)}, sources=2)
    assert maker.conditions == {"masks", "references", "reference_masks"}
    assert maker.fingerprint()["generator"] == "spade"
    assert SpadeSettings().batch_size == maker.batch_size
    rng = np.random.default_rng(0)
    images, labels = rng.random((3, 2, 3, 256, 256), dtype=np.float32), np.full((3, 2, 256, 256), SKIN, np.uint8)
    labels[:, :, :90], labels[:, :, 120:150, 100:160] = HAIR, NOSE
    batch = FaceBatch(images=images[:, 0], masks=labels[:, 0], references=images[:, 1:], reference_masks=labels[:, 1:])
    assert np.isfinite(maker.generate(batch, np.random.default_rng(0))).all()


def test_who_cannot_edit_is_refused() -> None:
    with pytest.raises(ConfigError, match="'collage', which has no encode; expected one that makes faces of masks"):
        load("generator", "successive_edits", generator="collage")
    with pytest.raises(ConfigError, match="settings by which 'sis' takes something of a second person"):
        load("generator", "successive_edits", generator={"name": "sis", "identity": "reference"})
    with pytest.raises(ConfigError, match="sources: got 9, expected 2 to 8"):
        load("generator", "successive_edits", sources=9)
    with pytest.raises(ConfigError, match="expected a name, or a mapping with name"):
        load("generator", "successive_edits", generator={"weights": "a"})
