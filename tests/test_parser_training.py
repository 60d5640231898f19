"""The face parser's training: what pixels may be, how faces are changed, where batches come from, how maps compare."""

from __future__ import annotations

import dataclasses
import itertools
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

import bench
from bench.api import LandmarkedDataset, MaskedDataset
from bench.errors import ConfigError, CorruptFile, InsufficientData, MissingFile
from bench.images import to_crops
from bench.parsers.labels import LABELS, MIRRORED
from bench.parsers.network import NAME, ParserNetwork
from bench.provenance import file_digest
from generators.auxiliary.face_parser import comparing, evaluate
from generators.auxiliary.face_parser.accessories import GLASSES, HAT, wear_glasses, wear_hat
from generators.auxiliary.face_parser.augmentation import augmented, straight
from generators.auxiliary.face_parser.faces import COMPLETE, PARTIAL, PHOTO, Faces, StoredFace, write_faces
from generators.auxiliary.face_parser.label_sets import CODES, SETS, UNKNOWN, allowed, mirrored
from generators.auxiliary.face_parser.partial import SIX_OF_19, codes_of_photo, codes_of_six
from generators.auxiliary.face_parser.polygons import Proportions, draw
from generators.auxiliary.face_parser.recipe import PRESETS, TRAINABLE, code_weights, label_loss, learning_rate
from generators.auxiliary.face_parser.scoring import agreement, confused_with, confusion
from generators.auxiliary.face_parser.settings import FaceParserTraining
from generators.auxiliary.face_parser.source import FaceSource
from generators.training.loop import train
from generators.training.mirroring import REFLECTED_68
from generators.training.recipe import Frozen
from generators.training.released import read_about

WIDE, PHOTO_SIDE = 384, 240
TINY = dataclasses.replace(PRESETS["tiny"], complete=2, partial=1, photos=1, widths=(4, 6, 8, 10))

Drawn = tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.float64]]


def drawn_face(number: int, side: int = WIDE) -> Drawn:
    """A drawn face with its labels and its 68 points, at a side."""
    dataset = bench.load("dataset", "drawn", people=8, images=1, side=side, accessories=False)
    assert isinstance(dataset, MaskedDataset)
    assert isinstance(dataset, LandmarkedDataset)
    key = dataset.frames()[number].key
    return dataset.image(key), dataset.mask(key), dataset.landmarks(key)["dlib68"].astype(np.float64)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A prepared folder of drawn faces: eight complete, two partial with one held out, two photos."""
    path = tmp_path_factory.mktemp("faces")
    made = []
    for number in range(8):
        image, labels, points = drawn_face(number)
        made.append(StoredFace(COMPLETE, False, f"celebamask/{number}", image, labels, None, points))
    for number in range(2):
        image, labels, points = drawn_face(number)
        six = SIX_OF_19[labels]
        name = f"fasseg/v3_test_personne0{8 + number}142p0-60"
        made.append(StoredFace(PARTIAL, number == 1, name, image, codes_of_six(six, points), six, points))
    for number in range(2):
        image, labels, points = drawn_face(number, PHOTO_SIDE)
        codes = codes_of_photo(points, np.ones(labels.shape, bool))
        made.append(StoredFace(PHOTO, False, str(number), image, codes, None, points))
    write_faces(path, made)
    return path


# ------------------------------------------------------------------------------------------------------------ codes


def test_codes_fit_a_byte_and_every_label_allows_itself() -> None:
    table = allowed()
    assert max(CODES.values()) < UNKNOWN
    assert np.array_equal(table[:19], np.eye(19, dtype=bool))
    assert not table[UNKNOWN].any()
    assert len(set(SETS.values())) == len(SETS)
    for name, labels in SETS.items():
        assert np.flatnonzero(table[CODES[name]]).tolist() == sorted(labels)


def test_mirrored_codes_allow_mirrored_labels_and_mirroring_twice_changes_nothing() -> None:
    table, turned = allowed(), mirrored()
    assert np.array_equal(turned[turned], np.arange(256))
    for code in (*range(19), *CODES.values()):
        assert np.array_equal(table[turned[code]][MIRRORED], table[code])


def test_the_loss_is_cross_entropy_where_one_label_is_allowed() -> None:
    logits = torch.randn(2, 19, 6, 6, generator=torch.Generator().manual_seed(1))
    labels = torch.randint(0, 19, (2, 6, 6), generator=torch.Generator().manual_seed(2)).to(torch.uint8)
    found = label_loss(logits, labels, torch.from_numpy(allowed()), torch.ones(2, 6, 6))
    assert torch.allclose(found, torch.nn.functional.cross_entropy(logits, labels.long()), atol=1e-6)


def test_the_loss_of_a_set_is_minus_the_log_of_its_probability_and_unknown_costs_nothing() -> None:
    logits = torch.randn(1, 19, 1, 3, generator=torch.Generator().manual_seed(1)).requires_grad_()
    codes = torch.tensor([[[CODES["mouth"], UNKNOWN, 3]]], dtype=torch.uint8)
    weights = torch.tensor([[[2.0, 5.0, 1.0]]])
    found = label_loss(logits, codes, torch.from_numpy(allowed()), weights)
    shares = torch.softmax(logits[0, :, 0], 0)
    expected = (-2 * shares[[10, 11, 12], 0].sum().log() - shares[3, 2].log()) / 3
    assert torch.allclose(found, expected, atol=1e-5)
    found.backward()
    assert logits.grad is not None
    assert float(logits.grad[0, :, 0, 1].abs().max()) == 0
    nothing = label_loss(
        logits, torch.full((1, 1, 3), UNKNOWN, dtype=torch.uint8), torch.from_numpy(allowed()), weights
    )
    assert float(nothing.detach()) == 0


def test_rare_labels_weigh_more_and_sets_weigh_one() -> None:
    weights = code_weights(0.3)
    assert weights[4] > weights[2] > weights[1] >= 1
    assert float(weights[19:].max()) == float(weights[19:].min()) == 1
    assert float(code_weights(0.0).max()) == 1


# --------------------------------------------------------------------------------------- what six labels and points say


def test_six_labels_and_points_never_contradict_the_truth_of_drawn_faces() -> None:
    table, named = allowed(), set()
    for number in range(4):
        _, labels, points = drawn_face(number)
        codes = codes_of_six(SIX_OF_19[labels], points)
        known = codes != UNKNOWN
        right = table[codes, labels][known]
        assert right.mean() > 0.97
        assert known.mean() > 0.85
        named |= set(np.unique(codes[codes < 19]).tolist())
        bare = codes_of_six(SIX_OF_19[labels], None)
        assert table[bare, labels][bare != UNKNOWN].mean() > 0.995
    assert {4, 5, 6, 7, 8, 9, 11, 12} <= named


def test_the_end_of_a_photo_is_background() -> None:
    _, labels, points = drawn_face(0)
    six = SIX_OF_19[labels]
    six[:, :40] = UNKNOWN
    codes = codes_of_six(six, points)
    assert (codes[:, :39] == 0).all()
    inside = np.ones(labels.shape, bool)
    inside[:30] = False
    assert (codes_of_photo(points, inside)[:30] == 0).all()


def test_the_only_eye_of_a_profile_is_named_by_the_side_of_the_nose() -> None:
    six = np.ones((64, 64), dtype=np.uint8)
    six[30:36, 8:16] = 4
    six[24:32, 30:38] = 3
    assert (codes_of_six(six, None)[26:30, 32:36] == 5).all()
    assert (codes_of_six(six[:, ::-1].copy(), None)[26:30, 28:32] == 4).all()


def test_landmarks_alone_say_what_is_true_of_drawn_faces() -> None:
    table = allowed()
    for number in range(4):
        _, labels, points = drawn_face(number)
        codes = codes_of_photo(points, np.ones(labels.shape, bool))
        known = codes != UNKNOWN
        assert 0.05 < known.mean() < 0.6
        assert table[codes, labels][known].mean() > 0.9


def test_polygons_find_what_the_points_enclose() -> None:
    _, labels, points = drawn_face(1)
    said = draw(points, WIDE)
    for label in (4, 5, 11, 12):
        both, either = ((said == label) & (labels == label)).sum(), ((said == label) | (labels == label)).sum()
        assert both / either > 0.5, LABELS[label]
    assert {0, 1, 2, 13, 17} <= set(np.unique(said).tolist())
    taller = draw(points, WIDE, Proportions(forehead=0.9))
    assert (taller == 1).sum() > (said == 1).sum()


# ------------------------------------------------------------------------------------------------------- augmentation


def test_a_mirrored_face_has_its_points_in_dlibs_order() -> None:
    assert np.array_equal(REFLECTED_68[REFLECTED_68], np.arange(68))
    _, _, points = drawn_face(0)
    turned = (points * [-1, 1] + [WIDE - 1, 0])[REFLECTED_68]
    for start, end in ((17, 22), (22, 27), (36, 42), (42, 48)):
        assert turned[start:end, 0].mean() == pytest.approx(
            WIDE - 1 - points[REFLECTED_68[start:end], 0].mean(), abs=1e-6
        )
    assert turned[36:42, 0].mean() < turned[42:48, 0].mean()
    assert turned[0, 0] < turned[16, 0]
    assert turned[51, 1] < turned[57, 1]


def test_augmentation_follows_its_stream_and_leaves_the_stored_face_alone() -> None:
    image, labels, points = drawn_face(2)
    before = image.copy(), labels.copy(), points.copy()
    pictures = [
        augmented(image, labels, points, 256, lambda: image, np.random.default_rng(seed))
        for seed in (1, 1, *range(2, 30))
    ]
    assert all(np.array_equal(one, two) for one, two in zip(pictures[0], pictures[1], strict=True))
    assert not np.array_equal(pictures[0][0], pictures[2][0])
    for mine, own in zip((image, labels, points), before, strict=True):
        assert np.array_equal(mine, own)
    for picture, codes in pictures:
        assert picture.shape == (128, 128, 3)
        assert codes.shape == (128, 128)
        assert picture.dtype == codes.dtype == np.uint8
        assert set(np.unique(codes).tolist()) <= set(range(19))
    assert any(HAT in codes for _, codes in pictures)
    assert any(GLASSES in codes for _, codes in pictures)


def test_labels_move_with_the_picture() -> None:
    """A picture that shows its own labels, whatever was done to it in space, still does."""
    _, labels, _ = drawn_face(3)
    image = np.repeat(np.where(np.isin(labels, (4, 6)), 255, 0).astype(np.uint8)[..., None], 3, axis=2)
    nothing = np.full((68, 2), np.nan)
    agree = []
    for seed in range(12):
        picture, codes = augmented(image, labels, nothing, 256, lambda: image, np.random.default_rng(seed))
        bright = picture.mean(axis=2)
        left, right = np.isin(codes, (4, 6)), np.isin(codes, (5, 7))
        if left.sum() > 20 and right.sum() > 20:
            agree.append(bright[left | right].max() > 0 and abs(bright[left].mean() - bright[right].mean()))
    assert len(agree) >= 8
    assert np.median(agree) > 60


def test_the_straight_crop_is_the_middle_of_the_frame() -> None:
    image, labels, _ = drawn_face(0)
    picture, codes = straight(image, labels, 256)
    middle = image[64:320, 64:320].reshape(128, 2, 128, 2, 3).mean(axis=(1, 3))
    assert np.abs(picture - middle).mean() < 1.5
    assert (codes == labels[64:320:2, 64:320:2]).mean() > 0.97


def test_glasses_and_hats_lie_where_the_points_say() -> None:
    image, labels, points = drawn_face(1)
    rng = np.random.default_rng(4)
    worn, marked = wear_glasses(image, labels, points, rng)
    middle = np.nonzero(marked == GLASSES)
    assert abs(middle[0].mean() - points[36:48, 1].mean()) < 0.1 * WIDE
    assert not np.array_equal(worn, image)
    _, hatted = wear_hat(image, labels, points, image, rng)
    assert np.nonzero(hatted == HAT)[0].mean() < points[17:27, 1].min()
    unchanged = hatted != HAT
    assert np.array_equal(hatted[unchanged], labels[unchanged])


# ----------------------------------------------------------------------------------------------------- faces, batches


def test_prepared_faces_come_back_as_they_were(folder: Path, tmp_path: Path) -> None:
    faces = Faces(folder)
    assert len(faces) == 12
    assert faces.counts == {"complete": 8, "partial": 1, "photos": 2, "held_out": 1}
    image, labels, points = drawn_face(3)
    assert np.array_equal(np.asarray(faces.codes(3)), labels)
    assert np.abs(np.asarray(faces.image(3)).astype(int) - image).mean() < 3
    assert np.allclose(faces.landmarks[3], points, atol=1e-3)
    assert np.array_equal(np.asarray(faces.own(8)), SIX_OF_19[drawn_face(0)[1]])
    one = StoredFace(COMPLETE, False, "x", image, labels, None, None)
    first, second = write_faces(tmp_path / "a", [one]), write_faces(tmp_path / "b", [one])
    assert Faces(first).digest == Faces(second).digest
    assert np.isnan(Faces(first).landmarks).all()


def test_what_is_no_prepared_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MissingFile, match=r"face_parser\.prepare"):
        Faces(tmp_path)
    (tmp_path / "faces.npz").write_bytes(b"PK nothing")
    with pytest.raises(CorruptFile, match="make it again"):
        Faces(tmp_path)


def test_batches_follow_from_seed_and_step_alone(folder: Path) -> None:
    cpu = torch.device("cpu")
    one, other, third = (FaceSource(folder, TINY, seed) for seed in (0, 0, 1))
    first = [one.batch(number, cpu) for number in (0, 1, 2)]
    for number in (2, 0):
        again = other.batch(number, cpu)
        assert torch.equal(again.images, first[number].images)
        assert again.masks is not None
        assert first[number].masks is not None
        assert torch.equal(again.masks, first[number].masks)
    assert not torch.equal(first[0].images, first[1].images)
    assert not torch.equal(third.batch(0, cpu).images, first[0].images)
    assert first[0].images.shape == (4, 3, 128, 128)
    assert first[0].images.is_contiguous(memory_format=torch.channels_last)
    assert float(first[0].images.max()) <= 1
    for source in (one, other, third):
        source.close()


def test_held_out_and_left_out_faces_are_never_seen(folder: Path) -> None:
    source = FaceSource(folder, TINY, 0, leave_out=[0, 1, 2, 3])
    seen = {int(row) for number in range(12) for row in source._make(number).rows}
    assert seen == {4, 5, 6, 7, 8, 10, 11}
    assert source.describe()["left_out"]
    source.close()


def test_a_kind_of_face_that_is_not_there_is_named(folder: Path) -> None:
    with pytest.raises(InsufficientData, match="set photos to 0"):
        FaceSource(folder, TINY, 0, leave_out=[10, 11])


# ----------------------------------------------------------------------------------------------------------- training


def test_the_learning_rate_rises_and_falls() -> None:
    said = FaceParserTraining(learning_rate=1.0, warm_up=10, steps=100)
    rates = [learning_rate(said, number) for number in (0, 9, 50, 100, 1000)]
    assert rates[0] == pytest.approx(0.1, rel=0.01)
    assert rates[1] == max(rates)
    assert rates[2] == pytest.approx(0.505)
    assert rates[3] == rates[4] == pytest.approx(0.01)


@pytest.mark.parametrize(
    "wrong", [{"widths": (1, 2)}, {"photos": -1}, {"rare": 2.0}, {"learning_rate": 0.0}, {"ema_decay": 1.0}]
)
def test_training_settings_out_of_range_are_named(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        FaceParserTraining(**wrong)  # type: ignore[arg-type]


def test_the_released_size_is_small_and_every_preset_builds_without_memory() -> None:
    counts = {}
    for name, settings in PRESETS.items():
        with torch.device("meta"):
            recipe = TRAINABLE.build(settings, Frozen())
        counts[name] = sum(weight.numel() for weight in recipe.networks[NAME].parameters())
    assert counts["tiny"] < 100_000 < counts["base"] < 2_000_000 < counts["paper"]


def test_a_few_steps_learn_and_a_stopped_run_goes_on(folder: Path, tmp_path: Path) -> None:
    from generators.training.loop import train

    source = dataclasses.replace(TRAINABLE, presets={"tiny": TINY})
    options = {"seed": 3, "sample_seconds": 0.0, "device": "cpu", "threads": 1, "tick_steps": 2}
    whole = train(
        source, "tiny", folder, tmp_path / "whole", max_steps=12, release=str(tmp_path / "whole.st"), **options
    )
    assert whole.steps == 12
    for steps in (5, 12):
        train(
            source, "tiny", folder, tmp_path / "parts", max_steps=steps, release=str(tmp_path / "parts.st"), **options
        )
    assert (tmp_path / "whole.st").read_bytes() == (tmp_path / "parts.st").read_bytes()
    parser = bench.load("parser", "face_parser", weights=str(tmp_path / "whole.st"))
    assert parser.parse_at(to_crops(drawn_face(0, 256)[0][None]), 32).shape == (1, 32, 32)


def test_the_loss_falls(folder: Path) -> None:
    torch.manual_seed(0)
    network = ParserNetwork(TINY.widths, TINY.depths)
    optimizer = torch.optim.AdamW(network.parameters(), lr=2e-2)
    source, may_be = FaceSource(folder, TINY, 0), torch.from_numpy(allowed())
    costs = []
    for number in range(16):
        batch = source._make(number % 3)
        assert batch.masks is not None
        loss = label_loss(network(batch.images), batch.masks, may_be, torch.ones(batch.masks.shape))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        costs.append(float(loss.detach()))
    source.close()
    assert np.mean(costs[-3:]) < 0.85 * np.mean(costs[:3])


# ------------------------------------------------------------------------------------------------------------- scoring


def test_intersection_over_union_by_hand() -> None:
    truth = np.array([[0, 0, 1, 1], [2, 2, 2, 255]], np.uint8)
    said = np.array([[0, 1, 1, 1], [2, 0, 2, 0]], np.uint8)
    table = confusion(truth, said, 3)
    assert table.tolist() == [[1, 1, 0], [0, 2, 0], [1, 0, 2]]
    found = agreement([table] * 5, ["a", "b", "c"])
    assert found.iou.tolist() == pytest.approx([1 / 3, 2 / 3, 2 / 3])
    assert found.mean == pytest.approx(5 / 9)
    assert found.accuracy == pytest.approx(5 / 7)
    assert found.low.tolist() == pytest.approx(found.iou.tolist())
    assert confused_with([table], ["a", "b", "c"], 0) == [("b", 0.5, 0.0), ("c", 0.0, 0.5)]


def test_a_label_on_few_images_is_insufficient_and_not_in_the_mean() -> None:
    usual, rare = (
        confusion(np.zeros(9, np.uint8), np.zeros(9, np.uint8), 2),
        confusion(np.ones(9, np.uint8), np.zeros(9, np.uint8), 2),
    )
    found = agreement([usual] * 6 + [rare] * 4, ["common", "rare"])
    assert found.images.tolist() == [6, 4]
    assert found.mean == pytest.approx(0.6)
    plain = found.as_plain()["labels"]
    assert isinstance(plain, dict)
    assert plain["rare"]["interval"] is None


def test_folds_leave_every_complete_face_out_once(folder: Path) -> None:
    faces = Faces(folder)
    folds = [comparing.fold_rows(faces, fold) for fold in range(comparing.FOLDS)]
    assert sorted(itertools.chain(*folds)) == list(range(8))


def test_fasseg_names_say_who_is_held_out_and_how_far_heads_are_turned() -> None:
    prepare = pytest.importorskip("generators.auxiliary.face_parser.prepare")
    assert prepare.is_held_out("v3_test_personne08142p0-60")
    assert not prepare.is_held_out("v3_train_personne07252p0p90")
    assert prepare.is_held_out("v2_test_3")
    assert not prepare.is_held_out("v2_train_3")
    assert comparing.yaw_of("fasseg/v3_test_personne08142p0-60") == -60
    assert comparing.yaw_of("fasseg/v3_train_personne07252p0p90") == 90
    assert comparing.yaw_of("fasseg/v2_train_3") == 0


def test_a_perfect_parser_agrees_and_polygons_are_compared_on_the_same_faces(folder: Path) -> None:
    faces = Faces(folder)
    rows = [0, 1]
    truth = np.stack([comparing.crop_of(faces, row, "codes") for row in rows])
    own, drawn = comparing.compare_complete(faces, rows, lambda crops: truth)
    assert agreement(list(own.values()), LABELS).accuracy == 1
    assert sorted(drawn) == rows
    assert 0.3 < agreement(list(drawn.values()), LABELS).accuracy < 1
    partial, _ = comparing.compare_partial(faces, [9], lambda crops: comparing.crop_of(faces, 1, "codes")[None])
    assert agreement(list(partial.values()), comparing.SIX).accuracy == 1


def test_intervals_resample_people_who_have_several_images() -> None:
    good, bad = (confusion(np.zeros(4, np.uint8), np.full(4, said, np.uint8), 2) for said in (0, 1))
    counts, people = [good] * 40 + [bad] * 40, ["a"] * 40 + ["b"] * 40
    by_image, by_person = agreement(counts, ["a", "b"]), agreement(counts, ["a", "b"], people)
    assert by_person.iou.tolist() == by_image.iou.tolist()
    assert (by_image.units, by_person.units, by_person.count) == (80, 2, 80)
    assert by_image.low[0] > 0.3
    assert (by_person.low[0], by_person.high[0]) == (0, 1)  # two people: a draw may show either alone
    assert comparing.person_of("fasseg/v3_test_personne08142p0-60") == "08"
    assert comparing.person_of("fasseg/v2_test_3") == "fasseg/v2_test_3"


def test_a_held_out_photo_that_training_has_too_is_left_out_and_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = []
    for number, (drawn, held_out) in enumerate([(0, False), (0, True), (1, True)]):
        image, labels, points = drawn_face(drawn)
        image = np.clip(image * 0.9 + number, 0, 255).astype(np.uint8)
        six = SIX_OF_19[labels]
        made.append(StoredFace(PARTIAL, held_out, f"fasseg/v2_{number}", image, six, six, points))
    write_faces(tmp_path, made)
    assert comparing.held_out_rows(Faces(tmp_path)) == [2]
    assert "fasseg/v2_1" in capsys.readouterr().out


def test_folds_start_only_with_weights_that_saw_no_complete_face(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(PRESETS, "base", TINY)  # type: ignore[arg-type]
    for complete in (0, 1):
        settings = dataclasses.replace(TINY, complete=complete, partial=1, photos=1)
        train(TRAINABLE, settings, folder, tmp_path / str(complete), max_steps=1, seed=0, device="cpu",
              sample_seconds=0.0, release=str(tmp_path / f"{complete}.safetensors"))  # fmt: skip
    with pytest.raises(ConfigError, match="1 complete faces a step, expected 0"):
        evaluate.refuse_seen(str(tmp_path / "1.safetensors"))
    started = evaluate.train_fold(folder, tmp_path, 0, 1, None, str(tmp_path / "0.safetensors"))
    assert started is not None
    assert read_about(started)["started_with"]["sha256"] == file_digest(tmp_path / "0.safetensors")
    with pytest.raises(ConfigError, match="give another --out"):
        evaluate.train_fold(folder, tmp_path, 0, 1, None)


@pytest.mark.full
def test_the_whole_cross_validation_runs_and_goes_on(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(PRESETS, "base", TINY)  # type: ignore[arg-type]
    assert evaluate.run_folds(folder, tmp_path, 2, 0.0) is None
    report = evaluate.run_folds(folder, tmp_path, 2, None)
    assert report is not None
    assert report["complete"]["images"] == 8
    before = (tmp_path / "fold-3.safetensors").stat().st_mtime_ns
    assert evaluate.run_folds(folder, tmp_path, 2, None) == report
    assert (tmp_path / "fold-3.safetensors").stat().st_mtime_ns == before
    assert "insufficient" in capsys.readouterr().out
    with pytest.raises(ConfigError, match=r"fold-0\.safetensors: got .*\(2, .* expected \(3, "):
        evaluate.run_folds(folder, tmp_path, 3, None)
