"""Any ONNX face parser of BiSeNet's kind: an image in, a logit of each class for each pixel out.

    crop (256 x 256) ─ bilinear to the network's side ─ x scale, - mean, / std ─ network
      ─ logits (N, C, H, W), bilinear to the side asked for, the largest ─ class to label, by `order` and `sides`

A network may also give classes, whole numbers (N, H, W), which are then brought to the side by their nearest.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from bench.aligners.templates import FFHQ256, template_digest
from bench.api import Crops, Fingerprint
from bench.errors import PluginError
from bench.images import check_crops
from bench.onnx_runtime import (
    GRAPH_OPTIMISATION,
    check_sha256,
    installed_version,
    model_digests,
    open_session,
    provider_name,
    session_runtime,
)
from bench.parsers.onnx_network import SegmentationNetwork
from bench.parsers.orders import Sides, label_table
from bench.parsers.resampling import bilinear
from bench.provenance import THREADS, thread_count
from bench.weights import user_model

REVISION = 1

_Numbers = float | tuple[float, ...]


@dataclass(frozen=True, kw_only=True)
class OnnxParserSettings:
    """Settings of `onnx`; the defaults are those of face-parsing.PyTorch and its descendants.

    Attributes:
        model: the ONNX file: a path, or a bare name in the folder that `IMPERSONA_MODELS` names.
        sha256: the digest that the file must have; empty for any.
        side: pixels of the square that the network takes; 0 for what the network itself says, and 512 where it does
            not say.
        scale: the brightest level, 1 or 255, before mean and std are applied.
        mean: what is subtracted after that: one number, or one for each channel in the network's own order.
        std: what is divided by after that, likewise.
        colour: the order of the network's channels, rgb or bgr.
        output: name or position of the output that is read; BiSeNet's others served its training.
        order: celebamask_hq, face_parsing_pytorch, or the names of the network's classes in their order: background,
            skin, nose, eye_g, l_eye, r_eye, l_brow, r_brow, l_ear, r_ear, mouth, u_lip, l_lip, hair, hat, ear_r,
            neck_l, neck, cloth.
        sides: whose left ``l_`` means: the person's, as in the files of CelebAMask-HQ, or the picture's.
        provider: cpu, cuda, auto or another name of `bench.onnx_runtime.PROVIDERS`.
        threads: threads of the CPU provider, 0 for every core.
        batch_size: crops a batch; a network that takes another number only gets that number at a time.
    """

    model: str = ""
    sha256: str = ""
    side: int = 0
    scale: float = 1.0
    mean: float | tuple[float, ...] = (0.485, 0.456, 0.406)
    std: float | tuple[float, ...] = (0.229, 0.224, 0.225)
    colour: Literal["rgb", "bgr"] = "rgb"
    output: int | str = 0
    order: str | tuple[str, ...] = "face_parsing_pytorch"
    sides: Sides = "person"
    provider: str = "cpu"
    threads: int = THREADS
    batch_size: int = 4

    def __post_init__(self) -> None:
        """Raises ValueError for a value out of range; `UnknownName` for a class or an order that is not known."""
        if not self.model:
            raise ValueError("model: got nothing, expected the path of an ONNX file: model: /path/to/parser.onnx")
        check_sha256(self.sha256)
        provider_name(self.provider)
        thread_count(self.threads)
        label_table(self.order, self.sides)
        if self.side and not 16 <= self.side <= 4096:
            raise ValueError(f"side: got {self.side}, expected 16 to 4096, or 0 for the network's own")
        if self.batch_size < 1:
            raise ValueError(f"batch_size: got {self.batch_size}, expected at least 1")
        if self.scale not in (1, 255):
            raise ValueError(f"scale: got {self.scale:g}, expected 1 or 255")
        if isinstance(self.output, int) and self.output < 0:
            raise ValueError(f"output: got {self.output}, expected a position from 0, or a name")
        for name in ("colour", "sides"):
            choices = {"colour": ("rgb", "bgr"), "sides": ("person", "picture")}[name]
            if getattr(self, name) not in choices:
                raise ValueError(f"{name}: got {getattr(self, name)!r}, expected {' or '.join(choices)}")
        _check_numbers("mean", self.mean)
        _check_numbers("std", self.std)


class OnnxParser:
    """A `bench.api.Parser` that is an ONNX file."""

    template = FFHQ256

    def __init__(self, settings: OnnxParserSettings) -> None:
        self.settings = settings
        self.batch_size = settings.batch_size
        self._path = Path(user_model(settings.model))
        self._labels = label_table(settings.order, settings.sides)

    def fingerprint(self) -> Fingerprint:
        """What determines the labels: the network's digest, how it is fed and read, and what runs it."""
        said = self.settings
        return {
            "revision": REVISION,
            "template": template_digest(FFHQ256),
            **model_digests(self._path, said.sha256),
            **{name: getattr(said, name) for name in ("side", "scale", "colour", "output", "batch_size")},
            **{name: ",".join(repr(float(value)) for value in _three(getattr(said, name))) for name in ("mean", "std")},
            "labels": ",".join(str(label) for label in self._labels.tolist()),
            "provider": provider_name(said.provider),
            "threads": thread_count(said.threads),
            "graph_optimisation": GRAPH_OPTIMISATION,
            "onnxruntime": installed_version(),
        }

    def default_aligner(self) -> Mapping[str, Any]:
        """An aligner that finds the landmarks of the template."""
        return {"name": "dlib_hog", "points": 68}

    def parse(self, crops: Crops) -> NDArray[np.uint8]:
        """The labels at the crop's own side; see `parse_at`.

        Args:
            crops: float32 (N, 3, 256, 256) RGB in [0, 1]; N may be 0.

        Returns:
            uint8 (N, 256, 256), as `bench.api.MaskedDataset.mask` has them.

        Raises:
            ShapeError: another shape, dtype or range.
            PluginError: the network is none of that kind, or has another number of classes than `order` names.
        """
        return self.parse_at(crops, FFHQ256.side)

    def parse_at(self, crops: Crops, side: int) -> NDArray[np.uint8]:
        """The labels at another side, from the logits.

        Args:
            crops: float32 (N, 3, 256, 256) RGB in [0, 1]; N may be 0.
            side: pixels of the label maps.

        Returns:
            uint8 (N, side, side). The network always sees one number of crops, filled up with black ones.

        Raises:
            ShapeError: another shape, dtype or range.
            PluginError: as for `parse`.
        """
        check_crops(crops, FFHQ256.side, "the parser onnx")
        found = np.empty((len(crops), side, side), dtype=np.uint8)
        size = self._network.batch or self.batch_size if len(crops) else 1
        for start in range(0, len(crops), size):
            part = crops[start : start + size]
            batch = np.zeros((size, *crops.shape[1:]), dtype=np.float32)
            batch[: len(part)] = part
            answer = self._network.answer(self._fed(batch))
            found[start : start + len(part)] = self._labelled(answer, side)[: len(part)]
        return found

    def runtime(self) -> Mapping[str, str]:
        """The provider really used, threads and versions; empty before the first crop."""
        if "_network" not in self.__dict__:
            return {}
        return session_runtime(self._network.session, self.settings.threads)

    @functools.cached_property
    def _network(self) -> SegmentationNetwork:
        said = self.settings
        session = open_session(self._path, said.provider, said.threads)
        return SegmentationNetwork(session, said.side, said.output, self._path.name)

    def _fed(self, crops: Crops) -> NDArray[np.floating]:
        said = self.settings
        levels = bilinear(crops, self._network.side)
        if said.colour == "bgr":
            levels = levels[:, ::-1]
        mean, std = (np.array(_three(value), np.float32)[:, None, None] for value in (said.mean, said.std))
        return np.ascontiguousarray((levels * np.float32(said.scale) - mean) / std, dtype=self._network.dtype)

    def _labelled(self, answer: NDArray[Any], side: int) -> NDArray[np.uint8]:
        name, known = self._path.name, len(self._labels)
        if answer.ndim == 4 and np.issubdtype(answer.dtype, np.floating):
            if answer.shape[1] != known:
                raise PluginError(
                    f"{name}: got {answer.shape[1]} classes, and order: names {known}; give the names of the network's"
                    " classes in their order, order: [background, skin, ...]"
                )
            if not np.isfinite(answer).all():
                raise PluginError(f"{name}: got logits that are NaN or infinite; are scale, mean and std right?")
            classes = bilinear(answer.astype(np.float32), side).argmax(axis=1)
        elif answer.ndim == 3 and np.issubdtype(answer.dtype, np.integer):
            if answer.min() < 0 or answer.max() >= known:
                strange = answer.min() if answer.min() < 0 else answer.max()
                raise PluginError(f"{name}: got class {strange}, and order: names {known}; name every class")
            rows, columns = (((np.arange(side) + 0.5) * length / side).astype(int) for length in answer.shape[1:])
            classes = answer[:, rows[:, None], columns]
        else:
            raise PluginError(
                f"{name}: got an output {answer.dtype} {answer.shape}; expected logits (N, C, H, W), or classes as"
                " whole numbers (N, H, W); is it another output, output: 0?"
            )
        found: NDArray[np.uint8] = self._labels[classes]
        return found


def _three(numbers: _Numbers) -> tuple[float, ...]:
    return numbers if isinstance(numbers, tuple) else (numbers,) * 3


def _check_numbers(name: str, given: _Numbers) -> None:
    numbers = _three(given)
    if len(numbers) != 3:
        raise ValueError(f"{name}: got {len(numbers)} numbers, expected one, or one for each of three channels")
    if not all(math.isfinite(number) for number in numbers):
        raise ValueError(f"{name}: got {given}, expected finite numbers")
    if name == "std" and 0 in numbers:
        raise ValueError(f"std: got {given}, expected numbers other than 0, because they are divided by")
