"""Figures of an aligner by itself: how many faces it finds, and how far its landmarks lie from the true ones.

A photo's landmark error (NME) is the mean over the points of a scheme of the distance from the true point, over the
distance between the true eye centres. One scheme serves all photos of an aligner, the richest that the aligner and the
truth have in common: dlib's 68 points, then the field's five, then dlib's five. Both fives follow from the 68. Errors
of different schemes do not compare: an eye corner is easier to place than a point of the jaw.

A photo in which no face was found has no error; it is a landmark failure, as is one whose error is above 0.1.

Every photo rests on one person. Rates have `intervals.rate_interval`, means `shares.mean_interval`; the draws are those
of `kept_means`, in which a photo is kept if its person is.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bench.errors import ShapeError
from bench.metrics.clusters import Clusters
from bench.metrics.figures import figure
from bench.metrics.intervals import rate_interval
from bench.metrics.kept_means import FaceMean, drawn_means
from bench.metrics.operating import support_of
from bench.metrics.shares import Contributors, mean_interval
from bench.metrics.verification import FigureValue

DrawKey = tuple[str, str | None, str | None]
"""A figure, its operating point and its group."""

Points = Mapping[str, NDArray[np.float32]]
"""Scheme to float32 (P, 2), x then y in pixels of the frame."""

SCHEMES: Mapping[str, int] = {"dlib68": 68, "field5": 5, "dlib5": 5}
"""The schemes that errors are measured on and how many points each has, the preferred one first."""
FAILURE = 0.1
"""A larger landmark error is a failure."""

_EYES = slice(36, 42), slice(42, 48)
_FIELD5_OF_68 = [30, 48, 54]
_DLIB5_OF_68 = [45, 42, 36, 39, 33]
"""Corners of the eye at the right of the picture, outer then inner, of the eye at the left, the base of the nose."""


class Assessed(NamedTuple):
    """The figures of an aligner, and each that is uncertain on every draw."""

    values: list[FigureValue]
    draws: dict[DrawKey, NDArray[np.float64]]


@dataclass(frozen=True, eq=False)
class Placements:
    """What an aligner made of N photos.

    Attributes:
        readable: bool (N,), whether the photo can be read.
        faces: int16 (N,), how many faces were found; 0 in a photo that cannot be read.
        error: float64 (N,), the landmark error; NaN where no face was found, or no truth is known to compare with.
        known: bool (N,), whether the true landmarks are known.
        people: int32 (N,), whom each shows, codes from 0 to `count` - 1.
        count: how many codes there are.

    Raises:
        ShapeError: arrays that do not fit each other.
    """

    readable: NDArray[np.bool_]
    faces: NDArray[np.int16]
    error: NDArray[np.float64]
    known: NDArray[np.bool_]
    people: NDArray[np.int32]
    count: int

    def __post_init__(self) -> None:
        for name, kind in (
            ("readable", np.bool_), ("faces", np.int16), ("error", np.float64), ("known", np.bool_),
            ("people", np.int32),
        ):  # fmt: skip
            array = getattr(self, name)
            if array.dtype != kind or array.shape != (len(self.readable),):
                raise ShapeError(
                    f"got {name} {array.dtype} {array.shape}; expected {np.dtype(kind)} ({len(self.readable)},)"
                )
        if (self.faces[~self.readable] != 0).any():
            raise ShapeError("got a face in a photo that cannot be read; expected 0 there")
        if (~np.isnan(self.error) & ((self.faces == 0) | ~self.known)).any():
            raise ShapeError("got a landmark error where no face was found or no truth is known; expected NaN there")


def completed(points: Points) -> dict[str, NDArray[np.float64]]:
    """Landmarks with the schemes that follow from dlib's 68, those of `SCHEMES` only.

    Args:
        points: what an aligner or a data set gives; its own field5 and dlib5 stand.
    """
    found = {scheme: points[scheme].astype(np.float64) for scheme in SCHEMES if scheme in points}
    if "dlib68" in found:
        every = found["dlib68"]
        eyes = [every[eye].mean(axis=0) for eye in _EYES]
        found.setdefault("field5", np.stack([*eyes, *every[_FIELD5_OF_68]]))
        found.setdefault("dlib5", every[_DLIB5_OF_68])
    return found


def eye_distance(points: Points) -> float:
    """Pixels between the eye centres; 0 where none of `SCHEMES` is there.

    Args:
        points: as a data set knows them; of dlib's five the centres are midway between the corners of an eye.
    """
    every = completed(points)
    if "field5" in every:
        first, second = every["field5"][:2]
    elif "dlib5" in every:
        first, second = every["dlib5"][2:4].mean(axis=0), every["dlib5"][:2].mean(axis=0)
    else:
        return 0.0
    return math.dist(first.tolist(), second.tolist())


def common_scheme(found: list[Points], true: list[Points]) -> str | None:
    """The first of `SCHEMES` that all landmarks have, given or derived; None where there is none.

    Args:
        found: of the faces that were found.
        true: of the same photos.
    """
    every = [completed(points) for points in (*found, *true)]
    return next((scheme for scheme in SCHEMES if every and all(scheme in points for points in every)), None)


def landmark_error(found: Points, true: Points, scheme: str) -> float:
    """The mean distance of the points of one scheme, over the distance between the true eye centres.

    Args:
        found: as an aligner placed them.
        true: as the data set knows them, eyes apart.
        scheme: one that both have, given or derived.
    """
    difference = completed(found)[scheme] - completed(true)[scheme]
    distances = np.hypot(difference[:, 0], difference[:, 1])
    return math.fsum(distances.tolist()) / len(distances) / eye_distance(true)


def assess_alignment(placements: Placements, kept: NDArray[np.bool_]) -> Assessed:
    """Every figure of an aligner.

    Args:
        placements: what it made of the photos.
        kept: bool (B, P), who is kept in each bootstrap draw, for the P codes of `placements.people`.

    Returns:
        In the order of `figures.FIGURES`: counts, then rates and means with their intervals. The figures of landmarks
        are left out where no photo's truth is known; where some is and no error could be measured, they are
        ``"insufficient"``.
    """
    counts = {
        "frames": len(placements.readable),
        "subjects": len(np.unique(placements.people)),
        "frames_unreadable": int(np.count_nonzero(~placements.readable)),
    }
    frames = len(placements.readable)
    values = [FigureValue(figure(name).name, None, n, None, None, frames, "ok") for name, n in counts.items()]
    readable, found, known = placements.readable, placements.faces > 0, placements.known & placements.readable
    uncertain = {
        "found_rate": np.where(readable, found, np.nan),
        "faces_per_photo_mean": np.where(readable, placements.faces, np.nan),
    }
    if known.any():
        judged = not found[known].any() or not np.isnan(placements.error).all()
        failed = ~found | (placements.error > FAILURE)
        uncertain["landmark_error_mean"] = placements.error
        uncertain["landmark_failure_rate"] = np.where(known & judged, failed, np.nan)
    for name, of_photos in uncertain.items():
        values.append(_figure(name, of_photos, placements))
    if not len(kept):
        return Assessed(values, {})
    means: dict[DrawKey, FaceMean] = {
        (name, None, None): FaceMean.of_known(of_photos) for name, of_photos in uncertain.items()
    }
    return Assessed(values, drawn_means(means, _contributors(placements), kept))


def _contributors(placements: Placements) -> Contributors:
    return Contributors(placements.people[:, None], placements.count)


def _figure(name: str, of_photos: NDArray[np.float64], placements: Placements) -> FigureValue:
    """The mean over the photos that have a value."""
    photos = ~np.isnan(of_photos)
    values, n = of_photos[photos], int(np.count_nonzero(photos))
    if not n:
        return FigureValue(figure(name).name, None, None, None, None, 0, "insufficient")
    mean = math.fsum(values.tolist()) / n
    if figure(name).unit == "share":
        people = placements.people[photos]
        interval = rate_interval(values == 1, Clusters(people, people, placements.count))
        hits = int(np.count_nonzero(values))
        support = support_of(min(hits, n - hits))
        return FigureValue(figure(name).name, None, mean, *interval[:2], n, support, interval.method)
    around = mean_interval(values, _contributors(placements).select(photos), (0.0, math.inf))
    low, high, method = around or (None, None, None)
    return FigureValue(figure(name).name, None, mean, low, high, n, support_of(n), method)
