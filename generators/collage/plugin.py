"""The generator itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.aligners.templates import FFHQ256, template_digest
from bench.api import Crops, FaceBatch, Fingerprint
from bench.errors import ShapeError
from bench.provenance import version_of
from generators.collage.blending import put
from generators.collage.by_landmarks import landmark_patch
from generators.collage.by_masks import mask_patch
from generators.collage.patches import Photo, usable
from generators.collage.settings import CollageSettings, deal

REVISION = 1

_OF_LANDMARKS = frozenset({"references", "landmarks", "reference_landmarks"})
_OF_MASKS = _OF_LANDMARKS | {"masks", "reference_masks"}


class Collage:
    """A `bench.api.Generator`: regions of the references, cut out and pasted onto the first contributor."""

    template = FFHQ256

    def __init__(self, settings: CollageSettings) -> None:
        self.settings = settings
        self.contributors = settings.sources
        self.batch_size = settings.batch_size
        self.conditions = _OF_MASKS if settings.regions_by == "masks" else _OF_LANDMARKS
        self._dealt = deal(settings.regions, settings.sources, settings.regions_by)

    def default_aligner(self) -> Mapping[str, Any]:
        """The 68 points of dlib, by which regions are found and aligned."""
        return {"name": "dlib_hog", "points": 68}

    def fingerprint(self) -> Fingerprint:
        """What determines the faces; the batch size does not."""
        return {
            "revision": REVISION,
            "template": template_digest(self.template),
            "sources": self.settings.sources,
            "regions": " ".join(f"{name}:{source}" for name, source in self._dealt),
            "regions_by": self.settings.regions_by,
            "align": self.settings.align,
            "colour": self.settings.colour,
            "blend": self.settings.blend,
            "feather": self.settings.feather,
            "opencv": version_of("opencv-python"),
            "numpy": version_of("numpy"),
        }

    def generate(self, batch: FaceBatch, rng: np.random.Generator) -> Crops:
        """The collages; each depends on its own row of the batch only, and nothing is drawn.

        Args:
            batch: `images` (N, 3, 256, 256) are the bases, `references` (N, K - 1, 3, 256, 256) give the regions;
                both with landmarks and, if regions are found by masks, masks.
            rng: not used.

        Returns:
            float32 (N, 3, 256, 256) RGB in [0, 1]; NaN where landmarks are not those of a face, or a region is missing
            in the base or in its source.

        Raises:
            ShapeError: a condition is missing, or has another shape or dtype.
        """
        self._check(batch)
        made = np.full_like(batch.images, np.nan)
        for index in range(len(made)):
            face = self._make(*_photos(batch, index, self.settings.regions_by == "masks"))
            if face is not None:
                made[index] = face.pixels.transpose(2, 0, 1)
        return made

    @property
    def has_layout(self) -> bool:
        """Whether it knows what its faces are meant to show: where regions are found by masks."""
        return self.settings.regions_by == "masks"

    def layouts(self, batch: FaceBatch, rng: np.random.Generator) -> NDArray[np.uint8]:
        """What the collages are meant to show, uint8 (N, 256, 256): the base's labels under those of what is pasted.

        Args:
            batch: as `generate` takes it, with masks.
            rng: not used.

        Raises:
            ShapeError: as `generate`, or regions are found by landmarks.
        """
        self._check(batch)
        if batch.masks is None:
            raise ShapeError("masks: got None; a collage knows its layout with regions_by: masks")
        found = batch.masks.copy()
        for index in range(len(found)):
            face = self._make(*_photos(batch, index, with_masks=True))
            if face is not None and face.labels is not None:
                found[index] = face.labels
        return found

    def _make(self, base: Photo, sources: list[Photo]) -> Photo | None:
        settings = self.settings
        if not all(usable(photo.points, self.template.side) for photo in (base, *sources)):
            return None
        place = mask_patch if settings.regions_by == "masks" else landmark_patch
        for name, number in self._dealt:
            source = sources[number - 2]
            patch = place(base, source, name, settings.align == "face")
            if patch is None:
                return None
            base = put(base, source, patch, settings.blend, settings.feather, settings.colour == "transfer")
        return base

    def _check(self, batch: FaceBatch) -> None:
        count, side, others = len(batch.images), self.template.side, self.contributors - 1
        wanted: dict[str, tuple[type, tuple[int, ...]]] = {
            "images": (np.float32, (count, 3, side, side)),
            "references": (np.float32, (count, others, 3, side, side)),
            "landmarks": (np.float32, (count, 68, 2)),
            "reference_landmarks": (np.float32, (count, others, 68, 2)),
            "masks": (np.uint8, (count, side, side)),
            "reference_masks": (np.uint8, (count, others, side, side)),
        }
        for name, (dtype, shape) in wanted.items():
            if name != "images" and name not in self.conditions:
                continue
            array = getattr(batch, name)
            if array is None:
                needed = ", ".join(sorted(self.conditions))
                raise ShapeError(
                    f"{name}: got None; collage with regions_by: {self.settings.regions_by} takes {needed}"
                )
            if array.dtype != dtype or array.shape != shape:
                raise ShapeError(f"{name}: got {array.dtype} {array.shape}, expected {np.dtype(dtype)} {shape}")


def _photos(batch: FaceBatch, index: int, with_masks: bool) -> tuple[Photo, list[Photo]]:
    """One row of a batch whose conditions were checked: the base, then the others."""
    assert batch.references is not None
    assert batch.landmarks is not None
    assert batch.reference_landmarks is not None
    pixels = [batch.images[index], *batch.references[index]]
    points = [batch.landmarks[index], *batch.reference_landmarks[index]]
    labels: list[Any] = [None] * len(pixels)
    if with_masks:
        assert batch.masks is not None
        assert batch.reference_masks is not None
        labels = [batch.masks[index], *batch.reference_masks[index]]
    photos = [
        Photo(np.ascontiguousarray(image.transpose(1, 2, 0)), face.astype(np.float64), label)
        for image, face, label in zip(pixels, points, labels, strict=True)
    ]
    return photos[0], photos[1:]
