"""The attack `hidden_identity`, on a generator whose every pixel can be worked out by hand."""

from __future__ import annotations

import dataclasses
import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from torch import Tensor

from attacks.hidden_identity.exchange import between, left
from attacks.hidden_identity.settings import HiddenIdentitySettings
from bench.aligners.templates import FFHQ256, crop_matrix, warp
from bench.api import (
    Attack,
    AttentiveMaker,
    Budget,
    Crops,
    Face,
    FaceBatch,
    FrameImage,
    IdentityConditioned,
    PluginRow,
    Template,
)
from bench.config import axes_of, parse_sweep
from bench.errors import ConfigError, PluginError, ShapeError, UnknownName
from bench.images import SOURCE_TYPES, decode, png_text, to_crops
from bench.provenance import canonical_json
from bench.regions import STYLE_REGIONS, taken
from bench.registry import Registry, load
from bench.store.blobs import DiskStore
from bench.store.cache import ArrayCache
from bench.sweep.runner import run_sweep
from tests.test_sis import SMALL, sis_weights

SIDE = 16
WEIGHTS = "ab" * 32
STYLE, IDENTITY = 0.75, 0.25
"""What a pixel of the toy is: so much of its region's mean colour, so much of the identity."""


@dataclass(frozen=True)
class PaintSettings:
    """How loud the identity is, what the fingerprint says, and what may go wrong."""

    gain: float = 1.0
    weights: str = WEIGHTS
    batch_size: int = 3
    regions: int = 19
    contributors: int = 1
    conditions: tuple[str, ...] = ("masks", "identity")
    draws: bool = False


class Painter:
    """Each pixel the mean colour of its region, with a tint that is the identity's first three numbers."""

    template = Template("toy", SIDE, {name: points / np.float32(16) for name, points in FFHQ256.targets.items()})
    taught_by = frozenset({"random_projection"})

    def __init__(self, settings: PaintSettings) -> None:
        self.settings, self.batch_size = settings, settings.batch_size
        self.contributors, self.conditions = settings.contributors, frozenset(settings.conditions)
        self.draws = settings.draws

    def fingerprint(self) -> Mapping[str, Any]:
        weights = {"weights": self.settings.weights} if self.settings.weights else {}
        return {"revision": 1, "gain": self.settings.gain, **weights}

    def default_aligner(self) -> Mapping[str, Any]:
        return {"name": "whole"}

    def identity_encoder(self) -> Mapping[str, Any]:
        return {"name": "random_projection", "length": 4, "aligner": {"name": "none"}}

    def runtime(self) -> Mapping[str, str]:
        return {"device": "toy"}

    def generate(self, batch: FaceBatch, rng: np.random.Generator) -> Crops:
        raise AssertionError("an attack drives generate_tensor")

    def encode(self, images: Tensor, masks: Tensor) -> Tensor:
        assert len(images) == self.batch_size
        assert torch.is_inference_mode_enabled()
        here = masks if masks.is_floating_point() else region_maps(masks)
        images = torch.nn.functional.interpolate(images, here.shape[-1])
        styles = torch.einsum("nchw,nrhw->nrc", images, here) / here.sum((2, 3)).clamp(min=1)[..., None]
        return styles[:, : self.settings.regions]

    def generate_tensor(self, conditions: Mapping[str, Tensor]) -> Tensor:
        assert set(conditions) == {"images", "masks", "styles", "identity"}
        assert len(conditions["masks"]) == self.batch_size
        rows = torch.arange(self.batch_size)[:, None, None]
        masks = conditions["masks"]
        labels = masks.argmax(dim=1).repeat_interleave(2, 1).repeat_interleave(2, 2) if masks.ndim == 4 else masks
        painted = conditions["styles"][rows, labels.long()].movedim(-1, 1)
        tint = torch.sigmoid(self.settings.gain * conditions["identity"][:, :3])
        return STYLE * painted + IDENTITY * tint[:, :, None, None]


class AttentivePainter(Painter):
    """The same, and its second layer attends half as much as its first, which looks as far as the identity says."""

    def attend(self, conditions: Mapping[str, Tensor]) -> Tensor:
        share = conditions["identity"][:, :1, None, None].expand(-1, 1, 4, 4)
        return torch.cat([share, share / 2], dim=1)


class CoarsePainter(Painter):
    """The same, and of masks it sees every second row and column only."""

    def masks(self, labels: NDArray[np.uint8]) -> Tensor:
        return region_maps(torch.from_numpy(labels[:, ::2, ::2]))


def region_maps(labels: Tensor) -> Tensor:
    return torch.nn.functional.one_hot(labels.long(), 19).movedim(-1, 1).float()


class WholeFrame:
    """Takes a whole frame for a face that is aligned already, and says where its landmarks are."""

    def fingerprint(self) -> Mapping[str, Any]:
        return {"revision": 1}

    def detect(self, frame: FrameImage) -> list[Face]:
        side = frame.shape[0]
        points = (FFHQ256.targets["field5"] * side / FFHQ256.side).astype(np.float32)
        return [Face(np.array([0, 0, side, side], np.float32), {"field5": points}, 1.0)]

    def crop(self, frame: FrameImage, face: Face, template: Template) -> FrameImage:
        return warp(frame, crop_matrix(face, template), template.side)


def add_painters(registry: Registry) -> None:
    registry.add(
        PluginRow(
            kind="aligner", name="whole", target="tests.test_hidden_identity_attack:WholeFrame", summary="a toy",
            source="the tests", licence="none",
        ),
        "the tests",
    )  # fmt: skip
    for name, target in (("painter", "Painter"), ("attentive", "AttentivePainter"), ("coarse", "CoarsePainter")):
        registry.add(
            PluginRow(
                kind="generator", name=name, target=f"tests.test_hidden_identity_attack:{target}",
                settings="tests.test_hidden_identity_attack:PaintSettings", summary="a toy", source="the tests",
                licence="none",
            ),
            "the tests",
        )  # fmt: skip


@pytest.fixture
def attack(own_registry: Registry) -> Callable[..., Any]:
    add_painters(own_registry)
    return lambda **chosen: load("attack", "hidden_identity", **{"generator": "painter", **chosen})


def masks_of(count: int, seed: int, classes: tuple[int, ...] = (0, 1, 4, 5)) -> NDArray[np.uint8]:
    """Masks of bands, one for each of some classes."""
    band = np.array(classes, np.uint8)[np.arange(SIDE) * len(classes) // SIDE]
    return np.stack([np.broadcast_to(np.roll(band, row + seed)[:, None], (SIDE, SIDE)) for row in range(count)])


def faces_of(count: int = 5, seed: int = 0, classes: tuple[int, ...] = (0, 1, 4, 5), **changes: Any) -> FaceBatch:
    rng = np.random.default_rng(seed)
    values = {
        "images": rng.random((count, 3, SIDE, SIDE), dtype=np.float32),
        "masks": masks_of(count, seed, classes),
        "identity": rng.normal(size=(count, 4)).astype(np.float32),
        "references": rng.random((count, 1, 3, SIDE, SIDE), dtype=np.float32),
        "reference_masks": masks_of(count, seed + 5, classes)[:, None],
        "reference_identity": rng.normal(size=(count, 1, 4)).astype(np.float32),
    }
    return FaceBatch(**{**values, **changes})


def run(attack: Any, batch: FaceBatch, goal: str = "hide", budget: Budget | None = None) -> Crops:
    made: Crops = attack.run(batch, None, goal, budget or Budget(), np.random.default_rng(0))
    return made


def painted(batch: FaceBatch, row: int, identity: NDArray[np.float32], from_hidden: set[int]) -> NDArray[np.float64]:
    """What the toy makes, worked out pixel by pixel."""
    image, mask = batch.images[row].astype(np.float64), batch.masks[row]  # type: ignore[index]
    other, hidden = batch.references[row, 0].astype(np.float64), batch.reference_masks[row, 0]  # type: ignore[index]
    face = np.empty((3, SIDE, SIDE))
    for label in range(19):
        colour = other[:, hidden == label] if label in from_hidden else image[:, mask == label]
        if (mask == label).any():
            face[:, mask == label] = colour.mean(axis=1, keepdims=True)
    tint = 1 / (1 + np.exp(-identity[:3].astype(np.float64)))
    return STYLE * face + IDENTITY * tint[:, None, None]


# ------------------------------------------------------------------------------------------------------- the faces


@pytest.mark.parametrize("strength", [0.0, 1.0])
def test_the_source_gives_mask_and_style_and_whom_the_strength_says_the_identity(
    attack: Callable[..., Any], strength: float
) -> None:
    batch = faces_of()
    made = run(attack(strength=strength), batch)
    assert made.dtype == np.float32
    for row in range(5):
        identity = batch.identity[row] if strength == 0 else batch.reference_identity[row, 0]  # type: ignore[index]
        assert made[row] == pytest.approx(painted(batch, row, identity, set()), abs=1e-5)


def test_strength_one_half_is_between_both_identities_at_their_length(attack: Callable[..., Any]) -> None:
    # Lengths 5 and 1 at right angles: the middle of their line has length sqrt(6.5), and shall have 3.
    identity, hidden = np.array([[3, 4, 0, 0]], np.float32), np.array([[0, 0, 1, 0]], np.float32)
    batch = faces_of(1, identity=identity, reference_identity=hidden[:, None])
    middle = np.array([1.5, 2.0, 0.5, 0.0], np.float32) * 3 / np.sqrt(6.5)
    assert run(attack(strength=0.5), batch)[0] == pytest.approx(painted(batch, 0, middle, set()), abs=1e-5)


@pytest.mark.parametrize(
    ("regions", "classes"),
    [(["eyes"], {4, 5}), (["skin"], {1, 2}), (["background", "left_eye"], {0, 4}), (["all"], {0, 1, 2, 4, 5})],
    ids=lambda value: "+".join(value) if isinstance(value, list) else "",
)
def test_exactly_the_styles_of_the_named_regions_are_exchanged(
    attack: Callable[..., Any], regions: list[str], classes: set[int]
) -> None:
    batch = faces_of(classes=(0, 1, 2, 4, 5))
    made = run(attack(regions=regions, strength=0.0), batch)
    for row in range(5):
        assert made[row] == pytest.approx(painted(batch, row, batch.identity[row], classes), abs=1e-5)  # type: ignore[index]
    assert not np.allclose(made, run(attack(strength=0.0), batch), atol=1e-3)


def test_both_goals_give_the_same_faces(attack: Callable[..., Any]) -> None:
    batch = faces_of()
    assert np.array_equal(run(attack(), batch, "hide"), run(attack(), batch, "impersonate"))


def test_a_face_with_a_class_missing_is_a_row_of_nan_and_changes_no_other(attack: Callable[..., Any]) -> None:
    whole = faces_of()
    for name in ("masks", "reference_masks"):
        masks = getattr(whole, name).copy()
        masks[1][masks[1] == 5] = 1  # one eye only
        lacking = FaceBatch(**{**vars_of(whole), name: masks})
        made, expected = run(attack(regions=["eyes"]), lacking), run(attack(regions=["eyes"]), whole)
        assert np.isnan(made[1]).all()
        kept = [0, 2, 3, 4]
        assert np.array_equal(made[kept], expected[kept])
        assert not np.isnan(run(attack(), lacking)).any(), "the identity alone needs no class"
        everything = run(attack(regions=["all"], strength=0.0), lacking)[1]
        assert everything == pytest.approx(painted(lacking, 1, lacking.identity[1], {0, 1, 4}), abs=1e-5)  # type: ignore[index]


def test_of_a_class_too_small_for_the_generator_nothing_is_taken(attack: Callable[..., Any]) -> None:
    batch = faces_of(3)
    batch.reference_masks[1][batch.reference_masks[1] == 5] = 1  # type: ignore[index]
    batch.reference_masks[1, 0, 1::2] = 5  # type: ignore[index]
    assert not np.isnan(run(attack(regions=["eyes"]), batch)).any()
    coarse = run(attack(generator="coarse", regions=["eyes"]), batch)
    other_eye = run(attack(generator="coarse", regions=["left_eye"]), batch)
    assert np.array_equal(coarse[1], other_eye[1])
    assert not np.array_equal(coarse[0], other_eye[0]), "elsewhere both eyes are exchanged"


def test_a_face_does_not_depend_on_what_shares_its_batch(attack: Callable[..., Any]) -> None:
    batch, hidden = faces_of(7), attack(regions=["eyes"], strength=0.3)
    together = run(hidden, batch)
    for row in range(7):
        alone = {name: value[row : row + 1] for name, value in vars_of(batch).items()}
        assert np.array_equal(run(hidden, FaceBatch(**alone))[0], together[row])
    assert run(hidden, FaceBatch(**{name: value[:0] for name, value in vars_of(batch).items()})).shape == (0, 3, 16, 16)


def test_inputs_are_left_alone_and_nothing_is_drawn(attack: Callable[..., Any]) -> None:
    batch = faces_of()
    before = {name: value.copy() for name, value in vars_of(batch).items()}
    rng = np.random.default_rng(0)
    attack(regions=["all"]).run(batch, None, "hide", Budget(), rng)
    assert all(np.array_equal(before[name], value) for name, value in vars_of(batch).items())
    assert rng.bit_generator.state == np.random.default_rng(0).bit_generator.state


def vars_of(batch: FaceBatch) -> dict[str, Any]:
    every = {one.name: getattr(batch, one.name) for one in dataclasses.fields(batch)}
    return {name: value for name, value in every.items() if value is not None}


# -------------------------------------------------------------------------------------------- what the bench asks


def test_it_is_an_attack_that_follows_its_generator(attack: Callable[..., Any]) -> None:
    made: Any = attack(generator={"name": "painter", "batch_size": 2})
    assert all(isinstance(made, protocol) for protocol in (Attack, IdentityConditioned))
    assert (made.template, made.batch_size, made.contributors) == (Painter.template, 2, 2)
    assert made.default_aligner() == {"name": "whole"}
    assert made.identity_encoder()["name"] == "random_projection"
    assert made.taught_by == {"random_projection"}
    assert made.runtime() == {"device": "toy"}


def test_attention_to_the_identity_is_offered_where_the_generator_can_tell(attack: Callable[..., Any]) -> None:
    assert not isinstance(attack(), AttentiveMaker)
    attentive = attack(generator="attentive", strength=1.0, regions=["eyes"])
    assert isinstance(attentive, AttentiveMaker)
    batch = faces_of()
    batch.masks[4][batch.masks[4] == 4] = 1  # type: ignore[index]
    shares = attentive.identity_attention(batch)
    assert shares.shape == (5, 2, 4, 4)
    wanted = batch.reference_identity[:4, 0, :1]  # type: ignore[index]
    assert np.array_equal(shares[:4, 0], np.broadcast_to(wanted[..., None], (4, 4, 4)))
    assert np.array_equal(shares[:4, 1], shares[:4, 0] / 2)
    assert np.isfinite(shares[4]).all(), "a batch may hold a face that cannot be made, and the bench wants numbers"


def test_the_fingerprint_holds_whatever_changes_a_face(attack: Callable[..., Any]) -> None:
    choices: list[dict[str, Any]] = [
        {}, {"strength": 0.5}, {"regions": ["eyes"]}, {"regions": ["all"]}, {"generator": "attentive"},
        {"generator": {"name": "painter", "gain": 2.0}},
        {"generator": {"name": "painter", "weights": "cd" * 32}},
    ]  # fmt: skip
    prints = {canonical_json(dict(attack(**chosen).fingerprint())) for chosen in choices}
    assert len(prints) == len(choices)
    same = [attack(regions=regions).fingerprint() for regions in (["eyes", "brows"], ["brows", "eyes"], ["eyes_brows"])]
    assert same[0] == same[1] == same[2]
    assert attack().fingerprint()["weights"] == WEIGHTS
    assert "weights" not in attack(generator={"name": "painter", "weights": ""}).fingerprint()


def test_a_generator_that_cannot_be_driven_is_refused_when_it_is_named(attack: Callable[..., Any]) -> None:
    message = "got the generator 'collage', which cannot be given styles and an identity; these can: .*painter"
    with pytest.raises(ConfigError, match=message) as refused:
        attack(generator="collage")
    assert "spade" not in str(refused.value).partition("these can:")[2]
    with pytest.raises(ConfigError, match="got settings by which 'painter' makes a face of 2 people"):
        attack(generator={"name": "painter", "contributors": 2})
    with pytest.raises(ConfigError, match="got weights of 'painter' that take no identity"):
        attack(generator={"name": "painter", "conditions": ["masks"]})
    with pytest.raises(ConfigError, match="settings by which 'painter' takes attributes, landmarks besides masks"):
        attack(generator={"name": "painter", "conditions": ["masks", "identity", "landmarks", "attributes"]})
    with pytest.raises(ConfigError, match=r"settings by which 'painter' draws styles by chance \(noise\)"):
        attack(generator={"name": "painter", "draws": True})
    with pytest.raises(UnknownName, match="unknown generator 'paintr'; did you mean 'painter'"):
        attack(generator="paintr")
    with pytest.raises(UnknownName, match="gian"):
        attack(generator={"name": "painter", "gian": 1})


@pytest.mark.parametrize(
    ("chosen", "message"),
    [
        ({"strength": 1.5}, "strength: got 1.5, expected 0 to 1"),
        ({"strength": float("nan")}, "strength: got nan"),
        ({"regions": ("eye",)}, "regions: got 'eye', expected some of eyes, .*did you mean 'eyes'"),
        ({"regions": "eyes"}, "regions: got 'eyes', expected a list"),
        ({"regions": ("eyes", "eyes")}, "expected each region once"),
        ({"regions": ("all", "eyes")}, "expected all alone"),
        ({"generator": {"weights": "mine"}}, "generator: got {'weights': 'mine'}, expected a name"),
    ],
    ids=str,
)
def test_settings_out_of_range_are_refused(chosen: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        HiddenIdentitySettings(**chosen)


def test_a_goal_or_radius_that_it_does_not_know_is_refused(attack: Callable[..., Any]) -> None:
    with pytest.raises(UnknownName, match="goal of hidden_identity 'dodge'"):
        run(attack(), faces_of(), "dodge")
    with pytest.raises(ConfigError, match="budget: got norm 'linf'; hidden_identity keeps to no radius"):
        run(attack(), faces_of(), budget=Budget("linf", 8 / 255))
    assert np.array_equal(run(attack(), faces_of(), budget=Budget(steps=3, queries=5)), run(attack(), faces_of()))


def test_a_missing_or_wrong_condition_is_named(attack: Callable[..., Any]) -> None:
    whole, made = faces_of(), attack()
    for name in made.conditions:
        with pytest.raises(ShapeError, match=rf"^{name}: got none; hidden_identity takes"):
            run(made, FaceBatch(**{**vars_of(whole), name: None}))
    wrong: dict[str, Any] = {
        "images": whole.images.astype(np.float64),
        "masks": np.full_like(whole.masks, 19),
        "references": np.repeat(whole.references, 2, axis=1),  # type: ignore[arg-type]
        "reference_identity": whole.reference_identity[..., :3],  # type: ignore[index]
    }
    for name, value in wrong.items():
        with pytest.raises(ShapeError, match=rf"^{name}: got"):
            run(made, FaceBatch(**{**vars_of(whole), name: value}))


def test_a_generator_of_other_regions_is_told_what_they_should_be(attack: Callable[..., Any]) -> None:
    few = {"name": "painter", "regions": 9}
    with pytest.raises(PluginError, match="painter has 9 styles a face; expected one for each of 19 classes"):
        run(attack(generator=few, regions=["eyes"]), faces_of())


def test_lists_make_axes() -> None:
    given_settings = {
        "generator": ["sis", {"name": "sis", "weights": "mine.safetensors"}],
        "strength": [0.5, 1.0],
        "regions": [[], ["eyes"]],
    }
    assert axes_of(HiddenIdentitySettings, given_settings) == given_settings
    assert axes_of(HiddenIdentitySettings, {"generator": {"name": "sis"}, "regions": ["eyes"], "strength": 1.0}) == {}


def test_planning_imports_no_torch() -> None:
    program = (
        "import sys, attacks.hidden_identity, attacks.hidden_identity.plugin;"
        " print(sorted({'torch', 'cv2', 'onnxruntime', 'dlib'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


# ------------------------------------------------------------------------------------------ regions and identities


def test_what_masks_show() -> None:
    masks = np.zeros((2, 4, 4), np.uint8)
    masks[0, 0, 0], masks[1, 3] = 18, 7
    labels = torch.from_numpy(masks)
    for given_masks in (labels, region_maps(labels), region_maps(labels) / 1000):
        assert [np.flatnonzero(row).tolist() for row in left(given_masks)] == [[0, 18], [0, 7]]
        assert left(given_masks[:0]).shape == (0, 19)


@settings(max_examples=60, deadline=None)
@given(
    arrays(np.bool_, (4, 19)),
    st.lists(st.sampled_from(sorted(set(STYLE_REGIONS) - {"all"})), unique=True, max_size=3),
)
def test_classes_are_exchanged_where_both_have_them_and_else_not_at_all(
    both: NDArray[np.bool_], regions: list[str]
) -> None:
    exchange, possible = taken(regions, both, both)
    everything, always = taken(["all"], both, both)
    assert always.all()
    assert np.array_equal(everything, both)
    wanted = {label for name in regions for label in STYLE_REGIONS[name]}
    for row in range(4):
        assert possible[row] == (wanted <= set(np.flatnonzero(both[row]).tolist()))
        assert set(np.flatnonzero(exchange[row]).tolist()) == wanted & set(np.flatnonzero(both[row]).tolist())


@settings(max_examples=60, deadline=None)
@given(
    arrays(np.float32, (3, 5), elements=st.floats(-2, 2, width=32)),
    arrays(np.float32, (3, 5), elements=st.floats(-2, 2, width=32)),
    st.floats(0, 1),
)
def test_identities_between_two_are_as_long_as_theirs(
    source: NDArray[np.float32], hidden: NDArray[np.float32], strength: float
) -> None:
    found = between(source, hidden, strength)
    assert found.dtype == np.float32
    assert np.isfinite(found).all()
    lengths = [np.linalg.norm(rows.astype(np.float64), axis=1) for rows in (source, hidden)]
    wanted = (1 - strength) * lengths[0] + strength * lengths[1]
    line = (1 - strength) * source.astype(np.float64) + strength * hidden
    sure = np.linalg.norm(line, axis=1) > 1e-3
    assert np.linalg.norm(found, axis=1)[sure] == pytest.approx(wanted[sure], rel=1e-4)
    cosine = (found * line).sum(axis=1) / (np.linalg.norm(found, axis=1) * np.linalg.norm(line, axis=1) + 1e-30)
    assert cosine[sure] == pytest.approx(1, abs=1e-5)


def test_the_ends_are_the_embeddings_themselves_and_opposites_have_no_middle() -> None:
    rng = np.random.default_rng(0)
    source, hidden = rng.normal(size=(2, 3, 128)).astype(np.float32)
    assert np.array_equal(between(source, hidden, 0.0), source)
    assert np.array_equal(between(source, hidden, 1.0), hidden)
    assert not between(source, -source, 0.5).any()


# -------------------------------------------------------------------------------------------- with the real thing


def test_sis_that_draws_styles_is_refused(tmp_path: Path) -> None:
    preset = dataclasses.replace(SMALL, noise=3, noise_width=4)
    weights = str(sis_weights(tmp_path / "sis.safetensors", preset))
    load("attack", "hidden_identity", generator={"name": "sis", "weights": weights})
    with pytest.raises(ConfigError, match=r"settings by which 'sis' draws styles by chance \(noise\)"):
        load("attack", "hidden_identity", generator={"name": "sis", "weights": weights, "noise": ["hair"]})


@pytest.mark.parametrize(
    ("strength", "regions"), [(1.0, []), (0.5, ["nose"]), (1.0, ["all"]), (0.25, ["hair", "skin"])], ids=str
)
def test_driving_sis_gives_what_sis_makes_by_itself(strength: float, regions: list[str], tmp_path: Path) -> None:
    weights = str(sis_weights(tmp_path / "sis.safetensors"))
    rng = np.random.default_rng(0)
    identities = rng.normal(size=(2, 3, 1, SMALL.identity)).astype(np.float32)
    small = faces_of(3, classes=(0, 1, 2, 13))
    small.reference_masks[2][small.reference_masks[2] == 2] = 1  # type: ignore[index]
    pictures = ("images", "masks", "references", "reference_masks")
    large = {name: getattr(small, name).repeat(16, axis=-1).repeat(16, axis=-2) for name in pictures}
    batch = FaceBatch(**large, identity=identities[0, :, 0], reference_identity=identities[1])
    generator: dict[str, Any] = {"name": "sis", "weights": weights, "batch_size": 2, "threads": 1}
    attack = load("attack", "hidden_identity", generator=generator, strength=strength, regions=regions)
    made = run(attack, batch)
    alone = load("generator", **generator, identity="reference", strength=strength, styles=regions)
    expected = alone.generate(batch, rng)
    assert np.isnan(expected).all(axis=(1, 2, 3)).tolist() == [False, False, bool({"nose", "skin"} & set(regions))]
    assert np.allclose(made, expected, rtol=0, atol=1e-4, equal_nan=True)
    shares, wanted = attack.identity_attention(batch), alone.identity_attention(batch)
    assert np.allclose(shares[:2], wanted[:2], rtol=0, atol=1e-4)
    assert not np.allclose(made, run(load("attack", "hidden_identity", generator=generator, strength=0.0), batch))


# --------------------------------------------------------------------------------------------------- in a sweep


@pytest.fixture(scope="module")
def photos() -> Any:
    return {"name": "drawn", "people": 4, "images": 2, "side": 96}


def test_a_sweep_makes_faces_of_the_source_with_the_hidden_persons_identity(
    own_registry: Registry, photos: dict[str, Any], tmp_path: Path
) -> None:
    add_painters(own_registry)
    sweep = parse_sweep(
        {
            "name": "t", "dataset": photos, "fmr": [0.5], "assessments": [], "keep_faces": "all", "draws": 0,
            "recognizers": [{"name": "random_projection", "aligner": "none"}],
            "attacks": [{
                "name": "hidden_identity", "generator": {"name": "painter", "gain": 0.3}, "strength": [0.0, 1.0],
            }],
            "pairs": {"count": 3, "references": 1},
        }
    )  # fmt: skip
    run = run_sweep(sweep, tmp_path / "run", cache=ArrayCache(DiskStore(tmp_path / "cache")))
    outcomes = run.outcomes()
    assert [one["status"] for one in outcomes] == ["success"] * 2, [one.get("traceback") for one in outcomes]
    seen = Seen(photos)
    for outcome in outcomes:
        strength = outcome["labels"]["settings"]["attack.strength"]
        table = run.table(outcome["key"], "contributors").pivot(index="face", columns="contributor", values="photo")
        portraits: dict[int, bytes] = dict(run.table(outcome["key"], "portraits").itertuples(index=False))
        assert len(portraits) == 3
        for face, png in portraits.items():
            source, hidden = map(str, table.loc[face])
            mean = decode(png, "a face").mean(axis=(0, 1)) / 255
            wanted: Any = STYLE * seen.colour(source) + IDENTITY * seen.tint(hidden if strength else source)
            assert mean == pytest.approx(wanted, abs=0.01)
            assert abs(seen.tint(hidden) - seen.tint(source)).max() > 0.1, "else the order would not show"
            text = png_text(png)
            assert text["DigitalSourceType"] == f"{SOURCE_TYPES}trainedAlgorithmicMedia"
            assert text["impersona.weights"] == WEIGHTS
            assert re.match("hidden_identity", text["impersona.made_by"])


class Seen:
    """What the toy and its recognizer see of drawn photos."""

    def __init__(self, photos: Mapping[str, Any]) -> None:
        chosen = {name: value for name, value in photos.items() if name != "name"}
        self.dataset = load("dataset", photos["name"], **chosen)
        self.aligner = WholeFrame()
        self.recognizer = load("recognizer", "random_projection", length=4)
        self.whole = load("aligner", "none")

    def colour(self, key: str) -> Any:
        frame = self.dataset.image(key)
        crop = self.aligner.crop(frame, self.aligner.detect(frame)[0], Painter.template)
        return crop.mean(axis=(0, 1)) / 255

    def tint(self, key: str) -> Any:
        frame = self.dataset.image(key)
        crop = self.whole.crop(frame, self.whole.detect(frame)[0], self.recognizer.template)
        identity = self.recognizer.embed(to_crops(crop[None]))[0, :3]
        return 1 / (1 + np.exp(-0.3 * identity.astype(np.float64)))
