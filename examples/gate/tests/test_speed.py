# SPDX-License-Identifier: Apache-2.0
"""How long the detector takes for a batch; pytest-benchmark compares it with an earlier run."""

import numpy as np
import pytest

import bench

pytest.importorskip("pytest_benchmark")


def test_a_batch(benchmark):
    """16 faces of noise: what is in a crop does not change its time."""
    detector = bench.load("detector", "onnx", file="detector/my_detector.yaml")
    side = detector.template.side
    crops = np.random.default_rng(0).random((detector.batch_size, 3, side, side), dtype=np.float32)
    scores = benchmark(detector.attack_scores, crops)
    assert scores.shape == (detector.batch_size,)
