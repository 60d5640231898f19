"""impersona's own face parser: 19 labels for every pixel of an aligned face, by a small network in torch.

    crop (256 x 256) ─ mean of each 2 x 2 ─ network at 128 ─ logits, bilinear to the side asked for ─ the largest

It needs no landmarks: the aligner's crop is all that it sees. docs/parsers.md says how good it is at which label, and
bench/weights/face_parser.md what it learned from.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from bench.aligners.templates import FFHQ256, template_digest
from bench.api import Crops, Fingerprint
from bench.errors import ProviderError, ShapeError
from bench.provenance import THREADS, file_digest, has_nvidia_driver, thread_count, version_of
from bench.weights import released, user_model

if TYPE_CHECKING:
    import torch

    from bench.parsers.network import ParserNetwork

REVISION = 1

WEIGHTS = "face_parser.safetensors"

SIDES = (8, 1024)
"""The smallest and the largest side that `FaceParser.parse_at` gives labels for."""

Device = Literal["cpu", "cuda", "auto"]


@dataclass(frozen=True, kw_only=True)
class FaceParserSettings:
    """Settings of `face_parser`.

    Attributes:
        weights: a file that ``impersona train face_parser`` released; empty for the one that ships.
        device: ``"auto"`` is CUDA where this torch and this machine seem to have it, else the CPU.
        threads: CPU threads that torch gets in this process; 0 for every core.
        batch_size: crops that the network sees at once.
    """

    weights: str = ""
    device: Device = "cpu"
    threads: int = THREADS
    batch_size: int = 16

    def __post_init__(self) -> None:
        """Raises ValueError for a value out of range."""
        if self.device not in get_args(Device):
            raise ValueError(f"device: got {self.device!r}, expected one of {', '.join(get_args(Device))}")
        thread_count(self.threads)
        if self.batch_size < 1:
            raise ValueError(f"batch_size: got {self.batch_size}, expected at least 1")


class FaceParser:
    """A `bench.api.Parser`."""

    template = FFHQ256

    def __init__(self, settings: FaceParserSettings) -> None:
        self.settings = settings
        self.batch_size = settings.batch_size

    def fingerprint(self) -> Fingerprint:
        """What determines the labels."""
        return {
            "revision": REVISION,
            "template": template_digest(FFHQ256),
            "device": self._device,
            "threads": thread_count(self.settings.threads),
            "batch_size": self.settings.batch_size,
            "weights": file_digest(self._weight_file),
            "torch": version_of("torch"),
        }

    def default_aligner(self) -> Mapping[str, Any]:
        """The aligner that its training faces were found with."""
        return {"name": "dlib_hog", "points": 68}

    def parse(self, crops: Crops) -> NDArray[np.uint8]:
        """The labels at the crop's own side; see `parse_at`.

        Args:
            crops: float32 (N, 3, 256, 256) RGB in [0, 1]; N may be 0.

        Returns:
            uint8 (N, 256, 256), as `bench.api.MaskedDataset.mask` has them.

        Raises:
            ShapeError: another shape, dtype or range.
            ProviderError: there is no such device here.
        """
        return self.parse_at(crops, FFHQ256.side)

    def parse_at(self, crops: Crops, side: int) -> NDArray[np.uint8]:
        """The labels at another side, from the logits: finer than labels that are made small or large.

        Args:
            crops: float32 (N, 3, 256, 256) RGB in [0, 1]; N may be 0.
            side: pixels of the label maps; 128 costs least.

        Returns:
            uint8 (N, side, side). The network always sees `batch_size` crops, filled up with black ones.

        Raises:
            ShapeError: another shape, dtype or range.
            ProviderError: there is no such device here.
        """
        import torch

        _check(crops)
        if not SIDES[0] <= side <= SIDES[1]:
            raise ShapeError(f"got a side of {side}; face_parser gives labels at {SIDES[0]} to {SIDES[1]} pixels")
        found = np.empty((len(crops), side, side), dtype=np.uint8)
        with torch.inference_mode():
            for start in range(0, len(crops), self.batch_size):
                part = crops[start : start + self.batch_size]
                batch = np.zeros((self.batch_size, *crops.shape[1:]), dtype=np.float32)
                batch[: len(part)] = part
                logits = self._logits(torch.from_numpy(batch), side)[: len(part)]
                found[start : start + len(part)] = logits.argmax(dim=1).to("cpu", torch.uint8).numpy()
        return found

    def runtime(self) -> Mapping[str, str]:
        """``device``, ``torch`` and ``threads`` as they really were; empty before the first crop."""
        if "network" not in self.__dict__:
            return {}
        import torch

        device = self.network.read.weight.device
        name = torch.cuda.get_device_name(device) if device.type == "cuda" else ""
        return {
            "device": f"{device.type} {name}".strip(),
            "torch": torch.__version__,
            "threads": str(torch.get_num_threads()),
        }

    @cached_property
    def network(self) -> ParserNetwork:
        """The network on its device, loaded when first asked for. Raises `ProviderError` and `CorruptFile`."""
        import torch

        from bench.parsers.network import read_network

        device = self._device
        if device == "cuda" and not torch.cuda.is_available():
            raise ProviderError(
                f"device: got {self.settings.device}, but torch {torch.__version__} finds no CUDA device;"
                " set device: cpu, or take a torch with CUDA (pip uninstall -y torch, then pip install torch; on Linux"
                " the default index has it) and see `impersona doctor`"
            )
        network = read_network(self._weight_file)
        arranged: ParserNetwork = network.to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        return arranged

    def _logits(self, crops: torch.Tensor, side: int) -> torch.Tensor:
        """float32 (N, 19, side, side); on CUDA in full float32 and with one algorithm, so that bits repeat."""
        import torch
        from torch.nn import functional

        device = self.network.read.weight.device
        if device.type == "cpu" and torch.get_num_threads() != (threads := thread_count(self.settings.threads)):
            torch.set_num_threads(threads)
        small = functional.avg_pool2d(crops.to(device), 2).contiguous(memory_format=torch.channels_last)
        with torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=False):
            logits: torch.Tensor = self.network(small)
        if side == logits.shape[-1]:
            return logits
        return functional.interpolate(
            logits, size=(side, side), mode="bilinear", align_corners=False, antialias=side < logits.shape[-1]
        )

    @property
    def _weight_file(self) -> Path:
        return user_model(self.settings.weights) if self.settings.weights else released(WEIGHTS)

    @property
    def _device(self) -> str:
        # Without torch, because the fingerprint must tell and may not import it; as in dlib_resnet.
        if self.settings.device != "auto":
            return self.settings.device
        return "cuda" if has_nvidia_driver() and not version_of("torch").endswith("+cpu") else "cpu"


def _check(crops: Crops) -> None:
    side = FFHQ256.side
    if crops.ndim != 4 or crops.shape[1:] != (3, side, side) or crops.dtype != np.float32:
        raise ShapeError(f"got crops {crops.dtype} {crops.shape}; face_parser takes float32 (N, 3, {side}, {side}) RGB")
    if crops.size and not (np.isfinite(crops).all() and crops.min() >= -1e-3 and crops.max() <= 1 + 1e-3):
        raise ShapeError("got crops with values that are NaN or outside [0, 1]; divide 8-bit pixels by 255")
