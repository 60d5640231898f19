"""Where the landmarks of a face come to lie in a crop: similarities, and what they do to points and label maps.

It imports NumPy only; `bench.aligners.templates` has the crops themselves.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bench.api import Face, Template
from bench.errors import PluginError, ShapeError
from bench.provenance import value_digest


def template_digest(template: Template) -> str:
    """SHA-256 hex of a template's side and points, for a recognizer's fingerprint."""
    targets = {scheme: points.tolist() for scheme, points in template.targets.items()}
    return value_digest({"side": template.side, "targets": targets, "order": list(targets)})


def ffhq_matrix(field5: ArrayLike, side: int) -> NDArray[np.float64]:
    """The similarity that the FFHQ recipe gives one face: a square around eyes and mouth, whichever needs it larger.

    The square's centre lies a tenth of the way from the eyes to the mouth, its half side is the larger of 2 eye
    distances and 1.8 eye-to-mouth distances, and it is turned to the mean of the two axes.

    Args:
        field5: (5, 2) points in pixels of the frame.
        side: pixels of the crop.

    Returns:
        float64 (2, 3), from pixels of the frame to pixels of the crop.

    Raises:
        ShapeError: not five finite points.

    Source: Karras et al., CVPR 2019; ``recreate_aligned_images`` of NVlabs/ffhq-dataset.
    """
    points = _checked(field5, "field5")
    if points.shape != (5, 2):
        raise ShapeError(f"got {points.shape}; field5 is (5, 2): eyes, nose tip, mouth corners")
    eyes, mouth = points[:2].mean(axis=0), points[3:].mean(axis=0)
    across, down = points[1] - points[0], mouth - eyes
    axis = across + np.array([down[1], -down[0]])
    axis *= max(2.0 * np.hypot(*across), 1.8 * np.hypot(*down)) / np.hypot(*axis)
    centre = eyes + 0.1 * down
    turned = np.array([-axis[1], axis[0]])
    square = [centre - axis - turned, centre + axis - turned, centre - axis + turned]
    return similarity(square, [[0, 0], [side, 0], [0, side]])


def similarity(source_points: ArrayLike, target_points: ArrayLike) -> NDArray[np.float64]:
    """The rotation, uniform scale and shift that bring one set of points closest to another, in least squares.

    Args:
        source_points: (P, 2) x then y, P >= 2, not all the same.
        target_points: (P, 2).

    Returns:
        float64 (2, 3) A, so that ``A @ (x, y, 1)`` is a source point's place among the targets. It never mirrors.

    Raises:
        ShapeError: shapes differ, points are not finite, or the source points are all the same.

    Source: Umeyama, TPAMI 1991.
    """
    source, target = _checked(source_points, "source points"), _checked(target_points, "target points")
    if source.shape != target.shape or len(source) < 2:
        raise ShapeError(f"got {source.shape} and {target.shape} points; expected (P, 2) twice, P at least 2")
    source_mean, target_mean = source.mean(axis=0), target.mean(axis=0)
    centred = source - source_mean
    variance = (centred**2).sum() / len(source)
    if variance <= 1e-12:
        raise ShapeError(f"got {len(source)} source points in one place; a similarity needs two that differ")
    left, singular, right = np.linalg.svd((target - target_mean).T @ centred / len(source))
    signs = np.array([1.0, np.sign(np.linalg.det(left) * np.linalg.det(right))])
    linear = (left * signs) @ right * (singular @ signs / variance)
    return np.column_stack([linear, target_mean - linear @ source_mean])


def crop_matrix(face: Face, template: Template) -> NDArray[np.float64]:
    """The similarity from pixels of a frame to pixels of a crop; see `crop_by_landmarks`.

    Args:
        face: as an aligner found it in the frame.
        template: the first of its schemes that the face has is used.

    Returns:
        float64 (2, 3).

    Raises:
        PluginError: the face has none of the template's schemes.
    """
    for scheme, target in template.targets.items():
        if scheme in face.landmarks:
            return similarity(face.landmarks[scheme], target)
    raise PluginError(
        f"the template {template.name} wants landmarks {' or '.join(template.targets)}, the aligner gave"
        f" {' and '.join(face.landmarks) or 'none'}; choose another aligner (yunet and scrfd give field5,"
        " dlib_hog gives it with points: 68)"
    )


def move_points(points: NDArray[np.float32], matrix: NDArray[np.float64]) -> NDArray[np.float32]:
    """Points of a frame as points of a crop.

    Args:
        points: float32 (P, 2), x then y.
        matrix: (2, 3), from pixels of the frame to pixels of the crop.

    Returns:
        float32 (P, 2).
    """
    return placed(points, matrix).astype(np.float32)


def placed(points: NDArray[np.floating], matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """Where points come to lie, in full precision; see `move_points`.

    Args:
        points: float (P, 2), x then y.
        matrix: float64 (2, 3).

    Returns:
        float64 (P, 2).
    """
    found: NDArray[np.float64] = points @ matrix[:, :2].T + matrix[:, 2]
    return found


def lie_near(points: NDArray[np.floating], side: int) -> bool:
    """Whether landmarks can be those of a face in a crop: all finite, and none more than two sides from its centre.

    Args:
        points: float (P, 2), pixels of the crop.
        side: pixels of the crop.
    """
    return bool(np.isfinite(points).all() and np.abs(points - side / 2).max() <= 2 * side)


def warp_labels(labels: NDArray[np.uint8], matrix: NDArray[np.float64], side: int) -> NDArray[np.uint8]:
    """A square crop of a label map, each pixel the nearest label, 0 where the map ends.

    Args:
        labels: uint8 (H, W).
        matrix: (2, 3), from pixels of the map to pixels of the crop.
        side: pixels of the crop.

    Returns:
        uint8 (side, side).

    Raises:
        ShapeError: `labels` is no label map.
    """
    if labels.dtype != np.uint8 or labels.ndim != 2:
        raise ShapeError(f"got {labels.dtype} {labels.shape}; a label map is uint8 (H, W)")
    y, x = np.mgrid[:side, :side].reshape(2, -1).astype(np.float64)
    source = np.linalg.inv(matrix[:, :2]) @ (np.stack([x, y]) - matrix[:, 2:])
    column, row = np.rint(source).astype(np.int64)
    inside = (row >= 0) & (row < labels.shape[0]) & (column >= 0) & (column < labels.shape[1])
    crop = np.zeros(side * side, dtype=np.uint8)
    crop[inside] = labels[row[inside], column[inside]]
    return crop.reshape(side, side)


def _checked(points: ArrayLike, what: str) -> NDArray[np.float64]:
    array = np.asarray(points, dtype=np.float64)
    if array.ndim != 2 or array.shape[1] != 2 or not np.isfinite(array).all():
        raise ShapeError(f"{what}: got {array.shape}; expected finite (P, 2) points, x then y")
    return array
