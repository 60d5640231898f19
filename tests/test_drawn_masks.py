"""Masks of drawn people: exact because what paints a pixel labels it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import ImageFilter

from bench.api import MaskedDataset
from bench.datasets.drawn import Drawn, DrawnSettings, Hat, Person, View, landmarks, mask, person_from_seed, render
from bench.datasets.drawn import parts as of
from bench.datasets.drawn.anatomy import LEFT, RIGHT
from bench.datasets.drawn.canvas import Canvas
from bench.datasets.drawn.skin import tone
from bench.errors import MissingFile

SIDE = 192
Change = Callable[[Person, View], tuple[Person, View]]


def bare(number: int, seed: int = 0) -> Person:
    """Somebody with short hair, whose face and ears nothing hides."""
    person = person_from_seed(seed, number)
    return replace(person, hair=replace(person.hair, style="buzz", beard="none"))


def test_it_is_a_masked_data_set() -> None:
    data = Drawn(DrawnSettings(people=2, images=2, side=64))
    assert isinstance(data, MaskedDataset)
    key = data.frames()[0].key
    found = data.mask(key)
    assert (found.shape, found.dtype) == (data.image(key).shape[:2], np.uint8)
    assert found.tobytes() == mask(*data.parameters(key), 64).tobytes()
    with pytest.raises(MissingFile, match="no picture"):
        data.mask("nobody/001.png")


def test_digests_of_masks_follow_the_parameters() -> None:
    settings = DrawnSettings(people=3, images=2, side=64)
    keys = [frame.key for frame in Drawn(settings).frames()]
    digests = {Drawn(settings).mask_digest(key) for key in keys} | {Drawn(settings).content_digest(key) for key in keys}
    assert len(digests) == 2 * len(keys)
    assert Drawn(replace(settings, side=65)).mask_digest(keys[0]) != Drawn(settings).mask_digest(keys[0])


def test_every_class_occurs_and_no_other() -> None:
    data = Drawn(DrawnSettings(people=30, images=2, side=96, split="all"))
    seen: set[int] = set()
    for frame in data.frames():
        found = data.mask(frame.key)
        assert found.shape == (96, 96)
        seen |= set(np.unique(found).tolist())
    assert seen == set(range(19))


@pytest.mark.parametrize(
    "change",
    [
        {"light": (0.8, -0.2, 0.5)}, {"light_strength": 1.0}, {"warmth": -1.0}, {"exposure": 0.6}, {"blur": 1.5},
        {"noise": 5.0}, {"grain": 77}, {"background": ((0, 0, 0), (255, 255, 255))}, {"clothes": (1, 2, 3)},
    ],
)  # fmt: skip
def test_light_and_camera_change_the_picture_but_not_the_mask(change: dict[str, object]) -> None:
    person = person_from_seed(0, 19)
    view = View(glasses=True, earrings=True, necklace=True, hat=Hat("cap"), yaw=9.0)
    other = replace(view, **change)
    if change != {"grain": 77}:
        assert not np.array_equal(render(person, view, 96), render(person, other, 96))
    assert np.array_equal(mask(person, view, 96), mask(person, other, 96))


def test_painting_with_labels_paints_the_same_picture() -> None:
    from bench.datasets.drawn.renderer import _painted

    person, view = person_from_seed(0, 12), View(glasses=True, hat=Hat("fedora"), yaw=-11.0, mouth_open=0.5)
    pictures = [_painted(person, view, 96, labelled).finished() for labelled in (False, True)]
    assert np.array_equal(*pictures)


@pytest.mark.parametrize(
    ("classes", "change", "visible"),
    [
        ((of.CLOTH,), lambda p, v: (p, replace(v, clothes=(40, 200, 60))), 0.99),
        ((of.HAT,), lambda p, v: (p, replace(v, hat=Hat("beanie", (40, 200, 60), (9, 9, 9)))), 0.99),
        ((of.HAT,), lambda p, v: (p, replace(v, hat=Hat("beanie", (40, 60, 200), (9, 9, 9)))), 0.99),
        ((of.GLASSES,), lambda p, v: (replace(p, glasses=replace(p.glasses, lens=(40, 200, 60))), v), 0.7),
        ((of.EYE[LEFT], of.EYE[RIGHT]), lambda p, v: (replace(p, eyes=replace(p.eyes, colour=(250, 20, 30))), v), 0.2),
        ((of.NECKLACE,), lambda p, v: (replace(p, jewels=replace(p.jewels, stone=(40, 200, 60))), v), 0.7),
        ((of.UPPER_LIP, of.LOWER_LIP, of.MOUTH), lambda p, v: (replace(p, mouth=replace(p.mouth, colour=0.1)), v), 0.9),
    ],
)  # fmt: skip
def test_what_changes_its_colour_is_what_the_mask_names(
    classes: tuple[int, ...], change: Change, visible: float
) -> None:
    """Recolour one thing: nothing changes outside of its label but the pixels that its edge shares with a neighbour."""
    person = bare(8)
    jewels = replace(person.jewels, necklace="beads", stone=(150, 40, 52))
    glasses = replace(person.glasses, tint=0.9, lens=(46, 58, 52))
    skin, lips = replace(person.skin, makeup=1.0), replace(person.mouth, colour=0.9)
    person = replace(person, jewels=jewels, glasses=glasses, skin=skin, mouth=lips)
    view = View(
        yaw=12.0,
        necklace=True,
        mouth_open=0.4,
        hat=Hat("beanie", (200, 40, 60), (9, 9, 9)) if of.HAT in classes else Hat(),
        glasses=of.GLASSES in classes,
    )
    changed = np.abs(render(person, view, SIDE).astype(int) - render(*change(person, view), SIDE)).max(axis=2) > 3
    named = np.isin(mask(person, view, SIDE), classes)
    assert changed[named].mean() >= visible
    assert not (changed & ~grown(named)).any()


def grown(where: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """A region and the pixels beside it."""
    from PIL import Image

    wider = Image.fromarray(where.astype(np.uint8) * 255).filter(ImageFilter.MaxFilter(5))
    return np.asarray(wider) > 0


@pytest.mark.parametrize("yaw", [-25.0, 0.0, 25.0])
def test_labels_lie_where_the_landmarks_are(yaw: float) -> None:
    for number in range(1, 13):
        person, view = bare(number), View(yaw=yaw, pitch=4.0, roll=-6.0, mouth_open=0.5)
        found, points = mask(person, view, SIDE), landmarks(person, view, SIDE)["dlib68"]
        for classes, first, last in (
            ((of.EYE[LEFT],), 36, 42), ((of.EYE[RIGHT],), 42, 48), ((of.UPPER_LIP, of.LOWER_LIP, of.MOUTH), 48, 60),
        ):  # fmt: skip
            rows, columns = np.nonzero(np.isin(found, classes))
            low, high = points[first:last].min(axis=0), points[first:last].max(axis=0)
            edges = np.array([columns.min(), rows.min(), columns.max(), rows.max()])
            assert np.abs(edges - [*low, *high]).max() < 3.0, (number, classes)
        tip = points[30].round().astype(int)
        assert found[tip[1], tip[0]] == of.NOSE
        middle = (0.5 * (points[62] + points[66])).round().astype(int)
        assert found[middle[1], middle[0]] == of.MOUTH


def test_left_and_right_are_as_seen() -> None:
    for number in range(1, 9):
        found = mask(bare(number), View(), SIDE)
        middle = {label: np.nonzero(found == label)[1].mean() for label in range(4, 10)}
        for left, right in ((4, 5), (6, 7), (8, 9)):
            assert middle[left] < SIDE / 2 < middle[right]
    turned = mask(bare(3), View(yaw=30.0), SIDE)
    assert (turned == of.EAR[LEFT]).sum() > 2 * (turned == of.EAR[RIGHT]).sum()


def test_hair_has_the_colour_of_hair() -> None:
    compared = 0
    for number in range(1, 41):
        person = person_from_seed(2, number)
        hair, skin = np.array(person.hair.colour, float), np.array(tone(person), float)
        view = View(light_strength=0.2)
        named = mask(person, view, 96) == of.HAIR
        if person.hair.style in ("bald", "buzz") or np.abs(hair - skin).max() < 60:
            continue
        compared += 1
        mean = render(person, view, 96)[named].mean(axis=0)
        assert np.abs(mean - 0.8 * hair).max() < 45, number
        assert np.linalg.norm(mean - hair) < np.linalg.norm(mean - skin), number
    assert compared > 20


def test_hats_hide_hair_and_glasses_lie_over_the_eyes() -> None:
    for number in (8, 12, 19, 21, 24):
        person = person_from_seed(0, number)
        plain = mask(person, View(), SIDE)
        for style in ("cap", "beanie", "fedora", "bucket", "sun_hat"):
            worn = mask(person, View(hat=Hat(style)), SIDE)
            top = np.nonzero(worn == of.HAT)[0].min()
            hair = np.nonzero(worn == of.HAIR)[0]
            assert not len(hair) or hair.min() > top + 15, (number, style)
            assert (worn == of.HAIR).sum() < (plain == of.HAIR).sum()
        spectacles = mask(bare(number), View(glasses=True), SIDE)
        assert not np.isin(spectacles, (of.EYE[LEFT], of.EYE[RIGHT])).any()
        assert np.isin(mask(bare(number), View(), SIDE)[spectacles == of.GLASSES], (4, 5)).sum() > 60


def test_a_pixel_shows_what_most_of_it_shows() -> None:
    canvas = Canvas(200, labelled=True)  # two by two cells a pixel
    assert canvas.labels is not None
    for cells, label in (([(0, 0)], 5), ([(2, 0), (3, 1)], 7), ([(4, 0), (5, 0), (4, 1)], 9)):
        for cell in cells:
            canvas.labels.putpixel(cell, label)
    assert canvas.finished_labels()[0, :4].tolist() == [0, 7, 9, 0]
