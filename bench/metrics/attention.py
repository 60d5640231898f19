"""Identity attention: how much of a maker's attention goes to the identity, region by region, with intervals."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from bench.errors import ShapeError
from bench.metrics.figures import figure
from bench.metrics.kept_means import FaceMean, drawn_means
from bench.metrics.operating import support_of
from bench.metrics.shares import Contributors, mean_interval
from bench.metrics.verification import FigureValue
from bench.metrics.vulnerability import MeanKey
from bench.regions import CLASSES

IDENTITY_ATTENTION = "identity_attention"


def assess_attention(
    shares: NDArray[np.float32], contributors: Contributors, kept: NDArray[np.bool_]
) -> tuple[list[FigureValue], dict[MeanKey, NDArray[np.float64]]]:
    """Mean attention to the identity in each region, with ``"clustered"`` intervals.

    Args:
        shares: float32 (F, T, 19), of F faces, T layers and the classes of `bench.regions.CLASSES`; NaN in every layer
            where a face's mask has no such region.
        contributors: of the same faces.
        kept: bool (B, P), who is kept in each draw; B of 0 for no draws.

    Returns:
        A figure for each region that some face has, filed under its name, and each on every draw. `n` counts the faces
        that have the region; fewer than 30 are ``"weak"``.

    Raises:
        ShapeError: another shape, or a share outside of [0, 1].
    """
    if shares.ndim != 3 or shares.shape[::2] != (len(contributors), len(CLASSES)):
        raise ShapeError(f"got shares {shares.shape} of {len(contributors)} faces; expected (F, T, {len(CLASSES)})")
    known = ~np.isnan(shares)
    if (known.any(axis=1) != known.all(axis=1)).any() or ((shares < 0) | (shares > 1)).any():
        raise ShapeError(
            "got shares outside of [0, 1], or a region in some layers only; expected 0 to 1 in all of them"
        )
    of_faces = shares.astype(np.float64).mean(axis=1) if shares.shape[1] else np.empty((0, len(CLASSES)))
    values: list[FigureValue] = []
    means: dict[MeanKey, FaceMean] = {}
    for region, name in enumerate(CLASSES):
        there = ~np.isnan(of_faces[:, region])
        n = int(np.count_nonzero(there))
        if not n:
            continue  # no face shows it
        of_region = of_faces[there, region]
        low, high, method = mean_interval(of_region, contributors.select(there), (0.0, 1.0)) or (None, None, None)
        mean = math.fsum(of_region.tolist()) / n
        row = figure(IDENTITY_ATTENTION).name
        values.append(FigureValue(row, None, mean, low, high, n, support_of(n), method, name))
        means[row, None, name] = FaceMean.of_known(of_faces[:, region])
    return values, drawn_means(means, contributors, kept) if means and len(kept) else {}
