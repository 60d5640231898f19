"""The generator itself: released weights and an edit, between the bench's crops and the networks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bench.aligners.templates import FFHQ256
from bench.api import Crops, FaceBatch, Fingerprint, LearnedFrom
from bench.errors import ConfigError
from bench.torch_runtime import padded
from generators.face_batches import images_of, references_of
from generators.translation.attributes import edited_labels
from generators.translation.editing import Translator, averaged, onto_photo
from generators.translation.settings import TranslationPreset, TranslationSettings

if TYPE_CHECKING:
    import torch

REVISION = 1


class _Wish(NamedTuple):
    """What N faces are to become.

    Attributes:
        own: float32 (N, A), their labels as they are read, 0 or 1.
        wanted: float32 (N, A), likewise, those that are wanted.
        asked: bool (N, A), which of them somebody named.
        possible: bool (N,), False for a face that cannot be made.
    """

    own: NDArray[np.float32]
    wanted: NDArray[np.float32]
    asked: NDArray[np.bool_]
    possible: NDArray[np.bool_]


class Translation:
    """A `bench.api.EditingGenerator`: attributes changed, as they look in general or in somebody else's face."""

    template = FFHQ256

    def __init__(self, settings: TranslationSettings) -> None:
        self.settings = settings
        self.batch_size = settings.batch_size
        self.contributors = settings.sources if settings.refers else 1
        self.conditions = frozenset({"references"} if settings.refers else ())
        self.translator = Translator(
            settings.weights, settings.device, settings.threads, batch_size=settings.batch_size
        )
        self._check_attributes()

    def default_aligner(self) -> Mapping[str, Any]:
        """The 68 points of dlib, by which the faces that it learned from were aligned."""
        return {"name": "dlib_hog", "points": 68}

    @property
    def taught_by(self) -> frozenset[str]:
        """The recognizers that taught it, as the weight file has them."""
        return self.translator.released.taught_by

    @property
    def learned_from(self) -> tuple[LearnedFrom, ...]:
        """The packs that it learned from, as the weight file has them."""
        return self.translator.released.learned_from

    @property
    def draws(self) -> bool:
        """Whether its faces depend on chance: the noise of a look."""
        return self.settings.variant > 0

    @property
    def attributes(self) -> tuple[str, ...]:
        """The names of what it can change."""
        return self.preset.attributes

    @property
    def preset(self) -> TranslationPreset:
        """The sizes of the networks, and their attributes, as the weight file states them."""
        return self.translator.preset

    def fingerprint(self) -> Fingerprint:
        """What determines the faces; the order of names does not."""
        settings = self.settings
        return {
            **self.translator.released.fingerprint(REVISION, self.template, self.batch_size),
            "edits": " ".join(f"{name}={settings.edits[name]}" for name in sorted(settings.edits)),
            "by": settings.by,
            "take": " ".join(sorted(settings.take)),
            "sources": settings.sources,
            "strength": float(settings.strength),
            "share": float(settings.share),
            "detail": settings.detail,
            "variant": settings.variant,
        }

    def runtime(self) -> Mapping[str, str]:
        """``device``, ``torch`` and ``threads`` as they really were; empty before the first face."""
        return self.translator.released.runtime()

    def generate(self, batch: FaceBatch, rng: np.random.Generator) -> Crops:
        """The faces; each depends on its own row of the batch, and its own part of the stream, only.

        Args:
            batch: `images` (N, 3, 256, 256) and, where a reference has a say, `references` (N, K - 1, 3, 256, 256).
            rng: draws the noise of looks, as many numbers for each face; not used without `variant`.

        Returns:
            float32 (N, 3, 256, 256) RGB in [0, 1]; NaN where a face would have to show two attributes that exclude each
            other, or where its references do not show what is asked for. The networks always see `batch_size` faces,
            filled up with zeros.

        Raises:
            ShapeError: a condition is missing, or has another shape or dtype.
            ProviderError: there is no such device here.
            CorruptFile: the weight file is no such file.
        """
        import torch

        made = np.empty_like(batch.images)
        with torch.inference_mode():
            for rows, images, references, numbers in self._batches(batch, rng):
                faces = self._edited(torch.from_numpy(images), references, numbers)
                made[rows] = faces[: rows.stop - rows.start].cpu().numpy()
        return made

    def edit_tensor(self, images: torch.Tensor, attribute: str, strength: float) -> torch.Tensor:
        """Faces of which one attribute is the other of what they show, by label, as `EditingGenerator` has it.

        Of its settings only `detail` and those of the networks count.

        Args:
            images: float32 (N, 3, 256, 256) RGB in [0, 1].
            attribute: one of `attributes`.
            strength: what the difference of attributes is multiplied by.

        Raises:
            ConfigError: the weights do not know the attribute.
        """
        import torch

        if attribute not in self.attributes:
            raise ConfigError(f"attribute: got {attribute}, expected one of {', '.join(self.attributes)}")
        own = self.translator.read(images).cpu().numpy()
        asked = np.full_like(own, np.nan)
        column = self.attributes.index(attribute)
        asked[:, column] = 1 - own[:, column]
        wanted, _ = edited_labels(own, self.attributes, asked)
        difference = torch.from_numpy(wanted - own) * strength
        faces = self.translator.edit(images, difference, self.translator.label_code(difference))
        if not self.settings.detail:
            return faces
        return onto_photo(images.to(faces.device), faces, self.translator.reconstruct(images))

    def wanted_attributes(self, batch: FaceBatch, rng: np.random.Generator) -> NDArray[np.float32]:
        """What the faces were asked to show, float32 (N, A): 1 or 0; NaN for what was to stay as it was.

        Asked for is what the settings name, or take of the references, and what has to go because of it.

        Args:
            batch: as `generate` takes it.
            rng: not used.

        Raises:
            ShapeError: as `generate`.
        """
        import torch

        found = np.full((len(batch.images), len(self.attributes)), np.nan, np.float32)
        with torch.inference_mode():
            for rows, images, references, _ in self._batches(batch, rng):
                wish = self._wish(torch.from_numpy(images), references)
                asked = wish.asked | (wish.own != wish.wanted)
                found[rows] = np.where(asked, wish.wanted, np.nan)[: rows.stop - rows.start]
        return found

    # ------------------------------------------------------------------------------------------------------ inside

    def _edited(
        self, images: torch.Tensor, references: torch.Tensor | None, numbers: NDArray[np.float64]
    ) -> torch.Tensor:
        import torch

        wish = self._wish(images, references)
        difference = torch.from_numpy(wish.wanted - wish.own) * self.settings.strength
        faces = self._painted(images, references, difference, numbers)
        if self.settings.detail:
            faces = onto_photo(images.to(faces.device), faces, self.translator.reconstruct(images))
        return torch.where(torch.from_numpy(wish.possible).to(faces.device)[:, None, None, None], faces, torch.nan)

    def _painted(
        self, images: torch.Tensor, references: torch.Tensor | None, difference: torch.Tensor,
        numbers: NDArray[np.float64],
    ) -> torch.Tensor:  # fmt: skip
        import torch

        settings, translator = self.settings, self.translator
        if references is None:
            return translator.edit(images, difference, translator.label_code(difference, self._noise(numbers)))
        each = [translator.reference_code(one, difference) for one in references.unbind(dim=1)]
        theirs = averaged(torch.stack(each, dim=1))
        if settings.by == "reference":
            return translator.edit(images, difference, theirs)
        ours = translator.label_code(difference, self._noise(numbers))
        return translator.edit(images, difference, ours, theirs, images.new_full((len(images),), settings.share))

    def _wish(self, images: torch.Tensor, references: torch.Tensor | None) -> _Wish:
        """What faces are to become, by the labels that are read of them and of their references."""
        import torch

        own, names, settings = self.translator.read(images).cpu().numpy(), self.preset.attributes, self.settings
        theirs = own
        if references is not None:
            # What most of the references show.
            shown = torch.stack([self.translator.read(one) for one in references.unbind(dim=1)]).mean(dim=0)
            theirs = (shown > 0.5).float().cpu().numpy()
        taken = np.full_like(own, np.nan)
        if settings.refers and (settings.take or not settings.edits):
            columns = np.isin(names, settings.take) if settings.take else np.ones(len(names), np.bool_)
            taken[:, columns] = theirs[:, columns]
        asked = np.full_like(own, np.nan)
        for name, value in settings.edits.items():
            column = names.index(name)
            asked[:, column] = 1 - own[:, column] if value == "flip" else float(value)
        wanted, _ = edited_labels(own, names, taken)
        wanted, possible = edited_labels(wanted, names, asked)
        if references is not None:
            # A reference that does not show what is asked for cannot say how it looks.
            changes = ~np.isnan(asked) & (asked != own)
            possible &= ~(changes & (theirs != asked)).any(axis=1)
        return _Wish(own, wanted, ~np.isnan(asked) | ~np.isnan(taken), possible)

    def _noise(self, numbers: NDArray[np.float64]) -> torch.Tensor | None:
        """One look of each face, float32 (N, Z) in [-1, 1], as noise is in training."""
        if not self.settings.variant:
            return None
        import torch

        seeds = ((int(number * 2**53), self.settings.variant) for number in numbers)
        rows = [np.random.default_rng(seed).uniform(-1, 1, self.preset.noise) for seed in seeds]
        return torch.from_numpy(np.stack(rows).astype(np.float32))

    def _batches(
        self, batch: FaceBatch, rng: np.random.Generator
    ) -> Iterator[tuple[slice, Crops, torch.Tensor | None, NDArray[np.float64]]]:
        """Rows, their photos, references and a number each that names their noise, in batches of one size."""
        import torch

        side, name = self.template.side, "translation"
        images = images_of(batch, side)
        numbers = rng.random(len(images)) if self.draws else np.zeros(len(images))
        arrays: list[NDArray[Any]] = [images, numbers]
        if self.settings.refers:
            arrays.append(references_of(batch, side, self.contributors - 1, name))
        for parts in zip(*(padded(rows, self.batch_size) for rows in arrays), strict=True):
            pictures, drawn, *others = (part for _, part in parts)
            yield parts[0][0], pictures, torch.from_numpy(others[0]) if others else None, drawn

    def _check_attributes(self) -> None:
        """Makes sure that the weights know what the settings ask."""
        settings, known = self.settings, self.preset.attributes
        for setting, names in (("edits", settings.edits), ("take", settings.take)):
            for name in names:
                if name not in known:
                    file = self.translator.released.file.name
                    raise ConfigError(f"{setting}: got {name}, expected what {file} knows: {', '.join(known)}")
