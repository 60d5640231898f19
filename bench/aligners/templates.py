"""The canonical crops: where each recognizer wants the landmarks, and the warp that puts them there.

The order of a template's schemes matters: an aligner uses the first one that the face has, so the scheme that the
recognizer was trained with stands first.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bench.api import Face, FrameImage, Template
from bench.errors import PluginError, ShapeError
from bench.images import check_frame
from bench.provenance import value_digest


def _points(rows: ArrayLike) -> NDArray[np.float32]:
    points = np.array(rows, dtype=np.float32)
    points.setflags(write=False)
    return points


# dlib's mean face, in the unit square of its chip without padding (image_transforms/interpolation.h,
# get_face_chip_details). dlib5 order: the corners of the eye at the right of the picture, outer then inner, of the eye
# at the left, outer then inner, the base of the nose.
_DLIB5_UNIT = np.array(
    [
        [0.8595674595992, 0.2134981538014],
        [0.6460604764104, 0.2289674387677],
        [0.1205750620789, 0.2137274526848],
        [0.3340850613712, 0.2290642403242],
        [0.4901123135679, 0.6277975316475],
    ]
)
_DLIB_PADDING = 0.25

DLIB150 = Template(
    name="dlib150",
    side=150,
    targets={
        "dlib5": _points((_DLIB5_UNIT + _DLIB_PADDING) / (1 + 2 * _DLIB_PADDING) * 150),
        # Measured: the first LFW photo of 500 people of the train split, drawn by stream(0, "dlib150", "field5"), where
        # the HOG detector (one upsampling) finds just one face; its field5 from dlib's 68 points, brought into the chip
        # by `similarity` of its dlib5, then averaged. Standard deviations: eyes 1.5 px, nose 6, mouth 5.
        "field5": _points(
            [[47.895, 46.867], [100.276, 46.829], [73.907, 76.202], [50.210, 104.070], [98.123, 104.092]]
        ),
    },
)
"""dlib's face chip: 150 pixels, padding 0.25."""

ARCFACE112 = Template(
    name="arcface112",
    side=112,
    targets={
        "field5": _points(
            [[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]]
        ),
    },
)
"""The crop of ArcFace and its kin. Source: InsightFace, ``insightface/utils/face_align.py``."""

FFHQ256 = Template(
    name="ffhq256",
    side=256,
    targets={
        # ARCFACE112's mean face put through `ffhq_matrix`; tests/test_templates.py derives them again.
        "field5": _points(
            [[97.206, 120.888], [158.794, 120.889], [128.000, 156.086], [102.500, 192.000], [153.502, 192.000]]
        ),
    },
)
"""The generators' crop, FFHQ-style: hair and chin inside, eyes at 47 % and mouth at 75 % of the height."""


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


def warp(frame: FrameImage, matrix: NDArray[np.float64], side: int) -> FrameImage:
    """A square crop of a frame, bilinear, black where the frame ends; what InsightFace's ``norm_crop`` does.

    Args:
        frame: uint8 (H, W, 3).
        matrix: (2, 3), from pixels of the frame to pixels of the crop.
        side: pixels of the crop.

    Returns:
        uint8 (side, side, 3).

    Raises:
        ShapeError: `frame` is not a frame, or `matrix` is not (2, 3) and finite.
    """
    import cv2

    matrix = np.asarray(matrix, dtype=np.float64)
    if matrix.shape != (2, 3) or not np.isfinite(matrix).all():
        raise ShapeError(f"got {matrix.shape} {matrix.tolist()}; a warp is a finite (2, 3) matrix")
    return np.asarray(cv2.warpAffine(check_frame(frame), matrix, (side, side), flags=cv2.INTER_LINEAR), dtype=np.uint8)


def crop_by_landmarks(frame: FrameImage, face: Face, template: Template) -> FrameImage:
    """The face, warped so that its landmarks come to lie where the template wants them.

    Args:
        frame: uint8 (H, W, 3).
        face: as an aligner found it in this frame.
        template: the first of its schemes that the face has is used.

    Returns:
        uint8 (S, S, 3).

    Raises:
        PluginError: the face has none of the template's schemes.
    """
    for scheme, target in template.targets.items():
        if scheme in face.landmarks:
            return warp(frame, similarity(face.landmarks[scheme], target), template.side)
    raise PluginError(
        f"the template {template.name} wants landmarks {' or '.join(template.targets)}, the aligner gave"
        f" {' and '.join(face.landmarks) or 'none'}; choose another aligner (yunet and scrfd give field5,"
        " dlib_hog gives it with points: 68)"
    )


def _checked(points: ArrayLike, what: str) -> NDArray[np.float64]:
    array = np.asarray(points, dtype=np.float64)
    if array.ndim != 2 or array.shape[1] != 2 or not np.isfinite(array).all():
        raise ShapeError(f"{what}: got {array.shape}; expected finite (P, 2) points, x then y")
    return array
