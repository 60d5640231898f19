"""Whether made faces show the attributes that were asked for, and keep the others: as a judge sees them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench.errors import ShapeError
from bench.metrics.figures import figure
from bench.metrics.kept_means import FaceMean, drawn_means
from bench.metrics.operating import support_of
from bench.metrics.shares import Contributors, mean_interval
from bench.metrics.verification import FigureValue
from bench.metrics.vulnerability import MeanKey

ACCURACY, SUCCESS, KEPT = "attribute_accuracy", "attribute_change_rate", "attribute_kept_rate"
THRESHOLD = 0.5
"""An attribute is there where a judge finds it at least as likely as not."""


@dataclass(frozen=True, eq=False)
class JudgedAttributes:
    """A attributes of M faces; NaN where a face was not made.

    Attributes:
        names: of the attributes.
        wanted: float32 (M, A), 1 or 0 for what was asked for, NaN for what was to stay.
        seen: float32 (M, A), in [0, 1], how likely the judge finds each in the made face.
        before: float32 (M, A), in the photo of the first contributor.
        trusted: bool (A,), which of them take part in figures of all attributes; None for all: nothing is known of the
            judge.

    Raises:
        ShapeError: arrays of other shapes.
    """

    names: Sequence[str]
    wanted: NDArray[np.float32]
    seen: NDArray[np.float32]
    before: NDArray[np.float32]
    trusted: NDArray[np.bool_] | None = None

    def __post_init__(self) -> None:
        shape = (len(self.wanted), len(self.names))
        if not self.wanted.shape == self.seen.shape == self.before.shape == shape:
            raise ShapeError(
                f"got attributes {self.wanted.shape}, {self.seen.shape} and {self.before.shape}; expected"
                f" (M, {len(self.names)})"
            )


def assess_attributes(
    judged: JudgedAttributes, contributors: Contributors, kept: NDArray[np.bool_]
) -> tuple[list[FigureValue], dict[MeanKey, NDArray[np.float64]]]:
    """How often edits do what they say, and nothing else, with ``"clustered"`` intervals.

    Args:
        judged: of M faces.
        contributors: whose faces they are.
        kept: bool (B, P), who is kept in each draw; B of 0 for no draws.

    Returns:
        Over faces: the share of what was asked for that the judge sees; of that which it did not see in the photo, the
        share that it sees in the face; and of all else the share that it judges as before; all three of the attributes
        on which the judge is trusted, the first two of faces of which nothing else was asked. Then every attribute by
        itself, filed under its name. And all of them on every draw. Fewer than 30 faces are ``"weak"``.
    """
    asked, made = ~np.isnan(judged.wanted), ~np.isnan(judged.seen)
    there, was = judged.seen >= THRESHOLD, judged.before >= THRESHOLD
    right = there == (judged.wanted >= THRESHOLD)
    changes = was != (judged.wanted >= THRESHOLD)
    of: dict[str, tuple[NDArray[np.bool_], NDArray[np.bool_]]] = {
        ACCURACY: (right, asked & made),
        SUCCESS: (right, asked & made & changes),
        KEPT: (there == was, ~asked & made),
    }
    values: list[FigureValue] = []
    means: dict[MeanKey, FaceMean] = {}

    def add(name: str, group: str | None, of_faces: NDArray[np.float64]) -> None:
        known = ~np.isnan(of_faces)
        n = int(np.count_nonzero(known))
        if not n:
            return
        low, high, method = mean_interval(of_faces[known], contributors.select(known), (0.0, 1.0)) or (None, None, None)
        value = math.fsum(of_faces[known].tolist()) / n
        values.append(FigureValue(figure(name).name, None, value, low, high, n, support_of(n), method, group))
        means[name, None, group] = FaceMean.of_known(of_faces)

    trusted = np.ones(len(judged.names), np.bool_) if judged.trusted is None else judged.trusted
    # A face of which something was asked that the judge cannot see says nothing of what was asked.
    sure = ~(asked & ~trusted).any(axis=1, keepdims=True)
    for name, (good, every) in of.items():
        counted = every & trusted & (sure | (name == KEPT))
        total = counted.sum(axis=1)
        add(name, None, np.where(total > 0, (good & counted).sum(axis=1) / np.maximum(total, 1), np.nan))
    for name, (good, counted) in of.items():
        for column, attribute in enumerate(judged.names):
            add(name, attribute, np.where(counted[:, column], good[:, column].astype(np.float64), np.nan))
    return values, drawn_means(means, contributors, kept) if means and len(kept) else {}
