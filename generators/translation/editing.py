"""The released networks of `translation`, from tensors to tensors: codes by label, by reference, and faces of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import TYPE_CHECKING

from bench.aligners.templates import FFHQ256
from bench.errors import ShapeError
from bench.provenance import THREADS
from bench.torch_runtime import Device, check_settings
from generators.face_batches import brought
from generators.released_networks import ReleasedNetworks
from generators.translation.settings import TranslationPreset, preset_of

if TYPE_CHECKING:
    import torch
    from torch import nn

RELEASED = "translation_tiny.safetensors"


class Translator:
    """The networks of one weight file. Finding the file needs no torch, working does.

    An edit begins with a *difference*: of each attribute, 1 to add it, -1 to take it away, 0 to leave it as it is.
    Multiplied, it is a stronger or a weaker edit. It becomes a *code*, by label or by reference; the codes of several
    references can be averaged, and codes mixed by place. `edit` puts a code and the face's own together.

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
        self.released: ReleasedNetworks[TranslationPreset] = ReleasedNetworks(
            "translation", weights, RELEASED, preset_of=preset_of, build=_networks, device=device, threads=threads
        )

    @property
    def preset(self) -> TranslationPreset:
        """The sizes of the networks, and their attributes, as the weight file states them. Raises `CorruptFile`."""
        return self.released.preset

    @property
    def device(self) -> torch.device:
        """Where the networks are."""
        return self.released.device

    def read(self, images: torch.Tensor) -> torch.Tensor:
        """The attributes that faces show, as an edit takes them for granted.

        Args:
            images: float32 (N, 3, S', S') RGB in [0, 1], S' at least the networks' side.

        Returns:
            float32 (N, A), 0 or 1.
        """
        return (self._batched(lambda nets, *rows: nets["reader"](*rows), self._pictures(images)) > 0).float()

    def label_code(self, difference: torch.Tensor, noise: torch.Tensor | None = None) -> torch.Tensor:
        """What a difference of labels looks like in general.

        Args:
            difference: float32 (N, A).
            noise: float32 (N, Z), in [-1, 1] in training: one look of many; None for the middle of them.

        Returns:
            float32 (N, C, S / 2, S / 2).

        Raises:
            ShapeError: another number of attributes, or of noise.
        """
        difference = self._differences(difference)
        drawn = difference.new_zeros(len(difference), self.preset.noise) if noise is None else noise.to(self.device)
        if drawn.shape != (len(difference), self.preset.noise):
            raise ShapeError(f"noise: got {tuple(drawn.shape)}, expected {(len(difference), self.preset.noise)}")
        return self._batched(lambda nets, *rows: nets["mapping"](*rows), drawn, difference)

    def reference_code(self, references: torch.Tensor, difference: torch.Tensor) -> torch.Tensor:
        """What a difference of labels looks like in other faces.

        Args:
            references: float32 (N, 3, S', S'), faces that show what is wanted.
            difference: float32 (N, A), of the faces that are to be edited.

        Returns:
            float32 (N, C, S / 2, S / 2).
        """
        given = self._pictures(references), self._differences(difference)
        return self._batched(lambda nets, *rows: nets["encoder"](*rows), *given)

    def edit(
        self,
        images: torch.Tensor,
        difference: torch.Tensor,
        code: torch.Tensor,
        other: torch.Tensor | None = None,
        share: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Faces changed by a code.

        Args:
            images: float32 (N, 3, S', S') RGB in [0, 1], S' at least the networks' side.
            difference: float32 (N, A), that the code is of.
            code: float32 (N, C, S / 2, S / 2), of `label_code` or `reference_code`, or anything between.
            other: another one of the same difference; every norm then lies between the two.
            share: float32 (N,), of the first, 0 to 1; with `other`.

        Returns:
            float32 (N, 3, 256, 256) RGB in [0, 1].

        Raises:
            ShapeError: one of `other` and `share` alone, or another number of attributes.

        Source: Huang et al., ICCV 2021 (arXiv 2110.05055); between two codes as in its released test script.
        """
        from generators.crops import grow

        if (other is None) is not (share is None):
            raise ShapeError("got one of other and share, expected both or none: how much of which code")
        pictures, difference = self._pictures(images), self._differences(difference)
        codes = [code] if other is None else [code, other]

        def edited(nets: Mapping[str, nn.Module], *rows: torch.Tensor) -> torch.Tensor:
            own, away, *given = rows
            source = nets["encoder"](own, away)
            steering = [one + source for one in given[: len(codes)]]
            faces: torch.Tensor = nets["generator"](own, *steering, *given[len(codes) :])
            return faces

        shares = [] if other is None or share is None else [share.to(self.device)]
        moved = [one.to(self.device) for one in codes]
        faces = self._batched(edited, pictures, -difference, *moved, *shares)
        return grow(faces, FFHQ256.side)

    def reconstruct(self, images: torch.Tensor) -> torch.Tensor:
        """Faces made again, with nothing changed, float32 (N, 3, 256, 256), of (N, 3, S', S')."""
        nothing = images.new_zeros(len(images), len(self.preset.attributes))
        return self.edit(images, nothing, self.label_code(nothing))

    def _pictures(self, images: torch.Tensor) -> torch.Tensor:
        return brought(images, self.preset.side, self.device)

    def _differences(self, difference: torch.Tensor) -> torch.Tensor:
        if difference.dim() != 2 or difference.shape[1] != len(self.preset.attributes):
            raise ShapeError(
                f"difference: got {tuple(difference.shape)}, expected (N, {len(self.preset.attributes)}): the"
                f" attributes of {self.released.file.name}"
            )
        return difference.to(self.device)

    def _batched(self, work: Callable[..., torch.Tensor], *given: torch.Tensor) -> torch.Tensor:
        """What the networks make of some rows, in batches of one size."""
        from generators.network_batches import in_batches

        with self.released.at_work() as networks:
            return in_batches(lambda *rows: work(networks, *rows), self.batch_size, *given)


def onto_photo(images: torch.Tensor, edited: torch.Tensor, again: torch.Tensor) -> torch.Tensor:
    """A photo with what an edit changed added to it: its detail, finer than the networks see, stays. Ours.

    Args:
        images: float (N, 3, S, S) RGB in [0, 1], the photos.
        edited: the same shape, `Translator.edit` of them.
        again: the same shape, `Translator.reconstruct` of them: what the networks make of them without any edit.

    Returns:
        float (N, 3, S, S) RGB in [0, 1].
    """
    return (images + edited - again).clamp(0, 1)


def averaged(codes: torch.Tensor) -> torch.Tensor:
    """The mean code of several references, float (N, C, h, w), of float (N, K, C, h, w).

    Source: Huang et al., figure 7.
    """
    return codes.mean(dim=1)


def by_place(codes: torch.Tensor, places: torch.Tensor) -> torch.Tensor:
    """One code of several references', each where its map says: hair of one, mouth of another.

    Args:
        codes: float (N, K, C, h, w).
        places: float (N, K, S, S), at least 0, of any side; brought to that of the codes, and made to sum to 1.

    Returns:
        float (N, C, h, w).

    Source: Huang et al., figure 8, which has horizontal bands (`bands`); maps of any shape are ours.
    """
    from torch.nn import functional

    weights = functional.interpolate(places.to(codes.device), size=codes.shape[-2:], mode="area")
    weights = weights / weights.sum(dim=1, keepdim=True).clamp_min(1e-6)
    return (codes * weights[:, :, None]).sum(dim=1)


def bands(count: int, edges: tuple[float, ...], side: int = 64) -> torch.Tensor:
    """Horizontal bands for `by_place`, float32 (1, K, side, side), the topmost first.

    Args:
        count: K.
        edges: K - 1 heights at which the next one begins, 0 to 1, rising.
        side: pixels of the maps.

    Raises:
        ValueError: another number of edges, or not rising.
    """
    import torch

    if len(edges) != count - 1 or list(edges) != sorted(set(edges)) or not all(0 < edge < 1 for edge in edges):
        raise ValueError(f"edges: got {list(edges)}, expected {count - 1} rising numbers between 0 and 1")
    heights = (torch.arange(side) + 0.5) / side
    limits = (0.0, *edges, 1.0)
    rows = [((heights >= low) & (heights < high)).float() for low, high in pairwise(limits)]
    return torch.stack(rows)[None, :, :, None].expand(1, count, side, side)


def _networks(preset: TranslationPreset) -> Mapping[str, nn.Module]:
    from generators.translation.networks import code_encoder, generator, label_mapping, label_reader

    return {
        "generator": generator(preset),
        "encoder": code_encoder(preset),
        "mapping": label_mapping(preset),
        "reader": label_reader(preset),
    }
