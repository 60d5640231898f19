"""Where the points of a drawn face lie: computed from the same geometry that was painted, so exact by construction."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bench.datasets.drawn.anatomy import LEFT, RIGHT, brow, head_surface, lids, mouth, nose_tip
from bench.datasets.drawn.geometry import Floats, Pose
from bench.datasets.drawn.person import Person
from bench.datasets.drawn.renderer import head_pose
from bench.datasets.drawn.surface import Surface
from bench.datasets.drawn.view import View

REVISION = 1
"""Moves when the points of the same picture move."""

LIFT_OF_LIPS = 0.01


def landmarks(person: Person, view: View, side: int) -> dict[str, NDArray[np.float32]]:
    """The landmarks of a picture.

    Args:
        person: who.
        view: how seen.
        side: pixels of the square picture.

    Returns:
        Scheme to float32 (P, 2), x then y in pixels of the picture, the centre of the first pixel at (0, 0):
        ``"field5"`` (eye at the left of the picture, eye at the right, nose tip, mouth corner at the left, at the
        right) and ``"dlib68"`` in dlib's order, the jaw on the visible outline of the head.
    """
    pose, head = head_pose(view), head_surface(person, view)
    points = np.concatenate(
        [
            pose.project(_jaw(person, head, pose)),
            pose.project(head.front(np.concatenate([_brow(person, view, LEFT)[::-1], _brow(person, view, RIGHT)]))),
            pose.project(head.front(_nose(person))),
            pose.project(head.front(np.concatenate([_eye(person, view, LEFT), _eye(person, view, RIGHT)]))),
            pose.project(head.front(_lips(person, view)) + np.array([0.0, 0.0, LIFT_OF_LIPS])),
        ]
    )
    pixels = (points * side - 0.5).astype(np.float32)
    eyes = (pixels[36:42].mean(axis=0), pixels[42:48].mean(axis=0))
    return {"field5": np.stack([*eyes, pixels[30], pixels[48], pixels[54]]), "dlib68": pixels}


def _jaw(person: Person, head: Surface, pose: Pose) -> Floats:
    """Seventeen points on the outline, from ear to chin to ear."""
    low = head.bottom
    ys = np.array([-0.04, 0.20, 0.45, 0.69, 0.93, 1.14, 1.32, 1.46]) * (low / 1.58)
    left, right = head.contour(ys, pose, right=False), head.contour(ys, pose, right=True)
    chin = head.front(np.array([[0.0, low - 0.01]]))
    return np.concatenate([left, chin, right[::-1]])


def _brow(person: Person, view: View, side: float) -> Floats:
    """Five points along the upper part of a brow, inner end first."""
    line, thick = brow(person, view, side)
    line[:, 1] -= 0.4 * thick
    return line[[0, 4, 8, 12, 16]]


def _nose(person: Person) -> Floats:
    """Four points down the bridge, the last one the tip; five along the base."""
    x, tip = nose_tip(person)
    bridge = [(x, 0.02 + (tip - 0.02) * part) for part in (0.0, 1 / 3, 2 / 3, 1.0)]
    base, width = person.nose.length, person.nose.width
    return np.array(bridge + [(width * part, base - 0.03 * part * part) for part in (-0.85, -0.45, 0.0, 0.45, 0.85)])


def _eye(person: Person, view: View, side: float) -> Floats:
    """Corner, two points of the upper lid, corner, two of the lower: clockwise from the left of the picture."""
    edges = lids(person, view, side)
    return np.concatenate([edges.upper[[0, 8, 16, 24]], edges.lower[[16, 8]]])


def _lips(person: Person, view: View) -> Floats:
    """Twelve points around the lips and eight around their opening."""
    curves = mouth(person, view)
    outer = np.concatenate([curves.top[[0, 7, 12, 16, 20, 25, 32]], curves.bottom[[25, 20, 16, 12, 7]]])
    inner = np.concatenate([curves.upper[[2, 11, 16, 21, 30]], curves.lower[[21, 16, 11]]])
    return np.concatenate([outer, inner])
