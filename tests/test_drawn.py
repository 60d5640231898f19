"""The data set `drawn`: people who do not exist, whom real detectors find and real recognizers tell apart."""

from __future__ import annotations

import hashlib
import math
import os
import subprocess
import sys
from dataclasses import asdict, replace

import numpy as np
import pytest

from bench.api import Dataset
from bench.datasets.drawn import Drawn, DrawnSettings, Hat, Person, View, landmarks, mask, person_from_seed, render
from bench.datasets.drawn.person import BEARDS, HAIR_STYLES
from bench.datasets.drawn.renderer import REVISION
from bench.errors import ConfigError, MissingFile
from bench.registry import load
from bench.seeding import split_of, stream
from bench.weights import dlib_model

SMALL = DrawnSettings(people=4, images=3, side=64)

GOLDEN = (
    "4422dd31ab348c6cf2b095da8af610fc0341653a7c6a25016fc70b6e63b3c060",
    "2e3eb6b1d8d2cc0227eb5b91782d6bb91c479149f5696d8e5cdf79077abc9e08",
    "8fa1e6a6676de5ecc8a03d2a18934aa2ef4c1e2356c80e53117c52d999f18a10",
)
"""Of one picture of side 48, of one with everything that can be worn, and of its mask. They may change only together
with `renderer.REVISION`, which is part of every digest: else a cache would serve embeddings of pictures that are no
longer drawn so."""


def sampled(number: int, image: int = 1, seed: int = 0, max_yaw: float = 20.0) -> View:
    return View.sampled(stream(seed, "test", str(number), str(image)), max_yaw, frontal=image == 1)


def test_it_is_a_data_set_and_comes_from_the_registry() -> None:
    assert isinstance(Drawn(SMALL), Dataset)
    assert isinstance(load("dataset", "drawn", people=2), Drawn)


def test_frames_and_trials() -> None:
    data = Drawn(SMALL)
    frames = data.frames()
    assert len(frames) == 12
    assert frames[0].key == f"{frames[0].subject}/001.png"
    assert len({frame.key for frame in frames}) == 12
    assert len({frame.subject for frame in frames}) == 4
    trials = data.trials("all_pairs", np.random.default_rng(0))
    assert (len(trials.probe), int(trials.mated.sum())) == (12 * 11 // 2, 4 * 3)
    assert trials.probe.dtype == trials.reference.dtype == np.int32
    assert (trials.probe < trials.reference).all()
    with pytest.raises(ConfigError, match="all_pairs"):
        data.trials("view2", np.random.default_rng(0))


@pytest.mark.parametrize("split", ["train", "dev", "eval"])
def test_people_are_counted_after_the_split(split: str) -> None:
    subjects = {frame.subject for frame in Drawn(replace(SMALL, people=7, split=split)).frames()}
    assert len(subjects) == 7
    assert {split_of(subject) for subject in subjects} == {split}


def test_people_and_pictures_beyond_the_digits_of_their_names() -> None:
    many = Drawn(DrawnSettings(people=10_001, images=1, split="all"))
    keys = [frame.key for frame in many.frames()]
    assert len(set(keys)) == 10_001
    assert keys[-2:] == ["drawn-0-10000/001.png", "drawn-0-10001/001.png"]
    assert [frame.key for frame in Drawn(DrawnSettings(people=1, images=1_000)).frames()][-1].endswith("/1000.png")
    assert many.content_digest(keys[-1]) != many.content_digest(keys[-2])


def test_all_people_are_numbered_without_gaps_and_more_people_only_adds() -> None:
    few, many = (Drawn(replace(SMALL, split="all", people=n, seed=5)) for n in (3, 5))
    assert [frame.subject for frame in few.frames()][::3] == [f"drawn-5-{n:04d}" for n in (1, 2, 3)]
    assert list(many.frames())[:9] == list(few.frames())
    key = few.frames()[4].key
    assert few.content_digest(key) == many.content_digest(key)
    assert np.array_equal(few.image(key), many.image(key))


def test_same_bytes_again_and_in_another_process() -> None:
    key = Drawn(SMALL).frames()[1].key
    picture = Drawn(SMALL).image(key)
    assert picture.tobytes() == Drawn(SMALL).image(key).tobytes()
    code = (
        "import hashlib; from bench.datasets.drawn import *; import sys;"
        "data = Drawn(DrawnSettings(people=4, images=3, side=64));"
        f"print(hashlib.sha256(data.image({key!r}).tobytes()).hexdigest());"
        "print(sorted({'torch', 'cv2', 'scipy', 'dlib', 'onnxruntime'} & set(sys.modules)))"
    )
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split(
        "\n"
    )
    assert printed[:2] == [hashlib.sha256(picture.tobytes()).hexdigest(), "[]"]


def goldens() -> tuple[str, ...]:
    view = View(yaw=8.0, pitch=-3.0, roll=2.0, smile=0.6, mouth_open=0.3, noise=1.0, blur=0.4, grain=11)
    worn = replace(
        view, glasses=True, earrings=True, necklace=True, hat=Hat("fedora"), neckline="shirt", tie=(99, 9, 9)
    )
    one, other = person_from_seed(0, 1), person_from_seed(0, 12)
    arrays = render(one, view, 48), render(other, worn, 48), mask(other, worn, 48)
    return tuple(hashlib.sha256(array.tobytes()).hexdigest() for array in arrays)


def test_golden_pictures() -> None:
    assert (REVISION, goldens()) == (2, GOLDEN)


def test_same_bytes_whatever_instructions_the_processor_has() -> None:
    """NumPy computes with the widest vectors that it finds; without them it must come to the same pixels."""
    wide = [name for name in np.show_config("dicts")["SIMD Extensions"].get("found", [])]
    if not wide:
        pytest.skip("NumPy found no vector instructions here that could be left out")
    code = "from tests.test_drawn import goldens; print(*goldens())"
    settings = os.environ | {"NPY_DISABLE_CPU_FEATURES": " ".join(wide)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=settings)
    assert tuple(done.stdout.split()) == goldens()


def test_content_digest_follows_the_parameters() -> None:
    data = Drawn(SMALL)
    keys = [frame.key for frame in data.frames()]
    digests = {data.content_digest(key) for key in keys}
    assert len(digests) == len(keys)
    assert all(len(digest) == 64 for digest in digests)
    for other in (replace(SMALL, side=65), replace(SMALL, max_yaw=5.0)):
        assert Drawn(other).content_digest(keys[1]) != data.content_digest(keys[1])


def test_fingerprint_holds_revision_and_settings() -> None:
    fingerprint = Drawn(SMALL).fingerprint()
    assert fingerprint["revision"] == REVISION
    assert asdict(SMALL).items() <= fingerprint.items()
    assert fingerprint != Drawn(replace(SMALL, seed=1)).fingerprint()


def test_an_unknown_key_is_named() -> None:
    with pytest.raises(MissingFile, match=r"no picture 'drawn-0-9999/001\.png'; it has 12"):
        Drawn(SMALL).image("drawn-0-9999/001.png")


@pytest.mark.parametrize(
    "wrong", [{"people": 0}, {"images": 0}, {"side": 8}, {"side": 5000}, {"max_yaw": 60}, {"max_yaw": math.nan}]
)
def test_settings_say_what_was_expected(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=f"{next(iter(wrong))}: got .* expected"):
        DrawnSettings(**wrong)


def test_pictures_are_pictures() -> None:
    for number in range(1, 5):
        picture = render(person_from_seed(0, number), sampled(number, 2), 64)
        assert picture.shape == (64, 64, 3)
        assert picture.dtype == np.uint8
        assert picture.std() > 20
        assert int(picture.max()) - int(picture.min()) > 120


def test_every_hair_style_and_beard_is_drawn() -> None:
    person = person_from_seed(0, 3)
    looks = [replace(person.hair, style=style, beard="none") for style in HAIR_STYLES]
    looks += [replace(person.hair, style="short", beard=beard) for beard in BEARDS if beard != "none"]
    view = View(yaw=-14.0, pitch=6.0, roll=-5.0)
    pictures = {render(replace(person, hair=hair), view, 64).tobytes() for hair in looks}
    assert len(pictures) == len(looks)


def test_the_largest_poses_stay_in_the_picture() -> None:
    person = person_from_seed(0, 2)
    for yaw, pitch, roll in ((35, 17, 14), (-35, -17, -14)):
        view = View(yaw=yaw, pitch=pitch, roll=roll, mouth_open=1.0, smile=1.0)
        points = landmarks(person, view, 100)["dlib68"]
        assert ((points > 0) & (points < 99)).all()
        assert np.isfinite(render(person, view, 100).astype(float)).all()


def test_different_people_differ_and_the_same_person_does_not() -> None:
    people = [person_from_seed(0, number) for number in range(1, 41)]
    assert len(set(people)) == 40
    assert person_from_seed(0, 7) == people[6]
    assert person_from_seed(1, 7) != people[6]
    pictures = np.stack([render(person, View(), 48) for person in people]).astype(float)
    apart = np.abs(pictures[:, None] - pictures[None]).mean(axis=(2, 3, 4))
    assert apart[np.triu_indices(40, 1)].min() > 3


def test_landmarks_lie_where_the_face_is() -> None:
    for number in range(1, 30):
        person, view = person_from_seed(0, number), sampled(number, 2, max_yaw=25.0)
        points = landmarks(person, view, 192)
        assert {scheme: array.shape for scheme, array in points.items()} == {"field5": (5, 2), "dlib68": (68, 2)}
        assert all(array.dtype == np.float32 for array in points.values())
        assert all(((array > 0) & (array < 191)).all() for array in points.values())
        left, right, nose, mouth_left, mouth_right = points["field5"]
        assert left[0] < nose[0] < right[0]
        assert mouth_left[0] < mouth_right[0]
        assert max(left[1], right[1]) < nose[1] < max(mouth_left[1], mouth_right[1])


def test_pupils_are_dark_where_the_landmarks_say() -> None:
    for number in range(1, 9):
        person = person_from_seed(0, number)
        view = View(gaze=(0.0, 0.0), lids=1.1)
        grey = render(person, view, 192).mean(axis=2)
        for x, y in landmarks(person, view, 192)["field5"][:2]:
            around = grey[round(y) - 3 : round(y) + 2, round(x) - 2 : round(x) + 3]
            assert around.min() < 75


def test_landmarks_scale_with_the_picture_and_turn_with_the_head() -> None:
    person = person_from_seed(0, 1)
    small, large = (landmarks(person, View(), side)["dlib68"] for side in (100, 200))
    assert np.allclose((small + 0.5) * 2, large + 0.5, atol=1e-3)
    nose = [landmarks(person, View(yaw=yaw), 200)["field5"][2, 0] for yaw in (-20, 0, 20)]
    assert nose[0] < nose[1] - 8 < nose[1] + 8 < nose[2]
    up, down = (landmarks(person, View(pitch=pitch), 200)["field5"][2, 1] for pitch in (12, -12))
    assert up < down - 8


def test_dlib_finds_frontal_faces() -> None:
    import dlib

    detector = dlib.get_frontal_face_detector()
    found = sum(len(detector(render(person_from_seed(2, n), sampled(n), 160), 1)) == 1 for n in range(1, 61))
    assert found >= 57


@pytest.mark.full
def test_dlib_and_the_landmarks_agree() -> None:
    import dlib

    detector = dlib.get_frontal_face_detector()
    predictor = dlib.shape_predictor(str(dlib_model("shape_predictor_68_face_landmarks.dat")))
    errors = []
    for number in range(1, 61):
        person, view = person_from_seed(3, number), sampled(number, number % 3)
        picture, truth = render(person, view, 192), landmarks(person, view, 192)
        faces = detector(picture, 1)
        if not faces:
            continue
        points = np.array([(p.x, p.y) for p in predictor(picture, faces[0]).parts()])
        between_eyes = np.linalg.norm(truth["field5"][1] - truth["field5"][0])
        errors.append(np.linalg.norm(points - truth["dlib68"], axis=1).mean() / between_eyes)
    assert len(errors) >= 55
    assert np.mean(errors) < 0.12


@pytest.mark.full
def test_dlib_tells_the_people_apart_but_not_without_errors() -> None:
    import dlib

    detector = dlib.get_frontal_face_detector()
    predictor = dlib.shape_predictor(str(dlib_model("shape_predictor_5_face_landmarks.dat")))
    network = dlib.face_recognition_model_v1(str(dlib_model("dlib_face_recognition_resnet_model_v1.dat")))
    chips, subjects = [], []
    for number in range(1, 31):
        for image in range(1, 5):
            picture = render(person_from_seed(4, number), sampled(number, image), 192)
            if faces := detector(picture, 1):
                chips.append(dlib.get_face_chip(picture, predictor(picture, faces[0]), 150, 0.25))
                subjects.append(number)
    embeddings, who = np.array(network.compute_face_descriptor(chips)), np.array(subjects)
    first, second = np.triu_indices(len(who), 1)
    distances = np.linalg.norm(embeddings[first] - embeddings[second], axis=1)
    mated = who[first] == who[second]
    assert distances[mated].mean() + 0.15 < distances[~mated].mean()
    thresholds = np.linspace(distances.min(), distances.max(), 400)
    misses = np.array([(distances[mated] > t).mean() for t in thresholds])
    accepts = np.array([(distances[~mated] <= t).mean() for t in thresholds])
    at = int(np.abs(misses - accepts).argmin())
    assert 0.005 < (misses[at] + accepts[at]) / 2 < 0.15


def test_a_person_can_be_changed_by_hand() -> None:
    person = person_from_seed(0, 1)
    assert isinstance(person, Person)
    wider = replace(person, mouth=replace(person.mouth, width=person.mouth.width + 0.1))
    before, after = (landmarks(p, View(), 200)["field5"] for p in (person, wider))
    assert after[4, 0] - after[3, 0] > before[4, 0] - before[3, 0] + 4
    assert np.array_equal(before[:3], after[:3])
