"""What FASSEG's six labels and dlib's 68 points say of the 19 labels, as codes of `label_sets`.

FASSEG's skin is the face with its beard, glasses, ears and neck; its hair has the brows in it; its eyes are wider than
the eyeball; its background has hats, clothes and jewellery in it. Where landmarks were found they split what the six
labels leave together: ears lie beside the jaw line, the neck below it, brows at the brow points, lips on either side of
the line between them. Nothing is said of a pixel beside a border of the six labels.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from generators.auxiliary.face_parser.label_sets import CODES, UNKNOWN
from generators.auxiliary.face_parser.polygons import LOWER_LIP, NOSE, UPPER_LIP, Points, along, inside

BACKGROUND, SKIN, HAIR, EYES, NOSE_LABEL, MOUTH = range(6)
"""FASSEG's labels."""

SIX_OF_19 = np.array([0, 1, 4, 1, 3, 3, 2, 2, 1, 1, 5, 5, 5, 2, 0, 0, 1, 1, 0], dtype=np.uint8)
"""uint8 (19,): in which of FASSEG's labels each of ours falls; how a parser is compared with its maps."""

Codes = NDArray[np.uint8]
Mask = NDArray[np.bool_]
Places = NDArray[np.integer]


def codes_of_six(six: NDArray[np.uint8], landmarks: Points | None) -> Codes:
    """What FASSEG's labels, and landmarks where there are some, say of each pixel.

    Args:
        six: uint8 (S, S), FASSEG's labels, 255 where the photo ends.
        landmarks: (68, 2) in pixels of the map, or None.

    Returns:
        uint8 (S, S), codes; 0, background, where the photo ends.
    """
    side = len(six)
    x = np.broadcast_to(np.arange(side), six.shape)
    codes = np.full(six.shape, UNKNOWN, dtype=np.uint8)
    codes[six == BACKGROUND] = CODES["surroundings"]
    middle = _middle(six)
    codes[(six == SKIN) & (x < middle)] = CODES["skin_left"]
    codes[(six == SKIN) & (x >= middle)] = CODES["skin_right"]
    codes[six == HAIR] = CODES["hair"]
    codes[six == NOSE_LABEL] = 2
    codes[six == MOUTH] = CODES["mouth"]
    codes[six == EYES] = CODES["eyes"]
    for part, label in _eyes(six == EYES, middle):
        codes[part] = label
    if landmarks is not None:
        _split(codes, six, np.asarray(landmarks, dtype=np.float64))
    codes[_borders(six)] = UNKNOWN
    codes[six == UNKNOWN] = 0
    return codes


def codes_of_photo(landmarks: Points, inside_photo: Mask) -> Codes:
    """What landmarks say of a photo without labels: the cores of the parts, where hair and glasses are thought of.

    Args:
        landmarks: (68, 2) in pixels of the wide frame.
        inside_photo: bool (S, S), False where the photo ends.

    Returns:
        uint8 (S, S), codes; unknown but for the face, and 0, background, where the photo ends.
    """
    points = np.asarray(landmarks, dtype=np.float64)
    side = len(inside_photo)
    unit = _unit(points)
    y = np.arange(side)[:, None]
    codes = np.full(inside_photo.shape, UNKNOWN, dtype=np.uint8)
    face = _eroded(inside(_face(points), side), round(0.08 * unit))
    features = [points[17:22], points[22:27], points[36:42], points[42:48], points[48:60], points[27:36]]
    near = np.zeros_like(face)
    for part in features:
        near |= _dilated(inside(_hull(part), side), round(0.12 * unit))
    below_eyes = y > points[36:48, 1].max()
    codes[face & ~near & below_eyes] = 1
    codes[face & ~near & ~below_eyes] = CODES["covered_face"]
    codes[inside(points[NOSE], side)] = 2
    codes[inside(points[36:42], side)] = CODES["eye_left"]
    codes[inside(points[42:48], side)] = CODES["eye_right"]
    for brow, name in ((points[17:22], "covered_brow_left"), (points[22:27], "covered_brow_right")):
        codes[along(brow + np.array([0, 0.02 * unit]), side)] = CODES[name]
    between = inside(points[60:68], side)
    codes[inside(points[UPPER_LIP], side)] = 11
    codes[inside(points[LOWER_LIP], side)] = 12
    if _gap(points) < 0.1 * unit:
        codes[between] = CODES["mouth"]
    else:
        codes[between] = 10
        codes[_dilated(between, 1) & ~_eroded(between, 1)] = CODES["mouth"]
    codes[~inside_photo] = 0
    return codes


def _split(codes: Codes, six: NDArray[np.uint8], points: Points) -> None:
    """Lets landmarks split FASSEG's labels, in place."""
    side, unit = len(six), _unit(points)
    x, y = np.broadcast_to(np.arange(side), six.shape), np.broadcast_to(np.arange(side)[:, None], six.shape)
    face, skin, hair = inside(_face(points), side), six == SKIN, six == HAIR
    top = points[17:27, 1].min()
    codes[skin & (y < top) & (x > points[0, 0]) & (x < points[16, 0])] = CODES["face"]
    codes[skin & _eroded(face, round(0.05 * unit))] = CODES["face"]
    codes[skin & _dilated(inside(_hull(points[27:36]), side), round(0.1 * unit))] = CODES["face_or_nose"]
    _split_neck_and_ears(codes, skin, face, points, x, y)
    trunk = _largest(hair)
    brows = np.zeros_like(hair)
    for brow, label, either in ((points[17:22], 6, "brow_left"), (points[22:27], 7, "brow_right")):
        low = brow[::-1] + np.array([0, 0.12 * unit])
        core = _dilated(inside(np.concatenate([brow - [0, 0.06 * unit], low]), side), round(0.06 * unit))
        brows |= _dilated(core, round(0.06 * unit))
        codes[hair & core & ~trunk] = label
        codes[hair & core & trunk] = CODES[either]
        codes[skin & inside(np.concatenate([brow, low]), side)] = CODES[
            f"brow_or_skin_{'left' if label == 6 else 'right'}"
        ]
    codes[hair & ~brows] = CODES["crown"]
    for eye, label, lid in ((points[36:42], 4, "lid_left"), (points[42:48], 5, "lid_right")):
        codes[(codes == label) & ~_dilated(inside(eye, side), 1)] = CODES[lid]
    _split_mouth(codes, six == MOUTH, points, y)


def _split_neck_and_ears(codes: Codes, skin: Mask, face: Mask, points: Points, x: Places, y: Places) -> None:
    side, unit = len(codes), _unit(points)
    jaw = points[2:15][np.argsort(points[2:15, 0])]
    line = np.interp(np.arange(side), jaw[:, 0], jaw[:, 1])
    under = (x >= jaw[0, 0]) & (x <= jaw[-1, 0]) & (y > line + 0.075 * unit)
    codes[skin & (under | (y > points[8, 1]))] = CODES["neck"]
    band = (y > points[17:27, 1].min()) & (y < points[33, 1] + 0.15 * unit)
    beside = skin & band & ~_dilated(face, round(0.06 * unit))
    far = 0.12 * unit
    codes[beside & (x < points[0, 0])] = CODES["beside_left"]
    codes[beside & (x > points[16, 0])] = CODES["beside_right"]
    codes[skin & band & (x < points[0, 0] - far)] = 8
    codes[skin & band & (x > points[16, 0] + far)] = 9


def _split_mouth(codes: Codes, mouth: Mask, points: Points, y: Places) -> None:
    side, unit = len(codes), _unit(points)
    line = np.interp(np.arange(side), points[60:65, 0], (points[60:65, 1] + points[[60, 67, 66, 65, 64], 1]) / 2)
    above, closed = y < line, _gap(points) < 0.06 * unit
    codes[mouth & above] = 11 if closed else CODES["upper"]
    codes[mouth & ~above] = 12 if closed else CODES["lower"]
    if not closed:
        between = inside(points[60:68], side)
        codes[mouth & inside(points[UPPER_LIP], side) & ~between] = 11
        codes[mouth & inside(points[LOWER_LIP], side) & ~between] = 12


def _middle(six: NDArray[np.uint8]) -> float:
    """The column of the nose; where none is seen, that of the mouth, and else of the face."""
    for label in (NOSE_LABEL, MOUTH, SKIN):
        columns = np.nonzero(six == label)[1]
        if columns.size:
            return float(columns.mean())
    return len(six) / 2


def _eyes(eyes: Mask, middle: float) -> list[tuple[Mask, int]]:
    """The one or two eyes with their labels: two by their order, one by the side of the nose on which it lies."""
    from scipy import ndimage

    labelled, count = ndimage.label(eyes)
    sizes = np.atleast_1d(ndimage.sum_labels(eyes, labelled, range(1, count + 1)))
    large = sorted(np.argsort(sizes)[::-1][:2] + 1)
    parts = [labelled == number for number in large if sizes[number - 1] >= 30]
    columns = [float(np.nonzero(part)[1].mean()) for part in parts]
    if len(parts) == 2:
        first = int(np.argmin(columns))
        return [(parts[first], 4), (parts[1 - first], 5)]
    return [(part, 4 if column < middle else 5) for part, column in zip(parts, columns, strict=True)]


def _largest(mask: Mask) -> Mask:
    from scipy import ndimage

    labelled, count = ndimage.label(mask)
    if not count:
        return mask
    found: Mask = labelled == 1 + int(np.argmax(ndimage.sum_labels(mask, labelled, range(1, count + 1))))
    return found


def _borders(six: NDArray[np.uint8]) -> Mask:
    from scipy import ndimage

    found: Mask = ndimage.maximum_filter(six, 3) != ndimage.minimum_filter(six, 3)
    return found


def _dilated(mask: Mask, pixels: int) -> Mask:
    from scipy import ndimage

    return mask if pixels < 1 else ndimage.maximum_filter(mask, 2 * pixels + 1)


def _eroded(mask: Mask, pixels: int) -> Mask:
    from scipy import ndimage

    return mask if pixels < 1 else ndimage.minimum_filter(mask, 2 * pixels + 1)


def _hull(points: Points) -> Points:
    from scipy.spatial import ConvexHull

    found: Points = points[ConvexHull(points).vertices]
    return found


def _face(points: Points) -> Points:
    """The jaw line, closed across the brows."""
    return np.concatenate([points[0:17], points[26:16:-1]])


def _unit(points: Points) -> float:
    """The distance of the eyes, pixels."""
    return float(np.linalg.norm(points[36:42].mean(axis=0) - points[42:48].mean(axis=0)))


def _gap(points: Points) -> float:
    """How far the mouth is open, pixels."""
    return float((points[65:68, 1] - points[[63, 62, 61], 1]).mean())
