"""What mirroring a face does to what is known of it: left and right are exchanged in labels and landmarks."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bench.parsers.labels import MIRRORED


def _exchanged() -> NDArray[np.uint8]:
    table = np.arange(256, dtype=np.uint8)
    table[: len(MIRRORED)] = MIRRORED
    return table


def _reflected_order() -> NDArray[np.int64]:
    """For each of dlib's 68 points the one that lies where it lay before mirroring."""
    runs = (
        range(16, -1, -1),  # jaw
        range(26, 16, -1),  # brows
        range(27, 31),  # bridge of the nose
        range(35, 30, -1),  # its base
        (45, 44, 43, 42, 47, 46), (39, 38, 37, 36, 41, 40),  # eyes
        (54, 53, 52, 51, 50, 49, 48, 59, 58, 57, 56, 55),  # outer lips
        (64, 63, 62, 61, 60, 67, 66, 65),  # inner lips
    )  # fmt: skip
    return np.array([point for run in runs for point in run], dtype=np.int64)


EXCHANGED_LABELS = _exchanged()
REFLECTED_68 = _reflected_order()


def mirror_labels(masks: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Mirrored label maps.

    Args:
        masks: uint8 (N, S, S), 19-class CelebAMask-HQ labels; 255, "not labelled", stays.
    """
    return EXCHANGED_LABELS[masks[:, :, ::-1]]


def mirror_landmarks(landmarks: NDArray[np.floating], side: int) -> NDArray[np.floating]:
    """The landmarks of mirrored faces.

    Args:
        landmarks: float (N, 68, 2), dlib's order, in pixels of side `side`.
        side: S.
    """
    found = landmarks[:, REFLECTED_68]
    found[..., 0] = side - 1 - found[..., 0]
    return found
