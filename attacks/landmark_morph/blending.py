"""The blended face put within its outline onto a background, so that no seam is seen.

Pictures here are float32 (S, S, 3) RGB in [0, 1].
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from attacks.landmark_morph.mesh import OUTLINE, Points

Picture = NDArray[np.float32]

MOST_GAIN = 1.5
"""By how much matching colours may raise or lower the contrast of a channel."""


def face_mask(points: Points, side: int, feather: float) -> NDArray[np.float32]:
    """How much each pixel belongs to the face: 0 on its outline and outside, rising smoothly to 1 inside.

    Args:
        points: float64 (P, 2), the face's points in pixels of the crop.
        side: pixels of the crop.
        feather: over how many pixels it rises; 0 for a sharp edge.

    Returns:
        float32 (side, side) in [0, 1].
    """
    from scipy.spatial import ConvexHull

    # The depth within a convex outline is the least of those behind its edges; OpenCV's transform of distances would
    # depend on the number of threads in its last bits, and take the crop's border for an edge of the face.
    depth = np.full((side, side), np.inf, dtype=np.float32)
    behind = np.empty_like(depth)
    place = np.arange(side)
    for across, down, offset in ConvexHull(points[list(OUTLINE)]).equations:
        np.add.outer((-down * place - offset).astype(np.float32), (-across * place).astype(np.float32), out=behind)
        np.minimum(depth, behind, out=depth)
    rise = np.clip(depth / max(feather, 1e-3), 0.0, 1.0)
    return np.asarray(rise * rise * (3.0 - 2.0 * rise), dtype=np.float32)


def match_colours(picture: Picture, model: Picture, mask: NDArray[np.float32]) -> Picture:
    """A face with another's colours: each channel's mean and spread, as they are where the mask is not 0.

    Args:
        picture: whose colours change.
        model: whose colours are taken.
        mask: float32 (S, S).

    Returns:
        float32 (S, S, 3); may leave [0, 1]. `picture` itself where the mask is 0 everywhere.

    Source: Reinhard et al., IEEE Computer Graphics and Applications 2001, in RGB instead of their lαβ.
    """
    inside = mask > 0
    if not inside.any():
        return picture
    own, wanted = (np.ascontiguousarray(image[inside].T, dtype=np.float64) for image in (picture, model))
    mean, spread = own.mean(axis=1), own.std(axis=1)
    # A flat face has no contrast to stretch, and more than half as much again would show its noise.
    gain = np.clip(wanted.std(axis=1) / np.maximum(spread, 1e-3), 1 / MOST_GAIN, MOST_GAIN)
    shift = wanted.mean(axis=1) - gain * mean
    matched: Picture = picture * gain.astype(np.float32) + shift.astype(np.float32)
    return matched


def compose(face: Picture, background: Picture, mask: NDArray[np.float32]) -> Picture:
    """The face where the mask is 1, the background where it is 0; float32 (S, S, 3)."""
    share = mask[:, :, None]
    mixed: Picture = background + share * (face - background)
    return mixed
