"""Whether made faces show what they were meant to show: intersection over union of regions, with intervals."""

from __future__ import annotations

import math
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
from bench.regions import CLASSES

LEAST_AREA = 1e-3
"""A region that takes a smaller share of the pixels, 65 of 256 x 256, is not counted as shown."""

AGREEMENT, ACCURACY = "layout_intersection_over_union_mean", "layout_accuracy_mean"


@dataclass(frozen=True, eq=False)
class LayoutAreas:
    """Shares of the pixels of M faces, region by region, those of `bench.regions.CLASSES`; NaN where not made.

    Attributes:
        meant: float32 (M, 19), what the maker meant to show.
        seen: float32 (M, 19), what a parser sees.
        both: float32 (M, 19), pixels that are meant and seen as the region.

    Raises:
        ShapeError: arrays of other shapes, or more in both than in one of them.
    """

    meant: NDArray[np.float32]
    seen: NDArray[np.float32]
    both: NDArray[np.float32]

    def __post_init__(self) -> None:
        shape = (len(self.meant), len(CLASSES))
        if not self.meant.shape == self.seen.shape == self.both.shape == shape:
            raise ShapeError(
                f"got areas {self.meant.shape}, {self.seen.shape} and {self.both.shape}; expected (M, {len(CLASSES)})"
            )
        if ((self.both > self.meant) | (self.both > self.seen)).any():
            raise ShapeError("got more pixels in both layouts than in one of them")

    def agreement(self) -> NDArray[np.float64]:
        """Intersection over union of each region, float64 (M, 19); NaN of what a face neither shows nor is meant to."""
        shown = (self.meant >= LEAST_AREA) | (self.seen >= LEAST_AREA)
        both = self.both.astype(np.float64)
        union = self.meant.astype(np.float64) + self.seen - both
        return np.where(shown, both / np.where(shown, union, 1), np.nan)


def assess_layouts(
    areas: LayoutAreas, contributors: Contributors, kept: NDArray[np.bool_]
) -> tuple[list[FigureValue], dict[MeanKey, NDArray[np.float64]]]:
    """Mean intersection over union and share of pixels right, with ``"clustered"`` intervals.

    Args:
        areas: of M faces.
        contributors: whose faces they are.
        kept: bool (B, P), who is kept in each draw; B of 0 for no draws.

    Returns:
        The mean over faces of the mean over a face's regions, the share of pixels right, and the intersection over
        union of each region over the faces that are meant to show it, filed under its name; and each on every draw.
        Fewer than 30 faces are ``"weak"``.
    """
    of_regions = areas.agreement()
    known = ~np.isnan(of_regions)
    count = known.sum(axis=1)
    mean = np.where(count > 0, np.where(known, of_regions, 0).sum(axis=1) / np.maximum(count, 1), np.nan)
    rows: list[tuple[str, str | None, NDArray[np.float64]]] = [
        (AGREEMENT, None, mean),
        (ACCURACY, None, areas.both.astype(np.float64).sum(axis=1)),
    ]
    for region, name in enumerate(CLASSES):
        rows.append((AGREEMENT, name, np.where(areas.meant[:, region] >= LEAST_AREA, of_regions[:, region], np.nan)))
    values: list[FigureValue] = []
    means: dict[MeanKey, FaceMean] = {}
    for name, group, of_faces in rows:
        there = ~np.isnan(of_faces)
        n = int(np.count_nonzero(there))
        if not n:
            continue
        low, high, method = mean_interval(of_faces[there], contributors.select(there), (0.0, 1.0)) or (None, None, None)
        value = math.fsum(of_faces[there].tolist()) / n
        values.append(FigureValue(figure(name).name, None, value, low, high, n, support_of(n), method, group))
        means[name, None, group] = FaceMean.of_known(of_faces)
    return values, drawn_means(means, contributors, kept) if means and len(kept) else {}
