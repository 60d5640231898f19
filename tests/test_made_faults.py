"""What goes wrong while faces are made: full disks, damaged pictures, kills, changed photos, makers that misbehave."""

from __future__ import annotations

import csv
import itertools
import os
import random
import shutil
import signal
import subprocess
import time
import tracemalloc
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from bench.api import Cell, Crops, FaceBatch, Fingerprint, PluginRow
from bench.cli.main import main
from bench.config import parse_sweep
from bench.datasets.folder import Folder
from bench.errors import ConfigError, CorruptFile
from bench.images import png_text
from bench.notebook import load_executor
from bench.registry import registry
from bench.store.blobs import DiskStore
from bench.store.cache import ArrayCache
from bench.store.run_folder import RunFolder
from bench.sweep import instances, making
from bench.sweep.execute import execute
from bench.sweep.executors.processes import Processes
from bench.sweep.pair_files import listed, read_list
from bench.sweep.pairing import Album, photograph
from bench.sweep.partners import different_people, genders_of, look_alikes
from bench.sweep.plan import plan
from bench.sweep.runner import run_sweep
from tests import mischief
from tests.processes import alive, command, environment
from tests.test_pairing import frames
from tests.toys import MixSettings, ToyAttack, ToyGenerator, photos, write

OUTCOMES = ("both", "swapped", "preserved", "neither")


# ------------------------------------------------------------------------------------- plugins, for workers as well


@dataclass(frozen=True)
class VandalSettings:
    """What it does instead of making faces, and how long it takes for a batch."""

    does: str = ""
    seconds: float = 0.0
    wants: tuple[str, ...] = ("references",)


class Vandal(ToyGenerator):
    """A toy generator with a deed."""

    def __init__(self, settings: VandalSettings) -> None:
        super().__init__(MixSettings(wants=settings.wants))
        self.vandal = settings

    def fingerprint(self) -> Fingerprint:
        return {"revision": 1, "does": self.vandal.does}

    def generate(self, batch: FaceBatch, rng: np.random.Generator) -> Crops:
        time.sleep(self.vandal.seconds)
        faces = super().generate(batch, rng)
        if self.vandal.does == "raises":
            raise RuntimeError("asked to fail")
        if self.vandal.does == "nothing":
            return None  # type: ignore[return-value]
        if self.vandal.does == "shape":
            return faces[:, :, :-1]
        if self.vandal.does == "nan in part":
            faces[0, 0, 0, 0] = np.nan
        if self.vandal.does == "infinite":
            faces[0, 0, 0, 0] = np.inf
        if self.vandal.does in ("at the edge", "a little outside"):
            more = np.float32(4e-4 if self.vandal.does == "a little outside" else 0)
            faces[:, 0], faces[:, 1] = 1 + more, -more
        if self.vandal.does == "modifies":
            batch.images[:] = 0
            assert batch.references is not None
            batch.references[:] = 1
        return faces


class Asker(ToyAttack):
    """An attack that wants to know scores."""

    access = "scores"


class Split(Folder):
    """Photos in folders, of which all people but the last two are compared; masks and genders lie beside the photos."""

    def trials(self, protocol: str, rng: np.random.Generator) -> Any:
        found = super().trials(protocol, rng)
        last = sorted({frame.subject for frame in self.frames()})[-2:]
        keep = [frame.subject not in last for frame in found.frames]
        kept = np.array(keep)[found.probe] & np.array(keep)[found.reference]
        place = np.cumsum(keep).astype(np.int32) - 1
        return type(found)(
            protocol=found.protocol,
            frames=tuple(frame for frame, is_kept in zip(found.frames, keep, strict=True) if is_kept),
            probe=place[found.probe[kept]],
            reference=place[found.reference[kept]],
        )

    def mask(self, key: str) -> np.ndarray:
        return np.full((8, 8), int((self.root / "masks.txt").read_text()), dtype=np.uint8)

    def mask_digest(self, key: str) -> str:
        return (self.root / "masks.txt").read_text()

    def attributes(self) -> Mapping[str, Any]:
        words = dict(csv.reader((self.root / "genders.txt").read_text().splitlines()))
        return {"gender": np.array([words.get(frame.subject, "") for frame in self.frames()], dtype=np.str_)}


ROWS = tuple(
    PluginRow(
        kind=kind,  # type: ignore[arg-type]
        name=name,
        target=target,
        settings=settings,
        summary="a toy",
        source="tests",
        licence="none",
    )
    for kind, name, target, settings in (
        ("aligner", "toy", "tests.toys:ToyAligner", "tests.toys:ToySettings"),
        ("recognizer", "toy", "tests.toys:ToyRecognizer", "tests.toys:ToySettings"),
        ("generator", "toy", "tests.toys:ToyGenerator", "tests.toys:MixSettings"),
        ("attack", "toy", "tests.toys:ToyAttack", "tests.toys:MixSettings"),
        ("generator", "an_attack", "tests.toys:ToyAttack", "tests.toys:MixSettings"),
        ("generator", "vandal", "tests.test_made_faults:Vandal", "tests.test_made_faults:VandalSettings"),
        ("attack", "asker", "tests.test_made_faults:Asker", "tests.toys:MixSettings"),
        ("dataset", "split", "tests.test_made_faults:Split", "bench.datasets.folder:FolderSettings"),
    )
)


@pytest.fixture
def sweep(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, own_registry: Any) -> Callable[..., Any]:
    """Ten faces of two of four people each, three photos a person, with changes; worker processes know the toys too."""
    monkeypatch.syspath_prepend(mischief.distribution(tmp_path / "plugins", __name__))
    registry.cache_clear()
    instances.forget()
    root = photos(tmp_path / "photos")

    def make(**changes: Any) -> Any:
        base = {
            "name": "t", "dataset": {"name": "folder", "root": str(root)}, "recognizers": ["toy"], "fmr": [0.1],
            "assessments": [], "generators": ["toy"], "pairs": {"count": 10, "references": 2}, "draws": 0,
        }  # fmt: skip
        return parse_sweep(base | changes)

    return make


@pytest.fixture
def cache(tmp_path: Path) -> ArrayCache:
    return ArrayCache(DiskStore(tmp_path / "cache"))


def stored(run: RunFolder) -> dict[str, bytes]:
    """summary.json and every table."""
    assert not len(run.failures()), run.failures()["message"].tolist()
    paths = [run.path / "summary.json", *run.path.rglob("*.parquet")]
    return {path.relative_to(run.path).as_posix(): path.read_bytes() for path in paths}


def message(run: RunFolder) -> str:
    (outcome,) = run.outcomes()
    assert outcome["status"] == "failure"
    return str(outcome["message"])


def table(run: RunFolder, name: str) -> pd.DataFrame:
    return run.table(run.outcomes()[0]["key"], name)


# ------------------------------------------------------------------------------------------------- figures by hand


def brute_force(run: RunFolder, point: float) -> dict[str, float]:
    """Every attempt written out, face by face, as docs/hidden_identity.md says it in words."""
    threshold = np.float32(point)  # a score of the table, which float64 may not hit exactly
    at, contributors = table(run, "attempts"), table(run, "contributors")
    sums: dict[str, list[float]] = {name: [] for name in (
        *OUTCOMES, "none", *(f"clean_{name}" for name in OUTCOMES), "clean_none", "right", "right_and_both",
        "mmpmr", "minmax", "prodavg", "rmmr", "same 1", "same 2", "average",
        *(f"{kind}{least}" for kind in ("", "clean_") for least in (1, 2)),
    )}  # fmt: skip

    def name_of(first: float, second: float) -> str:
        if np.isnan(first) or np.isnan(second):
            return "none"
        both = (bool(first >= threshold), bool(second >= threshold))
        return {(True, True): "both", (False, True): "swapped", (True, False): "preserved"}.get(both, "neither")

    for face in range(10):
        one, two = (at[(at["face"] == face) & (at["contributor"] == k)] for k in (1, 2))
        tries = list(itertools.product(one.to_dict("records"), two.to_dict("records")))
        ends = [name_of(a["score"], b["score"]) for a, b in tries]
        clean = [name_of(a["clean_score"], b["clean_score"]) for a, b in tries]
        for name in (*OUTCOMES, "none"):
            sums[name].append(ends.count(name) / len(tries))
            sums[f"clean_{name}"].append(clean.count(name) / len(tries))
        for kind, column in (("", "score"), ("clean_", "clean_score")):
            matches = [int(a[column] >= threshold) + int(b[column] >= threshold) for a, b in tries]
            for least in (1, 2):
                sums[f"{kind}{least}"].append(float(np.mean([count >= least for count in matches])))
        sums["average"].append(float(np.mean([(frame["score"] >= threshold).mean() for frame in (one, two)])))
        sums["right"].append(clean.count("preserved") / len(tries))
        sums["right_and_both"].append(
            sum(c == "preserved" and e == "both" for c, e in zip(clean, ends, strict=True)) / len(tries)
        )
        seen = [frame["score"].dropna().to_numpy() for frame in (one, two)]
        if all(len(scores) for scores in seen):
            sums["mmpmr"].append(float(all(scores[0] >= threshold for scores in seen)))
            sums["minmax"].append(float(min(scores.max() for scores in seen) >= threshold))
            sums["prodavg"].append(float(np.prod([(scores >= threshold).mean() for scores in seen])))
            own = [frame["own_score"].dropna().to_numpy() for frame in (one, two)]
            if all(len(scores) for scores in own):
                tmr = np.mean([(scores >= threshold).mean() for scores in own])
                sums["rmmr"].append(1 + sums["prodavg"][-1] - tmr)
        for k in (1, 2):
            row = contributors[(contributors["face"] == face) & (contributors["contributor"] == k)]
            sums[f"same {k}"].append(float(row["same_photo_score"].iloc[0] >= threshold))
    mean = {name: float(np.mean(values)) for name, values in sums.items()}
    acquired = 1 - mean["none"]
    return {
        **{f"{name}_match_rate": mean[name] for name in OUTCOMES},
        **{f"acquired_{name}_match_rate": mean[name] / acquired for name in OUTCOMES},
        **{f"clean_{name}_match_rate": mean[f"clean_{name}"] for name in OUTCOMES},
        **{f"excess_{name}_match_rate": mean[name] - mean[f"clean_{name}"] for name in OUTCOMES},
        **{f"several_match_rate {least} of 2": mean[str(least)] for least in (1, 2)},
        **{f"clean_several_match_rate {least} of 2": mean[f"clean_{least}"] for least in (1, 2)},
        **{f"excess_several_match_rate {least} of 2": mean[str(least)] - mean[f"clean_{least}"] for least in (1, 2)},
        "mean_contributor_match_rate": mean["average"],
        "not_acquired_rate": mean["none"],
        "clean_not_acquired_rate": mean["clean_none"],
        "conditional_both_match_rate": mean["right_and_both"] / mean["right"],
        "morph_match_rate": mean["mmpmr"],
        "minmax_morph_match_rate": mean["minmax"],
        "prodavg_morph_match_rate": mean["prodavg"],
        "relative_morph_match_rate": mean["rmmr"],
        "same_photo_match_rate contributor 1": mean["same 1"],
        "same_photo_match_rate contributor 2": mean["same 2"],
    }


def test_every_figure_follows_from_every_attempt(sweep: Callable[..., Any], tmp_path: Path, cache: ArrayCache) -> None:
    root = tmp_path / "photos"
    write(root / "ann" / "1.png", np.zeros((8, 8, 3), np.uint8))  # nobody in it
    for place, person in enumerate(("ann", "bob", "cyd", "dan")):  # and a wide spread of scores
        write(root / person / "3.png", np.full((8, 8, 3), (120, 90 + 30 * place, 130), np.uint8))
    run = run_sweep(sweep(generators=[{"name": "toy", "refuses": 0.75}]), tmp_path / "run", cache=cache)
    summary = run.summary()
    summary = summary[summary["operating_point"] == "fmr=0.1"]
    rows = summary.astype(object).where(summary.notna(), None).to_dict("records")
    found = {f"{one['figure']} {one['group'] or ''}".strip(): one for one in rows}
    wanted = brute_force(run, found["threshold"]["value"])
    assert 0 < wanted["not_acquired_rate"] < 1
    assert 0 < wanted["both_match_rate"] < 1
    assert 0 < wanted["clean_not_acquired_rate"] < 1
    for name, value in wanted.items():
        assert found[name]["value"] == pytest.approx(value, abs=1e-12), name
        assert found[name]["low"] <= value <= found[name]["high"], name
    kinds = ("", "acquired_", "clean_", "excess_")
    rates = [f"{kind}contributor_match_rate" for kind in kinds]
    assert set(found) - set(wanted) - {"threshold"} == {f"{name} contributor {k}" for name in rates for k in (1, 2)}


# ---------------------------------------------------------------------------------------------------- disks and caches


def full_after(monkeypatch: pytest.MonkeyPatch, root: Path, writes: int) -> None:
    """Nothing fits below a folder after so many files."""
    left = [writes]
    for name in ("put", "put_if_absent"):
        real = getattr(DiskStore, name)

        def refuse(self: DiskStore, key: str, data: bytes, real: Any = real) -> Any:
            if self.root == root:
                left[0] -= 1
                if left[0] < 0:
                    raise OSError(28, "No space left on device", key)
            return real(self, key, data)

        monkeypatch.setattr(DiskStore, name, refuse)


@pytest.mark.parametrize("writes", [0, 3, 9, 14, 19])
def test_a_disk_that_fills_up_while_faces_are_made_changes_nothing(
    sweep: Callable[..., Any], tmp_path: Path, cache: ArrayCache, monkeypatch: pytest.MonkeyPatch, writes: int
) -> None:
    write(tmp_path / "photos" / "ann" / "1.png", np.zeros((8, 8, 3), np.uint8))
    asked = sweep(recognizers=["toy", {"name": "toy", "label": "b", "gain": 2.0}])
    whole = stored(run_sweep(asked, tmp_path / "whole", cache=cache))
    monkeypatch.setattr(making, "CHUNK", 4)
    full = ArrayCache(DiskStore(tmp_path / "full"))
    full_after(monkeypatch, tmp_path / "full", writes)
    run = run_sweep(asked, tmp_path / "run", cache=full)
    assert stored(run) == whole
    assert [outcome["counts"]["faces_made_now"] for outcome in run.outcomes()] == [10, 0], "made once all the same"
    assert not full.refuge.exists(), "pictures of people are not left in a temporary folder"


def test_a_disk_that_is_really_full(
    sweep: Callable[..., Any], tmp_path: Path, cache: ArrayCache, small_disk: Path
) -> None:
    whole = stored(run_sweep(sweep(), tmp_path / "whole", cache=cache))
    full = ArrayCache(DiskStore(small_disk))
    assert stored(run_sweep(sweep(), tmp_path / "run", cache=full)) == whole
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    assert stored(run_sweep(sweep(), tmp_path / "again", cache=full)) == whole


def test_swapped_pictures_are_made_again(sweep: Callable[..., Any], tmp_path: Path, cache: ArrayCache) -> None:
    whole = stored(run_sweep(sweep(), tmp_path / "run", cache=cache))
    first, *_, last = sorted((tmp_path / "cache" / "faces").glob("*/*.png"))
    one, other = first.read_bytes(), last.read_bytes()
    assert one != other
    first.write_bytes(other)
    last.write_bytes(one)
    again = run_sweep(sweep(), tmp_path / "again", cache=cache)
    assert stored(again) == whole
    assert again.outcomes()[0]["counts"]["faces_made_now"] > 0
    third = run_sweep(sweep(), tmp_path / "third", cache=cache)
    assert third.outcomes()[0]["counts"]["faces_made_now"] == 0


def test_a_picture_that_comes_out_in_other_bytes_is_made_once_more_and_no_more(
    sweep: Callable[..., Any], tmp_path: Path, cache: ArrayCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_sweep(sweep(), tmp_path / "run", cache=cache)
    pictures = sorted((tmp_path / "cache" / "faces").glob("*/*.png"))
    for path in pictures:
        path.unlink()
    monkeypatch.setattr("bench.images.__version__", "99.0")  # which the text of new pictures names
    made = []
    for name in ("again", "third", "fourth"):
        run = run_sweep(sweep(), tmp_path / name, cache=cache)
        made.append(run.outcomes()[0]["counts"]["faces_made_now"])
    assert made == [10, 0, 0]


def test_the_same_photos_under_other_names_are_named_as_they_are_now(
    sweep: Callable[..., Any], tmp_path: Path, cache: ArrayCache
) -> None:
    run_sweep(sweep(keep_faces="all"), tmp_path / "run", cache=cache)
    moved = tmp_path / "moved"
    for photo in (tmp_path / "photos").glob("*/*.png"):
        place = moved / photo.parent.name / f"人{photo.name}"
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(photo, place)
    changed = sweep(keep_faces="all", dataset={"name": "folder", "root": str(moved)})
    again = run_sweep(changed, tmp_path / "again", cache=cache)
    assert again.outcomes()[0]["counts"]["faces_made_now"] == 0
    fresh = run_sweep(changed, tmp_path / "fresh", cache=ArrayCache(DiskStore(tmp_path / "other")))
    assert stored(again) == stored(fresh), "what a cache holds changes nothing"
    named = table(again, "contributors").groupby("face")["photo"].agg("; ".join)
    for row in table(again, "portraits").to_dict("records"):
        assert png_text(row["png"])["impersona.contributors"] == named[row["face"]]
        assert "人" in named[row["face"]]


def test_the_cache_lists_makers_and_a_purge_of_faces_costs_time_only(
    sweep: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def printed(*arguments: str) -> str:
        with pytest.raises(SystemExit) as caught:
            main([*arguments])
        assert not caught.value.code
        return capsys.readouterr().out

    monkeypatch.setenv("IMPERSONA_CACHE", str(tmp_path / "mine"))
    asked = sweep(generators=[{"name": "toy", "weight": [0.25, 0.5]}])
    whole = stored(run_sweep(asked, tmp_path / "run"))
    listing = printed("cache", "ls")
    lines = [line for line in listing.splitlines() if line.startswith("  faces")]
    assert len(lines) == 2
    assert all("toy on toy" in line and "10 rows" in line for line in lines)
    assert "weight 0.25" in listing
    assert "20 rows" in printed("cache", "purge", "--kind", "faces", "--yes")
    assert not list((tmp_path / "mine").glob("**/faces/*/*"))
    again = run_sweep(asked, tmp_path / "again")
    assert stored(again) == whole
    assert [outcome["counts"]["faces_made_now"] for outcome in again.outcomes()] == [10, 10]


# ----------------------------------------------------------------------------------------------- processes and kills


def test_processes_store_what_one_process_stores(sweep: Callable[..., Any], tmp_path: Path) -> None:
    asked = sweep(
        recognizers=["toy", {"name": "toy", "label": "b", "gain": 2.0}],
        generators=[{"name": "toy", "weight": [0.25, 0.5]}],
        attacks=["toy"],
        keep_faces="all",
    )
    runs = []
    for name, jobs in (("inline", None), ("processes", 2)):
        own = ArrayCache(DiskStore(tmp_path / f"cache_{name}"))
        runs.append(run_sweep(asked, tmp_path / name, cache=own, executor=load_executor(name, jobs)))
    first = stored(runs[0])
    assert sum(name.endswith("portraits.parquet") for name in first) == 6
    assert stored(runs[1]) == first
    made = [outcome["counts"]["faces_made_now"] for outcome in runs[1].outcomes()]
    assert sum(made) <= 40, "of the three makers, only the one for which no other work was left worked twice"


def test_cells_of_one_maker_wait_for_each_other_where_there_is_other_work() -> None:
    def cell(name: str, aligner: str, maker: str) -> Cell:
        return Cell(name, {"dataset": "d", "aligner": aligner, "maker": maker, "maker_aligner": "m"})

    executor = Processes.__new__(Processes)
    running = type("Worker", (), {"cell": cell("0", "a", "one")})()
    executor._workers = [running]
    waiting = [cell("1", "b", "one"), cell("2", "a", "two"), cell("3", "b", "two")]
    assert executor._choose(waiting).key == "3"
    assert [one.key for one in waiting] == ["1", "2"]


SWEEP = """
name: killed
seed: 5
dataset: {{name: folder, root: {root}}}
recognizers: [toy, {{name: toy, label: b, gain: 2.0}}]
assessments: []
generators: [{{name: vandal, seconds: 0.08}}, toy]
attacks: [toy]
pairs: {{count: 40, references: 2}}
fmr: [0.1]
draws: 0
"""


def start(folder: Path, options: tuple[str, ...] = ()) -> subprocess.Popen[str]:
    around = environment(folder / "cache", folder.parent / "plugins") | {"IMPERSONA_WORKERS": "0"}
    arguments = command("run", str(folder.parent / "sweep.yaml"), "--out", str(folder / "run"), "--no-report", *options)
    return subprocess.Popen(
        arguments, env=around, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, start_new_session=True
    )


def finish(process: subprocess.Popen[str], folder: Path) -> dict[str, bytes]:
    printed = process.communicate(timeout=120)[1]
    assert process.returncode == 0, printed
    return stored(RunFolder.open(folder / "run"))


@pytest.mark.full
@pytest.mark.parametrize("options", [(), ("--jobs", "2")], ids=["inline", "processes"])
def test_killed_at_any_moment_the_same_faces_are_made(
    sweep: Callable[..., Any], tmp_path: Path, options: tuple[str, ...]
) -> None:
    (tmp_path / "sweep.yaml").write_text(SWEEP.format(root=tmp_path / "photos"))
    started = time.monotonic()
    whole = finish(start(tmp_path / "whole", options), tmp_path / "whole")
    seconds = time.monotonic() - started
    draw, killed, moments = random.Random(3), 0, 3  # one in each third of the time in which faces are made
    for number in range(moments):
        folder = tmp_path / str(number)
        process = start(folder, options)
        time.sleep(seconds * (0.25 + 0.6 * (number + draw.random()) / moments))
        if process.poll() is None:
            (os.killpg, os.kill)[number % 2](process.pid, signal.SIGKILL)
            killed += 1
        process.communicate(timeout=60)
        assert not alive(process.pid, within=10)
        assert finish(start(folder, options), folder) == whole
    assert killed >= 2, "the runs ended before they could be killed"


@pytest.mark.full
def test_two_sessions_that_make_the_same_faces_at_once(sweep: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "sweep.yaml").write_text(SWEEP.format(root=tmp_path / "photos"))
    folders = [tmp_path / "one", tmp_path / "two"]
    (tmp_path / "shared").mkdir()
    for folder in folders:
        folder.mkdir()
        (folder / "cache").symlink_to(tmp_path / "shared")
    first, second = [finish(process, folder) for process, folder in [(start(folder), folder) for folder in folders]]
    assert first == second


# ----------------------------------------------------------------------------------------- photos, masks and genders


def test_a_photo_that_changes_while_faces_are_made_is_not_kept_under_its_old_name(
    sweep: Callable[..., Any], tmp_path: Path, cache: ArrayCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    generate = ToyGenerator.generate

    def meddle(self: ToyGenerator, batch: FaceBatch, rng: np.random.Generator) -> Crops:
        for photo in (tmp_path / "photos").glob("*/0.png"):
            write(photo, np.full((9, 9, 3), 77, np.uint8))
        return generate(self, batch, rng)

    monkeypatch.setattr(ToyGenerator, "generate", meddle)
    run = run_sweep(sweep(), tmp_path / "run", cache=cache)
    assert "changed while faces were made of it" in message(run)
    assert not list((tmp_path / "cache").glob("faces/*/*.png"))


@pytest.fixture
def masked(sweep: Callable[..., Any], tmp_path: Path) -> Callable[..., Any]:
    """The sweep over a data set with masks and genders."""
    (tmp_path / "photos" / "masks.txt").write_text("1")
    (tmp_path / "photos" / "genders.txt").write_text("ann,w\nbob,m\ncyd,w\ndan,m\n")

    def make(**changes: Any) -> Any:
        maker = {"name": "vandal", "wants": ["references", "masks", "reference_masks"]}
        return sweep(dataset={"name": "split", "root": str(tmp_path / "photos")}, **{"generators": [maker], **changes})

    return make


PAIRS: Mapping[str, Mapping[str, Any]] = {
    "different_people": {"count": 4, "references": 2},
    "look_alikes": {"count": 4, "references": 2, "kind": "look_alikes", "alike_by": "toy"},
}


@pytest.mark.parametrize("kind", list(PAIRS))
def test_masks_are_part_of_a_cell_and_of_what_is_checked(
    masked: Callable[..., Any], tmp_path: Path, cache: ArrayCache, kind: str
) -> None:
    asked = masked(pairs=PAIRS[kind])
    (cell,) = plan(asked).cells
    (tmp_path / "photos" / "masks.txt").write_text("2")
    (other,) = plan(asked).cells
    assert other.key != cell.key
    outcome = execute(cell, lambda *_: None, cache=cache)
    assert "the masks of split changed after the sweep was planned" in outcome.message  # type: ignore[union-attr]


def test_genders_are_part_of_a_cell_of_look_alikes_and_of_no_other(
    masked: Callable[..., Any], tmp_path: Path, cache: ArrayCache
) -> None:
    changed, same = (masked(pairs=PAIRS[kind]) for kind in ("look_alikes", "different_people"))
    before = [plan(one).cells[0] for one in (changed, same)]
    (tmp_path / "photos" / "genders.txt").write_text("ann,w\nbob,w\ncyd,w\ndan,m\n")
    after = [plan(one).cells[0] for one in (changed, same)]
    assert [one.key == other.key for one, other in zip(before, after, strict=True)] == [False, True]
    outcome = execute(before[0], lambda *_: None, cache=cache)
    assert "the genders of split changed" in outcome.message  # type: ignore[union-attr]


def test_contributors_are_nobody_on_whom_thresholds_were_set(masked: Callable[..., Any], tmp_path: Path) -> None:
    root = photos(tmp_path / "known", people=("cyd", "dan"))
    calibrate = {"dataset": {"name": "split", "root": str(root)}}
    shutil.copytree(tmp_path / "photos" / "ann", root / "x")  # two who are compared, of nobody's name
    shutil.copytree(tmp_path / "photos" / "ann", root / "y")
    plan(masked(assessments=["verification"], generators=[]))
    for name in ("masks.txt", "genders.txt"):
        shutil.copy(tmp_path / "photos" / name, root / name)
    # x and y are the last two there, so that cyd and dan are calibrated on; here they are the last two and only
    # contribute.
    plan(masked(assessments=["verification"], generators=[], calibrate=calibrate))
    with pytest.raises(ConfigError, match="of the 4 people who are reported on were also calibrated on"):
        plan(masked(assessments=["verification"], calibrate=calibrate))


def test_what_is_wrong_with_contributors_photos_is_told_apart(
    sweep: Callable[..., Any], tmp_path: Path, cache: ArrayCache
) -> None:
    root = tmp_path / "photos"
    for number in range(3):
        (root / "ann" / f"{number}.png").write_bytes(b"no picture at all")
        write(root / "bob" / f"{number}.png", np.zeros((8, 8, 3), np.uint8))
    write(root / "cyd" / "0.png", np.full((1, 1, 3), 200, np.uint8))
    run = run_sweep(sweep(pairs={"count": 12, "references": 1000}, keep_faces="all"), tmp_path / "run", cache=cache)
    problem = table(run, "faces")["problem"].tolist()
    people = table(run, "contributors").groupby("face")["subject"].agg(set)
    for face, who in enumerate(people):
        wanted = (
            "a contributor's photo is not a readable image" if "ann" in who
            else "no face found in a contributor's photo" if "bob" in who else None
        )  # fmt: skip
        assert problem[face] == wanted or (wanted is None and pd.isna(problem[face]))
    assert table(run, "attempts").groupby(["face", "contributor"]).size().eq(2).all()


def test_nothing_at_all_can_be_made(sweep: Callable[..., Any], tmp_path: Path, cache: ArrayCache) -> None:
    for keep in ("all", "examples"):
        asked = sweep(generators=[{"name": "toy", "refuses": -1.0}], keep_faces=keep)
        run = run_sweep(asked, tmp_path / keep, cache=cache)
        assert not len(run.failures()), message(run)
        assert not len(table(run, "portraits"))
        summary = run.summary().set_index("figure")["value"]
        assert summary["not_acquired_rate"] == 1
        assert summary["faces_not_made"] == 10


# ------------------------------------------------------------------------------------------------------------- makers


@pytest.mark.parametrize(
    ("does", "says"),
    [
        ("raises", "asked to fail"),
        ("nothing", r"vandal returned NoneType; expected float32"),
        ("shape", r"vandal returned float32 \(4, 3, 15, 16\); expected float32 \(4, 3, 16, 16\)"),
        ("nan in part", r"vandal returned a face of which 1 of 768 values are NaN"),
        ("infinite", r"vandal returned 1 values outside \[0, 1\]"),
    ],
)
def test_what_a_maker_does_wrong_is_a_failure_of_its_cell(
    sweep: Callable[..., Any], tmp_path: Path, cache: ArrayCache, does: str, says: str
) -> None:
    run = run_sweep(sweep(generators=[{"name": "vandal", "does": does}]), tmp_path / "run", cache=cache)
    assert pd.Series([message(run)]).str.contains(says).all(), message(run)


@pytest.mark.parametrize(("does", "same_as"), [("a little outside", "at the edge"), ("modifies", "")])
def test_what_a_maker_may_do(
    sweep: Callable[..., Any], tmp_path: Path, cache: ArrayCache, does: str, same_as: str
) -> None:
    plain, odd = (
        run_sweep(sweep(generators=[{"name": "vandal", "does": deed}]), tmp_path / f"r{deed}", cache=cache)
        for deed in (same_as, does)
    )
    assert table(odd, "attempts").equals(table(plain, "attempts"))
    assert table(odd, "faces")["structural_similarity"].equals(table(plain, "faces")["structural_similarity"])


def test_faces_that_were_made_before_a_failure_are_kept(
    sweep: Callable[..., Any], tmp_path: Path, cache: ArrayCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    generate, calls = ToyGenerator.generate, [0]

    def fail_at_the_third(self: ToyGenerator, batch: FaceBatch, rng: np.random.Generator) -> Crops:
        calls[0] += 1
        if calls[0] == 3:
            raise RuntimeError("no more")
        return generate(self, batch, rng)

    monkeypatch.setattr(ToyGenerator, "generate", fail_at_the_third)
    assert message(run_sweep(sweep(), tmp_path / "run", cache=cache)) == "no more"
    again = run_sweep(sweep(), tmp_path / "run", cache=cache)
    assert again.outcomes()[0]["counts"]["faces_made_now"] == 2, "the last batch alone"


def test_an_attack_that_asks_is_refused_beforehand(sweep: Callable[..., Any]) -> None:
    with pytest.raises(ConfigError, match="asker asks for scores of recognizers"):
        plan(sweep(generators=[], attacks=["asker"]))


def test_a_generator_that_could_be_an_attack_is_a_generator(
    sweep: Callable[..., Any], tmp_path: Path, cache: ArrayCache
) -> None:
    run = run_sweep(sweep(generators=[{"name": "an_attack", "fault": "asks"}]), tmp_path / "run", cache=cache)
    assert not len(run.failures()), message(run)
    assert run.summary()["goal"].isna().all()


def test_the_same_faces_in_whatever_order_makers_stand(
    sweep: Callable[..., Any], tmp_path: Path, cache: ArrayCache
) -> None:
    makers: list[Any] = [{"name": "toy", "weight": 0.3}, "vandal"]
    digests = []
    for name, order in (("one", makers), ("other", makers[::-1])):
        run = run_sweep(sweep(generators=order), tmp_path / name, cache=ArrayCache(DiskStore(tmp_path / f"c{name}")))
        digests.append({
            outcome["labels"]["generator"]: run.table(outcome["key"], "faces")["digest"].tolist()
            for outcome in run.outcomes()
        })  # fmt: skip
    assert digests[0] == digests[1]
    assert plan(sweep(seed=1)).cells[0].spec["pairs"]["digest"] != plan(sweep()).cells[0].spec["pairs"]["digest"]


# -------------------------------------------------------------------------------------------------------------- pairs


def test_a_spreadsheet_s_list_is_read(tmp_path: Path) -> None:
    rows = "face,contributor,photo,more\n7,2,p001/0,x\n7,1,p000/3,y\n\nb,1,p002/1,\nb,2,p000/0,\n"
    path = tmp_path / "pairs.csv"
    path.write_bytes(b"\xef\xbb\xbf" + rows.replace("\n", "\r\n").encode())
    assert read_list(path) == {"7": ["p000/3", "p001/0"], "b": ["p002/1", "p000/0"]}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("face,contributor,photo\n\n0,²,a", "line 3: got face '0', contributor '²'"),
        ("face,contributor,photo\n0,1,a\n0,01,b", "line 3: contributor 1 of face 0 stands twice"),
        ("face,contributor,photo\n0,1", "line 2: got face '0', contributor '1', photo ''"),
        ("face,contributor,photo\n0," + "9" * 5000 + ",a", "line 2"),
    ],
)
def test_a_wrong_row_is_named(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "pairs.csv"
    path.write_text(text)
    with pytest.raises(CorruptFile, match=says):
        read_list(path)


def test_a_list_is_never_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "pairs.csv"
    path.write_text("face,contributor,photo\n0,1,a\n1,1,b\n2,1,c\n")
    monkeypatch.setattr("bench.sweep.pair_files._MOST_LISTED", 3)
    assert len(read_list(path)) == 3
    monkeypatch.setattr("bench.sweep.pair_files._MOST_LISTED", 2)
    with pytest.raises(CorruptFile, match="more than 2 rows"):
        read_list(path)


def test_a_folder_instead_of_a_list_is_named_when_planning(sweep: Callable[..., Any], tmp_path: Path) -> None:
    with pytest.raises(CorruptFile, match="not a CSV file"):
        plan(sweep(pairs={"file": str(tmp_path)}))


def test_how_a_list_is_written_is_no_part_of_a_cell(sweep: Callable[..., Any], tmp_path: Path) -> None:
    path, keys = tmp_path / "pairs.csv", []
    for text in (
        "face,contributor,photo\n0,1,ann/0.png\n0,2,bob/1.png\n",
        "photo,face,contributor\r\nbob/1.png,x,2\r\nann/0.png,x,1\r\n",
    ):
        path.write_bytes(text.encode())
        (cell,) = plan(sweep(pairs={"file": str(path)})).cells
        keys.append(cell.key)
    assert keys[0] == keys[1]
    path.write_text("face,contributor,photo\n0,1,ann/0.png\n0,2,bob/2.png\n")
    assert plan(sweep(pairs={"file": str(path)})).cells[0].key != keys[0]
    outcome = execute(cell, lambda *_: None, cache=ArrayCache(DiskStore(tmp_path / "cache")))
    assert "the pairs of folder changed" in outcome.message  # type: ignore[union-attr]


def test_more_references_than_photos_take_no_memory() -> None:
    album = Album(frames(5), "toy", 2)
    many, few = (photograph(album, different_people(album, 10, 2, 0, "toy"), most, 0, "toy") for most in (1000, 3))
    assert many.reference.shape == (10, 2, 3)
    assert many.digest == few.digest


def test_further_contributors_are_evenly_drawn_and_do_not_depend_on_how_many_there_are() -> None:
    album = Album(frames(7), "toy", 5)
    five, three = (different_people(album, 7000, k, 1, "toy") for k in (5, 3))
    assert (five[:, :3] == three).all()
    assert all(len(set(row)) == 5 for row in five.tolist())
    for column in range(5):
        assert abs(np.bincount(five[:, column], minlength=7) - 1000).max() < 150


def test_look_alikes_of_many_people_are_found_without_writing_down_all_pairs() -> None:
    people = 1200
    place = np.random.default_rng(0).random(people).astype(np.float32)
    similarity = -np.abs(place[:, None] - place[None, :])
    album = Album(frames(people, 2), "toy", 2)
    tracemalloc.start()
    found = look_alikes(album, similarity, {}, 50, 2, 0, "toy")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 10e6
    assert (found[:20] == look_alikes(album, similarity, {}, 20, 2, 0, "toy")).all(), "fewer are the first of more"


def test_every_pair_of_look_alikes_comes_once_before_any_comes_twice() -> None:
    rng = np.random.default_rng(3)
    genders = {f"p{person:03d}": "mw"[person % 7 == 0] for person in range(15)}
    found = look_alikes(Album(frames(15), "toy", 2), rng.random((15, 15)), genders, 200, 2, 0, "toy")
    pairs = [tuple(sorted(row)) for row in found.tolist()]
    every = 12 * 11 // 2 + 3
    assert len(set(pairs[:every])) == every
    assert set(pairs[every : 2 * every]) == set(pairs[:every])


def test_a_gender_that_is_contradicted_is_not_known() -> None:
    album = frames(2, 2)
    assert genders_of(album, {"Male": np.array([1, -1, 1, np.nan], dtype=np.float32)}) == {"p001": "1.0"}


def test_a_list_may_be_long(tmp_path: Path) -> None:
    path = tmp_path / "pairs.csv"
    rows = [f"{face},{k},p{(face + k) % 40:03d}/{face % 2}" for face in range(5000) for k in (1, 2)]
    path.write_text("face,contributor,photo\n" + "\n".join(rows))
    assert len(listed(Album(frames(40, 2), "toy", 2), path, 2, 5, 0, "toy")) == 5000
