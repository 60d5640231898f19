"""MixSyn on another label set than faces: label sets, folders of labelled pictures, training and mixing of facades."""

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image

from bench.errors import ConfigError, CorruptFile, InsufficientData, MissingFile, UnknownName
from bench.images import to_crops
from generators.mixsyn.album import Album
from generators.mixsyn.assignment import gathered
from generators.mixsyn.label_sets import label_set_of, read_label_set
from generators.mixsyn.labelled_pictures import FILE, LabelledPictures, LabelledSource, source_of
from generators.mixsyn.mixing import Mixer
from generators.mixsyn.plugin import MixSyn
from generators.mixsyn.session import MixingSession
from generators.mixsyn.settings import PRESETS, MixSynSettings
from generators.training.command import run_training
from tests.drawn_facades import CLASSES, facade, facades, write_folder

ROOT = Path(__file__).parents[1]
CPU = torch.device("cpu")
SIDE = 32


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_folder(tmp_path_factory.mktemp("facades"), count=7)


def read_facades():
    return read_label_set(ROOT / "examples" / "mixsyn" / "facades.yaml")


SMALL = (
    f"side={SIDE}", "levels=[[8,32],[16,32],[32,16]]", "style=16", "hidden=16", "encoder_first=16", "encoder_down=[24]",
    "judge_widths=[16,24]", "render_steps=60", "settle_steps=60", "ema_decay=0.9",
)  # fmt: skip
"""Changes to the preset tiny that a CPU trains in seconds."""


@pytest.fixture(scope="module")
def trained(folder, tmp_path_factory):
    """The run of the command line that the example names, of small networks, and its released weights."""
    out = tmp_path_factory.mktemp("run")
    asked = {
        "seed": 3, "max_steps": 90, "tick_steps": 15, "sample_seconds": 0.0, "device": "cpu", "threads": 1,
        "release": str(out / "facades.safetensors"),
    }  # fmt: skip
    code = run_training("mixsyn", "tiny", str(folder), str(out), SMALL, 4, asked, "a test", str(folder / FILE))
    assert code == 0
    return out


@pytest.fixture(scope="module")
def mixer(trained):
    return Mixer(str(trained / "facades.safetensors"), threads=1)


@pytest.fixture(scope="module")
def houses():
    """Four that training has not seen: float32 (4, 3, 64, 64) and uint8 (4, 64, 64)."""
    pictures, labels = facades(range(100, 104), 64)
    return to_crops(pictures), labels


def learner(**changes):
    """What a source asks of a recipe."""
    wanted = {
        "side": SIDE,
        "batch_size": 4,
        "wanted": frozenset({"masks", "subjects"}),
        "preset": SimpleNamespace(classes=CLASSES),
    }
    return SimpleNamespace(**{**wanted, **changes})


def source_at(folder, seed=1, **changes):
    return LabelledSource(LabelledPictures.open(folder, SIDE), learner(**changes), seed)


# -------------------------------------------------------------------------------------------------- label sets


def test_the_example_is_a_label_set_and_makes_a_preset():
    found = read_facades()
    assert found.classes == CLASSES
    assert found.first == 1
    assert not found.compose
    assert dict(found.parts) == {
        "background": (0,), "wall": (1, 9, 10), "glass": (2, 7), "ornament": (4, 5, 8), "entrance": (3, 11),
        "balcony": (6,),
    }  # fmt: skip
    preset = replace(PRESETS["tiny"], **found.preset_settings)
    assert (preset.regions, preset.classes, preset.parts) == (12, CLASSES, found.parts)
    assert (preset.compose, preset.compose_steps, preset.perceptual, preset.parsed) == (False, 0, 0, 0)


WRONG = {
    "a key": ({"colours": 3}, UnknownName, "colours"),
    "one class": ({"classes": ["sky"]}, ConfigError, "1 names"),
    "a class twice": ({"classes": ["sky", "wall", "sky"]}, ConfigError, "each once"),
    "classes by number": ({"classes": [1, 2]}, ConfigError, "classes: got \\[1, 2\\]"),
    "first beyond 8 bits": ({"first": 254}, ConfigError, "first: got 254, expected 0 to 253"),
    "a part of no class": ({"parts": {"all": ["sky", "wal"]}}, UnknownName, "did you mean 'wall'"),
    "a class in two parts": ({"parts": {"all": ["sky"], "more": ["sky"]}}, ConfigError, "sky in two parts"),
    "a part with another's name": ({"parts": {"sky": ["wall"]}}, ConfigError, "another name for it"),
    "compose of text": ({"compose": "no"}, ConfigError, "compose: got 'no', expected bool"),
    "a pair of one": ({"mirrored": [["sky", "sky"]]}, ConfigError, "expected pairs"),
    "a class in two pairs": ({"mirrored": [["sky", "wall"], ["sky", "door"]]}, ConfigError, "in two pairs"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_label_set_that_cannot_be_is_refused(case):
    changes, error, says = WRONG[case]
    with pytest.raises(error, match=says):
        label_set_of({"classes": ["sky", "wall", "door"], **changes}, "labels.yaml")


def test_a_mirror_exchanges_what_the_file_says():
    found = label_set_of({"classes": ["sky", "left", "right"], "mirrored": [["left", "right"]]}, "labels.yaml")
    assert found.exchanged.tolist() == [0, 2, 1]
    assert found.parts == (("sky", (0,)), ("left", (1,)), ("right", (2,)))


# ----------------------------------------------------------------------------------------------------- folders


def test_pictures_and_maps_are_those_that_were_drawn(folder):
    found = LabelledPictures.open(folder, 64)
    rows = np.arange(len(found))
    pictures, maps = facades(range(7), 64)
    assert found.names[:2] == ["house-00", "house-01"]
    assert np.array_equal(found.masks(rows), maps)
    assert np.array_equal(found.images(rows), pictures)


def test_pictures_that_are_no_squares_are_squeezed_with_their_maps(tmp_path):
    write_folder(tmp_path, count=1)
    picture, labels = facade(0, 64)
    for name, array in (("pictures", picture), ("labels", labels + np.uint8(1))):
        Image.fromarray(array.repeat(2, axis=0)).save(tmp_path / name / "house-00.png")
    found = LabelledPictures.open(tmp_path, 64)
    assert np.array_equal(found.masks(np.arange(1))[0], labels)
    assert np.abs(found.images(np.arange(1))[0].astype(int) - picture).mean() < 3


def test_a_palette_png_holds_numbers_and_a_coloured_one_does_not(tmp_path):
    write_folder(tmp_path, count=1)
    path = tmp_path / "labels" / "house-00.png"
    image = Image.open(path)
    indexed = Image.frombytes("P", image.size, image.tobytes())
    indexed.putpalette(list(range(256)) * 3)
    indexed.save(path)
    assert np.array_equal(LabelledPictures.open(tmp_path, 64).masks(np.arange(1))[0], facade(0, 64)[1])
    indexed.convert("RGB").save(path)
    with pytest.raises(CorruptFile, match="not a label map"):
        LabelledPictures.open(tmp_path, 64)


def no_labels(folder):
    (folder / "labels" / "house-01.png").unlink()


def no_picture(folder):
    (folder / "pictures" / "house-01.png").unlink()


def another_size(folder):
    Image.new("L", (64, 60), 1).save(folder / "labels" / "house-01.png")


def another_class(folder):
    Image.new("L", (64, 64), 13).save(folder / "labels" / "house-01.png")


def no_class(folder):
    Image.new("L", (64, 64), 0).save(folder / "labels" / "house-01.png")


def no_image(folder):
    (folder / "pictures" / "house-01.png").write_bytes(b"house")


def two_pictures(folder):
    Image.new("RGB", (64, 64)).save(folder / "pictures" / "house-01.jpg")


def no_folder(folder):
    (folder / "labels").rename(folder / "maps")


def empty(folder):
    for path in folder.glob("*/*.png"):
        path.unlink()


def no_label_set(folder):
    (folder / "labels.yaml").unlink()


BROKEN = {
    no_labels: (MissingFile, "no label map at .*house-01.png .1 pictures have none"),
    no_picture: (MissingFile, "no picture for .*house-01.png"),
    another_size: (CorruptFile, "house-01.png: got 64 x 60 pixels, expected 64 x 64, as house-01.png has"),
    another_class: (CorruptFile, "house-01.png: got the number 13 in 4096 pixels, expected 1 to 12"),
    no_class: (CorruptFile, "got the number 0 in 4096 pixels, expected 1 to 12"),
    no_image: (CorruptFile, "house-01.png"),
    two_pictures: (ConfigError, "second picture called house-01"),
    no_folder: (MissingFile, "no folder .*labels"),
    empty: (InsufficientData, "no pictures in"),
    no_label_set: (MissingFile, "no label set at"),
}


@pytest.mark.parametrize("breaks", BROKEN, ids=lambda one: one.__name__)
def test_a_folder_that_is_not_whole_is_refused(tmp_path, breaks):
    write_folder(tmp_path, count=2)
    breaks(tmp_path)
    error, says = BROKEN[breaks]
    with pytest.raises(error, match=says):
        LabelledPictures.open(tmp_path, SIDE)


# ------------------------------------------------------------------------------------------------------ source


def test_a_batch_follows_from_seed_and_step(folder):
    first, second, other = source_at(folder), source_at(folder), source_at(folder, seed=2)
    forward = [first.batch(number, CPU) for number in range(4)]
    for number in (3, 0, 2):
        again = second.batch(number, CPU)
        assert torch.equal(again.images, forward[number].images)
        assert torch.equal(again.masks, forward[number].masks)
    assert not torch.equal(other.batch(0, CPU).rows, forward[0].rows)
    assert forward[0].images.shape == (4, 3, SIDE, SIDE)
    assert forward[0].images.is_contiguous(memory_format=torch.channels_last)
    assert forward[0].masks.dtype == torch.uint8
    assert torch.equal(forward[0].subjects, forward[0].rows)
    rows = torch.cat([one.rows for one in forward])[:7]
    assert sorted(rows.tolist()) == list(range(7))
    for source in (first, second, other):
        source.close()


def test_half_are_mirrored_picture_and_map_alike(folder):
    source = source_at(folder)
    plain = LabelledPictures.open(folder, SIDE)
    mirrored = 0
    for number in range(12):
        batch = source.batch(number, CPU)
        for row, image, mask in zip(batch.rows, batch.images, batch.masks, strict=True):
            expected = torch.from_numpy(plain.images(row[None].numpy())[0]).permute(2, 0, 1) / 255
            known = torch.from_numpy(plain.masks(row[None].numpy())[0])
            turned = not torch.equal(image, expected)
            mirrored += turned
            assert torch.equal(image, expected.flip(2) if turned else expected)
            assert torch.equal(mask, known.flip(1) if turned else known)
    assert 12 < mirrored < 36
    fixed = source.fixed(3, CPU)
    assert torch.equal(fixed.masks, torch.from_numpy(plain.masks(fixed.rows.numpy())))
    source.close()


def test_a_mirrored_map_has_the_other_side_s_class(tmp_path):
    write_folder(tmp_path, count=1)
    (tmp_path / "labels.yaml").write_text("classes: [left, right]\nmirrored: [[left, right]]\n")
    halves = np.zeros((SIDE, SIDE), np.uint8)
    halves[:, SIDE // 2 :] = 1
    Image.fromarray(halves).save(tmp_path / "labels" / "house-00.png")
    Image.new("RGB", (SIDE, SIDE)).save(tmp_path / "pictures" / "house-00.png")
    source = source_at(tmp_path, preset=SimpleNamespace(classes=("left", "right")))
    for number in range(4):
        assert all(torch.equal(mask, torch.from_numpy(halves)) for mask in source.batch(number, CPU).masks)
    source.close()


def test_the_folder_s_digest_is_that_of_its_files(folder, tmp_path):
    source = source_at(folder)
    said = source.describe()
    source.close()
    assert (said["faces"], said["label_set"]) == (7, "drawn_facades")
    write_folder(tmp_path, count=7)
    again = LabelledPictures.open(tmp_path, SIDE)
    assert again.digest == said["digest"]
    Image.fromarray(facade(3, 64)[0] ^ 1).save(tmp_path / "pictures" / "house-03.png")
    assert LabelledPictures.open(tmp_path, SIDE).digest != said["digest"]


def test_other_classes_and_other_conditions_are_refused(folder):
    with pytest.raises(ConfigError, match="give the same file as --settings"):
        source_at(folder, preset=SimpleNamespace(classes=("skin", "hair")))
    with pytest.raises(ConfigError, match="--set perceptual=0"):
        source_at(folder, wanted=frozenset({"masks", "landmarks"}))


def test_data_without_a_label_set_is_a_pack(folder, tmp_path):
    source = source_of(folder, learner(), 1)
    assert isinstance(source, LabelledSource)
    source.close()
    with pytest.raises(MissingFile, match="pack"):
        source_of(tmp_path, learner(), 1)


# -------------------------------------------------------------------------------------------- training, and mixing


@pytest.mark.full
def test_facades_are_learned(trained):
    lines = [json.loads(line) for line in (trained / "log.jsonl").read_text().splitlines()]
    losses = [line["losses"]["generator"] for line in lines]
    assert losses[-1]["pixels"] < 0.6 * losses[0]["pixels"]
    # The last steps mix styles, on given maps: nothing is composed, and nobody parses.
    assert set(losses[-1]) == {"total", "pixels", "adversarial", "style_again"}


def wall(labels):
    return np.isin(labels, dict(read_facades().parts)["wall"])


@pytest.mark.full
def test_released_weights_know_their_label_set_and_are_no_generator_of_faces(trained, mixer):
    found = read_facades()
    assert (mixer.preset.classes, mixer.preset.parts, mixer.preset.compose) == (CLASSES, found.parts, False)
    with pytest.raises(ConfigError, match="use it from Python"):
        MixSyn(MixSynSettings(weights=str(trained / "facades.safetensors")))


@pytest.mark.full
def test_styles_are_mixed_on_the_map_that_is_given(mixer, houses):
    images, labels = houses
    session = MixingSession(mixer, images, labels)
    own = session.face()
    session.choose("wall", style=2)
    session.choose("glass", style=3)
    maps = mixer.maps(labels)
    assert torch.equal(torch.from_numpy(session.composition()), maps[0])
    style = torch.zeros(1, len(CLASSES), dtype=torch.int64)
    style[0, list(dict(mixer.preset.parts)["wall"])] = 1
    style[0, list(dict(mixer.preset.parts)["glass"])] = 2
    with torch.inference_mode():
        codes = torch.cat([mixer.encode(torch.from_numpy(images[k : k + 1]), maps[k : k + 1]) for k in range(4)])
        shown = codes.abs().sum(dim=2) > 0
        # What a source does not show has no style there: the given map's own stands in.
        style = torch.where(shown[style[0], torch.arange(len(CLASSES))], style, 0)
        expected = mixer.render(maps[:1], gathered(codes[None], style))[0]
    assert np.array_equal(session.face(), expected.numpy())
    assert session.counts.encodes == 3
    assert session.counts.composes == 0
    walls = np.repeat(np.repeat(wall(labels[0]), 4, axis=0), 4, axis=1)
    session.undo()
    apart = np.abs(session.face() - own).mean(axis=0)
    assert apart[walls].mean() > 1.3 * apart[~walls].mean()


@pytest.mark.full
def test_a_wall_takes_the_colour_of_the_wall_that_its_style_is_of(mixer, houses):
    images, labels = houses
    session = MixingSession(mixer, images, labels)
    walls = np.repeat(np.repeat(wall(labels[0]), 4, axis=0), 4, axis=1)

    def wall_colour():
        return session.face()[:, walls].mean(axis=1)

    for source in (2, 3, 4):
        session.choose("wall", style=1)
        own = wall_colour()
        session.choose("wall", style=source)
        goal = images[source - 1][:, wall(labels[source - 1])].mean(axis=1)
        assert np.linalg.norm(wall_colour() - goal) < np.linalg.norm(own - goal)


@pytest.mark.full
def test_a_shape_cannot_be_taken_where_the_map_is_given(mixer, houses):
    session = MixingSession(mixer, *houses)
    with pytest.raises(ConfigError, match="mix styles alone"):
        session.choose("wall", 2)
    with pytest.raises(UnknownName, match="hair"):
        session.choose("hair", style=2)


@pytest.mark.full
def test_an_edit_of_one_house_reaches_those_that_use_it(mixer, houses):
    images, labels = houses
    album = Album(mixer, images, labels)
    using, other = album.add(styles={"wall": 2}), album.add(styles={"wall": 3})
    before = album.face(using), album.face(other)
    painted = np.where(wall(labels[1]), np.float32(0.9), images[1])
    assert album.edit_source(2, images=painted, region="wall") == (using,)
    assert album.face(other) is before[1]
    assert not np.array_equal(album.face(using), before[0])
    fresh = Album(mixer, np.stack([images[0], painted, *images[2:]]), labels)
    assert np.array_equal(album.face(using), fresh.face(fresh.add(styles={"wall": 2})))


@pytest.mark.full
def test_a_map_without_a_picture_is_enough(mixer, houses):
    """All styles from others: the picture beside the given map plays no part."""
    images, labels = houses
    styles = {name: 2 for name, classes in mixer.preset.parts if np.isin(labels[1], classes).any()}
    made = []
    for blank in (images[0], np.zeros_like(images[0])):
        album = Album(mixer, np.stack([blank, images[1]]), np.stack([labels[1], labels[1]]))
        made.append(album.face(album.add(styles=styles)))
    assert np.array_equal(*made)
