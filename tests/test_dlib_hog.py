"""The HOG aligner, on the photo of Eileen Collins that scikit-image ships (NASA, public domain)."""

import numpy as np
import pytest

from bench.aligners.dlib_hog import DlibHog, DlibHogSettings, field5_of_68
from bench.aligners.templates import ARCFACE112, DLIB150, FFHQ256
from bench.api import Aligner
from bench.errors import PluginError, ShapeError
from bench.weights import dlib_model


@pytest.fixture(scope="module")
def frame():
    from skimage import data

    return np.ascontiguousarray(data.astronaut()[:256, 96:352])


@pytest.fixture(scope="module")
def five():
    return DlibHog(DlibHogSettings())


@pytest.fixture(scope="module")
def sixty_eight():
    return DlibHog(DlibHogSettings(points=68))


def test_it_is_an_aligner(five):
    assert isinstance(five, Aligner)


def test_a_face_is_found_with_its_landmarks(frame, five, sixty_eight):
    (face,) = five.detect(frame)
    assert set(face.landmarks) == {"dlib5"}
    left, top, right, bottom = face.box
    assert right - left == pytest.approx(bottom - top, abs=2)
    assert face.confidence > 0
    (face,) = sixty_eight.detect(frame)
    assert face.landmarks["dlib68"].shape == (68, 2)
    points = face.landmarks["field5"]
    assert points.dtype == np.float32
    assert (points > [left, top]).all()
    assert (points < [right, bottom]).all()
    assert points[0, 0] < points[2, 0] < points[1, 0]
    assert points[2, 1] < points[3:, 1].min()


def test_no_face_is_an_empty_list(five):
    assert five.detect(np.zeros((80, 80, 3), np.uint8)) == []
    assert five.detect(np.zeros((1, 1, 3), np.uint8)) == []


@pytest.mark.parametrize("points", [5, 68])
def test_the_chip_is_dlibs_own(frame, points):
    import dlib

    aligner = DlibHog(DlibHogSettings(points=points))
    predictor = dlib.shape_predictor(str(dlib_model(f"shape_predictor_{points}_face_landmarks.dat")))
    shape = predictor(frame, dlib.get_frontal_face_detector()(frame, 1)[0])
    chip = aligner.crop(frame, aligner.detect(frame)[0], DLIB150)
    np.testing.assert_array_equal(chip, dlib.get_face_chip(frame, shape, 150, 0.25))


def test_our_dlib5_targets_lie_where_dlib_puts_them(frame, five):
    """The chip's own landmarks come to lie on the template's targets, to about a pixel."""
    import dlib

    chip = five.crop(frame, five.detect(frame)[0], DLIB150)
    shape = five._predictor(chip, dlib.get_frontal_face_detector()(chip, 1)[0])
    again = np.array([(part.x, part.y) for part in shape.parts()])
    assert np.abs(again - DLIB150.targets["dlib5"]).mean() < 2


def test_dlib150_by_field5_is_nearly_dlibs_chip(frame, sixty_eight):
    """For yunet and scrfd, which give field5 only: the measured positions put the face where dlib does."""
    from bench.aligners.templates import crop_by_landmarks

    face = sixty_eight.detect(frame)[0]
    own = sixty_eight.crop(frame, face, DLIB150).astype(int)
    warped = crop_by_landmarks(frame, face, DLIB150).astype(int)
    assert np.abs(own - warped).mean() < np.abs(own - own[:, ::-1]).mean() / 3


@pytest.mark.parametrize("template", [ARCFACE112, FFHQ256], ids=lambda template: template.name)
def test_other_templates_need_68_points(frame, five, sixty_eight, template):
    crop = sixty_eight.crop(frame, sixty_eight.detect(frame)[0], template)
    assert crop.shape == (template.side, template.side, 3)
    assert crop.dtype == np.uint8
    with pytest.raises(PluginError, match=rf"{template.name} wants landmarks field5.*points: 68"):
        five.crop(frame, five.detect(frame)[0], template)


def test_field5_of_68_by_hand():
    points = np.stack([np.arange(68), 100 + np.arange(68)], axis=1).astype(np.float32)
    wanted = [[38.5, 138.5], [44.5, 144.5], [30, 130], [48, 148], [54, 154]]
    np.testing.assert_array_equal(field5_of_68(points), wanted)


def test_several_faces_come_in_the_chosen_order(frame):
    half = frame[::2, ::2]
    small_first = np.zeros((256, 400, 3), np.uint8)
    small_first[64:192, :128] = half
    small_first[:, 144:] = frame
    largest = DlibHog(DlibHogSettings(choose="largest")).detect(small_first)
    assert len(largest) == 2
    widths = [face.box[2] - face.box[0] for face in largest]
    assert widths[0] > widths[1]
    sure = DlibHog(DlibHogSettings(choose="confidence")).detect(small_first)
    assert sure[0].confidence >= sure[1].confidence


def test_views_of_arrays_are_fine(frame, five):
    mirrored = frame[:, ::-1]
    (face,) = five.detect(mirrored)
    assert five.crop(mirrored, face, DLIB150).shape == (150, 150, 3)


def test_what_is_no_frame_is_refused(five):
    for wrong in (np.zeros((8, 8), np.uint8), np.zeros((8, 8, 3), np.float32), np.zeros((0, 8, 3), np.uint8)):
        with pytest.raises(ShapeError, match="uint8"):
            five.detect(wrong)


def test_the_fingerprint_names_the_predictor(five, sixty_eight):
    assert five.fingerprint()["predictor"] != sixty_eight.fingerprint()["predictor"]
    assert five.fingerprint() == DlibHog(DlibHogSettings()).fingerprint()


@pytest.mark.parametrize("settings", [{"upsample": -1}, {"upsample": 5}, {"points": 6}, {"choose": "best"}])
def test_settings_out_of_range_are_refused(settings):
    with pytest.raises(ValueError, match=r"got .*, expected"):
        DlibHogSettings(**settings)


@pytest.mark.real
@pytest.mark.full
def test_hog_finds_nearly_every_lfw_face(real_data, five):
    from bench import images

    paths = sorted((real_data / "lfw" / "images").glob("*/*_0001.jpg"))[::60]
    missed = sum(not five.detect(images.read(path)) for path in paths)
    print(f"no face in {missed} of {len(paths)} LFW photos")
    assert missed <= 0.02 * len(paths)
