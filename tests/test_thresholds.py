"""Threshold manifests: what they hold, how they are read back, and everything that they are refused for."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.errors import ConfigError, CorruptFile, MissingFile
from bench.store.fitting import Setup, check, check_runtime, find_fitting
from bench.store.legacy import LEGACY_CONSTANTS, legacy_model, threshold_above
from bench.store.thresholds import (
    CalibrationData,
    EqualError,
    Logistic,
    PluginIdentity,
    ThresholdPoint,
    Thresholds,
    person_hash,
)

WEIGHTS = "3f2a" * 16
RECOGNIZER = {"revision": 1, "weights": WEIGHTS, "template": "aa" * 32, "device": "cpu", "gain": 1.0, "torch": "2.13.0"}
ALIGNER = {"revision": 1, "upsample": 1, "predictor": "bb" * 32, "dlib": "19.24.6 (dlib-bin)"}
TENTH = float(np.float32(0.1))


def point(**changes: Any) -> ThresholdPoint:
    """A threshold at FMR 0.01 on 5,000 nonmated comparisons."""
    fields: dict[str, Any] = {
        "requested_fmr": 0.01,
        "threshold": TENTH,
        "threshold_interval": (0.05, 0.15),
        "false_match_rate": 0.0098,
        "false_match_rate_interval": (0.004, 0.02),
        "false_matches": 49,
        "allowed_false_matches": 50,
        "false_non_match_rate": 0.2,
        "false_non_match_rate_interval": (0.1, 0.3),
        "support": "ok",
        "needed_nonmated": 100,
        "needed_nonmated_ok": 3000,
    }
    return ThresholdPoint(**fields | changes)


def manifest(**changes: Any) -> Thresholds:
    """Thresholds of a recognizer called mine on the people ann and bob."""
    fields: dict[str, Any] = {
        "recognizer": PluginIdentity(name="mine", fingerprint=RECOGNIZER, label="Mine"),
        "aligner": PluginIdentity(name="finder", fingerprint=ALIGNER),
        "comparison": "cosine",
        "images_read_by": {"pillow": "12.0.0", "numpy": "2.4.6"},
        "runtime": {"device": "cpu", "torch": "2.13.0"},
        "dataset": CalibrationData(
            name="folder",
            fingerprint={"revision": 1, "split": "dev", "max_people": None, "strict": True},
            protocol="all_pairs",
            split="dev",
            trials="cc" * 32,
            images="dd" * 32,
            people=2,
            people_hashes=tuple(sorted(person_hash("folder", name) for name in ("ann", "bob"))),
            mated=10,
            nonmated=5000,
            mated_not_acquired=1,
            nonmated_not_acquired=0,
        ),
        "seed": 7,
        "draws": 1000,
        "points": (point(), point(requested_fmr=1e-5, **NOTHING)),
        "equal_error": EqualError(
            equal_error_rate=0.1, equal_error_rate_interval=(0.05, 0.2), threshold=float(np.float32(-0.7))
        ),
        "logistic": Logistic(scale=1 / 3, offset=-math.pi),
        "impersona": "0.1.0",
        "date": "2026-01-01T00:00:00+00:00",
    }
    return Thresholds(**fields | changes)


NOTHING: dict[str, Any] = {
    "threshold": None,
    "threshold_interval": None,
    "false_match_rate": None,
    "false_match_rate_interval": None,
    "false_matches": None,
    "allowed_false_matches": 0,
    "false_non_match_rate": None,
    "false_non_match_rate_interval": None,
    "support": "insufficient",
    "needed_nonmated": 100_000,
}


def setup(**changes: Any) -> Setup:
    """The setup of `manifest`, with changes to fields, or to a fingerprint by ``recognizer_`` or ``aligner_``."""
    parts: dict[str, dict[str, Any]] = {"recognizer": dict(RECOGNIZER), "aligner": dict(ALIGNER)}
    fields: dict[str, Any] = {"comparison": "cosine", "images_read_by": {"pillow": "12.0.0", "numpy": "2.4.6"}}
    for name, value in changes.items():
        role, _, entry = name.partition("_")
        if role in parts and entry:
            parts[role] |= {entry: value}
        else:
            fields[name] = value
    mine = {
        "recognizer": PluginIdentity(name="mine", fingerprint=parts["recognizer"], label="Mine"),
        "aligner": PluginIdentity(name="finder", fingerprint=parts["aligner"]),
    }
    return Setup(**mine | fields)


# ------------------------------------------------------------------------------------------------------- round trip


def test_a_manifest_reads_back_as_it_was(tmp_path: Path) -> None:
    written = manifest()
    assert written.write(tmp_path / "deep" / "mine.json")
    assert Thresholds.read(tmp_path / "deep" / "mine.json") == written
    assert json.loads((tmp_path / "deep" / "mine.json").read_text())["schema"] == "impersona.thresholds/1"


def test_a_fingerprint_keeps_its_types(tmp_path: Path) -> None:
    manifest().write(tmp_path / "mine.json")
    read = Thresholds.read(tmp_path / "mine.json")
    assert [type(value) for value in read.dataset.fingerprint.values()] == [int, str, type(None), bool]
    assert type(read.recognizer.fingerprint["gain"]) is float
    assert check(read, setup(), "mine.json") == ()


def test_every_float32_reads_back_to_the_bit(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    bits = rng.integers(0, 2**32, 500, dtype=np.uint32).view(np.float32)
    bits = np.append(bits[np.isfinite(bits)], np.finfo(np.float32).min)
    points = tuple(point(threshold=float(value)) for value in bits)
    manifest(points=points).write(tmp_path / "mine.json")
    read = [each.threshold for each in Thresholds.read(tmp_path / "mine.json").points]
    np.testing.assert_array_equal(np.array(read, np.float32).view(np.uint32), bits.view(np.uint32))


def test_the_digest_says_whether_anything_changed_but_the_date() -> None:
    assert manifest(date="2027-01-01T00:00:00+00:00", impersona="9").digest == manifest().digest
    assert manifest(seed=8).digest != manifest().digest
    assert manifest(points=(point(threshold=float(np.nextafter(np.float32(0.1), 1))),)).digest != manifest().digest


def test_a_manifest_is_not_silently_replaced(tmp_path: Path) -> None:
    path = tmp_path / "mine.json"
    assert manifest().write(path)
    assert not manifest(date="2027-01-01T00:00:00+00:00").write(path)
    assert Thresholds.read(path).date.startswith("2026")
    with pytest.raises(ConfigError, match="holds other thresholds; give --replace"):
        manifest(seed=8).write(path)
    assert Thresholds.read(path).seed == 7
    assert manifest(seed=8).write(path, replace=True)
    assert Thresholds.read(path).seed == 8


def test_something_else_in_its_place_is_not_silently_replaced(tmp_path: Path) -> None:
    (tmp_path / "mine.json").write_text("{}")
    with pytest.raises(CorruptFile, match="schema None"):
        manifest().write(tmp_path / "mine.json")
    assert manifest().write(tmp_path / "mine.json", replace=True)


# -------------------------------------------------------------------------------------------------- unreadable files


def test_every_truncation_is_corrupt(tmp_path: Path) -> None:
    path = tmp_path / "mine.json"
    manifest().write(path)
    whole = path.read_bytes()
    for length in [0, *range(1, len(whole) - 2, 97), len(whole) - 2]:
        path.write_bytes(whole[:length])
        with pytest.raises(CorruptFile, match=r"mine\.json: not JSON .*impersona calibrate"):
            Thresholds.read(path)


def changed(**changes: Any) -> Callable[[dict[str, Any]], None]:
    """A change to a manifest's document, by dotted keys."""

    def change(document: dict[str, Any]) -> None:
        for key, value in changes.items():
            target: Any = document
            *path, last = key.split("__")
            for part in path:
                target = target[int(part) if part.isdigit() else part]
            if value is ...:
                del target[last]
            else:
                target[last] = value

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (changed(schema="impersona.thresholds/2", impersona="3.1"), r"impersona\.thresholds/2.*reads.*3\.1"),
        (changed(schema="impersona.summary/1"), "schema 'impersona.summary/1'; expected"),
        (changed(schema=...), "schema None; expected"),
        (changed(comparison=...), "comparison: Field required"),
        (changed(comparison="hamming"), "comparison: Input should be 'cosine' or 'neg_l2'"),
        (changed(seed="7"), "seed: Input should be a valid integer"),
        (changed(points__0__threshold=0.1), r"points\.0: threshold: got 0\.1, which is no float32 number"),
        (changed(points__0__threshold="0.1"), r"points\.0\.threshold: Input should be a valid number"),
        (changed(points__0__threshold=None), "got None with support 'ok'"),
        (changed(points__0__requested_fmr=0), r"requested_fmr: got 0\.0, expected more than 0"),
        (changed(points__0__false_match_rate=1.5), r"false_match_rate: got 1\.5, expected 0 to 1"),
        (changed(equal_error__threshold=0.3), "no float32 number"),
        (changed(dataset__people_hashes=None), r"dataset\.people_hashes: "),
        (changed(recognizer={"name": "mine"}), r"recognizer\.fingerprint: Field required"),
    ],
)
def test_a_manifest_that_says_nonsense_is_corrupt(
    change: Callable[[dict[str, Any]], None], message: str, tmp_path: Path
) -> None:
    document = manifest().document
    change(document)
    (tmp_path / "mine.json").write_text(json.dumps(document))
    with pytest.raises(CorruptFile, match=message):
        Thresholds.read(tmp_path / "mine.json")


@pytest.mark.parametrize("text", ["[]", "3", '"impersona.thresholds/1"', "null", "NaN", "\xff"])
def test_other_json_is_corrupt(text: str, tmp_path: Path) -> None:
    (tmp_path / "mine.json").write_bytes(text.encode("latin-1"))
    with pytest.raises(CorruptFile, match=r"mine\.json"):
        Thresholds.read(tmp_path / "mine.json")


def test_a_field_more_is_of_no_harm(tmp_path: Path) -> None:
    (tmp_path / "mine.json").write_text(json.dumps(manifest().document | {"remark": "ours"}))
    assert Thresholds.read(tmp_path / "mine.json") == manifest()


def test_nothing_there_says_how_to_make_it(tmp_path: Path) -> None:
    for where in (tmp_path / "mine.json", tmp_path):
        with pytest.raises(MissingFile, match="impersona calibrate"):
            find_fitting(where, setup())


# --------------------------------------------------------------------------------------------------- what is refused


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"recognizer_weights": "91bc" * 16},
            "recognizer weights: these thresholds are of 3f2a3f2a3f2a…, the sweep uses 91bc91bc91bc…",
        ),
        ({"recognizer_template": "ab" * 32}, "recognizer template: .* aaaaaaaaaaaa…"),
        ({"recognizer_revision": 2}, "recognizer revision: these thresholds are of 1, the sweep uses 2"),
        ({"recognizer_device": "cuda"}, "recognizer device: these thresholds are of cpu, the sweep uses cuda"),
        ({"recognizer_gain": 2.0}, "recognizer gain: "),
        ({"recognizer_gain": 1}, "recognizer gain: "),
        ({"recognizer_provider": "cpu"}, "recognizer provider: these thresholds are of none, the sweep uses cpu"),
        ({"recognizer_torch": "3.0.0"}, "recognizer torch: these thresholds are of 2.13.0, the sweep uses 3.0.0"),
        ({"recognizer_torch": "2.12.1"}, "recognizer torch: "),
        ({"recognizer_torch": "absent"}, "recognizer torch: "),
        ({"aligner_upsample": 0}, "aligner upsample: "),
        ({"aligner_predictor": "ee" * 32}, "aligner predictor: "),
        ({"aligner_dlib": "20.0.0"}, "aligner dlib: "),
        ({"comparison": "neg_l2"}, "comparison: these thresholds are of cosine, the sweep uses neg_l2"),
        ({"images_read_by": {"pillow": "13.0.0", "numpy": "2.4.6"}}, "images read by pillow: "),
        ({"recognizer": PluginIdentity(name="other", fingerprint=RECOGNIZER)}, "recognizer: .* mine, .* other"),
        ({"aligner": PluginIdentity(name="other", fingerprint=ALIGNER)}, "aligner: .* finder, .* other"),
    ],
)
def test_foreign_thresholds_are_refused_with_what_differs(
    changes: dict[str, Any], message: str, tmp_path: Path
) -> None:
    manifest().write(tmp_path / "mine.json")
    for where in (tmp_path / "mine.json", tmp_path):
        with pytest.raises(ConfigError, match=message) as caught:
            find_fitting(where, setup(**changes))
        assert str(caught.value).count("these thresholds are of") == 1
        assert "impersona calibrate SWEEP.yaml --replace" in str(caught.value)


def test_every_difference_is_named() -> None:
    foreign = setup(recognizer_weights="91bc" * 16, aligner_upsample=0, comparison="neg_l2")
    with pytest.raises(ConfigError) as caught:
        check(manifest(), foreign, "mine.json")
    assert [word for word in ("weights", "upsample", "comparison", "device") if word in str(caught.value)] == [
        "weights", "upsample", "comparison"
    ]  # fmt: skip


@pytest.mark.parametrize(
    "changes",
    [
        {"recognizer_torch": "2.13.1"},
        {"recognizer_torch": "2.13.0+cpu"},
        {"aligner_dlib": "19.24.9 (dlib-bin)"},
        {"images_read_by": {"pillow": "12.0.1", "numpy": "2.4.6"}},
    ],
)
def test_a_patch_version_of_a_library_is_worth_a_warning(changes: dict[str, Any]) -> None:
    warnings = check(manifest(), setup(**changes), "mine.json")
    assert len(warnings) == 1
    assert "these thresholds are of" in warnings[0]


def test_a_setting_that_looks_like_a_version_is_no_version() -> None:
    strict = dataclasses.replace(
        manifest(), recognizer=PluginIdentity(name="mine", fingerprint=RECOGNIZER | {"tile": "1.5.0"})
    )
    with pytest.raises(ConfigError, match="recognizer tile"):
        check(strict, setup(recognizer_tile="1.5.1"), "mine.json")


def test_another_device_than_the_one_that_really_ran_is_refused() -> None:
    check_runtime(manifest(), {"device": "cpu", "torch": "2.13.1"}, "mine.json")
    check_runtime(manifest(), {}, "mine.json")  # a recognizer that does not tell
    with pytest.raises(ConfigError, match="device: these thresholds are of cpu, the sweep uses cuda NVIDIA H100"):
        check_runtime(manifest(), {"device": "cuda NVIDIA H100"}, "mine.json")
    with pytest.raises(ConfigError, match="provider: these thresholds are of none"):
        check_runtime(manifest(), {"device": "cpu", "provider": "CUDAExecutionProvider"}, "mine.json")


def test_the_one_that_fits_is_found_in_a_folder(tmp_path: Path) -> None:
    other = manifest(recognizer=PluginIdentity(name="other", fingerprint=RECOGNIZER, label="Other"))
    other.write(tmp_path / "other.json")
    manifest().write(tmp_path / "mine.json")
    found, name, warnings = find_fitting(tmp_path, setup())
    assert (found, name, warnings) == (manifest(), "mine.json", ())
    manifest(seed=8).write(tmp_path / "again.json")
    with pytest.raises(ConfigError, match=r"again\.json and mine\.json all fit Mine with finder; name one"):
        find_fitting(tmp_path, setup())


def test_a_folder_where_none_fits_lists_what_is_there(tmp_path: Path) -> None:
    manifest().write(tmp_path / "mine.json")
    other = manifest(aligner=PluginIdentity(name="other", fingerprint=ALIGNER))
    other.write(tmp_path / "other.json")
    with pytest.raises(ConfigError) as caught:
        find_fitting(tmp_path, setup(recognizer_gain=2.0))
    assert "mine.json: recognizer gain: " in str(caught.value)
    assert "other.json: recognizer gain: " in str(caught.value)
    assert "aligner: these thresholds are of other" in str(caught.value)


def test_a_corrupt_file_in_a_folder_is_named(tmp_path: Path) -> None:
    manifest().write(tmp_path / "mine.json")
    (tmp_path / "broken.json").write_text("{")
    with pytest.raises(CorruptFile, match=r"broken\.json"):
        find_fitting(tmp_path, setup())


def test_people_are_known_again_without_being_named() -> None:
    data = manifest().dataset
    assert data.shared_with("folder", ["bob", "cyd", "ann"]) == ["ann", "bob"]
    assert data.shared_with("lfw", ["ann", "bob"]) == []
    assert '"ann"' not in json.dumps(manifest().document)
    assert person_hash("folder", "ann") == "f00c75b4b728"  # printf 'folder\x1fann' | sha256sum


# ----------------------------------------------------------------------------------------------- published constants


@pytest.mark.parametrize("model", sorted(LEGACY_CONSTANTS))
def test_the_published_comparison_is_kept_at_the_very_constant(model: str) -> None:
    for constant in LEGACY_CONSTANTS[model].values():
        threshold = threshold_above(constant)
        assert threshold == float(np.float32(threshold))
        score = np.float32(constant)
        for _ in range(3):
            score = np.nextafter(score, np.float32(-1))
        for _ in range(7):  # every float32 about the constant, and the one that is nearest to it
            assert (score >= threshold) == (float(score) > constant)
            score = np.nextafter(score, np.float32(1))


def test_a_constant_that_is_a_float32_is_not_accepted_itself() -> None:
    assert threshold_above(0.5) == float(np.nextafter(np.float32(0.5), np.float32(1)))


def test_the_published_constants_are_those_of_the_papers() -> None:
    assert [LEGACY_CONSTANTS[model][0.01] for model in ("ir152", "irse50", "facenet", "mobileface")] == [
        0.166788, 0.241045, 0.409131, 0.301611,
    ]  # fmt: skip
    for constants in LEGACY_CONSTANTS.values():
        assert sorted(constants.values()) == [constants[rate] for rate in (0.1, 0.01, 0.001)]


def test_a_label_stands_for_a_published_model() -> None:
    assert legacy_model("IR152", {}, "cosine") == "ir152"
    assert legacy_model("mine", {"mine": "FaceNet"}, "cosine") == "facenet"
    with pytest.raises(ConfigError, match=r"'mine' is none of them: .*models: \{mine: ir152\}"):
        legacy_model("mine", {}, "cosine")
    with pytest.raises(ConfigError, match="holds cosines; 'mine' compares by neg_l2"):
        legacy_model("mine", {"mine": "ir152"}, "neg_l2")
