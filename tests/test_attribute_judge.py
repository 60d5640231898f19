"""The judge of attributes: its network and plugin, and how it learns."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score

import bench
from bench.api import MeasuredJudge
from bench.datasets.attributes import ATTRIBUTES
from bench.errors import ConfigError, CorruptFile, InsufficientData, MissingFile, ShapeError
from bench.judges.attribute_judge import WEIGHTS
from bench.judges.network import NAME, JudgeNetwork, read_network
from bench.registry import load
from generators.auxiliary.attribute_judge.evaluate import agreement, area_under_curve, as_table, judged_pack
from generators.auxiliary.attribute_judge.recipe import PHASE, JudgeRecipe
from generators.auxiliary.attribute_judge.settings import PRESETS, JudgePreset
from generators.training.batches import TrainingBatch
from generators.training.recipe import Frozen, Step
from generators.training.released import write_released

SMALL = JudgePreset(attributes=("Smiling", "Young", "Male"), widths=(4, 8, 8, 8), batch_size=16, warm_up=2, decay_to=60)


def judge_weights(path: Path, preset: JudgePreset = SMALL) -> Path:
    """A network that learned nothing, released."""
    torch.manual_seed(0)
    network = JudgeNetwork(len(preset.attributes), preset.widths, preset.blocks)
    write_released(path, {NAME: network}, preset, {})
    return path


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return judge_weights(tmp_path / "judge.safetensors")


def test_what_it_says_is_what_the_network_says(file: Path) -> None:
    crops = np.random.default_rng(0).random((5, 3, 256, 256), dtype=np.float32)
    judge: Any = load("judge", "attribute_judge", weights=str(file), batch_size=2, threads=1)
    assert judge.attributes == SMALL.attributes
    network, names, _ = read_network(file)
    assert names == SMALL.attributes
    small = torch.nn.functional.avg_pool2d(torch.from_numpy(crops), 4)
    with torch.inference_mode():
        expected = network(small).sigmoid().numpy()
    np.testing.assert_allclose(judge.judge(crops), expected, atol=1e-5)
    assert judge.judge(crops[:0]).shape == (0, 3)
    assert judge.runtime()["device"] == "cpu"


def test_folding_changes_nothing(file: Path) -> None:
    torch.manual_seed(1)
    network = JudgeNetwork(3, SMALL.widths, 1)
    network(torch.rand(8, 3, 64, 64))  # statistics that are not those of the start
    network.eval()
    images = torch.rand(2, 3, 64, 64)
    with torch.inference_mode():
        before = network(images)
        torch.testing.assert_close(network.folded()(images), before, atol=1e-5, rtol=1e-4)


def test_wrong_files_and_crops_are_refused(file: Path, tmp_path: Path) -> None:
    with pytest.raises(MissingFile, match="nowhere"):
        load("judge", "attribute_judge", weights=str(tmp_path / "nowhere.safetensors"))
    write_released(tmp_path / "other.safetensors", {"x": torch.nn.Linear(1, 1)}, {"side": 64}, {})
    other: Any = load("judge", "attribute_judge", weights=str(tmp_path / "other.safetensors"))
    with pytest.raises(CorruptFile, match="not weights of attribute_judge"):
        _ = other.attributes
    judge: Any = load("judge", "attribute_judge", weights=str(file))
    with pytest.raises(ShapeError, match="attribute_judge"):
        judge.judge(np.zeros((1, 3, 128, 128), np.float32))
    with pytest.raises(ConfigError, match="batch_size"):
        load("judge", "attribute_judge", weights=str(file), batch_size=0)


def test_what_ships_says_how_far_it_agrees_with_people() -> None:
    judge: Any = load("judge", "attribute_judge")
    assert isinstance(judge, MeasuredJudge)
    assert judge.attributes == ATTRIBUTES
    trusted = {name for name, known in judge.agreement.items() if known.trusted}
    assert {"Smiling", "Male", "Bangs", "Blond_Hair"} <= trusted
    assert "Eyeglasses" not in trusted, "no more than 30 photos show glasses"
    assert all(known.low <= known.area <= known.high for known in judge.agreement.values())
    card = (Path(bench.__file__).parent / "weights" / WEIGHTS).with_suffix(".md").read_text(encoding="utf-8")
    assert f"{judge.agreement['Smiling'].area:.3f}" in card
    assert judge.fingerprint()["weights"] in card


def batch(count: int, seed: int) -> TrainingBatch:
    """Faces whose first attribute is that they are bright above, the second that they are red."""
    draw = torch.Generator().manual_seed(seed)
    images = torch.rand(count, 3, 64, 64, generator=draw) * 0.3 + 0.2
    attributes = (torch.rand(count, 3, generator=draw) > 0.5).float() * 2 - 1
    images[:, :, :24] += 0.2 * attributes[:, 0, None, None, None]
    images[:, 0] += 0.2 * attributes[:, 1, None, None]
    attributes[:, 2] = 0.4  # nobody is sure
    return TrainingBatch(images.clamp(0, 1), torch.arange(count), attributes=attributes)


def test_it_learns_what_can_be_seen_and_how_sure_to_be() -> None:
    torch.manual_seed(0)
    recipe = JudgeRecipe(dataclasses.replace(SMALL, dropout=0.0), Frozen())
    (optimizer,) = recipe.optimizers().values()
    for number in range(60):
        for group in optimizer.param_groups:
            group["lr"] = 5e-3 * recipe.rate_factor(number)
        optimizer.zero_grad()
        step = Step(number, batch(16, number), torch.Generator().manual_seed(number))
        recipe.losses(PHASE, step).total.backward()
        optimizer.step()
    seen = batch(200, 10**6)
    with torch.no_grad():
        found = recipe.network.eval()(seen.images).sigmoid()
    assert seen.attributes is not None
    assert ((found > 0.5) == (seen.attributes > 0))[:, :2].float().mean() > 0.9
    assert found[:, 2].mean().item() == pytest.approx(0.7, abs=0.1)


def test_faces_are_disturbed_and_stay_pictures() -> None:
    recipe = JudgeRecipe(SMALL, Frozen())
    images = batch(4, 0).images
    seen = [recipe._disturbed(images, torch.Generator().manual_seed(seed)) for seed in (0, 0, 1)]
    torch.testing.assert_close(seen[0], seen[1])
    assert (seen[0] - seen[2]).abs().mean() > 0.01
    assert seen[0].shape == images.shape
    assert seen[0].min() >= 0
    assert seen[0].max() <= 1
    still = dataclasses.replace(SMALL, shift=0.0, zoom=0.0, light=0.0, coarse=0.0)
    torch.testing.assert_close(JudgeRecipe(still, Frozen())._disturbed(images, torch.Generator()), images)
    assert recipe.samples(recipe.networks, batch(2, 0)).shape == (2, 4, 3, 64, 64)


def test_rates_rise_and_fall() -> None:
    recipe = JudgeRecipe(SMALL, Frozen())
    assert [recipe.rate_factor(number) for number in (0, 1, 30, 60)] == [
        pytest.approx(one) for one in (0.5, 59 / 60, 0.5, 0)
    ]
    assert recipe.last_step == 60


@pytest.mark.parametrize(
    ("change", "said"),
    [({"widths": (8, 8)}, "expected 64 and 4"), ({"side": 32}, "got 32"), ({"dropout": 2.0}, "dropout: got 2.0"),
     ({"attributes": ("Smile",)}, "did you mean 'Smiling'"), ({"warm_up": 0}, "warm_up: got 0")],
)  # fmt: skip
def test_a_preset_says_what_is_wrong_with_it(change: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        dataclasses.replace(PRESETS["base"], **change)


def test_the_area_is_that_of_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    scores = rng.integers(0, 30, 400) / 30  # with ties
    labels = rng.random(400) < 0.3 + 0.4 * scores
    weights = rng.integers(0, 4, 400).astype(np.float64)
    expected = roc_auc_score(labels, scores, sample_weight=weights)
    assert area_under_curve(scores, labels, weights) == pytest.approx(expected)
    assert np.isnan(area_under_curve(scores, labels & False, weights))


def test_attributes_with_few_faces_are_untested() -> None:
    rng = np.random.default_rng(1)
    labels = np.where(rng.random((300, 2)) < 0.5, 1.0, -1.0)
    labels[:, 1] = -1
    labels[:49, 1] = 1
    labels[:20, 0] = np.nan
    scores = labels + rng.normal(size=labels.shape)
    people = np.arange(300, dtype=np.int32) // 3
    found = agreement(np.nan_to_num(scores), labels, people, ("Smiling", "Young"), draws=100)
    common, rare = found["Smiling"], found["Young"]
    assert common.tested
    assert common.there + common.absent == 280
    assert common.low < common.area < common.high
    assert common.area == pytest.approx(roc_auc_score(labels[20:, 0] > 0, scores[20:, 0]))
    assert not rare.tested
    table = as_table({"Young": rare, "Smiling": common})
    assert table.index("Smiling") < table.index("Young")
    assert "(untested)" in table
    assert "Tested: 1 of 2 attributes" in table


class LabelledPack:
    """As much of a pack as is asked for."""

    manifest = {"attributes": ["Young", "Other", "Smiling"]}  # noqa: RUF012
    subjects = np.array([3, 3, 5])
    split = np.array(["train", "dev", "eval"])

    def __init__(self) -> None:
        self.attributes = np.array([[1, 0, -1], [np.nan] * 3, [-1, 1, 1]], np.float32)

    def images(self, rows: Any, side: int) -> Any:
        return np.random.default_rng(0).integers(0, 256, (3, side, side, 3), dtype=np.uint8)[rows]


def test_a_pack_is_judged_by_the_judges_names(file: Path) -> None:
    judge: Any = load("judge", "attribute_judge", weights=str(file))
    logits, labels, people, split = judged_pack(judge, LabelledPack())  # type: ignore[arg-type]
    nan = np.nan
    np.testing.assert_array_equal(labels, [[-1, 1, nan], [1, -1, nan]])
    np.testing.assert_array_equal(people, [3, 5])
    np.testing.assert_array_equal(split, ["train", "eval"])
    images = torch.from_numpy(LabelledPack().images([0, 2], 64)).permute(0, 3, 1, 2).float() / 255
    network = read_network(file).network
    with torch.inference_mode():
        np.testing.assert_allclose(logits, network(images).numpy(), atol=1e-5)
    nobody = LabelledPack()
    nobody.attributes[:] = nan
    with pytest.raises(InsufficientData, match="no labelled face"):
        judged_pack(judge, nobody)  # type: ignore[arg-type]
