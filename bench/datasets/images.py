"""Labelled images of nobody in particular: a folder for each label, such as ``real/`` and ``generated/``.

    ROOT/real/00001.jpg, ROOT/real/batch2/00002.jpg    the label is the first folder's name
    ROOT/generated/00001.png
    ROOT/00001.png                                     no label

There are no identities: every image is a person of its own, called by its key. So every comparison is nonmated, and
what is measured on them is how alike different faces are: real with real, generated with generated. Two files of the
same content are two people all the same; remove the second, or the two of them score as the most alike strangers.

A split is by content, since there is nobody to split by: the part that `bench.seeding.split_of` gives to the SHA-256 of
the file. Copies of a file, under any name, share a part; photos of one person need not.
"""

from __future__ import annotations

import functools
import os
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.api import Fingerprint, Frame, FrameImage, Trials
from bench.datasets.files import is_photo
from bench.datasets.people import Part, check_at_least_one, is_in
from bench.datasets.protocols import MAX_TRIALS, all_pairs
from bench.errors import ConfigError, CorruptFile, InsufficientData, MissingFile
from bench.images import read
from bench.provenance import file_digest

LABEL = "label"


@dataclass(frozen=True, kw_only=True)
class ImagesSettings:
    """Settings of `images`.

    Attributes:
        root: the folder that holds one folder a label, or the images themselves.
        split: which images: all of them, or one part of the 60/20/20 split by the content of the file.
        max_images: at most so many images of each label are compared, drawn by the seed; null for all.
    """

    root: Path
    split: Part = "all"
    max_images: int | None = 1000

    def __post_init__(self) -> None:
        """Checks the ranges."""
        check_at_least_one(max_images=self.max_images)


class Images:
    """Images below one folder; every pair of them is compared, as strangers."""

    protocols = ("all_pairs",)
    shows_faces = False
    people_are_inferred = True
    """Nobody knows who is who: every image counts as a person of its own."""

    def __init__(self, settings: ImagesSettings) -> None:
        self.settings = settings
        self.root = settings.root.expanduser()

    def fingerprint(self) -> Fingerprint:
        """See `Plugin.fingerprint`; what the images show is digested apart, frame by frame."""
        return {"revision": 1, "split": self.settings.split, "max_images": self.settings.max_images}

    @functools.cached_property
    def every_key(self) -> tuple[str, ...]:
        """Every image's path below the root, sorted; hidden files, hidden folders and other file types are left out.

        Raises:
            MissingFile: the folder is not there.
            CorruptFile: a name that is not text, or a link to a folder that it lies in.
        """
        if not self.root.is_dir():
            raise MissingFile(f"no folder at {self.root}; it should hold images, or one folder a label")
        return tuple(sorted(_keys(self.root, "", ())))

    @functools.cached_property
    def _frames(self) -> tuple[Frame, ...]:
        wanted = self.settings.split
        keys = self.every_key
        # Digesting reads every file, which nobody needs who takes them all.
        return tuple(Frame(key, key) for key in keys if wanted == "all" or is_in(self.content_digest(key), wanted))

    def frames(self) -> Sequence[Frame]:
        """See `Dataset.frames`; sorted by key. A split reads every file once, to digest it."""
        return self._frames

    def attributes(self) -> dict[str, NDArray[np.str_]]:
        """``label``: the name of the first folder, empty for an image that lies in none; see `AttributedDataset`."""
        labels = np.array([label_of(frame.key) for frame in self.frames()], dtype=np.str_)
        return {LABEL: labels} if (labels != "").any() else {}

    def image(self, key: str) -> FrameImage:
        """See `Dataset.image`; nothing is listed first."""
        return read(self.root / key)

    def content_digest(self, key: str) -> str:
        """See `Dataset.content_digest`."""
        return file_digest(self.root / key)

    def trials(self, protocol: str, rng: np.random.Generator) -> Trials:
        """See `Dataset.trials`; every one is nonmated."""
        if protocol not in self.protocols:
            raise ConfigError(f"images has no protocol {protocol!r}; it has {', '.join(self.protocols)}")
        chosen = self._drawn(rng)
        if len(chosen) < 2:
            raise InsufficientData(
                f"{self.root} holds {len(self.every_key)} images, of which {len(chosen)} take part (split: "
                f"{self.settings.split}); expected LABEL/IMAGE.jpg or IMAGE.jpg below it, at least two"
            )
        if len(chosen) * (len(chosen) - 1) // 2 > MAX_TRIALS:
            raise ConfigError(
                f"all pairs of {len(chosen):,} images are more than {MAX_TRIALS:,} comparisons; compare fewer of each "
                "label (max_images: 1000)"
            )
        return all_pairs(chosen, rng, max_per_subject=1)

    def _drawn(self, rng: np.random.Generator) -> list[Frame]:
        """The images that are compared, in the order of `frames`: of every label as many, as far as there are some."""
        of_label: dict[str, list[int]] = defaultdict(list)
        for index, frame in enumerate(self.frames()):
            of_label[label_of(frame.key)].append(index)
        most, kept = self.settings.max_images, list[int]()
        for label in sorted(of_label):
            mine = of_label[label]
            few = most is None or len(mine) <= most
            kept += mine if few else rng.choice(mine, most, replace=False).tolist()
        return [self.frames()[index] for index in sorted(kept)]


def label_of(key: str) -> str:
    """The label of an image by its key: its first folder, empty for none."""
    return key.partition("/")[0] if "/" in key else ""


def _keys(folder: Path, below: str, above: tuple[str, ...]) -> Iterator[str]:
    """The keys of the images in a folder and its folders.

    Args:
        folder: the folder.
        below: what its keys begin with.
        above: the real paths of the folders that it lies in.
    """
    real = os.path.realpath(folder)
    if real in above:
        raise CorruptFile(f"{folder} links to a folder that it lies in; remove the link")
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith("."):
                continue
            if any("\udc80" <= letter <= "\udcff" for letter in entry.name):  # bytes that are not UTF-8
                raise CorruptFile(f"{folder}: {entry.name!r} is no readable name; rename it (in UTF-8)")
            if entry.is_dir():
                yield from _keys(Path(entry.path), f"{below}{entry.name}/", (*above, real))
            elif is_photo(entry.name):
                yield f"{below}{entry.name}"
