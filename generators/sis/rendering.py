"""The released networks of `sis`, from tensors to tensors: what encodes, embeds, draws and renders."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bench.errors import ConfigError, ShapeError
from generators.face_batches import brought, maps_for
from generators.released_networks import ReleasedNetworks
from generators.sis.settings import SisPreset, SisSettings, preset_of

if TYPE_CHECKING:
    import torch
    from torch import nn

    from generators.sis.networks import SisFaces

RELEASED = "sis_tiny.safetensors"

NO_TOKEN = "was trained without an identity's token; give weights of a preset that has identity above 0"
NO_NOISE = "was trained without a mapping of noise; give weights of a preset that has noise above 0"


class Ingredients(NamedTuple):
    """What faces are rendered from, on the networks' device.

    Attributes:
        masks: float32 (N, R, S, S), at the networks' side.
        styles: float32 (N, R, L).
        possible: bool (N,), False where a region is missing of which something is to be taken.
        identity: float32 (N, D); None for weights without an identity's token.
        embedded: parts of which some are another face's, as `SisRenderer.embed` gives them; None for those of `masks`.
        detail: of the first contributor's photo; None for none.
    """

    masks: torch.Tensor
    styles: torch.Tensor
    possible: torch.Tensor
    identity: torch.Tensor | None = None
    embedded: torch.Tensor | None = None
    detail: torch.Tensor | None = None


class SisRenderer:
    """The networks of one weight file. Finding the file needs no torch, working does.

    Raises:
        MissingFile: there is no such file.
    """

    def __init__(self, settings: SisSettings) -> None:
        self.released: ReleasedNetworks[SisPreset] = ReleasedNetworks(
            "sis", settings.weights, RELEASED,
            preset_of=preset_of, build=_networks, device=settings.device, threads=settings.threads,
        )  # fmt: skip

    @property
    def preset(self) -> SisPreset:
        """The sizes of the networks, as the weight file states them. Raises `CorruptFile`."""
        return self.released.preset

    @property
    def device(self) -> torch.device:
        """Where the networks are."""
        return self.released.device

    def maps(self, masks: torch.Tensor | NDArray[np.uint8]) -> torch.Tensor:
        """Region maps at the networks' side.

        Args:
            masks: float32 (N, 19, S', S') soft maps, S' at least the networks' side; or uint8 (N, S', S') labels, S' a
                multiple of it.

        Returns:
            float32 (N, 19, S, S), differentiable in soft maps.
        """
        return maps_for(masks, self.preset.side, self.preset.regions, self.device)

    def encode(self, images: torch.Tensor, masks: torch.Tensor) -> torch.Tensor:
        """The style of each region, float32 (N, 19, L), of crops and their masks, as `maps` takes them."""
        with self.released.at_work() as networks:
            styles: torch.Tensor = networks["encoder"](self._brought(images), self.maps(masks))
            return styles

    def drawn_styles(self, noise: torch.Tensor, masks: torch.Tensor) -> torch.Tensor:
        """Styles of noise (N, Z), float32 (N, 19, L); zeros for what is absent in the masks.

        Raises:
            ConfigError: the weights have no mapping of noise.
            ShapeError: the noise is of another length.
        """
        from generators.sis.mixing import present

        if not self.preset.noise:
            raise ConfigError(f"noise: got some, but {self.released.file.name} {NO_NOISE}")
        expect_width("noise", noise, self.preset.noise)
        with self.released.at_work() as networks:
            styles: torch.Tensor = networks["noise"](noise.to(self.device), present(self.maps(masks)))
            return styles

    def embed(self, masks: torch.Tensor) -> torch.Tensor:
        """What the generator grows a face from, as `SisGenerator.embed` gives it."""
        with self.released.at_work() as networks:
            embedded: torch.Tensor = networks["generator"].embed(self.maps(masks))  # type: ignore[operator]
            return embedded

    def detail(self, images: torch.Tensor) -> torch.Tensor | None:
        """Features of photos past their style codes; None where the weights have no such branch."""
        if not self.preset.detail:
            return None
        with self.released.at_work() as networks:
            found: torch.Tensor = networks["detail"](self._brought(images))
            return found

    def render(self, parts: Ingredients, weights: bool = False) -> SisFaces:
        """The faces at the networks' side, with the shares of attention where asked for."""
        with self.released.at_work() as networks:
            faces: SisFaces = networks["generator"](
                parts.masks, parts.styles, parts.identity,
                embedded=parts.embedded, detail=parts.detail, weights=weights,
            )  # fmt: skip
            return faces

    def attention(self, parts: Ingredients) -> torch.Tensor:
        """The share of attention that goes to the identity.

        Returns:
            float32 (N, Y, A, A) in [0, 1], of each layer, the coarsest first; each brought to the finest one's side A
            by repeating its pixels.

        Raises:
            ConfigError: the weights have no token for an identity.
        """
        import torch

        if not self.preset.identity:
            raise ConfigError(f"attention to an identity: {self.released.file.name} {NO_TOKEN}")
        shares = [layer[:, -1] for layer in self.render(parts, weights=True).weights]
        side = max(one.shape[-1] for one in shares)
        return torch.stack([_repeated(one, side // one.shape[-1]) for one in shares], dim=1)

    def _brought(self, maps: torch.Tensor) -> torch.Tensor:
        return brought(maps, self.preset.side, self.device)


def expect_width(name: str, rows: torch.Tensor, width: int) -> None:
    """Raises `ShapeError` for rows that do not have `width` numbers each."""
    if rows.shape[-1] != width:
        raise ShapeError(f"{name}: got {tuple(rows.shape)}, expected {width} numbers each, as these weights have them")


def _networks(preset: SisPreset) -> Mapping[str, nn.Module]:
    from generators.sis.networks import SisGenerator, detail_encoder, noise_mapper, style_encoder

    networks: dict[str, nn.Module] = {"generator": SisGenerator(preset), "encoder": style_encoder(preset)}
    if preset.detail:
        networks["detail"] = detail_encoder(preset)
    if preset.noise:
        networks["noise"] = noise_mapper(preset)
    return networks


def _repeated(maps: torch.Tensor, times: int) -> torch.Tensor:
    """(N, times·h, times·w): each pixel of (N, h, w) as a square."""
    return maps.repeat_interleave(times, dim=1).repeat_interleave(times, dim=2)
