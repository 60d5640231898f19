"""Regions that 19-class masks outline."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from bench.errors import ShapeError
from bench.regions import MASK_REGIONS
from generators.collage.patches import NO_LABEL, Mask, Patch, Photo, alignment, distance_to, warp_labels
from generators.collage.regions import (
    ALL,
    FEATURE_CLASSES,
    INNER,
    PARTS,
    RANK,
    SKIN,
    WHOLE,
    carried_points,
    mask_anchors,
)
from generators.nearest import nearest_donor

RIM = 0.012
"""How wide the rim of a region is, as a share of the side: lashes, edges of lips, the line where skin meets hair."""

SKINLIKE = SKIN | {2}
BARE = frozenset({8, 9, 17})
"""Ears and neck: they too show skin."""


def mask_patch(base: Photo, source: Photo, name: str, whole_face: bool) -> Patch | None:
    """The patch of a region that masks outline; None if base or source lacks it, or it cannot be placed.

    Args:
        base: the collage so far, with labels.
        source: whose region, with labels.
        name: one of `MASK_REGIONS`.
        whole_face: align by all landmarks rather than by the region's own.

    Raises:
        ShapeError: a photo has no labels.
    """
    if base.labels is None or source.labels is None:
        raise ShapeError(f"{name}: got a photo without labels; expected masks of base and source")
    classes = MASK_REGIONS[name]
    matrix = alignment(base, source, WHOLE if whole_face else mask_anchors(name, classes))
    if matrix is None:
        return None
    given = warp_labels(source.labels, matrix)
    if not _among(base.labels, classes).any() or _lacks_a_part(base.labels, given, classes):
        return None
    inner = classes <= INNER
    known = classes | SKINLIKE if inner else classes
    free = _among(base.labels, known) & _among(given, known)
    core = _core(base.labels, given, classes, free)
    hole = _hole(base.labels, core, classes)
    labels = np.where(core, given, base.labels)
    # What is filled takes its label from what it is filled with, never from what shall go.
    refused = ALL - SKIN if inner else classes | FEATURE_CLASSES
    donors = ~_among(labels, refused) & ~hole
    if not core.any() or (hole.any() and not donors.any()):
        return None
    if hole.any():
        labels = np.where(hole, labels[nearest_donor(donors)], labels)
    return Patch(
        matrix=matrix,
        core=core,
        barred=~free | (given == NO_LABEL),
        skin=_among(base.labels, SKINLIKE) & _among(given, SKINLIKE),
        hole=hole,
        donors=donors,
        moved=carried_points(classes),
        labels=labels,
        bears_skin=classes <= INNER | BARE,
    )


def _core(base: NDArray[np.uint8], given: NDArray[np.uint8], classes: frozenset[int], free: Mask) -> Mask:
    """What becomes the source's; `free` is where a feature may be pasted with a rim of skin."""
    # What lies on top of the region on the base stays on top of it: hair over a brow, glasses over an eye.
    rank = max(RANK[number] for number in classes)
    above = _among(base, (number for number, own in enumerate(RANK) if own > rank and number not in classes))
    core = _among(given, classes) & ~above
    reach = RIM * len(base)
    if classes & SKIN:
        # The rim of skin is half of what is beside it, a line of hair most often.
        core &= ~_near(~_among(given, classes), reach)
    elif classes <= INNER:
        core |= _near(core, reach) & free
    return core


def _hole(base: NDArray[np.uint8], core: Mask, classes: frozenset[int]) -> Mask:
    """What of the base's own region is not covered, with its rim; skin may stay: it is no ghost of anything."""
    own = _among(base, classes - SKIN)
    if classes <= INNER:
        hole = own | (_near(own, RIM * len(base)) & _among(base, SKIN))
    else:
        bared = own & ~core
        hole = bared | (_near(bared, RIM * len(base)) & ~_among(base, FEATURE_CLASSES))
    return hole & ~core


def _among(labels: NDArray[np.uint8], classes: Iterable[int]) -> Mask:
    table = np.zeros(256, np.bool_)
    table[list(classes)] = True
    return table[labels]


def _lacks_a_part(base: NDArray[np.uint8], given: NDArray[np.uint8], classes: frozenset[int]) -> bool:
    """Whether the base would lose an eye, a brow, nose or mouth and get none for it."""
    asked = [part for part in PARTS if part <= classes]
    return any(_among(base, part).any() and not _among(given, part).any() for part in asked)


def _near(mask: Mask, distance: float) -> Mask:
    near: Mask = distance_to(mask) <= distance
    return near
