"""The networks that teach and are not taught, found by name: dlib's ResNet for identity and for perceptual features.

Where the weights come from: the package face_recognition_models where it is installed, else the file that
`impersona pack` puts beside the faces (``networks/dlib_resnet.safetensors``), so that a machine with a pack and torch
needs nothing else.

Identity and perceptual features of the same chips cost one pass: whoever asks for both hands over the same tensor.
"""

from __future__ import annotations

import importlib.util
import weakref
from collections import deque
from dataclasses import dataclass
from pathlib import Path

import torch
from torch.nn import functional

from bench.aligners.templates import DLIB150
from bench.errors import MissingFile, UnknownName
from bench.packs.manifest import MANIFEST, read_file, read_manifest
from bench.recognizers.dlib_resnet import DlibResnet, DlibResnetSettings
from generators.training.recipe import Frozen

IN_PACK = Path("networks") / "dlib_resnet.safetensors"
ROLES = ("identity", "perceptual")


@dataclass(frozen=True, eq=False)
class _Seen:
    crops: weakref.ref[torch.Tensor]
    version: int
    learns: bool
    stages: tuple[torch.Tensor, ...]


class SharedDlibResnet(DlibResnet):
    """`dlib_resnet` that remembers the stages of the chips it saw last, so that their embedding is one matrix more."""

    def __init__(self, settings: DlibResnetSettings) -> None:
        super().__init__(settings)
        # Two: a loss asks for photos and for made faces, first their features, then their embeddings.
        self._seen: deque[_Seen] = deque(maxlen=2)

    def stages(self, crops: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """The features behind each of the five stages, as in `DlibResnet`; the same tensor again costs nothing."""
        learns = crops.requires_grad and torch.is_grad_enabled()
        for one in self._seen:
            if one.crops() is crops and one.version == crops._version and one.learns == learns:
                return one.stages
        found = super().stages(crops)
        self._seen.append(_Seen(weakref.ref(crops), crops._version, learns, found))
        return found

    def embed_tensor(self, crops: torch.Tensor) -> torch.Tensor:
        """The embeddings, as in `DlibResnet`."""
        pooled = self.stages(crops)[-1].mean(dim=(2, 3))
        return functional.linear(pooled, self.network.matrix.to(pooled.device))

    def features(self, images: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """`recipe.Features`: the five stages of chips, or of other squares resized to 150 pixels."""
        side = DLIB150.side
        if images.shape[-1] != side:
            images = functional.interpolate(images, size=(side, side), mode="bilinear", align_corners=False)
        return self.stages(images)


def frozen_for(needs: frozenset[str], data: Path, device: torch.device, threads: int) -> Frozen:
    """The networks that a trainable needs.

    Args:
        needs: roles.
        data: the pack, which may carry weights.
        device: where they compute.
        threads: CPU threads, those of the training.

    Raises:
        UnknownName: a role that nobody plays.
        MissingFile: the weights are in neither place.
    """
    for role in needs:
        if role not in ROLES:
            raise UnknownName("role of a frozen network", role, ROLES)
    if not needs:
        return Frozen()
    network = SharedDlibResnet(
        DlibResnetSettings(
            device="cuda" if device.type == "cuda" else "cpu", threads=threads, weights=dlib_weights(data)
        )
    )
    return Frozen(
        identity=network if "identity" in needs else None,
        perceptual=network.features if "perceptual" in needs else None,
        names=dict.fromkeys(sorted(needs), "dlib_resnet"),
    )


def dlib_weights(data: Path) -> str:
    """The path of dlib's weights for `DlibResnetSettings.weights`; empty for the package's own file.

    Raises:
        MissingFile: neither the package nor the pack has them.
        CorruptFile: the pack's are not those that its pack.json means.
    """
    if importlib.util.find_spec("face_recognition_models") is not None:
        return ""
    if (data / IN_PACK).is_file():
        _check_digest(data)
        return str(data / IN_PACK)
    raise MissingFile(
        f"no weights of dlib_resnet: face_recognition_models is not installed and {data / IN_PACK} is not there;"
        " pip install face_recognition_models, or make the pack with its networks"
    )


def _check_digest(data: Path) -> None:
    if not (data / MANIFEST).is_file():
        return
    manifest, _ = read_manifest(data)
    for file in manifest.get("networks", []):
        if file["file"] == IN_PACK.as_posix():
            read_file(data, file)
