"""Making packs: who is in them, what is left out, how large they become, and that being killed changes nothing."""

from __future__ import annotations

import hashlib
import json
import re
import signal
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from bench import registry as registry_module
from bench.aligners.geometry import crop_matrix, move_points, warp_labels
from bench.aligners.templates import FFHQ256, crop_by_landmarks
from bench.api import Crops, Face, Fingerprint, FrameImage, PluginRow, Template
from bench.cli.pack import pack as pack_command
from bench.errors import ConfigError, CorruptFile, InsufficientData, MissingFile, PluginError, ShapeError, UnknownName
from bench.images import encode_png, to_crops
from bench.packs import Pack
from bench.packs.labels import shrink_labels
from bench.packs.people import people_digest
from bench.packs.pictures import shrink_picture
from bench.packs.shards import name_digest
from bench.registry import Registry
from bench.seeding import split_of
from bench.sweep import packing_fit, packing_folder
from bench.sweep.instances import plugin
from bench.sweep.packing import make_pack
from bench.sweep.packing_request import PackRequest, read_request
from tests.processes import ROOT, command, environment

SIDE = 64


@dataclass(frozen=True)
class PointsSettings:
    """Which schemes a toy aligner gives, and how far away its landmarks lie."""

    points: int = 68
    shift: float = 0.0


class ToyAligner:
    """Finds FFHQ's face in the middle of every picture that is not black, a little to the side by its first pixel."""

    def __init__(self, settings: PointsSettings) -> None:
        self.settings = settings

    def fingerprint(self) -> Fingerprint:
        return {"revision": 1, "points": self.settings.points, "shift": self.settings.shift}

    def detect(self, frame: FrameImage) -> list[Face]:
        if not frame.any():
            return []
        scale = len(frame) / 256
        five = FFHQ256.targets["field5"] * scale + np.float32(frame[0, 0, 0] / 100)
        angle = np.linspace(0, 2 * np.pi, 68, endpoint=False)
        ring = np.stack([np.cos(angle), np.sin(angle)], axis=1) * 60 * scale + len(frame) / 2 + self.settings.shift
        schemes = {"field5": five.astype(np.float32)}
        if self.settings.points == 68:
            schemes["dlib68"] = ring.astype(np.float32)
        return [Face(np.array([0, 0, *frame.shape[1::-1]], np.float32), schemes, 1.0)]

    def crop(self, frame: FrameImage, face: Face, template: Template) -> FrameImage:
        return crop_by_landmarks(frame, face, template)


class ToyRecognizer:
    """The mean colour of a crop."""

    comparison = "cosine"
    template = FFHQ256
    batch_size = 4

    def __init__(self, settings: PointsSettings) -> None:
        self.settings = settings

    def fingerprint(self) -> Fingerprint:
        return {"revision": 1, "shift": self.settings.shift}

    def default_aligner(self) -> Mapping[str, Any]:
        return {"name": "toy68"}

    def embed(self, crops: Crops) -> Any:
        return (crops.mean(axis=(2, 3)) * np.float32(10.0**self.settings.shift)).astype(np.float32)

    def runtime(self) -> Mapping[str, str]:
        return {"device": "toy"}


class ToyParser:
    """Bright pixels are skin, the others background."""

    template = FFHQ256
    batch_size = 5

    def __init__(self, settings: PointsSettings) -> None:
        self.settings = settings

    def fingerprint(self) -> Fingerprint:
        return {"revision": 1, "shift": self.settings.shift}

    def default_aligner(self) -> Mapping[str, Any]:
        return {"name": "toy68"}

    def parse(self, crops: Crops) -> Any:
        assert len(crops) == self.batch_size
        return (crops.mean(axis=1) > 0.5).astype(np.uint8) + np.uint8(self.settings.shift)

    def runtime(self) -> Mapping[str, str]:
        return {"device": "toy"}


class FineParser(ToyParser):
    """Gives hair at any side."""

    def parse_at(self, crops: Crops, side: int) -> Any:
        assert len(crops) == self.batch_size
        return np.full((len(crops), side, side), 13, np.uint8)


class SmallParser(ToyParser):
    """Sees another crop: the middle of the generators', twice as large."""

    template = Template("middle", 128, {"field5": FFHQ256.targets["field5"] - 64})


@pytest.fixture
def toys(own_registry: Registry) -> Registry:
    rows = {
        ("aligner", "toy68"): "ToyAligner",
        ("recognizer", "toy"): "ToyRecognizer",
        ("parser", "toy"): "ToyParser",
        ("parser", "fine"): "FineParser",
        ("parser", "small"): "SmallParser",
    }
    for (kind, name), target in rows.items():
        own_registry.add(
            PluginRow(
                kind=kind,  # type: ignore[arg-type]
                name=name,
                target=f"{__name__}:{target}",
                settings=f"{__name__}:PointsSettings",
                summary="a toy",
                source="the tests",
                licence="none",
            ),
            "the tests",
        )
    return own_registry


def picture(seed: int, side: int = 96) -> FrameImage:
    """A smooth picture that is nowhere black."""
    coarse = np.random.default_rng(seed).integers(20, 256, (6, 6, 3)).astype(np.uint8)
    return np.kron(coarse, np.ones((side // 6, side // 6, 1), np.uint8))


def write(path: Path, frame: FrameImage) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(encode_png(frame))


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Three photos of each of ten people, of all splits."""
    for person in range(10):
        for number in range(3):
            write(tmp_path / "photos" / f"p{person}" / f"{number}.png", picture(10 * person + number))
    return tmp_path / "photos"


PEOPLE = [f"p{number}" for number in range(10)]
TRAIN = [name for name in PEOPLE if split_of(name) == "train"]


def asked(root: Path, **more: Any) -> PackRequest:
    """A request for a pack of a folder, by toys."""
    fields = {
        "datasets": [{"name": "folder", "root": str(root)}],
        "side": SIDE,
        "aligner": "toy68",
        "recognizer": "toy",
        "parser": "toy",
    }
    return read_request(None, given=fields | more)


def contents(folder: Path) -> dict[str, bytes]:
    """Every file of a folder."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def size_of(folder: Path) -> int:
    return sum(map(len, contents(folder).values()))


# ------------------------------------------------------------------------------------------------------ what is in it


def test_a_pack_holds_what_the_photos_show(toys: Registry, photos: Path, tmp_path: Path) -> None:
    manifest = make_pack(asked(photos, split="all", quality=[95, 95]), tmp_path / "pack")
    pack = Pack.open(tmp_path / "pack")
    assert pack.manifest == json.loads(json.dumps(manifest))
    assert (len(pack), len(np.unique(pack.subjects)), pack.side) == (30, 10, SIDE)
    dataset, aligner = plugin("dataset", {"name": "folder", "root": str(photos)}), plugin("aligner", {"name": "toy68"})
    rows = {digest.tobytes(): row for row, digest in enumerate(pack.photos)}
    for frame in dataset.frames():
        row = rows[name_digest("folder", frame.subject, frame.key).tobytes()]
        (face,) = aligner.detect(dataset.image(frame.key))
        crop = crop_by_landmarks(dataset.image(frame.key), face, FFHQ256)
        assert (
            np.abs(pack.images([row])[0].astype(int) - shrink_picture(crop, SIDE)).mean() < 10
        )  # a different photo: 70
        moved = move_points(face.landmarks["dlib68"], crop_matrix(face, FFHQ256))
        assert np.allclose(pack.landmarks[row], (moved - 1.5) / 4, atol=1 / 64 + 1e-4)
        assert np.allclose(pack.identity[row], to_crops(crop[None]).mean(axis=(0, 2, 3)), atol=1e-3)
        labels = (to_crops(crop[None]).mean(axis=1) > 0.5).astype(np.uint8)
        assert np.array_equal(pack.masks([row]), shrink_labels(labels, SIDE))
        assert pack.split[row] == split_of(frame.subject)
    assert pack.attribute_names == ()
    pack.verify()


def test_landmarks_and_pictures_of_a_pack_agree(toys: Registry, tmp_path: Path) -> None:
    """A white block of four pixels in the crop, and its centre: one pixel of the pack, and where its landmark lies."""
    frame = np.full((256, 256, 3), 60, np.uint8)
    frame[0, 0] = 0  # so that the toy's five points are the template's own
    frame[100:104, 200:204] = 255
    write(tmp_path / "photos" / TRAIN[0] / "0.png", frame)
    shift = np.array([201.5, 101.5]) - (128 + np.array([60, 0]))  # of the ring's first point to the block's centre
    request = asked(tmp_path / "photos", masks=False, aligner={"name": "toy68", "shift": 0.0})
    make_pack(request, tmp_path / "pack")
    pack = Pack.open(tmp_path / "pack")
    brightest = np.unravel_index(pack.images([0])[0].mean(axis=2).argmax(), (SIDE, SIDE))
    assert np.allclose(pack.landmarks[0, 0] + shift / 4, brightest[::-1], atol=0.05)


def test_nobody_outside_the_split_is_in_it(toys: Registry, photos: Path, tmp_path: Path) -> None:
    assert 0 < len(TRAIN) < len(PEOPLE)
    make_pack(asked(photos), tmp_path / "pack")
    pack = Pack.open(tmp_path / "pack")
    expected = {name_digest("folder", name, f"{name}/{number}.png").tobytes() for name in TRAIN for number in range(3)}
    assert {one.tobytes() for one in pack.photos} == expected
    assert set(pack.split) == {"train"}
    make_pack(asked(photos, split="eval"), tmp_path / "eval")
    assert not expected & {one.tobytes() for one in Pack.open(tmp_path / "eval").photos}
    assert set(Pack.open(tmp_path / "eval").split) == {"eval"}


def test_whoever_has_a_name_can_look_a_person_up(toys: Registry, photos: Path, tmp_path: Path) -> None:
    make_pack(asked(photos), tmp_path / "pack")
    pack = Pack.open(tmp_path / "pack")
    assert [name for name in PEOPLE if pack.faces_of("folder", name).size] == TRAIN
    for name in TRAIN:
        rows = pack.faces_of("folder", name)
        expected = {name_digest("folder", name, f"{name}/{number}.png").tobytes() for number in range(3)}
        assert {pack.photos[row].tobytes() for row in rows} == expected
    everybody = np.stack([name_digest("folder", name) for name in TRAIN])
    assert people_digest(pack.subject_digests) == people_digest(everybody) != people_digest(everybody[1:])
    assert (pack.identity_name, pack.identity_weights) == ("toy", "")


def test_no_name_of_a_person_or_a_photo_is_in_it(toys: Registry, tmp_path: Path) -> None:
    names = [name for name in ("Gundula", "Theodosia", "Ottokar", "Ludmilla") if split_of(name) == "train"]
    for number, name in enumerate(names):
        write(tmp_path / "photos" / name / "portrait.png", picture(number))
    make_pack(asked(tmp_path / "photos"), tmp_path / "pack")
    whole = b"".join(contents(tmp_path / "pack").values())
    assert names
    for word in (*names, "portrait", str(tmp_path)):
        assert word.encode() not in whole


def test_a_data_set_that_splits_by_itself_is_asked_for_each_part(toys: Registry, tmp_path: Path) -> None:
    drawn = {"name": "drawn", "people": 2, "images": 1, "side": 64}
    request = asked(tmp_path, datasets=[drawn], split="all", side=64)
    make_pack(request, tmp_path / "pack")
    pack = Pack.open(tmp_path / "pack")
    assert sorted(pack.split) == ["dev", "dev", "eval", "eval", "train", "train"]
    assert pack.manifest["real_people"] is False
    assert pack.manifest["datasets"][0]["masks"] == "data set"
    assert pack.manifest["parser"] is None
    with pytest.raises(ConfigError, match="says split: eval, the pack split: train; leave the data set's out"):
        make_pack(asked(tmp_path, datasets=[drawn | {"split": "eval"}]), tmp_path / "other")


# -------------------------------------------------------------------------------------------------------------- masks


def test_masks_are_the_data_sets_own_where_it_has_them(toys: Registry, tmp_path: Path) -> None:
    entry = {"name": "drawn", "people": 2, "images": 1, "side": 96, "split": "train"}
    make_pack(asked(tmp_path, datasets=[entry], side=128), tmp_path / "pack")
    pack = Pack.open(tmp_path / "pack")
    dataset, aligner = plugin("dataset", entry), plugin("aligner", {"name": "toy68"})
    rows = {digest.tobytes(): row for row, digest in enumerate(pack.photos)}
    for frame in dataset.frames():
        matrix = crop_matrix(aligner.detect(dataset.image(frame.key))[0], FFHQ256)
        labels = warp_labels(dataset.mask(frame.key), matrix, 256)
        row = rows[name_digest("drawn", frame.subject, frame.key).tobytes()]
        assert np.array_equal(pack.masks([row]), shrink_labels(labels[None], 128))
        assert len(np.unique(labels)) > 8


def test_a_parser_that_labels_at_any_side_is_asked_for_the_packs(toys: Registry, photos: Path, tmp_path: Path) -> None:
    make_pack(asked(photos, parser="fine"), tmp_path / "pack")
    pack = Pack.open(tmp_path / "pack")
    assert (pack.masks(pack.rows()) == 13).all()
    assert pack.manifest["datasets"][0]["masks"] == "fine"


def test_a_parser_of_another_template_sees_its_own_crops(toys: Registry, photos: Path, tmp_path: Path) -> None:
    make_pack(asked(photos), tmp_path / "pack")
    make_pack(asked(photos, parser="small"), tmp_path / "small")
    whole, small = Pack.open(tmp_path / "pack"), Pack.open(tmp_path / "small")
    middle = np.s_[:, SIDE // 4 + 1 : 3 * SIDE // 4 - 1, SIDE // 4 + 1 : 3 * SIDE // 4 - 1]
    agree = whole.masks(whole.rows())[middle] == small.masks(small.rows())[middle]
    assert agree.mean() > 0.97
    assert (small.masks(small.rows())[:, :10] == 0).all()


def test_masks_may_be_left_out(toys: Registry, photos: Path, tmp_path: Path) -> None:
    make_pack(asked(photos, masks=False), tmp_path / "pack")
    pack = Pack.open(tmp_path / "pack")
    assert (pack.has_masks, pack.manifest["parser"], pack.manifest["datasets"][0]["masks"]) == (False, None, None)


def test_what_a_parser_may_not_return(toys: Registry, photos: Path, tmp_path: Path) -> None:
    with pytest.raises(PluginError, match=r"toy returned the label 2[01]; expected labels 0 to 18"):
        make_pack(asked(photos, parser={"name": "toy", "shift": 20}), tmp_path / "pack")


# --------------------------------------------------------------------------------------------------------- attributes


def test_attributes_of_several_data_sets_stand_in_one_table(toys: Registry, photos: Path, tmp_path: Path) -> None:
    celeba = tmp_path / "celeba"
    lines = ["image,identity,Male,Young"]
    for number, person in enumerate(TRAIN):
        write(celeba / "images" / f"{number}.jpg", picture(1000 + number))
        lines.append(f"{number}.jpg,{person},{'-1,1' if number else ','}")
    (celeba / "labels.csv").write_text("\n".join(lines))
    lfw = tmp_path / "lfw"
    rows = ["name,Male,Tall,df_age,df_race"]
    for number, person in enumerate(TRAIN[:3]):
        write(lfw / "images" / person / f"{person}_0001.jpg", picture(2000 + number))
        rows.append(f"{person}_0001.jpg,0.25,1.0,41,white")
    write(lfw / "images" / TRAIN[3] / f"{TRAIN[3]}_0001.jpg", picture(3000))
    (lfw / "attributes.csv").write_text("\n".join(rows))
    (lfw / "pairs.txt").write_text("")
    entries = [{"name": "celeba", "root": str(celeba)}, {"name": "lfw", "root": str(lfw)}]
    make_pack(asked(photos, datasets=entries), tmp_path / "pack")
    pack = Pack.open(tmp_path / "pack")
    held = dict(zip(pack.attribute_names, pack.attributes.T, strict=True))
    assert pack.attribute_names[-1] == "Tall"
    assert len(held) == 41
    of_celeba, of_lfw = pack.dataset == "celeba", pack.dataset == "lfw"
    assert np.nansum(held["Male"][of_celeba]) == -(len(TRAIN) - 1)
    assert np.isnan(held["Male"][of_celeba]).sum() == 1  # unknown to the data set
    assert np.sort(held["Male"][of_lfw])[:3].tolist() == [-0.5] * 3  # scores from 0 to 1, stretched
    assert np.isnan(held["Tall"][of_celeba]).all()
    assert np.isnan(held["Young"][of_lfw]).all()
    assert pack.manifest["datasets"][1]["columns_left_out"] == ["df_age", "df_race"]
    make_pack(asked(photos, datasets=entries, attributes=False), tmp_path / "none")
    assert Pack.open(tmp_path / "none").attributes.shape == (len(pack), 0)


# ----------------------------------------------------------------------------------------------- several data sets


def test_people_of_two_data_sets_are_kept_apart_and_shared_names_reported(
    toys: Registry, photos: Path, tmp_path: Path
) -> None:
    for name in TRAIN[:2]:
        write(tmp_path / "more" / name / "0.png", picture(hash(name) % 1000))
    write(tmp_path / "more" / "somebody-else" / "0.png", picture(5))
    entries = [
        {"name": "folder", "root": str(photos)},
        {"name": "folder", "label": "mine", "root": str(tmp_path / "more")},
    ]
    make_pack(asked(photos, datasets=entries), tmp_path / "pack")
    pack = Pack.open(tmp_path / "pack")
    assert pack.manifest["names_in_several"] == {"folder and mine": 2}
    assert not set(pack.subjects[pack.dataset == "mine"]) & set(pack.subjects[pack.dataset == "folder"])
    assert len(pack.rows(dataset="mine")) == 2 + (split_of("somebody-else") == "train")
    with pytest.raises(ConfigError, match="expected a different label for each"):
        asked(photos, datasets=[entries[0], entries[0]])


# ----------------------------------------------------------------------------------------------------- what is left out


def test_what_is_left_out_is_counted(toys: Registry, photos: Path, tmp_path: Path) -> None:
    write(photos / TRAIN[0] / "black.png", np.zeros((96, 96, 3), np.uint8))
    (photos / TRAIN[1] / "broken.png").write_bytes(b"no picture")
    manifest = make_pack(asked(photos, max_per_person=2), tmp_path / "pack")
    left_out = manifest["datasets"][0]["left_out"]
    assert left_out == {"no face found": 1, "too many of one person": len(TRAIN), "unreadable": 1}
    assert manifest["faces"] == 2 * len(TRAIN)
    assert manifest["datasets"][0]["photos"] == manifest["faces"] + sum(left_out.values())
    assert np.bincount(Pack.open(tmp_path / "pack").subjects).tolist() == [2] * len(TRAIN)
    far = asked(photos, aligner={"name": "toy68", "shift": 500.0})
    with pytest.raises(InsufficientData, match="no face was found in"):
        make_pack(far, tmp_path / "far")


def test_which_photos_of_a_person_stay_is_drawn_by_the_seed(toys: Registry, photos: Path, tmp_path: Path) -> None:
    kept = []
    for seed in (0, 0, 1, 2):
        folder = tmp_path / f"pack{len(kept)}"
        make_pack(asked(photos, max_per_person=1, seed=seed), folder)
        kept.append({one.tobytes() for one in Pack.open(folder).photos})
    assert kept[0] == kept[1]
    assert len({frozenset(one) for one in kept}) > 1
    more = tmp_path / "two"
    make_pack(asked(photos, max_per_person=2), more)
    assert kept[0] < {one.tobytes() for one in Pack.open(more).photos}


def test_an_aligner_without_68_landmarks_is_refused(toys: Registry, photos: Path, tmp_path: Path) -> None:
    with pytest.raises(PluginError, match=r"holds dlib's 68 landmarks, the aligner gave field5; set aligner"):
        make_pack(asked(photos, aligner={"name": "toy68", "points": 5}), tmp_path / "pack")


def test_embeddings_that_float16_cannot_hold_are_refused(toys: Registry, photos: Path, tmp_path: Path) -> None:
    large = {"name": "toy", "shift": 6.0}
    with pytest.raises(ShapeError, match="float16 cannot hold; set identity: float32"):
        make_pack(asked(photos, recognizer=large), tmp_path / "pack")
    make_pack(asked(photos, recognizer=large, identity="float32"), tmp_path / "other")
    assert Pack.open(tmp_path / "other").identity.max() > 1e5


# --------------------------------------------------------------------------------------------------------------- size


@pytest.fixture
def many(tmp_path: Path) -> Path:
    """Photos of five train people, from one to nine of each."""
    for person, count in zip(TRAIN[:5], (9, 9, 8, 5, 1), strict=True):
        for number in range(count):
            noise = np.random.default_rng([number, count]).integers(20, 256, (96, 96, 3))
            write(tmp_path / "many" / person / f"{number}.png", noise.astype(np.uint8))
    return tmp_path / "many"


def test_the_quality_is_lowered_until_the_pack_fits(toys: Registry, many: Path, tmp_path: Path) -> None:
    free = make_pack(asked(many), tmp_path / "free")
    assert free["pictures"] == {"format": "WEBP", "quality": 90, "effort": 6, "per_person": None}
    found = {}
    for share in (0.97, 0.85, 0.75):
        most = size_of(tmp_path / "free") * share / 1e6
        folder = tmp_path / f"at{share}"
        found[share] = make_pack(asked(many, max_mb=most), folder)
        assert size_of(folder) <= most * 1e6
        assert size_of(folder) > 0.6 * most * 1e6  # and no smaller than it must be
        assert found[share]["faces"] == free["faces"]
    qualities = [one["pictures"]["quality"] for one in found.values()]
    assert 90 > qualities[0] > qualities[1] > qualities[2] >= 50


def test_then_people_with_many_photos_lose_some(toys: Registry, many: Path, tmp_path: Path) -> None:
    make_pack(asked(many), tmp_path / "free")
    most = size_of(tmp_path / "free") * 0.6 / 1e6
    manifest = make_pack(asked(many, max_mb=most, quality=[85, 90]), tmp_path / "pack")
    assert size_of(tmp_path / "pack") <= most * 1e6
    assert manifest["pictures"]["quality"] == 85
    kept = manifest["pictures"]["per_person"]
    assert 1 <= kept < 9
    whole = np.bincount(Pack.open(tmp_path / "free").subjects)
    assert sorted(np.bincount(Pack.open(tmp_path / "pack").subjects)) == sorted(np.minimum(whole, kept))
    assert manifest["datasets"][0]["left_out"] == {
        "too many of one person": int((whole - np.minimum(whole, kept)).sum())
    }
    with pytest.raises(InsufficientData, match=r"one photo of each of \d people takes .* raise max_mb"):
        make_pack(asked(many, max_mb=0.02), tmp_path / "tiny")


def test_a_sample_that_promised_too_much_is_made_good(
    toys: Registry, many: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    make_pack(asked(many), tmp_path / "free")
    most = size_of(tmp_path / "free") * 0.75 / 1e6
    sober = make_pack(asked(many, max_mb=most, shard_faces=20), tmp_path / "sober")
    promised = packing_folder.fitting

    def rash(*given: Any) -> packing_fit.Choice:
        choice = promised(*given)
        return packing_fit.Choice(choice.quality + 8, choice.per_person)

    monkeypatch.setattr(packing_folder, "fitting", rash)
    manifest = make_pack(asked(many, max_mb=most, shard_faces=20), tmp_path / "pack")
    assert "larger than its sample promised" in caplog.text
    assert size_of(tmp_path / "pack") <= most * 1e6
    assert sober["pictures"]["quality"] <= manifest["pictures"]["quality"] < sober["pictures"]["quality"] + 8
    assert Pack.open(tmp_path / "pack").verify() is None
    assert set(contents(tmp_path / "pack")) == {"pack.json", *(shard["file"] for shard in manifest["shards"])}


# ------------------------------------------------------------------------------------------------------------- killed


class Killed(BaseException):
    """What no code catches."""


@pytest.mark.parametrize("bounded", [False, True])
def test_killed_at_any_file_and_started_again_it_ends_with_the_same_bytes(
    toys: Registry, many: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bounded: bool
) -> None:
    request = asked(many, shard_faces=7)
    make_pack(request, tmp_path / "whole")
    if bounded:
        request = asked(many, shard_faces=7, quality=[70, 90], max_mb=0.95e-6 * size_of(tmp_path / "whole"))
        make_pack(request, tmp_path / "bounded")
    whole = contents(tmp_path / ("bounded" if bounded else "whole"))
    assert len(whole) >= 5
    replace = packing_folder.replace
    written: list[str] = []

    def dying(path: Path, data: bytes) -> None:
        if len(written) == moment:
            half = path.with_name(f".{path.name}-abcdefgh.part")
            half.parent.mkdir(parents=True, exist_ok=True)
            half.write_bytes(data[: len(data) // 2])
            raise Killed
        written.append(path.name)
        replace(path, data)

    # unfinished.json at first and again behind each shard, then once more, then pack.json
    moments = 2 * len(whole)
    for moment in (0, 1, 2, moments - 1) if bounded else range(moments):
        folder = tmp_path / f"killed{moment}"
        written.clear()
        monkeypatch.setattr(packing_folder, "replace", dying)
        with pytest.raises(Killed):
            make_pack(request, folder)
        monkeypatch.setattr(packing_folder, "replace", replace)
        with pytest.raises(MissingFile):
            Pack.open(folder)
        there = {path.name: path.stat().st_mtime_ns for path in folder.glob("faces-*")}
        make_pack(request, folder)
        assert contents(folder) == whole
        noted = {name for name in there if (folder / name).stat().st_mtime_ns == there[name]}
        assert len(noted) >= len(there) - 1  # at most the one that was not noted yet is written again


def test_a_shard_that_was_damaged_meanwhile_is_written_again(
    toys: Registry, many: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = asked(many, shard_faces=7)
    make_pack(request, tmp_path / "whole")
    make_pack(request, tmp_path / "pack")
    folder = tmp_path / "pack"
    manifest = json.loads((folder / "pack.json").read_text())
    fields = {"choice": {"quality": 90, "per_person": None}}
    said = {name: manifest[name] for name in ("schema", "specification", "shards")} | fields
    (folder / "unfinished.json").write_text(json.dumps(said))
    (folder / "pack.json").unlink()
    (folder / "faces-0001.safetensors").write_bytes(b"half")
    (folder / "faces-0002.safetensors").unlink()
    make_pack(request, folder)
    assert contents(folder) == contents(tmp_path / "whole")


def test_what_changes_while_a_pack_is_made_is_no_part_of_it(
    toys: Registry, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_faces = packing_folder.PackFolder.write_faces

    def meanwhile(*given: Any) -> Any:
        written = write_faces(*given)
        write(photos / TRAIN[0] / "0.png", picture(4711))
        return written

    monkeypatch.setattr(packing_folder.PackFolder, "write_faces", meanwhile)
    with pytest.raises(CorruptFile, match=r"datasets changed while the pack in .* was made; delete the folder"):
        make_pack(asked(photos), tmp_path / "pack")
    assert not (tmp_path / "pack" / "pack.json").exists()


@pytest.mark.full
def test_killed_by_the_system_and_started_again_it_ends_with_the_same_bytes(tmp_path: Path) -> None:
    (tmp_path / "pack.yaml").write_text(
        "datasets: {name: drawn, people: 6, images: 2, side: 96}\nside: 64\nshard_faces: 2\nmax_mb: 0.1\n"
        "recognizer: random_projection\n"
    )

    def start(folder: Path) -> subprocess.Popen[str]:
        arguments = command("pack", str(tmp_path / "pack.yaml"), "--out", str(folder / "pack"))
        return subprocess.Popen(
            arguments, env=environment(folder / "cache"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def finish(folder: Path) -> dict[str, bytes]:
        process = start(folder)
        printed = process.communicate(timeout=120)[1]
        assert process.returncode == 0, printed
        return contents(folder / "pack")

    started = time.monotonic()
    whole = finish(tmp_path / "whole")
    seconds = time.monotonic() - started
    killed = 0
    for share in (0.5, 0.75, 0.9):
        process = start(tmp_path / str(share))
        time.sleep(share * seconds)
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
            killed += 1
        process.communicate()
        assert finish(tmp_path / str(share)) == whole
    assert killed


# ------------------------------------------------------------------------------------------------------- other folders


def test_a_finished_pack_is_left_as_it_is(toys: Registry, photos: Path, tmp_path: Path) -> None:
    first = make_pack(asked(photos), tmp_path / "pack")
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "pack").iterdir()}
    assert make_pack(asked(photos), tmp_path / "pack") == json.loads(json.dumps(first))
    assert before == {path: path.stat().st_mtime_ns for path in (tmp_path / "pack").iterdir()}
    (tmp_path / "pack" / "faces-0000.safetensors").write_bytes(b"damaged")
    with pytest.raises(CorruptFile, match="faces-0000"):
        make_pack(asked(photos), tmp_path / "pack")


def test_a_pack_of_another_specification_is_not_touched(toys: Registry, photos: Path, tmp_path: Path) -> None:
    folder = tmp_path / "pack"
    make_pack(asked(photos), folder)
    before = contents(folder)
    with pytest.raises(ConfigError, match=r"another specification: seed differ; choose another folder \(--out\)"):
        make_pack(asked(photos, seed=1), folder)
    write(photos / TRAIN[0] / "new.png", picture(77))
    with pytest.raises(ConfigError, match=r"specification: datasets differ"):
        make_pack(asked(photos), folder)
    assert contents(folder) == before
    (folder / "pack.json").rename(folder / "unfinished.json")
    with pytest.raises(ConfigError, match="holds other things"):
        make_pack(asked(photos, seed=1), folder)


def test_two_at_once_do_not_write_one_pack(toys: Registry, photos: Path, tmp_path: Path) -> None:
    refused = []

    def meanwhile(name: str, done: int, total: int) -> None:
        with pytest.raises(ConfigError, match="another impersona is at work on"):
            make_pack(asked(photos), tmp_path / "pack")
        refused.append(name)

    make_pack(asked(photos), tmp_path / "pack", progress=meanwhile)
    assert refused
    assert Pack.open(tmp_path / "pack").verify() is None


def test_a_pack_that_cannot_be_made_leaves_no_folder(toys: Registry, photos: Path, tmp_path: Path) -> None:
    with pytest.raises(PluginError, match="the aligner gave"):
        make_pack(asked(photos, aligner={"name": "toy68", "points": 5}), tmp_path / "pack")
    assert not (tmp_path / "pack").exists()
    (tmp_path / "file").write_text("mine")
    with pytest.raises(ConfigError, match="is a file; expected a new or empty folder"):
        make_pack(asked(photos), tmp_path / "file")


def test_other_things_in_the_folder_are_not_touched(toys: Registry, photos: Path, tmp_path: Path) -> None:
    (tmp_path / "pack").mkdir()
    (tmp_path / "pack" / "thesis.txt").write_text("mine")
    with pytest.raises(ConfigError, match="holds other things; expected a new or empty folder"):
        make_pack(asked(photos), tmp_path / "pack")
    assert contents(tmp_path / "pack") == {"thesis.txt": b"mine"}


# ------------------------------------------------------------------------------------------------------------ requests


def test_a_request_is_read_like_a_sweep(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FACES", "/somewhere")
    path = tmp_path / "pack.yaml"
    path.write_text("datasets:\n  - {name: lfw, root: '${FACES}/lfw'}\n  - celeba\nmax_mb: 45\n")
    request = read_request(path, ["datasets.1.root=/else", "quality=[70, 80]"], {"side": 64})
    assert [one.as_entry() for one in request.datasets] == [
        {"name": "lfw", "root": "/somewhere/lfw"},
        {"name": "celeba", "root": "/else"},
    ]
    assert (request.split, request.side, request.max_mb, request.quality) == ("train", 64, 45.0, (70, 80))


@pytest.mark.parametrize(
    ("text", "error", "says"),
    [
        ("datasets: lfw\nsidee: 64\n", UnknownName, "did you mean 'side'"),
        ("datasets: lfw\nside: 100\n", ConfigError, "side: .*64, 128 or 256"),
        ("datasets: []\n", ConfigError, "datasets: .*at least 1"),
        ("side: 64\n", ConfigError, "datasets: Field required"),
        ("datasets: lfw\nquality: [90, 50]\n", ConfigError, "the lowest and the highest"),
        ("datasets: lfw\nsplit: test\n", ConfigError, "split: .*'train', 'dev', 'eval' or 'all'"),
        ("datasets: '${NOWHERE_AT_ALL}'\n", ConfigError, "environment variable NOWHERE_AT_ALL"),
        ("- lfw\n", ConfigError, "got list, expected a mapping"),
        ("", ConfigError, "got an empty file"),
        ("datasets: lfw\ndatasets: celeba\n", ConfigError, "stands twice"),
    ],
)
def test_what_a_request_may_not_say(tmp_path: Path, text: str, error: type[Exception], says: str) -> None:
    (tmp_path / "pack.yaml").write_text(text)
    with pytest.raises(error, match=says):
        read_request(tmp_path / "pack.yaml")


# -------------------------------------------------------------------------------------------------------- command line


def run(*arguments: str) -> Any:
    return CliRunner().invoke(pack_command, list(arguments), standalone_mode=False)


def test_the_command_makes_a_pack_and_looks_at_it(toys: Registry, photos: Path, tmp_path: Path) -> None:
    (tmp_path / "pack.yaml").write_text(
        f"datasets: {{name: folder, root: {photos}}}\naligner: toy68\nrecognizer: toy\nparser: toy\n"
    )
    folder = tmp_path / "pack"
    made = run(str(tmp_path / "pack.yaml"), "--out", str(folder), "--side", "64", "--max-per-person", "2")
    assert made.exception is None, made.exception
    faces = 2 * len(TRAIN)
    assert f"{faces} faces of {len(TRAIN)} people at 64 px" in made.output
    assert f"left out: {len(TRAIN)} too many of one person" in made.output
    sheet = tmp_path / "sheet.png"
    seen = run(str(folder), "--sheet", str(sheet), "--faces", "5")
    assert seen.exception is None, seen.exception
    assert "every file and face is as it should be" in seen.output
    assert "do not publish" in seen.output
    assert b"do not publish" in sheet.read_bytes().lower() or b"Do not publish" in sheet.read_bytes()
    assert list(contents(folder)) == ["faces-0000.safetensors", "pack.json"] or len(contents(folder)) == 2


def test_data_sets_may_be_named_on_the_command_line(toys: Registry, photos: Path, tmp_path: Path) -> None:
    made = run(
        "--data", f"{{name: folder, root: {photos}}}", "--out", str(tmp_path / "pack"), "--no-masks", "--split", "all",
        "--set", "aligner=toy68", "--set", "recognizer=toy", "--set", "side=64",
    )  # fmt: skip
    assert made.exception is None, made.exception
    assert len(Pack.open(tmp_path / "pack")) == 30


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "nothing to pack; name a file"),
        (["--data", "lfw"], "no folder for the pack; add --out"),
        (["--data", "lfw", "--out", "o", "--sheet", "s.png"], "impersona pack o --sheet s.png"),
        ([".", "--out", "o"], "is a folder: expected a pack to look at"),
        (["."], r"no pack.json in \."),
        (["--data", "{name: ", "--out", "o"], "--data: .* is not a YAML value"),
    ],
)
def test_what_the_command_refuses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], says: str
) -> None:
    monkeypatch.chdir(tmp_path)
    failed = run(*arguments)
    assert isinstance(failed.exception, ConfigError | MissingFile)
    assert re.search(says, str(failed.exception))


# ----------------------------------------------------------------------------------------------------------- networks


def test_a_network_travels_with_the_pack(toys: Registry, photos: Path, tmp_path: Path) -> None:
    make_pack(asked(photos, networks=["dlib_resnet"], max_mb=20), tmp_path / "pack")
    path = Pack.open(tmp_path / "pack").network("dlib_resnet")
    carried = registry_module.load("recognizer", "dlib_resnet", weights=str(path))
    assert carried.fingerprint()["weights"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert size_of(tmp_path / "pack") <= 20e6
    with pytest.raises(InsufficientData, match="raise max_mb"):
        make_pack(asked(photos, networks=["dlib_resnet"], max_mb=8), tmp_path / "small")


@pytest.mark.parametrize("path", sorted((ROOT / "examples" / "packs").glob("*.yaml")), ids=lambda path: path.name)
def test_examples_of_packs_can_be_read(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMPERSONA_DATA", "/somewhere")
    # What generators learn from is of train people; what a judge is held against may be of anybody.
    assert read_request(path).split == ("all" if path.stem == "celeba_labelled" else "train")


def test_the_page_explains_every_key_and_shows_the_example() -> None:
    page = (ROOT / "docs" / "packs.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^\| `(\w+)` \| (?!u?int|float)", page, re.M)) == set(PackRequest.model_fields)
    example = (ROOT / "examples" / "packs" / "lfw_celeba.yaml").read_text(encoding="utf-8")
    shown = "".join(line for line in example.splitlines(keepends=True) if not line.startswith("#"))
    assert f"```text\n{shown}```" in page
