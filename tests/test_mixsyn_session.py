"""Interactive synthesis with `mixsyn`: choices, undoing, and how little is computed for each."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch.utils.flop_counter import FlopCounterMode

from bench import registry
from bench.api import FaceBatch
from bench.errors import ConfigError, ShapeError, UnknownName
from bench.regions import CLASSES
from bench.seeding import stream
from generators.mixsyn.mixing import Mixer
from generators.mixsyn.session import KEPT, MixingSession
from generators.mixsyn.settings import PRESETS
from generators.mixsyn.sources import Counts
from tests.test_mixsyn import SMALL, labels, mixsyn, mixsyn_weights

HAIR, HAT, EYE, SKIN = (CLASSES.index(name) for name in ("hair", "hat", "left_eye", "skin"))


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return mixsyn_weights(tmp_path_factory.mktemp("weights") / "small.safetensors")


def photos(count: int) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    images = np.random.default_rng(5).random((count, 3, 256, 256), dtype=np.float32)
    return images, labels(count, 7)


def session(file: Path, count: int = 3) -> MixingSession:
    return MixingSession(Mixer(str(file), threads=1), *photos(count))


def since(session: MixingSession, before: Counts) -> Counts:
    return Counts(*(now - then for now, then in zip(session.counts, before, strict=True)))


def test_a_session_makes_what_the_generator_makes_of_the_same_names(file: Path) -> None:
    images, masks = photos(3)
    batch = FaceBatch(images[:1], masks[:1], references=images[None, 1:], reference_masks=masks[None, 1:])
    settings: dict[str, Any] = {"shapes": {"hair": 2, "eyes": 3}, "styles": {"hair": 3}, "temperature": 0.5}
    wanted = mixsyn(file, batch_size=1, sources=3, **settings).generate(batch, stream(0, "any"))[0]
    mine = session(file)
    mine.choose("hair", 2)
    mine.choose("hair", style=3)
    mine.choose("eyes", 3)
    mine.temperature = 0.5
    assert np.array_equal(mine.face(), wanted)


def test_only_what_changed_is_computed(file: Path) -> None:
    mine = session(file)
    assert mine.counts == Counts(), "a session costs nothing until its face is asked for"
    mine.face()
    assert mine.counts == Counts(encodes=1, composes=1, renders=1)
    mine.composition()
    mine.face()
    assert mine.counts == Counts(1, 1, 1)
    steps: list[tuple[Callable[[], None], Counts]] = [
        (lambda: mine.choose("hair", 2), Counts(1, 1, 1)),
        (lambda: mine.choose("mouth", 2), Counts(0, 1, 1)),
        (lambda: mine.choose("nose", style=2), Counts(0, 0, 1)),
        (lambda: mine.choose("eyes", shape=3), Counts(0, 1, 1)),
        (lambda: mine.choose("eyes", style=3), Counts(1, 0, 1)),
        (lambda: mine.vary(4), Counts(0, 1, 1)),
        (lambda: setattr(mine, "temperature", 0.3), Counts(0, 1, 1)),
        (lambda: mine.choose("hair", 2), Counts(0, 0, 0)),
        (lambda: mine.undo(), Counts(0, 0, 0)),
        (lambda: mine.redo(), Counts(0, 0, 0)),
    ]
    faces = [mine.face()]
    for number, (step, wanted) in enumerate(steps):
        before = mine.counts
        step()
        faces.append(mine.face())
        assert since(mine, before) == wanted, number
    assert all((one != other).any() for one, other in itertools.pairwise(faces[:8])), "each choice shows"


def test_undo_and_redo_give_the_very_faces_again(file: Path) -> None:
    mine = session(file)
    made = [mine.face()]
    for source in (2, 3, 1):
        mine.choose("hair", source)
        made.append(mine.face())
    before = mine.counts
    for face in (made[2], made[1], made[0]):
        mine.undo()
        assert mine.face() is face
    for face in made[1:3]:
        mine.redo()
        assert mine.face() is face
    assert mine.counts == before
    mine.choose("mouth", 3)
    with pytest.raises(ConfigError, match="nothing to redo: no choice was undone, or another was made since"):
        mine.redo()
    mine.choose("mouth", 3)  # again: no choice
    mine.undo()
    assert mine.face() is made[2]
    assert np.array_equal(made[0], made[3])
    with pytest.raises(ValueError, match="read-only"):
        made[0][:] = 0


def test_what_was_undone_long_ago_is_made_again(file: Path) -> None:
    mine = session(file)
    first = mine.face()
    for number in range(KEPT):
        mine.vary(number)
        mine.face()
    for _ in range(KEPT):
        mine.undo()
    before = mine.counts
    again = mine.face()
    assert again is not first
    assert np.array_equal(again, first)
    assert since(mine, before) == Counts(0, 1, 1)


def test_with_six_sources_one_region_costs_at_most_half_of_a_full_synthesis_from_photos(tmp_path: Path) -> None:
    mine = session(mixsyn_weights(tmp_path / "tiny.safetensors", PRESETS["tiny"]), 6)
    for part, source in (("hair", 2), ("eyes", 3), ("nose", 4), ("mouth", 5), ("cloth", 6)):
        mine.choose(part, source)
    parser = registry.load("parser", "face_parser", threads=1, batch_size=6)
    with FlopCounterMode(display=False) as labelling:
        parser.parse(photos(6)[0])
    with FlopCounterMode(display=False) as with_masks:
        mine.face()
    before = mine.counts
    assert before == Counts(encodes=6, composes=1, renders=1)
    mine.choose("brows", 3)
    with FlopCounterMode(display=False) as one_region:
        mine.face()
    assert since(mine, before) == Counts(encodes=0, composes=1, renders=1)
    parsed, rest, region = (one.get_total_flops() for one in (labelling, with_masks, one_region))
    assert 0 < region <= 0.5 * (parsed + rest)
    # Where masks are given it is more than half: rendering, which every choice needs, has most of the multiply-adds.
    assert region / rest == pytest.approx(0.60, abs=0.01)


def test_shape_and_style_may_be_of_different_people(file: Path) -> None:
    mine = session(file)
    mine.choose("eyes", 2, style=3)
    shape, style = (rows[0].tolist() for rows in mine.assignment)
    assert (shape[EYE], style[EYE]) == (1, 2)
    mine.choose("left_eye", shape=3)
    shape, style = (rows[0].tolist() for rows in mine.assignment)
    assert (shape[EYE], style[EYE]) == (2, 2)
    assert (shape[EYE + 1], style[EYE + 1]) == (1, 2), "the class alone"
    assert set(shape) == {0, 1, 2}
    mine.choose("eyes", 1)
    assert not torch.stack(mine.assignment).any()


def test_a_composition_sums_to_one_and_what_is_removed_is_gone(file: Path) -> None:
    mine = session(file)
    before = mine.composition()
    assert before.shape == (19, 32, 32)
    np.testing.assert_allclose(before.sum(axis=0), 1, atol=1e-5)
    assert (before[HAIR] > 0).any()
    assert (before[HAT] > 0).any()
    mine.remove("hair")
    after = mine.composition()
    assert not after[[HAIR, HAT]].any()
    np.testing.assert_allclose(after.sum(axis=0), 1, atol=1e-5)
    mine.choose("hair", 2)
    assert (mine.composition()[HAIR] > 0).any()
    for name in dict(SMALL.parts):
        if name != "cloth":
            mine.remove(name)
    with pytest.raises(ConfigError, match="cloth: without it nothing is left of the face"):
        mine.remove("cloth")


def test_noise_and_temperature_change_the_composition(file: Path) -> None:
    mine = session(file)
    mine.choose("hair", 2)
    plain, soft = mine.composition(), mine.face()
    mine.vary(1)
    one = mine.composition()
    mine.vary(2)
    other = mine.composition()
    assert (one != other).any()
    assert (one != plain).any()
    mine.vary(1)
    assert np.array_equal(mine.composition(), one)
    mine.vary(None)
    assert np.array_equal(mine.composition(), plain)
    mine.temperature = 0
    assert set(np.unique(mine.composition())) == {0, 1}
    assert (mine.face() != soft).any()
    assert mine.temperature == 0


def test_what_cannot_be_had_is_refused_and_changes_nothing(file: Path) -> None:
    images, masks = photos(3)
    masks[1][masks[1] == HAIR] = SKIN
    masks[1][masks[1] == HAT] = SKIN
    mine = MixingSession(Mixer(str(file), threads=1), images, masks)
    refused: list[tuple[type[Exception], str, Callable[[], object]]] = [
        (ConfigError, "nothing to undo: no choice was made", lambda: mine.undo()),
        (ConfigError, "nothing to redo", lambda: mine.redo()),
        (UnknownName, "unknown part or class 'hare'; did you mean 'hair'", lambda: mine.choose("hare", 2)),
        (UnknownName, "unknown part or class 'heir'", lambda: mine.remove("heir")),
        (ConfigError, "source: got 4, expected 1 to 3", lambda: mine.choose("hair", 4)),
        (ConfigError, "source: got 0, expected 1 to 3", lambda: mine.choose("hair", style=0)),
        (ConfigError, "source: got True, expected 1 to 3", lambda: mine.choose("hair", True)),
        (ConfigError, r"hair: got no source, expected one, such as choose\('hair', 2\)", lambda: mine.choose("hair")),
        (ConfigError, "hair: source 2 shows none; expected a source that does: 1, 3", lambda: mine.choose("hair", 2)),
        (ConfigError, "hat: source 2 shows none", lambda: mine.choose("hat", 3, style=2)),
        (ConfigError, "temperature: got 1.5, expected 0 to 1", lambda: setattr(mine, "temperature", 1.5)),
    ]
    before = mine.mix
    for kind, said, act in refused:
        with pytest.raises(kind, match=said):
            act()
        assert mine.mix == before
    mine.remove("hat")
    with pytest.raises(
        ConfigError, match=r"hat: source 3 shows some, but whoever gives its shape shows none .*with it: none does"
    ):
        mine.choose("hat", style=3)


def test_weights_that_cannot_say_so(tmp_path: Path) -> None:
    quiet = mixsyn_weights(tmp_path / "quiet.safetensors", dataclasses.replace(SMALL, composer_noise=0))
    with pytest.raises(ConfigError, match=r"quiet\.safetensors was trained without noise in its composer"):
        session(quiet).vary(3)
    facades = mixsyn_weights(
        tmp_path / "facades.safetensors",
        dataclasses.replace(SMALL, compose=False, compose_steps=0, render_steps=1, settle_steps=1),
    )
    mine = session(facades)
    own = mine.composition()
    with pytest.raises(ConfigError, match=r"hair: got source 2 for its shape, but .* was trained without a composer"):
        mine.choose("hair", 2)
    with pytest.raises(ConfigError, match="was trained without a composer"):
        mine.vary(3)
    before = mine.face()
    mine.choose("hair", style=2)
    assert (mine.face() != before).any()
    assert np.array_equal(mine.composition(), own), "the map of the result is the first source's"
    assert mine.counts == Counts(encodes=2, composes=0, renders=2)


def test_photos_that_are_none(file: Path) -> None:
    images, masks = photos(2)
    mixer = Mixer(str(file), threads=1)
    wrong: list[tuple[Any, Any, str]] = [
        (images[0], masks, r"images: got float32 \(3, 256, 256\), expected float32 \(K, 3, S, S\)"),
        (images.astype(np.float64), masks, "images: got float64"),
        (images, masks[:1], r"labels: got uint8 \(1, 256, 256\), expected uint8 \(2, 256, 256\)"),
        (images, masks + 19, "labels: got the label 37, expected 0 to 18"),
        (images[:, :, :100, :100], masks[:, :100, :100], "side"),
    ]
    for some, those, said in wrong:
        with pytest.raises(ShapeError, match=said):
            MixingSession(mixer, some, those)


def test_copy_paste_beside_it(file: Path) -> None:
    images, masks = photos(3)
    mine = session(file)
    assert np.array_equal(mine.copy_paste(), images[0]), "all of source 1"
    mine.choose("hair", 2)
    pasted, hair = mine.copy_paste(), masks[1] == HAIR
    over = np.isin(masks[0], [16, 17, 18])  # neck and cloth lie before the hair
    assert np.array_equal(pasted[:, hair & ~over], images[1][:, hair & ~over])
    assert np.array_equal(pasted[:, over], images[0][:, over])
