"""Albums of `mixsyn`: which faces follow an edit, bit for bit; grids, and naive copy-paste."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from bench.api import FaceBatch
from bench.errors import ConfigError, ShapeError, UnknownName
from bench.regions import CLASSES
from bench.seeding import stream
from generators.mixsyn.album import Album
from generators.mixsyn.assignment import Assignment
from generators.mixsyn.copy_paste import copy_paste
from generators.mixsyn.grids import mix_and_match
from generators.mixsyn.mixing import Mixer
from generators.mixsyn.sources import Counts
from tests.test_mixsyn import SMALL, labels, mixsyn, mixsyn_weights

HAIR, HAT, SKIN, MOUTH = (CLASSES.index(name) for name in ("hair", "hat", "skin", "inner_mouth"))
MIXES: tuple[dict[str, Any], ...] = (
    {"shapes": {}},
    {"shapes": {"hair": 2}},
    {"shapes": {"hair": 3}, "styles": {"hair": 2}},
    {"shapes": {"hair": 2}, "styles": {"hair": 3}},
    {"shapes": {"mouth": 2, "eyes": 3}},
    {"shapes": {"nose": 3}, "noise": 1},
    {"shapes": {"nose": 3}, "noise": 2, "temperature": 0.5},
)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return mixsyn_weights(tmp_path_factory.mktemp("weights") / "small.safetensors")


def photos(count: int = 3, seed: int = 5) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    images = np.random.default_rng(seed).random((count, 3, 256, 256), dtype=np.float32)
    return images, labels(count, seed)


def album(file: Path, images: NDArray[np.float32], masks: NDArray[np.uint8], batch_size: int = 1) -> Album:
    """An album of some mixes, none of them made yet."""
    found = Album(Mixer(str(file), threads=1, batch_size=batch_size), images, masks)
    for mix in MIXES:
        found.add(**mix)
    return found


def faces(one: Album) -> list[NDArray[np.float32]]:
    return [one.face(number) for number in range(len(one))]


def same(one: Album, other: Album) -> bool:
    return all(map(np.array_equal, faces(one), faces(other)))


def test_an_edited_region_is_followed_by_the_faces_that_use_it_and_no_other(file: Path) -> None:
    images, masks = photos()
    new, other = photos(1, 9)
    mine = album(file, images, masks)
    before, counts = faces(mine), mine.counts
    assert counts == Counts(encodes=3, composes=6, renders=7), "two that differ in a style alone share theirs"
    edit: dict[str, Any] = {"images": new[0], "labels": other[0], "region": "hair"}
    assert mine.edit_source(2, **edit) == (1, 2, 3)
    after = faces(mine)
    for number, (old, now) in enumerate(zip(before, after, strict=True)):
        assert (now is old) is (number not in (1, 2, 3)), number
        assert (now != old).any() == (number in (1, 2, 3)), number
    done = Counts(*(now - then for now, then in zip(mine.counts, counts, strict=True)))
    assert done == Counts(encodes=1, composes=1, renders=3), "the third takes the style alone"
    fresh = album(file, images, masks)
    fresh.edit_source(2, **edit)
    assert same(mine, fresh)


def test_a_photo_that_changes_composes_nothing(file: Path) -> None:
    images, masks = photos()
    mine = album(file, images, masks)
    faces(mine)
    counts = mine.counts
    images[1] = photos(1, 9)[0][0]
    assert mine.edit_source(2, images=images[1]) == (1, 2, 4)
    done = Counts(*(now - then for now, then in zip(mine.counts, counts, strict=True)))
    assert done == Counts(encodes=1, composes=0, renders=3)
    assert same(mine, album(file, images, masks)), "what was kept, too, is what a new album makes"


def test_of_an_edited_mask_only_the_regions_that_changed_count(file: Path) -> None:
    images, masks = photos()
    mine = album(file, images, masks)
    before = faces(mine)
    masks[1] = np.where(masks[1] == MOUTH, HAIR, masks[1])
    assert mine.edit_source(2, labels=masks[1]) == (1, 2, 3, 4)
    masks[1] = np.where(masks[1] == SKIN, 0, masks[1])
    assert mine.edit_source(2, labels=masks[1]) == (), "nobody has skin or background of source 2"
    masks[1] = np.where(masks[1] == HAT, HAIR, masks[1])
    assert mine.edit_source(2, labels=masks[1]) == (1, 2, 3)
    assert all(mine.face(number) is before[number] for number in (0, 5, 6))
    assert same(mine, album(file, images, masks))


@pytest.mark.parametrize("asked", [True, False], ids=["made before", "made after"])
def test_a_later_edit_of_half_a_source_keeps_what_an_earlier_one_gave_a_region(file: Path, asked: bool) -> None:
    images, masks = photos()
    (dyed,), (other,) = photos(1, 9)
    mine = album(file, images, masks)
    before = faces(mine) if asked else []
    assert mine.edit_source(2, images=dyed, region="hair") == ((1, 2) if asked else ())
    after = faces(mine) if asked else []
    pixel = masks[1].copy()
    pixel[0, 0] = (pixel[0, 0] + 1) % 19
    assert mine.edit_source(2, labels=pixel) == (), "the networks see no single pixel"
    hair = (pixel == HAIR) & ~np.isin(masks[0], [16, 17, 18])
    assert np.array_equal(mine.copy_paste(1)[:, hair], dyed[:, hair])
    if asked:
        assert (after[1] != before[1]).any()
        assert all(now is old for now, old in zip(faces(mine), after, strict=True))
    both = album(file, images, masks)
    both.edit_source(2, labels=pixel)
    both.edit_source(2, images=dyed, labels=pixel, region="hair")
    assert same(mine, both)
    mine.edit_source(2, labels=other, region="hair")
    mine.edit_source(2, images=dyed)
    hair = (other == HAIR) & ~np.isin(masks[0], [16, 17, 18])
    assert np.array_equal(mine.copy_paste(1)[:, hair], dyed[:, hair]), "its own mask stays its own"


def test_an_edit_that_changes_nothing_makes_nothing(file: Path) -> None:
    images, masks = photos()
    mine = album(file, images, masks)
    before = faces(mine)
    assert mine.edit_source(1, images=images[0], labels=masks[0]) == ()
    assert all(now is old for now, old in zip(faces(mine), before, strict=True))


def test_what_nobody_has_asked_for_is_made_later_and_of_the_edited_photo(file: Path) -> None:
    images, masks = photos()
    mine = album(file, images, masks)
    images[1], masks[1] = (one[0] for one in photos(1, 9))
    assert mine.edit_source(2, images=images[1], labels=masks[1]) == ()
    assert mine.counts == Counts()
    assert same(mine, album(file, images, masks))


@pytest.mark.parametrize(("seed", "batch_size"), [(0, 1), (1, 1), (2, 3)])
def test_after_any_edits_each_face_is_that_of_a_new_album(file: Path, seed: int, batch_size: int) -> None:
    rng = np.random.default_rng(seed)
    mine, edits = album(file, *photos(), batch_size), []
    regions = [*dict(SMALL.parts), "left_eye", "hat", None]
    for number in range(6):
        source, region = int(rng.integers(1, 4)), regions[rng.integers(len(regions))]
        new, mask = photos(1, 100 + number)
        both: dict[str, Any] = {"images": new[0], "labels": mask[0]}
        given = ("images", "labels", "images labels")[rng.integers(3)]
        edits.append((source, {name: both[name] for name in given.split()} | {"region": region}))
        for face in rng.permutation(len(mine))[:4].tolist():
            mine.face(face)
        mine.edit_source(source, **edits[-1][1])
    fresh = album(file, *photos(), batch_size)
    for source, edit in edits:
        fresh.edit_source(source, **edit)
    assert same(mine, fresh)


def test_a_region_of_its_own_photo_is_copied_from_there(file: Path) -> None:
    images, masks = photos()
    new, other = photos(1, 9)
    mine = album(file, images, masks)
    mine.edit_source(2, images=new[0], labels=other[0], region="hair")
    pasted, there = mine.copy_paste(1), other[0] == HAIR
    over = np.isin(masks[0], [16, 17, 18])
    assert np.array_equal(pasted[:, there & ~over], new[0][:, there & ~over])
    assert np.array_equal(mine.copy_paste(0), images[0])


def test_several_compositions_and_random_mixes(file: Path) -> None:
    mine = Album(Mixer(str(file), threads=1), *photos(4))
    numbers = [mine.add({"hair": 2}, noise=seed) for seed in (None, 1, 2, 1)]
    maps = [mine.composition(number) for number in numbers]
    assert np.array_equal(maps[1], maps[3])
    assert all((maps[one] != maps[other]).any() for one, other in ((0, 1), (0, 2), (1, 2)))
    drawn = [mine.add_drawn(seed) for seed in (3, 3, 4)]
    first, again, third = (mine.assignment(number) for number in drawn)
    assert torch.equal(first.style, again.style)
    assert not torch.equal(first.style, third.style)
    assert set(first.style[0].tolist()) == {0, 1, 2, 3}, "each source gives something"
    assert np.array_equal(mine.face(drawn[0]), mine.face(drawn[1]))


def test_what_cannot_be_had_is_refused(file: Path) -> None:
    mine, (images, masks) = Album(Mixer(str(file), threads=1), *photos()), photos()
    with pytest.raises(ConfigError, match="face: got 0, expected one that add gave; there is none yet"):
        mine.face(0)
    mine.add()
    with pytest.raises(ConfigError, match="face: got 1, expected 0 to 0"):
        mine.face(1)
    with pytest.raises(UnknownName, match="unknown part or class 'noze'; did you mean 'nose'"):
        mine.add({"noze": 2})
    with pytest.raises(ConfigError, match="source: got 4, expected 1 to 3"):
        mine.add(styles={"nose": 4})
    with pytest.raises(ConfigError, match="temperature: got -1, expected 0 to 1"):
        mine.add(temperature=-1)
    with pytest.raises(ConfigError, match="source 2: got neither images nor labels"):
        mine.edit_source(2)
    with pytest.raises(ConfigError, match="source: got 9, expected 1 to 3"):
        mine.edit_source(9, images=images[0])
    with pytest.raises(UnknownName, match="'nosy'"):
        mine.edit_source(2, images=images[0], region="nosy")
    with pytest.raises(ShapeError, match=r"labels: got uint8 \(1, 128, 128\), expected uint8 \(1, 256, 256\)"):
        mine.edit_source(2, labels=masks[0][:128, :128])
    assert len(mine) == 1


def test_a_grid_has_each_part_of_each_source_on_one_face(file: Path) -> None:
    images, masks = photos()
    masks[2][(masks[2] == HAIR) | (masks[2] == HAT)] = SKIN
    mine = Album(Mixer(str(file), threads=1), images, masks)
    grid = mix_and_match(mine, base=2, parts=("hair", "mouth"))
    assert mine.counts == Counts(encodes=3, composes=4, renders=4), "the base itself once"
    assert grid.faces.shape == grid.pasted.shape == (2, 3, 3, 256, 256)
    assert grid.numbers[0, 2] == -1
    assert np.isnan(grid.faces[0, 2]).all()
    assert np.array_equal(grid.faces[0, 1], grid.faces[1, 1]), "the base itself"
    assert np.array_equal(grid.pasted[0, 1], images[1])
    shape, style = (rows[0] for rows in mine.assignment(int(grid.numbers[1, 2])))
    assert shape[MOUTH] == style[MOUTH] == 2
    assert set(shape.tolist()) == {1, 2}
    styled = mix_and_match(mine, base=2, parts=("mouth",), style=True)
    shape, style = (rows[0] for rows in mine.assignment(int(styled.numbers[0, 0])))
    assert set(shape.tolist()) == {1}
    assert style[MOUTH] == 0
    assert mix_and_match(mine, base=3, parts=("hair",), style=True).numbers.tolist() == [[-1, -1, -1]]
    assert mix_and_match(mine).numbers.shape == (10, 3)
    with pytest.raises(ConfigError, match="source: got 7, expected 1 to 3"):
        mix_and_match(mine, base=7)


def test_copy_paste_lays_parts_over_each_other_and_fills_holes_with_what_is_nearest() -> None:
    images = np.stack([np.full((3, 8, 8), value, np.float32) for value in (0.2, 0.5, 0.9)])[None]
    masks = np.zeros((1, 3, 8, 8), np.uint8)
    masks[0, 1, 2:6, 2:6] = SKIN
    masks[0, 2, :4] = HAIR
    shape = torch.full((1, 19), -1)
    shape[0, SKIN], shape[0, HAIR] = 1, 2
    (made,) = copy_paste(images, masks, Assignment(shape, shape.clamp_min(0)))
    assert (made[:, :4] == np.float32(0.9)).all(), "hair covers skin"
    assert (made[:, 4:6, 2:6] == np.float32(0.5)).all()
    assert made[0][4, 0] == np.float32(0.9)
    assert made[0][7, 3] == np.float32(0.5)
    assert np.isin(made, np.array([0.5, 0.9], np.float32)).all(), "nothing of the first source"
    (nothing,) = copy_paste(images, masks, Assignment(torch.full((1, 19), -1), shape))
    assert np.isnan(nothing).all()


NOSE = CLASSES.index("nose")
RULE: tuple[tuple[str, dict[str, Any], bool], ...] = (
    ("as they are", {"shapes": {"hair": 2}, "styles": {"nose": 2}}, True),
    ("a nose of one pixel", {"shapes": {"nose": 2}}, True),
    ("a nose of one pixel", {"styles": {"nose": 2}}, True),
    ("no hair in source 1", {"shapes": {"hair": 2}}, True),
    ("no hair in source 1", {"styles": {"hair": 2}}, False),
    ("no hair in source 1", {"shapes": {"hair": 2}, "styles": {"hair": 2}}, True),
    ("no hair in source 1", {"shapes": {"hair": 1}}, False),
    ("a hat in source 1, hair in source 2", {"styles": {"hair": 2}}, False),
    ("a hat in source 1, hair in source 2", {"shapes": {"hair": 2}, "styles": {"hair": 1}}, False),
    ("no hair in source 2", {"shapes": {"hair": 2}}, False),
    ("no hair in source 2", {"styles": {"hair": 2}}, False),
)


@pytest.mark.parametrize(("who", "names", "can"), RULE, ids=str)
def test_generator_and_album_refuse_the_same_and_make_the_same(
    file: Path, who: str, names: dict[str, Any], can: bool
) -> None:
    images, masks = photos(2)
    one, two = masks
    if who == "a nose of one pixel":
        two[two == NOSE] = SKIN
        two[7, 7] = NOSE
    for mask, lost in {
        "no hair in source 1": ((one, (HAIR, HAT)),),
        "no hair in source 2": ((two, (HAIR, HAT)),),
        "a hat in source 1, hair in source 2": ((one, (HAIR,)), (two, (HAT,))),
    }.get(who, ()):
        mask[np.isin(mask, lost)] = SKIN
    batch = FaceBatch(images[:1], masks[:1], references=images[None, 1:], reference_masks=masks[None, 1:])
    (wanted,) = mixsyn(file, batch_size=1, **names).generate(batch, stream(0, "any"))
    assert np.isnan(wanted).all() == (not can)
    mine = Album(Mixer(str(file), threads=1), images, masks)
    if can:
        assert np.array_equal(mine.face(mine.add(**names)), wanted)
    else:
        with pytest.raises(ConfigError, match=r"hair: source [12] shows "):
            mine.add(**names)
