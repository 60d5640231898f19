"""The attack `least_edit`: which edit it takes, and that it keeps the attacks' promises."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from attacks.least_edit.choosing import Best, scores_between
from attacks.least_edit.plugin import LeastEdit
from attacks.least_edit.settings import LeastEditSettings
from bench.aligners.templates import ARCFACE112, FFHQ256
from bench.api import Budget, FaceBatch
from bench.errors import ConfigError, ShapeError, UnknownName
from bench.registry import Registry
from tests.test_translation import translation_weights
from tests.well_behaved import row

NAN = float("nan")


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
def test_the_least_visible_of_those_that_are_not_accepted_is_taken(order: tuple[int, ...]) -> None:
    scores = np.array([[0.9, 0.4, 0.3], [0.9, 0.8, 0.7], [NAN, NAN, NAN], [NAN, 0.9, 0.45], [0.5, 0.6, 0.7]])
    alike = np.array([[0.99, 0.7, 0.8], [0.9, 0.8, 0.7], [1, 1, 1], [0.99, 0.9, 0.2], [0.9, 0.8, 0.7]])
    best, place = Best(5, 0.5), np.full(5, -1)
    for number in order:
        place[best.replaced(scores[:, number], alike[:, number])] = number
    assert place.tolist() == [2, 2, -1, 2, 0]
    assert best.done.tolist() == [True, False, False, True, False], "a score at the threshold is accepted"


def test_scores_are_those_of_the_recognizer() -> None:
    photos, faces = np.array([[3.0, 4.0]] * 2, np.float32), np.array([[3.0, 4.0], [0.0, 4.0]], np.float32)
    np.testing.assert_allclose(scores_between(photos, faces, "neg_l2"), [0, -3])
    np.testing.assert_allclose(scores_between(photos, faces, "cosine"), [1, 0.8])


@dataclass(frozen=True)
class NoSettings:
    """Nothing to say."""


class Painter:
    """Makes faces darker as Dark, hardly otherwise as Little, and refuses what is black already."""

    template = FFHQ256
    contributors = 1
    batch_size = 4
    conditions: frozenset[str] = frozenset()
    attributes = ("Little", "Dark")
    taught_by = frozenset({"teacher"})

    def __init__(self, settings: NoSettings) -> None:
        assert settings

    def fingerprint(self) -> dict[str, Any]:
        return {"revision": 1, "weights": "abc"}

    def default_aligner(self) -> dict[str, Any]:
        return {"name": "dlib_hog", "points": 68}

    def generate(self, batch: FaceBatch, rng: np.random.Generator) -> Any:
        return batch.images

    def edit_tensor(self, images: torch.Tensor, attribute: str, strength: float) -> torch.Tensor:
        faces = images * (1 - (0.45 if attribute == "Dark" else 0.01) * strength)
        return torch.where(images.mean(dim=(1, 2, 3), keepdim=True) > 0.01, faces, torch.nan)


class Eye:
    """Knows faces by how bright they are."""

    comparison = "neg_l2"
    template = ARCFACE112
    batch_size = 3

    def __init__(self, settings: NoSettings) -> None:
        assert settings

    def fingerprint(self) -> dict[str, Any]:
        return {"revision": 2}

    def default_aligner(self) -> dict[str, Any]:
        return {"name": "dlib_hog", "points": 68}

    def embed(self, crops: Any) -> Any:
        assert crops.shape == (3, 3, 112, 112)
        return crops.mean(axis=(2, 3)).astype(np.float32)

    def runtime(self) -> dict[str, str]:
        return {"device": "toy"}


@pytest.fixture
def attack(own_registry: Registry) -> LeastEdit:
    own_registry.add(row("generator", "painter", Painter, NoSettings), "the tests")
    for name in ("eye", "other_eye"):
        own_registry.add(row("recognizer", name, Eye, NoSettings), "the tests")
    settings = LeastEditSettings(generator="painter", surrogate="eye", threshold=-0.3, strengths=(0.5, 1.0, 2.0))
    return LeastEdit(settings)


def batch(levels: tuple[float, ...]) -> FaceBatch:
    images = np.ones((len(levels), 3, 256, 256), np.float32) * np.array(levels, np.float32)[:, None, None, None]
    images += np.random.default_rng(0).uniform(-0.004, 0.004, images.shape).astype(np.float32)
    left, right, nose, *corners = ARCFACE112.targets["field5"] * 256 / 112
    points = np.tile(nose, (68, 1)).astype(np.float32)
    points[36:42], points[42:48], points[48], points[54] = left, right, corners[0], corners[1]
    return FaceBatch(np.clip(images, 0, 1), landmarks=np.stack([points] * len(levels)))


def run(attack: LeastEdit, faces: FaceBatch, **more: Any) -> Any:
    asked = {"goal": "dodge", "budget": Budget(norm="none"), **more}
    return attack.run(faces, None, asked["goal"], asked["budget"], np.random.default_rng(0))  # type: ignore[arg-type]


def test_a_face_gets_as_much_as_it_needs(attack: LeastEdit) -> None:
    faces = batch((0.9, 0.5, 0.0, 0.2))
    made = run(attack, faces)
    level = made.mean(axis=(1, 2, 3))
    # Three channels that fall by d are sqrt(3) d apart: 0.9 falls by 0.2 at strength 0.5, 0.5 by 0.23 at strength 1.
    assert level[0] == pytest.approx(0.9 * (1 - 0.45 * 0.5), abs=0.01)
    assert level[1] == pytest.approx(0.5 * (1 - 0.45), abs=0.01)
    assert np.isnan(made[2]).all(), "nothing could be made of it"
    assert level[3] == pytest.approx(0.2 * (1 - 0.9), abs=0.01), "no edit does it: the one that is least alike"


def test_a_face_depends_on_its_own_row_only(attack: LeastEdit) -> None:
    faces = batch((0.9, 0.5, 0.7, 0.8, 0.6))
    every = run(attack, faces)
    alone = run(attack, FaceBatch(faces.images[1:2], landmarks=faces.landmarks[1:2]))  # type: ignore[index]
    np.testing.assert_array_equal(every[1], alone[0])
    other = LeastEdit(replace(attack.settings, batch_size=2))
    np.testing.assert_array_equal(run(other, faces), every)


@pytest.mark.parametrize("wrong", [0.0, NAN, 5000.0])
def test_landmarks_of_no_face_spoil_their_own_face_only(attack: LeastEdit, wrong: float) -> None:
    faces = batch((0.9, 0.5))
    expected = run(attack, faces)
    assert faces.landmarks is not None
    faces.landmarks[0] = wrong
    made = run(attack, faces)
    assert np.isnan(made[0]).all()
    np.testing.assert_array_equal(made[1], expected[1])


def test_its_white_box_and_what_determines_the_faces(attack: LeastEdit) -> None:
    assert attack.taught_by == {"teacher", "eye"}
    fingerprint = attack.fingerprint()
    assert fingerprint["weights"] == "abc"
    assert fingerprint["surrogate_revision"] == 2
    assert fingerprint["attributes"] == "Little Dark"
    changes: list[dict[str, Any]] = [
        {"attributes": ("Dark",)}, {"strengths": (0.5, 1.0)}, {"threshold": -0.4}, {"surrogate": "other_eye"}
    ]  # fmt: skip
    others = [LeastEdit(replace(attack.settings, **change)).fingerprint() for change in changes]
    assert len({str(one) for one in (fingerprint, *others)}) == 5


def test_what_makes_no_sense_is_refused(attack: LeastEdit, tmp_path: Path) -> None:
    with pytest.raises(UnknownName, match="goal of least_edit 'hide'; known: dodge"):
        run(attack, batch((0.5,)), goal="hide")
    with pytest.raises(ConfigError, match="least_edit keeps to no radius"):
        run(attack, batch((0.5,)), budget=Budget(norm="linf", radius=0.1))
    with pytest.raises(ShapeError, match="landmarks: got none"):
        run(attack, FaceBatch(batch((0.5,)).images))
    with pytest.raises(ConfigError, match="attributes: got Bald, expected some of Little, Dark"):
        LeastEdit(replace(attack.settings, attributes=("Bald",))).fingerprint()
    with pytest.raises(ConfigError, match="has no edit_tensor"):
        LeastEdit(replace(attack.settings, generator="collage"))
    by_reference = {
        "name": "translation",
        "weights": str(translation_weights(tmp_path / "t.safetensors")),
        "by": "both",
    }
    with pytest.raises(ConfigError, match="takes references or draws"):
        LeastEdit(replace(attack.settings, generator=by_reference))


@pytest.mark.parametrize(
    ("settings", "said"),
    [({"surrogate": "lbp"}, "threshold: got none for lbp"), ({"strengths": (1, 0.5)}, "expected rising numbers"),
     ({"strengths": (0.0, 1.0)}, "above 0"), ({"batch_size": 0}, "batch_size: got 0"),
     ({"attributes": "Smiling"}, "expected a list"), ({"generator": {"detail": True}}, "expected a name")],
)  # fmt: skip
def test_settings_say_what_is_wrong(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        LeastEditSettings(**settings)


def test_a_surrogate_of_known_threshold_needs_none(tmp_path: Path) -> None:
    assert LeastEditSettings().accepts_from == -0.6
    assert LeastEditSettings(surrogate={"name": "dlib_resnet", "batch_size": 4}).accepts_from == -0.6
    weights = translation_weights(tmp_path / "small.safetensors")
    real = LeastEdit(LeastEditSettings(generator={"name": "translation", "weights": str(weights), "detail": True}))
    assert real.attributes[0] == "Smiling"
    assert real.template.name == FFHQ256.name
