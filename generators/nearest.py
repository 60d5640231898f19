"""The nearest pixel of a mask, for every pixel: what holes are filled from."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def nearest_donor(donors: NDArray[np.bool_]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Rows and columns of the donor nearest to each pixel, intp (S, S) each; a donor's own for itself.

    Args:
        donors: bool (S, S), at least one.
    """
    import cv2

    _, labels = cv2.distanceTransformWithLabels(
        (~donors).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5, labelType=cv2.DIST_LABEL_PIXEL
    )
    rows, columns = np.nonzero(donors)
    place = np.zeros(labels.max() + 1, np.intp)
    place[labels[rows, columns]] = np.arange(len(rows))
    index = place[labels]
    return rows[index], columns[index]
