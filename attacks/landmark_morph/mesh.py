"""The points of a face that a morph moves, and the triangles between them.

A contributor's shape is the 68 landmarks, a row of forehead points over the brows, where dlib has none, and eight
anchors around the crop. The triangles are chosen once, on the mean of both shapes: whatever the weight and whoever is
the first contributor, the mesh is the same.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bench.aligners.geometry import lie_near

Points = NDArray[np.float64]
Triangles = NDArray[np.int32]

FOREHEAD = 7
"""Points over the brows, from the temple at the left of the picture to the one at the right."""
FOREHEAD_HEIGHT = 0.45
"""How far over the brows they reach, in brow-to-nose-base heights. The hairline is at about 1."""
JAW, NOSE_BASE, BROW_ENDS = slice(0, 17), 33, (21, 22)
OUTLINE = (*range(17), *range(68 + FOREHEAD - 1, 67, -1))
"""The outline of the face, around: the jaw from left to right, then the forehead back from right to left."""
MARGIN = 0.04
"""The anchors keep at least so much of the crop's side away from every landmark, because chins reach below the crop."""
SMALLEST = 0.02
"""The least distance between brows and nose base, and half of that between the temples, as a share of the side."""


def shape_of(landmarks: NDArray[np.float32]) -> Points:
    """The landmarks of a face with the forehead points that follow from them.

    Args:
        landmarks: float32 (68, 2), dlib's order, x then y.

    Returns:
        float64 (75, 2): the 68, then an arc of seven from temple to temple over the brows.
    """
    points = np.asarray(landmarks, dtype=np.float64)
    left, right = points[0], points[16]
    brows = (points[BROW_ENDS[0]] + points[BROW_ENDS[1]]) / 2
    top = brows + FOREHEAD_HEIGHT * (brows - points[NOSE_BASE])
    centre = (left + right) / 2
    turns = np.pi * np.arange(1, FOREHEAD + 1)[:, None] / (FOREHEAD + 1)
    arc = centre - np.cos(turns) * (right - left) / 2 + np.sin(turns) * (top - centre)
    return np.concatenate([points, arc])


def is_usable(landmarks: NDArray[np.float32], side: int) -> bool:
    """Whether landmarks can be those of a face in a crop: finite, upright, neither a point nor far outside.

    Args:
        landmarks: float32 (68, 2).
        side: pixels of the crop.
    """
    if not lie_near(landmarks, side):
        return False
    brows = landmarks[list(BROW_ENDS)].mean(axis=0)
    return bool(
        landmarks[NOSE_BASE, 1] - brows[1] >= SMALLEST * side
        and landmarks[16, 0] - landmarks[0, 0] >= 2 * SMALLEST * side
    )


def anchors(shapes: tuple[Points, Points], side: int) -> Points:
    """The corners and edge midpoints of the smallest rectangle that holds the crop and both shapes with a margin.

    They stand still in a morph.

    Args:
        shapes: both contributors' points.
        side: pixels of the crop.

    Returns:
        float64 (8, 2), outside of the centre of every pixel.
    """
    low = np.minimum(np.min([shape.min(axis=0) for shape in shapes], axis=0) - MARGIN * side, -0.5)
    high = np.maximum(np.max([shape.max(axis=0) for shape in shapes], axis=0) + MARGIN * side, side - 0.5)
    xs, ys = np.stack([low, (low + high) / 2, high]).T
    grid = np.array([(x, y) for y in ys for x in xs])
    return np.delete(grid, 4, axis=0)  # the middle of the nine


def triangulate(points: Points) -> Triangles:
    """The Delaunay triangles of points, each turning the same way.

    Args:
        points: float64 (P, 2).

    Returns:
        int32 (T, 3), indices into `points`; `signed_areas` of them are not negative.
    """
    from scipy.spatial import Delaunay

    triangles = np.array(Delaunay(points).simplices, dtype=np.int32)
    turned = signed_areas(points, triangles) < 0
    triangles[turned] = triangles[turned][:, ::-1]
    return triangles


def signed_areas(points: Points, triangles: Triangles) -> NDArray[np.float64]:
    """Float64 (T,), square pixels: negative where a triangle turns the other way than `triangulate` left it."""
    a, b, c = (points[triangles[:, corner]] for corner in range(3))
    areas: NDArray[np.float64] = 0.5 * (
        (b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (c[:, 0] - a[:, 0]) * (b[:, 1] - a[:, 1])
    )
    return areas


def folded_share(points: Points, triangles: Triangles) -> float:
    """How much of a mesh is folded over: the area of the triangles that turn the wrong way over the face's area.

    Args:
        points: float64 (P, 2), a shape with its anchors.
        triangles: int32 (T, 3), of another shape.

    Returns:
        0 for a mesh without folds; infinity where the outline holds less than a pixel.
    """
    areas = signed_areas(points, triangles)
    face = outline_area(points)
    return float(np.maximum(-areas, 0.0).sum() / face) if face >= 1 else float("inf")


def outline_area(points: Points) -> float:
    """Square pixels within the face's outline; negative where it goes around the wrong way."""
    x, y = points[list(OUTLINE)].T
    return float(-0.5 * (x * np.roll(y, -1) - np.roll(x, -1) * y).sum())
