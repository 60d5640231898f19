"""What attribute translation makes of faces that it never saw, as numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from bench.errors import InsufficientData
from bench.regions import CLASSES
from generators.translation.editing import Translator
from generators.translation.evaluate import PARTS, colours, evaluate, mean_of, references_for, spread
from tests.test_translation import faces, translation_weights

HAIR, SKIN = (CLASSES.index(name) for name in PARTS)


def test_a_mean_has_an_interval_of_people() -> None:
    people = np.repeat(np.arange(20, dtype=np.int32), 5)
    values = np.random.default_rng(0).normal(0, 1, 20)[people] + 3.0
    values[:5] = np.nan
    found = mean_of("x", values, people)
    assert found.value == pytest.approx(np.nanmean(values))
    assert found.low < found.value < found.high
    assert found.high - found.low > 0.4, "five faces of a person are no five people"
    assert found.faces == 95
    with pytest.raises(InsufficientData, match="x: no face"):
        mean_of("x", np.full(3, np.nan), people[:3])


def test_references_are_other_people() -> None:
    people = np.array([1, 1, 2, 3, 3], np.int32)
    found = references_for(people, 2)
    assert (people[found] != people[:, None]).all()
    assert all(len(set(row)) == 2 for row in found.tolist())
    np.testing.assert_array_equal(found, references_for(people, 2))
    assert references_for(people, 9).shape == (5, 9)
    with pytest.raises(InsufficientData, match="one person"):
        references_for(np.ones(3, np.int32), 1)


def test_spread_is_that_of_every_two() -> None:
    levels = torch.tensor([0.0, 0.1, 0.4])
    pictures = levels[:, None, None, None].expand(3, 3, 4, 4)
    assert spread(pictures) == pytest.approx(255 * (0.1 + 0.4 + 0.3) / 3, rel=1e-4)


def test_colours_are_those_of_the_parts() -> None:
    crops = np.zeros((2, 3, 32, 32), np.float32)
    crops[:, 0, :16], crops[:, 1, 16:] = 0.8, 0.4
    labels = np.full((2, 32, 32), HAIR, np.uint8)
    labels[:, 16:] = SKIN
    labels[1, 16:] = 0
    found = colours(crops, labels)
    np.testing.assert_allclose(found[0], [[0.8, 0, 0], [0, 0.4, 0]], atol=1e-4)
    assert np.isnan(found[1, 1]).all(), "no skin"


class Halves:
    """Hair above, skin below."""

    def parse(self, crops: Any) -> Any:
        labels = np.full((len(crops), 256, 256), HAIR, np.uint8)
        labels[:, 128:] = SKIN
        return labels


def test_every_mean_is_there(tmp_path: Path) -> None:
    translator = Translator(str(translation_weights(tmp_path / "small.safetensors")), threads=1, batch_size=4)
    people = np.array([0, 0, 1, 1, 2, 2], np.int32)
    with torch.inference_mode():
        found = {one.name: one for one in evaluate(translator, torch.from_numpy(faces(6)), people, Halves())}
    assert len(found) == 9
    assert all(one.low <= one.value <= one.high for one in found.values())
    assert found["looks by label"].value > 0
    assert found["looks by reference"].value > 0
    assert 0 <= found["style: hair, share nearer to its own"].value <= 1
    assert str(found["again: SSIM"]).startswith("| again: SSIM | ")
