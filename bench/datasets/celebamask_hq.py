"""CelebAMask-HQ: 30,000 aligned celebrity photos with every part of the face marked, in its official files or as maps.

Source: Lee, Liu, Wu and Luo, CVPR 2020. Two layouts are found by themselves:

    ROOT/CelebA-HQ-img/0.jpg                        the official one (1024 pixels)
    ROOT/CelebAMask-HQ-mask-anno/0/00000_skin.png   a 512-pixel picture a part, 2,000 photos a folder
    ROOT/images/0.jpg (or .png)                     ready maps
    ROOT/labels/0.png                               greyscale or palette, values 0 to 18 in the order of `PARTS`

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
from bench.datasets.files import Part, is_photo
from bench.datasets.protocols import MAX_FRAMES_PER_SUBJECT, all_pairs
from bench.errors import ConfigError, CorruptFile, InsufficientData, MissingFile
from bench.images import read, read_label_map
from bench.places import DATA_VARIABLE, folder_of
from bench.provenance import file_digest, value_digest
from bench.seeding import split_of

PARTS = (
    "skin", "nose", "eye_g", "l_eye", "r_eye", "l_brow", "r_brow", "l_ear", "r_ear", "mouth", "u_lip", "l_lip", "hair",
    "hat", "ear_r", "neck_l", "neck", "cloth",
)  # fmt: skip
"""Classes 1 to 18 by their names in the files, in the order in which they are painted: later covers earlier."""

TO_PICTURE = np.array([0, 1, 2, 3, 5, 4, 7, 6, 9, 8, *range(10, 19)], dtype=np.uint8)
"""Class in the files to class in `mask`: the person's sides become the picture's."""

OFFICIAL, READY = ("CelebA-HQ-img", "CelebAMask-HQ-mask-anno"), ("images", "labels")
PHOTOS_A_FOLDER = 2000
MAPPING = "CelebA-HQ-to-CelebA-mapping.txt"
ATTRIBUTE_LIST, POSES = "CelebAMask-HQ-attribute-anno.txt", "CelebAMask-HQ-pose-anno.txt"
ANGLES = ("yaw", "pitch", "roll")
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
        for name in ("max_per_subject", "max_people"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ValueError(f"{name}: got {value}, expected at least 1")


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
        self.official = (root / OFFICIAL[0]).is_dir()
        self._images, self._masks = (root / name for name in (OFFICIAL if self.official else READY))
        if not self._images.is_dir() or not self._masks.is_dir():
            raise MissingFile(
                f"no CelebAMask-HQ in {root}; expected {' and '.join(OFFICIAL)} there, or {' and '.join(READY)}"
            )
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
        wanted = self.settings.split
        return [frame for frame in self.every_frame if wanted in ("all", split_of(frame.subject))]

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
        stored = self._painted(key) if self.official else self._ready(key)
        if abs(stored.shape[0] * width - stored.shape[1] * height) > max(height, width):
            raise CorruptFile(
                f"{self._masks}: the mask of {key} is {stored.shape[1]} x {stored.shape[0]} pixels, the photo {width} "
                f"x {height}; expected one shape: take both from one copy of the data"
            )
        sized = Image.fromarray(TO_PICTURE[stored]).resize((width, height), Image.Resampling.NEAREST)
        return np.array(sized)

    def mask_digest(self, key: str) -> str:
        """See `MaskedDataset.mask_digest`; of the mask's files and of the photo, whose size it takes."""
        files = self._parts(key) if self.official else {"map": self._map(key)}
        digests = {name: file_digest(path) for name, path in files.items()}
        return value_digest({"revision": 1, "photo": self.content_digest(key), "masks": digests})

    def trials(self, protocol: str, rng: np.random.Generator) -> Trials:
        """See `Dataset.trials`."""
        if protocol not in self.protocols:
            raise ConfigError(f"celebamask_hq has no protocol {protocol!r}; it has {', '.join(self.protocols)}")
        frames = self.frames()
        people = sorted({frame.subject for frame in frames})
        if self.settings.max_people is not None and len(people) > self.settings.max_people:
            kept = set(rng.choice(people, self.settings.max_people, replace=False).tolist())
            frames = [frame for frame in frames if frame.subject in kept]
        if len(frames) < 2:
            raise InsufficientData(f"{self.root}: {len(frames)} photos of people of split {self.settings.split!r}")
        return all_pairs(frames, rng, self.settings.max_per_subject)

    # ------------------------------------------------------------------------------------------------------- masks

    def _map(self, key: str) -> Path:
        return self._masks / f"{Path(key).stem}.png"

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
            raise CorruptFile(f"{self._images / key}: expected a number for a name, such as 0.jpg: masks go by it")
        folder = self._masks / str(int(stem) // PHOTOS_A_FOLDER)
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


def read_mapping(path: Path) -> dict[str, str]:
    """Number of a photo, as text, to the CelebA photo that it was made of: ``{"0": "119614.jpg"}``.

    Args:
        path: ``CelebA-HQ-to-CelebA-mapping.txt``: a header, then a number, CelebA's index from 0, and its file name.

    Raises:
        CorruptFile: a line has another shape, or a number stands twice.
    """
    found: dict[str, str] = {}
    for line, words in enumerate(_words(path), 1):
        if line == 1 and not words[0].isdecimal():
            continue  # the header
        if len(words) != 3 or not words[0].isdecimal() or words[0] in found:
            raise CorruptFile(f"{path}, line {line}: got {' '.join(words)!r}; expected 'number index photo', each once")
        found[words[0]] = words[2]
    return found


def read_annotations(path: Path, columns: Sequence[str]) -> dict[str, tuple[float, ...]]:
    """Photo to its values, from one of the annotation files: a count, the names, then a photo and its values a line.

    Args:
        path: the file.
        columns: what its values are; of `ANGLES` their number is compared only, not how the file spells them.

    Raises:
        CorruptFile: a line has another shape.
    """
    rows = _words(path)
    if len(rows) < 2 or len(rows[1]) != len(columns) or (columns is ATTRIBUTES and tuple(rows[1]) != ATTRIBUTES):
        raise CorruptFile(f"{path}: line 2 does not hold {len(columns)} names: {', '.join(columns[:3])}, ...")
    found = {}
    for line, words in enumerate(rows[2:], 3):
        try:
            found[words[0]] = tuple(float(word) for word in words[1:])
        except ValueError:
            found[words[0]] = ()
        if len(found[words[0]]) != len(columns):
            raise CorruptFile(
                f"{path}, line {line}: got {' '.join(words)[:60]!r}; expected a photo and {len(columns)} numbers"
            )
    return found


def _words(path: Path) -> list[list[str]]:
    try:
        return [line.split() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    except UnicodeDecodeError as error:
        raise CorruptFile(f"{path}: not UTF-8 text ({error})") from error


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
