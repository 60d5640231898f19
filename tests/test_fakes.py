"""The first fakes on real faces: what the four outcomes of collages and morphs must look like, whatever the numbers."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from bench.config import load_sweep
from bench.store.blobs import DiskStore
from bench.store.cache import ArrayCache
from bench.sweep.runner import run_sweep

pytestmark = [pytest.mark.full, pytest.mark.real]

FAKES = Path(__file__).parent.parent / "examples" / "fakes.yaml"
POINT = "dev:fmr=0.01"
FOUR = ("both", "swapped", "preserved", "neither")


@pytest.fixture(scope="module")
def summary(
    real_data: Path, real_models: Path, real_cache: Path, tmp_path_factory: pytest.TempPathFactory
) -> pd.DataFrame:
    """The figures of examples/fakes.yaml on 60 pairs, with the morphs and one collage."""
    overrides = ["pairs.count=60", "generators.0.regions=[face]", "attacks.0.background=blend", "assessments=[]"]
    cache = ArrayCache(DiskStore(real_cache))
    run = run_sweep(load_sweep(FAKES, overrides), tmp_path_factory.mktemp("fakes") / "run", cache=cache)
    assert run.failures().empty
    return run.summary()


def by_maker(summary: pd.DataFrame, figure: str, recognizer: str, point: str | None = POINT) -> dict[object, float]:
    rows = summary[(summary["figure"] == figure) & (summary["recognizer"] == recognizer)]
    rows = rows[rows["operating_point"] == point] if point else rows[rows["operating_point"].isna()]
    keys = [settings.get("attack.weight", "collage") for settings in rows["settings"]]
    return dict(zip(keys, rows["value"], strict=True))


RECOGNIZERS = ("dlib_resnet", "mobilefacenet_y1", "lbp")


@pytest.mark.parametrize("recognizer", RECOGNIZERS)
def test_shares_sum_to_one_with_intervals(summary: pd.DataFrame, recognizer: str) -> None:
    for maker in (0.3, 0.5, 0.7, "collage"):
        shares = [by_maker(summary, f"{name}_match_rate", recognizer)[maker] for name in FOUR]
        assert sum(shares) + by_maker(summary, "not_acquired_rate", recognizer)[maker] == pytest.approx(1)
    rates = summary[summary["figure"].isin([f"{name}_match_rate" for name in FOUR])]
    assert (rates["low"] <= rates["value"]).all()
    assert (rates["value"] <= rates["high"]).all()


@pytest.mark.parametrize("recognizer", RECOGNIZERS[:2])
def test_weights_move_similarity_from_the_first_to_the_second(summary: pd.DataFrame, recognizer: str) -> None:
    rows = summary[(summary["figure"] == "contributor_similarity_mean") & (summary["recognizer"] == recognizer)]
    rows = rows[rows["attack"] == "landmark_morph"]
    weight = rows["settings"].map(lambda settings: settings["attack.weight"])
    rows = rows.assign(weight=weight).pivot(index="weight", columns="group", values="value")
    first, second = (rows[f"contributor {k}"] for k in (1, 2))
    assert first[0.3] > first[0.5] > first[0.7]
    assert second[0.3] < second[0.5] < second[0.7]
    margin = by_maker(summary, "similarity_margin_mean", recognizer, None)
    assert margin[0.3] < 0 < margin[0.7]
    middle = summary[
        (summary["figure"] == "similarity_margin_mean") & (summary["recognizer"] == recognizer)
        & summary["settings"].map(lambda settings: settings.get("attack.weight") == 0.5)
    ]  # fmt: skip
    assert abs(middle["value"].iloc[0]) < 0.1 * (margin[0.7] - margin[0.3]), "a whole morph at one half is symmetric"


@pytest.mark.parametrize("recognizer", RECOGNIZERS[:2])
def test_a_morph_at_one_half_hides_more_than_a_clean_photo(summary: pd.DataFrame, recognizer: str) -> None:
    both, clean = (by_maker(summary, f"{name}both_match_rate", recognizer) for name in ("", "clean_"))
    excess = by_maker(summary, "excess_both_match_rate", recognizer)
    assert both[0.5] > max(both[0.3], both[0.7]) - 0.05
    assert both[0.5] > clean[0.5] + 0.05
    assert excess[0.5] == pytest.approx(both[0.5] - clean[0.5])


@pytest.mark.parametrize("recognizer", RECOGNIZERS)
def test_the_mmpmr_family_is_consistent(summary: pd.DataFrame, recognizer: str) -> None:
    for maker in (0.3, 0.5, 0.7, "collage"):
        prodavg, minmax, relative = (
            by_maker(summary, f"{name}_morph_match_rate", recognizer)[maker]
            for name in ("prodavg", "minmax", "relative")
        )
        assert prodavg <= minmax + 1e-12
        true_match_rate = 1 + prodavg - relative
        assert 0 <= true_match_rate <= 1
        rows = summary[(summary["figure"] == "acquired_contributor_match_rate") & (summary["recognizer"] == recognizer)]
        rows = rows[rows["operating_point"] == POINT]
        of_maker = rows[[settings.get("attack.weight", "collage") == maker for settings in rows["settings"]]]
        assert prodavg <= of_maker["value"].min() + 0.02, "faces with a reference that was not found weigh differently"
