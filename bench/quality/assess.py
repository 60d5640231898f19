"""Visual cost: what making the faces did to the pictures, as figures with intervals."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import special

from bench.errors import ShapeError
from bench.metrics.figures import figure
from bench.metrics.intervals import TAIL, Interval
from bench.metrics.operating import Support, support_of
from bench.metrics.shares import Contributors, mean_interval
from bench.metrics.verification import FigureValue
from bench.quality.distances import frechet_distances, kernel_distances, unit_rows
from bench.quality.visual import MOST_DECIBELS

MOST_GROUPS = 50
"""People are left out one by one up to so many, and in so many groups above."""

_Distances = Callable[
    [NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_], NDArray[np.bool_]], NDArray[np.float64]
]


class Quality(NamedTuple):
    """Visual cost, and what a difference of two makers' distances needs.

    Attributes:
        figures: SSIM, PSNR, Fréchet distance and KID, in the order of `figures.FIGURES`.
        left_out: a distance's name to its value without each group of people in turn, float64 (G,); those without an
            interval are left out. Equal contributors are grouped alike, whoever made the faces.
    """

    figures: list[FigureValue]
    left_out: Mapping[str, NDArray[np.float64]]


def assess_quality(
    structural_similarity: NDArray[np.float32],
    peak_signal_to_noise_ratio: NDArray[np.float32],
    people: NDArray[np.int32],
    count: int,
    made_features: NDArray[np.float32],
    made_people: NDArray[np.int32],
    photo_features: NDArray[np.float32],
    photo_people: NDArray[np.int32],
) -> Quality:
    """SSIM and PSNR to the first contributor's photo, and Fréchet distance and KID on a recognizer's embeddings.

    Args:
        structural_similarity: float32 (M,), NaN where a face was not made.
        peak_signal_to_noise_ratio: float32 (M,), decibels, NaN likewise.
        people: int32 (M, K), who contributes to each face, codes from 0 to `count` - 1.
        count: how many codes there are.
        made_features: float32 (N, D), the embeddings of the made faces that were acquired.
        made_people: int32 (N, K), who contributes to these.
        photo_features: float32 (L, D), the embeddings of the contributors' photos, each photo once.
        photo_people: int32 (L,), whom each shows.

    Returns:
        Four figures, and the distances without some people. Means have ``"clustered"`` intervals, distances
        ``"jackknife"`` ones; a Fréchet distance of fewer than 2·D faces or photos is ``"weak"``, since few make it too
        large.

    Raises:
        ShapeError: arrays that do not fit each other, or values that are not finite.
    """
    contributors = Contributors(people, count)
    values = [
        _mean("structural_similarity_mean", structural_similarity, contributors, (-1.0, 1.0)),
        _mean("peak_signal_to_noise_ratio_mean", peak_signal_to_noise_ratio, contributors, (0.0, MOST_DECIBELS)),
    ]
    fewer, width = min(len(made_features), len(photo_features)), made_features.shape[1]
    if made_people.shape != (len(made_features), people.shape[1]) or photo_people.shape != (len(photo_features),):
        raise ShapeError(
            f"got people {made_people.shape} and {photo_people.shape} for {len(made_features)} faces and "
            f"{len(photo_features)} photos; expected (N, {people.shape[1]}) and (L,)"
        )
    if fewer < 2:
        names = "frechet_distance", "kernel_distance"
        return Quality(values + [_figure(name, None, None, len(made_features), "insufficient") for name in names], {})
    made, photos = unit_rows(made_features), unit_rows(photo_features)
    kept = _leaving_out(made_people, photo_people, np.unique(np.concatenate([people.ravel(), photo_people])))
    frechet = _jackknifed(frechet_distances, made, photos, *kept)
    # Rows of length √D make the usual kernel that of the cosine.
    length = math.sqrt(width)
    kernel = _jackknifed(kernel_distances, made * length, photos * length, *kept)
    enough = support_of(fewer)
    distances: list[tuple[str, float, NDArray[np.float64] | None, float, Support]] = [
        ("frechet_distance", *frechet, 0.0, enough if fewer >= 2 * width else "weak"),
        ("kernel_distance", *kernel, -math.inf, enough),
    ]
    for name, value, left_out, least, support in distances:
        interval = None if left_out is None else jackknife_interval(value, left_out, least)
        values.append(_figure(name, value, interval, len(made), support))
    return Quality(values, {name: left for name, _, left, _, _ in distances if left is not None})


def jackknife_interval(value: float, left_out: NDArray[np.float64], least: float = -math.inf) -> Interval:
    """Student's t around a figure, with the jackknife's variance over people: 95 %.

    Args:
        value: of everybody.
        left_out: float64 (G,), of everybody but each of G groups of people, at least 2; of a difference of two figures
            the differences.
        least: the lower end is not below it.

    Source:
        Efron and Tibshirani, An Introduction to the Bootstrap, 1993, ch. 11.
    """
    left, groups = left_out.tolist(), len(left_out)
    mean = math.fsum(left) / groups
    variance = (groups - 1) / groups * math.fsum((each - mean) ** 2 for each in left)
    half = float(special.stdtrit(groups - 1, 1 - TAIL)) * math.sqrt(variance)
    return Interval(max(value - half, least), value + half, "jackknife")


def _mean(
    name: str, of_faces: NDArray[np.float32], contributors: Contributors, bounds: tuple[float, float]
) -> FigureValue:
    if of_faces.shape != (len(contributors),):
        raise ShapeError(f"got {name} of {of_faces.shape} faces; expected ({len(contributors)},)")
    faces = ~np.isnan(of_faces)
    values, n = of_faces[faces].astype(np.float64), int(np.count_nonzero(faces))
    if not n:
        return _figure(name, None, None, 0, "insufficient")
    interval = mean_interval(values, contributors.select(faces), bounds)
    return _figure(name, math.fsum(values.tolist()) / n, interval, n, support_of(n))


def _figure(name: str, value: float | None, interval: Interval | None, n: int, support: Support) -> FigureValue:
    low, high, method = interval or (None, None, None)
    return FigureValue(figure(name).name, None, value, low, high, n, support, method)


def _leaving_out(
    made_people: NDArray[np.int32], photo_people: NDArray[np.int32], everybody: NDArray[np.int32]
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which faces and which photos are left when each group of people is left out, bool (N, G) and (L, G)."""
    groups = min(len(everybody), MOST_GROUPS)
    each = np.arange(groups)
    of_face, of_photo = (np.searchsorted(everybody, people) % groups for people in (made_people, photo_people))
    kept: NDArray[np.bool_] = (of_face[:, :, None] != each).all(axis=1)
    return kept, of_photo[:, None] != each


def _jackknifed(
    distances: _Distances,
    made: NDArray[np.float64],
    photos: NDArray[np.float64],
    kept: NDArray[np.bool_],
    kept_photos: NDArray[np.bool_],
) -> tuple[float, NDArray[np.float64] | None]:
    """A distance, and it without each group of people.

    None for the latter where there is a single group, or one without which too few faces or photos are left.
    """
    groups = kept.shape[1]
    everything = np.ones((len(made), 1), np.bool_), np.ones((len(photos), 1), np.bool_)
    if groups < 2 or min(kept.sum(axis=0).min(), kept_photos.sum(axis=0).min()) < 2:
        return float(distances(made, photos, *everything)[0]), None
    parts = (np.hstack(each) for each in zip(everything, (kept, kept_photos), strict=True))
    found = distances(made, photos, *parts)
    return float(found[0]), found[1:]
