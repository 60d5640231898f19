"""The assessment `verification`: how well a recognizer tells the people of a data set apart."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.api import Cell, Comparison, Progress, Success, Trials
from bench.errors import CorruptFile
from bench.metrics import FigureValue, assess_verification
from bench.scoring import pair_scores
from bench.seeding import stream
from bench.store.cache import ArrayCache
from bench.store.schema import RECORD_FIELDS, to_parquet
from bench.sweep.acquisition import Acquisition, acquire
from bench.sweep.instances import plugin
from bench.sweep.plan import draw_trials, images_digest
from bench.sweep.sighting import Cast

MATRIX_PEOPLE = 40
"""How many people the identity-similarity matrix shows at most."""


def verification(cell: Cell, cache: ArrayCache, progress: Progress | None = None) -> Success:
    """Scores every trial of a cell and computes its figures.

    Args:
        cell: the cell.
        cache: the embedding cache.
        progress: told how far it is.
    """
    started = time.monotonic()
    spec = cell.spec
    roles = ("dataset", "aligner", "recognizer")
    cast = Cast(*({"name": spec[role]["name"], **spec[role]["settings"]} for role in roles))
    dataset = plugin("dataset", cast.dataset)
    trials = draw_trials(dataset, spec["dataset"]["name"], spec["protocol"], spec["seed"])
    acquired = acquire(cast, trials.frames, cache, progress)
    if (trials.digest, images_digest(dataset, trials)) != (spec["trials"], spec["images"]):
        raise CorruptFile(f"the photos of {spec['dataset']['name']} changed after the sweep was planned; run it again")
    scores = score_trials(acquired, trials, spec["comparison"])
    values = [*_counts(trials, acquired), *assess_verification(scores, trials.mated, trials.fold, tuple(spec["fmr"]))]
    rng = stream(spec["seed"], "identities", spec["dataset"]["name"], spec["protocol"])
    tables = {
        "trials": trials_table(trials, scores),
        "frames": frames_table(trials, acquired),
        "identities": identities_table(trials, acquired, spec["comparison"], rng),
    }
    return Success(
        key=cell.key,
        figures=tuple(record(value, cell.labels) for value in values),
        counts={
            "trials": len(scores),
            "trials_not_acquired": int(np.isnan(scores).sum()),
            "mated_acquired": int((trials.mated & ~np.isnan(scores)).sum()),
            "nonmated_acquired": int((~trials.mated & ~np.isnan(scores)).sum()),
            "frames": len(trials.frames),
            "frames_not_acquired": int((~acquired.acquired).sum()),
            "embeddings_computed": acquired.computed,
            "embeddings_from_cache": acquired.cached,
        },
        runtime=acquired.runtime,
        seconds=time.monotonic() - started,
        tables={name: to_parquet(name, table) for name, table in tables.items()},
    )


def _counts(trials: Trials, acquired: Acquisition) -> list[FigureValue]:
    counts = {
        "frames": len(trials.frames),
        "frames_not_acquired": int((~acquired.acquired).sum()),
        "subjects": len({frame.subject for frame in trials.frames}),
    }
    return [FigureValue(name, None, count, None, None, len(trials.frames), "ok") for name, count in counts.items()]


def record(value: FigureValue, labels: Mapping[str, Any]) -> dict[str, Any]:
    """A record of summary.json: a figure under a cell's labels."""
    filled = dict.fromkeys(RECORD_FIELDS) | dict(labels)
    return filled | {
        "figure": value.figure,
        "operating_point": value.operating_point,
        "value": value.value,
        "low": value.low,
        "high": value.high,
        "n": value.n,
        "support": value.support,
        "interval": value.interval,
        "versus": value.versus,
        "group": value.group,
    }


def score_trials(acquired: Acquisition, trials: Trials, comparison: Comparison) -> NDArray[np.float32]:
    """float32 (M,): the score of every trial; NaN where either frame was not acquired."""
    scores = np.full(len(trials.probe), np.nan, dtype=np.float32)
    usable = acquired.acquired[trials.probe] & acquired.acquired[trials.reference]
    if usable.any():
        position = np.cumsum(acquired.acquired) - 1
        embeddings = acquired.embeddings[acquired.acquired]
        scores[usable] = pair_scores(
            embeddings, position[trials.probe[usable]], position[trials.reference[usable]], comparison
        )
    return scores


def trials_table(trials: Trials, scores: NDArray[np.float32]) -> pd.DataFrame:
    """The table `trials` of `bench.store.schema`."""
    keys = pd.Index([frame.key for frame in trials.frames])
    subjects, code = np.unique([frame.subject for frame in trials.frames], return_inverse=True)
    people = pd.Index(subjects.tolist())
    fold = pd.array([None] * len(scores), "Int16") if trials.fold is None else pd.array(trials.fold, "Int16")
    return pd.DataFrame(
        {
            "probe": pd.Categorical.from_codes(trials.probe, keys),
            "reference": pd.Categorical.from_codes(trials.reference, keys),
            "probe_subject": pd.Categorical.from_codes(code[trials.probe], people),
            "reference_subject": pd.Categorical.from_codes(code[trials.reference], people),
            "mated": trials.mated,
            "fold": fold,
            "score": scores,
        }
    )


def frames_table(trials: Trials, acquired: Acquisition) -> pd.DataFrame:
    """The table `frames` of `bench.store.schema`."""
    return pd.DataFrame(
        {
            "key": [frame.key for frame in trials.frames],
            "subject": [frame.subject for frame in trials.frames],
            "acquired": acquired.acquired,
            "faces": acquired.faces,
            **{side: acquired.box[:, column] for column, side in enumerate(("left", "top", "right", "bottom"))},
            "confidence": acquired.confidence,
            "problem": list(acquired.problems),
        }
    )


def identities_table(
    trials: Trials, acquired: Acquisition, comparison: Comparison, rng: np.random.Generator
) -> pd.DataFrame:
    """The table `identities` of `bench.store.schema`: mean scores between at most `MATRIX_PEOPLE` people.

    People with two acquired photos or more take part, drawn by `rng` where there are too many; a person's score with
    themself is the mean over pairs of different photos.
    """
    photos: dict[str, list[int]] = {}
    for index in np.flatnonzero(acquired.acquired):
        photos.setdefault(trials.frames[index].subject, []).append(int(index))
    people = sorted(subject for subject, indices in photos.items() if len(indices) > 1)
    if len(people) > MATRIX_PEOPLE:
        people = sorted(rng.choice(people, MATRIX_PEOPLE, replace=False).tolist())
    chosen = np.array([index for person in people for index in photos[person]], dtype=np.int64)
    if not len(chosen):
        return pd.DataFrame({"subject": [], "other": [], "similarity": [], "comparisons": []})
    owner = np.repeat(np.arange(len(people)), [len(photos[person]) for person in people])
    first, second = (index.astype(np.int32) for index in np.triu_indices(len(chosen), 1))
    scores = pair_scores(acquired.embeddings[chosen], first, second, comparison).astype(np.float64)
    cell = owner[first] * len(people) + owner[second]
    total = np.bincount(cell, scores, len(people) ** 2)
    count = np.bincount(cell, minlength=len(people) ** 2)
    kept = np.flatnonzero(count)
    return pd.DataFrame(
        {
            "subject": [people[index // len(people)] for index in kept],
            "other": [people[index % len(people)] for index in kept],
            "similarity": (total[kept] / count[kept]).astype(np.float32),
            "comparisons": count[kept].astype(np.int32),
        }
    )
