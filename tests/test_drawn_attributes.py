"""The 40 attributes of drawn people: they follow from the parameters."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from bench.api import AttributedDataset
from bench.datasets import celeba
from bench.datasets.attributes import ATTRIBUTES
from bench.datasets.drawn import Drawn, DrawnSettings, Hat, Person, View, attributes_of, person_from_seed
from bench.datasets.drawn.attributes import named_colour
from bench.datasets.drawn.population import HAIR_COLOURS

PERSON = person_from_seed(0, 10)


def changed(person: Person, path: str, value: Any) -> Person:
    part, _, name = path.partition(".")
    return replace(person, **{part: replace(getattr(person, part), **{name: value}) if name else value})


def test_the_data_set_has_celebas_forty_in_its_order() -> None:
    data = Drawn(DrawnSettings(people=200, images=2, split="all"))
    assert isinstance(data, AttributedDataset)
    found = data.attributes()
    assert tuple(found) == ATTRIBUTES == celeba.ATTRIBUTES
    assert len(ATTRIBUTES) == 40
    for name, values in found.items():
        assert (values.dtype, values.shape) == (np.float32, (400,))
        if name == "Attractive":
            assert np.isnan(values).all()
        else:
            expected = {-1.0} if name == "Double_Chin" else {-1.0, 1.0}
            assert set(values.tolist()) == expected, name


def test_rows_are_those_of_the_frames() -> None:
    data = Drawn(DrawnSettings(people=10, images=3))
    male = data.attributes()["Male"]
    truth = [data.parameters(frame.key)[0].masculine > 0.5 for frame in data.frames()]
    assert ((male > 0) == truth).all()


@pytest.mark.parametrize(
    ("name", "path", "no", "yes"),
    [
        ("5_o_Clock_Shadow", "hair.beard", "none", "stubble"), ("Arched_Eyebrows", "brows.arch", 0.0, 0.15),
        ("Bags_Under_Eyes", "eyes.bags", 0.0, 0.9), ("Bald", "hair.style", "short", "bald"),
        ("Bangs", "hair.style", "parted", "fringe"), ("Big_Lips", "mouth.lower", 0.05, 0.25),
        ("Big_Nose", "nose.width", 0.15, 0.40), ("Black_Hair", "hair.colour", (208, 176, 124), (34, 29, 30)),
        ("Blond_Hair", "hair.colour", (34, 29, 30), (208, 176, 124)),
        ("Brown_Hair", "hair.colour", (34, 29, 30), (99, 68, 46)), ("Bushy_Eyebrows", "brows.thick", 0.03, 0.09),
        ("Goatee", "hair.beard", "none", "goatee"), ("Gray_Hair", "hair.colour", (34, 29, 30), (150, 147, 145)),
        ("Heavy_Makeup", "skin.makeup", 0.0, 1.0), ("High_Cheekbones", "skull.cheekbone", 0.0, 0.12),
        ("Male", "masculine", 0.1, 0.9), ("Mustache", "hair.beard", "stubble", "moustache"),
        ("Narrow_Eyes", "eyes.upper", 0.20, 0.05), ("No_Beard", "hair.beard", "full", "none"),
        ("Pale_Skin", "skin.tone", 3.0, 0.1), ("Pointy_Nose", "nose.tip", 0.25, 0.10),
        ("Rosy_Cheeks", "skin.blush", 0.1, 0.9), ("Young", "age", 0.9, 0.1),
        ("Wavy_Hair", "hair.style", "buzz", "curly"), ("Straight_Hair", "hair.style", "curly", "short"),
    ],
)  # fmt: skip
def test_attributes_of_a_person_follow_its_parameters(name: str, path: str, no: Any, yes: Any) -> None:
    person = changed(changed(PERSON, "hair.style", "short"), "nose.rise", 0.35)
    assert attributes_of(changed(person, path, no), View())[name] == -1.0
    assert attributes_of(changed(person, path, yes), View())[name] == 1.0


@pytest.mark.parametrize(
    ("name", "yes"),
    [
        ("Blurry", {"blur": 0.6}), ("Eyeglasses", {"glasses": True}), ("Mouth_Slightly_Open", {"mouth_open": 0.5}),
        ("Smiling", {"smile": 0.8}), ("Wearing_Earrings", {"earrings": True}), ("Wearing_Hat", {"hat": Hat("cap")}),
        ("Wearing_Necklace", {"necklace": True}), ("Wearing_Necktie", {"tie": (1, 2, 3), "neckline": "shirt"}),
    ],
)  # fmt: skip
def test_attributes_of_a_view_follow_its_parameters(name: str, yes: dict[str, Any]) -> None:
    assert attributes_of(PERSON, View())[name] == -1.0
    assert attributes_of(PERSON, View(**yes))[name] == 1.0


def test_hair_colours_keep_their_names() -> None:
    assert [named_colour(colour) for colour in HAIR_COLOURS.values()] == list(HAIR_COLOURS)
