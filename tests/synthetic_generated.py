"""A run folder with made-up generated faces, written through the store's own functions: what a report is tested on."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.api import Cell, Failure, Success
from bench.images import encode_png, synthetic_text
from bench.metrics import FigureValue
from bench.metrics.attempts import Attempts
from bench.metrics.contributions import assess_contributions, assess_taken
from bench.metrics.vulnerability import assess_generated, assess_outcomes
from bench.provenance import value_digest
from bench.regions import CLASSES
from bench.store.run_folder import RunFolder
from bench.store.schema import to_parquet
from bench.sweep.verification import record
from tests.synthetic_run import FMR, RECOGNIZERS, Asked, write_run

DRAWS = 200
ATTENTIVE_FACES = 6
"""Of so many faces the attention is kept."""
MAP_SIDE = 16


@dataclass(frozen=True, eq=False)
class Maker:
    """What made the faces of some cells.

    Attributes:
        label: what figures call it.
        kind: ``"generator"`` or ``"attack"``.
        axes: the settings that vary.
        shares: how much of each contributor is in a face; as many as there are contributors.
        found: the share of its faces in which recognizers find a face.
        identity: the recognizer whose embeddings it takes; empty for none.
        layers: of how many layers its attention to the identity is kept; 0 for none.
        tokens: among how many tokens that attention is shared out; None if it does not say.
        taken: whether it tells what it took of whom.
    """

    label: str
    kind: str = "attack"
    axes: Mapping[str, Any] | None = None
    shares: tuple[float, ...] = (0.5, 0.5)
    found: float = 0.97
    identity: str = ""
    layers: int = 0
    tokens: int | None = 20
    taken: bool = False


MAKERS = (
    Maker("landmark_morph", axes={"weight": 0.3}, shares=(0.7, 0.3)),
    Maker("landmark_morph", axes={"weight": 0.5}, shares=(0.5, 0.5)),
    Maker("landmark_morph", axes={"weight": 0.7}, shares=(0.3, 0.7)),
    Maker("collage", "generator", {"regions": ["eyes", "mouth"]}, (0.75, 0.4), 0.9),
)


def write_generated(
    path: Path,
    recognizers: Sequence[str] = tuple(RECOGNIZERS),
    makers: Sequence[Maker] = MAKERS,
    *,
    failing: Sequence[tuple[str, str]] = (("lbp", "collage"),),
    faces: int = 80,
    references: int = 3,
    portraits: int = 6,
    verified: bool = True,
    people: int = 40,
    dataset: Mapping[str, Any] | None = None,
    key: Callable[[int, int], str] = "person-{:03d}/{:04d}.jpg".format,
    picture: Callable[[int, Maker], NDArray[np.uint8]] | None = None,
    thresholds: bool = True,
    trials: int = 6000,
) -> RunFolder:
    """Writes a run of made-up scores of made faces.

    Args:
        path: the folder to be.
        recognizers: labels of those who judge; unknown ones score like lbp.
        makers: who makes faces, with which settings.
        failing: recognizer and maker of the cells that fail.
        faces: M, how many each of them makes.
        references: how many other photos of each contributor there are.
        portraits: how many pictures each cell keeps.
        verified: whether the same run verified its recognizers, too.
        people: how many contribute.
        dataset: the data set's entry with its settings; by default one that nobody can open.
        key: person and photo to frame key.
        picture: draws a made face; by default a plain colour.
        thresholds: whether the thresholds stand among the figures.
        trials: on how many comparisons of other people the thresholds are set.

    Returns:
        The run folder.
    """
    entry = dict(dataset or {"name": "nowhere", "root": "/nonexistent"})
    folder = RunFolder(path)
    keys: list[str] = []
    with tempfile.TemporaryDirectory() as elsewhere:
        verification = write_run(
            path if verified else Path(elsewhere), recognizers, failing=[], trials=trials, people=people,
            dataset=entry, asked=Asked(draws=50, groups=False, discard=False),
        )  # fmt: skip
        outcomes = verification.outcomes()
        manifest = verification.manifest()
    carried = {outcome["labels"]["recognizer"]: outcome["calibration"] for outcome in outcomes}
    if verified:
        keys = list(manifest["cells"])
    records: list[Mapping[str, Any]] = []
    for maker in makers:
        drawn = _pairs(maker, faces, references, people, key)
        for label in recognizers:
            cell = _cell(label, maker, entry)
            keys.append(cell.key)
            if (label, maker.label) in failing:
                error = "CUDA error: out of memory"
                folder.write_outcome(cell, Failure(cell.key, "RuntimeError", error, f"Traceback\n{error}", 1.5))
                continue
            made = _Made(label, maker, drawn, carried[label])
            values = made.figures(thresholds) + made.attention_figures() + made.taken_figures(thresholds)
            rows = [record(value, cell.labels) for value in values]
            records += rows
            tables = {**drawn, **made.tables, "portraits": _portraits(maker, portraits, picture)}
            tables |= attention_tables(maker, min(faces, ATTENTIVE_FACES))
            folder.write_outcome(cell, _success(cell, rows, tables, carried[label]))
    folder.write_manifest({**manifest, "cells": keys})
    summary = path / "summary.json"
    if verified:
        document = json.loads(summary.read_text())
        document["records"] += records
        summary.write_text(json.dumps(document, indent=2))
    else:
        folder.write_summary(keys)
    return folder


def _pairs(
    maker: Maker, faces: int, references: int, people: int, key: Callable[[int, int], str]
) -> dict[str, pd.DataFrame]:
    """The faces and who contributes to them: the same for all makers of as many contributors."""
    rng = np.random.default_rng(len(maker.shares))
    number = len(maker.shares)
    who = np.array([rng.permutation(people)[:number] for _ in range(faces)]).reshape(faces, number)
    attempts, contributors = [], []
    for face in range(faces):
        for place, person in enumerate(who[face], 1):
            contributors.append((face, place, f"person-{person:03d}", key(person, 0), person))
            attempts += [(face, place, key(person, 1 + index)) for index in range(references)]
    return {
        "faces": pd.DataFrame({"face": np.arange(faces)}),
        "contributors": pd.DataFrame(contributors, columns=["face", "contributor", "subject", "photo", "person"]),
        "attempts": pd.DataFrame(attempts, columns=["face", "contributor", "reference"]),
    }


class _Made:
    """The scores, tables and figures of one made-up cell. Every face has as many references of each contributor."""

    def __init__(self, label: str, maker: Maker, drawn: Mapping[str, pd.DataFrame], carried: Mapping[str, Any]) -> None:
        self.shape = shape = RECOGNIZERS.get(label, RECOGNIZERS["lbp"])
        self.maker = maker
        rng = np.random.default_rng([len(label), len(maker.label), *(int(100 * share) for share in maker.shares)])
        faces, count = len(drawn["faces"]), len(maker.shares)
        each = len(drawn["attempts"]) // max(faces * count, 1)
        (mated, spread), (nonmated, width) = shape["mated"], shape["nonmated"]
        share = np.array(maker.shares)[None, :, None]
        if maker.taken:  # whom a face resembles goes by the skin, the nose and the mouth
            share = (
                contributions(maker, np.ones(faces, dtype=np.bool_))[:, :, [1, 2, 10, 11, 12]].sum(axis=2)[:, :, None]
                * 1.8
            )
        made = rng.random(faces) >= 0.01
        acquired = made & (rng.random(faces) < maker.found)
        size = (faces, count, each)
        likeness = rng.normal(0, 0.6, (faces, count, 1))
        middle = nonmated + (mated - nonmated) * np.minimum(1.3 * share, 1.0)
        score = middle + spread * (0.7 * rng.normal(size=size) + likeness)
        own = mated + spread * rng.normal(size=size)
        clean = np.where(np.arange(count)[None, :, None] == 0, own, nonmated + width * rng.normal(size=size))
        same = middle + 1.2 * spread + spread * rng.normal(0, 0.6, size[:2])[:, :, None]
        top = 1.0 if shape["comparison"] == "cosine" else 0.0
        score, own, clean, same = (np.minimum(part, top).astype(np.float32) for part in (score, own, clean, same))
        score[~acquired] = same[~acquired] = np.nan
        self.attempts = Attempts(
            scores=score, clean=clean, own=own, same_photo=np.ascontiguousarray(same[:, :, 0]),
            planned=np.ones(size, dtype=bool), made=made, acquired=acquired,
            people=drawn["contributors"]["person"].to_numpy(np.int32).reshape(faces, count),
            count=int(drawn["contributors"]["person"].max()) + 1,
        )  # fmt: skip
        self.points = carried["points"]
        self.quality = np.where(made, rng.normal(0.7, 0.05, faces), np.nan)
        self.tables = self._tables(drawn, rng)

    def _tables(self, drawn: Mapping[str, pd.DataFrame], rng: np.random.Generator) -> dict[str, pd.DataFrame]:
        made, acquired = self.attempts.made, self.attempts.acquired
        faces = len(made)
        words = np.where(made, "no face found", "first photo: no face found")
        problem = [None if there else str(word) for there, word in zip(acquired, words, strict=True)]
        return {
            "faces": pd.DataFrame(
                {
                    "face": np.arange(faces, dtype=np.int32),
                    "made": made,
                    "acquired": acquired,
                    "confidence": np.where(acquired, 0.9, np.nan).astype(np.float32),
                    "problem": problem,
                    "structural_similarity": self.quality.astype(np.float32),
                    "peak_signal_to_noise_ratio": (30 * self.quality).astype(np.float32),
                    "digest": [value_digest([self.maker.label, face]) for face in range(faces)],
                }
            ),
            "contributors": drawn["contributors"].assign(same_photo_score=self.attempts.same_photo.ravel()),
            "attempts": drawn["attempts"].assign(
                score=self.attempts.scores.ravel(),
                clean_score=self.attempts.clean.ravel(),
                own_score=self.attempts.own.ravel(),
            ),
        }

    def taken_figures(self, thresholds: bool) -> list[FigureValue]:
        """Whom the faces match by what was taken of whom: as much of it as `contributions` draws."""
        if not self.maker.taken:
            return []
        shares = contributions(self.maker, self.attempts.made)
        kept = np.ones((0, self.attempts.count), dtype=np.bool_)
        values, _ = assess_contributions(self.attempts, shares, kept)
        for point in self.points if thresholds else ():
            name = f"dev:fmr={point['requested_fmr']:g}"
            support = point.get("support", "ok") if point["threshold"] is not None else "insufficient"
            values += assess_taken(self.attempts, shares, name, point["threshold"], support, kept)[0]
        return values

    def attention_figures(self) -> list[FigureValue]:
        """The identity's mean share of attention in every region that a face has, with a made-up interval."""
        table = attention_tables(self.maker, min(len(self.attempts), ATTENTIVE_FACES)).get("attention")
        if table is None:
            return []
        values = []
        for region, rows in table.dropna(subset="share").groupby("region"):
            mean, faces = float(rows["share"].astype(np.float64).mean()), int(rows["face"].nunique())
            ends, name = (0.9 * mean, 1.1 * mean), CLASSES[int(str(region))]
            values.append(FigureValue("identity_attention", None, mean, *ends, faces, "ok", "clustered", name))
        return values

    def figures(self, thresholds: bool) -> list[FigureValue]:
        """The figures of the cell, by the functions that a sweep uses; those of visual cost are made up."""
        values = assess_generated(self.attempts)
        for there in self.points:
            name, at = f"dev:fmr={there['requested_fmr']:g}", there["threshold"]
            if thresholds:
                low, high = there["threshold_interval"] or (None, None)
                how = None if low is None else "bootstrap"
                values.append(FigureValue("threshold", name, at, low, high, 3000, there["support"], how))
            values += assess_outcomes(self.attempts, name, at, there["support"])
        seen = bool(self.attempts.acquired.any())
        for name, value in (
            ("structural_similarity_mean", 0.7012),
            ("peak_signal_to_noise_ratio_mean", 21.3),
            ("frechet_distance", 0.0837),
            ("kernel_distance", 0.000412),
        ):
            there = seen or name.endswith("_mean")
            ends = (0.8 * value, 1.3 * value, "jackknife") if there else (None, None, None)
            known = len(self.attempts) if there else 0
            values.append(
                FigureValue(name, None, value if there else None, ends[0], ends[1], known,
                            "ok" if there else "insufficient", ends[2])
            )  # fmt: skip
        return values


def contributions(maker: Maker, made: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Made-up shares, float32 (M, K, 19): parts go to contributors at random; NaN of faces that were not made.

    Args:
        maker: whose.
        made: bool (M,), which of its faces were made.
    """
    rng = np.random.default_rng(11)
    faces, number = len(made), len(maker.shares)
    shares = np.zeros((faces, number, len(CLASSES)), dtype=np.float32)
    parts = {
        (0,): 0.3,
        (1,): 0.3,
        (2,): 0.04,
        (4, 5): 0.02,
        (6, 7): 0.02,
        (10, 11, 12): 0.04,
        (13,): 0.2,
        (17, 18): 0.08,
    }
    for classes, size in parts.items():
        whose = rng.integers(0, number, faces)
        for one in classes:
            shares[np.arange(faces), whose, one] = size / len(classes)
    shares[:, :, 3] = 0  # nobody wears glasses
    shares[~made] = np.nan
    return shares


def attention_tables(maker: Maker, faces: int) -> dict[str, pd.DataFrame]:
    """The tables of made-up attention: most of it in the middle of the face, more of it in finer layers.

    Args:
        maker: whose.
        faces: of how many faces.
    """
    if not maker.layers:
        return {}
    rng = np.random.default_rng(7)
    lines, columns = (np.mgrid[0:MAP_SIDE, 0:MAP_SIDE] + 0.5) / MAP_SIDE
    hill = 0.3 + np.exp(-((columns - 0.5) ** 2 + (lines - 0.55) ** 2) / 0.06)
    absent = [CLASSES.index(name) for name in ("glasses", "hat")]
    shares, maps = [], []
    for face in range(faces):
        for layer in range(maker.layers):
            grid = np.clip((0.03 + 0.04 * layer * maker.shares[-1]) * hill + rng.normal(0, 0.002, hill.shape), 0, 1)
            peak = float(grid.max())
            grey = np.round(255 * grid / peak).astype(np.uint8)
            maps.append((face, layer, encode_png(np.repeat(grey[:, :, None], 3, axis=2), {}), peak))
            of_regions = (0.02 + 0.03 * layer) * (0.5 + np.arange(len(CLASSES)) % 5) + rng.normal(
                0, 0.004, len(CLASSES)
            )
            of_regions[absent + ([CLASSES.index("earring")] if face % 2 else [])] = np.nan
            shares += [(face, layer, region, max(share, 0.0)) for region, share in enumerate(of_regions)]
    numbers: dict[str, type] = {"face": np.int32, "layer": np.int16}
    return {
        "attention": pd.DataFrame(shares, columns=["face", "layer", "region", "share"]).astype(
            {**numbers, "region": np.int16, "share": np.float32}
        ),
        "attention_maps": pd.DataFrame(maps, columns=["face", "layer", "map", "peak"]).astype(
            {**numbers, "peak": np.float32}
        ),
    }


def _portraits(maker: Maker, number: int, picture: Callable[[int, Maker], NDArray[np.uint8]] | None) -> pd.DataFrame:
    def plain(face: int, maker: Maker) -> NDArray[np.uint8]:
        return np.full((32, 32, 3), (40 * face + len(maker.label)) % 255, dtype=np.uint8)

    draw = picture or plain
    return pd.DataFrame(
        {
            "face": np.arange(number, dtype=np.int32),
            "png": [
                encode_png(draw(face, maker), synthetic_text(maker.label, "0" * 64, "made-up"))
                for face in range(number)
            ],
        }
    )


def _cell(label: str, maker: Maker, dataset: Mapping[str, Any]) -> Cell:
    shape = RECOGNIZERS.get(label, RECOGNIZERS["lbp"])
    settings = {key: value for key, value in dataset.items() if key != "name"}
    axes = dict(maker.axes or {})
    spec = {
        "cell": 2,
        "assessment": "generated",
        "dataset": {"name": dataset["name"], "fingerprint": {"revision": 1}, "settings": settings},
        "protocol": "view2",
        "trials": value_digest("trials"),
        "images": value_digest("images"),
        "recognizer": {"name": label, "fingerprint": {"revision": 1, "weights": value_digest(label)}, "settings": {}},
        "aligner": {"name": shape["aligner"], "fingerprint": {"revision": 1}, "settings": {}},
        "comparison": shape["comparison"],
        "fmr": list(FMR),
        "seed": 7,
        "draws": DRAWS,
        "calibration": {"kind": "data", "origin": "dev"},
        "pairs": {"kind": "different_people", "count": 80, "references": 3},
        "maker": {
            "kind": maker.kind, "label": maker.label, "name": maker.label,
            "fingerprint": {"revision": 1} | ({"tokens": maker.tokens} if maker.layers and maker.tokens else {}),
            "settings": axes, "contributors": len(maker.shares), "goal": "hide" if maker.kind == "attack" else None,
        },
        "maker_aligner": {"name": "dlib_hog", "fingerprint": {"revision": 1}, "settings": {}},
        "keep_faces": "examples",
    }  # fmt: skip
    if maker.identity:
        weights = {"revision": 1, "weights": value_digest(maker.identity)}
        spec["maker_identity"] = {"name": maker.identity, "fingerprint": weights, "settings": {}}
    labels = {
        "dataset": dataset["name"], "protocol": "different_people", "group": None, "recognizer": label,
        "detector": None, "generator": maker.label if maker.kind == "generator" else None,
        "attack": maker.label if maker.kind == "attack" else None,
        "goal": "hide" if maker.kind == "attack" else None,
        "settings": {"aligner": shape["aligner"], **{f"{maker.kind}.{key}": axes[key] for key in axes}},
    }  # fmt: skip
    return Cell(value_digest(spec), spec, labels)


def _success(
    cell: Cell,
    rows: Sequence[Mapping[str, Any]],
    tables: Mapping[str, pd.DataFrame],
    calibration: Mapping[str, Any],
) -> Success:
    return Success(
        key=cell.key,
        figures=tuple(rows),
        counts={"faces": len(tables["faces"])},
        runtime={"device": "cpu"},
        seconds=12.0,
        tables={name: to_parquet(name, frame) for name, frame in tables.items()},
        calibration=calibration,
    )
