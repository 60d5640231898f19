"""The naive way to mix: pixels of each region from its source, where they lie there, and nothing learned.

It stands beside what the networks make, to say what they are good for.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bench.api import Crops
from generators.mixsyn.assignment import Assignment, Parts
from generators.mixsyn.settings import PARTS
from generators.nearest import nearest_donor


def copy_paste(images: Crops, labels: NDArray[np.uint8], assignment: Assignment, parts: Parts = PARTS) -> Crops:
    """Faces whose regions are cut out of their sources; a part covers those before it, as `copied` lays them.

    What no region covers takes the colour of the nearest pixel that one does. Styles play no part: who gives the shape
    gives the pixels.

    Args:
        images: float32 (N, K, 3, S, S) RGB in [0, 1].
        labels: uint8 (N, K, S, S).
        assignment: of N faces, R regions.
        parts: names and classes, those at the back first.

    Returns:
        float32 (N, 3, S, S); NaN where nothing is covered.

    Source: naive copy-paste, with which Demir and Ciftci, arXiv 2111.12705, compare; order and filling are ours.
    """
    made = np.full((len(images), *images.shape[2:]), np.nan, np.float32)
    for face, shape in enumerate(assignment.shape.cpu().numpy()):
        region, rows, columns = _cut(labels[face], shape, parts)
        if (region >= 0).all():
            made[face] = np.moveaxis(images[face][shape[region], :, rows, columns], -1, 0)
    return made


def pasted_maps(labels: NDArray[np.uint8], assignment: Assignment, parts: Parts = PARTS) -> NDArray[np.float32]:
    """The region that each pixel of `copy_paste` is of, filled ones included.

    Args:
        labels: uint8 (N, K, S, S).
        assignment: of N faces, R regions.
        parts: as `copy_paste` takes them.

    Returns:
        float32 (N, R, S, S), one-hot; zeros where nothing is covered.
    """
    count, regions = assignment.shape.shape
    found = np.empty((count, regions, *labels.shape[2:]), np.float32)
    for face, shape in enumerate(assignment.shape.cpu().numpy()):
        found[face] = _cut(labels[face], shape, parts)[0] == np.arange(regions)[:, None, None]
    return found


def _cut(
    labels: NDArray[np.uint8], shape: NDArray[np.int64], parts: Parts
) -> tuple[NDArray[np.int64], NDArray[np.intp], NDArray[np.intp]]:
    """Of each pixel of one face: its region, -1 where nothing at all is covered, and the row and column it is cut from.

    Args:
        labels: (K, S, S), of the sources.
        shape: (R,), the source of each region.
        parts: those at the back first.
    """
    region = np.full(labels.shape[1:], -1)
    for number in (one for _, classes in parts for one in classes):
        if shape[number] >= 0:
            region[labels[shape[number]] == number] = number
    covered = region >= 0
    rows, columns = nearest_donor(covered if covered.any() else ~covered)
    return region[rows, columns], rows, columns
