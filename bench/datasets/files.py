"""Photos in folders, one folder a person: what several data sets share."""

from __future__ import annotations

import functools
import os
from collections.abc import Sequence
from pathlib import Path

from bench.api import Frame, FrameImage
from bench.datasets.people import Part, is_in
from bench.errors import CorruptFile, MissingFile
from bench.images import IMAGE_SUFFIXES, read
from bench.provenance import file_digest


class PersonFolders:
    """The photos below a folder that has one folder a person: what `Dataset` asks about frames.

    Args:
        root: the folder.
        split: which people: all of them, or one part of the 60/20/20 split by person.
    """

    shows_faces = False

    def __init__(self, root: Path, split: Part) -> None:
        self.root, self.split = root, split

    @functools.cached_property
    def every_frame(self) -> tuple[Frame, ...]:
        """Every photo, keyed ``PERSON/FILE``, sorted by key; hidden files and other file types are left out.

        Raises:
            MissingFile: the folder is not there.
            CorruptFile: a person's folder has a name that is not text.
        """
        try:
            people = sorted(entry.name for entry in os.scandir(self.root) if _is_person(entry))
        except (FileNotFoundError, NotADirectoryError) as error:
            raise MissingFile(f"no folder at {self.root}; it should hold one folder a person") from error
        for name in people:
            if any("\udc80" <= letter <= "\udcff" for letter in name):  # bytes that are not UTF-8
                raise CorruptFile(f"{self.root}: the folder {name!r} has no readable name; rename it (in UTF-8)")
        return tuple(Frame(f"{person}/{name}", person) for person in people for name in self._photos(person))

    def frames(self) -> Sequence[Frame]:
        """The photos of the people of the split; see `Dataset.frames`."""
        return [frame for frame in self.every_frame if is_in(frame.subject, self.split)]

    def image(self, key: str) -> FrameImage:
        """The picture behind a key; see `Dataset.image`."""
        return read(self.root / key)

    def content_digest(self, key: str) -> str:
        """SHA-256 hex of the file behind a key; see `Dataset.content_digest`."""
        return file_digest(self.root / key)

    def _photos(self, person: str) -> list[str]:
        return sorted(one.name for one in os.scandir(self.root / person) if is_photo(one.name) and one.is_file())


def is_photo(name: str) -> bool:
    """Whether a file name is that of an image that can be read."""
    return name.lower().endswith(IMAGE_SUFFIXES) and not name.startswith(".")


def _is_person(entry: os.DirEntry[str]) -> bool:
    return entry.is_dir() and not entry.name.startswith(".")
