"""An opened ONNX network that scores crops: what it is fed, what is read of its answer, and every refusal."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.api import Crops
from bench.detectors.onnx_settings import Description
from bench.errors import PluginError

_INPUT_TYPES = {"tensor(float)": np.float32, "tensor(float16)": np.float16, "tensor(uint8)": np.uint8}
_OUTPUT_TYPES = ("tensor(float)", "tensor(float16)", "tensor(double)")


class Network:
    """An opened network that takes what its description says; the constructor refuses any other.

    Attributes:
        session: an ``onnxruntime.InferenceSession``.
        label: what to call it in an error.
        side: pixels of the square that it takes.
        fixed_batch: N, where it takes no other.
    """

    def __init__(self, session: Any, said: Description) -> None:
        self.session, self.label, self._said = session, said.path.name, said
        self._inputs = self._pick_inputs(session.get_inputs())
        sides = {self._side_of(one) for one in self._inputs} - {None}
        if len(sides) > 1:
            raise PluginError(f"{self.label}: got inputs of different sides, {sorted(map(str, sides))}; expected one")
        fixed = sides.pop() if sides else None
        if fixed is None and said.side is None:
            raise PluginError(f"{self.label} takes pictures of any side; give the one it was trained with: side: 224")
        if fixed and said.side and fixed != said.side:
            raise PluginError(f"{self.label} takes {fixed} x {fixed} pixels; got side: {said.side}, expected {fixed}")
        self.side: int = fixed or said.side or 0
        batches = {one.shape[0] for one in self._inputs if isinstance(one.shape[0], int)}
        self.fixed_batch: int = max(batches, default=0)
        self._output = self._pick_output(session.get_outputs())

    def scores(self, photos: list[Crops], size: int) -> NDArray[np.float32]:
        """float32 (N,), of up to `size` crops."""
        count = len(photos[0])
        feed = {one.name: self._fed(crops, size, one.type) for one, crops in zip(self._inputs, photos, strict=True)}
        found = self._run(feed)
        table = np.asarray(found, dtype=np.float64)
        if table.ndim == 1:
            table = table[:, None]
        if table.ndim != 2 or len(table) != size:
            raise PluginError(
                f"{self.label}: output {self._output!r} is {np.shape(found)} for {size} crops; expected ({size}, C), "
                f"({size},) or ({size}, 1): one row a crop"
            )
        with np.errstate(over="ignore"):  # what float32 cannot hold becomes infinite, and is refused
            scores = self._read(table)[:count].astype(np.float32)
        if not np.isfinite(scores).all():
            bad = int((~np.isfinite(scores)).sum())
            raise PluginError(
                f"{self.label}: got {bad} of {count} scores that are NaN or infinite, expected finite ones; are scale, "
                "mean and std what it was trained with?"
            )
        return scores

    def _run(self, feed: dict[str, NDArray[Any]]) -> NDArray[Any]:
        from onnxruntime.capi import onnxruntime_pybind11_state as failures

        try:
            (found,) = self.session.run([self._output], feed)
        except (failures.Fail, failures.InvalidArgument, failures.RuntimeException, failures.NotImplemented) as error:
            fed = ", ".join(f"{name} {levels.dtype} {levels.shape}" for name, levels in feed.items())
            raise PluginError(
                f"{self.label}: ONNX Runtime cannot run it on {fed} ({error}); is side what it was trained with?"
            ) from error
        return np.asarray(found)

    def _fed(self, crops: Crops, size: int, kind: str) -> NDArray[Any]:
        said = self._said
        padded = np.zeros((size, *crops.shape[1:]), dtype=np.float32)
        padded[: len(crops)] = crops
        if said.colour == "bgr":
            padded = padded[:, ::-1]
        mean, std = (np.resize(np.array(value, np.float32), 3)[:, None, None] for value in (said.mean, said.std))
        levels = (padded * np.float32(said.scale) - mean) / std
        if kind == "tensor(uint8)":
            np.rint(levels, out=levels)
        if said.layout == "nhwc":
            levels = levels.transpose(0, 2, 3, 1)
        return np.ascontiguousarray(levels, dtype=_INPUT_TYPES[kind])

    def _read(self, table: NDArray[np.float64]) -> NDArray[np.float64]:
        said, columns = self._said, table.shape[1]
        column = said.bona_fide if said.bona_fide is not None else said.attack
        if column is None and columns > 1:
            raise PluginError(
                f"{self.label}: output {self._output!r} has {columns} columns; say which means attack, attack: 1, or "
                "which means bona fide, bona_fide: 0"
            )
        column = column or 0
        if column >= columns:
            what = "attack" if said.bona_fide is None else "bona_fide"
            raise PluginError(
                f"{self.label}: got {what}: {column}, and output {self._output!r} has {columns} "
                f"{'column' if columns == 1 else 'columns'}; expected 0 to {columns - 1}"
            )
        if said.activation == "softmax" and columns == 1:
            raise PluginError(
                f"{self.label}: got activation: softmax for output {self._output!r}, which has one column, so that "
                "every score would be 1; expected sigmoid or none"
            )
        values = _activated(table, said.activation)[:, column]
        return values if said.bona_fide is None else 1 - values

    def _pick_inputs(self, inputs: list[Any]) -> list[Any]:
        said, wanted = self._said, 2 if self._said.differential else 1
        names = [one.name for one in inputs]
        chosen = list(said.inputs) or names
        if sorted(chosen) != sorted(names):
            raise PluginError(f"{self.label}: got inputs: {chosen}; the network has {', '.join(names)}")
        if len(chosen) != wanted:
            kind = "differential" if said.differential else "not differential"
            raise PluginError(
                f"{self.label}: got {len(names)} inputs ({', '.join(names)}); a detector that is {kind} takes "
                + ("two: suspect and reference" if said.differential else "one; is it differential: true?")
            )
        return [inputs[names.index(name)] for name in chosen]

    def _side_of(self, one: Any) -> int | None:
        """The side of an input; None where it takes any."""
        shape, last = list(one.shape), self._said.layout == "nhwc"
        letters, other = ("(N, S, S, 3)", "nchw") if last else ("(N, 3, S, S)", "nhwc")
        channels = shape[3 if last else 1] if len(shape) == 4 else 0
        if isinstance(channels, int) and channels != 3:
            swapped = len(shape) == 4 and shape[1 if last else 3] == 3
            hint = f"; is it layout: {other}?" if swapped else ""
            raise PluginError(f"{self.label}: got input {one.name!r} {shape}; expected {letters}{hint}")
        if one.type not in _INPUT_TYPES:
            raise PluginError(f"{self.label}: got input type {one.type}; expected one of {', '.join(_INPUT_TYPES)}")
        if one.type == "tensor(uint8)" and (self._said.scale, self._said.mean, self._said.std) != (255, 0, 1):
            raise PluginError(f"{self.label} takes levels 0 to 255; expected scale: 255, and no mean and std")
        fixed = {side for side in (shape[1:3] if last else shape[2:4]) if isinstance(side, int)}
        if len(fixed) > 1:
            raise PluginError(f"{self.label}: got input {one.name!r} {shape}; detector onnx makes square crops only")
        return fixed.pop() if fixed else None

    def _pick_output(self, outputs: list[Any]) -> str:
        names, said = [one.name for one in outputs], self._said.output
        known = ", ".join(f"{place}: {name}" for place, name in enumerate(names))
        if said is None and len(names) > 1:
            raise PluginError(f"{self.label} has {len(names)} outputs ({known}); say which is read, output: {names[0]}")
        chosen = said if isinstance(said, str) else names[said or 0] if (said or 0) < len(names) else None
        if chosen not in names:
            raise PluginError(f"{self.label}: got output: {said}; the network has {known}")
        kind = outputs[names.index(chosen)].type
        if kind not in _OUTPUT_TYPES:
            raise PluginError(f"{self.label}: output {chosen!r} holds {kind}; expected numbers, {_OUTPUT_TYPES[0]}")
        return str(chosen)


def _activated(table: NDArray[np.float64], activation: str) -> NDArray[np.float64]:
    if activation == "sigmoid":
        with np.errstate(over="ignore"):  # exp of a very negative logit: 1 / infinity is the 0 that is meant
            return 1 / (1 + np.exp(-table))
    if activation == "softmax":
        with np.errstate(invalid="ignore"):  # infinite logits: NaN, which is refused
            powers = np.exp(table - table.max(axis=1, keepdims=True))
        # In the order of the columns, so that a row's score is the same in any batch.
        table = powers / functools.reduce(np.add, powers.T)[:, None]
    return table
