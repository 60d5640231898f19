"""K photos to mix from, by part: what the networks make of each is kept, and made again only for what changed.

Sessions, albums and grids stand on it. What they count are the rows that the networks see: a source encoded, a stack
composed, a face rendered.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bench.api import Crops
from bench.errors import ConfigError, ShapeError, UnknownName
from bench.seeding import stream
from generators.mixsyn.kept import Kept
from generators.mixsyn.mixing import Mixer
from generators.mixsyn.settings import classes_named

if TYPE_CHECKING:
    import torch

    from generators.mixsyn.assignment import Assignment


class Counts(NamedTuple):
    """How often the networks were at work.

    Attributes:
        encodes: sources whose styles were taken.
        composes: region stacks that were composed.
        renders: faces that were rendered.
    """

    encodes: int = 0
    composes: int = 0
    renders: int = 0


class Mix(NamedTuple):
    """What is asked for; what its sources do not show is left out when it is made.

    Attributes:
        shape: R sources counted from 0, -1 for none, whose each region's shape is.
        style: R sources, likewise, whose style it has.
        noise: a seed of the composition's noise; None for none.
        temperature: of the composition, 0 to 1.
    """

    shape: tuple[int, ...]
    style: tuple[int, ...]
    noise: int | None = None
    temperature: float = 1.0


class Sources:
    """K photos at the networks' side, and what was made of them last.

    Args:
        mixer: the networks; made with ``batch_size=1``, they do no more than is asked for.
        images: float32 (K, 3, S', S') RGB in [0, 1].
        labels: uint8 (K, S', S'), classes of the weights; S' a multiple of the networks' side.
        kept: how many compositions, and how many faces, are kept; None for all.

    Attributes:
        counts: how often the networks were at work so far.
        shown: bool (K, R), which regions each source shows, at the networks' side.
        given: bool (K, R), which it shows in its labels as they were given.

    Raises:
        ShapeError: they are of another shape, dtype or range.
    """

    def __init__(self, mixer: Mixer, images: Crops, labels: NDArray[np.uint8], kept: int | None = None) -> None:
        import torch

        self.mixer, self.preset, self.counts = mixer, mixer.preset, Counts()
        if images.ndim != 4 or not len(images):
            raise ShapeError(f"images: got {images.dtype} {images.shape}, expected float32 (K, 3, S, S), K at least 1")
        self._side = images.shape[-1]
        self._check(images, labels, len(images))
        size = len(images), self.preset.regions
        self._photos = dict(enumerate(zip(images.copy(), labels.copy(), strict=True)))
        # Of which photo each region of each source is; an edit may give one region a photo of its own.
        self._photo = np.repeat(np.arange(size[0])[:, None], size[1], axis=1)
        # What is made of a region has the same bits as long as its number is the same.
        self._form, self._look = self._photo.copy(), self._photo.copy()
        self._next = size[0]
        with torch.inference_mode():
            self._maps = torch.cat([mixer.maps(one[None]) for one in labels])
            self._codes = torch.zeros(*size, self.preset.style, device=self._maps.device)
        self._encoded = np.zeros(size[0], np.bool_)
        self.shown, self.given = self._seen(), np.stack([self._labelled(one) for one in labels])
        self._compositions: Kept[Any] = Kept(kept)
        self._faces: Kept[NDArray[np.float32]] = Kept(kept)
        self._assigned: dict[tuple[tuple[int, ...], tuple[int, ...]], Assignment] = {}

    def __len__(self) -> int:
        """K."""
        return len(self._photo)

    def classes(self, name: str) -> tuple[int, ...]:
        """The classes of a part, or a class by itself. Raises `UnknownName`."""
        known = [*dict(self.preset.parts), *self.preset.classes]
        if name not in known:
            raise UnknownName("part or class", name, known)
        return classes_named(self.preset, name)

    def number(self, source: int) -> int:
        """A source, counted from 1, counted from 0. Raises `ConfigError` where there is no such."""
        if isinstance(source, bool) or not 1 <= source <= len(self):
            raise ConfigError(f"source: got {source!r}, expected 1 to {len(self)}")
        return source - 1

    # ---------------------------------------------------------------------------------------------------- what is made

    def assignment(self, mix: Mix) -> Assignment:
        """Who gives what, int64 (1, R) twice, on the CPU: the mix without what its sources do not show."""
        import torch

        from generators.mixsyn.assignment import Assignment, only_shown

        key = (mix.shape, mix.style)
        if key not in self._assigned:
            asked = Assignment(torch.tensor([mix.shape]), torch.tensor([mix.style]))
            # Of the last mix alone, which is asked for again and again while its face is made.
            self._assigned = {key: only_shown(asked, torch.from_numpy(self.shown)[None])}
        return self._assigned[key]

    def composition_key(self, mix: Mix) -> Hashable:
        """What determines the bits of `composition`."""
        forms = tuple(self._form[source, region] if source >= 0 else -1 for region, source in self._shapes(mix))
        return (*forms, mix.noise, mix.temperature)

    def face_key(self, mix: Mix) -> Hashable:
        """What determines the bits of `face`."""
        style = self.assignment(mix).style[0].tolist()
        looks = tuple(self._look[style[region], region] if source >= 0 else -1 for region, source in self._shapes(mix))
        return (self.composition_key(mix), looks)

    def composition(self, mix: Mix) -> torch.Tensor:
        """The composition of a mix, float32 (R, S, S); without a composer, its shapes laid one over the other.

        Raises:
            ConfigError: the sources show nothing of what is asked for.
        """
        found: torch.Tensor = self._compositions.of(self.composition_key(mix), lambda: self._compose(mix))
        return found

    def face(self, mix: Mix) -> NDArray[np.float32]:
        """The face of a mix, float32 (3, 256, 256), read-only; encodes the sources whose styles nobody has asked for.

        Raises:
            ConfigError: the sources show nothing of what is asked for.
        """
        return self._faces.of(self.face_key(mix), lambda: self._render(mix, self.composition(mix)))

    def has_face(self, mix: Mix) -> bool:
        """Whether the face of a mix is kept."""
        return self.face_key(mix) in self._faces

    def keep_only(self, mixes: Iterable[Mix]) -> None:
        """Forgets every composition and every face but those of some mixes."""
        wanted = list(mixes)
        self._compositions.drop_all_but(map(self.composition_key, wanted))
        self._faces.drop_all_but(map(self.face_key, wanted))

    def _compose(self, mix: Mix) -> torch.Tensor:
        import torch

        from generators.mixsyn.assignment import stacked
        from generators.mixsyn.copying import copied

        shape = self.assignment(mix).shape
        if not (shape >= 0).any():
            raise ConfigError("got a mix of which its sources show nothing, expected one region at least")
        with torch.inference_mode():
            stack = stacked(self._maps[None], shape.to(self._maps.device))
            if not self.preset.compose:
                return copied(stack, self.preset.parts)[0]
            noise = None
            if mix.noise is not None:
                rng = stream(mix.noise, "mixsyn", "composition")
                noise = torch.from_numpy(rng.standard_normal((1, self.preset.composer_noise), dtype=np.float32))
            self._count(composes=1)
            return self.mixer.compose(stack, noise, mix.temperature)[0]

    def _render(self, mix: Mix, composition: torch.Tensor) -> NDArray[np.float32]:
        import torch

        from generators.mixsyn.assignment import gathered

        assignment = self.assignment(mix)
        there = assignment.shape >= 0
        with torch.inference_mode():
            for source in torch.unique(assignment.style[there]).tolist():
                self._encode(source)
            styles = gathered(self._codes[None], assignment.style.to(self._codes.device))
            # An absent region has no style: its source may not have been encoded.
            styles = styles * there[..., None].to(styles)
            face = self.mixer.render(composition[None], styles)[0].cpu().numpy()
        self._count(renders=1)
        face.flags.writeable = False
        return face

    def pasted(self, mix: Mix) -> NDArray[np.float32]:
        """The mix by naive copy-paste, float32 (3, S', S')."""
        import torch

        from generators.mixsyn.assignment import Assignment
        from generators.mixsyn.copy_paste import copy_paste

        used = sorted({int(self._photo[source, region]) for region, source in self._shapes(mix) if source >= 0})
        place = {photo: number for number, photo in enumerate(used)}
        shape = [place[int(self._photo[source, region])] if source >= 0 else -1 for region, source in self._shapes(mix)]
        images, labels = (np.stack([self._photos[photo][which] for photo in used])[None] for which in (0, 1))
        assigned = torch.tensor([shape])
        made: NDArray[np.float32] = copy_paste(images, labels, Assignment(assigned, assigned), self.preset.parts)[0]
        return made

    # -------------------------------------------------------------------------------------------------------- edits

    def edit(
        self, source: int, images: Crops | None, labels: NDArray[np.uint8] | None, region: str | None = None
    ) -> None:
        """Gives a source another photo, another mask, or both; in one part or class alone, or as a whole.

        With a region named, its shape, style and pixels are those of the new photo and mask, and the source's other
        regions stay what they were, even where the new photo differs there.

        Args:
            source: whose, counted from 1.
            images: float32 (3, S', S'); None for the photo that each region has.
            labels: uint8 (S', S'), likewise.
            region: part or class; None for all of it.

        Raises:
            UnknownName: there is no such part or class.
            ConfigError: there is no such source.
            ShapeError: they are of another shape, dtype or range.
        """
        number = self.number(source)
        classes = self.classes(region) if region is not None else range(self.preset.regions)
        # What is not given is what each region has: an earlier edit may have given some another photo.
        held = {one: int(self._photo[number, one]) for one in classes}
        if images is not None and labels is not None:
            held = dict.fromkeys(classes, held[classes[0]])
        for old in sorted(set(held.values())):
            photo, mask = self._photos[old]
            mine = [one for one in classes if held[one] == old]
            self._edit(number, mine, photo if images is None else images, mask if labels is None else labels)
        self.shown, self._assigned = self._seen(), {}
        for unused in set(self._photos).difference(self._photo.ravel().tolist()):
            del self._photos[unused]

    # ------------------------------------------------------------------------------------------------------- inside

    def _edit(self, number: int, classes: list[int], photo: NDArray[np.float32], mask: NDArray[np.uint8]) -> None:
        """Gives some classes of a source, counted from 0, a photo and a mask of their own."""
        import torch

        self._check(photo[None], mask[None], 1)
        with torch.inference_mode():
            maps = self.mixer.maps(mask[None])
            new = self._next
            changed = [one for one in classes if not torch.equal(self._maps[number, one], maps[0, one])]
            self._form[number, changed] = new
            if self._encoded[number]:
                codes = self._styles(photo, maps)
                differ = [one for one in classes if not torch.equal(self._codes[number, one], codes[one])]
                self._look[number, differ] = new
                self._codes[number, differ] = codes[differ]
            else:
                self._look[number, classes] = new
            self._maps[number, changed] = maps[0, changed]
        self.given[number, classes] = self._labelled(mask)[classes]
        self._photos[new] = (photo.copy(), mask.copy())
        self._photo[number, classes] = new
        self._next += 1

    def _labelled(self, mask: NDArray[np.uint8]) -> NDArray[np.bool_]:
        """Bool (R,): which classes labels (S', S') have."""
        found: NDArray[np.bool_] = np.bincount(mask.ravel(), minlength=self.preset.regions) > 0
        return found

    def _seen(self) -> NDArray[np.bool_]:
        from generators.nets.regions import SMALLEST_AREA

        there: NDArray[np.bool_] = (self._maps.sum(dim=(2, 3)) > SMALLEST_AREA).cpu().numpy()
        return there

    def _shapes(self, mix: Mix) -> Iterable[tuple[int, int]]:
        """Region and source of its shape, -1 for none."""
        return enumerate(self.assignment(mix).shape[0].tolist())

    def _encode(self, source: int) -> None:
        """Takes the styles of a source, unless they are there: once for each photo that its regions are of."""
        if self._encoded[source]:
            return
        for photo in np.unique(self._photo[source]).tolist():
            image, labels = self._photos[photo]
            regions = np.flatnonzero(self._photo[source] == photo)
            self._codes[source, regions] = self._styles(image, self.mixer.maps(labels[None]))[regions]
        self._encoded[source] = True

    def _styles(self, image: NDArray[np.float32], maps: torch.Tensor) -> torch.Tensor:
        """The styles of a photo, (R, L)."""
        import torch

        self._count(encodes=1)
        return self.mixer.encode(torch.from_numpy(image[None]), maps)[0]

    def _count(self, encodes: int = 0, composes: int = 0, renders: int = 0) -> None:
        before = self.counts
        self.counts = Counts(before.encodes + encodes, before.composes + composes, before.renders + renders)

    def _check(self, images: Crops, labels: NDArray[np.uint8], count: int) -> None:
        side = self._side
        if images.dtype != np.float32 or images.shape != (count, 3, side, side):
            raise ShapeError(
                f"images: got {images.dtype} {images.shape}, expected float32 ({count}, 3, {side}, {side})"
            )
        if labels.dtype != np.uint8 or labels.shape != (count, side, side):
            raise ShapeError(f"labels: got {labels.dtype} {labels.shape}, expected uint8 ({count}, {side}, {side})")
