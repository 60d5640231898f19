"""The tables of a cell: what was compared, found and drawn, as `bench.store.schema` describes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.api import Comparison, Frame, Trials
from bench.metrics.verification_intervals import RocBand
from bench.scoring import pair_scores
from bench.sweep.acquisition import Acquisition
from bench.sweep.scores import compared_embeddings

MATRIX_PEOPLE = 40
"""How many people the identity-similarity matrix shows at most."""


def trials_table(trials: Trials, scores: NDArray[np.float32]) -> pd.DataFrame:
    """The table `trials` of `bench.store.schema`."""
    keys = pd.Index(trials.keys)
    subjects, code = np.unique(trials.subjects, return_inverse=True)
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


def frames_table(frames: Sequence[Frame], acquired: Acquisition) -> pd.DataFrame:
    """The table `frames` of `bench.store.schema`."""
    return pd.DataFrame(
        {
            "key": [frame.key for frame in frames],
            "subject": [frame.subject for frame in frames],
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
    themself is the mean over pairs of different photos. Where templates are compared, they stand for photos here too.
    """
    embeddings, there = compared_embeddings(acquired, trials, comparison)
    photos: dict[str, list[int]] = {}
    subjects = trials.subjects
    for index in np.flatnonzero(there):
        photos.setdefault(subjects[index], []).append(int(index))
    people = sorted(subject for subject, indices in photos.items() if len(indices) > 1)
    if len(people) > MATRIX_PEOPLE:
        people = sorted(rng.choice(people, MATRIX_PEOPLE, replace=False).tolist())
    chosen = np.array([index for person in people for index in photos[person]], dtype=np.int64)
    if not len(chosen):
        return pd.DataFrame({"subject": [], "other": [], "similarity": [], "comparisons": []})
    owner = np.repeat(np.arange(len(people)), [len(photos[person]) for person in people])
    first, second = (index.astype(np.int32) for index in np.triu_indices(len(chosen), 1))
    scores = pair_scores(embeddings[chosen], first, second, comparison).astype(np.float64)
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


def curve_table(band: RocBand) -> pd.DataFrame:
    """The table `curve` of `bench.store.schema`."""
    return pd.DataFrame({"fmr": band.fmr, "fnmr": band.fnmr, "fnmr_low": band.low, "fnmr_high": band.high})


def draws_table(draws: Mapping[Any, NDArray[np.float64]]) -> pd.DataFrame:
    """The table `draws` of `bench.store.schema`.

    Args:
        draws: figure and operating point, then group and species where it is of one, to the figure on each draw.
    """
    keys = [(*key, *(None,) * (4 - len(key))) for key in draws]
    count = [len(values) for values in draws.values()]
    return pd.DataFrame(
        {
            **{
                name: _repeated([key[place] for key in keys], count)
                for place, name in enumerate(("figure", "operating_point", "group", "species"))
            },
            "draw": np.concatenate([np.arange(number, dtype=np.int32) for number in count] or [np.zeros(0, np.int32)]),
            "value": np.concatenate([*draws.values()] or [np.zeros(0)]),
        }
    )


def _repeated(names: Sequence[str | None], count: Sequence[int]) -> pd.Series:
    different = list(dict.fromkeys(name for name in names if name is not None))
    code = np.array([-1 if name is None else different.index(name) for name in names], dtype=np.int64)
    return pd.Series(pd.Categorical.from_codes(np.repeat(code, count), pd.Index(different, dtype=str)))
