"""Which face to use where a frame shows several."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, get_args

import numpy as np

from bench.api import Face

Choice = Literal["size_and_centre", "largest", "centre", "confidence"]
"""``size_and_centre``: area minus twice the squared distance from the image centre, as InsightFace's examples do."""


def check_choice(choose: str) -> None:
    """Refuses a rule that is not one.

    Raises:
        ValueError: `choose` is not a `Choice`.
    """
    if choose not in get_args(Choice):
        raise ValueError(f"choose: got {choose!r}, expected one of {', '.join(get_args(Choice))}")


def order_faces(faces: Iterable[Face], frame_shape: tuple[int, ...], choose: Choice = "size_and_centre") -> list[Face]:
    """The faces of one frame, the one to use first; equals stay in the detector's order.

    Args:
        faces: what the detector found.
        frame_shape: the frame's shape, (H, W, ...), in pixels.
        choose: the rule.

    Returns:
        All of them.
    """
    check_choice(choose)
    centre = np.array([frame_shape[1], frame_shape[0]], dtype=np.float64) / 2

    def preference(face: Face) -> float:
        left, top, right, bottom = (float(edge) for edge in face.box)
        area = max(right - left, 0.0) * max(bottom - top, 0.0)
        offset = float(((np.array([left + right, top + bottom]) / 2 - centre) ** 2).sum())
        return {
            "size_and_centre": area - 2.0 * offset,
            "largest": area,
            "centre": -offset,
            "confidence": float(face.confidence),
        }[choose]

    return sorted(faces, key=preference, reverse=True)
