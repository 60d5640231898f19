"""The generator itself: released weights, between the bench's crops and the networks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bench.aligners.templates import FFHQ256
from bench.api import Crops, FaceBatch, Fingerprint, LearnedFrom
from bench.errors import ConfigError
from bench.torch_runtime import padded
from generators.face_batches import (
    identity_of,
    labels_of,
    masks_of,
    reference_identity_of,
    reference_masks_of,
    references_of,
)
from generators.sis.rendering import NO_NOISE, NO_TOKEN, SisRenderer
from generators.sis.settings import SisPreset, SisSettings

if TYPE_CHECKING:
    import torch

    from generators.sis.rendering import Ingredients

REVISION = 1


class Sis:
    """A `bench.api.StyledGenerator` and `bench.api.AttentiveMaker`: a face from its mask, its styles and an identity.

    As its settings say, the identity, the style of some regions and the shape of some parts are another person's.
    """

    template = FFHQ256

    def __init__(self, settings: SisSettings) -> None:
        self.settings = settings
        self.batch_size = settings.batch_size
        self._renderer = SisRenderer(settings)
        self._check_weights()
        self.contributors = 2 if settings.refers else 1
        self.conditions = settings.wanted(self.preset)

    def default_aligner(self) -> Mapping[str, Any]:
        """The 68 points of dlib, by which the faces that it learned from were aligned."""
        return {"name": "dlib_hog", "points": 68}

    def identity_encoder(self) -> Mapping[str, Any]:
        """The recognizer whose embeddings its identity is, as the weight file names it; else `dlib_resnet`.

        With the aligner of the pack that it learned from, where the file names one.
        """
        said = self._renderer.released.about.get("identity_encoder", "dlib_resnet")
        return {"name": said} if isinstance(said, str) else dict(said)

    @property
    def taught_by(self) -> frozenset[str]:
        """The recognizers that taught it, as the weight file has them: they are its white box."""
        return self._renderer.released.taught_by

    @property
    def learned_from(self) -> tuple[LearnedFrom, ...]:
        """The packs that it learned from, as the weight file has them."""
        return self._renderer.released.learned_from

    @property
    def draws(self) -> bool:
        """Whether styles are drawn by chance, by ``noise``."""
        return bool(self.settings.noise)

    @property
    def attention_tokens(self) -> int:
        """T, among which attention is shared out: the regions' and, where there is one, the identity's."""
        return self.preset.tokens

    @property
    def preset(self) -> SisPreset:
        """The sizes of the networks, as the weight file states them."""
        return self._renderer.preset

    def fingerprint(self) -> Fingerprint:
        """What determines the faces; the order of names does not."""
        settings = self.settings
        return {
            **self._renderer.released.fingerprint(REVISION, self.template, self.batch_size),
            "identity": settings.identity,
            "strength": settings.strength,
            "styles": " ".join(sorted(settings.styles)),
            "shapes": " ".join(sorted(settings.shapes)),
            "shape_strength": settings.shape_strength,
            "noise": " ".join(sorted(settings.noise)),
        }

    def runtime(self) -> Mapping[str, str]:
        """``device``, ``torch`` and ``threads`` as they really were; empty before the first face."""
        return self._renderer.released.runtime()

    # ------------------------------------------------------------------------------------------------ of the bench

    def generate(self, batch: FaceBatch, rng: np.random.Generator) -> Crops:
        """The faces; each depends on its own row of the batch only.

        Args:
            batch: `images` (N, 3, 256, 256) and what `conditions` names.
            rng: draws noise, as much for each face; not used without it.

        Returns:
            float32 (N, 3, 256, 256) RGB in [0, 1]; NaN where a region that something is taken of is missing in either
            mask. The networks always see `batch_size` faces, filled up with black.

        Raises:
            ShapeError: a condition is missing, or has another shape, dtype or range.
            ProviderError: there is no such device here.
            CorruptFile: the weight file is no such file.
        """
        import torch

        given = self._given(batch, rng)
        made = np.empty_like(batch.images)
        with torch.inference_mode():
            for rows, conditions in self._batches(given):
                faces = self.generate_tensor(conditions)
                made[rows] = faces[: rows.stop - rows.start].cpu().numpy()
        return made

    def generate_tensor(self, conditions: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """The faces, differentiable in every floating-point condition.

        Args:
            conditions: ``masks``, uint8 (N, 256, 256) labels, or float32 (N, 19, S', S') soft region maps of any side
                from the networks' own up, and ``identity``, float32 (N, D), where the weights have a token for it.
                Then either ``styles``, float32 (N, 19, L): the face is rendered of them whatever the settings say,
                and ``images`` beside them serve the detail branch, where the weights have one. Or ``images``, float32
                (N, 3, 256, 256): what the settings take from a reference is taken from ``references``, (N, 1, 3, 256,
                256), ``reference_masks``, as ``masks`` with one more axis, and ``reference_identity``, (N, 1, D); and
                where they draw styles, from ``noise``, (N, Z).

        Returns:
            float32 (N, 3, 256, 256) RGB in [0, 1], on the networks' device; NaN as in `generate`.

        Raises:
            ShapeError: a condition is missing, there is one that nothing is made of, or it is of another length.
        """
        return self._painted(self._ingredients(conditions))

    def attend(self, conditions: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """The share of attention that goes to the identity in the faces of some conditions.

        Args:
            conditions: as `generate_tensor` takes them.

        Returns:
            float32 (N, Y, A, A), as in `identity_attention`.

        Raises:
            ConfigError: the weights have no token for an identity.
            ShapeError: as `generate_tensor`.
        """
        return self._renderer.attention(self._ingredients(conditions))

    def identity_attention(self, batch: FaceBatch) -> NDArray[np.float32]:
        """Where the faces of these settings look at the identity.

        Args:
            batch: as `generate` takes it.

        Returns:
            float32 (N, Y, A, A): of each of Y layers, the coarsest first, the share of attention that goes to the
            identity, averaged over heads; a coarse layer's pixels are repeated up to the finest one's side A. Of a face
            that cannot be made, numbers that mean nothing.

        Raises:
            ConfigError: the weights have no token for an identity, or the faces are drawn.
            ShapeError: as `generate`.
        """
        import torch

        if self.draws:
            raise ConfigError(
                f"noise: got {list(self.settings.noise)}, and faces whose styles were drawn cannot be drawn again "
                "here; leave noise out, or give generate_tensor and attend the same noise"
            )
        given = self._given(batch)
        layers = self.preset.attention
        side = max((side for side, _, _ in layers), default=1)
        found = np.empty((len(batch.images), len(layers), side, side), np.float32)
        with torch.inference_mode():
            for rows, conditions in self._batches(given):
                found[rows] = self.attend(conditions)[: rows.stop - rows.start].cpu().numpy()
        return found

    def layouts(self, batch: FaceBatch, rng: np.random.Generator) -> NDArray[np.uint8]:
        """What the faces are meant to show, uint8 (N, 256, 256): the masks, with the parts that are exchanged.

        At the networks' side, enlarged: what is too thin for them cannot be meant.

        Args:
            batch: as `generate` takes it.
            rng: not used.

        Raises:
            ShapeError: as `generate`.
        """
        import torch

        from generators.sis.ingredients import exchanged_layout

        given = self._given(batch)
        found = np.empty_like(given["masks"])
        with torch.inference_mode():
            for rows, conditions in self._batches(given):
                maps = exchanged_layout(self._renderer, self.settings, conditions)
                found[rows] = labels_of(maps, self.template.side)[: rows.stop - rows.start]
        return found

    # ------------------------------------------------------------------------------------------------- of tensors

    def masks(self, labels: NDArray[np.uint8]) -> torch.Tensor:
        """Region maps of labels, at the networks' side.

        Args:
            labels: uint8 (N, S', S'), 19-class labels; S' a multiple of the networks' side.

        Returns:
            float32 (N, 19, S, S), one-hot.
        """
        return self._renderer.maps(labels)

    def encode(self, images: torch.Tensor, masks: torch.Tensor) -> torch.Tensor:
        """The style of each region, differentiable in pixels and in soft maps.

        Args:
            images: float32 (N, 3, S', S') RGB in [0, 1], S' at least the networks' side.
            masks: float32 (N, 19, S'', S''), likewise, or uint8 labels, as `masks` takes them.

        Returns:
            float32 (N, 19, L); what an absent region has means nothing.
        """
        return self._renderer.encode(images, masks)

    def embed(self, masks: torch.Tensor) -> torch.Tensor:
        """What a face grows from, so that parts can be exchanged and interpolated by hand.

        Args:
            masks: as `encode` takes them.

        Returns:
            Layout ``"embedded"``: float32 (N, 18, h, h), one map for each part but the background; ``"modulated"``:
            the region maps, float32 (N, 19, S, S).
        """
        return self._renderer.embed(masks)

    def render(
        self,
        masks: torch.Tensor,
        styles: torch.Tensor,
        identity: torch.Tensor | None = None,
        *,
        embedded: torch.Tensor | None = None,
        images: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Faces of region maps, styles and identities, which need not be of the same person, whatever the settings say.

        Args:
            masks: as `encode` takes them.
            styles: float32 (N, 19, L).
            identity: float32 (N, D), as the recognizer gave it; None for weights without a token for it.
            embedded: parts, as `embed` gives them, in place of those of the masks.
            images: float32 (N, 3, S', S'), what the detail branch sees, where the weights have one; None for none.

        Returns:
            float32 (N, 3, 256, 256) RGB in [0, 1], differentiable in all of them.

        Raises:
            ShapeError: an identity is missing, too many or of another length.
        """
        from generators.sis.ingredients import given_ingredients

        given = {"masks": masks, "styles": styles, "identity": identity, "images": images}
        parts = given_ingredients(self._renderer, {name: one for name, one in given.items() if one is not None})
        return self._painted(parts._replace(embedded=embedded))

    def drawn_styles(self, noise: torch.Tensor, masks: torch.Tensor) -> torch.Tensor:
        """Styles of noise, in place of a photo's.

        Args:
            noise: float32 (N, Z), standard normal.
            masks: as `encode` takes them; what is absent there has zeros.

        Returns:
            float32 (N, 19, L), differentiable in the noise.

        Raises:
            ConfigError: the weights have no mapping of noise.
            ShapeError: the noise is of another length.
        """
        return self._renderer.drawn_styles(noise, masks)

    # ------------------------------------------------------------------------------------------------------ inside

    def _ingredients(self, conditions: Mapping[str, torch.Tensor]) -> Ingredients:
        from generators.sis.ingredients import given_ingredients, mixed_ingredients

        if "styles" in conditions:
            return given_ingredients(self._renderer, conditions)
        return mixed_ingredients(self._renderer, self.settings, conditions)

    def _painted(self, parts: Ingredients) -> torch.Tensor:
        """The faces, NaN where they cannot be made."""
        import torch

        from generators.crops import grow

        faces = grow(self._renderer.render(parts).faces, self.template.side)
        return torch.where(parts.possible[:, None, None, None], faces, torch.nan)

    def _given(self, batch: FaceBatch, rng: np.random.Generator | None = None) -> dict[str, NDArray[Any]]:
        """The arrays of a batch that these settings want, each as it should be, with noise where there is a stream."""
        side, others, width, encoder = self.template.side, 1, self.preset.identity, self.identity_encoder()["name"]
        given: dict[str, NDArray[Any]] = {"masks": masks_of(batch, side, "sis"), "images": batch.images}
        if "identity" in self.conditions:
            given["identity"] = identity_of(batch, width, encoder, "sis")
        if "references" in self.conditions:
            given["references"] = references_of(batch, side, others, "sis")
        if "reference_masks" in self.conditions:
            given["reference_masks"] = reference_masks_of(batch, side, others, "sis")
        if "reference_identity" in self.conditions:
            given["reference_identity"] = reference_identity_of(batch, others, width, encoder, "sis")
        if self.draws and rng is not None:
            given["noise"] = rng.standard_normal((len(batch.images), self.preset.noise), dtype=np.float32)
        return given

    def _batches(self, given: Mapping[str, NDArray[Any]]) -> Iterator[tuple[slice, dict[str, torch.Tensor]]]:
        """Rows and their conditions, each batch filled up to one size."""
        import torch

        for parts in zip(*(padded(array, self.batch_size) for array in given.values()), strict=True):
            batches = [torch.from_numpy(batch) for _, batch in parts]
            yield parts[0][0], dict(zip(given, batches, strict=True))

    def _check_weights(self) -> None:
        """Makes sure that the weights can do what the settings ask."""
        settings, name = self.settings, self._renderer.released.file.name
        if settings.identity == "reference" and not self.preset.identity:
            raise ConfigError(f"identity: got reference, but {name} {NO_TOKEN}")
        if settings.noise and not self.preset.noise:
            raise ConfigError(f"noise: got {list(settings.noise)}, but {name} {NO_NOISE}")
