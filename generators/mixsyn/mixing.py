"""The released networks of `mixsyn`, from tensors to tensors: what encodes, composes and renders."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from bench.aligners.templates import FFHQ256
from bench.errors import ConfigError, ShapeError
from bench.provenance import THREADS
from bench.torch_runtime import Device, check_settings
from generators.face_batches import brought, maps_for
from generators.mixsyn.settings import MixSynPreset, preset_of
from generators.released_networks import ReleasedNetworks

if TYPE_CHECKING:
    import torch
    from torch import nn

RELEASED = "mixsyn_tiny.safetensors"

NO_COMPOSER = "was trained without a composer; the map of the result is given: compose nothing, mix styles alone"
NO_NOISE = "was trained without noise in its composer; give weights of a preset that has composer_noise above 0"


class Mixer:
    """The networks of one weight file. Finding the file needs no torch, working does.

    The networks always see `batch_size` faces, filled up with zeros, so that a face's bits do not depend on how many
    are given at once. All of it is differentiable; whoever wants no gradients says ``torch.inference_mode()``.

    Args:
        weights: a path, or a name in the user's folder of models; empty for the file that ships.
        device: ``"cpu"``, ``"cuda"`` or ``"auto"``.
        threads: CPU threads that torch gets in this process; 0 for every core.
        batch_size: faces that the networks see at once.

    Raises:
        MissingFile: there is no such file.
    """

    def __init__(
        self, weights: str = "", device: Device = "cpu", threads: int = THREADS, *, batch_size: int = 1
    ) -> None:
        check_settings(device, threads, batch_size)
        self.batch_size = batch_size
        self.released: ReleasedNetworks[MixSynPreset] = ReleasedNetworks(
            "mixsyn", weights, RELEASED, preset_of=preset_of, build=_networks, device=device, threads=threads
        )

    @property
    def preset(self) -> MixSynPreset:
        """The sizes of the networks, as the weight file states them. Raises `CorruptFile`."""
        return self.released.preset

    @property
    def device(self) -> torch.device:
        """Where the networks are."""
        return self.released.device

    def maps(self, masks: torch.Tensor | NDArray[np.uint8]) -> torch.Tensor:
        """Region maps at the networks' side.

        Args:
            masks: float32 (N, R, S', S') soft maps, S' at least the networks' side; or uint8 (N, S', S') labels, S' a
                multiple of it.

        Returns:
            float32 (N, R, S, S), differentiable in soft maps.

        Raises:
            ShapeError: there is a label that is none of the weights' classes.
        """
        if isinstance(masks, np.ndarray) or not masks.is_floating_point():
            wrong = masks[(masks < 0) | (masks >= self.preset.regions)]
            if len(wrong):
                raise ShapeError(
                    f"labels: got the label {int(wrong.max())}, expected 0 to {self.preset.regions - 1}, the classes of"
                    f" {self.released.file.name}; where files number them from 1,"
                    " generators.mixsyn.label_sets.LabelSet.numbered brings them here"
                )
        return maps_for(masks, self.preset.side, self.preset.regions, self.device)

    def encode(self, images: torch.Tensor, maps: torch.Tensor | NDArray[np.uint8]) -> torch.Tensor:
        """The style of each region.

        Args:
            images: float32 (N, 3, S', S') RGB in [0, 1], S' at least the networks' side.
            maps: of the same faces, as `maps` takes them.

        Returns:
            float32 (N, R, L); zeros for a region that is absent.
        """
        pictures = brought(images, self.preset.side, self.device)
        return self._batched(lambda nets, *rows: nets["encoder"](*rows), pictures, self.maps(maps))

    def compose(self, stack: torch.Tensor, noise: torch.Tensor | None = None, temperature: float = 1.0) -> torch.Tensor:
        """One layout of regions that come from several faces.

        Args:
            stack: float32 (N, R, S', S'), as `generators.mixsyn.assignment.stacked` gives it; S' at least the networks'
                side. Regions may overlap and leave gaps; all zeros is a region that is absent.
            noise: float32 (N, Z), standard normal: another composition of the same stack; None for none.
            temperature: 0 to 1; at 0 each pixel is of one region.

        Returns:
            float32 (N, R, S, S), which sums to 1 over R; 0 for a region that is absent.

        Raises:
            ConfigError: the weights have no composer, or one that takes no noise.
        """
        name, preset = self.released.file.name, self.preset
        if not preset.compose:
            raise ConfigError(f"composition: {name} {NO_COMPOSER}")
        if noise is not None and not preset.composer_noise:
            raise ConfigError(f"noise: got some, but {name} {NO_NOISE}")
        sharpness = temperature if preset.fuzzy else 0.0

        def composed(
            nets: Mapping[str, nn.Module], rows: torch.Tensor, drawn: torch.Tensor | None = None
        ) -> torch.Tensor:
            maps: torch.Tensor = nets["composer"](rows, drawn, temperature=sharpness).maps
            return maps

        given = [brought(stack, preset.side, self.device)]
        return self._batched(composed, *given, *([] if noise is None else [noise.to(self.device)]))

    def render(self, maps: torch.Tensor | NDArray[np.uint8], styles: torch.Tensor) -> torch.Tensor:
        """Faces of a composition and the styles of its regions.

        Args:
            maps: as `maps` takes them; soft ones may come from `compose`.
            styles: float32 (N, R, L).

        Returns:
            float32 (N, 3, 256, 256) RGB in [0, 1].
        """
        from generators.crops import grow

        faces = self._batched(lambda nets, *rows: nets["renderer"](*rows), self.maps(maps), styles.to(self.device))
        return grow(faces, FFHQ256.side)

    def _batched(self, work: Callable[..., torch.Tensor], *given: torch.Tensor) -> torch.Tensor:
        """What the networks make of some rows, in batches of one size."""
        from generators.network_batches import in_batches

        with self.released.at_work() as networks:
            return in_batches(lambda *rows: work(networks, *rows), self.batch_size, *given)


def _networks(preset: MixSynPreset) -> Mapping[str, nn.Module]:
    from generators.mixsyn.networks import Composer, renderer, style_encoder

    networks: dict[str, nn.Module] = {"encoder": style_encoder(preset), "renderer": renderer(preset)}
    if preset.compose:
        networks["composer"] = Composer(preset)
    return networks
