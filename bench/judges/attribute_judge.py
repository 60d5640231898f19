"""impersona's own judge of attributes: CelebA's forty, by a small ResNet in torch, of an aligned face.

It learned from predicted labels (bench/weights/attribute_judge.md says whose, and how well it agrees with what people
said, attribute by attribute): it is a ruler that was measured, not the truth.
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
from bench.api import Crops, Fingerprint, JudgeAgreement
from bench.images import check_crops
from bench.provenance import THREADS, file_digest, thread_count, version_of
from bench.torch_runtime import Device, check_settings, opened_device, padded, planned_device, repeatable, runtime_of
from bench.weights import released, user_model

if TYPE_CHECKING:
    from bench.judges.network import JudgeNetwork, ReadJudge

REVISION = 1

WEIGHTS = "attribute_judge.safetensors"


@dataclass(frozen=True, kw_only=True)
class AttributeJudgeSettings:
    """Settings of `attribute_judge`.

    Attributes:
        weights: a file that ``impersona train attribute_judge`` released; empty for the one that ships.
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


class NetworkJudge:
    """A `bench.api.MeasuredJudge`."""

    template = FFHQ256

    def __init__(self, settings: AttributeJudgeSettings) -> None:
        self.settings = settings
        self.batch_size = settings.batch_size
        self._file: Path = user_model(settings.weights, "weights") if settings.weights else released(WEIGHTS)

    def fingerprint(self) -> Fingerprint:
        """What determines what it says."""
        return {
            "revision": REVISION,
            "template": template_digest(FFHQ256),
            "device": planned_device(self.settings.device),
            "threads": thread_count(self.settings.threads),
            "batch_size": self.batch_size,
            "weights": file_digest(self._file),
            "torch": version_of("torch"),
        }

    def default_aligner(self) -> Mapping[str, Any]:
        """The aligner that its training faces were found with."""
        return {"name": "dlib_hog", "points": 68}

    @property
    def attributes(self) -> tuple[str, ...]:
        """The names of what it judges, as the weight file has them. Raises `CorruptFile`."""
        return self._loaded.attributes

    @property
    def agreement(self) -> Mapping[str, JudgeAgreement]:
        """How far it agrees with people, as the weight file says. Raises `CorruptFile`."""
        return self._loaded.agreement

    def judge(self, crops: Crops) -> NDArray[np.float32]:
        """How likely each attribute is.

        Args:
            crops: float32 (N, 3, 256, 256) RGB in [0, 1]; N may be 0.

        Returns:
            float32 (N, A), in [0, 1]. The network always sees `batch_size` crops, filled up with black ones.

        Raises:
            ShapeError: another shape, dtype or range.
            ProviderError: there is no such device here.
        """
        import torch
        from torch.nn import functional

        from bench.judges.network import SIDE

        check_crops(crops, FFHQ256.side, "attribute_judge")
        found = np.empty((len(crops), len(self.attributes)), dtype=np.float32)
        device = self.network.read.weight.device
        with torch.inference_mode(), repeatable(device, self.settings.threads):
            for place, batch in padded(crops, self.batch_size):
                small = functional.avg_pool2d(torch.from_numpy(batch).to(device), FFHQ256.side // SIDE)
                logits = self.network(small.contiguous(memory_format=torch.channels_last))
                found[place] = logits.sigmoid().cpu().numpy()[: place.stop - place.start]
        return found

    def runtime(self) -> Mapping[str, str]:
        """``device``, ``torch`` and ``threads`` as they really were; empty before the first crop."""
        return runtime_of(self.network.read.weight.device) if "_loaded" in self.__dict__ else {}

    @property
    def network(self) -> JudgeNetwork:
        """The network on its device, loaded when first asked for. Raises `ProviderError` and `CorruptFile`."""
        return self._loaded.network

    @cached_property
    def _loaded(self) -> ReadJudge:
        import torch

        from bench.judges.network import read_network

        read = read_network(self._file)
        arranged = read.network.to(opened_device(self.settings.device)).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        return read._replace(network=arranged)
