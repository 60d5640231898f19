# SPDX-License-Identifier: Apache-2.0
"""Makes the detector worse: noise on the weights of my_detector.onnx, three times as large as they are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper

PATH = Path(__file__).with_name("my_detector.onnx")

model = onnx.load(PATH)
for tensor in model.graph.initializer:
    if tensor.name == "weights":
        weights = numpy_helper.to_array(tensor)
        noise = np.random.default_rng(0).normal(0, 3 * weights.std(), weights.shape)
        tensor.CopyFrom(numpy_helper.from_array((weights + noise).astype(np.float32), "weights"))
onnx.save(model, PATH)
