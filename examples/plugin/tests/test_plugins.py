# SPDX-License-Identifier: Apache-2.0
"""Every plugin keeps its promises, and what it computes is what it says."""

from __future__ import annotations

import numpy as np
import pytest
from impersona_example.table import PLUGINS

import bench
from bench.api import FaceBatch


@pytest.mark.parametrize("row", PLUGINS, ids=lambda row: row["name"])
def test_it_keeps_its_promises(row: dict[str, str]) -> None:
    """What `impersona check` asks."""
    broken = [finding for finding in bench.check(row["kind"], row["name"]) if finding.kept is False]
    assert not broken


def test_left_and_right() -> None:
    """The outer columns are those of one person each."""
    first, second = np.zeros((8, 3, 128, 128), np.float32), np.ones((8, 3, 128, 128), np.float32)
    generator = bench.load("generator", "half_and_half", seam=0.25)
    faces = generator.generate(FaceBatch(images=first, references=second[:, None]), np.random.default_rng(0))
    assert faces[0, 0, 0, :48].max() == 0
    assert faces[0, 0, 0, 80:].min() == 1
    assert (np.diff(faces[0, 0, 0, 48:80]) > 0).all()


def test_mean_colours() -> None:
    """A crop that is red at the left and blue at the right."""
    crop = np.zeros((1, 3, 64, 64), np.float32)
    crop[0, 0, :, :32], crop[0, 2, :, 32:] = 0.5, 1.0
    found = bench.load("recognizer", "average_colour", squares=2).embed(crop)
    assert found.tolist() == [[0.5, 0, 0.5, 0, 0, 0, 0, 0, 0, 1, 0, 1]]
