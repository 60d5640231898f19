"""A folder of pictures with label maps of any label set, such as facades, as `impersona train mixsyn` learns from it.

    FOLDER/labels.yaml          the label set (`generators.mixsyn.label_sets`)
    FOLDER/pictures/NAME.jpg    or .png or .webp
    FOLDER/labels/NAME.png      as large as its picture, 8 bits, a class's number in each pixel

Everything is read once, brought to a square of the networks' side and held in memory: 64 kB a picture of 128 pixels.
Pictures that are no squares are squeezed, as pix2pix has its facades (Isola et al., CVPR 2017).
"""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from bench.errors import ConfigError, CorruptFile, InsufficientData, MissingFile
from bench.images import read, read_label_map, resize
from bench.packs.labels import shrink_labels
from bench.provenance import available_cores, file_digest, value_digest
from bench.seeding import stream
from generators.mixsyn.label_sets import LabelSet, read_label_set
from generators.training.jitter import mirrored_where
from generators.training.source import PackSource, pack_source

if TYPE_CHECKING:
    from generators.training.batches import TrainingBatch
    from generators.training.recipe import Recipe, Source

FILE, PICTURES, LABELS = "labels.yaml", "pictures", "labels"
SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")
SPLIT = "train"


class LabelledPictures:
    """N pictures and their label maps; `open` makes one.

    It answers what is asked of a pack, so that batches are drawn from both by the same rules.

    Attributes:
        label_set: of the maps.
        names: N, of the files without their suffix, sorted.
        side: S, pixels of a side.
        digest: SHA-256 hex of every file that was read.
    """

    has_masks = True
    identity_name = identity_weights = ""

    def __init__(
        self, label_set: LabelSet, names: list[str], pictures: NDArray[np.uint8], maps: NDArray[np.uint8], digest: str
    ) -> None:
        self.label_set, self.names, self.digest = label_set, names, digest
        self.side = pictures.shape[1]
        self._pictures, self._maps = pictures, maps
        count = len(names)
        # Nobody is in a picture; each stands for itself.
        self.subjects = np.arange(count, dtype=np.int32)
        self.subject_digests = np.zeros((count, 8), dtype=np.uint8)
        self.split = np.full(count, SPLIT)
        self.landmarks = np.zeros((count, 68, 2), dtype=np.float32)
        self.identity = np.zeros((count, 0), dtype=np.float32)
        self.attributes = np.zeros((count, 0), dtype=np.float32)
        self.manifest: Mapping[str, Any] = {}

    @classmethod
    def open(cls, folder: Path, side: int) -> LabelledPictures:
        """The pictures in a folder.

        Args:
            folder: as the module's docstring has it.
            side: S.

        Raises:
            MissingFile: it is no such folder, or a picture has no label map, or a map no picture.
            CorruptFile: a file cannot be read, a map is not as large as its picture or has a number that is no class.
            ConfigError: labels.yaml makes no sense, or two pictures have one name.
            InsufficientData: there are no pictures.
        """
        folder = Path(folder)
        label_set = read_label_set(folder / FILE)
        found = _found(folder)
        names = sorted(found)
        pictures = np.empty((len(names), side, side, 3), dtype=np.uint8)
        maps = np.empty((len(names), side, side), dtype=np.uint8)

        def fill(number: int) -> None:
            pictures[number], maps[number] = _read_one(*found[names[number]], label_set, side)

        with ThreadPoolExecutor(available_cores()) as readers:
            list(readers.map(fill, range(len(names))))
        files = {name: [file_digest(path) for path in found[name]] for name in names}
        return cls(label_set, names, pictures, maps, value_digest([file_digest(folder / FILE), files]))

    def __len__(self) -> int:
        """N."""
        return len(self.names)

    def images(self, rows: NDArray[np.int64], side: int | None = None) -> NDArray[np.uint8]:
        """uint8 (n, S, S, 3) RGB; `side` is S, as it was opened."""
        assert side in (None, self.side)
        return self._pictures[rows]

    def masks(self, rows: NDArray[np.int64], side: int | None = None) -> NDArray[np.uint8]:
        """uint8 (n, S, S), class numbers from 0; `side` likewise."""
        assert side in (None, self.side)
        return self._maps[rows]

    def close(self) -> None:
        """No more is asked; safe to call twice."""


class LabelledSource:
    """A `generators.training.recipe.Source` over such a folder: a pack's order of faces, and mirroring of its own.

    Args:
        pictures: the folder.
        recipe: that learns from it.
        seed: of order and mirroring.

    Raises:
        ConfigError: the recipe has other classes, or wants what pictures of no faces have not.
    """

    def __init__(self, pictures: LabelledPictures, recipe: Recipe, seed: int) -> None:
        label_set = pictures.label_set
        _expect_classes(recipe, label_set)
        if more := sorted(recipe.wanted - {"masks", "subjects"}):
            raise ConfigError(
                f"--data: these settings learn from {', '.join(more)}, and a folder of pictures has label maps alone;"
                " a face's networks cannot teach here: --set perceptual=0"
            )
        self._pictures, self._seed = pictures, seed
        # A face's labels know left and right; those of a label set are exchanged here, as its file says.
        self._drawn = PackSource(
            pictures, recipe.side, recipe.batch_size, recipe.wanted, seed, mirror=False, splits=(SPLIT,)
        )
        self._exchanged = torch.from_numpy(label_set.exchanged)

    def batch(self, number: int, device: torch.device) -> TrainingBatch:
        """The pictures of step `number`, half of them mirrored."""
        batch = self._drawn.batch(number, device)
        drawn = stream(self._seed, "mirror", str(number)).random(len(batch)) < 0.5
        chosen = torch.from_numpy(drawn).to(device)
        images = mirrored_where(batch.images, chosen).contiguous(memory_format=torch.channels_last)
        masks = batch.masks
        if masks is not None:
            turned = self._exchanged.to(device)[masks.flip(2).long()]
            masks = torch.where(chosen[:, None, None], turned, masks)
        return replace(batch, images=images, masks=masks)

    def fixed(self, count: int, device: torch.device) -> TrainingBatch:
        """`count` pictures, or as many as there are, always the same and not mirrored."""
        return self._drawn.fixed(count, device)

    def close(self) -> None:
        """Ends reading ahead; safe to call twice."""
        self._drawn.close()

    def describe(self) -> dict[str, Any]:
        """Digest, pictures and label set; nobody is counted, since nobody is shown."""
        return {
            "digest": self._pictures.digest,
            "faces": len(self._pictures),
            "label_set": self._pictures.label_set.name,
            "side": self._pictures.side,
            "mirrored": True,
        }


def source_of(data: Path, recipe: Recipe, seed: int) -> Source:
    """What ``--data`` holds: a folder of labelled pictures, or else a pack of faces.

    Args:
        data: the folder.
        recipe: that learns from it.
        seed: of order and mirroring.
    """
    if (data / FILE).exists():
        return LabelledSource(LabelledPictures.open(data, recipe.side), recipe, seed)
    return pack_source(data, recipe, seed)


def _expect_classes(recipe: Recipe, label_set: LabelSet) -> None:
    classes = tuple(recipe.preset.classes)  # type: ignore[attr-defined]
    if classes != label_set.classes:
        raise ConfigError(
            f"--data: {FILE} there has the {len(label_set.classes)} classes {', '.join(label_set.classes)}, the"
            f" settings have {', '.join(classes)}; give the same file as --settings"
        )


def _found(folder: Path) -> dict[str, tuple[Path, Path]]:
    """Name to picture and label map."""
    for name in (PICTURES, LABELS):
        if not (folder / name).is_dir():
            raise MissingFile(f"no folder {folder / name}; expected pictures in {PICTURES}, their maps in {LABELS}")
    paths = sorted(path for path in (folder / PICTURES).iterdir() if path.suffix.lower() in SUFFIXES)
    found = {path.stem: (path, folder / LABELS / f"{path.stem}.png") for path in paths}
    for path in paths:
        if found[path.stem][0] != path:
            raise ConfigError(f"{path}: got a second picture called {path.stem}, expected one; remove either")
    if not found:
        raise InsufficientData(f"no pictures in {folder / PICTURES}; expected files in {', '.join(SUFFIXES)}")
    lacking = [place for _, place in found.values() if not place.is_file()]
    if lacking:
        raise MissingFile(f"no label map at {lacking[0]} ({len(lacking)} pictures have none); add it")
    lost = [path for path in sorted((folder / LABELS).glob("*.png")) if path.stem not in found]
    if lost:
        raise MissingFile(f"no picture for {lost[0]} ({len(lost)} maps have none); add it, or remove the map")
    return found


def _read_one(
    picture: Path, place: Path, label_set: LabelSet, side: int
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    frame, stored = read(picture), read_label_map(place)
    if frame.shape[:2] != stored.shape:
        raise CorruptFile(
            f"{place}: got {stored.shape[1]} x {stored.shape[0]} pixels, expected {frame.shape[1]} x {frame.shape[0]},"
            f" as {picture.name} has"
        )
    return resize(frame, side), _squared(label_set.numbered(stored, str(place)), side)


def _squared(labels: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """A label map as a square: brought to a multiple of the side, then shrunk by majority."""
    times = max(1, round(min(labels.shape) / side))
    whole = Image.fromarray(labels).resize((side * times, side * times), Image.Resampling.NEAREST)
    square: NDArray[np.uint8] = shrink_labels(np.array(whole)[None], side)[0]
    return square
