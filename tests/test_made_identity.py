"""Makers that take identities: embeddings of the contributors' photos by the recognizer that the maker names."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.api import FaceBatch
from bench.config import MakerEntry, PluginEntry, parse_sweep
from bench.datasets.drawn import Drawn, DrawnSettings
from bench.errors import ConfigError, PluginError, UnknownName
from bench.images import decode, to_crops
from bench.registry import Registry
from bench.store.blobs import DiskStore
from bench.store.cache import ArrayCache
from bench.store.run_folder import RunFolder
from bench.sweep.generation import generate_of_dataset, generate_of_photos
from bench.sweep.identities import same_face
from bench.sweep.model_card import model_card
from bench.sweep.plan import plan
from bench.sweep.runner import run_sweep
from tests import toys
from tests.toys import only, write
from tests.well_behaved import SMALL, Aligner, face, row

PEOPLE = {"people": 12, "images": 2, "side": 64, "split": "all"}
DARK = 122.5
"""Below this mean of its pixels a choosy aligner finds no face in a drawn picture; a few of these are."""

_DRAWN: dict[tuple[str, str], Any] = {}


class Remembered(Drawn):
    """Drawn people, each picture and mask drawn once for all tests."""

    def image(self, key: str) -> Any:
        return self._once("image", key, super().image)

    def mask(self, key: str) -> Any:
        return self._once("mask", key, super().mask)

    def _once(self, what: str, key: str, draw: Callable[[str], Any]) -> Any:
        if (what, key) not in _DRAWN:
            _DRAWN[what, key] = draw(key)
        return _DRAWN[what, key].copy()


@dataclass(frozen=True)
class ChoosySettings:
    """How bright a picture must be for a face to be found."""

    least: float = 0.0


class ChoosyAligner(Aligner):
    """Finds a face in the middle of every picture that is bright enough."""

    def __init__(self, settings: ChoosySettings) -> None:
        self.settings = settings

    def fingerprint(self) -> dict[str, Any]:
        return {"revision": 1, "least": self.settings.least}

    def detect(self, frame: Any) -> Any:
        return [face(frame)] if frame.mean() > self.settings.least else []


@dataclass(frozen=True)
class SidedSettings:
    """Which of two faces comes first: the left one, or, in pictures that are not so bright, the right one."""

    right_up_to: float = 0.0


class SidedAligner(Aligner):
    """Finds two faces side by side in every picture."""

    def __init__(self, settings: SidedSettings) -> None:
        self.settings = settings

    def fingerprint(self) -> dict[str, Any]:
        return {"revision": 1, "right_up_to": self.settings.right_up_to}

    def detect(self, frame: Any) -> Any:
        height, width = frame.shape[:2]
        edges = [(0, width // 2 - 2), (width // 2 + 2, width)]
        faces = [face(frame, box=np.array([left, 0, right, height], np.float32)) for left, right in edges]
        return faces if frame.mean() > self.settings.right_up_to else faces[::-1]


@dataclass(frozen=True)
class TintSettings:
    """To which power a tint is taken."""

    power: float = 2.0
    weights: str = ""


class Tint:
    """The mean colour of a crop, blue first, to some power: nothing that a maker could see in its own crop."""

    comparison = "neg_l2"
    template = SMALL
    batch_size = 4
    embedded = 0
    stops_at = -1

    def __init__(self, settings: TintSettings) -> None:
        self.settings = settings

    def fingerprint(self) -> dict[str, Any]:
        return {"revision": 1, "power": self.settings.power, "weights": self.settings.weights}

    def default_aligner(self) -> Any:
        return {"name": "choosy"}

    def embed(self, crops: Any) -> Any:
        if type(self).embedded == type(self).stops_at:
            type(self).stops_at = -1
            raise KeyboardInterrupt
        assert len(crops) == self.batch_size, "every batch is padded to one size"
        type(self).embedded += 1
        return (crops.mean(axis=(2, 3))[:, ::-1] ** np.float32(self.settings.power)).astype(np.float32)

    def runtime(self) -> Any:
        return {"device": "cpu"}


@dataclass(frozen=True)
class BandSettings:
    """How many people contribute, whose embeddings are taken, and what is not as it should be."""

    sources: int = 2
    power: float = 2.0
    least: float = 0.0
    encoder: str = "tint"
    says: str = ""
    right_up_to: float = -1.0


class BandPainter:
    """Paints what it is told of each contributor's identity, a band of the picture each, from the top."""

    template = SMALL
    batch_size = 3
    made = 0
    stops_at = -1

    def __init__(self, settings: BandSettings) -> None:
        self.settings = settings
        self.contributors = settings.sources
        self.conditions = frozenset({"identity"})
        if settings.sources > 1:
            self.conditions |= {"references", "reference_identity"}
        if settings.says == "nothing":
            self.identity_encoder = None  # type: ignore[assignment]

    def fingerprint(self) -> dict[str, Any]:
        return {"revision": 1, "sources": self.contributors}

    def default_aligner(self) -> Any:
        return {"name": "choosy"}

    def identity_encoder(self) -> Any:
        if self.settings.says == "nonsense":
            return {"power": 2}
        aligner: Any = {"name": "choosy", "least": self.settings.least}
        if self.settings.right_up_to >= 0:
            aligner = {"name": "sided", "right_up_to": self.settings.right_up_to}
        if self.settings.says == "two aligners":
            aligner = ["choosy", "sided"]
        return {"name": self.settings.encoder, "power": self.settings.power, "aligner": aligner}

    def generate(self, batch: FaceBatch, rng: np.random.Generator) -> Any:
        if type(self).made == type(self).stops_at:
            type(self).stops_at = -1
            raise KeyboardInterrupt
        type(self).made += 1
        size = self.batch_size
        assert batch.identity is not None
        assert batch.identity.dtype == np.float32
        assert batch.identity.shape == (size, 3)
        every = [batch.identity]
        if self.contributors > 1:
            assert batch.reference_identity is not None
            assert batch.reference_identity.dtype == np.float32
            assert batch.reference_identity.shape == (size, self.contributors - 1, 3)
            every += list(batch.reference_identity.transpose(1, 0, 2))
        painted = np.zeros_like(batch.images)
        height = SMALL.side // self.contributors
        for number, identity in enumerate(every):
            painted[:, :, number * height :] = identity[:, :, None, None]
        return painted


class BandAttack(BandPainter):
    """The same as an attack."""

    goals = frozenset({"hide"})
    access = "nothing"

    def run(self, batch: FaceBatch, oracle: Any, goal: Any, budget: Any, rng: np.random.Generator) -> Any:
        return self.generate(batch, rng)


@pytest.fixture
def sweep(own_registry: Registry) -> Callable[..., Any]:
    """Seven faces of two of twelve drawn people, with changes."""
    own_registry.add(row("dataset", "remembered", Remembered, DrawnSettings), "the tests")
    own_registry.add(row("aligner", "choosy", ChoosyAligner, ChoosySettings), "the tests")
    own_registry.add(row("aligner", "sided", SidedAligner, SidedSettings), "the tests")
    own_registry.add(row("recognizer", "tint", Tint, TintSettings), "the tests")
    own_registry.add(row("generator", "bands", BandPainter, BandSettings), "the tests")
    own_registry.add(row("attack", "bands", BandAttack, BandSettings), "the tests")
    toys.add_toys(own_registry)
    Tint.embedded = BandPainter.made = BandAttack.made = 0
    Tint.stops_at = BandPainter.stops_at = -1

    def make(generator: dict[str, Any] | None = None, **changes: Any) -> Any:
        base = {
            "name": "t", "dataset": {"name": "remembered", **PEOPLE}, "recognizers": ["toy"], "fmr": [0.1],
            "assessments": [], "generators": [{"name": "bands"} | (generator or {})], "seed": 3, "draws": 20,
            "pairs": {"count": 7, "references": 1}, "keep_faces": "all",
        }  # fmt: skip
        return parse_sweep(base | changes)

    return make


@pytest.fixture
def cache(tmp_path: Path) -> ArrayCache:
    return ArrayCache(DiskStore(tmp_path / "cache"))


def made(run: RunFolder) -> tuple[dict[int, np.ndarray], dict[int, dict[int, str]]]:
    """The faces of a run, and the photos that each is made of."""
    outcome = only(run)
    portraits, contributors = (run.table(outcome["key"], name) for name in ("portraits", "contributors"))
    who: dict[int, dict[int, str]] = {}
    for one in contributors.to_dict("records"):
        who.setdefault(one["face"], {})[one["contributor"]] = one["photo"]
    return {one["face"]: decode(one["png"], "a face") for one in portraits.to_dict("records")}, who


def tints(power: float = 2.0) -> dict[str, np.ndarray]:
    """What the recognizer gives for every drawn picture, without the bench, in 256 levels."""
    data = Remembered(DrawnSettings(**PEOPLE))  # type: ignore[arg-type]
    found = {}
    for frame in data.frames():
        image = data.image(frame.key)
        crop = to_crops(Aligner.crop(None, image, face(image), SMALL)[None])[0]  # type: ignore[arg-type]
        found[frame.key] = 255 * crop.mean(axis=(1, 2))[::-1] ** power
    return found


def means() -> dict[str, float]:
    """How bright every drawn picture is."""
    data = Remembered(DrawnSettings(**PEOPLE))  # type: ignore[arg-type]
    return {frame.key: float(data.image(frame.key).mean()) for frame in data.frames()}


@pytest.mark.parametrize("kind", ["generators", "attacks"])
@pytest.mark.parametrize("sources", [1, 2, 3])
def test_everybodys_identity_arrives_in_their_order(
    sweep: Callable[..., Any], tmp_path: Path, cache: ArrayCache, sources: int, kind: str
) -> None:
    asked = sweep(**{"generators": [], kind: [{"name": "bands", "sources": sources}]})
    faces, who = made(run_sweep(asked, tmp_path / "run", cache=cache))
    wanted = tints()
    assert len(faces) == 7
    for number, picture in faces.items():
        photos = who[number]
        assert set(photos) == set(range(1, sources + 1))
        for contributor, photo in photos.items():
            middle = int((contributor - 0.5) * 256 / sources)
            assert picture[middle, 128] == pytest.approx(wanted[photo], abs=1)
    apart = [
        np.abs(wanted[one] - wanted[other]).max()
        for photos in who.values()
        for one in photos.values()
        for other in photos.values()
        if one != other
    ]
    assert np.median(apart or [9]) > 4, "people whose tints are alike would show no wrong order"


def test_a_photo_without_an_embedding_makes_no_face_and_is_counted(
    sweep: Callable[..., Any], tmp_path: Path, cache: ArrayCache
) -> None:
    run = run_sweep(sweep({"least": DARK}), tmp_path / "run", cache=cache)
    outcome = only(run)
    faces = run.table(outcome["key"], "faces")
    _, who = made(run)
    bright = means()
    lost = {number for number, photos in who.items() if min(bright[photo] for photo in photos.values()) <= DARK}
    assert 0 < len(lost) < len(faces)
    assert set(faces[~faces["made"]]["face"]) == lost
    says = "the recognizer whose embeddings it takes did not acquire a contributor's photo"
    assert set(faces[~faces["made"]]["problem"]) == {says}
    (not_made,) = [one["value"] for one in outcome["figures"] if one["figure"] == "faces_not_made"]
    assert not_made == len(lost)
    assert outcome["counts"]["frames_not_acquired"] == 0, "the judge's own aligner finds them all"


def test_the_face_of_a_bystander_is_not_taken_for_the_makers(
    sweep: Callable[..., Any], tmp_path: Path, cache: ArrayCache
) -> None:
    """Both see two faces in every photo; in those that are not so bright the recognizer's aligner ranks the other."""
    settings = {"right_up_to": DARK}
    run = run_sweep(sweep({**settings, "aligner": "sided"}), tmp_path / "run", cache=cache)
    faces = run.table(only(run)["key"], "faces")
    _, who = made(run)
    bright = means()
    lost = {number for number, photos in who.items() if min(bright[photo] for photo in photos.values()) <= DARK}
    assert 0 < len(lost) < len(faces)
    assert set(faces[~faces["made"]]["face"]) == lost
    entry = MakerEntry(name="bands", settings=settings, aligner=PluginEntry(name="sided"))
    data = PluginEntry(name="remembered", settings=PEOPLE)
    found = generate_of_dataset(entry, data, tmp_path / "out", count=7, seed=3, cache=cache)
    others = {photo for photos in who.values() for photo in photos.values() if bright[photo] <= DARK}
    assert found.unusable == dict.fromkeys(others, "tint did not acquire it: its aligner chose another face")


@pytest.mark.parametrize(
    ("other", "same"),
    [
        ((12, 8, 38, 44), True),
        ((0, 0, 100, 100), True),
        ((20, 30, 28, 38), True),
        ((60, 10, 90, 40), False),
        ((31, 10, 61, 40), False),
        ((10, 45, 40, 75), False),
    ],
    ids=["tighter", "the whole picture", "within", "beside", "overlapping", "below"],
)
def test_boxes_of_one_face_hold_a_centre_of_the_other(other: tuple[int, ...], same: bool) -> None:
    one = (10, 10, 40, 40)
    assert same_face(one, other) is same
    assert same_face(other, one) is same


def test_who_embeds_belongs_to_the_identity_of_what_is_made(
    sweep: Callable[..., Any], tmp_path: Path, cache: ArrayCache
) -> None:
    cells = {name: plan(sweep(change)).cells[0] for name, change in {
        "": {}, "recognizer": {"power": 3.0}, "aligner": {"least": 1.0},
    }.items()}  # fmt: skip
    assert len({cell.key for cell in cells.values()}) == 3
    spec = cells["recognizer"].spec
    assert (spec["maker_identity"]["name"], spec["maker_identity"]["settings"]) == ("tint", {"power": 3.0})
    assert spec["maker_identity"]["fingerprint"]["power"] == 3.0
    assert spec["maker_identity_aligner"]["settings"] == {"least": 0.0}
    digests = []
    for number, change in enumerate(({}, {"power": 3.0})):
        run = run_sweep(sweep(change), tmp_path / str(number), cache=cache)
        faces, who = made(run)
        wanted = tints(2.0 + number)
        assert faces[0][20, 128] == pytest.approx(wanted[who[0][1]], abs=1), "no face of the other is taken"
        digests.append(only(run)["key"])
        roles = run.manifest()["ran"][0]["fingerprints"]
        assert roles["maker_identity"]["power"] == 2.0 + number
    assert len(set(digests)) == 2


def test_a_maker_without_identities_has_no_part_of_it(sweep: Callable[..., Any]) -> None:
    (cell,) = plan(sweep(generators=["toy"])).cells
    assert not {"maker_identity", "maker_identity_aligner"} & set(cell.spec)


def stored(run: RunFolder) -> dict[str, bytes]:
    """What a run folder holds of results."""
    tables = {
        f"{outcome['key']}/{name}": run.table(outcome["key"], name).to_json().encode()
        for outcome in run.outcomes()
        for name in outcome["tables"]
        if name != "portraits"
    }
    pictures = {f"portrait {number}": picture.tobytes() for number, picture in made(run)[0].items()}
    return tables | pictures | {"summary": (run.path / "summary.json").read_bytes()}


@pytest.mark.parametrize(("who", "moments"), [(Tint, (0, 1, 2)), (BandPainter, (0, 1, 2))])
def test_broken_off_and_gone_on_with_it_is_the_same(
    sweep: Callable[..., Any], tmp_path: Path, cache: ArrayCache, who: Any, moments: tuple[int, ...]
) -> None:
    whole = stored(run_sweep(sweep(), tmp_path / "whole", cache=cache))
    for moment in moments:
        own = ArrayCache(DiskStore(tmp_path / f"cache{moment}"))
        Tint.embedded = BandPainter.made = 0
        who.stops_at = moment
        with pytest.raises(KeyboardInterrupt):
            run_sweep(sweep(), tmp_path / str(moment), cache=own)
        assert who.stops_at == -1
        assert stored(run_sweep(sweep(), tmp_path / str(moment), cache=own)) == whole


def test_each_photo_is_embedded_once(sweep: Callable[..., Any], tmp_path: Path, cache: ArrayCache) -> None:
    run = run_sweep(sweep({"says": ["", "more"]}), tmp_path / "run", cache=cache)
    assert [outcome["status"] for outcome in run.outcomes()] == ["success", "success"]
    photos = {key for outcome in run.outcomes() for key in run.table(outcome["key"], "contributors")["photo"]}
    assert Tint.embedded == -(-len(photos) // Tint.batch_size), "two settings of the maker, and embedded for one"


@pytest.mark.parametrize(
    ("settings", "error", "says"),
    [
        ({"says": "nothing"}, PluginError, r"bands asks for identity and has no identity_encoder\(\)"),
        ({"says": "nonsense"}, PluginError, r"returned \{'power': 2\}; expected a recognizer's entry"),
        ({"says": "two aligners"}, ConfigError, "tint: got the aligners choosy, sided; .* give one aligner"),
        ({"encoder": "tnt"}, UnknownName, "unknown recognizer 'tnt'; did you mean 'tint'"),
    ],
)
def test_a_maker_that_does_not_say_whose_embeddings_is_refused_beforehand(
    sweep: Callable[..., Any], settings: dict[str, Any], error: type[Exception], says: str
) -> None:
    with pytest.raises(error, match=says):
        plan(sweep(settings))


def test_detectors_are_shown_the_same_faces(sweep: Callable[..., Any], tmp_path: Path, cache: ArrayCache) -> None:
    asked = sweep({"least": DARK}, recognizers=[], detectors=["toy"], detection={"rates": [0.1]})
    run = run_sweep(asked, tmp_path / "run", cache=cache)
    outcome = only(run)
    (maker,) = outcome["spec"]["makers"]
    assert maker["maker_identity"]["settings"] == {"power": 2.0}
    assert maker["maker_identity_aligner"]["settings"] == {"least": DARK}
    shown = run.table(outcome["key"], "presentations")
    other = run_sweep(sweep({"least": DARK}), tmp_path / "other", cache=cache)
    faces = other.table(only(other)["key"], "faces")
    assert set(shown[shown["species"].notna()]["sample"]) == set(faces[faces["made"]]["digest"])
    assert only(other)["counts"]["faces_made_now"] == 0


def test_generate_makes_the_faces_of_a_sweep_and_names_photos_without_an_embedding(
    sweep: Callable[..., Any], tmp_path: Path, cache: ArrayCache
) -> None:
    run = run_sweep(sweep({"least": DARK}), tmp_path / "run", cache=cache)
    entry = MakerEntry(name="bands", settings={"least": DARK})
    data = PluginEntry(name="remembered", settings=PEOPLE)
    found = generate_of_dataset(entry, data, tmp_path / "out", count=7, seed=3, cache=cache)
    faces, who = made(run)
    assert [number for number, file in enumerate(found.files) if file] == sorted(faces)
    for number, picture in faces.items():
        file = found.files[number]
        assert file is not None
        assert (decode((tmp_path / "out" / file).read_bytes(), file) == picture).all()
    bright = means()
    lost = {photo for number, photos in who.items() for photo in photos.values() if bright[photo] <= DARK}
    assert found.unusable == dict.fromkeys(lost, "tint did not acquire it: no face found")


def test_generate_of_given_photos(sweep: Callable[..., Any], tmp_path: Path, cache: ArrayCache) -> None:
    colours = {"a.png": (250, 200, 150), "b.png": (100, 150, 200), "dark.png": (20, 20, 20)}
    for name, colour in colours.items():
        write(tmp_path / name, np.full((64, 64, 3), colour, np.uint8))
    entry = MakerEntry(name="bands", settings={"least": DARK})
    photos = [tmp_path / name for name in ("b.png", "a.png", "a.png", "dark.png")]
    found = generate_of_photos(entry, photos, tmp_path / "out", cache=cache)
    assert (found.files[1], found.unusable) == (None, {str(photos[3]): "tint did not acquire it: no face found"})
    assert found.files[0] is not None
    picture = decode((tmp_path / "out" / found.files[0]).read_bytes(), "it")
    crops = {}
    for name in ("a.png", "b.png"):
        image = np.full((64, 64, 3), colours[name], np.uint8)
        crop = Aligner.crop(None, image, face(image), SMALL)  # type: ignore[arg-type]
        crops[name] = 255 * (crop.mean(axis=(0, 1))[::-1] / 255) ** 2
    assert picture[60, 128] == pytest.approx(crops["b.png"], abs=1)
    assert picture[200, 128] == pytest.approx(crops["a.png"], abs=1)


def test_who_gives_the_identity_is_white_box_on_a_model_card(
    sweep: Callable[..., Any], tmp_path: Path, cache: ArrayCache
) -> None:
    judges = ["toy", "tint", {"name": "tint", "label": "other", "weights": "ab"}]
    run = run_sweep(sweep(recognizers=judges), tmp_path / "run", cache=cache)
    card = model_card(run)
    assert {(one["judge"], one["white_box"]) for one in card["figures"]} == {
        ("toy", False), ("tint", True), ("other", False),
    }  # fmt: skip
    (setting,) = card["settings"]
    assert setting["identity_encoder"]["name"] == "tint"
