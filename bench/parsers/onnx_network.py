"""An opened ONNX network that says what each pixel shows: what it takes, which of its outputs is read."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.errors import PluginError

DEFAULT_SIDE = 512
"""Pixels of the square, where neither the network nor the settings say."""

_INPUT_TYPES = {"tensor(float)": np.float32, "tensor(float16)": np.float16}


class SegmentationNetwork:
    """An opened network: which input it is fed, which output is read, and every refusal.

    Args:
        session: an ``onnxruntime.InferenceSession``.
        side: pixels of the square that it shall take; 0 for what it says itself.
        output: name or position of the output that is read.
        name: the file's, for errors.

    Attributes:
        session: an ``onnxruntime.InferenceSession``.
        side: pixels of the square that it takes.
        batch: N, where it takes no other; else 0.
        dtype: of what it takes.
    """

    def __init__(self, session: Any, side: int, output: int | str, name: str) -> None:
        self.session, self._name = session, name
        inputs = session.get_inputs()
        shape = list(inputs[0].shape)
        if len(inputs) != 1 or len(shape) != 4 or (isinstance(shape[1], int) and shape[1] != 3):
            raise PluginError(f"{name}: got {len(inputs)} inputs, the first {shape}; expected one of (N, 3, S, S)")
        if inputs[0].type not in _INPUT_TYPES:
            raise PluginError(f"{name}: got input type {inputs[0].type}; expected one of {', '.join(_INPUT_TYPES)}")
        fixed = {length for length in shape[2:] if isinstance(length, int)}
        if len(fixed) > 1:
            raise PluginError(f"{name}: got input {shape}; the parser onnx makes square crops only")
        own = fixed.pop() if fixed else 0
        if own and side and own != side:
            raise PluginError(f"{name} takes {own} x {own} pixels; got side: {side}, expected {own}")
        self.side: int = own or side or DEFAULT_SIDE
        self.batch = shape[0] if isinstance(shape[0], int) else 0
        self.dtype = _INPUT_TYPES[inputs[0].type]
        self._input, self._output = inputs[0].name, _picked(session.get_outputs(), output, name)

    def answer(self, levels: NDArray[np.floating]) -> NDArray[Any]:
        """What the network says. Raises `PluginError` where it cannot be run, or does not answer for each crop."""
        from onnxruntime.capi import onnxruntime_pybind11_state as failures

        try:
            (found,) = self.session.run([self._output], {self._input: levels})
        except (failures.Fail, failures.InvalidArgument, failures.RuntimeException, failures.NotImplemented) as error:
            raise PluginError(
                f"{self._name}: ONNX Runtime cannot run it on {levels.dtype} {levels.shape} ({error}); is side what it"
                " was trained with?"
            ) from error
        answer = np.asarray(found)
        if answer.ndim < 3 or len(answer) != len(levels):
            raise PluginError(
                f"{self._name}: output {self._output!r} is {answer.shape} for {len(levels)} crops; expected a map each"
            )
        return answer


def _picked(outputs: list[Any], wanted: int | str, name: str) -> str:
    names = [one.name for one in outputs]
    chosen = wanted if isinstance(wanted, str) else names[wanted] if wanted < len(names) else None
    if chosen not in names:
        known = ", ".join(f"{place}: {one}" for place, one in enumerate(names))
        raise PluginError(f"{name}: got output: {wanted}; the network has {known}")
    return str(chosen)
