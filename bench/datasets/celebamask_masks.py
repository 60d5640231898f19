"""The mask files of CelebAMask-HQ: a picture a part, or a ready map a photo; `celebamask_hq` shows where they lie."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.errors import CorruptFile, MissingFile
from bench.images import read, read_label_map

PARTS = (
    "skin", "nose", "eye_g", "l_eye", "r_eye", "l_brow", "r_brow", "l_ear", "r_ear", "mouth", "u_lip", "l_lip", "hair",
    "hat", "ear_r", "neck_l", "neck", "cloth",
)  # fmt: skip
"""Classes 1 to 18 by their names in the files, in the order in which they are painted: later covers earlier."""

TO_PICTURE = np.array([0, 1, 2, 3, 5, 4, 7, 6, 9, 8, *range(10, 19)], dtype=np.uint8)
"""Class in the files to class in `mask`: the person's sides become the picture's."""

PHOTOS_A_FOLDER = 2000


class MaskFiles:
    """The masks of a folder of photos.

    Args:
        images: the photos' folder.
        masks: the masks' folder.
        official: whether it holds a picture a part rather than ready maps.
    """

    def __init__(self, images: Path, masks: Path, official: bool) -> None:
        self.images, self.masks, self.official = images, masks, official

    def files(self, key: str) -> dict[str, Path]:
        """The files of a photo's mask, by what each of them holds. Raises `CorruptFile` and `MissingFile`."""
        return self._parts(key) if self.official else {"map": self._map(key)}

    def labels(self, key: str) -> NDArray[np.uint8]:
        """The mask of a photo in the size in which it is stored, with the sides of the picture.

        Args:
            key: of the photo.

        Returns:
            uint8 (h, w), 0 to 18.

        Raises:
            CorruptFile: a file cannot be read, or is no part of such a mask.
            MissingFile: there is no mask of this photo.
        """
        sides_swapped: NDArray[np.uint8] = TO_PICTURE[self._painted(key) if self.official else self._ready(key)]
        return sides_swapped

    def _map(self, key: str) -> Path:
        return self.masks / f"{Path(key).stem}.png"

    def _ready(self, key: str) -> NDArray[np.uint8]:
        stored = read_label_map(self._map(key))
        if (largest := int(stored.max())) > len(PARTS):
            raise CorruptFile(
                f"{self._map(key)}: holds the value {largest}; expected classes 0 to {len(PARTS)} in the order of "
                "CelebAMask-HQ (0 background, 1 skin, 2 nose, ..., 18 cloth)"
            )
        return stored

    def _parts(self, key: str) -> dict[str, Path]:
        """The files of a photo's parts; one that is not there is a part that the photo does not show."""
        stem = Path(key).stem
        if not stem.isdecimal():
            raise CorruptFile(f"{self.images / key}: expected a number for a name, such as 0.jpg: masks go by it")
        folder = self.masks / str(int(stem) // PHOTOS_A_FOLDER)
        paths = {part: folder / f"{int(stem):05d}_{part}.png" for part in PARTS}
        if present := {part: path for part, path in paths.items() if path.is_file()}:
            return present
        raise MissingFile(f"no mask of {key}: expected {paths['skin']} and others beside it")

    def _painted(self, key: str) -> NDArray[np.uint8]:
        stored = np.zeros((0, 0), dtype=np.uint8)
        first: Path | None = None
        for part, path in self._parts(key).items():
            shown = read(path).any(axis=2)
            if first is None:
                first, stored = path, np.zeros(shown.shape, dtype=np.uint8)
            if shown.shape != stored.shape:
                sizes = [f"{width} x {height}" for height, width in (shown.shape, stored.shape)]
                raise CorruptFile(
                    f"{path}: {sizes[0]} pixels; {first.name} beside it has {sizes[1]}, expected the same"
                )
            stored[shown] = PARTS.index(part) + 1
        return stored
