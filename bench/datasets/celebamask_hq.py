"""CelebAMask-HQ: 30,000 aligned celebrity photos with every part of the face marked, in its official files or as maps.

Source: Lee, Liu, Wu and Luo, CVPR 2020. Two layouts are found by themselves:

    ROOT/CelebA-HQ-img/0.jpg                        the official one (1024 pixels)
    ROOT/CelebAMask-HQ-mask-anno/0/00000_skin.png   a 512-pixel picture a part, 2,000 photos a folder
    ROOT/images/0.jpg (or .png)                     ready maps
    ROOT/labels/0.png                               greyscale or palette, values 0 to 18 in the order of the parts

and beside either, as far as they are there:

    ROOT/CelebAMask-HQ-attribute-anno.txt           the 40 attributes of CelebA
    ROOT/CelebAMask-HQ-pose-anno.txt                yaw, pitch and roll in degrees
    ROOT/CelebA-HQ-to-CelebA-mapping.txt            which CelebA photo each one was made of
    ROOT/identity_CelebA.txt                        CelebA's own list of who is who; not part of CelebAMask-HQ

**Who is who** takes the last two; people then have CelebA's numbers and the very parts (train, dev, eval) that
`celeba` puts them into. Without them nobody knows: every photo is a person of its own, called by its key, every
comparison counts as nonmated though some are of one person (30,000 photos show at most CelebA's 10,177 people), and a
split is by photo. Set no threshold on it then. The official train, val and test lists are CelebA's, and not used.

**Sides.** The files call ``l_eye``, ``l_brow`` and ``l_ear`` what is the PERSON's left: in 24 maps, class 4 lies at the
right of the picture in each of the 21 that have both eyes (at 319 of 512 pixels on average; class 5 at 194), class 6 in
each of the 21 with both brows and class 8 in each of the 4 with both ears. Everywhere in impersona a side is
the picture's, so `mask` swaps 4 with 5, 6 with 7 and 8 with 9.
"""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from bench.api import Fingerprint, Frame, FrameImage, Trials
from bench.datasets.attributes import ATTRIBUTES
from bench.datasets.celeba import IDENTITIES, read_lists
from bench.datasets.celebamask_lists import ANGLES, ATTRIBUTE_LIST, MAPPING, POSES, read_annotations, read_mapping
from bench.datasets.celebamask_masks import MaskFiles
from bench.datasets.files import is_photo
from bench.datasets.people import Part, check_at_least_one, frames_of_some, is_in
from bench.datasets.protocols import MAX_FRAMES_PER_SUBJECT, all_pairs
from bench.errors import ConfigError, CorruptFile, MissingFile
from bench.images import read
from bench.places import DATA_VARIABLE, folder_of
from bench.provenance import file_digest, value_digest

OFFICIAL, READY = ("CelebA-HQ-img", "CelebAMask-HQ-mask-anno"), ("images", "labels")
ROOTS = ("celebamask_hq", "CelebAMask-HQ", "celebamask24")


@dataclass(frozen=True, kw_only=True)
class CelebamaskHqSettings:
    """Settings of `celebamask_hq`.

    Attributes:
        root: the folder with the photos and masks; by default ``celebamask_hq``, ``CelebAMask-HQ`` or ``celebamask24``
            in ``IMPERSONA_DATA``.
        identities: CelebA's ``identity_CelebA.txt``; by default the one in `root`, if there is one.
        split: which people: all of them, or one part of the 60/20/20 split by person (by photo, where nobody knows who
            is who).
        max_per_subject: at most so many photos of one person, drawn by the seed.
        max_people: at most so many people, drawn by the seed; null for all.
    """

    root: Path | None = None
    identities: Path | None = None
    split: Part = "all"
    max_per_subject: int = MAX_FRAMES_PER_SUBJECT
    max_people: int | None = None

    def __post_init__(self) -> None:
        """Checks the ranges."""
        check_at_least_one(max_per_subject=self.max_per_subject, max_people=self.max_people)


class CelebamaskHq:
    """Photos with 19-class masks; every pair of photos is compared."""

    protocols = ("all_pairs",)
    shows_faces = False

    def __init__(self, settings: CelebamaskHqSettings) -> None:
        self.settings = settings
        root = settings.root.expanduser() if settings.root else find_root()
        if root is None:
            raise MissingFile(f"CelebAMask-HQ is not here: {what_is_missing()}")
        self.root = root
        official = (root / OFFICIAL[0]).is_dir()
        self._images, masks = (root / name for name in (OFFICIAL if official else READY))
        if not self._images.is_dir() or not masks.is_dir():
            raise MissingFile(
                f"no CelebAMask-HQ in {root}; expected {' and '.join(OFFICIAL)} there, or {' and '.join(READY)}"
            )
        self._masks = MaskFiles(self._images, masks, official)
        self._identities = _identity_file(root, settings.identities)

    @property
    def people_are_inferred(self) -> bool:
        """Whether nobody knows who is who, so that every photo counts as a person of its own."""
        return self._identities is None

    def fingerprint(self) -> Fingerprint:
        """See `Plugin.fingerprint`; what photos and masks show is digested apart, one by one."""
        chosen = {name: getattr(self.settings, name) for name in ("split", "max_per_subject", "max_people")}
        files = {"identities": self._identities, "mapping": self.root / MAPPING if self._identities else None}
        digests = {name: None if path is None else file_digest(path) for name, path in files.items()}
        return {"revision": 1, **chosen, **digests}

    @functools.cached_property
    def every_frame(self) -> tuple[Frame, ...]:
        """Every photo, keyed by its file name, in the order of their numbers. Raises `CorruptFile`."""
        names = sorted((entry.name for entry in self._images.iterdir() if is_photo(entry.name)), key=_number_first)
        stem_of = {name: Path(name).stem for name in names}
        if twice := [stem for stem, count in Counter(stem_of.values()).items() if count > 1]:
            raise CorruptFile(f"{self._images}: several photos are called {twice[0]}; one mask cannot be of both")
        if self._identities is None:
            return tuple(Frame(name, name) for name in names)
        people, origin = read_lists(self._identities).identity, read_mapping(self.root / MAPPING)
        for name, stem in stem_of.items():
            if (photo := origin.get(stem)) not in people:
                where = self.root / MAPPING if photo is None else self._identities
                raise CorruptFile(f"{where}: no line about {photo or stem}, of which {self._images / name} is made")
        return tuple(Frame(name, people[origin[stem]]) for name, stem in stem_of.items())

    def frames(self) -> Sequence[Frame]:
        """See `Dataset.frames`."""
        return [frame for frame in self.every_frame if is_in(frame.subject, self.settings.split)]

    def attributes(self) -> dict[str, NDArray[np.float32]]:
        """The 40 attributes, -1 or 1, and ``yaw``, ``pitch`` and ``roll``, as far as their files are there.

        See `AttributedDataset.attributes`.
        """
        found: dict[str, NDArray[np.float32]] = {}
        for name, columns in ((ATTRIBUTE_LIST, ATTRIBUTES), (POSES, ANGLES)):
            if (path := self.root / name).is_file():
                rows, unknown = read_annotations(path, columns), (np.nan,) * len(columns)
                values = [rows.get(f"{Path(frame.key).stem}.jpg", unknown) for frame in self.frames()]
                table = np.array(values, dtype=np.float32).reshape(-1, len(columns))
                found |= {column: table[:, place].copy() for place, column in enumerate(columns)}
        return found

    def image(self, key: str) -> FrameImage:
        """See `Dataset.image`."""
        return read(self._images / key)

    def content_digest(self, key: str) -> str:
        """See `Dataset.content_digest`."""
        return file_digest(self._images / key)

    def mask(self, key: str) -> NDArray[np.uint8]:
        """See `MaskedDataset.mask`; brought to the photo's size by nearest neighbour."""
        height, width = self.image(key).shape[:2]
        stored = self._masks.labels(key)
        if abs(stored.shape[0] * width - stored.shape[1] * height) > max(height, width):
            raise CorruptFile(
                f"{self._masks.masks}: the mask of {key} is {stored.shape[1]} x {stored.shape[0]} pixels, the photo "
                f"{width} x {height}; expected one shape: take both from one copy of the data"
            )
        sized = Image.fromarray(stored).resize((width, height), Image.Resampling.NEAREST)
        return np.array(sized)

    def mask_digest(self, key: str) -> str:
        """See `MaskedDataset.mask_digest`; of the mask's files and of the photo, whose size it takes."""
        digests = {name: file_digest(path) for name, path in self._masks.files(key).items()}
        return value_digest({"revision": 1, "photo": self.content_digest(key), "masks": digests})

    def trials(self, protocol: str, rng: np.random.Generator) -> Trials:
        """See `Dataset.trials`."""
        if protocol not in self.protocols:
            raise ConfigError(f"celebamask_hq has no protocol {protocol!r}; it has {', '.join(self.protocols)}")
        some = frames_of_some(self.frames(), rng, self.settings.max_people)
        where = f"{self.root}, split {self.settings.split!r}"
        return all_pairs(some, rng, self.settings.max_per_subject, where=where)


def find_root() -> Path | None:
    """The folder of a CelebAMask-HQ that this machine has, or None."""
    data = folder_of(DATA_VARIABLE)
    return next((data / name for name in ROOTS if (data / name).is_dir()), None) if data else None


def what_is_missing() -> str:
    """What to do to get CelebAMask-HQ, one line; empty if it is here."""
    if find_root() is not None:
        return ""
    where = folder_of(DATA_VARIABLE)
    got = f"no {ROOTS[0]}/ in {where}" if where else f"{DATA_VARIABLE} is not set"
    return f"{got}; give root: /path/to/CelebAMask-HQ (ask its authors for the data)"


def _identity_file(root: Path, given: Path | None) -> Path | None:
    path = given.expanduser() if given else root / IDENTITIES
    if not path.is_file():
        if given:
            raise MissingFile(f"no list of identities at {path}; it is CelebA's {IDENTITIES}")
        return None
    if not (root / MAPPING).is_file():
        raise MissingFile(f"no {MAPPING} in {root}; without it, {path} does not tell who is on which photo")
    return path


def _number_first(name: str) -> tuple[int, str]:
    stem = Path(name).stem
    return (int(stem) if stem.isdecimal() else -1, name)
