"""What one recognizer, or one maker of faces, has ahead of another on the same people, in a run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from bench.api import Cell, Crops, Embeddings, PluginRow
from bench.config import parse_sweep
from bench.registry import Registry
from bench.store.run_folder import RunFolder
from bench.sweep.comparison import COMPARED, COMPARED_OF_FACES, compare
from bench.sweep.runner import run_sweep
from reports import maker_differences
from reports.figures.style import looks
from reports.load import load
from reports.makers import judged
from reports.outlet import Outlet
from reports.page import Part, Table
from tests.toys import ToyRecognizer, add_toys, write


class Dull(ToyRecognizer):
    """A recognizer that does not see blue, and so errs more."""

    def embed(self, crops: Crops) -> Embeddings:
        return super().embed(crops * np.array([1, 1, 0], np.float32)[:, None, None])


OTHER = {"name": "dull", "label": "other"}


@pytest.fixture
def make(own_registry: Registry, tmp_path: Path) -> Any:
    """Runs a sweep over four photos of each of twelve people, whose colours overlap."""
    add_toys(own_registry)
    own_registry.add(
        PluginRow(
            kind="recognizer",
            name="dull",
            target=f"{__name__}:Dull",
            settings="tests.toys:ToySettings",
            summary="a toy",
            source="the tests",
            licence="none",
        ),
        "the tests",
    )
    rng = np.random.default_rng(0)
    for person, colour in enumerate(rng.integers(40, 215, (12, 3))):
        for photo in range(4):
            shade = np.clip(colour + rng.normal(0, 25, 3), 1, 255).astype(np.uint8)
            write(tmp_path / "photos" / f"person-{person:02d}" / f"{photo}.png", np.full((8, 8, 3), shade))

    def run(*recognizers: Any, out: str = "run", **changes: Any) -> RunFolder:
        base = {
            "name": "t",
            "dataset": {"name": "folder", "root": str(tmp_path / "photos")},
            "recognizers": list(recognizers),
            "fmr": [0.1],
            "draws": 200,
        }
        return run_sweep(parse_sweep(base | changes), tmp_path / out)

    return run


def differences(run: RunFolder) -> pd.DataFrame:
    summary = run.summary()
    return summary[summary["figure"].isin(list(COMPARED.values()))]


def test_each_recognizer_is_compared_with_the_first(make: Any) -> None:
    run = make("toy", OTHER, {"name": "toy", "label": "third", "gain": 1.5})
    found = differences(run)
    assert found[["recognizer", "versus"]].drop_duplicates().values.tolist() == [["other", "toy"], ["third", "toy"]]
    assert set(found["figure"]) == set(COMPARED.values())


def test_the_difference_is_that_of_the_figures_and_its_interval_is_paired(make: Any) -> None:
    run = make("toy", OTHER)
    summary = run.summary().set_index(["recognizer", "figure"])
    row = differences(run).set_index("figure").loc["area_under_curve_difference"]
    values = [summary.loc[(name, "area_under_curve"), "value"] for name in ("other", "toy")]
    assert row["value"] == values[0] - values[1]
    draws = []
    for outcome in run.outcomes():
        table = run.table(outcome["key"], "draws")
        draws.append(table.loc[table["figure"] == "area_under_curve", "value"].to_numpy())
    assert (row["low"], row["high"]) == tuple(np.percentile(draws[1] - draws[0], [2.5, 97.5]))
    assert row["interval"] == "bootstrap"
    assert row["low"] < row["value"] < row["high"]


def test_equal_recognizers_do_not_differ(make: Any) -> None:
    # A gain changes no cosine, so the draws of both are equal: unpaired, the interval would have a width.
    found = differences(make("toy", {"name": "toy", "label": "louder", "gain": 2.0}))
    assert (found[["value", "low", "high"]].to_numpy() == 0).all()


def test_without_draws_or_with_one_recognizer_nothing_is_compared(make: Any) -> None:
    assert differences(make("toy", OTHER, draws=0)).empty
    assert differences(make("toy", out="alone")).empty


def test_a_failed_cell_is_left_out(make: Any) -> None:
    run = make({"name": "toy", "label": "bad", "fail": True}, "toy", OTHER)
    assert differences(run)["versus"].unique().tolist() == ["toy"]


def test_comparisons_stand_behind_the_cells_figures(make: Any, tmp_path: Path) -> None:
    make("toy", OTHER)
    records = json.loads((tmp_path / "run" / "summary.json").read_text())["records"]
    compared = [record["versus"] is not None for record in records]
    assert compared == sorted(compared)


# ---------------------------------------------------------------------------------------------------------- of makers

FAINT, HALF = ({"name": "toy", "label": label, "weight": weight} for label, weight in (("faint", 0.1), ("half", 0.5)))


def of_makers(run: RunFolder) -> pd.DataFrame:
    summary = run.summary()
    return summary[summary["figure"].isin(list(COMPARED_OF_FACES.values()))]


@pytest.fixture
def made(make: Any) -> Any:
    """Runs a sweep in which makers make 40 faces of two people each."""

    def run(*generators: Any, **changes: Any) -> RunFolder:
        base = {"assessments": [], "generators": list(generators), "pairs": {"count": 40, "references": 2}}
        return make(*changes.pop("recognizers", ["toy"]), **(base | changes))

    return run


def test_each_maker_is_compared_with_the_first_as_each_recognizer_sees_it(made: Any) -> None:
    run = made(FAINT, HALF, {"name": "toy", "weight": [0.2, 0.9]}, recognizers=["toy", OTHER])
    found = of_makers(run)
    asked_for = {"making_distance_mean", "layout_intersection_over_union_mean", "nearest_similarity_mean"}
    assert set(found["figure"]) == {f"{name}_difference" for name in COMPARED_OF_FACES if name not in asked_for}
    who = found[["recognizer", "generator", "versus"]].drop_duplicates().values.tolist()
    assert sorted(who) == sorted([judge, maker, "faint"] for judge in ("toy", "other") for maker in ("half", "toy"))
    assert len(found[found["generator"] == "toy"]) == 2 * len(found[found["generator"] == "half"])
    along = made({"name": "toy", "weight": [0.2, 0.9]}, out="along")
    assert of_makers(along)["versus"].unique().tolist() == ["toy weight=0.2"]


def test_the_difference_of_two_makers_is_that_of_their_figures(made: Any) -> None:
    run = made(FAINT, HALF)
    summary, found = run.summary(), of_makers(run)
    own = summary[summary["versus"].isna()].set_index(["generator", "figure", "operating_point", "group"])["value"]
    for row in found.to_dict("records"):
        key = row["figure"].removesuffix("_difference"), row["operating_point"], row["group"]
        assert row["value"] == pytest.approx(own["half", *key] - own["faint", *key])
        assert row["low"] <= row["value"] <= row["high"]
    rows = found.set_index(["figure", "group"])
    similar = rows.loc["contributor_similarity_mean_difference"]
    assert similar.loc["contributor 2", "low"] > 0 > similar.loc["contributor 1", "high"]  # half has more of the second
    intervals = found.set_index("figure")["interval"].to_dict()
    assert intervals["frechet_distance_difference"] == intervals["kernel_distance_difference"] == "jackknife"
    assert intervals["both_match_rate_difference"] == "bootstrap"


def test_makers_of_the_same_faces_do_not_differ(made: Any) -> None:
    found = of_makers(made(FAINT, {**FAINT, "label": "again"}))
    assert (found[["value", "low", "high"]].to_numpy() == 0).all()
    assert len(found)


def test_makers_of_other_photos_are_not_compared(made: Any) -> None:
    """Faces of two people are none of the faces of one, or of three."""
    others = [{"name": "toy", "label": f"of-{sources}", "sources": sources} for sources in (1, 3)]
    assert of_makers(made(*others, HALF, {**HALF, "label": "also"}))["versus"].unique().tolist() == ["half"]
    assert of_makers(made(FAINT, HALF, out="none", draws=0)).empty


def test_a_run_from_before_left_out_tables_has_no_differences_of_distances(made: Any, tmp_path: Path) -> None:
    run = made(FAINT, HALF)
    for file in (tmp_path / "run" / "cells").glob("*/outcome.json"):
        outcome = json.loads(file.read_text())
        del outcome["tables"]["left_out"]
        file.write_text(json.dumps(outcome))
    cells = [Cell(one["key"], one["spec"], one["labels"]) for one in RunFolder.open(tmp_path / "run").outcomes()]
    found = {record["figure"]: record for record in compare(run, cells)}
    assert found["frechet_distance_difference"]["support"] == "insufficient"
    assert found["both_match_rate_difference"]["value"] is not None


def test_two_goals_of_one_attack_are_told_apart(made: Any) -> None:
    goals = [{"name": "toy", "goal": goal} for goal in ("hide", "dodge")]
    assert of_makers(made(attacks=goals))["versus"].unique().tolist() == ["toy (attack hide)"]


# ------------------------------------------------------------------------------------------------------- in the report


def part_of(run: RunFolder) -> tuple[Part, pd.DataFrame]:
    loaded = load(run.path)
    (arranged,) = (judged(group, loaded) for group in loaded.of("generated"))
    outlet = Outlet(run.path, looks(loaded.labels), None, 1)
    part = maker_differences.part(arranged, arranged.first, outlet)
    assert part is not None
    return part, maker_differences.differences_frame(arranged)


def test_the_report_says_which_maker_is_better_where_both_made_the_same_faces(made: Any) -> None:
    part, frame = part_of(made(FAINT, HALF))
    (table,) = [block.table for block in part.blocks if isinstance(block, Table)]
    assert table.rows[0].above == "toy, minus faint"
    assert [(row.label, row.note) for row in table.rows] == [("half", "made 40 of 40")]
    verdicts = frame.set_index(["figure", "group"])["verdict"]
    assert verdicts["contributor_similarity_mean_difference", "contributor 2"] == "higher"
    assert verdicts["contributor_similarity_mean_difference", "contributor 1"] == "lower"
    assert set(frame["verdict"]) <= {"better", "worse", "undecided", "higher", "lower"}
    assert list(frame.columns[:3]) == ["recognizer", "made_by", "group"]


def test_the_report_gives_no_verdict_on_makers_of_other_faces(made: Any) -> None:
    part, frame = part_of(made(FAINT, {**HALF, "refuses": 0.6}))
    (table,) = [block.table for block in part.blocks if isinstance(block, Table)]
    assert table.rows[0].note != "made 40 of 40"
    assert set(frame["verdict"]) == {"of other faces"}


def test_one_maker_has_nobody_to_be_compared_with(made: Any) -> None:
    loaded = load(made(FAINT).path)
    (arranged,) = (judged(group, loaded) for group in loaded.of("generated"))
    outlet = Outlet(loaded.folder, looks(loaded.labels), None, 1)
    assert maker_differences.part(arranged, arranged.first, outlet) is None
