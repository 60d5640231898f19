"""CelebA: celebrities with identities and 40 attributes, in its official files or as one table.

Source: Liu, Luo, Wang and Tang, ICCV 2015. Three layouts are found by themselves:

    ROOT/labels.csv (columns image, identity, then attributes)             ROOT/images/000001.jpg
    ROOT/identity_CelebA.txt, ROOT/list_attr_celeba.txt                    ROOT/img_align_celeba/000001.jpg
    ROOT/Anno/identity_CelebA.txt, ROOT/Anno/list_attr_celeba.txt          ROOT/Img/img_align_celeba/000001.jpg

Where the text file of five landmarks that belongs to the folder of photos stands beside identity_CelebA.txt
(list_landmarks_align_celeba.txt for img_align_celeba, list_landmarks_celeba.txt for img_celeba), it is the truth that
aligners are measured against.
"""

from __future__ import annotations

import csv
import functools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bench.api import Fingerprint, Frame, FrameImage, Trials
from bench.datasets.attributes import ATTRIBUTES
from bench.datasets.people import Part, check_at_least_one, frames_of_some, is_in
from bench.datasets.protocols import MAX_FRAMES_PER_SUBJECT, all_pairs
from bench.datasets.text_files import read_words
from bench.errors import ConfigError, CorruptFile, MissingFile
from bench.images import read
from bench.places import DATA_VARIABLE, folder_of
from bench.provenance import file_digest, value_digest

IDENTITIES, ATTRIBUTE_LIST, TABLE = "identity_CelebA.txt", "list_attr_celeba.txt", "labels.csv"
LANDMARKS = {"img_align_celeba": "list_landmarks_align_celeba.txt", "img_celeba": "list_landmarks_celeba.txt"}
"""Folder of photos to the file that says where its faces' eyes, nose and mouth are."""
IMAGE_FOLDERS = ("images", "img_align_celeba", "img_celeba", "Img/img_align_celeba", "Img/img_celeba")

_SIGNS = {"-1": -1.0, "1": 1.0, "": np.nan}


@dataclass(frozen=True, kw_only=True)
class CelebaSettings:
    """Settings of `celeba`.

    Attributes:
        root: the folder with the label files and the photos; by default ``IMPERSONA_DATA/celeba299``, then
            ``IMPERSONA_DATA/celeba``.
        split: which people: all of them, or one part of the 60/20/20 split by person.
        max_per_subject: at most so many photos of one person, drawn by the seed.
        max_people: at most so many people, drawn by the seed; null for all.
    """

    root: Path | None = None
    split: Part = "all"
    max_per_subject: int = MAX_FRAMES_PER_SUBJECT
    max_people: int | None = None

    def __post_init__(self) -> None:
        """Checks the ranges."""
        check_at_least_one(max_per_subject=self.max_per_subject, max_people=self.max_people)


class Labels(NamedTuple):
    """What the label files say: photo to person, and photo to its 40 attributes, -1 or 1, NaN where one is unknown."""

    identity: dict[str, str]
    attributes: dict[str, tuple[float, ...]]


class Celeba:
    """Photos of celebrities; every pair of photos is compared."""

    protocols = ("all_pairs",)
    shows_faces = False

    def __init__(self, settings: CelebaSettings) -> None:
        self.settings = settings
        root = settings.root.expanduser() if settings.root else find_root()
        if root is None:
            raise MissingFile(f"CelebA is not here: {what_is_missing()}")
        self.root = root
        self._images = _image_folder(root)
        self._files = _label_files(root)
        self._landmarks_file = _landmarks_file(self._images, self._files[0].parent)

    def fingerprint(self) -> Fingerprint:
        """See `Plugin.fingerprint`."""
        files = [*self._files, *([self._landmarks_file] if self._landmarks_file else [])]
        labels = {f"labels_{path.name}": file_digest(path) for path in files}
        chosen = {name: getattr(self.settings, name) for name in ("split", "max_per_subject", "max_people")}
        return {"revision": 1, **chosen, **labels}

    @functools.cached_property
    def labels(self) -> Labels:
        """The label files, read. Raises `CorruptFile`."""
        return read_table(self._files[0]) if self._files[0].name == TABLE else read_lists(*self._files)

    @functools.cached_property
    def _landmarks(self) -> dict[str, NDArray[np.float32]]:
        return read_landmarks(self._landmarks_file) if self._landmarks_file else {}

    def frames(self) -> Sequence[Frame]:
        """See `Dataset.frames`; sorted by key."""
        people = sorted(self.labels.identity.items())
        return [Frame(image, person) for image, person in people if is_in(person, self.settings.split)]

    def attributes(self) -> dict[str, NDArray[np.float32]]:
        """See `AttributedDataset.attributes`."""
        unknown = (np.nan,) * len(ATTRIBUTES)
        rows = [self.labels.attributes.get(frame.key, unknown) for frame in self.frames()]
        table = np.array(rows, dtype=np.float32).reshape(-1, len(ATTRIBUTES))
        return {name: table[:, column].copy() for column, name in enumerate(ATTRIBUTES)}

    def landmarks(self, key: str) -> dict[str, NDArray[np.float32]]:
        """See `LandmarkedDataset.landmarks`: the field's five, in whole pixels; empty without CelebA's file of them."""
        return {"field5": self._landmarks[key].copy()} if key in self._landmarks else {}

    def landmarks_digest(self, key: str) -> str:
        """See `LandmarkedDataset.landmarks_digest`."""
        points = self._landmarks.get(key)
        return value_digest({"field5": None if points is None else points.tolist()})

    def image(self, key: str) -> FrameImage:
        """See `Dataset.image`."""
        return read(self._images / key)

    def content_digest(self, key: str) -> str:
        """See `Dataset.content_digest`."""
        return file_digest(self._images / key)

    def trials(self, protocol: str, rng: np.random.Generator) -> Trials:
        """See `Dataset.trials`."""
        if protocol not in self.protocols:
            raise ConfigError(f"celeba has no protocol {protocol!r}; it has {', '.join(self.protocols)}")
        some = frames_of_some(self.frames(), rng, self.settings.max_people)
        where = f"{self.root}, split {self.settings.split!r}"
        return all_pairs(some, rng, self.settings.max_per_subject, where=where)


def find_root() -> Path | None:
    """The folder of a CelebA that this machine has, or None."""
    data = folder_of(DATA_VARIABLE)
    roots = [data / name for name in ("celeba299", "celeba")] if data else []
    return next((root for root in roots if root.is_dir()), None)


def what_is_missing() -> str:
    """What to do to get CelebA, one line; empty if it is here."""
    if find_root() is not None:
        return ""
    where = folder_of(DATA_VARIABLE)
    got = f"no celeba/ in {where}" if where else f"{DATA_VARIABLE} is not set"
    return f"{got}; give root: /path/to/celeba (ask its authors for the data)"


def read_table(path: Path) -> Labels:
    """The labels in one CSV file with the columns ``image``, ``identity`` and, empty where unknown, the attributes.

    Raises:
        CorruptFile: a column is missing, or a row is not what it should be.
    """
    try:
        with path.open(encoding="utf-8", newline="") as stream:
            reader = csv.DictReader(stream)
            lacking = {"image", "identity"} - set(reader.fieldnames or ())
            if lacking:
                raise CorruptFile(f"{path}: no column {', '.join(sorted(lacking))}; expected image, identity, ...")
            rows = list(reader)
    except (UnicodeDecodeError, csv.Error) as error:
        raise CorruptFile(f"{path}: not a CSV file ({error})") from error
    labels = Labels({}, {})
    for line, row in enumerate(rows, 2):
        if not row["image"] or not row["identity"] or None in row.values():
            raise CorruptFile(f"{path}, line {line}: got {list(row.values())[:3]}; expected image, identity, ...")
        labels.identity[row["image"]] = row["identity"]
        given = [row.get(name, "") for name in ATTRIBUTES]
        if any(given):
            labels.attributes[row["image"]] = _signs(given, path, line)
    return labels


def read_lists(identities: Path, attributes: Path | None = None) -> Labels:
    """The labels in CelebA's own text files.

    Args:
        identities: ``identity_CelebA.txt``, a photo and a person's number a line.
        attributes: ``list_attr_celeba.txt``: a count, the names, then a photo and 40 signs a line.

    Raises:
        CorruptFile: a line has another shape.
    """
    labels = Labels({}, {})
    for line, words in enumerate(read_words(identities), 1):
        if len(words) != 2:
            raise CorruptFile(f"{identities}, line {line}: got {' '.join(words)!r}; expected 'photo person'")
        labels.identity[words[0]] = words[1]
    rows = read_words(attributes) if attributes else []
    if rows and (len(rows) < 2 or tuple(rows[1]) != ATTRIBUTES):
        raise CorruptFile(f"{attributes}: line 2 does not hold CelebA's {len(ATTRIBUTES)} attribute names")
    for line, words in enumerate(rows[2:], 3):
        if len(words) != 1 + len(ATTRIBUTES):
            raise CorruptFile(f"{attributes}, line {line}: {len(words)} words; expected a photo and 40 signs")
        labels.attributes[words[0]] = _signs(words[1:], attributes, line)
    return labels


def read_landmarks(path: Path) -> dict[str, NDArray[np.float32]]:
    """The five points of each photo, float32 (5, 2): eyes, nose, mouth corners, the left of the picture first.

    Args:
        path: a count, the names of the ten columns, then a photo and ten whole numbers a line.

    Raises:
        CorruptFile: a line has another shape.
    """
    found: dict[str, NDArray[np.float32]] = {}
    for line, words in enumerate(read_words(path)[2:], 3):
        try:
            name, *numbers = words
            found[name] = np.array([int(number) for number in numbers], dtype=np.float32).reshape(5, 2)
        except ValueError:
            got = " ".join(words)[:60]
            raise CorruptFile(f"{path}, line {line}: got {got!r}; expected a photo and 10 whole numbers") from None
    return found


def _signs(words: Sequence[str], path: Path | None, line: int) -> tuple[float, ...]:
    if strange := [word for word in words if word not in _SIGNS]:
        raise CorruptFile(f"{path}, line {line}: attribute {strange[0]!r}; expected -1 or 1")
    return tuple(_SIGNS[word] for word in words)


def _image_folder(root: Path) -> Path:
    for name in IMAGE_FOLDERS:
        if (root / name).is_dir():
            return root / name
    raise MissingFile(f"no photos in {root}; expected one of {', '.join(f'{name}/' for name in IMAGE_FOLDERS)} there")


def _landmarks_file(images: Path, labels: Path) -> Path | None:
    name = LANDMARKS.get(images.name)
    return labels / name if name and (labels / name).is_file() else None


def _label_files(root: Path) -> tuple[Path, ...]:
    if (root / TABLE).is_file():
        return (root / TABLE,)
    for folder in (root, root / "Anno"):
        if (folder / IDENTITIES).is_file():
            attributes = folder / ATTRIBUTE_LIST
            return (folder / IDENTITIES, attributes) if attributes.is_file() else (folder / IDENTITIES,)
    raise MissingFile(f"no labels in {root}; expected {TABLE}, {IDENTITIES} or Anno/{IDENTITIES} there")
