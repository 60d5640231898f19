"""Batches from a pack: what a step gets follows from seed and step; mirroring exchanges left and right."""

import time
from dataclasses import dataclass, field, fields

import numpy as np
import pytest
import torch

from bench.errors import InsufficientData
from generators.training.mirroring import REFLECTED_68, mirror_labels, mirror_landmarks
from generators.training.source import SETTINGS, PackSource

CPU = torch.device("cpu")
WANTED = {"masks", "landmarks", "identity", "attributes", "subjects"}


@dataclass
class FakePack:
    """Faces whose every pixel says which row they are; the left half is brighter."""

    count: int = 30
    side: int = 16
    digest: str = "fake"
    identity_name: str = "toy"
    identity_weights: str = ""
    has_masks: bool = True
    closed: bool = False
    seconds: float = 0.0
    asked: list = field(default_factory=list)
    manifest: dict = field(default_factory=dict)

    def __post_init__(self):
        rng = np.random.default_rng(0)
        self.subjects = np.arange(self.count, dtype=np.int32) // 2
        self.subject_digests = np.repeat(self.subjects[:, None], 8, axis=1).astype(np.uint8)
        self.split = np.array(["train", "train", "dev"] * self.count)[: self.count]
        self.landmarks = rng.uniform(0, self.side - 1, (self.count, 68, 2)).astype(np.float32)
        self.identity = rng.random((self.count, 5), dtype=np.float32)
        self.attributes = np.full((self.count, 2), np.nan, dtype=np.float32)

    def close(self):
        self.closed = True

    def images(self, rows, side=None):
        time.sleep(self.seconds)
        self.asked.append(list(rows))
        found = np.zeros((len(rows), side, side, 3), dtype=np.uint8)
        found[:] = np.asarray(rows, dtype=np.uint8)[:, None, None, None]
        found[:, :, : side // 2] += 100
        return found

    def masks(self, rows, side=None):
        found = np.full((len(rows), side, side), 4, dtype=np.uint8)
        found[:, :, side // 2 :] = 5
        found[:, 0, 0] = 13
        return found


def source_of(pack=None, **changes):
    options = {"side": 8, "batch_size": 4, "wanted": WANTED, "seed": 1, **changes}
    return PackSource(pack or FakePack(), **options)


@pytest.fixture
def source():
    found = source_of()
    yield found
    found.close()


def test_a_batch_is_what_the_contract_says(source):
    batch = source.batch(0, CPU)
    assert batch.images.shape == (4, 3, 8, 8)
    assert batch.images.dtype == torch.float32
    assert batch.images.is_contiguous(memory_format=torch.channels_last)
    assert batch.rows.dtype == torch.int64
    assert batch.masks.dtype == torch.uint8
    assert batch.landmarks.shape == (4, 68, 2)
    assert batch.identity.shape == (4, 5)
    assert batch.subjects.dtype == torch.int64
    assert batch.attributes.isnan().all()
    values = (batch.images * 255).round().long().amin(dim=(1, 2, 3))
    assert torch.equal(values, batch.rows)


def test_fields_that_nobody_wants_are_not_there():
    source = source_of(wanted=())
    assert source.batch(0, CPU).masks is None
    assert source.batch(0, CPU).identity is None
    source.close()


def test_an_epoch_shows_every_face_of_its_split_once(source):
    rows = torch.cat([source.batch(number, CPU).rows for number in range(10)]).tolist()
    train = [row for row in range(30) if row % 3 != 2]
    assert sorted(rows[:20]) == sorted(rows[20:]) == train
    assert rows[:20] != rows[20:]


def test_a_batch_does_not_depend_on_what_was_asked_before(source):
    forward = {number: source.batch(number, CPU) for number in range(6)}
    jumping = source_of()
    for number in (5, 2, 2, 0, 4):
        batch = jumping.batch(number, CPU)
        assert torch.equal(batch.images, forward[number].images)
        assert torch.equal(batch.landmarks, forward[number].landmarks)
        assert torch.equal(batch.masks, forward[number].masks)
    jumping.close()
    other = source_of(seed=2)
    assert not torch.equal(other.batch(0, CPU).rows, forward[0].rows)
    other.close()


def test_half_of_the_faces_are_mirrored_and_say_so_alike(source):
    mirrored = 0
    for number in range(50):
        batch = source.batch(number, CPU)
        brighter_right = batch.images[:, 0, 0, 0] < batch.images[:, 0, 0, -1]
        mirrored += int(brighter_right.sum())
        for index, flipped in enumerate(brighter_right.tolist()):
            corner = (0, -1) if flipped else (0, 0)
            assert batch.masks[index][corner] == 13
            # Whoever stands at the left of the picture is 4, mirrored or not.
            assert set(batch.masks[index][1:, :4].unique().tolist()) == {4}
            assert set(batch.masks[index][1:, 4:].unique().tolist()) == {5}
            known = (torch.from_numpy(FakePack().landmarks[batch.rows[index]]) + 0.5) / 2 - 0.5
            expected = torch.stack([7 - known[REFLECTED_68, 0], known[REFLECTED_68, 1]], dim=1) if flipped else known
            torch.testing.assert_close(batch.landmarks[index], expected)
    assert 70 <= mirrored <= 130


def test_without_mirroring_nothing_is_mirrored():
    source = source_of(mirror=False)
    for number in range(5):
        batch = source.batch(number, CPU)
        assert (batch.images[:, 0, 0, 0] > batch.images[:, 0, 0, -1]).all()
    assert source.describe()["mirrored"] is False
    source.close()


def test_the_fixed_faces_stay_and_are_not_mirrored(source):
    first, again = source.fixed(3, CPU), source.fixed(3, CPU)
    assert torch.equal(first.images, again.images)
    assert (first.images[:, 0, 0, 0] > first.images[:, 0, 0, -1]).all()
    assert len(source.fixed(100, CPU)) == 20


def test_mirroring_twice_is_nothing():
    rng = np.random.default_rng(0)
    masks = rng.integers(0, 19, (2, 9, 9), dtype=np.uint8)
    np.testing.assert_array_equal(mirror_labels(mirror_labels(masks)), masks)
    landmarks = rng.random((2, 68, 2))
    np.testing.assert_allclose(mirror_landmarks(mirror_landmarks(landmarks, 9), 9), landmarks)


def test_a_mirrored_drawn_face_has_the_points_of_its_picture():
    """The points of a drawn face, whose sides are known, against a symmetric template: each finds its counterpart."""
    right_eye_outer, left_eye_outer = 45, 36
    landmarks = np.zeros((1, 68, 2))
    landmarks[0, left_eye_outer] = (10, 30)
    landmarks[0, right_eye_outer] = (50, 32)
    landmarks[0, 0], landmarks[0, 16] = (1, 40), (62, 41)
    found = mirror_landmarks(landmarks, 64)[0]
    np.testing.assert_array_equal(found[left_eye_outer], (13, 32))
    np.testing.assert_array_equal(found[right_eye_outer], (53, 30))
    np.testing.assert_array_equal(found[0], (1, 41))
    assert sorted(REFLECTED_68) == list(range(68))
    np.testing.assert_array_equal(REFLECTED_68[REFLECTED_68], np.arange(68))


def test_reading_goes_on_while_the_networks_learn():
    pack = FakePack(seconds=0.02)
    source = source_of(pack)
    source.batch(0, CPU)
    waits = []
    for number in range(1, 8):
        time.sleep(0.05)
        begun = time.perf_counter()
        source.batch(number, CPU)
        waits.append(time.perf_counter() - begun)
    source.close()
    assert sorted(waits)[len(waits) // 2] < 0.01


def test_processes_that_share_the_steps_read_ahead_in_strides():
    pack = FakePack()
    source = source_of(pack)
    for number in (1, 3, 5):
        source.batch(number, CPU)
    time.sleep(0.2)
    source.close()
    source.close()
    other = source_of()
    own = [other.batch(number, CPU).rows.tolist() for number in (7, 9, 11)]
    other.close()
    assert all(rows in pack.asked for rows in own)


def test_the_aligner_of_a_pack_is_told_by_its_settings_alone():
    from bench.aligners.dlib_hog import DlibHog, DlibHogSettings
    from bench.registry import load

    aligner = DlibHog(DlibHogSettings(points=68, upsample=2))
    source = source_of(FakePack(manifest={"aligner": {"name": "dlib_hog", "fingerprint": aligner.fingerprint()}}))
    entry = source.describe()["aligner"]
    source.close()
    assert entry == {"name": "dlib_hog", "upsample": 2, "points": 68, "choose": "size_and_centre"}
    assert load("aligner", **entry).fingerprint() == aligner.fingerprint()
    assert {field.name for field in fields(DlibHogSettings)} == set(SETTINGS["dlib_hog"])
    other = source_of(FakePack(manifest={"aligner": {"name": "mine", "fingerprint": {"revision": 1}}}))
    assert other.describe()["aligner"] == {"name": "mine"}
    other.close()
    none = source_of()
    assert "aligner" not in none.describe()
    none.close()


def test_masks_that_the_pack_lacks_are_refused():
    with pytest.raises(InsufficientData, match="no label maps"):
        source_of(FakePack(has_masks=False))
    source_of(FakePack(has_masks=False), wanted={"landmarks"}).close()


def test_a_split_without_faces_is_refused():
    with pytest.raises(InsufficientData, match="no faces of eval"):
        source_of(splits=("eval",))
