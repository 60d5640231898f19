"""How many faces the parser labels in a second: `pytest benchmarks/bench_parser.py -s` prints it and asserts loosely.

The released `face_parser` with two threads, in batches of 16: label maps of 128 pixels, as packs want them, and of 256.
"""

from __future__ import annotations

import time

import numpy as np
import pytest

import bench

FACES = 192


@pytest.mark.parametrize("side", [128, 256])
def test_faces_a_second(side: int) -> None:
    parser = bench.load("parser", "face_parser")
    crops = np.random.default_rng(0).random((FACES, 3, 256, 256), dtype=np.float32)
    parser.parse_at(crops[:32], side)
    began = time.perf_counter()
    parser.parse_at(crops, side)
    rate = FACES / (time.perf_counter() - began)
    print(f"\n{rate:.0f} faces a second at {side} pixels; 19,000 faces in {19_000 / rate / 60:.1f} minutes")
    assert rate > 10
