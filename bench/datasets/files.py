"""Photos in folders, one folder a person: what several data sets share."""

from __future__ import annotations

import functools
import os
from pathlib import Path

from bench.api import Frame, FrameImage
from bench.errors import CorruptFile, MissingFile
from bench.images import IMAGE_SUFFIXES, read
from bench.provenance import file_digest


class PersonFolders:
    """The photos below a folder that has one folder a person.

    Args:
        root: the folder.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    @functools.cached_property
    def frames(self) -> tuple[Frame, ...]:
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
            if not name.isprintable() or "\udc80" <= max(name) <= "\udcff":
                raise CorruptFile(f"{self.root}: the folder {name!r} has no readable name; rename it (in UTF-8)")
        return tuple(Frame(f"{person}/{name}", person) for person in people for name in self._photos(person))

    def image(self, key: str) -> FrameImage:
        """The picture behind a key; see `Dataset.image`."""
        return read(self.root / key)

    def content_digest(self, key: str) -> str:
        """SHA-256 hex of the file behind a key."""
        return file_digest(self.root / key)

    def _photos(self, person: str) -> list[str]:
        return sorted(name for name in os.listdir(self.root / person) if is_photo(name))


def is_photo(name: str) -> bool:
    """Whether a file name is that of an image that can be read."""
    return name.lower().endswith(IMAGE_SUFFIXES) and not name.startswith(".")


def _is_person(entry: os.DirEntry[str]) -> bool:
    return entry.is_dir() and not entry.name.startswith(".")
