"""The regions of a face: by dlib's 68 landmarks, and by the 19 classes of CelebAMask-HQ."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from bench.regions import CLASSES, FACE_CLASSES, GROUPS

JAW: Final = tuple(range(17))
BROWS: Final = (tuple(range(17, 22)), tuple(range(22, 27)))
NOSE: Final = tuple(range(27, 36))
NOSTRILS: Final = tuple(range(31, 36))
EYES: Final = (tuple(range(36, 42)), tuple(range(42, 48)))
MOUTH: Final = tuple(range(48, 68))
WHOLE: Final = tuple(range(68))

_EYE_CORNERS = (36, 39, 42, 45)


@dataclass(frozen=True)
class LandmarkRegion:
    """A region as polygons of landmarks. Lengths are shares of the crop's side.

    Attributes:
        parts: landmarks of each part; the hull of a part, grown by `grow`, is pasted of base and source alike, so that
            nothing of the base's own feature stays.
        anchors: the landmarks whose similarity brings the region onto the base: its own, and some around it.
        features: which of `FEATURES` it brings along; the others are left alone.
        grow: how far beyond its landmarks a part reaches: lids and lashes, wings of the nose, rims of the lips.
        within: landmarks of a wider hull, shrunk by `shrink` about its middle; pasted where the hulls of base and
            source overlap. Empty for none.
        shrink: the factor of that shrinking.
    """

    parts: tuple[tuple[int, ...], ...]
    anchors: tuple[int, ...]
    features: frozenset[str]
    grow: float
    within: tuple[int, ...] = ()
    shrink: float = 1.0


FEATURES: Final = {"eyes": EYES, "brows": BROWS, "nose": (NOSE,), "mouth": (MOUTH,)}
"""The features that must not be cut: hulls of landmarks."""

FEATURE_GROW: Final = {"eyes": 0.016, "brows": 0.018, "nose": 0.018, "mouth": 0.012}
"""How far each reaches beyond its landmarks."""

_BOTH_EYES = EYES[0] + EYES[1]
_BOTH_BROWS = BROWS[0] + BROWS[1]

LANDMARK_REGIONS: Final = {
    "eyes": LandmarkRegion(EYES, (*_BOTH_EYES, 27), frozenset({"eyes"}), 0.028),
    "brows": LandmarkRegion(BROWS, (*_BOTH_BROWS, *_EYE_CORNERS), frozenset({"brows"}), 0.026),
    "eyes_brows": LandmarkRegion(
        (BROWS[0] + EYES[0], BROWS[1] + EYES[1]),
        (*_BOTH_EYES, *_BOTH_BROWS, 27),
        frozenset({"eyes", "brows"}),
        0.026,
    ),
    "nose": LandmarkRegion((NOSE,), (*NOSE, 39, 42), frozenset({"nose"}), 0.03),
    "mouth": LandmarkRegion((MOUTH,), (*MOUTH, *NOSTRILS), frozenset({"mouth"}), 0.024),
    "face": LandmarkRegion(
        ((*_BOTH_BROWS, *NOSE, *_BOTH_EYES, *MOUTH),), WHOLE, frozenset(FEATURES), 0.02, (*JAW, *_BOTH_BROWS), 0.9
    ),
    "upper_face": LandmarkRegion(
        ((*_BOTH_BROWS, *NOSE, *_BOTH_EYES),),
        (*_BOTH_BROWS, *NOSE, *_BOTH_EYES),
        frozenset({"eyes", "brows", "nose"}),
        0.024,
    ),
    "lower_face": LandmarkRegion(
        (MOUTH,), (*range(3, 14), *MOUTH, *NOSTRILS), frozenset({"mouth"}), 0.024, (*range(4, 13), *MOUTH), 0.86
    ),
}  # fmt: skip
"""Name to region, where landmarks say where it is."""

SKIN: Final = frozenset({1})
PARTS: Final = tuple(map(frozenset, ({2}, {4}, {5}, {6}, {7}, {10, 11, 12})))
"""What a face has exactly one of."""

INNER: Final = FACE_CLASSES | {3}
FEATURE_CLASSES: Final = INNER - SKIN
ALL: Final = frozenset(range(len(CLASSES)))

RANK: Final = (0, 3, 4, 7, 5, 5, 5, 5, 2, 2, 5, 5, 5, 6, 7, 7, 2, 1, 1)
"""Which class lies on top of which, higher on top: a pasted nose goes under the base's hair, not over it."""


def carried_points(classes: frozenset[int]) -> tuple[int, ...]:
    """The landmarks that move with a region of a mask."""
    owners = {2: NOSE, 4: EYES[0], 5: EYES[1], 6: BROWS[0], 7: BROWS[1], 10: MOUTH, 11: MOUTH, 12: MOUTH}
    return tuple(sorted({point for number in classes for point in owners.get(number, ())}))


def mask_anchors(name: str, classes: frozenset[int]) -> tuple[int, ...]:
    """The landmarks by which a region of a mask is brought onto the base; all of them where it has none of its own."""
    if name in LANDMARK_REGIONS:
        return LANDMARK_REGIONS[name].anchors
    for feature, numbers in GROUPS.items():
        if feature in FEATURES and classes <= numbers:
            return LANDMARK_REGIONS[feature].anchors
    return WHOLE
