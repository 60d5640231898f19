"""The attack `landmark_morph`: mesh and map by hand and by another library, morphs of toys, drawings and photos."""

from __future__ import annotations

import dataclasses
import functools
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from attacks.landmark_morph import LandmarkMorph, LandmarkMorphSettings, mesh, warping
from attacks.landmark_morph.blending import face_mask, match_colours
from bench.aligners.geometry import move_points, similarity
from bench.aligners.templates import FFHQ256, warp
from bench.api import Attack, Budget, Crops, FaceBatch
from bench.config import axes_of, parse_sweep
from bench.datasets.drawn import View, landmarks, person_from_seed, render
from bench.errors import ConfigError, ShapeError, UnknownName
from bench.images import png_text, read, to_crops, to_frames
from bench.registry import load
from bench.seeding import stream

MORPHS_MD = Path(__file__).parent.parent / "docs" / "morphs.md"
SIDE = FFHQ256.side
LEVEL = 1 / 255
Points = NDArray[np.float32]


def toy_face(x: float = 128.0, y: float = 125.0) -> Points:
    """68 points in dlib's order, on circles and lines around a place between the eyes."""
    turn = np.linspace(0, np.pi, 17)
    jaw = np.stack([x - 68 * np.cos(turn), y + 105 * np.sin(turn)], axis=1)
    brows = [(x + side * dx, y - 22 - 6 * (dx == 35)) for side, dxs in ((-1, (55, 45, 35, 25, 15)),
             (1, (15, 25, 35, 45, 55))) for dx in dxs]  # fmt: skip
    nose = [(x, y + dy) for dy in (0, 12, 24, 36)] + [(x + dx, y + 42) for dx in (-14, -7, 0, 7, 14)]
    eyes = [(x + cx + dx, y + dy) for cx in (-31, 31) for dx, dy in
            ((-12, 0), (-5, -5), (5, -5), (12, 0), (5, 5), (-5, 5))]  # fmt: skip
    lips = [(x - r * np.cos(t), y + 72 - h * np.sin(t)) for r, h, n in ((26, 12, 12), (18, 5, 8))
            for t in 2 * np.pi * np.arange(n) / n]  # fmt: skip
    return np.concatenate([jaw, brows, nose, eyes, lips]).astype(np.float32)


def noise(seed: int, count: int = 1) -> Crops:
    return np.random.default_rng(seed).random((count, 3, SIDE, SIDE), dtype=np.float32)


def ramp(across: float, down: float) -> Crops:
    """An image that bilinear sampling brings without error: each channel a plane."""
    ys, xs = np.mgrid[:SIDE, :SIDE].astype(np.float64)
    plane = 0.5 + across * (xs - 128) + down * (ys - 128)
    return np.stack([plane, 1 - plane, np.full_like(plane, 0.25)]).astype(np.float32)[None]


def batch_of(first: Crops, second: Crops, landmarks: Points, others: Points) -> FaceBatch:
    points = (np.broadcast_to(p, (len(first), 68, 2)).copy() for p in (landmarks, others))
    mine, theirs = points
    return FaceBatch(images=first, references=second[:, None], landmarks=mine, reference_landmarks=theirs[:, None])


def swapped(batch: FaceBatch) -> FaceBatch:
    assert batch.references is not None
    assert batch.reference_landmarks is not None
    assert batch.landmarks is not None
    return FaceBatch(
        images=batch.references[:, 0],
        references=batch.images[:, None],
        landmarks=batch.reference_landmarks[:, 0],
        reference_landmarks=batch.landmarks[:, None],
    )


def morph(batch: FaceBatch, **choices: Any) -> Crops:
    attack = LandmarkMorph(LandmarkMorphSettings(**choices))
    rng = np.random.default_rng(0)
    return attack.run(batch, None, "hide", Budget(), rng)  # type: ignore[arg-type]


def shaken(seed: int, by: float) -> Points:
    moves = np.clip(np.random.default_rng(seed).normal(0, by, (68, 2)), -3e38, 3e38)
    return toy_face() + moves.astype(np.float32)


# ---------------------------------------------------------------------------------------------------- mesh and map


def test_forehead_points_continue_the_jaw_over_the_brows() -> None:
    points = mesh.shape_of(toy_face())
    assert points.shape == (75, 2)
    assert np.array_equal(points[:68], toy_face().astype(np.float64))
    arc = points[68:]
    # The brows end at 103, the nose base is at 167: the arc's top lies 0.45 of the 64 between them higher.
    assert arc[3] == pytest.approx((128.0, 103.0 - 0.45 * 64), abs=1e-4)
    assert (np.diff(arc[:, 0]) > 0).all()
    assert arc[::-1, 0] == pytest.approx(256 - arc[:, 0], abs=1e-4)
    assert points[0, 0] < arc[0, 0]
    assert arc[:, 1].max() < points[0, 1]
    assert mesh.outline_area(points) > np.pi * 68 * 105 / 2


def test_anchors_stand_around_the_crop_and_every_landmark() -> None:
    inside = mesh.shape_of(toy_face())
    assert np.array_equal(
        mesh.anchors((inside, inside), 256),
        [(-0.5, -0.5), (127.5, -0.5), (255.5, -0.5), (-0.5, 127.5), (255.5, 127.5), (-0.5, 255.5), (127.5, 255.5),
         (255.5, 255.5)],
    )  # fmt: skip
    low = inside + np.array([0.0, 30.0])  # the chin at 260
    around = mesh.anchors((inside, low), 256)
    assert around[:, 1].max() == pytest.approx(260 + 0.04 * 256)
    assert np.array_equal(around, mesh.anchors((low, inside), 256))


def test_folds_are_measured_by_hand() -> None:
    square = np.array([(0.0, 0.0), (10.0, 0.0), (10.0, 10.0), (0.0, 10.0), (5.0, 5.0)])
    triangles = mesh.triangulate(square)
    assert mesh.signed_areas(square, triangles) == pytest.approx([25.0] * 4)
    moved = square.copy()
    moved[4] = (12.0, 5.0)  # over the right edge: the triangle on it turns around
    assert sorted(mesh.signed_areas(moved, triangles)) == pytest.approx([-10.0, 25.0, 25.0, 60.0])


def test_a_shape_without_folds_has_none_and_a_turned_one_is_all_folds() -> None:
    points = np.concatenate([mesh.shape_of(toy_face()), mesh.anchors((mesh.shape_of(toy_face()),) * 2, SIDE)])
    triangles = mesh.triangulate(points)
    assert mesh.folded_share(points, triangles) == 0.0
    mirrored = points * np.array([-1.0, 1.0])
    assert mesh.folded_share(mirrored, triangles) == np.inf
    chin_up = points.copy()
    chin_up[8] = points[27]
    assert mesh.folded_share(chin_up, triangles) > 0.05


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**6), inner=st.integers(0, 60), step=st.sampled_from([0.0, 1.0, 4.0]))
def test_the_map_is_scipys_linear_interpolation(seed: int, inner: int, step: float) -> None:
    from scipy.interpolate import LinearNDInterpolator

    rng, side = np.random.default_rng(seed), 32
    frame = np.array([(x, y) for y in (-0.5, 15.5, 31.5) for x in (-0.5, 15.5, 31.5)])
    points = np.concatenate([frame, rng.uniform(0, 31, (inner, 2))])
    if step:  # whole pixels, where edges run through the centres of pixels
        points[9:] = np.rint(points[9:] / step) * step
        points = np.unique(points, axis=0)
    carried = rng.random((len(points), 3))
    triangles = mesh.triangulate(points)
    got = warping.piecewise_affine(points, carried, triangles, side)
    ys, xs = np.mgrid[:side, :side]
    from scipy.spatial import Delaunay

    expected = LinearNDInterpolator(Delaunay(points), carried)(np.stack([xs, ys], axis=-1))
    assert np.abs(got - expected.transpose(2, 0, 1)).max() < 1e-4


def test_the_map_has_no_gap_where_a_mesh_is_folded() -> None:
    square = np.array([(-0.5, -0.5), (15.5, -0.5), (15.5, 15.5), (-0.5, 15.5), (5.0, 5.0), (10.0, 10.0)])
    triangles = mesh.triangulate(square)
    square[[4, 5]] = square[[5, 4]]
    assert mesh.signed_areas(square, triangles).min() < 0
    found = warping.piecewise_affine(square, np.linspace(0, 1, 6)[:, None], triangles, 16)
    assert np.isfinite(found).all()
    assert found.min() >= -1e-6
    assert found.max() <= 1 + 1e-6


def test_the_mask_is_0_outside_of_the_face_and_1_inside() -> None:
    points = mesh.shape_of(toy_face())
    mask = face_mask(points, SIDE, 10.0)
    assert mask.dtype == np.float32
    assert mask[167, 128] == 1
    assert mask[10, 128] == mask[240, 128] == mask[125, 50] == mask[0, 0] == 0
    edge = mask[125, 60:75]
    assert (np.diff(edge) >= 0).all()
    assert np.diff(edge).max() < 0.2
    # Half way up at half the depth, 3/16 - 2/64 of the way at a quarter of it.
    assert face_mask(points, SIDE, 20.0)[np.abs(mask - 0.5) < 0.02] == pytest.approx(0.15625, abs=0.02)
    sharp = face_mask(points, SIDE, 0.0)
    assert set(np.unique(sharp)) == {0.0, 1.0}
    # Half of an ellipse below the temples and, but for the corners between seven points, one above them.
    upper = 125 - (103 - 0.45 * 64)
    assert sharp.sum() == pytest.approx(np.pi / 2 * 68 * (105 + upper), rel=0.02)


def test_a_face_that_the_crop_cuts_off_has_no_soft_edge_there() -> None:
    mask = face_mask(mesh.shape_of(toy_face(y=170.0)), SIDE, 10.0)
    assert mask[255, 128] == 1


def test_matched_colours_have_the_models_mean_and_spread() -> None:
    rng = np.random.default_rng(0)
    picture = rng.normal(0.4, 0.1, (20, 20, 3)).astype(np.float32)
    model = rng.normal(0.6, 0.12, (20, 20, 3)).astype(np.float32)
    mask = np.zeros((20, 20), dtype=np.float32)
    mask[5:15, 5:15] = 0.7
    matched = match_colours(picture, model, mask)[5:15, 5:15]
    assert matched.mean(axis=(0, 1)) == pytest.approx(model[5:15, 5:15].mean(axis=(0, 1)), abs=1e-5)
    assert matched.std(axis=(0, 1)) == pytest.approx(model[5:15, 5:15].std(axis=(0, 1)), abs=1e-5)
    loud = match_colours(picture, 0.5 + 10 * (model - 0.5), mask)[5:15, 5:15]
    assert loud.std(axis=(0, 1)) == pytest.approx(1.5 * picture[5:15, 5:15].std(axis=(0, 1)), rel=1e-4)
    assert match_colours(picture, model, np.zeros_like(mask)) is picture


# ----------------------------------------------------------------------------------------------- morphs worked by hand


def test_it_is_an_attack_and_comes_from_the_registry_without_heavy_libraries() -> None:
    attack = load("attack", "landmark_morph", weight=0.3)
    assert isinstance(attack, Attack)
    assert attack.default_aligner() == {"name": "dlib_hog", "points": 68}
    assert attack.contributors == 2
    assert attack.access == "nothing"
    code = (
        "import sys; from bench.registry import load; load('attack', 'landmark_morph').fingerprint();"
        "print(sorted({'torch', 'cv2', 'scipy', 'dlib', 'onnxruntime'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


@pytest.mark.parametrize("background", ["first", "second", "blend"])
@pytest.mark.parametrize("weight", [0.0, 0.3, 0.5, 1.0])
def test_the_same_face_twice_gives_it_back(weight: float, background: str) -> None:
    face = noise(1)
    made = morph(batch_of(face, face, toy_face(), toy_face()), weight=weight, background=background)
    assert np.abs(made - face).max() < LEVEL / 8


@pytest.mark.parametrize(("weight", "background"), [(0, "first"), (0, "blend"), (1, "second"), (1, "blend")])
def test_the_whole_weight_gives_that_contributors_crop_back(weight: int, background: str) -> None:
    batch = batch_of(noise(1), noise(2), shaken(1, 3), shaken(2, 3))
    made = morph(batch, weight=weight, background=background)
    assert np.abs(made - noise(1 + weight)).max() < LEVEL / 8


def test_a_background_of_the_other_is_that_of_the_other() -> None:
    first, second = np.full_like(noise(0), 0.2), np.full_like(noise(0), 0.8)
    batch = batch_of(first, second, toy_face(), toy_face())
    made = morph(batch, weight=1.0, background="first", colours="none")[0, 0]
    assert made[10, 10] == made[240, 128] == np.float32(0.2)
    assert made[167, 128] == np.float32(0.8)
    assert morph(batch, weight=0.5, background="second", colours="none")[0, 0, 10, 10] == np.float32(0.8)
    matched = morph(batch, weight=1.0, background="first", colours="transfer")
    assert np.abs(matched - 0.2).max() < 2e-3


def test_a_shift_of_all_landmarks_moves_the_face_by_half_of_it() -> None:
    batch = batch_of(ramp(0.001, 0.002), noise(1), toy_face(), toy_face() + np.array([12, -8], np.float32))
    made = morph(batch, shape_weight=0.5, texture_weight=0.0, background="blend")
    # What lies at (x, y) now lay at (x - 6, y + 4).
    expected = ramp(0.001, 0.002)
    expected[0, 0] += -0.006 + 0.008
    expected[0, 1] -= -0.006 + 0.008
    inside = face_mask(mesh.shape_of(toy_face() + np.array([6, -4], np.float32)), SIDE, 0.0) == 1
    assert np.abs(made - expected)[0][:, inside].max() < 1e-5
    assert np.abs(made - expected)[0, :, 0].max() > 1e-3  # the border stands still


def test_the_texture_weight_changes_colours_only() -> None:
    grey = np.full_like(noise(0), 0.5)
    batch = batch_of(noise(1), grey, shaken(1, 3), shaken(2, 3))
    made = morph(batch, shape_weight=0.0, texture_weight=0.25, background="blend")
    assert np.abs(made - (0.75 * noise(1) + 0.125)).max() < 1e-4


def test_the_shape_weight_changes_places_only() -> None:
    halves = np.where(np.arange(SIDE) < 128, np.float32(0.2), np.float32(0.7)) * np.ones_like(noise(0))
    shapes = shaken(1, 3), shaken(2, 3)
    made = morph(batch_of(halves, noise(2), *shapes), shape_weight=0.7, texture_weight=0.0, background="blend")
    assert np.array_equal(
        made, morph(batch_of(halves, noise(3), *shapes), shape_weight=0.7, texture_weight=0.0, background="blend")
    )
    assert (made >= np.float32(0.2)).all()
    assert (made <= np.float32(0.7)).all()
    assert ((made == np.float32(0.2)) | (made == np.float32(0.7))).mean() > 0.98
    assert not np.array_equal(made, halves)


def test_the_morph_comes_closer_to_the_second_face_as_the_weight_grows() -> None:
    batch = batch_of(noise(1), noise(2), shaken(1, 3), shaken(2, 3))
    for background in ("first", "blend"):
        fixed = {"shape_weight": 0.5, "background": background, "colours": "none"}
        steps = [morph(batch, texture_weight=weight, **fixed) for weight in (0, 0.3, 0.5, 0.7, 1)]
        apart = [float(np.abs(step - steps[-1]).mean(dtype=np.float64)) for step in steps]
        assert apart == pytest.approx([apart[0] * share for share in (1, 0.7, 0.5, 0.3, 0)], rel=1e-3)
        assert apart[0] > 0.02


@settings(max_examples=15, deadline=None)
@given(
    weight=st.floats(0, 1).map(lambda value: round(value, 6)),
    texture=st.none() | st.sampled_from([0.0, 0.25, 1.0]),
    seed=st.integers(0, 10**6),
    by=st.sampled_from([0.0, 2.0, 6.0]),
)
@example(weight=0.3, texture=None, seed=0, by=4.0)
def test_who_comes_first_does_not_matter(weight: float, texture: float | None, seed: int, by: float) -> None:
    batch = batch_of(noise(1), noise(2), shaken(seed, by), shaken(seed + 1, by))
    other = None if texture is None else 1 - texture
    for background, mirrored in (("blend", "blend"), ("first", "second")):
        one = morph(batch, weight=weight, texture_weight=texture, background=background)
        two = morph(swapped(batch), weight=1 - weight, texture_weight=other, background=mirrored)
        assert np.array_equal(one, two, equal_nan=True)


def test_shares_are_the_same_numbers_from_either_side() -> None:
    for weight in (0.1, 0.3, 0.7, 0.123456):
        one, two = LandmarkMorphSettings(weight=weight), LandmarkMorphSettings(weight=1 - weight)
        assert one.shares_of_shape == two.shares_of_shape[::-1] == (round(1 - weight, 6), weight)
        assert one.shares_of_texture == two.shares_of_texture[::-1] == (round(1 - weight, 6), weight)


def test_colours_that_are_matched_stay_colours() -> None:
    batch = batch_of(noise(1), noise(2), toy_face(), toy_face())
    made = morph(batch, weight=0.5)
    assert (made.min(), made.max()) == (0.0, 1.0)
    unmatched = morph(batch, weight=0.5, colours="none")
    inside = face_mask(mesh.shape_of(toy_face()), SIDE, 0.05 * SIDE) == 1
    assert made[0][:, inside].std() > 1.2 * unmatched[0][:, inside].std()


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    seed=st.integers(0, 10**6),
    by=st.sampled_from([1.0, 5.0, 15.0, 60.0, 1e6, 1e38]),
    weight=st.floats(0, 1),
    background=st.sampled_from(["first", "second", "blend"]),
    feather=st.floats(0, 0.25),
)
def test_whatever_the_landmarks_a_row_is_a_picture_or_nan(
    seed: int, by: float, weight: float, background: str, feather: float
) -> None:
    batch = batch_of(noise(1, 2), noise(2, 2), shaken(seed, by), shaken(seed + 1, by))
    made = morph(batch, weight=weight, background=background, feather=feather)
    assert made.shape == (2, 3, SIDE, SIDE)
    assert made.dtype == np.float32
    assert np.array_equal(made[0], made[0]) or np.isnan(made).all()
    assert np.array_equal(np.isnan(made[0]).any(), np.isnan(made[0]).all())
    if np.isfinite(made).all():
        assert made.min() >= 0
        assert made.max() <= 1
    if by <= 1:
        assert np.isfinite(made).all()
    if by >= 60:
        assert np.isnan(made).all()


def test_rows_do_not_know_of_each_other_and_faces_that_are_none_are_nan() -> None:
    batch = batch_of(noise(1, 8), noise(2, 8), shaken(1, 2), shaken(2, 2))
    assert batch.landmarks is not None
    assert batch.reference_landmarks is not None
    batch.landmarks[1] = np.nan
    batch.landmarks[2, 40, 1] = np.nan
    batch.reference_landmarks[3] = 0  # as rows that only pad a batch have it
    batch.landmarks[4] = 100.0
    batch.reference_landmarks[5] = batch.reference_landmarks[5, :, ::-1]
    batch.landmarks[6] += 600
    made = morph(batch)
    bad = np.isnan(made).all(axis=(1, 2, 3))
    assert bad.tolist() == [False, True, True, True, True, True, True, False]
    assert np.isfinite(made[~bad]).all()
    for row in (0, 7):
        alone = batch_of(noise(1, 8)[row][None], noise(2, 8)[row][None], shaken(1, 2), shaken(2, 2))
        assert np.array_equal(morph(alone)[0], made[row])


def test_no_faces_are_no_morphs() -> None:
    assert morph(batch_of(noise(1, 0), noise(2, 0), toy_face(), toy_face())).shape == (0, 3, SIDE, SIDE)


def test_same_bytes_again_with_any_number_of_threads_and_inputs_are_left_alone() -> None:
    import cv2

    batch = batch_of(noise(1), noise(2), shaken(1, 3), shaken(2, 3))
    given = (batch.images, batch.references, batch.landmarks, batch.reference_landmarks)
    fields = [field for field in given if field is not None]
    before = [field.copy() for field in fields]
    for field in fields:
        field.setflags(write=False)
    threads = cv2.getNumThreads()
    try:
        made = []
        for count in (1, 2, 4):
            cv2.setNumThreads(count)
            made.append(morph(batch).tobytes())
    finally:
        cv2.setNumThreads(threads)
    assert len(set(made)) == 1
    assert all(np.array_equal(old, new) for old, new in zip(before, fields, strict=True))


# -------------------------------------------------------------------------------------------------- settings, errors


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"weight": 1.01}, "weight: got 1.01, expected 0 to 1"),
        ({"weight": -0.1}, "weight: got -0.1, expected 0 to 1"),
        ({"weight": float("nan")}, "weight: got nan, expected 0 to 1"),
        ({"shape_weight": 2.0}, "shape_weight: got 2.0, expected 0 to 1"),
        ({"texture_weight": -1.0}, "texture_weight: got -1.0, expected 0 to 1"),
        ({"feather": 0.3}, "feather: got 0.3, expected 0 to 0.25"),
        ({"background": "third"}, "background: got 'third', expected one of first, second, blend"),
        ({"colours": "lab"}, "colours: got 'lab', expected one of none, transfer"),
    ],
)
def test_settings_say_what_was_expected(wrong: dict[str, Any], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        LandmarkMorphSettings(**wrong)
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        load("attack", "landmark_morph", **wrong)


def test_the_fingerprint_holds_what_matters_and_nothing_else() -> None:
    def of(**choices: Any) -> dict[str, Any]:
        return dict(LandmarkMorph(LandmarkMorphSettings(**choices)).fingerprint())

    assert of(weight=0.3) == of(shape_weight=0.3, texture_weight=0.3)
    different = [of(), of(weight=0.3), of(shape_weight=0.3), of(texture_weight=0.3), of(background="second"),
                 of(background="blend"), of(colours="none"), of(feather=0.1)]  # fmt: skip
    assert all(one != two for number, one in enumerate(different) for two in different[:number])
    assert of(background="blend") == of(background="blend", colours="none", feather=0.2)


def test_another_goal_is_refused() -> None:
    batch = batch_of(noise(1), noise(2), toy_face(), toy_face())
    attack = LandmarkMorph(LandmarkMorphSettings())
    with pytest.raises(UnknownName, match="goal of landmark_morph 'dodge'; known: hide"):
        attack.run(batch, None, "dodge", Budget(), np.random.default_rng(0))  # type: ignore[arg-type]


def test_a_radius_is_refused() -> None:
    batch = batch_of(noise(1), noise(2), toy_face(), toy_face())
    attack = LandmarkMorph(LandmarkMorphSettings())
    with pytest.raises(ConfigError, match="budget: got norm 'linf'; landmark_morph keeps to no radius"):
        attack.run(batch, None, "hide", Budget("linf", 8 / 255), np.random.default_rng(0))  # type: ignore[arg-type]
    made = attack.run(batch, None, "hide", Budget(steps=3, queries=5), np.random.default_rng(0))  # type: ignore[arg-type]
    assert np.array_equal(made, morph(batch))


def test_a_missing_or_wrong_condition_is_named() -> None:
    whole = batch_of(noise(1), noise(2), toy_face(), toy_face())
    assert whole.references is not None
    with pytest.raises(ShapeError, match=r"references: got none; landmark_morph takes float32 \(1, 1, 3, 256, 256\)"):
        morph(FaceBatch(images=whole.images, landmarks=whole.landmarks, reference_landmarks=whole.reference_landmarks))
    with pytest.raises(ShapeError, match=r"images: got float64 \(1, 3, 256, 256\)"):
        morph(FaceBatch(images=whole.images.astype(np.float64)))
    three = np.concatenate([whole.references, whole.references], axis=1)
    with pytest.raises(ShapeError, match=r"references: got float32 \(1, 2, 3, 256, 256\)"):
        morph(FaceBatch(images=whole.images, references=three, landmarks=whole.landmarks))


# ------------------------------------------------------------------------------------------------------- docs/morphs.md


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", MORPHS_MD.read_text(encoding="utf-8"), re.S)


def test_the_page_lists_every_setting_with_its_default() -> None:
    documented = dict(re.findall(r"^\| `(\w+)` \| `?([\w.]+)`? \|", MORPHS_MD.read_text(encoding="utf-8"), re.M))
    defaults = {field.name: field.default for field in dataclasses.fields(LandmarkMorphSettings)}
    assert documented == {name: "weight" if value is None else str(value) for name, value in defaults.items()}


def test_the_pages_sweep_is_one_and_a_list_of_weights_is_an_axis() -> None:
    sweep = parse_sweep(yaml.safe_load(blocks("yaml")[0]))
    weights, shape, whole = sweep.attacks
    assert axes_of(LandmarkMorphSettings, weights.settings) == {"weight": [0.3, 0.5, 0.7]}
    for entry in (shape, whole):
        assert axes_of(LandmarkMorphSettings, entry.settings) == {}
        assert load("attack", entry.name, **entry.settings).fingerprint()


def test_the_pages_code_makes_pictures_that_say_what_they_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    exec(compile(blocks("python")[0], MORPHS_MD.name, "exec"), {})
    for name, columns in (("morph-weights.png", 5), ("morph-backgrounds.png", 3)):
        made, shown = tmp_path / name, MORPHS_MD.parent / "images" / name
        assert read(made).shape == read(shown).shape == (150, 150 * columns, 3)
        for picture in (made, shown):
            assert png_text(picture.read_bytes())["impersona.synthetic"] == "true"


# ------------------------------------------------------------------------------------------- drawn people and photos


Contributor = tuple[NDArray[np.uint8], Points]


def into_crop(frame: NDArray[np.uint8], points: dict[str, Points] | Any) -> Contributor:
    """A face's crop and its 68 landmarks in it."""
    matrix = similarity(points["field5"], FFHQ256.targets["field5"])
    return warp(frame, matrix, SIDE), move_points(points["dlib68"], matrix)


def batch_from(pairs: list[tuple[Contributor, Contributor]]) -> FaceBatch:
    frames = [to_crops(np.stack([pair[who][0] for pair in pairs])) for who in (0, 1)]
    points = [np.stack([pair[who][1] for pair in pairs]) for who in (0, 1)]
    return FaceBatch(
        images=frames[0], references=frames[1][:, None], landmarks=points[0], reference_landmarks=points[1][:, None]
    )


@pytest.mark.parametrize("background", ["first", "blend"])
def test_dlib_finds_the_morphs_of_frontal_drawn_people(background: str) -> None:
    import dlib

    detector = dlib.get_frontal_face_detector()
    people = [
        into_crop(render(person, View(), 192), landmarks(person, View(), 192))
        for person in (person_from_seed(3, number) for number in range(1, 41))
    ]
    made = morph(batch_from(list(zip(people, people[1:] + people[:1], strict=True))), background=background)
    assert np.isfinite(made).all()
    assert sum(len(detector(frame, 1)) == 1 for frame in to_frames(made)) >= 38


@functools.cache
def real_pairs(root: Path, count: int) -> list[tuple[Contributor, Contributor]]:
    """Photos of different people, drawn by seed, wherever dlib finds a face in both."""
    data = load("dataset", "celeba", root=root, split="eval")
    aligner = load("aligner", "dlib_hog", points=68)
    photos: dict[str, list[str]] = {}
    for frame in data.frames():
        photos.setdefault(frame.subject, []).append(frame.key)
    people, rng = sorted(photos), stream(0, "landmark_morph", "pairs")
    pairs: list[tuple[Contributor, Contributor]] = []
    while len(pairs) < count:
        both = []
        for person in rng.choice(len(people), 2, replace=False):
            image = data.image(rng.choice(photos[people[person]]))
            both += [into_crop(image, face.landmarks) for face in aligner.detect(image)[:1]]
        if len(both) == 2:
            pairs.append((both[0], both[1]))
    return pairs


@pytest.mark.real
@pytest.mark.full
def test_morphs_of_photos_are_made_and_their_faces_found_again(real_data: Path) -> None:
    aligner = load("aligner", "dlib_hog")
    made = morph(batch_from(real_pairs(real_data / "celeba299", 50)))
    assert np.isfinite(made).all()
    assert sum(bool(aligner.detect(frame)) for frame in to_frames(made)) >= 48


@pytest.mark.real
@pytest.mark.full
def test_a_recognizer_sees_both_and_whom_it_sees_more_follows_the_weight(real_data: Path) -> None:
    aligner, network = load("aligner", "dlib_hog"), load("recognizer", "dlib_resnet")
    pairs = real_pairs(real_data / "celeba299", 50)

    def embed(frames: Any) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        faces = [aligner.detect(frame)[:1] for frame in frames]
        chips = [aligner.crop(frame, *face, network.template) if face else np.zeros((150, 150, 3), np.uint8)
                 for frame, face in zip(frames, faces, strict=True)]  # fmt: skip
        return network.embed(to_crops(np.stack(chips))), np.array([bool(face) for face in faces])

    own = [embed([pair[who][0] for pair in pairs]) for who in (0, 1)]
    apart = np.linalg.norm(own[0][0] - own[1][0], axis=1)[own[0][1] & own[1][1]].mean()
    distances = {}
    for weight in (0.3, 0.5, 0.7):
        found, acquired = embed(to_frames(morph(batch_from(pairs), weight=weight, background="blend")))
        kept = acquired & own[0][1] & own[1][1]
        assert kept.sum() >= 46
        distances[weight] = [np.linalg.norm(found - faces, axis=1)[kept].mean() for faces, _ in own]
    first, second = np.array([distances[weight] for weight in (0.3, 0.5, 0.7)]).T
    assert first[0] < first[1] < first[2] < apart
    assert apart > second[0] > second[1] > second[2]
    assert first[1] == pytest.approx(second[1], abs=0.04)
    assert first[0] == pytest.approx(second[2], abs=0.04)
    assert max(first[1], second[1]) < 0.8 * apart
