"""What one recognizer has ahead of another on the same people, in a run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from bench.api import Crops, Embeddings, PluginRow
from bench.config import parse_sweep
from bench.registry import Registry
from bench.store.run_folder import RunFolder
from bench.sweep.comparison import COMPARED
from bench.sweep.runner import run_sweep
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
