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
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bench.aligners.templates import FFHQ256, template_digest
from bench.api import Crops, Fingerprint
from bench.errors import ShapeError
from bench.images import check_crops
from bench.provenance import THREADS, file_digest, thread_count, version_of
from bench.torch_runtime import Device, check_settings, opened_device, padded, planned_device, repeatable, runtime_of
from bench.weights import released, user_model

if TYPE_CHECKING:
    import torch

    from bench.parsers.network import ParserNetwork

REVISION = 1

WEIGHTS = "face_parser.safetensors"

SIDES = (8, 1024)
"""The smallest and the largest side that `FaceParser.parse_at` gives labels for."""


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
        check_settings(self.device, self.threads, self.batch_size)


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
            "device": planned_device(self.settings.device),
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

        check_crops(crops, FFHQ256.side, "face_parser")
        if not SIDES[0] <= side <= SIDES[1]:
            raise ShapeError(f"got a side of {side}; face_parser gives labels at {SIDES[0]} to {SIDES[1]} pixels")
        found = np.empty((len(crops), side, side), dtype=np.uint8)
        with torch.inference_mode():
            for place, batch in padded(crops, self.batch_size):
                labels = self._logits(torch.from_numpy(batch), side).argmax(dim=1).to("cpu", torch.uint8).numpy()
                found[place] = labels[: place.stop - place.start]
        return found

    def runtime(self) -> Mapping[str, str]:
        """``device``, ``torch`` and ``threads`` as they really were; empty before the first crop."""
        return runtime_of(self.network.read.weight.device) if "network" in self.__dict__ else {}

    @cached_property
    def network(self) -> ParserNetwork:
        """The network on its device, loaded when first asked for. Raises `ProviderError` and `CorruptFile`."""
        import torch

        from bench.parsers.network import read_network

        network = read_network(self._weight_file).to(opened_device(self.settings.device))
        arranged: ParserNetwork = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        return arranged

    def _logits(self, crops: torch.Tensor, side: int) -> torch.Tensor:
        """float32 (N, 19, side, side)."""
        import torch
        from torch.nn import functional

        device = self.network.read.weight.device
        with repeatable(device, self.settings.threads):
            small = functional.avg_pool2d(crops.to(device), 2).contiguous(memory_format=torch.channels_last)
            logits: torch.Tensor = self.network(small)
        if side == logits.shape[-1]:
            return logits
        return functional.interpolate(
            logits, size=(side, side), mode="bilinear", align_corners=False, antialias=side < logits.shape[-1]
        )

    @property
    def _weight_file(self) -> Path:
        return user_model(self.settings.weights, "weights") if self.settings.weights else released(WEIGHTS)
