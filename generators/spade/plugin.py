"""The generator itself: released weights, between the bench's crops and the networks."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bench import weights
from bench.aligners.templates import FFHQ256, template_digest
from bench.api import Crops, FaceBatch, Fingerprint
from bench.errors import CorruptFile, ShapeError
from bench.packs.labels import shrink_labels
from bench.provenance import file_digest, thread_count, version_of
from bench.torch_runtime import opened_device, planned_device, repeatable, runtime_of
from generators.face_batches import filled, masks_of
from generators.spade.settings import SpadePreset, SpadeSettings, preset_of

if TYPE_CHECKING:
    import torch

    from generators.nets.style_encoder import RegionStyleEncoder
    from generators.spade.networks import Renderer

REVISION = 1
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
        self._file = Path(
            weights.user_model(settings.weights, "weights") if settings.weights else weights.released(RELEASED)
        )

    def default_aligner(self) -> Mapping[str, Any]:
        """The 68 points of dlib, by which the faces that it learned from were aligned."""
        return {"name": "dlib_hog", "points": 68}

    @property
    def taught_by(self) -> frozenset[str]:
        """The recognizers that taught it, as the weight file has them: they are its white box."""
        about = json.loads(weights.metadata(self._file).get("about", "{}"))
        return frozenset(about.get("taught_by", ()))

    def fingerprint(self) -> Fingerprint:
        """What determines the faces."""
        return {
            "revision": REVISION,
            "template": template_digest(self.template),
            "weights": file_digest(self._file),
            "device": planned_device(self.settings.device),
            "threads": thread_count(self.settings.threads),
            "batch_size": self.settings.batch_size,
            "torch": version_of("torch"),
            "numpy": version_of("numpy"),
        }

    def runtime(self) -> Mapping[str, str]:
        """``device``, ``torch`` and ``threads`` as they really were; empty before the first face."""
        return runtime_of(self._networks[1].start.weight.device) if "_networks" in self.__dict__ else {}

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
        size = self.batch_size
        with torch.inference_mode():
            for start in range(0, len(made), size):
                images, part = batch.images[start : start + size], labels[start : start + size]
                masks = self.masks(filled(part, size))
                faces = self.render(masks, self.encode(torch.from_numpy(filled(images, size)), masks))
                made[start : start + size] = faces[: len(part)].cpu().numpy()
        return made

    def generate_tensor(self, conditions: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """The faces, differentiable in every floating-point condition.

        Args:
            conditions: ``masks``, uint8 (N, 256, 256) labels, or float32 (N, 19, S', S') soft region maps of any side
                from the networks' own up; and either ``styles``, float32 (N, 19, L), or ``images``, float32
                (N, 3, 256, 256), from which they are then taken.

        Returns:
            float32 (N, 3, 256, 256) RGB in [0, 1], on the networks' device.

        Raises:
            ShapeError: there are no masks, or not just one of styles and images.
        """
        if "masks" not in conditions or ("styles" in conditions) is ("images" in conditions):
            got = ", ".join(sorted(conditions)) or "nothing"
            raise ShapeError(f"got the conditions {got}; spade takes masks, and one of styles and images")
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
        import torch

        from generators.nets.regions import one_hot

        small = np.ascontiguousarray(shrink_labels(labels, self.preset.side))
        return one_hot(torch.from_numpy(small).to(self._networks[1].start.weight.device), self.preset.regions)

    def encode(self, images: torch.Tensor, masks: torch.Tensor) -> torch.Tensor:
        """The style of each region, differentiable in pixels and in soft maps.

        Args:
            images: float32 (N, 3, S', S') RGB in [0, 1], S' at least the networks' side.
            masks: float32 (N, 19, S'', S''), likewise.

        Returns:
            float32 (N, 19, L) in (-1, 1); zeros for a region that is absent.
        """
        from generators.crops import shrink

        with self._at_work() as (encoder, renderer):
            device, side = renderer.start.weight.device, self.preset.side
            small, regions = shrink(images.to(device), side), shrink(masks.to(device), side)
            styles: torch.Tensor = encoder(_last(small), _last(regions))
            return styles

    def render(self, masks: torch.Tensor, styles: torch.Tensor) -> torch.Tensor:
        """Faces of region maps and styles, which need not be of the same person.

        Args:
            masks: float32 (N, 19, S', S'), soft or one-hot, S' at least the networks' side.
            styles: float32 (N, 19, L).

        Returns:
            float32 (N, 3, 256, 256) RGB in [0, 1], differentiable in both.
        """
        from generators.crops import grow, shrink

        with self._at_work() as (_, renderer):
            device = renderer.start.weight.device
            faces = renderer(_last(shrink(masks.to(device), self.preset.side)), styles.to(device))
            return grow(faces, self.template.side)

    @property
    def preset(self) -> SpadePreset:
        """The sizes of the networks, as the weight file states them."""
        return self._released[0]

    @cached_property
    def _released(self) -> tuple[SpadePreset, Mapping[str, Mapping[str, torch.Tensor]]]:
        import torch

        from generators.training.released import read_released

        with torch.inference_mode(False):  # weights born in inference mode would refuse every later gradient
            settings, states = read_released(self._file)
        try:
            preset = preset_of(settings)
        except (TypeError, ValueError) as error:
            raise CorruptFile(
                f"{self._file}: not weights of spade ({error}); give a file of `impersona train spade`"
            ) from error
        return preset, states

    @cached_property
    def _networks(self) -> tuple[RegionStyleEncoder, Renderer]:
        import torch

        from generators.spade.networks import Renderer, style_encoder

        device = opened_device(self.settings.device)
        preset, states = self._released
        with torch.inference_mode(False):  # as above
            with torch.device("meta"):
                networks = style_encoder(preset), Renderer(preset)
            for name, network in zip(("encoder", "renderer"), networks, strict=True):
                try:
                    network.load_state_dict(states.get(name, {}), assign=True)
                except RuntimeError as error:
                    raise CorruptFile(f"{self._file}: the weights do not fit their own settings ({error})") from error
                network.requires_grad_(False).eval().to(device)
                network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        return networks

    @contextlib.contextmanager
    def _at_work(self) -> Iterator[tuple[RegionStyleEncoder, Renderer]]:
        """The networks, while bits repeat."""
        networks = self._networks
        with repeatable(networks[1].start.weight.device, self.settings.threads):
            yield networks


def _last(maps: torch.Tensor) -> torch.Tensor:
    import torch

    return maps.contiguous(memory_format=torch.channels_last)
