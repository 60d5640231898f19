"""The canonical crops: where each recognizer wants the landmarks, and the warp that puts them there.

The order of a template's schemes matters: an aligner uses the first one that the face has, so the scheme that the
recognizer was trained with stands first.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bench.aligners.geometry import crop_matrix, ffhq_matrix, move_points, similarity, template_digest, warp_labels
from bench.api import Face, FrameImage, Template
from bench.errors import ShapeError
from bench.images import check_frame

__all__ = [
    "ARCFACE112", "DLIB150", "FFHQ256", "crop_by_landmarks", "crop_matrix", "ffhq_matrix", "move_points", "similarity",
    "template_digest", "warp", "warp_labels",
]  # fmt: skip


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
    return warp(frame, crop_matrix(face, template), template.side)
