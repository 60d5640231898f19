"""Aligners by themselves: whether they find the face of a photo, and how far their landmarks lie from the true ones."""

from __future__ import annotations

from bench.metrics.figure_rows import OURS, Figure

_ERROR = "Sagonas et al., Image and Vision Computing 47, 2016, over the distance between the eye centres"

ROWS: tuple[Figure, ...] = (
    Figure("frames_unreadable", "photos that cannot be read; they count in no other figure", "count", "none", OURS),
    Figure("found_rate", "photos in which a face was found / photos that can be read", "share", "up", OURS),
    Figure(
        "faces_per_photo_mean",
        "mean over photos that can be read of the number of faces found; each photo shows one person",
        "ratio",
        "none",
        OURS,
    ),
    Figure(
        "landmark_error_mean",
        "NME: mean over photos with a face found of the mean distance of its landmarks from the true ones / distance "
        "between the true eye centres",
        "ratio",
        "down",
        _ERROR,
    ),
    Figure(
        "landmark_failure_rate",
        "photos in which no face was found, or whose NME is above 0.1 / photos whose true landmarks are known",
        "share",
        "down",
        _ERROR,
    ),
)
