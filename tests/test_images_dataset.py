"""The data set `images`: labelled folders of nobody in particular."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from bench.api import AttributedDataset, Dataset, Frame
from bench.config import parse_sweep
from bench.errors import ConfigError, CorruptFile, InsufficientData, MissingFile
from bench.registry import Registry, load
from bench.seeding import split_of, stream
from bench.sweep.runner import run_sweep
from tests.toys import add_toys, write

KEYS = ["generated/a.png", "generated/deep/er/b.png", "loose.png", "real/a.png", "real/c.png"]


def labelled(root: Path) -> Path:
    """Five images, two labels, one without; and what is no image."""
    for number, key in enumerate(KEYS):
        write(root / key, np.full((6, 5, 3), 50 * number + 9, np.uint8))
    write(root / ".hidden" / "x.png", np.zeros((6, 5, 3), np.uint8))
    write(root / "real" / ".x.png", np.zeros((6, 5, 3), np.uint8))
    (root / "real" / "notes.txt").write_text("no image")
    return root


def test_every_image_below_the_root_is_somebody_of_its_own(tmp_path: Path) -> None:
    data = load("dataset", "images", root=labelled(tmp_path))
    assert isinstance(data, AttributedDataset)
    assert list(data.frames()) == [Frame(key, key) for key in KEYS]
    assert data.attributes()["label"].tolist() == ["generated", "generated", "", "real", "real"]
    assert data.image("generated/deep/er/b.png")[0, 0].tolist() == [59, 59, 59]
    assert "path" not in str(data.fingerprint())


def test_every_comparison_is_nonmated(tmp_path: Path) -> None:
    trials = load("dataset", "images", root=labelled(tmp_path)).trials("all_pairs", stream(0, "x"))
    assert (len(trials.frames), len(trials.probe), trials.mated.sum()) == (5, 10, 0)


def test_at_most_so_many_images_of_each_label_are_compared(tmp_path: Path) -> None:
    for label, count in (("real", 30), ("generated", 5)):
        for number in range(count):
            write(tmp_path / label / f"{number:02d}.png", np.full((2, 2, 3), number, np.uint8))
    data = load("dataset", "images", root=tmp_path, max_images=8)
    drawn = [data.trials("all_pairs", stream(seed, "x")).frames for seed in (1, 1, 2)]
    assert Counter(frame.key.split("/")[0] for frame in drawn[0]) == {"real": 8, "generated": 5}
    assert drawn[0] == drawn[1] != drawn[2]
    assert list(drawn[0]) == sorted(drawn[0], key=lambda frame: frame.key)
    assert len(data.frames()) == 35
    every = load("dataset", "images", root=tmp_path, max_images=None).trials("all_pairs", stream(1, "x"))
    assert len(every.frames) == 35


def test_a_split_goes_by_content(tmp_path: Path) -> None:
    for number in range(40):
        for name in ("a", "b"):  # copies under two names share a part
            write(tmp_path / name / f"{number:02d}.png", np.full((3, 3, 3), 6 * number, np.uint8))
    whole = load("dataset", "images", root=tmp_path)
    keys = {
        part: [frame.key for frame in load("dataset", "images", root=tmp_path, split=part).frames()]
        for part in ("train", "dev", "eval")
    }
    assert sorted(key for part in keys.values() for key in part) == [frame.key for frame in whole.frames()]
    for part, mine in keys.items():
        assert mine
        assert all(split_of(whole.content_digest(key)) == part for key in mine)
        assert {key[2:] for key in mine if key[0] == "a"} == {key[2:] for key in mine if key[0] == "b"}


def test_a_folder_of_faces_just_made_is_read_without_listing_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "face.png", np.full((4, 4, 3), 7, np.uint8))
    data = load("dataset", "images", root=tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(os, "scandir", lambda *_: pytest.fail("it was listed"))
        assert data.image("face.png").shape == (4, 4, 3)
        assert len(data.content_digest("face.png")) == 64
    assert list(data.frames()) == [Frame("face.png", "face.png")]
    assert data.attributes() == {}


def test_what_cannot_be_read_or_used(tmp_path: Path) -> None:
    with pytest.raises(MissingFile, match="should hold images, or one folder a label"):
        load("dataset", "images", root=tmp_path / "none").frames()
    with pytest.raises(InsufficientData, match=r"holds 0 images, of which 0 take part \(split: dev\)"):
        load("dataset", "images", root=tmp_path, split="dev").trials("all_pairs", stream(0, "x"))
    with pytest.raises(ConfigError, match="max_images: got 0, expected at least 1"):
        load("dataset", "images", root=tmp_path, max_images=0)
    data = load("dataset", "images", root=labelled(tmp_path))
    with pytest.raises(ConfigError, match="no protocol 'view2'"):
        data.trials("view2", stream(0, "x"))
    for key in ("real/none.png", "none/a.png"):
        with pytest.raises(MissingFile):
            data.image(key)
        with pytest.raises(MissingFile):
            data.content_digest(key)


def test_too_many_images_to_compare_all_pairs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.datasets.images.MAX_TRIALS", 9)
    with pytest.raises(ConfigError, match=r"5 images are more than 9 comparisons.*max_images"):
        load("dataset", "images", root=labelled(tmp_path)).trials("all_pairs", stream(0, "x"))


def test_links_are_followed_but_not_in_circles(tmp_path: Path) -> None:
    labelled(tmp_path / "here")
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "linked").symlink_to(tmp_path / "here" / "real")
    data = load("dataset", "images", root=tmp_path / "there")
    assert [frame.key for frame in data.frames()] == ["linked/a.png", "linked/c.png"]
    (tmp_path / "here" / "real" / "round").symlink_to(tmp_path / "here")
    with pytest.raises(CorruptFile, match="links to a folder that it lies in; remove the link"):
        load("dataset", "images", root=tmp_path / "here").frames()


def test_names_that_are_not_text(tmp_path: Path) -> None:
    try:
        (tmp_path / os.fsdecode(b"\xff.png")).write_bytes(b"")
    except OSError:
        pytest.skip("this file system takes UTF-8 names only")
    with pytest.raises(CorruptFile, match="no readable name"):
        load("dataset", "images", root=tmp_path).frames()


def test_real_and_generated_in_a_sweep(own_registry: Registry, tmp_path: Path) -> None:
    add_toys(own_registry)
    colours = {"generated": [(250, 0, 0), (250, 9, 0), (250, 0, 9)], "real": [(0, 0, 250), (0, 250, 0), (9, 9, 9)]}
    for label, each in colours.items():
        for number, colour in enumerate(each):
            write(tmp_path / "faces" / label / f"{number}.png", np.full((4, 4, 3), colour, np.uint8))
    (tmp_path / "faces" / "real" / "broken.png").write_bytes(b"")
    sweep = {
        "name": "t", "dataset": {"name": "images", "root": str(tmp_path / "faces")}, "recognizers": ["toy"],
        "fmr": [0.2], "groups": [{"column": "label", "per": "photo"}], "draws": 20,
    }  # fmt: skip
    run = run_sweep(parse_sweep(sweep), tmp_path / "run")
    counts = run.outcomes()[0]["counts"]
    assert (counts["frames"], counts["frames_not_acquired"], counts["trials"]) == (7, 1, 21)
    assert (counts["mated_acquired"], counts["nonmated_acquired"]) == (0, 15)
    trials = run.trials()
    made = trials["probe"].str.startswith("generated/") & trials["reference"].str.startswith("generated/")
    assert made.sum() == 3
    assert trials.loc[made, "score"].min() > trials.loc[~made, "score"].max()
    summary = run.summary()
    rates = summary[(summary["figure"] == "false_match_rate") & (summary["operating_point"] == "fmr=0.2")]
    assert rates["value"].iloc[0] == 3 / 15


@pytest.mark.real
def test_real_vs_stylegan2(real_data: Path) -> None:
    data = load("dataset", "images", root=real_data / "real_vs_stylegan2", max_images=50)
    assert isinstance(data, Dataset)
    assert Counter(data.attributes()["label"].tolist()) == {"real": 600, "generated": 200}
    trials = data.trials("all_pairs", stream(0, "x"))
    assert (len(trials.frames), trials.mated.sum()) == (100, 0)
    parts = [load("dataset", "images", root=data.root, split=part).frames() for part in ("train", "dev", "eval")]
    assert sum(map(len, parts)) == 800
    assert 420 < len(parts[0]) < 540
