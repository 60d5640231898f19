"""Masks of photos for which the data set has none: a parser's, in the maker's crop, each photo parsed once."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.aligners.templates import ARCFACE112, crop_matrix, warp
from bench.api import FaceBatch, Template
from bench.config import MakerEntry, PluginEntry, parse_sweep
from bench.datasets.folder import Folder, FolderSettings
from bench.errors import ConfigError, CorruptFile, MissingFile, UnknownName
from bench.images import decode, read, resize
from bench.registry import Registry, load
from bench.store.blobs import DiskStore
from bench.store.cache import ArrayCache
from bench.store.inventory import contexts
from bench.store.masks import MaskStore, decode_labels, encode_labels
from bench.sweep.generation import generate_of_dataset
from bench.sweep.parsing import DEFAULT_PARSER, composed
from bench.sweep.plan import plan
from bench.sweep.runner import run_sweep
from tests import toys
from tests.toys import only, write
from tests.well_behaved import SMALL, Aligner, Parser, face, row

OTHER = Template("other", 48, {"field5": ARCFACE112.targets["field5"] * np.float32(0.3) + np.float32(6)})
"""Another crop than the parser's: larger, and with more around the face."""
PEOPLE = ("ann", "bob", "cyd")


@dataclass(frozen=True)
class ParserSettings:
    """What a toy parser calls dark pixels, and what it returns instead of labels."""

    dark: int = 13
    fault: str = ""


class CountingParser(Parser):
    """Dark pixels are hair; counts what it was shown."""

    parsed: int = 0

    def __init__(self, settings: ParserSettings) -> None:
        self.settings = settings

    def fingerprint(self) -> dict[str, Any]:
        return {"revision": 1, "dark": self.settings.dark}

    def parse(self, crops: Any) -> Any:
        assert len(crops) == self.batch_size, "every batch is padded to one size"
        type(self).parsed += int(crops.any(axis=(1, 2, 3)).sum())
        labels = np.where(crops.mean(axis=1) < 0.5, self.settings.dark, 1).astype(np.uint8)
        return {"shape": labels[:, :5], "dtype": labels.astype(int), "": labels}[self.settings.fault]


@dataclass(frozen=True)
class PainterSettings:
    """Which crop a toy maker takes, and how bright it paints labels."""

    other: bool = False
    bright: float = 10.0
    masks: bool = True


class Painter:
    """Paints the labels that it is given: the first contributor's red, the other's green."""

    contributors = 2
    batch_size = 3

    def __init__(self, settings: PainterSettings) -> None:
        self.settings = settings
        self.template = OTHER if settings.other else SMALL
        masks = {"masks", "reference_masks"} if settings.masks else set()
        self.conditions = frozenset({"references", *masks})

    def fingerprint(self) -> dict[str, Any]:
        return {"revision": 1, "other": self.settings.other, "bright": self.settings.bright}

    def default_aligner(self) -> Any:
        return {"name": "plain"}

    def generate(self, batch: FaceBatch, rng: np.random.Generator) -> Any:
        painted = np.zeros_like(batch.images)
        painted[:, 2] = 0.2  # the toy recognizer has no embedding of black
        if batch.masks is not None and batch.reference_masks is not None:
            painted[:, 0] = batch.masks * self.settings.bright / 255
            painted[:, 1] = batch.reference_masks[:, 0] * self.settings.bright / 255
        return painted


class MaskedFolder(Folder):
    """A folder whose masks say nose everywhere."""

    def mask(self, key: str) -> Any:
        return np.full(self.image(key).shape[:2], 2, np.uint8)

    def mask_digest(self, key: str) -> str:
        return "ab" * 32


@pytest.fixture
def sweep(own_registry: Registry, tmp_path: Path) -> Callable[..., Any]:
    """Four faces of two of three people, photos dark on one side, with changes."""
    own_registry.add(row("parser", "counting", CountingParser, ParserSettings), "the tests")
    own_registry.add(row("generator", "painter", Painter, PainterSettings), "the tests")
    own_registry.add(row("aligner", "plain", Aligner), "the tests")
    own_registry.add(row("dataset", "masked", MaskedFolder, FolderSettings), "the tests")
    toys.add_toys(own_registry)
    CountingParser.parsed = 0
    root = photos(tmp_path / "photos")

    def make(generator: dict[str, Any] | None = None, dataset: str = "folder", **changes: Any) -> Any:
        base = {
            "name": "t", "dataset": {"name": dataset, "root": str(root)}, "recognizers": ["toy"], "fmr": [0.1],
            "assessments": [], "generators": [{"name": "painter", "parser": "counting"} | (generator or {})],
            "pairs": {"count": 4, "references": 1}, "keep_faces": "all",
        }  # fmt: skip
        return parse_sweep(base | changes)

    return make


@pytest.fixture
def cache(tmp_path: Path) -> ArrayCache:
    return ArrayCache(DiskStore(tmp_path / "cache"))


def photos(root: Path) -> Path:
    """Two photos each of a few people, dark up to a column of their own, and the darker the lower."""
    for number, person in enumerate(PEOPLE):
        for photo in range(2):
            picture = np.full((64, 64, 3), 230, np.uint8)
            picture[:, : 20 + 8 * number + 3 * photo] = 20
            picture[40 + number :, :, 0] = 60
            write(root / person / f"{photo}.png", picture)
    return root


def made(run: Any) -> tuple[dict[int, np.ndarray], dict[int, dict[int, str]]]:
    """The faces of a run, and the photos that each is made of."""
    outcome = only(run)
    portraits = run.table(outcome["key"], "portraits")
    contributors = run.table(outcome["key"], "contributors")
    who: dict[int, dict[int, str]] = {}
    for one in contributors.to_dict("records"):
        who.setdefault(one["face"], {})[one["contributor"]] = one["photo"]
    return {one.face: decode(one.png, "a face") for one in portraits.itertuples()}, who


def labels_in(root: Path, key: str, template: Template) -> np.ndarray:
    """What the photo itself shows in a crop: 13 where it is dark, 1 elsewhere, 0 beyond its edge."""
    frame = read(root / key)
    crop = warp(frame, crop_matrix(face(frame), template), template.side)
    there = warp(np.full_like(frame, 255), crop_matrix(face(frame), template), template.side)[..., 0] > 127
    return np.where(there, np.where(crop.mean(axis=2) < 127.5, 13, 1), 0)


@pytest.mark.parametrize("other", [False, True])
def test_labels_of_the_parser_reach_the_maker_in_its_own_crop(
    sweep: Callable[..., Any], tmp_path: Path, cache: ArrayCache, other: bool
) -> None:
    run = run_sweep(sweep({"other": other}), tmp_path / "run", cache=cache)
    template = OTHER if other else SMALL
    faces, who = made(run)
    assert len(faces) == 4
    for number, picture in faces.items():
        for channel, contributor in ((0, 1), (1, 2)):
            wanted = labels_in(tmp_path / "photos", who[number][contributor], template)
            painted = resize(np.repeat((wanted * 10).astype(np.uint8)[..., None], 3, axis=2), 256)[..., 0]
            away = np.abs(picture[..., channel].astype(int) - painted.astype(int)) > 40
            # Only where light meets dark may a pixel of the one crop be another of the other.
            assert away.mean() < (0.12 if other else 1e-9)
            assert len(np.unique(wanted)) >= 2


def test_the_data_sets_own_masks_are_taken_unless_a_parser_is_asked_for(
    sweep: Callable[..., Any], tmp_path: Path, cache: ArrayCache
) -> None:
    own, asked = (sweep({"parser": parser}, dataset="masked") for parser in (None, "counting"))
    (first,), (second,) = plan(own).cells, plan(asked).cells
    assert "maker_parser" not in first.spec
    assert first.spec["pairs"]["masks"]
    assert second.spec["maker_parser"]["name"] == "counting"
    assert second.spec["pairs"]["masks"] is None, "what nobody looks at determines nothing"
    faces, _ = made(run_sweep(own, tmp_path / "own", cache=cache))
    assert {picture[128, 128, 0] for picture in faces.values()} == {20}, "nose everywhere"
    assert CountingParser.parsed == 0
    faces, _ = made(run_sweep(asked, tmp_path / "asked", cache=cache))
    assert not {picture[128, 128, 0] for picture in faces.values()} & {20}


def test_the_parser_belongs_to_the_identity_of_what_it_has_a_part_in(
    sweep: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, cache: ArrayCache
) -> None:
    def key(**generator: Any) -> str:
        (cell,) = plan(sweep(generator)).cells
        return cell.key

    plain = key()
    assert key(parser={"name": "counting", "dark": 14}) != plain
    monkeypatch.setattr(CountingParser, "template", replace(SMALL, side=40))
    assert key() != plain
    monkeypatch.undo()
    assert key() == plain
    runs = [
        run_sweep(sweep({"parser": {"name": "counting", "dark": dark}}), tmp_path / str(dark), cache=cache)
        for dark in (13, 14)
    ]
    digests = [set(run.table(only(run)["key"], "faces")["digest"]) for run in runs]
    assert not digests[0] & digests[1]
    assert only(runs[0])["spec"]["maker_parser"]["settings"] == {"dark": 13}


def test_each_photo_is_parsed_once(sweep: Callable[..., Any], tmp_path: Path, cache: ArrayCache) -> None:
    run = run_sweep(sweep({"bright": [10.0, 11.0]}), tmp_path / "run", cache=cache)
    assert all(outcome["status"] == "success" for outcome in run.outcomes())
    photos_seen = {key for outcome in run.outcomes() for key in run.table(outcome["key"], "contributors")["photo"]}
    assert CountingParser.parsed == len(photos_seen), "two settings of the maker, and the parser worked for one"
    run_sweep(sweep({"bright": 12.0}), tmp_path / "again", cache=cache)
    assert CountingParser.parsed == len(photos_seen)
    (kept,) = [one for one in contexts(cache) if one.kind == "masks"]
    assert (kept.parser, kept.aligner, kept.rows) == ("counting", "plain", len(photos_seen))


def test_a_damaged_label_map_is_parsed_again(sweep: Callable[..., Any], tmp_path: Path, cache: ArrayCache) -> None:
    first = run_sweep(sweep(), tmp_path / "run", cache=cache)
    before = CountingParser.parsed
    files = sorted((tmp_path / "cache" / "masks").glob("*/*.png"))
    assert len(files) == before
    files[0].write_bytes(files[0].read_bytes()[:60])
    files[1].write_bytes(files[2].read_bytes())  # that of another photo
    for folder in (tmp_path / "cache" / "faces").iterdir():
        for file in folder.iterdir():
            file.unlink()
    again = run_sweep(sweep(), tmp_path / "again", cache=cache)
    assert CountingParser.parsed == before + 2
    assert made(again)[1] == made(first)[1]
    assert (again.path / "summary.json").read_bytes() == (first.path / "summary.json").read_bytes()


def test_a_cache_that_cannot_be_written_costs_time_only(
    sweep: Callable[..., Any], tmp_path: Path, cache: ArrayCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device", "a file")

    monkeypatch.setattr("bench.store.cache.CacheContext.put_file", full)
    faces, _ = made(run_sweep(sweep(), tmp_path / "run", cache=cache))
    assert len(faces) == 4


@pytest.mark.parametrize(
    ("parser", "said"),
    [
        ({"name": "counting", "fault": "shape"}, r"counting returned uint8 \(4, 5, 32\); expected uint8 \(4, 32, 32\)"),
        ({"name": "counting", "fault": "dtype"}, r"counting returned int64"),
        ({"name": "counting", "dark": 19}, "returned the label 19; expected labels 0 to 18"),
    ],
)
def test_what_is_no_label_map_fails_the_cell(
    sweep: Callable[..., Any], tmp_path: Path, cache: ArrayCache, parser: dict[str, Any], said: str
) -> None:
    run = run_sweep(sweep({"parser": parser}), tmp_path / "run", cache=cache)
    (failure,) = run.failures().to_dict("records")
    assert failure["error"] == "PluginError"
    assert re.search(said, failure["message"])


def test_a_parser_beside_a_maker_without_masks_is_refused(sweep: Callable[..., Any]) -> None:
    with pytest.raises(ConfigError, match="painter: got parser 'counting', and it takes no masks"):
        plan(sweep({"masks": False}))
    both = plan(sweep({"masks": [False, True]})).cells
    assert ["maker_parser" in cell.spec for cell in both] == [False, True], "an axis may have settings with and without"


def test_an_unknown_parser_is_refused_beforehand(sweep: Callable[..., Any]) -> None:
    with pytest.raises(UnknownName, match="unknown parser 'countin'; did you mean 'counting'"):
        plan(sweep({"parser": "countin"}))
    with pytest.raises(UnknownName, match="drk"):
        plan(sweep({"parser": {"name": "counting", "drk": 3}}))


def test_detectors_are_shown_faces_of_parsed_photos(
    sweep: Callable[..., Any], tmp_path: Path, cache: ArrayCache
) -> None:
    asked = sweep(recognizers=[], detectors=[{"name": "toy", "aligner": "toy"}], detection={"rates": [0.1]})
    run = run_sweep(asked, tmp_path / "run", cache=cache)
    (maker,) = only(run)["spec"]["makers"]
    assert maker["maker_parser"]["name"] == "counting"
    assert CountingParser.parsed > 0


def test_a_label_map_says_what_it_is() -> None:
    labels = np.arange(19 * 19, dtype=np.uint8).reshape(19, 19) % 19
    data = encode_labels(labels, "it")
    assert (decode_labels(data, "it") == labels).all()
    with pytest.raises(CorruptFile, match="not those that the file says it holds"):
        decode_labels(data, "another")
    with pytest.raises(CorruptFile, match="not a label map"):
        decode_labels(data[:30], "it")


def test_labels_of_one_photo_under_another_way_of_finding_it_are_not_taken(cache: ArrayCache) -> None:
    digest = "cd" * 32
    one, other = (MaskStore(cache, {"parser": "p", "aligner": name}) for name in "ab")
    one.add(digest, encode_labels(np.ones((4, 4), np.uint8), digest))
    assert one.load(digest) is not None
    assert other.load(digest) is None


def test_crops_compose() -> None:
    frame = np.zeros((64, 64, 3), np.uint8)
    found = face(frame)
    first, second = crop_matrix(found, SMALL), crop_matrix(found, OTHER)
    point = np.array([11.0, 30.0, 1.0])
    through = composed(first, second) @ np.append(first @ point, 1)
    assert through == pytest.approx(second @ point)


def test_frames_without_a_face_are_not_parsed(sweep: Callable[..., Any], tmp_path: Path, cache: ArrayCache) -> None:
    for key in ("ann/0.png", "ann/1.png"):
        write(tmp_path / "photos" / key, np.zeros((64, 64, 3), np.uint8))
    run = run_sweep(sweep(pairs={"count": 6, "references": 1}), tmp_path / "run", cache=cache)
    faces = run.table(only(run)["key"], "faces")
    contributors = run.table(only(run)["key"], "contributors")
    with_ann = set(contributors[contributors["subject"] == "ann"]["face"])
    assert with_ann
    assert set(faces[~faces["made"]]["face"]) == with_ann
    assert CountingParser.parsed == len({key for key in contributors["photo"] if not key.startswith("ann")})


# --------------------------------------------------------------------------------------------------- the one that ships


@pytest.fixture
def face_parser() -> str:
    """The default parser; the test is skipped where its weights are not there yet."""
    try:
        load("parser", DEFAULT_PARSER).fingerprint()
    except MissingFile as error:
        pytest.skip(str(error))
    return DEFAULT_PARSER


def test_planning_imports_no_torch(face_parser: str, tmp_path: Path) -> None:
    photos(tmp_path / "photos")
    script = (
        "import sys\n"
        "from bench.config import parse_sweep\n"
        "from bench.sweep.plan import plan\n"
        f"sweep = {{'name': 't', 'dataset': {{'name': 'folder', 'root': {str(tmp_path / 'photos')!r}}}, "
        "'recognizers': ['random_projection'], 'fmr': [0.1], 'assessments': [], 'pairs': {'count': 2},\n"
        "    'generators': [{'name': 'collage', 'regions_by': 'masks', 'regions': ['hair']}]}\n"
        "(cell,) = plan(parse_sweep(sweep)).cells\n"
        "print(cell.spec['maker_parser']['name'], 'torch' in sys.modules, 'cv2' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.stdout.split() == [face_parser, "False", "False"], done.stderr


@pytest.mark.real
@pytest.mark.full
def test_collage_by_masks_on_data_sets_that_have_none(face_parser: str, real_data: Path, tmp_path: Path) -> None:
    collage = MakerEntry(name="collage", settings={"regions_by": "masks", "regions": ["hair"]})
    cache = ArrayCache()
    for name, folder in (("celeba", "celeba299"), ("lfw", "lfw")):
        data = PluginEntry(name=name, settings={"root": str(real_data / folder), "split": "eval"})
        found = generate_of_dataset(collage, data, tmp_path / name, count=10, seed=7, cache=cache)
        assert found.made >= 7, (name, found.problems)
    (kept,) = [one for one in contexts(cache) if one.kind == "masks"]
    assert kept.parser == face_parser
    assert 30 <= kept.rows <= 40, "every photo once, of both data sets"
