"""The generator itself: released weights and an assignment, between the bench's crops and the networks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bench.aligners.templates import FFHQ256
from bench.api import Crops, FaceBatch, Fingerprint, LearnedFrom
from bench.errors import ConfigError
from bench.regions import CLASSES, shown
from generators.face_batches import labels_of, masks_of, reference_masks_of, references_of
from generators.mixsyn.mixes import able
from generators.mixsyn.mixing import NO_COMPOSER, NO_NOISE, Mixer
from generators.mixsyn.settings import MixSynPreset, MixSynSettings, classes_named

if TYPE_CHECKING:
    import torch

    from generators.mixsyn.assignment import Assignment

REVISION = 1

SKIN = CLASSES.index("skin")


class Ingredients(NamedTuple):
    """What N faces are mixed from.

    Attributes:
        labels: uint8 (N, K, S', S'), of the sources, as they were given.
        maps: float32 (N, K, R, S, S), the same at the networks' side.
        assignment: which source each region's shape and style are of.
        possible: bool (N,), False for a face that cannot be made.
    """

    labels: NDArray[np.uint8]
    maps: torch.Tensor
    assignment: Assignment
    possible: torch.Tensor


class MixSyn:
    """A `bench.api.Generator` and `bench.api.MixingMaker`: faces whose regions are of several people.

    Who gives what is drawn, or named by the settings. With one source a face is made again from its own parts.
    """

    template = FFHQ256

    def __init__(self, settings: MixSynSettings) -> None:
        self.settings = settings
        self.batch_size = settings.batch_size
        self.contributors = settings.sources
        others = {"references", "reference_masks"} if settings.sources > 1 else set()
        self.conditions = frozenset({"masks", *others})
        self.mixer = Mixer(settings.weights, settings.device, settings.threads, batch_size=settings.batch_size)
        self._check_weights()

    def default_aligner(self) -> Mapping[str, Any]:
        """The 68 points of dlib, by which the faces that it learned from were aligned."""
        return {"name": "dlib_hog", "points": 68}

    @property
    def taught_by(self) -> frozenset[str]:
        """The recognizers that taught it, as the weight file has them: they are its white box."""
        return frozenset() if self.pastes else self.mixer.released.taught_by

    @property
    def learned_from(self) -> tuple[LearnedFrom, ...]:
        """The packs that it learned from, as the weight file has them; none where it pastes."""
        return () if self.pastes else self.mixer.released.learned_from

    @property
    def draws(self) -> bool:
        """Whether its faces depend on chance: who gives what, or the composition's noise."""
        return self.settings.drawn or self.settings.variant > 0

    @property
    def pastes(self) -> bool:
        """Whether its faces are cut and pasted, without any network."""
        return self.settings.composition == "pasted"

    @property
    def preset(self) -> MixSynPreset:
        """The sizes of the networks, as the weight file states them."""
        return self.mixer.preset

    def fingerprint(self) -> Fingerprint:
        """What determines the faces; the order of names does not."""
        settings = self.settings
        return {
            **self.mixer.released.fingerprint(REVISION, self.template, self.batch_size),
            "sources": settings.sources,
            "shapes": _in_words(settings.shapes),
            "styles": _in_words(settings.styles),
            "temperature": settings.temperature,
            "composition": settings.composition,
            "variant": settings.variant,
        }

    def runtime(self) -> Mapping[str, str]:
        """``device``, ``torch`` and ``threads`` as they really were; empty before the first face."""
        return self.mixer.released.runtime()

    # ------------------------------------------------------------------------------------------------ of the bench

    def generate(self, batch: FaceBatch, rng: np.random.Generator) -> Crops:
        """The faces; each depends on its own row of the batch, and its own part of the stream, only.

        Args:
            batch: `images` (N, 3, 256, 256), of the first source, and what `conditions` names, of the others.
            rng: draws who gives what and the composition's noise, as many numbers for each face.

        Returns:
            float32 (N, 3, 256, 256) RGB in [0, 1]; NaN where the sources show no skin, or one cannot give a part that
            the settings take from it by name (`generators.mixsyn.mixes.able`). The networks always see `batch_size`
            faces, filled up with zeros.

        Raises:
            ShapeError: a condition is missing, or has another shape, dtype or range.
            ProviderError: there is no such device here.
            CorruptFile: the weight file is no such file.
        """
        import torch

        from generators.mixsyn.assignment import gathered
        from generators.mixsyn.copy_paste import copy_paste

        made = np.empty_like(batch.images)
        with torch.inference_mode():
            for rows, labels, numbers in self._batches(batch, rng):
                parts, images = self._ingredients(labels, numbers), self._images(batch, rows)
                if self.pastes:
                    made[rows] = copy_paste(images, labels, parts.assignment, self.preset.parts)
                else:
                    styles = gathered(self._codes(images, parts.maps), parts.assignment.style)
                    made[rows] = self.mixer.render(self._composed(parts, numbers), styles).cpu().numpy()
                made[rows][~parts.possible.cpu().numpy()] = np.nan
        return made

    def shares(self, batch: FaceBatch, rng: np.random.Generator) -> NDArray[np.float32]:
        """How much of each face is of whom.

        Args:
            batch: as `generate` takes it.
            rng: in the state in which `generate` had it.

        Returns:
            float32 (N, K, R): of the composition's pixels the share of region r in the style of source k; NaN where the
            face cannot be made.

        Raises:
            ShapeError: as `generate`.
        """
        import torch

        found = np.empty((len(batch.images), self.contributors, self.preset.regions), np.float32)
        with torch.inference_mode():
            for rows, labels, numbers in self._batches(batch, rng):
                parts = self._ingredients(labels, numbers)
                area = self._composed(parts, numbers).mean(dim=(2, 3))
                shares = torch.zeros(found[rows].shape, device=area.device)
                shares.scatter_(1, parts.assignment.style[:, None], area[:, None])
                found[rows] = torch.where(parts.possible[:, None, None], shares, torch.nan).cpu().numpy()
        return found

    def layouts(self, batch: FaceBatch, rng: np.random.Generator) -> NDArray[np.uint8]:
        """What the faces are meant to show, uint8 (N, 256, 256): the likeliest region of each pixel of the composition.

        Args:
            batch: as `generate` takes it.
            rng: in the state in which `generate` had it.

        Raises:
            ShapeError: as `generate`.
        """
        import torch

        found = np.empty((len(batch.images), self.template.side, self.template.side), np.uint8)
        with torch.inference_mode():
            for rows, labels, numbers in self._batches(batch, rng):
                maps = self._composed(self._ingredients(labels, numbers), numbers)
                found[rows] = labels_of(maps, self.template.side)
        return found

    def assignment(self, batch: FaceBatch, rng: np.random.Generator) -> Assignment:
        """Who gives what to each face, int64 (N, R) twice: of the batch and the stream, both as `generate` had them."""
        import torch

        from generators.mixsyn.assignment import Assignment

        found = [self._ingredients(labels, numbers).assignment for _, labels, numbers in self._batches(batch, rng)]
        if not found:
            none = torch.zeros((0, self.preset.regions), dtype=torch.int64)
            return Assignment(none, none)
        return Assignment(*(torch.cat(parts).cpu() for parts in zip(*found, strict=True)))

    # ------------------------------------------------------------------------------------------------------ inside

    def _batches(
        self, batch: FaceBatch, rng: np.random.Generator
    ) -> Iterator[tuple[slice, NDArray[np.uint8], NDArray[np.float64]]]:
        """Rows of a batch, `batch_size` at most, labels of their sources (N, K, S', S') and what was drawn for them.

        Drawn are numbers in [0, 1), (N, `numbers_wanted` + 1): the assignment's, and one that names the noise. All of a
        face's stand together in the stream, so that a face does not depend on how many follow it.
        """
        from generators.mixsyn.assignment import numbers_wanted

        side, others = self.template.side, self.contributors - 1
        labels, reference_labels = masks_of(batch, side, "mixsyn"), None
        if others:
            references_of(batch, side, others, "mixsyn")
            reference_labels = reference_masks_of(batch, side, others, "mixsyn")
        shape = (len(labels), numbers_wanted(self.preset.parts) + 1)
        numbers = rng.random(shape) if self.draws else np.zeros(shape)
        for start in range(0, len(labels), self.batch_size):
            rows = slice(start, start + self.batch_size)
            yield rows, _side_by_side(labels, reference_labels, rows), numbers[rows]

    def _ingredients(self, labels: NDArray[np.uint8], numbers: NDArray[np.float64]) -> Ingredients:
        """What faces are mixed from, of what `_batches` gives."""
        import torch

        from generators.nets.regions import SMALLEST_AREA

        maps = self.mixer.maps(labels.reshape(-1, *labels.shape[2:]))
        maps = maps.reshape(*labels.shape[:2], *maps.shape[1:])
        assignment = self._assigned(maps.sum(dim=(3, 4)) > SMALLEST_AREA, torch.from_numpy(numbers[:, :-1]))
        named = torch.from_numpy(self._named_are_shown(labels)).to(maps.device)
        return Ingredients(labels, maps, assignment, named & (assignment.shape[:, SKIN] >= 0))

    def _assigned(self, there: torch.Tensor, numbers: torch.Tensor) -> Assignment:
        """Who gives what to faces whose sources show some regions, bool (N, K, R) at the networks' side."""
        from generators.mixsyn.assignment import Assignment, drawn_assignment, only_shown

        preset = self.preset
        if self.settings.drawn:
            drawn = drawn_assignment(preset.parts, there, numbers)
            # Without a composer the map of the result is the first source's, and styles alone are mixed.
            kept = preset.compose or self.pastes
            return drawn if kept else only_shown(Assignment(drawn.shape * 0, drawn.style), there)
        every = (one.to(there.device).expand(len(there), -1) for one in self._named())
        return only_shown(Assignment(*every), there)

    def _named(self) -> Assignment:
        """What the settings name, of one face, whatever its sources show."""
        from generators.mixsyn.assignment import named_assignment

        settings, preset = self.settings, self.preset
        return named_assignment(preset.parts, settings.shapes, settings.styles, settings.sources, preset.classes)

    def _named_are_shown(self, labels: NDArray[np.uint8]) -> NDArray[np.bool_]:
        """Bool (N,): whether each source can give every part that is taken from it by name.

        Args:
            labels: uint8 (N, K, S', S'), as they were given: a part too small for the networks is no reason to refuse.
        """
        given = shown(labels.reshape(-1, *labels.shape[2:])).reshape(*labels.shape[:2], -1)
        shapes = self._named().shape[0].numpy()
        possible = np.ones(len(labels), dtype=np.bool_)
        for name, source in self.settings.shapes.items():
            possible &= able(given, classes_named(self.preset, name))[:, source - 1]
        for name, source in self.settings.styles.items():
            possible &= able(given, classes_named(self.preset, name), shapes)[:, source - 1]
        return possible

    def _composed(self, parts: Ingredients, numbers: NDArray[np.float64]) -> torch.Tensor:
        """The composition, float32 (N, R, S, S); at the labels' side, where they are pasted."""
        import torch

        from generators.mixsyn.assignment import stacked
        from generators.mixsyn.copy_paste import pasted_maps
        from generators.mixsyn.copying import copied

        settings, preset = self.settings, self.preset
        if self.pastes:
            maps = torch.from_numpy(pasted_maps(parts.labels, parts.assignment, preset.parts))
            return maps.to(parts.maps.device)
        stack = stacked(parts.maps, parts.assignment.shape)
        if not preset.compose or settings.composition == "copied":
            return copied(stack, preset.parts)
        noise = None
        if settings.variant:
            # A stream for each face and variant: normal numbers use up as much of one as they happen to.
            seeds = ((int(number * 2**53), settings.variant) for number in numbers[:, -1])
            streams = (np.random.default_rng(seed) for seed in seeds)
            rows = [one.standard_normal(preset.composer_noise, dtype=np.float32) for one in streams]
            noise = torch.from_numpy(np.stack(rows))
        return self.mixer.compose(stack, noise, settings.temperature)

    def _images(self, batch: FaceBatch, rows: slice) -> Crops:
        """The photos of all sources of some faces, float32 (N, K, 3, 256, 256)."""
        return _side_by_side(batch.images, batch.references if self.contributors > 1 else None, rows)

    def _codes(self, images: Crops, maps: torch.Tensor) -> torch.Tensor:
        """The style codes of all sources, float32 (N, K, R, L).

        One source after the other, so that a face has one place in the networks' batches, however many sources it has.
        """
        import torch

        pictures = torch.from_numpy(np.ascontiguousarray(images.swapaxes(0, 1)))
        codes = [self.mixer.encode(one, maps[:, number]) for number, one in enumerate(pictures)]
        return torch.stack(codes, dim=1)

    def _check_weights(self) -> None:
        """Makes sure that the weights can do what the settings ask."""
        settings, preset, name = self.settings, self.preset, self.mixer.released.file.name
        if preset.classes != CLASSES:
            raise ConfigError(
                f"weights: {name} knows {preset.regions} classes, such as {preset.classes[-1]}, and no faces of the"
                f" {len(CLASSES)} that the bench has; use it from Python: generators.mixsyn.mixing.Mixer"
            )
        for setting in ("shapes", "styles"):
            for part in getattr(settings, setting):
                try:
                    classes_named(preset, part)
                except ValueError as error:
                    raise ConfigError(f"{setting}: {error}") from error
        if not (preset.compose or self.pastes) and any(source != 1 for source in settings.shapes.values()):
            raise ConfigError(f"shapes: got {_in_words(settings.shapes)}, but {name} {NO_COMPOSER}")
        if settings.variant and not (preset.compose and preset.composer_noise):
            raise ConfigError(f"variant: got {settings.variant}, but {name} {NO_NOISE}")


def _side_by_side(first: NDArray[Any], others: NDArray[Any] | None, rows: slice) -> NDArray[Any]:
    """Some rows of what the first source (M, ...) and the others (M, K - 1, ...) have, as (N, K, ...)."""
    one = first[rows, None]
    return one if others is None else np.concatenate([one, others[rows]], axis=1)


def _in_words(sources: Mapping[str, int]) -> str:
    return " ".join(f"{name}:{source}" for name, source in sorted(sources.items()))
