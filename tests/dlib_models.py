"""dlib's own models, read once for many tests."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator

import dlib
import pytest


@contextlib.contextmanager
def read_once() -> Iterator[None]:
    """Whoever asks for a detector or predictor gets the first one again.

    A plugin's every instance reads its own, 0.7 s each time, which is most of what a check takes of a plugin that names
    `dlib_hog` as its aligner. Not for tests of that aligner: there, two instances must be two.
    """
    with pytest.MonkeyPatch.context() as patch:
        for name in ("get_frontal_face_detector", "shape_predictor"):
            patch.setattr(dlib, name, functools.cache(getattr(dlib, name)))
        yield
