"""Predicted attributes, brought to a scale on which 0.5 is where people begin to see an attribute.

Scores that networks predict of another kind of photo are seldom calibrated: of LFW's, hardly one says brown hair with
more than 0.5. Their order is right all the same. So a label's logit is moved and stretched, attribute by attribute:
p' = sigmoid(slope * logit(p) + offset), Platt's scaling. Two kinds of numbers for it:

- `standardising`: the mean logit becomes 0.5, its spread the same for every attribute. Nothing but the labels is
  needed, and what learns from them, the attribute judge, learns every attribute alike.
- `predicted_scaling`: as people say it. Whoever learned from standardised labels is held against photos that people
  labelled (`generators.auxiliary.attribute_judge.calibrate`), which gives the numbers of label_scaling.json.

Source: Platt, Probabilistic outputs for support vector machines, 1999.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

LEAST = 1e-3
"""Probabilities are kept this far from 0 and 1: what LFW's scores are rounded to."""
SPREAD = 3.0
"""Standard deviation of standardised logits."""
FILE = Path(__file__).with_name("label_scaling.json")


class LabelScaling(NamedTuple):
    """What probabilities are scaled by.

    Attributes:
        slopes: float32 (A,), of the logit.
        offsets: float32 (A,), what is added.
    """

    slopes: NDArray[np.float32]
    offsets: NDArray[np.float32]

    def scaled(self, labels: NDArray[np.float32]) -> NDArray[np.float32]:
        """Labels on the new scale, float32 (N, A) in [-1, 1], of labels in [-1, 1]; NaN stays."""
        found = self.slopes * logits(labels) + self.offsets
        scaled: NDArray[np.float32] = np.tanh(found / 2).astype(np.float32)
        return scaled

    def after(self, slopes: NDArray[np.floating], offsets: NDArray[np.floating]) -> LabelScaling:
        """This scaling and then another one, of its logits."""
        both = slopes * self.slopes, slopes * self.offsets + offsets
        return LabelScaling(both[0].astype(np.float32), both[1].astype(np.float32))


def standardising(labels: NDArray[np.float32]) -> LabelScaling:
    """What gives every attribute logits of mean 0 and standard deviation `SPREAD`.

    Args:
        labels: float32 (N, A) in [-1, 1]; NaN where nothing is known.
    """
    found = logits(labels)
    mean, spread = np.nanmean(found, axis=0), np.nanstd(found, axis=0)
    slopes = SPREAD / np.maximum(spread, 1e-6)
    return LabelScaling(slopes.astype(np.float32), (-slopes * mean).astype(np.float32))


def predicted_scaling(dataset: str, names: Sequence[str]) -> LabelScaling | None:
    """The scaling of label_scaling.json for a data set whose attributes networks predicted; None for any other.

    Args:
        dataset: as a pack names it.
        names: of the attributes. One that the file does not know stays as it is.
    """
    known = _file()["datasets"].get(dataset)
    if known is None:
        return None
    pairs = [known.get(name, (1.0, 0.0)) for name in names]
    slopes, offsets = np.asarray(pairs, np.float32).reshape(-1, 2).T
    return LabelScaling(slopes, offsets)


@cache
def _file() -> Mapping[str, Any]:
    found: Mapping[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))
    return found


def logits(labels: NDArray[np.float32]) -> NDArray[np.float64]:
    """The logits of labels in [-1, 1], float64 of their shape, finite but where nothing is known."""
    likely = np.clip((labels.astype(np.float64) + 1) / 2, LEAST, 1 - LEAST)
    found: NDArray[np.float64] = np.log(likely) - np.log1p(-likely)
    return found
