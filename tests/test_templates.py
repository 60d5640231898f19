"""Templates, the similarity between landmarks, the warp, the choice among faces, and the aligner that moves nothing."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.aligners.choice import order_faces
from bench.aligners.none import NoAligner, NoAlignerSettings
from bench.aligners.templates import ARCFACE112, DLIB150, FFHQ256, crop_by_landmarks, ffhq_matrix, similarity, warp
from bench.api import Face, Template
from bench.errors import PluginError, ShapeError

TEMPLATES = [DLIB150, ARCFACE112, FFHQ256]


def applied(matrix, points):
    return np.asarray(points, dtype=np.float64) @ matrix[:, :2].T + matrix[:, 2]


def face(left, top, right, bottom, confidence=1.0, **landmarks):
    return Face(np.array([left, top, right, bottom], np.float32), landmarks, confidence)


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda template: template.name)
def test_targets_lie_inside_the_crop_and_cannot_be_changed(template):
    for points in template.targets.values():
        assert points.dtype == np.float32
        assert points.shape == (5, 2)
        assert ((points > 0) & (points < template.side)).all()
        with pytest.raises(ValueError, match="read-only"):
            points[0, 0] = 1


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda template: template.name)
def test_field5_stands_as_the_api_says(template):
    left_eye, right_eye, nose, left_mouth, right_mouth = template.targets["field5"]
    assert left_eye[0] < nose[0] < right_eye[0]
    assert left_mouth[0] < nose[0] < right_mouth[0]
    assert max(left_eye[1], right_eye[1]) < nose[1] < min(left_mouth[1], right_mouth[1])


def test_dlib150_prefers_the_points_it_was_trained_with():
    assert list(DLIB150.targets) == ["dlib5", "field5"]


def test_ffhq_targets_are_the_arcface_face_through_the_ffhq_recipe():
    arcface = ARCFACE112.targets["field5"]
    derived = applied(ffhq_matrix(arcface, 256), arcface)
    np.testing.assert_allclose(FFHQ256.targets["field5"], derived, atol=2e-3)


def test_ffhq_square_by_hand():
    # Eyes 20 apart, mouth 30 below: half side max(40, 54) = 54 around (50, 43), so 108 pixels become 108.
    points = [[40, 40], [60, 40], [50, 55], [42, 70], [58, 70]]
    np.testing.assert_allclose(ffhq_matrix(points, 108), [[1, 0, 4], [0, 1, 11]], atol=1e-9)


@given(
    st.floats(0.1, 10),
    st.floats(-np.pi, np.pi),
    st.tuples(st.floats(-100, 100), st.floats(-100, 100)),
)
def test_similarity_recovers_scale_turn_and_shift(scale, angle, shift):
    linear = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    wanted = np.column_stack([linear, shift])
    source = ARCFACE112.targets["field5"]
    np.testing.assert_allclose(similarity(source, applied(wanted, source)), wanted, atol=1e-8)


def test_similarity_equals_scikit_image():
    from skimage.transform import SimilarityTransform

    rng = np.random.default_rng(0)
    for _ in range(20):
        source, target = rng.normal(50, 20, (2, 5, 2))
        theirs = SimilarityTransform.from_estimate(source, target)
        np.testing.assert_allclose(similarity(source, target), theirs.params[:2], atol=1e-9)


def test_similarity_never_mirrors():
    mirrored = ARCFACE112.targets["field5"] * [-1, 1]
    assert np.linalg.det(similarity(ARCFACE112.targets["field5"], mirrored)[:, :2]) > 0


@pytest.mark.parametrize(
    ("source", "target", "says"),
    [
        ([[1, 1], [1, 1]], [[0, 0], [1, 1]], "one place"),
        ([[1, 1]], [[0, 0]], "at least 2"),
        ([[1, 1], [2, 2]], [[0, 0], [1, 1], [2, 2]], "expected"),
        ([[1, 1], [np.nan, 2]], [[0, 0], [1, 1]], "finite"),
        ([1, 2], [1, 2], "finite"),
    ],
)
def test_points_that_give_no_similarity_are_refused(source, target, says):
    with pytest.raises(ShapeError, match=says):
        similarity(source, target)


def test_ffhq_matrix_wants_five_points():
    with pytest.raises(ShapeError, match="field5"):
        ffhq_matrix(np.zeros((68, 2)), 256)


def test_warp_by_whole_pixels_is_a_slice():
    frame = np.random.default_rng(0).integers(0, 256, (40, 50, 3), dtype=np.uint8)
    crop = warp(frame, np.array([[1, 0, -7], [0, 1, -5]]), 30)
    assert crop.dtype == np.uint8
    np.testing.assert_array_equal(crop, frame[5:35, 7:37])


def test_warp_is_black_beyond_the_frame():
    crop = warp(np.full((10, 10, 3), 200, np.uint8), np.array([[1.0, 0, 0], [0, 1, 0]]), 20)
    assert (crop[:10, :10] == 200).all()
    assert (crop[10:] == 0).all()


# insightface 2.1 still calls scikit-image's SimilarityTransform.estimate.
@pytest.mark.filterwarnings("ignore:.*estimate.*:FutureWarning")
def test_warp_equals_insightface():
    from insightface.utils import face_align

    rng = np.random.default_rng(1)
    frame = rng.integers(0, 256, (180, 180, 3), dtype=np.uint8)
    points = (ARCFACE112.targets["field5"] * 1.2 + rng.normal(20, 2, (5, 2))).astype(np.float32)
    ours = crop_by_landmarks(frame, face(0, 0, 180, 180, field5=points), ARCFACE112)
    theirs = face_align.norm_crop(frame, points, 112)
    # Their matrix comes from scikit-image: float noise in it may tip a rounding.
    assert np.abs(ours.astype(int) - theirs).max() <= 1


@pytest.mark.parametrize("matrix", [np.eye(3), np.full((2, 3), np.nan)])
def test_a_matrix_that_is_no_warp_is_refused(matrix):
    with pytest.raises(ShapeError, match="2, 3"):
        warp(np.zeros((8, 8, 3), np.uint8), matrix, 8)


def test_a_frame_that_is_none_is_refused():
    with pytest.raises(ShapeError, match="uint8"):
        warp(np.zeros((8, 8, 3), np.float32), np.eye(3)[:2], 8)


def test_the_first_scheme_of_the_template_wins():
    frame = np.random.default_rng(0).integers(0, 256, (60, 60, 3), dtype=np.uint8)
    corners = np.array([[0, 0], [9, 0], [0, 9]], np.float32)
    template = Template("toy", 10, {"first": corners, "second": corners})
    both = face(0, 0, 60, 60, second=corners + 30, first=corners + 7)
    np.testing.assert_array_equal(crop_by_landmarks(frame, both, template), frame[7:17, 7:17])
    only = face(0, 0, 60, 60, second=corners + 30)
    np.testing.assert_array_equal(crop_by_landmarks(frame, only, template), frame[30:40, 30:40])


def test_a_face_without_the_schemes_is_refused_with_both_names():
    with pytest.raises(PluginError, match=r"arcface112 wants landmarks field5.*gave dlib5.*points: 68"):
        crop_by_landmarks(np.zeros((8, 8, 3), np.uint8), face(0, 0, 8, 8, dlib5=np.zeros((5, 2))), ARCFACE112)


CORNER = face(0, 0, 50, 50, confidence=0.2)
MIDDLE = face(40, 40, 60, 60, confidence=0.5)
SURE = face(70, 10, 90, 30, confidence=0.9)


@pytest.mark.parametrize(
    ("choose", "order"),
    [
        # area - 2 offset^2: 2500 - 2 * 1250 = 0; 400 - 0; 400 - 2 * 1800 = -3200
        ("size_and_centre", [MIDDLE, CORNER, SURE]),
        ("largest", [CORNER, MIDDLE, SURE]),
        ("centre", [MIDDLE, CORNER, SURE]),
        ("confidence", [SURE, MIDDLE, CORNER]),
    ],
)
def test_choice_among_several_faces(choose, order):
    assert order_faces([CORNER, MIDDLE, SURE], (100, 100, 3), choose) == order


def test_equal_faces_stay_in_order_and_unknown_rules_are_refused():
    twins = [face(0, 0, 9, 9), face(0, 0, 9, 9)]
    assert order_faces(twins, (20, 20), "largest")[0] is twins[0]
    with pytest.raises(ValueError, match="expected one of size_and_centre"):
        order_faces(twins, (20, 20), "nicest")


def test_none_takes_the_whole_frame():
    frame = np.random.default_rng(0).integers(0, 256, (112, 112, 3), dtype=np.uint8)
    aligner = NoAligner(NoAlignerSettings())
    (found,) = aligner.detect(frame)
    assert found.box.tolist() == [0, 0, 112, 112]
    assert (found.confidence, dict(found.landmarks)) == (1.0, {})
    np.testing.assert_array_equal(aligner.crop(frame, found, ARCFACE112), frame)
    assert aligner.crop(frame, found, DLIB150).shape == (150, 150, 3)


def test_none_refuses_to_stretch():
    frame = np.zeros((218, 178, 3), np.uint8)
    aligner = NoAligner(NoAlignerSettings())
    with pytest.raises(ShapeError, match=r"178 x 218.*set aligner: dlib_hog"):
        aligner.crop(frame, aligner.detect(frame)[0], DLIB150)
