"""Predicted labels on other scales."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.special import expit, logit

from generators.training import label_scaling
from generators.training.label_scaling import LEAST, SPREAD, LabelScaling, predicted_scaling, standardising
from generators.training.labelled_faces import UNLABELLED, LabelledFaces


def scores(count: int, seed: int = 0) -> Any:
    """Predicted labels in [-1, 1]: one attribute that is hardly ever likely, one that is likely half of the time."""
    rng = np.random.default_rng(seed)
    logits = rng.normal((-4.5, 0.0), (0.8, 1.6), (count, 2))
    return (2 * expit(logits) - 1).astype(np.float32)


def test_standardised_labels_have_one_spread() -> None:
    labels = scores(5000)
    labels[:7] = np.nan
    scaled = standardising(labels).scaled(labels)
    assert np.isnan(scaled[:7]).all()
    logits = logit((scaled[7:].astype(np.float64) + 1) / 2)
    np.testing.assert_allclose(logits.mean(axis=0), 0, atol=0.05)
    np.testing.assert_allclose(logits.std(axis=0), SPREAD, rtol=0.05)
    assert (np.argsort(scaled[7:, 1]) == np.argsort(labels[7:, 1])).mean() > 0.99
    assert 0.4 < (scaled[7:, 0] > 0).mean() < 0.6


def test_scaling_is_of_logits_and_certain_labels_stay_finite() -> None:
    scaling = LabelScaling(np.array([2.0, 0.0], np.float32), np.array([1.0, 0.0], np.float32))
    labels = np.array([[0.2, 0.9], [1.0, -1.0], [-1.0, 0.0]], np.float32)
    expected = expit(2 * logit(np.clip((labels[:, 0].astype(np.float64) + 1) / 2, LEAST, 1 - LEAST)) + 1)
    scaled = scaling.scaled(labels)
    np.testing.assert_allclose((scaled[:, 0] + 1) / 2, expected, rtol=1e-4, atol=1e-6)
    np.testing.assert_array_equal(scaled[:, 1], 0)  # a slope of 0 says nothing


def test_one_scaling_after_another() -> None:
    labels = scores(50) * np.float32(0.9)
    first = standardising(labels)
    slopes, offsets = np.array([0.5, 1.5]), np.array([0.1, -0.2])
    once = first.after(slopes, offsets).scaled(labels)
    first_logits = logit((first.scaled(labels).astype(np.float64) + 1) / 2)
    np.testing.assert_allclose((once + 1) / 2, expit(slopes * first_logits + offsets), atol=2e-3)


@pytest.fixture
def known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "label_scaling.json"
    file.write_text(json.dumps({"datasets": {"predicted": {"Smiling": [2.0, 1.0]}}}), encoding="utf-8")
    monkeypatch.setattr(label_scaling, "FILE", file)
    label_scaling._file.cache_clear()
    yield  # type: ignore[misc]
    label_scaling._file.cache_clear()


class Pack:
    manifest = {"attributes": ["Young", "Smiling"]}  # noqa: RUF012
    dataset = np.array(["predicted", "predicted", "said", "predicted"])
    split = np.array(["train", "train", "train", "eval"])
    attributes = np.array([[0.5, -0.5], [-0.2, 0.8], [1, -1], [np.nan, 0.0]], np.float32)


@pytest.mark.usefixtures("known")
def test_only_predicted_labels_are_scaled_as_people_see_them() -> None:
    assert predicted_scaling("said", ["Smiling"]) is None
    faces = LabelledFaces(Pack(), ("Smiling", "Young"))  # type: ignore[arg-type]
    given = Pack.attributes[:, ::-1]
    np.testing.assert_array_equal(faces.attributes[2], given[2])
    np.testing.assert_allclose(faces.attributes[:2, 1], given[:2, 1], atol=1e-6)  # the file does not know Young
    np.testing.assert_allclose(
        (faces.attributes[:2, 0] + 1) / 2, expit(2 * logit((given[:2, 0] + 1) / 2) + 1), atol=1e-6
    )
    assert faces.split.tolist() == ["train", "train", "train", UNLABELLED]
    assert Pack.attributes[0, 1] == -0.5, "the pack is left as it was"


@pytest.mark.usefixtures("known")
def test_a_data_set_is_known_by_its_plugin_and_labels_by_a_digest() -> None:
    class Named(Pack):
        manifest = Pack.manifest | {"datasets": [{"name": "said", "plugin": "predicted"}]}

    plain, named, given = (
        LabelledFaces(pack, ("Smiling",), scale=scale)  # type: ignore[arg-type]
        for pack, scale in ((Pack(), "people"), (Named(), "people"), (Pack(), "given"))
    )
    assert plain.attributes[2, 0] == -1
    assert named.attributes[2, 0] == pytest.approx(2 * expit(2 * logit(LEAST) + 1) - 1)
    assert len({one.labels_digest for one in (plain, named, given)}) == 3
    assert LabelledFaces(Pack(), ("Smiling",)).labels_digest == plain.labels_digest  # type: ignore[arg-type]


@pytest.mark.usefixtures("known")
def test_labels_can_be_left_as_given_or_standardised() -> None:
    given = LabelledFaces(Pack(), ("Young",), scale="given")  # type: ignore[arg-type]
    np.testing.assert_array_equal(given.attributes[:, 0], Pack.attributes[:, 0])
    one = LabelledFaces(Pack(), ("Smiling",), ("predicted",), scale="standard")  # type: ignore[arg-type]
    logits = logit((one.attributes[:2, 0].astype(np.float64) + 1) / 2)
    np.testing.assert_allclose(np.sort(logits), [-SPREAD, SPREAD], rtol=1e-3)


def test_what_ships_is_a_scaling_of_what_celeba_calls_attributes() -> None:
    from bench.datasets.attributes import ATTRIBUTES

    found = predicted_scaling("lfw", ATTRIBUTES)
    assert found is not None
    assert (found.slopes >= 0).all()
    assert np.isfinite(found.offsets).all()
    hair = predicted_scaling("lfw", ["Black_Hair"])
    assert hair is not None
    likely = (hair.scaled(np.array([[2 * 0.1 - 1]], np.float32)) + 1) / 2
    assert likely[0, 0] > 0.5, "hardly a photo of LFW has black hair with more than 0.5, by the labels as they came"
