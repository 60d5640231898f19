"""How near made faces come to the faces of other people, such as those that a generator learned from."""

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

NEAREST, CLEAN, EXCESS = (
    "nearest_similarity_mean",
    "clean_nearest_similarity_mean",
    "excess_nearest_similarity_mean",
)


@dataclass(frozen=True, eq=False)
class Nearest:
    """The highest score of M faces, and of the photos that they were made of, with any photo of a gallery.

    Attributes:
        faces: float32 (M,), of the made face; NaN where it was not made or not acquired.
        photos: float32 (M, K), of the photos of its contributors; NaN where one was not acquired.

    Raises:
        ShapeError: arrays of other shapes.
    """

    faces: NDArray[np.float32]
    photos: NDArray[np.float32]

    def __post_init__(self) -> None:
        if self.photos.ndim != 2 or self.faces.shape != self.photos.shape[:1] or not self.photos.shape[1]:
            raise ShapeError(f"got faces {self.faces.shape} and photos {self.photos.shape}; expected (M,) and (M, K)")


def assess_novelty(
    nearest: Nearest, contributors: Contributors, kept: NDArray[np.bool_]
) -> tuple[list[FigureValue], dict[MeanKey, NDArray[np.float64]]]:
    """Mean similarity to the nearest face of a gallery, of made faces and of photos, with ``"clustered"`` intervals.

    The gallery is fixed; people are drawn among the contributors alone.

    Args:
        nearest: of M faces.
        contributors: whose faces they are.
        kept: bool (B, P), who is kept in each draw; B of 0 for no draws.

    Returns:
        Over the faces that were acquired together with all of their photos: the mean of the faces, the mean over faces
        of the mean of their photos, and the mean of the differences; and each on every draw. Fewer than 30 faces are
        ``"weak"``, none give no figures.
    """
    of_photos = nearest.photos.astype(np.float64).mean(axis=1)
    excess = nearest.faces - of_photos
    there = ~np.isnan(excess)
    n = int(np.count_nonzero(there))
    if not n:
        return [], {}
    rows = {NEAREST: nearest.faces.astype(np.float64), CLEAN: of_photos, EXCESS: excess}
    values: list[FigureValue] = []
    means: dict[MeanKey, FaceMean] = {}
    for name, of_faces in rows.items():
        low, high, method = mean_interval(of_faces[there], contributors.select(there)) or (None, None, None)
        value = math.fsum(of_faces[there].tolist()) / n
        values.append(FigureValue(figure(name).name, None, value, low, high, n, support_of(n), method))
        means[name, None, None] = FaceMean.of_known(np.where(there, of_faces, np.nan))
    return values, drawn_means(means, contributors, kept) if len(kept) else {}
