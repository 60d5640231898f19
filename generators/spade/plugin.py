"""The generator itself: released weights, between the bench's crops and the networks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bench.aligners.templates import FFHQ256
from bench.api import Crops, FaceBatch, Fingerprint, LearnedFrom
from bench.errors import ShapeError
from bench.torch_runtime import padded
from generators.face_batches import brought, labels_of, masks_of, region_maps
from generators.released_networks import ReleasedNetworks
from generators.spade.settings import SpadePreset, SpadeSettings, preset_of

if TYPE_CHECKING:
    import torch
    from torch import nn

REVISION = 2
RELEASED = "spade_tiny.safetensors"


class Spade:
    """A `bench.api.GradientGenerator`: a face from its mask and the style of each of its regions.

    It is differentiable in style codes, in the photos that they are taken from, and in soft region maps.
    """

    template = FFHQ256
    conditions = frozenset({"masks"})
    contributors = 1

    def __init__(self, settings: SpadeSettings) -> None:
        self.settings = settings
        self.batch_size = settings.batch_size
        self._released = ReleasedNetworks(
            "spade", settings.weights, RELEASED,
            preset_of=preset_of, build=_networks, device=settings.device, threads=settings.threads,
        )  # fmt: skip

    def default_aligner(self) -> Mapping[str, Any]:
        """The 68 points of dlib, by which the faces that it learned from were aligned."""
        return {"name": "dlib_hog", "points": 68}

    @property
    def taught_by(self) -> frozenset[str]:
        """The recognizers that taught it, as the weight file has them: they are its white box."""
        return self._released.taught_by

    @property
    def learned_from(self) -> tuple[LearnedFrom, ...]:
        """The packs that it learned from, as the weight file has them."""
        return self._released.learned_from

    def fingerprint(self) -> Fingerprint:
        """What determines the faces."""
        return self._released.fingerprint(REVISION, self.template, self.batch_size)

    def runtime(self) -> Mapping[str, str]:
        """``device``, ``torch`` and ``threads`` as they really were; empty before the first face."""
        return self._released.runtime()

    def generate(self, batch: FaceBatch, rng: np.random.Generator) -> Crops:
        """The faces made again; each depends on its own row of the batch only, and nothing is drawn.

        Args:
            batch: `images` (N, 3, 256, 256) and their `masks` (N, 256, 256).
            rng: not used.

        Returns:
            float32 (N, 3, 256, 256) RGB in [0, 1]. The networks always see `batch_size` faces, filled up with black.

        Raises:
            ShapeError: masks are missing, or an array has another shape, dtype or range.
            ProviderError: there is no such device here.
            CorruptFile: the weight file is no such file.
        """
        import torch

        labels = masks_of(batch, self.template.side, "spade")
        made = np.empty_like(batch.images)
        pictures, maps = (padded(rows, self.batch_size) for rows in (batch.images, labels))
        with torch.inference_mode():
            for (rows, images), (_, part) in zip(pictures, maps, strict=True):
                masks = self.masks(part)
                faces = self.render(masks, self.encode(torch.from_numpy(images), masks))
                made[rows] = faces[: rows.stop - rows.start].cpu().numpy()
        return made

    def layouts(self, batch: FaceBatch, rng: np.random.Generator) -> NDArray[np.uint8]:
        """What the faces are meant to show, uint8 (N, 256, 256): the masks, at the network's side, enlarged.

        Args:
            batch: as `generate` takes it.
            rng: not used.

        Raises:
            ShapeError: as `generate`.
        """
        return labels_of(self.masks(masks_of(batch, self.template.side, "spade")), self.template.side)

    def generate_tensor(self, conditions: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """The faces, differentiable in every floating-point condition.

        Args:
            conditions: ``masks``, uint8 (N, 256, 256) labels, or float32 (N, 19, S', S') soft region maps of any side
                from the networks' own up; and ``styles``, float32 (N, 19, L), or ``images``, float32
                (N, 3, 256, 256), from which they are then taken. Beside styles, images are let pass.

        Returns:
            float32 (N, 3, 256, 256) RGB in [0, 1], on the networks' device.

        Raises:
            ShapeError: there are no masks, or neither styles nor images.
        """
        if "masks" not in conditions or not conditions.keys() & {"styles", "images"}:
            got = ", ".join(sorted(conditions)) or "nothing"
            raise ShapeError(f"got the conditions {got}; spade takes masks, and styles or images")
        masks = conditions["masks"]
        if not masks.is_floating_point():
            masks = self.masks(masks.cpu().numpy())
        styles = conditions["styles"] if "styles" in conditions else self.encode(conditions["images"], masks)
        return self.render(masks, styles)

    def masks(self, labels: NDArray[np.uint8]) -> torch.Tensor:
        """Region maps of labels, at the networks' side.

        Args:
            labels: uint8 (N, S', S'), 19-class labels; S' a multiple of the networks' side.

        Returns:
            float32 (N, 19, S, S), one-hot.
        """
        return region_maps(labels, self.preset.side, self.preset.regions, self._released.device)

    def encode(self, images: torch.Tensor, masks: torch.Tensor) -> torch.Tensor:
        """The style of each region, differentiable in pixels and in soft maps.

        Args:
            images: float32 (N, 3, S', S') RGB in [0, 1], S' at least the networks' side.
            masks: float32 (N, 19, S'', S''), likewise.

        Returns:
            float32 (N, 19, L) in (-1, 1); zeros for a region that is absent.
        """
        with self._released.at_work() as networks:
            device, side = self._released.device, self.preset.side
            styles: torch.Tensor = networks["encoder"](brought(images, side, device), brought(masks, side, device))
            return styles

    def render(self, masks: torch.Tensor, styles: torch.Tensor) -> torch.Tensor:
        """Faces of region maps and styles, which need not be of the same person.

        Args:
            masks: float32 (N, 19, S', S'), soft or one-hot, S' at least the networks' side.
            styles: float32 (N, 19, L).

        Returns:
            float32 (N, 3, 256, 256) RGB in [0, 1], differentiable in both.
        """
        from generators.crops import grow

        with self._released.at_work() as networks:
            device = self._released.device
            faces = networks["renderer"](brought(masks, self.preset.side, device), styles.to(device))
            return grow(faces, self.template.side)

    @property
    def preset(self) -> SpadePreset:
        """The sizes of the networks, as the weight file states them."""
        return self._released.preset


def _networks(preset: SpadePreset) -> Mapping[str, nn.Module]:
    from generators.spade.networks import renderer, style_encoder

    return {"encoder": style_encoder(preset), "renderer": renderer(preset)}
