"""Scores of trials: drawn, acquired and compared in one way, whether they are reported on or calibrated on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.api import Comparison, Dataset, Progress, Trials
from bench.metrics.clusters import Clusters
from bench.scoring import pair_scores
from bench.store.cache import ArrayCache
from bench.sweep.acquisition import Acquisition, acquire
from bench.sweep.inputs import draw_trials, entry_of, images_digest, refuse_changes
from bench.sweep.instances import plugin
from bench.sweep.sighting import Cast


@dataclass(frozen=True, eq=False)
class ScoredTrials:
    """The trials of a cell's spec, compared.

    Attributes:
        cast: data set, aligner and recognizer.
        dataset: the data set.
        trials: M trials.
        acquired: what became of their frames.
        scores: float32 (M,), NaN where either frame was not acquired.
    """

    cast: Cast
    dataset: Dataset
    trials: Trials
    acquired: Acquisition
    scores: NDArray[np.float32]


def scored_trials(spec: Mapping[str, Any], cache: ArrayCache, progress: Progress | None = None) -> ScoredTrials:
    """Draws the trials of a spec, acquires their frames and compares them.

    Args:
        spec: a cell's.
        cache: the embedding cache.
        progress: told how far it is.

    Raises:
        CorruptFile: photos changed since the sweep was planned.
    """
    cast = Cast(*(entry_of(spec[role]) for role in ("dataset", "aligner", "recognizer")))
    dataset: Dataset = plugin("dataset", cast.dataset)
    name = spec["dataset"]["name"]
    trials = draw_trials(dataset, name, spec["protocol"], spec["seed"])
    acquired = acquire(cast, trials.frames, cache, progress)
    refuse_changes(name, spec, trials.digest, images_digest(dataset, trials.frames))
    return ScoredTrials(cast, dataset, trials, acquired, score_trials(acquired, trials, spec["comparison"]))


def people_of(trials: Trials) -> Clusters:
    """Who the trials rest on: the person of the probe and that of the reference."""
    subjects, code = np.unique([frame.subject for frame in trials.frames], return_inverse=True)
    people: NDArray[np.int32] = code.astype(np.int32)
    return Clusters(people[trials.probe], people[trials.reference], len(subjects))


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
