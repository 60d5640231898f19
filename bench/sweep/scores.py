"""Scores of trials."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bench.api import Comparison, Trials
from bench.scoring import pair_scores
from bench.sweep.acquisition import Acquisition


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
