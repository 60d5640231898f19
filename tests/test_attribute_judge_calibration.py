"""The attribute judge's cuts, and what its file says of its agreement with people."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy.special import expit

from bench.judges.network import read_network
from bench.registry import load
from generators.auxiliary.attribute_judge.calibrate import (
    balanced_accuracy,
    calibrated,
    matched,
    platt,
    write_label_scaling,
)
from generators.auxiliary.attribute_judge.evaluate import Judged
from generators.training.label_scaling import LabelScaling
from tests.test_attribute_judge import SMALL, judge_weights


def said(count: int = 600, seed: int = 0) -> tuple[Any, Any]:
    """Logits and labels: an attribute whose cut lies at -3, one that the logit says nothing of, and a rare one."""
    rng = np.random.default_rng(seed)
    logits = rng.normal((-3, 0, 0), 1.0, (count, 3)).astype(np.float32)
    labels = np.where(rng.random((count, 3)) < expit(3 * (logits + np.array([3, 0, 0]))), 1.0, -1.0)
    labels[:, 1] = np.where(logits[:, 1] < 0, 1.0, -1.0)  # the wrong way round
    labels[:, 2] = -1
    labels[:4, 2] = 1
    labels[::9, 0] = np.nan
    return logits, labels


def test_cuts_move_where_people_see_it() -> None:
    logits, labels = said()
    scaling = platt(logits, labels)
    assert -scaling.offsets[0] / scaling.slopes[0] == pytest.approx(-3, abs=0.2)
    assert scaling.slopes[0] == pytest.approx(3, rel=0.3)
    common = platt(logits, np.where(logits < -2, -1.0, labels), balanced=False)
    assert -common.offsets[0] / common.slopes[0] > -2.5, (
        "of a rarer attribute the cut lies higher where faces weigh the same"
    )
    assert (scaling.slopes[1], scaling.offsets[1]) == (0, 0), "worse than chance: nothing is said"
    assert (scaling.slopes[2], scaling.offsets[2]) == (1, 0), "too few to learn from"


def test_labels_get_the_shares_that_the_judge_sees() -> None:
    rng = np.random.default_rng(0)
    labels = rng.normal(0, 3, (4000, 2))
    judged = 0.3 * labels + (-0.5, 0.2) + rng.normal(0, 0.5, labels.shape)  # nearer to its mean than what it learned
    scaling = matched(labels, judged, np.array([2.0, 1.0]))
    there = scaling.slopes * labels + scaling.offsets > 0
    np.testing.assert_allclose(there.mean(axis=0), (judged > 0).mean(axis=0), atol=1e-3)


def test_balanced_accuracy_is_the_mean_of_both_classes() -> None:
    labels = np.array([[1, 1], [1, np.nan], [-1, 1], [-1, np.nan], [-1, np.nan]])
    scores = np.array([[0.9, 0.2], [0.1, 0.1], [0.2, 0.9], [0.2, 0.9], [0.8, 0.1]])
    found = balanced_accuracy(scores, labels)
    assert found[0] == pytest.approx((1 / 2 + 2 / 3) / 2)
    assert np.isnan(found[1])


def test_a_calibrated_file_says_what_was_found(tmp_path: Path) -> None:
    learned = judge_weights(tmp_path / "learned.safetensors")
    images = torch.rand(4, 3, 64, 64)
    logits, labels = said()
    people = (np.arange(600) // 3).astype(np.int32)
    split = np.where(people % 3 == 0, "eval", "train")
    judged = Judged(logits, labels.astype(np.float32), people, split)
    out = tmp_path / "calibrated.safetensors"
    scaling = calibrated(learned, judged, SMALL.attributes, out, {"calibration": "of a test"})
    fitted = platt(logits[split == "train"], labels[split == "train"])
    np.testing.assert_array_equal(scaling.slopes, [fitted.slopes[0], 1, 1])
    np.testing.assert_array_equal(scaling.offsets, fitted.offsets)
    with torch.inference_mode():
        before, after = (read_network(file).network(images).numpy() for file in (learned, out))
    np.testing.assert_allclose(after, before * scaling.slopes + scaling.offsets, atol=2e-2)
    judge: Any = load("judge", "attribute_judge", weights=str(out))
    assert set(judge.agreement) == set(SMALL.attributes)
    common, _, rare = (judge.agreement[name] for name in SMALL.attributes)
    assert common.low < common.area < common.high
    assert common.tested
    assert common.trusted
    assert common.there + common.absent == np.isfinite(labels[:, 0]).sum()
    assert not judge.agreement[SMALL.attributes[1]].trusted
    assert not rare.tested
    plain: Any = load("judge", "attribute_judge", weights=str(learned))
    assert plain.agreement == {}


def test_the_file_of_scalings_keeps_what_it_says_of_others(tmp_path: Path) -> None:
    file = tmp_path / "label_scaling.json"
    file.write_text(json.dumps({"about": {"other": "x"}, "datasets": {"other": {"Young": [1, 2]}}}), encoding="utf-8")
    scaling = LabelScaling(np.array([1.23456, 0, 1], np.float32), np.array([-2, 0, 3], np.float32))
    write_label_scaling(file, "lfw", ("Smiling", "Young", "Bald"), scaling, "of a test", ("Smiling", "Young"))
    found = json.loads(file.read_text(encoding="utf-8"))
    assert found["datasets"] == {"other": {"Young": [1, 2]}, "lfw": {"Smiling": [1.2346, -2.0], "Young": [0.0, 0.0]}}
    assert found["about"] == {"other": "x", "lfw": "of a test"}
