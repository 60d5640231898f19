"""`impersona import` and `impersona export`: scores from elsewhere end as a run folder like a sweep's, and back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from bench.cli.main import main
from bench.config import parse_sweep
from bench.errors import ConfigError, UnknownName
from bench.exchange import ComparisonScores, comparison_scores, read_scores, write_scores
from bench.registry import Registry
from bench.store.cache import ArrayCache
from bench.store.run_folder import RunFolder, draws_of
from bench.sweep.exported import exported_scores
from bench.sweep.imported import Import, import_scores
from bench.sweep.runner import run_sweep
from reports.gate import compare
from tests.score_files import SAMPLES, bits, comparisons, presentations, same, written
from tests.toys import add_toys, photos, write

DRAWS, SEED, FMR = 60, 4, (0.1, 0.05)
_SUBJECTS = ("subjects", "None", "None", "None")


@pytest.fixture
def sweep_run(tmp_path: Path) -> RunFolder:
    """Twelve people, four vectors each, and two ways to compare them."""
    rng = np.random.default_rng(5)
    centres = rng.normal(size=(12, 6))
    vectors = centres.repeat(4, axis=0) + 0.9 * rng.normal(size=(48, 6))
    frame = pd.DataFrame(
        {
            "key": [f"p{row // 4:02}/{row % 4}" for row in range(48)],
            "subject": [f"p{row // 4:02}" for row in range(48)],
            "embedding": [*vectors.astype(np.float32)],
        }
    )
    frame.to_parquet(tmp_path / "vectors.parquet")
    document = {
        "name": "given",
        "dataset": {"name": "embeddings", "file": str(tmp_path / "vectors.parquet")},
        "recognizers": [
            {"name": "given", "comparison": "cosine", "label": "cosine"},
            {"name": "given", "comparison": "neg_l2", "label": "distance"},
        ],
        "draws": DRAWS,
        "seed": SEED,
        "fmr": list(FMR),
    }
    return run_sweep(parse_sweep(document), tmp_path / "sweep", cache=ArrayCache())


def how(system: str = "s", **changes: Any) -> Import:
    return Import(**{"name": "d", "system": system, "draws": DRAWS, "seed": SEED, "fmr": FMR, **changes})


def figures(outcome: Mapping[str, Any]) -> dict[tuple[str, ...], dict[str, Any]]:
    """A cell's figures by name, with what counts: value, ends, number and support."""
    counted_photos = ("frames", "frames_not_acquired")  # which a file of scores does not tell
    return {
        tuple(str(one[name]) for name in ("figure", "operating_point", "group", "species")): {
            name: one[name] for name in ("value", "low", "high", "n", "support", "interval")
        }
        for one in outcome["figures"]
        if one["figure"] not in counted_photos
    }


def command(*arguments: object) -> int:
    with pytest.raises(SystemExit) as ended:
        main([str(argument) for argument in arguments])
    return int(ended.value.code or 0)


# ---------------------------------------------------------------------------------------------- a sweep's own and back


@pytest.mark.parametrize("form", ["bob_bio", "bob_bio_5", "bob_bio_4", "nist"])
def test_an_exported_sweep_is_imported_with_equal_figures_and_draws(
    sweep_run: RunFolder, tmp_path: Path, form: str
) -> None:
    folders = {}
    for system in ("cosine", "distance"):
        assert command("export", sweep_run.path, "--format", form, "--system", system, "--out", tmp_path / system) == 0
        files = [tmp_path / system / name for name in write_scores(form, SAMPLES[form]()).files]
        arguments = ["--name", "embeddings", "--protocol", "all_pairs", "--system", system]
        settings = ["--draws", DRAWS, "--seed", SEED, *(f"--fmr={rate}" for rate in FMR)]
        assert command("import", *files, "--format", form, "--out", tmp_path / "run", *arguments, *settings) == 0
        folders[system] = RunFolder.open(tmp_path / "run")
    ours = {one["labels"]["recognizer"]: one for one in sweep_run.outcomes()}
    theirs = {one["labels"]["recognizer"]: one for one in folders["distance"].outcomes()}
    assert list(theirs) == ["cosine", "distance"]
    for system, mine in ours.items():
        other = theirs[system]
        found = [figures(one) for one in (mine, other)]
        if form == "bob_bio_4":  # which holds fewer names, so that it counts fewer faces
            assert [found[0].pop(_SUBJECTS)["value"], found[1].pop(_SUBJECTS)["value"]] == [12, 12]
        assert found[1] == found[0]
        assert {name: other["counts"][name] for name in other["counts"]} == {
            name: mine["counts"][name] for name in other["counts"]
        }
        tables = [
            folder.table(one["key"], "trials")
            for folder, one in ((sweep_run, mine), (RunFolder.open(tmp_path / "run"), other))
        ]
        for column in tables[0].columns.difference(["reference"] if form == "bob_bio_4" else []):
            pd.testing.assert_series_equal(*(table[column].astype(object) for table in tables))
        draws = [
            draws_of(folder.table(one["key"], "draws"))
            for folder, one in ((sweep_run, mine), (RunFolder.open(tmp_path / "run"), other))
        ]
        assert draws[0].keys() == draws[1].keys()
        for key, values in draws[0].items():
            np.testing.assert_array_equal(values, draws[1][key])
    versus = [
        run.summary().query("versus.notna()")[["figure", "operating_point", "value", "low", "high"]]
        for run in (sweep_run, RunFolder.open(tmp_path / "run"))
    ]
    assert len(versus[0]) > 0
    pd.testing.assert_frame_equal(versus[0].reset_index(drop=True), versus[1].reset_index(drop=True))


@pytest.mark.parametrize("form", ["bob_bio", "nist"])
def test_failures_to_acquire_go_out_and_come_back(form: str, own_registry: Registry, tmp_path: Path) -> None:
    add_toys(own_registry)
    root = photos(tmp_path / "photos")
    write(root / "ann" / "0.png", np.zeros((16, 16, 3), np.uint8))
    document = {"name": "t", "dataset": {"name": "folder", "root": str(root)}, "recognizers": ["toy"], "fmr": [0.1]}
    run = run_sweep(parse_sweep(document), tmp_path / "sweep", cache=ArrayCache())
    assert command("export", run.path, "--format", form, "--out", tmp_path / "out") == 0
    files = [tmp_path / "out" / name for name in write_scores(form, SAMPLES[form]()).files]
    settings = {"name": "folder", "draws": 1000, "seed": 0, "fmr": (0.1,)}
    back = import_scores(read_scores(form, *files), tmp_path / "run", how("toy", **settings))
    (ours,), (theirs,) = run.outcomes(), back.outcomes()
    assert figures(theirs) == figures(ours)
    assert theirs["counts"]["trials_not_acquired"] == ours["counts"]["trials_not_acquired"] == 11
    assert ours["counts"]["people"] == theirs["counts"]["people"] == 4


@pytest.mark.parametrize("form", sorted(SAMPLES))
def test_every_format_goes_into_a_run_and_out_of_it(form: str, tmp_path: Path) -> None:
    paths = written(form, tmp_path / "in")
    run = import_scores(read_scores(form, *paths), tmp_path / "run", how())
    same(exported_scores(run), read_scores(form, *paths))
    assert command("export", run.path, "--format", form) == 0
    for path in paths:
        assert (run.path / "export" / form / path.name).read_bytes() == path.read_bytes()


def test_the_report_of_an_imported_run_shows_its_figures(tmp_path: Path) -> None:
    run = import_scores(comparisons(count=900, people=30), tmp_path / "run", how("theirs"))
    import_scores(comparisons(count=900, people=30, seed=0), run.path, how("ours"))
    assert command("report", run.path) == 0
    page = (run.path / "report.html").read_text()
    assert "impersona run sweep.yaml" not in page  # no sweep makes an imported run again
    summary = run.summary()
    eer = summary[summary["figure"] == "equal_error_rate"]["value"].iloc[0]
    assert "theirs" in page
    assert "ours" in page
    assert f"{eer:.2%}"[:4] in page


def test_the_gate_takes_imported_runs(tmp_path: Path) -> None:
    scores = comparisons(count=3000, people=60, missing=0)
    rng = np.random.default_rng(0)
    noise = (scores.scores + rng.normal(0, 1.5, len(scores))).astype(np.float32)
    order = rng.permutation(len(scores))  # another tool's order of the same comparisons
    sides = (scores.probe, scores.reference, scores.probe_subject, scores.reference_subject)
    worse = comparison_scores(*([np.asarray(side)[order].tolist() for side in sides]), noise[order])
    base, equal = (import_scores(scores, tmp_path / name, how(draws=300)) for name in ("base", "equal"))
    new = import_scores(worse, tmp_path / "new", how(draws=300))
    assert compare(base.path, equal.path, ["eer:+1pp"]).passed
    verdict = compare(base.path, new.path, ["eer:+1pp"])
    assert not verdict.passed
    fewer = import_scores(comparisons(count=2999, people=60, missing=0), tmp_path / "fewer", how(draws=300))
    with pytest.raises(ConfigError, match="who is compared with whom"):
        compare(base.path, fewer.path, ["eer:+1pp"])


# ----------------------------------------------------------------------------------------------- detectors and pyeer


def test_detectors_get_the_figures_that_their_scores_have(tmp_path: Path) -> None:
    scores = presentations(count=400, people=30)
    run = import_scores(scores, tmp_path / "run", how("det"))
    (outcome,) = run.outcomes()
    assert outcome["spec"]["assessment"] == "detection"
    assert outcome["labels"]["detector"] == "det"
    assert outcome["counts"] == {"people": 30, "presentations": 400, "presentations_without_response": 3}
    found = figures(outcome)
    there = ~np.isnan(scores.scores)
    for species in ("mask", "morph"):
        kind = np.asarray(pd.Series(scores.species).astype(object) == species)
        some = there & (kind | ~scores.attack)
        value = found["detection_area_under_curve", "None", "None", species]["value"]
        assert value == pytest.approx(roc_auc_score(kind[some], scores.scores[some]), abs=1e-12)
    assert found["bona_fide_samples", "None", "None", "None"]["value"] == 200
    assert command("report", run.path) == 0
    assert "det" in (run.path / "report.html").read_text()


def test_scores_without_names_say_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    paths = written("pyeer", tmp_path / "in")
    assert command("import", *paths, "--format", "pyeer", "--out", tmp_path / "run", "--draws", 20) == 0
    told = capsys.readouterr()
    assert "warning: the files name nobody" in told.err
    assert "of nobody named" in told.out
    (outcome,) = RunFolder.open(tmp_path / "run").outcomes()
    assert outcome["counts"]["people"] == outcome["counts"]["trials"] == 40
    kept = json.loads((tmp_path / "run" / "manifest.json").read_text())["imported"][outcome["key"]]
    assert "intervals are too narrow" in kept["warnings"][0]
    assert kept["format"] == "pyeer"


# ------------------------------------------------------------------------------------------------ folders and refusals


def test_the_same_scores_in_another_format_or_order_are_the_same_trials(tmp_path: Path) -> None:
    scores = comparisons(missing=0)
    keys = set()
    for form in ("bob_bio", "bob_bio_5", "nist"):
        files = []
        for name, data in write_scores(form, scores).files.items():
            (tmp_path / f"{form}-{name}").write_bytes(data)
            files.append(tmp_path / f"{form}-{name}")
        run = import_scores(read_scores(form, *files), tmp_path / "run", how(source={"format": form}))
        keys |= {*run.cell_keys()}
    assert len(keys) == 1


def test_other_scores_of_a_system_need_replace(tmp_path: Path) -> None:
    run = import_scores(comparisons(), tmp_path / "run", how())
    (before,) = run.cell_keys()
    with pytest.raises(ConfigError, match=r"holds other scores of 's'.*--system another label, or --replace"):
        import_scores(comparisons(seed=1), run.path, how())
    assert run.cell_keys() == [before]
    import_scores(comparisons(seed=1), run.path, how(replace=True))
    (after,) = run.cell_keys()
    assert after != before
    assert [path.name for path in (run.path / "cells").iterdir() if any(path.iterdir())] == [after]
    assert set(json.loads((run.path / "manifest.json").read_text())["imported"]) == {after}


def test_scores_are_not_put_among_other_things(sweep_run: RunFolder, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="holds the run of a sweep"):
        import_scores(comparisons(), sweep_run.path, how())
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "letter.txt").write_text("dear")
    with pytest.raises(ConfigError, match="holds files but no run"):
        import_scores(comparisons(), tmp_path / "full", how())
    with pytest.raises(ConfigError, match="is a file"):
        import_scores(comparisons(), tmp_path / "full" / "letter.txt", how())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"fmr": ()}, "fmr: got"),
        ({"fmr": (0.1, 0.1)}, "fmr: got"),
        ({"rates": (1.5,)}, "rates: got"),
        ({"draws": -1}, "draws: got -1"),
        ({"name": ""}, "name: got ''"),
        ({"system": "a\n"}, "system: got"),
    ],
)
def test_settings_that_cannot_be(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        how(**changes)


def test_a_bad_file_leaves_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bad = tmp_path / "bad.txt"
    bad.write_text("ann ann a1 0.5\nann bob b1\n")
    assert command("import", bad, "--format", "bob_bio", "--out", tmp_path / "run") == 2
    assert "bad.txt, line 2: got 3 fields, 'ann bob b1', expected 4" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()
    good = tmp_path / "good.txt"
    good.write_text("ann ann a1 0.5\nann bob b1 0\n")
    assert command("import", good, "--format", "bob_bio", "--out", tmp_path / "run", "--rate", 0.1) == 2
    assert "give --fmr" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_which_cell_is_exported(sweep_run: RunFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command("export", sweep_run.path, "--format", "bob_bio") == 2
    told = capsys.readouterr().err
    for key in sweep_run.cell_keys():
        assert f"--cell {key[:12]}" in told
        assert isinstance(exported_scores(sweep_run, key[:12]), ComparisonScores)
    with pytest.raises(UnknownName, match="did you mean 'cosine'"):
        exported_scores(sweep_run, system="cosin")
    with pytest.raises(UnknownName, match="unknown cell"):
        exported_scores(sweep_run, cell="zz")
    assert command("export", sweep_run.path, "--format", "deepfakebench", "--system", "cosine") == 2
    assert not (sweep_run.path / "export").exists()


def test_distances_go_out_and_come_back(tmp_path: Path) -> None:
    run = import_scores(comparisons(), tmp_path / "run", how())
    assert command("export", run.path, "--format", "bob_bio", "--distance", "--out", tmp_path / "out") == 0
    path = tmp_path / "out" / "scores.csv"
    there = read_scores("bob_bio", path)
    assert bits(there.scores) == bits(-comparisons().scores)
    assert bits(read_scores("bob_bio", path, distance=True).scores) == bits(comparisons().scores)
