"""A linear classifier of attacks: logistic regression of scikit-learn, its strength chosen on other people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench.detectors.linear_weights import LinearWeights
from bench.fitting.samples import Samples

STRENGTHS = (0.0001, 0.001, 0.01, 0.1, 1.0, 10.0)
"""scikit-learn's C: the larger, the closer to the training samples. Samples weigh 1 on average."""


@dataclass(frozen=True, eq=False)
class Candidate:
    """A classifier, and how it does on people whom it was not fitted on.

    Attributes:
        strength: C.
        weights: the classifier.
        areas: species to area under the ROC curve, against all bona fide photos.
    """

    strength: float
    weights: LinearWeights
    areas: Mapping[str, float]

    @property
    def area(self) -> float:
        """The mean over species: each counts alike, however many faces it has."""
        return float(np.mean(list(self.areas.values())))


def fit(samples: Samples, strength: float) -> LinearWeights:
    """A classifier of standardised features.

    Args:
        samples: what it learns from, balanced by their own weights.
        strength: C.

    Returns:
        Weights rounded to float32; the same samples give the same bits, since one thread adds in one order.
    """
    from sklearn.linear_model import LogisticRegression
    from threadpoolctl import threadpool_limits

    weight = samples.balanced()
    average = np.average(samples.features, axis=0, weights=weight)
    variance = np.average((samples.features - average) ** 2, axis=0, weights=weight)
    mean: NDArray[np.float32] = average.astype(np.float32)
    scale: NDArray[np.float32] = (np.sqrt(variance) + _SMALLEST).astype(np.float32)
    standardised = (samples.features - mean) / scale
    with threadpool_limits(1):
        model = LogisticRegression(C=strength, tol=1e-8, max_iter=100_000)
        model.fit(standardised, samples.attack, sample_weight=weight)
    return LinearWeights(mean, scale, model.coef_[0].astype(np.float32), model.intercept_.astype(np.float32))


_SMALLEST = 1e-6
"""Added to every deviation, so that a feature that never changes is divided by something."""


def areas_of(scores: NDArray[np.float32], samples: Samples) -> dict[str, float]:
    """Species to the area under the ROC curve: how often an attack scores above a bona fide photo, ties half."""
    from sklearn.metrics import roc_auc_score

    kinds = np.array([one or "" for one in samples.species])
    found = {}
    for kind in sorted(set(kinds.tolist()) - {""}):
        mine = (kinds == kind) | (kinds == "")
        found[kind] = float(roc_auc_score(kinds[mine] == kind, scores[mine]))
    return found


def candidates(train: Samples, dev: Samples, strengths: Sequence[float] = STRENGTHS) -> list[Candidate]:
    """A classifier for each strength, with how it does on `dev`."""
    found = []
    for strength in strengths:
        weights = fit(train, strength)
        found.append(Candidate(strength, weights, areas_of(weights.logits(dev.features), dev)))
    return found


def best(found: Sequence[Candidate]) -> Candidate:
    """The one of the largest mean area; of equal ones the weakest strength."""
    return max(found, key=lambda one: (one.area, -one.strength))
