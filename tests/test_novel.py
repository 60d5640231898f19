"""`impersona generate --novel`: the search for faces that no contributor matches, and what it says of itself."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from bench.aligners.templates import ARCFACE112
from bench.api import Crops, FaceBatch, Fingerprint, Template
from bench.cli.main import main
from bench.config import Calibrate, MakerEntry, PluginEntry, RecognizerEntry, parse_sweep
from bench.errors import ConfigError, InsufficientData
from bench.images import decode, png_text
from bench.registry import Registry
from bench.store.blobs import DiskStore
from bench.store.cache import ArrayCache
from bench.sweep import studio
from bench.sweep.generation import generate_of_dataset, order_of_dataset
from bench.sweep.making import all_makings, make_faces
from bench.sweep.novel import NovelFaces, Wanted, calibrate_given, novel_of_dataset, novel_of_photos
from bench.sweep.novel_examiner import CLEAR, MATCH, UNKNOWN, Look
from bench.sweep.novel_search import UNTRIED
from bench.sweep.novel_words import lines
from bench.sweep.pair_files import read_list
from bench.sweep.runner import run_sweep
from tests.toys import MixSettings, ToyGenerator, ToyRecognizer, ToySettings, add_toys, only, photos, write
from tests.well_behaved import row

FACES, TRIES = 5, 6
EVENTS: list[str] = []


@dataclass(frozen=True)
class ChanceSettings(MixSettings):
    """How much chance there is; below `dark` a face is black, so that no aligner finds it."""

    chance: bool = True
    dark: float = 0.0


class ChanceGenerator(ToyGenerator):
    """Mixes the first contributor and the others with weights that it draws, one a face."""

    settings: ChanceSettings

    @property
    def draws(self) -> bool:
        return self.settings.chance

    def fingerprint(self) -> Fingerprint:
        return {**super().fingerprint(), "dark": self.settings.dark, "refuses": self.settings.refuses}

    def generate(self, batch: FaceBatch, rng: np.random.Generator) -> Crops:
        EVENTS.append("make")
        type(self).made += len(batch.images)
        assert batch.references is not None
        drawn = rng.random((len(batch.images), 1, 1, 1)).astype(np.float32)
        faces = (1 - drawn) * batch.images + drawn * batch.references.mean(axis=1)
        faces[drawn.ravel() < self.settings.dark] = 0
        faces[drawn.ravel() > self.settings.refuses] = np.nan
        return faces.astype(np.float32)


class Asked(ToyRecognizer):
    """The toy, telling when it is asked."""

    def embed(self, crops: Crops) -> Any:
        EVENTS.append("ask")
        return super().embed(crops)


class Judge(ToyRecognizer):
    """The toy, looking at the squares of colours, telling when it is asked."""

    def fingerprint(self) -> Fingerprint:
        return {**super().fingerprint(), "judge": True}

    def embed(self, crops: Crops) -> Any:
        EVENTS.append("judge")
        return (super().embed(crops) ** 2).astype(np.float32)


@dataclass(frozen=True)
class LearnedSettings(ToySettings):
    """Which weights, and on how many threads they run."""

    weights: str = "a"
    threads: int = 1


class Learned(ToyRecognizer):
    """The toy, with weights that have a digest."""

    settings: LearnedSettings

    def fingerprint(self) -> Fingerprint:
        return {"revision": 1, "weights": self.settings.weights, "threads": self.settings.threads}


@pytest.fixture
def toys(own_registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Four people of three photos each, of which the third has a colour of its own; strangers to set thresholds on."""
    add_toys(own_registry)
    for kind, name, target, settings in (
        ("generator", "chance", ChanceGenerator, ChanceSettings),
        ("recognizer", "asked", Asked, ToySettings),
        ("recognizer", "judge", Judge, ToySettings),
        ("recognizer", "learned", Learned, LearnedSettings),
        ("recognizer", "also_learned", Learned, LearnedSettings),
        ("aligner", "picky", PickyAligner, ToySettings),
    ):
        own_registry.add(row(kind, name, target, settings), "the tests")
    monkeypatch.chdir(tmp_path)
    EVENTS.clear()
    ChanceGenerator.made = 0
    monkeypatch.setattr(studio, "structural_similarity", no_similarity)  # it costs more than all the rest
    photos(tmp_path / "photos")
    for person, colour in {"ann": (250, 60, 10), "bob": (10, 250, 60), "cyd": (60, 10, 250)}.items():
        square(tmp_path / f"photos/{person}/2.png", colour)
    # Nonmated cosines of 0.9, 0.86 and 0.55: at FMR 0.4 the threshold is 0.86, and a mixture of two may be novel.
    for person, colour in {"p": (250, 20, 20), "q": (200, 120, 20), "r": (117, 220, 20)}.items():
        for number in range(3):
            square(tmp_path / f"strangers/{person}/{number}.png", (colour[0], colour[1] + number, colour[2]))
    return tmp_path


def no_similarity(made: Any, bases: Any) -> np.ndarray:
    return np.zeros(len(made), np.float32)


def square(path: Path, colour: tuple[int, int, int]) -> None:
    write(path, np.full((8, 8, 3), np.array(colour, np.uint8)))


def strangers(folder: str = "strangers", fmr: float = 0.4) -> Calibrate:
    """Thresholds of a folder of people."""
    entry = PluginEntry(name="folder", settings={"root": str(Path(folder).absolute())})
    return Calibrate(dataset=entry, fmr=(fmr,))


def wanted(*recognizers: str, judges: tuple[str, ...] = (), **others: Any) -> Wanted:
    """A search by toys."""
    fields = {"calibrate": strangers(), "tries": TRIES, "draws": 20} | others
    asked, judging = ([RecognizerEntry(name=name) for name in names] for names in (recognizers or ("asked",), judges))
    return Wanted(recognizers=tuple(asked), judges=tuple(judging), **fields)


def data() -> PluginEntry:
    return PluginEntry(name="folder", settings={"root": str(Path("photos").absolute())})


def chance(**settings: Any) -> MakerEntry:
    return MakerEntry(name="chance", settings=settings)


def searched(out: str = "made", ask: Wanted | None = None, maker: MakerEntry | None = None, **how: Any) -> NovelFaces:
    """Five faces of the data set."""
    return novel_of_dataset(maker or chance(), data(), Path(out), ask or wanted(), **{"count": FACES, "seed": 3, **how})


def table(out: str = "made") -> list[dict[str, str]]:
    with Path(out, "faces.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def everything(out: str) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in Path(out).iterdir()}


def cosine(one: np.ndarray, other: np.ndarray) -> float:
    return float(one @ other / np.sqrt((one @ one) * (other @ other)))


def by_brute_force(threshold: float) -> tuple[np.ndarray, np.ndarray]:
    """Of every face and try the highest cosine with any photo of each contributor, worked out from the pictures, and
    with the photo that it is made of alone, (M, T, K) each.
    """
    order = order_of_dataset(chance(), data(), FACES, 3)
    makings = all_makings({"diversity": {"makings": TRIES, "faces": FACES}}, order.pairing)
    made = make_faces(order.spec, order.dataset, makings, ArrayCache())
    highest, own = np.zeros((2, FACES, TRIES, 2))
    for number in range(FACES * TRIES):
        face = decode(made.store.picture(made.digests[number]), "it")[0, 0].astype(float)
        at, face_number = divmod(number, FACES)
        for place, photo in enumerate(order.pairing.photo[face_number].tolist()):
            frame = order.pairing.frames[photo]
            person = [one for one in order.dataset.frames() if one.subject == frame.subject]
            seen = {one.key: order.dataset.image(one.key)[0, 0].astype(float) for one in person}
            highest[face_number, at, place] = max(cosine(face, colour) for colour in seen.values())
            own[face_number, at, place] = cosine(face, seen[frame.key])
    assert (np.abs(highest - threshold) > 1e-6).all(), "no verdict hangs on rounding"
    return highest, own


# ------------------------------------------------------------------------------------------------------- the search


def test_the_search_finds_what_trying_everything_finds(toys: Path) -> None:
    found = searched(ask=wanted(judges=("judge",)))
    threshold = found.figures["recognizers"][0]["threshold"]["value"]
    highest, own = by_brute_force(threshold)
    novel = (highest < threshold).all(axis=2)
    by_own_photo = (own < threshold).all(axis=2)
    assert (novel != by_own_photo).any(), "other photos of the contributors must decide somewhere"
    tries = np.where(novel.any(axis=1), novel.argmax(axis=1) + 1, TRIES)
    assert sorted(set(tries)) != [1], "a search worth the name"
    assert found.search.tries.tolist() == tries.tolist()
    assert found.search.found.tolist() == novel.any(axis=1).tolist()
    assert 0 < found.made < FACES
    for face, rows in enumerate(zip(*[iter(table())] * 2, strict=True)):
        assert [int(one["tries"]) for one in rows] == [tries[face]] * 2
        accepted = highest[face, tries[face] - 1]
        for one, similarity in zip(rows, accepted, strict=True):
            assert bool(one["file"]) == novel[face].any() == (one["outcome"] == "found")
            if one["file"]:
                assert float(one["asked_over_threshold"]) == pytest.approx(similarity - threshold, abs=1e-6)
                assert float(one["asked_highest_over_threshold"]) == pytest.approx(max(accepted) - threshold, abs=1e-6)
                assert float(one["asked_highest_over_threshold"]) < 0
                assert float(one["judge_over_threshold"]) <= float(one["judge_highest_over_threshold"])
            else:
                assert one["problem"] == "a contributor matched in every try in which a face was found"
                assert one["asked_over_threshold"] == one["judge_highest_over_threshold"] == ""


def test_figures_count_what_happened(toys: Path) -> None:
    figures = searched(ask=wanted(judges=("judge",))).figures
    assert figures == json.loads(Path("made/search.json").read_text())
    threshold = figures["recognizers"][0]["threshold"]["value"]
    novel = (by_brute_force(threshold)[0] < threshold).all(axis=2)
    found = novel.any(axis=1)
    first = novel.argmax(axis=1) + 1
    assert figures["outcomes"] == {
        "found": found.sum(), "matched": (~found).sum(), "no_face": 0, "not_made": 0, "not_comparable": 0,
    }  # fmt: skip
    assert figures["tries"]["novel"] == found.sum()
    assert figures["tries"]["matched"] == (first[found] - 1).sum() + TRIES * (~found).sum()
    assert [one["tries"] for one in figures["found_within"]] == [1, 2, 5, TRIES]
    for one in figures["found_within"]:
        assert one["value"] == pytest.approx((found & (first <= one["tries"])).mean())
        assert 0 <= one["low"] <= one["value"] <= one["high"] <= 1
    assert figures["mean_tries"]["value"] == pytest.approx(first[found].mean())
    asked, judge = figures["recognizers"]
    assert (asked["role"], judge["role"]) == ("search", "judge")
    assert asked["rates"]["first_tries"]["match_rate"]["value"] == pytest.approx((~novel[:, 0]).mean())
    assert asked["rates"]["accepted"]["match_rate"] == {
        "value": 0, "low": None, "high": None, "interval": "by construction",
    }  # fmt: skip
    assert asked["rates"]["difference"] is None
    assert (asked["white_box"], judge["white_box"]) == (True, False)
    for one in (asked, judge):
        assert one["rates"]["accepted"]["faces"] == one["rates"]["first_tries_of_found"]["faces"] == found.sum()
    rates = judge["rates"]
    change = rates["accepted"]["match_rate"]["value"] - rates["first_tries_of_found"]["match_rate"]["value"]
    assert rates["difference"]["value"] == pytest.approx(change)
    rates["first_tries_of_found"]["match_rate"], rates["first_tries"]["match_rate"] = (
        {"value": value, "low": 0, "high": 1, "interval": "wilson"} for value in (0.25, 0.5)
    )
    (said,) = [line for line in lines(figures) if line.startswith("judge (judge) matches ")]
    assert said.startswith("judge (judge) matches 25.0 % [0.0, 100.0] of found faces' first tries, ")
    assert said.endswith(" of their accepted ones; 50.0 % [0.0, 100.0] of all first tries")
    (said,) = [line for line in lines(figures) if line.startswith("asked (search, white box) matches ")]
    assert " 0 % (by construction) of their accepted ones;" in said
    assert figures["photos_of_a_contributor"] == {"fewest": 3, "mean": 3, "most": 3}
    says = " ".join(figures["says"])
    assert "proves nothing: the search goes on until that is so (white box)" in says
    assert "judge, which the search never asked, matches" in says


def test_tries_are_the_makings_of_a_sweep_and_the_first_what_generate_makes(toys: Path) -> None:
    cache = ArrayCache()
    found = searched(cache=cache)
    plain = generate_of_dataset(chance(), data(), Path("plain"), count=FACES, seed=3, cache=cache)
    for name, tries in zip(plain.files, found.search.tries.tolist(), strict=True):
        if tries == 1:
            same = [decode(Path(out, str(name)).read_bytes(), "it") for out in ("plain", "made")]
            assert (same[0] == same[1]).all()
    sweep = {
        "name": "t", "seed": 3, "dataset": {"name": "folder", "root": str(toys / "photos")}, "recognizers": ["toy"],
        "fmr": [0.1], "assessments": [], "generators": ["chance"], "pairs": {"count": FACES}, "draws": 0,
        "diversity": {"faces": FACES, "makings": TRIES},
    }  # fmt: skip
    run = run_sweep(parse_sweep(sweep), "run", cache=cache)
    counts = only(run)["counts"]
    size, tried = ChanceGenerator.batch_size, found.search.status != UNTRIED
    batches = {(at * FACES + face) // size for face, at in zip(*np.nonzero(tried), strict=True)}
    left = [number for number in range(FACES * TRIES) if number // size not in batches]
    assert counts["faces_made_now"] == len(left) < FACES * TRIES / 2, "batches of which a try was made are there"


def test_a_threshold_above_everything_takes_the_first_try_of_each(toys: Path) -> None:
    for person in ("p", "q"):
        for number in range(3):
            square(toys / f"twins/{person}/{number}.png", (90, 90, 90))
    found = searched(ask=wanted(calibrate=strangers("twins")))
    assert found.figures["recognizers"][0]["threshold"]["value"] >= 1
    assert found.search.tries.tolist() == [1] * FACES
    assert found.made == FACES
    plain = generate_of_dataset(chance(), data(), Path("plain"), count=FACES, seed=3)
    for name in map(str, plain.files):
        pair = [decode(Path(out, name).read_bytes(), "it") for out in ("plain", "made")]
        assert (pair[0] == pair[1]).all()
    assert read_list(Path("made/faces.csv")) == read_list(Path("plain/faces.csv"))
    assert png_text(Path("made", str(found.files[0])).read_bytes())["impersona.synthetic"] == "true"


def test_a_threshold_below_everything_is_never_passed(toys: Path) -> None:
    for person, colour in {"p": (255, 0, 0), "q": (0, 255, 0), "r": (0, 0, 255)}.items():
        for number in range(3):
            square(toys / f"apart/{person}/{number}.png", colour)
    found = searched(ask=wanted(judges=("judge",), calibrate=strangers("apart")))
    assert found.figures["recognizers"][0]["threshold"]["value"] < 0.01
    assert found.search.tries.tolist() == [TRIES] * FACES
    assert found.made == 0
    assert found.figures["outcomes"]["matched"] == FACES
    assert found.figures["mean_tries"] is None
    assert [one["value"] for one in found.figures["found_within"]] == [0, 0, 0, 0]
    assert found.figures["recognizers"][1]["rates"]["accepted"] == {
        "faces": 0, "match_rate": None, "unknown_rate": None,
    }  # fmt: skip
    assert sorted(everything("made")) == ["faces.csv", "search.json"]


def test_killed_and_resumed_is_as_if_it_had_never_stopped(toys: Path) -> None:
    whole = searched("whole", wanted(judges=("judge",)), cache=ArrayCache(DiskStore(toys / "one")))
    assert whole.made
    every, ChanceGenerator.made = ChanceGenerator.made, 0
    cache = ArrayCache(DiskStore(toys / "two"))
    rounds = []

    def kill(what: str, done: int, total: int) -> None:
        if what.startswith("tries"):
            rounds.append(what)
            if len(rounds) == 2:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        searched("killed", wanted(judges=("judge",)), cache=cache, progress=kill)
    until, ChanceGenerator.made = ChanceGenerator.made, 0
    assert not Path("killed").exists()
    searched("killed", wanted(judges=("judge",)), cache=cache)
    assert everything("killed") == everything("whole")
    assert 0 < until < every
    assert until + ChanceGenerator.made == every


def test_a_judge_is_asked_nothing_before_the_search_is_over(toys: Path) -> None:
    found = searched(ask=wanted(judges=("judge",)))
    assert found.search.tries.max() > 1
    asked_first = EVENTS.index("judge")
    assert EVENTS.count("judge") > 2
    assert set(EVENTS[:asked_first]) == {"make", "ask"}
    assert set(EVENTS[asked_first:]) == {"judge"}, "nothing is made or searched after it was asked"
    without = searched("alone", cache=ArrayCache(DiskStore(toys / "other")))
    assert without.files == found.files, "judges change nothing"
    assert (without.search.status == found.search.status).all()


def test_whom_the_search_asks_of_two_both_decide(toys: Path) -> None:
    both = searched(ask=wanted("asked", "judge"))
    alone = [
        searched(name, wanted(name), cache=ArrayCache(DiskStore(toys / name))).search for name in ("asked", "judge")
    ]
    assert (both.search.tries >= np.maximum(alone[0].tries, alone[1].tries)).all()
    thresholds = [one["threshold"]["value"] for one in both.figures["recognizers"]]
    assert thresholds[0] != thresholds[1]
    for one in table():
        for label in ("asked", "judge") if one["file"] else ():
            assert float(one[f"{label}_highest_over_threshold"]) < 0


def test_a_face_that_is_not_found_again_is_no_find(toys: Path) -> None:
    ask = wanted(calibrate=Calibrate(dataset=strangers().dataset, fmr=(0.4,)))
    dark = searched(ask=ask, maker=chance(dark=0.7))
    assert dark.figures["tries"]["no_face"] > 0
    for name in filter(None, dark.files):
        assert decode(Path("made", name).read_bytes(), "it").any()
    night = searched("night", ask, chance(dark=2.0))
    assert night.figures["outcomes"]["no_face"] == FACES
    assert night.search.tries.tolist() == [TRIES] * FACES
    assert {one["problem"] for one in table("night")} == {"a recognizer of the search found no face in any try"}
    rates = night.figures["recognizers"][0]["rates"]["first_tries"]
    assert (rates["match_rate"], rates["unknown_rate"]["value"]) == (None, 1)


def test_a_try_that_is_refused_is_tried_again(toys: Path) -> None:
    some = searched(maker=chance(refuses=0.5))
    assert some.figures["tries"]["not_made"] > 0
    assert some.search.tries.max() > 1
    none = searched("none", maker=chance(refuses=-1.0))
    assert none.figures["outcomes"]["not_made"] == FACES
    assert none.search.tries.tolist() == [TRIES] * FACES
    assert none.figures["recognizers"][0]["rates"]["first_tries"]["faces"] == 0


# ------------------------------------------------------------------------------------------------------- of photos


def test_of_photos_only_these_are_compared(toys: Path) -> None:
    write(Path("photos/black.png"), np.zeros((8, 8, 3), np.uint8))
    given = [Path("photos", name) for name in ("ann/0.png", "bob/0.png", "black.png", "bob/1.png")]
    seen: list[tuple[str, int, int]] = []
    found = novel_of_photos(
        chance(), given, Path("made"), wanted(), seed=1, progress=lambda *told: seen.append(told)
    )  # fmt: skip
    rounds = [done for what, done, _ in seen if what.startswith("tries")]
    assert rounds[-1] == found.made <= 1, "what cannot be compared is not found"
    assert found.figures["photos_of_a_contributor"] == {"fewest": 1, "mean": 1, "most": 1}
    assert found.search.outcome(1) == "not_comparable"
    assert found.search.tries[1] == 0, "photos in which there is no face are not tried again and again"
    assert table()[2]["problem"] == "a recognizer of the search found no face in any photo of a contributor"
    assert any(said.startswith("Faces were compared with the very photos") for said in found.figures["says"])
    assert table()[0]["photo"] == "photos/ann/0.png"


def test_a_photo_that_only_the_maker_cannot_use_ends_the_search_of_its_face(toys: Path) -> None:
    maker = chance().model_copy(update={"aligner": PluginEntry(name="picky")})
    given = [Path("photos", name) for name in ("ann/0.png", "bob/0.png")]
    found = novel_of_photos(maker, given, Path("made"), wanted())
    assert found.search.outcome(0) == "not_made"
    assert found.search.tries.tolist() == [1]
    assert found.unusable == {"photos/ann/0.png": "no face found"}
    assert table()[0]["problem"] == "no face found"
    assert table()[1]["problem"] == "no face found in a contributor's photo"


def test_thresholds_of_a_manifest(toys: Path) -> None:
    from bench.notebook import calibrate

    sweep = {
        "name": "t", "dataset": {"name": "folder", "root": "strangers"}, "recognizers": ["asked"], "fmr": [0.4, 0.1],
        "calibrate": {"dataset": {"name": "folder", "root": "strangers"}}, "draws": 20,
    }  # fmt: skip
    calibrate(sweep, "thresholds")
    given = [Path("photos", name) for name in ("ann/0.png", "bob/0.png")]
    read = calibrate_given("thresholds")
    assert read == Calibrate(thresholds=Path("thresholds"))
    found = [
        novel_of_photos(chance(), given, Path(out), ask).figures["recognizers"][0]["threshold"]
        for out, ask in (("now", wanted()), ("kept", wanted(calibrate=read, fmr=0.4)))
    ]
    assert found[0]["value"] == found[1]["value"]
    with pytest.raises(ConfigError, match=r"got FMR 0\.001, and the thresholds of folder are at 0\.4, 0\.1; give one"):
        novel_of_photos(chance(), given, Path("third"), wanted(calibrate=read))


# ---------------------------------------------------------------------------------------------------------- refused


@pytest.mark.parametrize(
    ("maker", "ask", "error", "said"),
    [
        (MakerEntry(name="toy"), {}, ConfigError, "toy draws nothing by chance .* generate mixsyn --novel"),
        (chance(chance=False), {}, ConfigError, "chance draws nothing by chance"),
        (chance(sources=1, wants=()), {}, ConfigError, "a face of one person by these settings"),
        (chance(), {"judges": ("asked",)}, ConfigError, "got 'asked' more than once"),
        (chance(), {"calibrate": "photos"}, ConfigError, "who are reported on were also calibrated on"),
        (chance(), {"fmr": 0.1}, ConfigError, "give one rate"),
        (chance(), {"calibrate": "strangers"}, InsufficientData, "which takes 1,000; take more people"),
    ],
)  # fmt: skip
def test_what_cannot_be_searched_is_refused_with_what_to_type(
    toys: Path, maker: MakerEntry, ask: dict[str, Any], error: type[Exception], said: str
) -> None:
    if folder := ask.get("calibrate"):
        ask = {"calibrate": strangers(folder, fmr=0.001)}
    with pytest.raises(error, match=said):
        searched(ask=wanted(**ask), maker=maker)
    assert not Path("made").exists()
    assert "make" not in EVENTS


def test_a_judge_of_the_same_fingerprint_is_refused_under_any_label(toys: Path) -> None:
    twin = replace(wanted(), judges=(RecognizerEntry(name="asked", label="somebody else"),))
    with pytest.raises(ConfigError, match="the very recognizer that the search asks"):
        searched(ask=twin)


def by_learned(**judge: Any) -> Wanted:
    """A search by the toy with weights, and a judge."""
    judges = (RecognizerEntry(**{"name": "learned", "label": "second"} | judge),)
    return replace(wanted("learned", tries=1), judges=judges)


@pytest.mark.parametrize("judge", [{"settings": {"threads": 2}}, {"name": "also_learned"}])
def test_a_judge_of_the_same_weights_is_refused_whatever_it_is_called(toys: Path, judge: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="the very recognizer that the search asks, by its weights"):
        searched(ask=by_learned(**judge))


@pytest.mark.parametrize(
    ("judge", "inside"),
    [
        ({"settings": {"weights": "b"}}, False),
        ({"name": "also_learned", "settings": {"weights": "b"}}, False),
        ({"aligner": ("picky",)}, True),
    ],
)  # fmt: skip
def test_outsiders_are_told_by_their_weights(toys: Path, judge: dict[str, Any], inside: bool) -> None:
    figures = searched(ask=by_learned(**judge)).figures
    assert [one["white_box"] for one in figures["recognizers"]] == [True, inside]
    assert any(said.startswith("No outsider: second.") for said in figures["says"]) == inside


def test_who_is_left_out_does_not_depend_on_whether_there_is_a_match() -> None:
    look = Look(np.float32([[0.9, np.nan], [0.9, 0.1], [0.1, np.nan], [0.1, 0.2]]), np.ones(4, np.bool_))
    assert look.says(0.5).tolist() == [UNKNOWN, MATCH, UNKNOWN, CLEAR]


def test_a_recognizer_of_the_same_name_is_marked_as_no_outsider(toys: Path) -> None:
    near = replace(wanted(tries=1), judges=(RecognizerEntry(name="asked", label="near", settings={"gain": 2.0}),))
    figures = searched(ask=near).figures
    assert [one["white_box"] for one in figures["recognizers"]] == [True, True], "weights are not known"
    assert any(said.startswith("No outsider: near.") for said in figures["says"])


def test_a_file_that_no_search_wrote_is_left_alone(toys: Path) -> None:
    Path("made").mkdir()
    Path("made/search.json").write_text("{}")
    with pytest.raises(ConfigError, match="nothing that a search wrote; give --out another folder"):
        searched(ask=wanted(tries=2))
    Path("made/search.json").unlink()
    searched(ask=wanted(tries=2))
    first = everything("made")
    searched(ask=wanted(tries=2))
    assert everything("made") == first


def test_an_earlier_contact_sheet_goes_and_a_foreign_one_stays(toys: Path) -> None:
    generate_of_dataset(chance(), data(), Path("made"), count=2, seed=3, sheet=True)
    assert Path("made/sheet.png").is_file()
    searched(ask=wanted(tries=1), count=2)
    assert not Path("made/sheet.png").exists()
    Path("made/sheet.png").write_bytes(Path("photos/ann/0.png").read_bytes())
    searched(ask=wanted(tries=1), count=2)
    assert Path("made/sheet.png").is_file()


# --------------------------------------------------------------------------------------------------------- the command


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Runs the command; its exit code and what it said."""

    def run(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as end:
            main(["generate", *arguments])
        said = capsys.readouterr()
        return int(end.value.code or 0), said.out, " ".join(said.err.split())

    return run


def test_the_command_says_what_it_found(toys: Path, call: Callable[..., Any]) -> None:
    arguments = (
        "chance", "--novel", "--data", "{name: folder, root: photos}", "--count", str(FACES), "--seed", "3",
        "--recognizer", "asked", "--judge", "judge", "--tries", str(TRIES), "--calibrate",
        "{dataset: {name: folder, root: strangers}}", "--fmr", "0.4",
    )  # fmt: skip
    code, out, err = call(*arguments, "--out", "made")
    expected = searched("python", wanted(judges=("judge",)))
    assert (code, err) == (1, ""), "not every face was found"
    printed = out.splitlines()
    assert printed[0].startswith(f"{expected.made} of {FACES} faces found: made; made/faces.csv")
    assert printed[1] == f"outcomes: {expected.made} found, {FACES - expected.made} matched"
    assert any(line.startswith("found within   2 tries") for line in printed)
    assert any(line.startswith("judge (judge) matches") for line in printed)
    assert printed[-1] == expected.figures["says"][-1]
    kept = everything("made") | {"search.json": b""}
    assert kept == everything("python") | {"search.json": b""}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--novel"], "a search takes a recognizer that says whom a face matches: --recognizer dlib_resnet"),
        (["--recognizer", "toy"], "--recognizer: these go with --novel"),
        (["--tries", "3"], "--tries: these go with --novel"),
        (["--novel", "--recognizer", "toy", "--sheet"], "leave --vary and --sheet out"),
        (["--novel", "--recognizer", "toy", "--calibrate", "dev"], "expected a mapping as under calibrate:"),
        (["--novel", "--recognizer", "toy", "--calibrate", "{spilt: dev}"], "did you mean 'split'"),
        (["--novel", "--recognizer", "toy"], "photos have no people besides them to set thresholds on"),
        (["--novel", "--recognizer", "toyy"], "photos have no people besides them"),
        (["--novel", "--recognizer", "[a"], "--recognizer: '[a' is neither names nor a YAML list"),
        (["--novel", "--recognizer", "toy", "--judge", "{nam: toy}"], "--judge: recognizers.0.name: Field required"),
    ],
)  # fmt: skip
def test_what_the_command_refuses(toys: Path, call: Callable[..., Any], arguments: list[str], said: str) -> None:
    code, _, err = call("chance", "photos/ann/0.png", "photos/bob/0.png", "--out", "made", *arguments)
    assert code == 2
    assert said in err
    assert not Path("made").exists()


# --------------------------------------------------------------------------------------------- drawn people, no network


class PickyAligner:
    """Sees no face where there is much red."""

    def __init__(self, settings: ToySettings) -> None:
        from tests.toys import ToyAligner

        self._toy = ToyAligner(settings)
        self.crop = self._toy.crop

    def fingerprint(self) -> Fingerprint:
        return {"revision": 1}

    def detect(self, frame: Any) -> Any:
        return [] if frame[0, 0, 0] > 200 else self._toy.detect(frame)


@dataclass(frozen=True)
class BlendSettings:
    """Nothing to set."""


class BlendGenerator:
    """Two aligned faces, one over the other, as much of each as it draws, below as much noise as it draws."""

    template = Template("blend", 224, {"field5": ARCFACE112.targets["field5"] + 56})
    batch_size, contributors, draws = 4, 2, True
    conditions: ClassVar[frozenset[str]] = frozenset({"references"})

    def __init__(self, settings: BlendSettings) -> None:
        self.settings = settings

    def fingerprint(self) -> Fingerprint:
        return {"revision": 1}

    def default_aligner(self) -> Mapping[str, Any]:
        return {"name": "dlib_hog", "points": 68}

    def generate(self, batch: FaceBatch, rng: np.random.Generator) -> Crops:
        assert batch.references is not None
        drawn, loud = rng.random((2, len(batch.images), 1, 1, 1))
        faces = (1 - drawn) * batch.images + drawn * batch.references[:, 0]
        return np.clip(faces + 0.3 * loud * rng.standard_normal(faces.shape), 0, 1).astype(np.float32)


@pytest.mark.full
def test_drawn_people_by_lbp_and_a_judge(own_registry: Registry, tmp_path: Path, call: Callable[..., Any]) -> None:
    own_registry.add(row("generator", "blend", BlendGenerator, BlendSettings), "the tests")
    out = tmp_path / "made"
    code, said, err = call(
        "blend", "--novel", "--data", "{name: drawn, people: 6, images: 2, side: 160}", "--count", "4", "--tries", "3",
        "--recognizer", "lbp", "--judge", "dlib_resnet", "--fmr", "0.02", "--out", str(out),
    )  # fmt: skip
    assert code in (0, 1), err
    figures = json.loads((out / "search.json").read_text())
    found = figures["outcomes"]["found"]
    assert found > 0, "or the rest says nothing"
    assert code == int(found < 4)
    lbp, judge = figures["recognizers"]
    assert lbp["threshold"]["operating_point"] == judge["threshold"]["operating_point"] == "dev:fmr=0.02"
    assert lbp["rates"]["first_tries"]["faces"] == judge["rates"]["first_tries"]["faces"] == 4
    assert lbp["rates"]["accepted"]["match_rate"]["value"] == 0
    assert judge["rates"]["accepted"]["faces"] == found
    faces = table(str(out))[::2]
    assert sum(figures["tries"].values()) == sum(int(one["tries"]) for one in faces)
    for one in faces:
        assert (one["outcome"] == "found") == (out / one["file"]).is_file() == bool(one["file"])
        if one["file"]:
            assert float(one["lbp_highest_over_threshold"]) < 0
    assert "compared with every photo that the data set has of each contributor (2 each" in said
