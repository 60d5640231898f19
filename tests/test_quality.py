"""Visual cost: SSIM, PSNR, Fréchet distance and KID against closed forms and torchmetrics."""

from __future__ import annotations

import os
import subprocess
import sys
import warnings

import numpy as np
import pytest

from bench.errors import InsufficientData, ShapeError
from bench.quality.assess import MOST_GROUPS, assess_quality, jackknife_interval
from bench.quality.distances import (
    frechet_distance,
    frechet_distances,
    kernel_distance,
    kernel_distances,
    unit_rows,
)
from bench.quality.visual import MOST_DECIBELS, peak_signal_to_noise_ratio, structural_similarity


@pytest.fixture(scope="module")
def pictures():
    """Smooth pictures, and the same with noise, blur or other light."""
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 256, (6, 12, 10, 3))
    first = np.kron(coarse, np.ones((1, 6, 6, 1))).astype(np.float64)
    changes = (
        rng.normal(0, 5, first.shape),
        rng.normal(0, 60, first.shape),
        20,
        -0.3 * first,
        np.roll(first, 3, 2) - first,
    )
    second = np.stack([first[i] + np.broadcast_to(change, first.shape)[i] for i, change in enumerate((0, *changes))])
    return tuple(np.clip(np.rint(each), 0, 255).astype(np.uint8) for each in (first, second))


def as_torch(pictures):
    torch = pytest.importorskip("torch")
    return torch.from_numpy(pictures.transpose(0, 3, 1, 2).astype(np.float32))


# ----------------------------------------------------------------------------------------------------------- pixels


def test_structural_similarity_is_that_of_torchmetrics_away_from_the_border(pictures):
    """Its own mean has pixels whose window is filled up by reflection too; Wang et al. leave them out, as we do."""
    image = pytest.importorskip("torchmetrics.functional.image")
    _, everywhere = image.structural_similarity_index_measure(
        *map(as_torch, pictures), data_range=255.0, sigma=1.5, k1=0.01, k2=0.03, reduction="none",
        return_full_image=True,
    )  # fmt: skip
    ours = structural_similarity(*pictures)
    np.testing.assert_allclose(ours, everywhere[..., 5:-5, 5:-5].mean(dim=(1, 2, 3)).numpy(), atol=1e-4)
    assert ours[0] == 1
    assert np.ptp(ours) > 0.5


def test_peak_signal_to_noise_ratio_is_that_of_torchmetrics(pictures):
    image = pytest.importorskip("torchmetrics.functional.image")
    first, second = (each[1:] for each in pictures)
    theirs = image.peak_signal_noise_ratio(
        as_torch(first), as_torch(second), data_range=255.0, reduction="none", dim=(1, 2, 3)
    )
    np.testing.assert_allclose(peak_signal_to_noise_ratio(first, second), theirs.numpy(), atol=1e-4)


def test_decibels_by_hand_and_at_the_end():
    black, grey = np.zeros((1, 16, 16, 3), np.uint8), np.full((1, 16, 16, 3), 255, np.uint8)
    assert peak_signal_to_noise_ratio(black, grey) == 0
    grey[:] = 51
    assert peak_signal_to_noise_ratio(black, grey) == pytest.approx(20 * np.log10(5))
    assert peak_signal_to_noise_ratio(grey, grey) == MOST_DECIBELS == 100
    large = np.zeros((2, 256, 256, 3), np.uint8)
    large[0, 0, 0] = 1, 1, 0
    assert peak_signal_to_noise_ratio(large, np.zeros_like(large)) == pytest.approx([98.0557, 100], abs=1e-3)


def test_wrong_pictures_are_refused():
    right = np.zeros((1, 16, 16, 3), np.uint8)
    for function in (structural_similarity, peak_signal_to_noise_ratio):
        with pytest.raises(ShapeError, match="expected uint8"):
            function(right, right.astype(np.float32))
        with pytest.raises(ShapeError, match="pairs of one shape"):
            function(right, np.zeros((1, 16, 15, 3), np.uint8))
        assert function(right[:0], right[:0]).shape == (0,)
    with pytest.raises(ShapeError, match="at least 11 x 11"):
        structural_similarity(right[:, :10], right[:, :10])


# -------------------------------------------------------------------------------------------------------- distances


def pixels_as_features(size):
    """A feature network that hands through the numbers of a picture."""
    torch = pytest.importorskip("torch")

    class Through(torch.nn.Module):
        num_features = size

        def forward(self, pictures):
            return pictures.flatten(1)[:, :size].to(torch.float64)

    return Through()


@pytest.fixture(scope="module")
def features():
    """Correlated features, N over and under D, as whole numbers so that torchmetrics loses none."""
    rng = np.random.default_rng(1)
    mix = rng.normal(0, 1, (12, 12))
    sets = [rng.normal(0, 20, (n, 12)) @ mix / 4 + shift for n, shift in ((90, 128), (70, 140))]
    return tuple(np.clip(np.rint(each), 0, 255) for each in sets)


def updated(metric, features):
    torch = pytest.importorskip("torch")
    for one, real in zip(features, (True, False), strict=True):
        pictures = torch.from_numpy(one.reshape(len(one), 3, 2, 2).astype(np.uint8))
        metric.update(pictures, real=real)
    return metric


def test_frechet_distance_is_that_of_torchmetrics(features):
    fid = pytest.importorskip("torchmetrics.image.fid")
    metric = fid.FrechetInceptionDistance(feature=pixels_as_features(12), input_img_size=(3, 2, 2)).set_dtype(
        pytest.importorskip("torch").float64
    )
    assert frechet_distance(*features) == pytest.approx(float(updated(metric, features).compute()), rel=1e-4)


def test_kernel_distance_is_that_of_torchmetrics(features):
    """One subset of everything, so both sets are of one size."""
    kid = pytest.importorskip("torchmetrics.image.kid")
    equal = tuple(each[:70] for each in features)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # that it keeps all features in memory
        metric = kid.KernelInceptionDistance(feature=pixels_as_features(12), subsets=1, subset_size=70)
    mean, _ = updated(metric, equal).compute()
    assert kernel_distance(*equal) == pytest.approx(float(mean), rel=1e-4)


def test_distances_of_known_distributions():
    rng = np.random.default_rng(2)
    one, other = rng.standard_normal((20_000, 4)), 2 * rng.standard_normal((20_000, 4)) + [1, 0, 0, 2]
    assert frechet_distance(one, one[::-1]) == pytest.approx(0, abs=1e-10)
    # |shift|² + Σ(1 - 2)², by the standard deviations.
    assert frechet_distance(one, other) == pytest.approx(5 + 4, rel=0.02)
    few = rng.standard_normal((30, 64)), rng.standard_normal((25, 64))  # fewer than D: singular covariances
    assert frechet_distance(few[0], few[0] + 3) == pytest.approx(9 * 64, rel=1e-9)
    assert frechet_distance(*few) == pytest.approx(frechet_distance(*few[::-1]))
    assert abs(kernel_distance(*(rng.standard_normal((1500, 4)) for _ in range(2)))) < 0.02
    assert kernel_distance(one[:1500], other[:1500]) > 1


def test_kernel_distance_by_its_definition(features):
    first, second = (each[:20] / 100 for each in features)

    def kernel(x, y):
        return (x @ y / 12 + 1) ** 3

    def mean(pairs):
        return np.mean([kernel(x, y) for x, y in pairs])

    def apart(rows):
        return [(x, y) for i, x in enumerate(rows) for j, y in enumerate(rows) if i != j]

    expected = mean(apart(first)) + mean(apart(second)) - 2 * mean([(x, y) for x in first for y in second])
    assert kernel_distance(first, second) == pytest.approx(expected, rel=1e-10)


def test_more_rows_than_are_held_at_a_time(monkeypatch, features):
    whole = kernel_distance(*features)
    monkeypatch.setattr("bench.quality.distances._ROWS", 7)
    assert kernel_distance(*features) == pytest.approx(whole, rel=1e-12)


def test_parts_are_sets_of_their_own(features):
    rng = np.random.default_rng(3)
    kept = [rng.random((len(each), 5)) < 0.5 for each in features]
    for whole, parts in ((frechet_distance, frechet_distances), (kernel_distance, kernel_distances)):
        of_each = [whole(*(rows[keep[:, g]] for rows, keep in zip(features, kept, strict=True))) for g in range(5)]
        np.testing.assert_allclose(parts(*features, *kept), of_each, rtol=1e-10)


def test_wrong_features_are_refused(features):
    for function in (frechet_distance, kernel_distance):
        with pytest.raises(InsufficientData, match="got 1 features"):
            function(features[0][:1], features[1])
        with pytest.raises(ShapeError, match="of 12 and 11 numbers"):
            function(features[0], features[1][:, :11])
        with pytest.raises(ShapeError, match="not finite"):
            function(features[0], features[1] * np.inf)
    with pytest.raises(ShapeError, match="only zeros at row 1"):
        unit_rows(np.float32([[1, 2], [0, 0]]))
    np.testing.assert_allclose(np.square(unit_rows(features[0].astype(np.float32))).sum(axis=1), 1)


# -------------------------------------------------------------------------------------------------------- assessed


def made_of(rng, people, faces, size=16, shift=0.0, each=3):
    """Faces between two people, and photos of them."""
    places = rng.standard_normal((people, size)) + 1
    who = np.array([rng.choice(people, 2, replace=False) for _ in range(faces)], np.int32)
    shown = np.repeat(np.arange(people, dtype=np.int32), each)
    made = places[who].mean(axis=1) + 0.3 * rng.standard_normal((faces, size)) + shift
    photos = places[shown] + 0.3 * rng.standard_normal((len(shown), size))
    return made.astype(np.float32), who, photos.astype(np.float32), shown


def assessed(made, who, photos, shown, people, **also):
    quality = np.linspace(0.2, 0.8, len(made), dtype=np.float32)
    of = {"structural_similarity": quality, "peak_signal_to_noise_ratio": 40 * quality, "people": who, **also}
    figures = assess_quality(
        **of, count=people, made_features=made, made_people=who, photo_features=photos, photo_people=shown
    ).figures
    return {one.figure: one for one in figures}


def test_four_figures_with_their_intervals():
    rng = np.random.default_rng(4)
    found = assessed(*made_of(rng, 30, 200), 30)
    assert list(found) == [
        "structural_similarity_mean", "peak_signal_to_noise_ratio_mean", "frechet_distance", "kernel_distance",
    ]  # fmt: skip
    assert [one.interval for one in found.values()] == ["clustered", "clustered", "jackknife", "jackknife"]
    assert all(one.low < one.value < one.high for one in found.values())
    assert {one.n for one in found.values()} == {200}
    assert found["structural_similarity_mean"].value == pytest.approx(0.5)
    assert found["frechet_distance"].support == "ok"
    far = assessed(*made_of(np.random.default_rng(4), 30, 200, shift=1.0), 30)
    assert far["frechet_distance"].low > found["frechet_distance"].high
    assert far["kernel_distance"].low > found["kernel_distance"].high


def test_lengths_do_not_matter():
    made, who, photos, shown = made_of(np.random.default_rng(5), 20, 100)
    one, other = (assessed(made * scale, who, photos, shown, 20) for scale in (1, 8))
    assert one == other


def test_the_jackknife_leaves_out_a_person_with_all_their_faces_and_photos():
    made, who, photos, shown = made_of(np.random.default_rng(6), 12, 60)
    found = assessed(made, who, photos, shown, 12)["frechet_distance"]
    first, second = unit_rows(made), unit_rows(photos)
    left = [frechet_distance(first[(who != p).all(axis=1)], second[shown != p]) for p in range(12)]
    error = np.sqrt(11 / 12 * np.sum(np.square(left - np.mean(left))))
    assert found.value == pytest.approx(frechet_distance(first, second))
    assert found.high - found.value == pytest.approx(2.200985 * error, rel=1e-5)  # Student's t with 11 degrees


def test_support_of_distances():
    rng = np.random.default_rng(7)
    assert assessed(*made_of(rng, 20, 40, size=64), 20)["frechet_distance"].support == "weak"
    assert assessed(*made_of(rng, 20, 40, size=64), 20)["kernel_distance"].support == "ok"
    assert assessed(*made_of(rng, 20, 29, size=4), 20)["kernel_distance"].support == "weak"
    made, who, photos, shown = made_of(rng, 20, 40)
    found = assessed(made, who, photos, shown, 20, structural_similarity=np.full(40, np.nan, np.float32))
    assert (found["structural_similarity_mean"].value, found["structural_similarity_mean"].n) == (None, 0)
    some = np.full(40, 0.5, np.float32)
    found = assess_quality(some, some, who, 20, made[:1], who[:1], photos, shown).figures
    assert [one.support for one in found] == ["ok", "ok", "insufficient", "insufficient"]
    assert [one.value for one in found] == [0.5, 0.5, None, None]


def test_a_distance_that_rests_on_two_people_has_no_interval():
    """Without either of them no face is left."""
    made, _, photos, shown = made_of(np.random.default_rng(8), 2, 10)
    found = assessed(made, np.int32([[0, 1]] * 10), photos, shown, 2)["frechet_distance"]
    assert found.value > 0
    assert (found.low, found.high, found.interval) == (None, None, None)


def test_a_difference_of_two_distances_is_paired_person_by_person():
    """Faces that err alike have a difference that is surer than their two intervals say."""
    made, who, photos, shown = made_of(np.random.default_rng(3), 20, 200)
    moved = made + np.float32(0.1)
    some = np.full(200, 0.5, np.float32)
    one, other = (assess_quality(some, some, who, 20, each, who, photos, shown) for each in (made, moved))
    values = [[each.value for each in quality.figures if each.figure in quality.left_out] for quality in (one, other)]
    for place, name in enumerate(("frechet_distance", "kernel_distance")):
        paired = jackknife_interval(values[1][place] - values[0][place], other.left_out[name] - one.left_out[name])
        alone = one.figures[2 + place]
        assert paired.low < values[1][place] - values[0][place] < paired.high
        assert paired.high - paired.low < 0.5 * (alone.high - alone.low)


def test_people_are_grouped_alike_whichever_faces_were_found():
    made, who, photos, shown = made_of(np.random.default_rng(3), 20, 100)
    some, there = np.full(100, 0.5, np.float32), (who != 0).all(axis=1)
    found = assess_quality(some, some, who, 20, made[there], who[there], photos[shown != 0], shown[shown != 0])
    for values in found.left_out.values():
        assert len(values) == 20
        assert values[0] == pytest.approx(
            next(one.value for one in found.figures if found.left_out.get(one.figure) is values)
        )


def test_more_people_than_groups():
    found = assessed(*made_of(np.random.default_rng(9), 3 * MOST_GROUPS, 400, each=2), 3 * MOST_GROUPS)
    assert found["kernel_distance"].low < found["kernel_distance"].value < found["kernel_distance"].high


SCRIPT = """
import sys
sys.path.insert(0, "tests")
from test_quality import *
made = made_of(np.random.default_rng(0), 40, 300, size=128)
print(assessed(*made, 40))
"""


def test_distances_do_not_depend_on_the_number_of_threads():
    printed = set()
    for threads in ("1", "2"):
        several = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), threads)
        run = subprocess.run(
            [sys.executable, "-c", SCRIPT], env={**os.environ, **several}, capture_output=True, text=True, check=True
        )
        printed.add(run.stdout)
    assert len(printed) == 1
