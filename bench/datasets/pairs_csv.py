"""Your own list of comparisons: a CSV file that names two photos a line and says whether they show one person.

    probe,reference,mated                    probe,reference,probe_subject,reference_subject,fold
    ann/1.jpg,ann/2.jpg,1                    ann/1.jpg,ann/2.jpg,ann,ann,0
    ann/1.jpg,bob/1.jpg,0                    ann/1.jpg,bob/1.jpg,ann,bob,0

Where only ``mated`` is given, whoever mated pairs join is one person, and everybody else is somebody of their own. That
is all that such a list tells: two photos of one person that no mated pair joins count as two people.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath

import numpy as np

from bench.api import Fingerprint, Frame, FrameImage, Trials
from bench.datasets.pair_lists import PairList, read_pair_list
from bench.errors import ConfigError, MissingFile
from bench.images import read
from bench.provenance import file_digest

PROTOCOL = "pairs"


@dataclass(frozen=True, kw_only=True)
class PairsCsvSettings:
    """Settings of `pairs_csv`.

    Attributes:
        file: the list; fields are parted by commas, semicolons or tabs.
        root: the folder that the paths in it are relative to; by default the list's own folder.
    """

    file: Path
    root: Path | None = None


class PairsCsv:
    """A `bench.api.Dataset` of the photos that a list of pairs names."""

    protocols = (PROTOCOL,)
    shows_faces = False

    def __init__(self, settings: PairsCsvSettings) -> None:
        self.settings = settings
        self.file = settings.file.expanduser()
        self.root = settings.root.expanduser() if settings.root else self.file.parent

    def fingerprint(self) -> Fingerprint:
        """See `Plugin.fingerprint`."""
        return {"revision": 1, "pairs": file_digest(self.file)}

    @cached_property
    def pairs(self) -> PairList:
        """The list, read. Raises `CorruptFile` and `MissingFile`."""
        found = read_pair_list(self.file, self._key)
        if missing := [place for place, key in enumerate(found.keys) if not (self.root / key).is_file()]:
            shown = ", ".join(f"{found.keys[place]} (line {found.key_lines[place]})" for place in missing[:5])
            more = f" and {len(missing) - 5} more" * (len(missing) > 5)
            raise MissingFile(
                f"{self.file} names {len(missing)} of {len(found.keys)} photos that are not below {self.root}: {shown}"
                f"{more}; give the folder that the paths are relative to, such as root: /path/to/photos"
            )
        return found

    @property
    def people_are_inferred(self) -> bool:
        """Whether photos of one person may stand under several names; see the module's first lines."""
        return self.pairs.inferred

    def frames(self) -> Sequence[Frame]:
        """See `Dataset.frames`; in the order in which the list names them."""
        return [Frame(key, subject) for key, subject in zip(self.pairs.keys, self.pairs.subjects, strict=True)]

    def image(self, key: str) -> FrameImage:
        """See `Dataset.image`."""
        return read(self.root / key)

    def content_digest(self, key: str) -> str:
        """See `Dataset.content_digest`."""
        return file_digest(self.root / key)

    def trials(self, protocol: str, rng: np.random.Generator) -> Trials:
        """See `Dataset.trials`; nothing is drawn."""
        if protocol != PROTOCOL:
            raise ConfigError(f"pairs_csv has no protocol {protocol!r}; it has {PROTOCOL}")
        pairs = self.pairs
        return Trials(PROTOCOL, tuple(self.frames()), pairs.probe, pairs.reference, pairs.fold)

    def _key(self, text: str) -> str:
        path = PurePosixPath(text.replace("\\", "/"))
        root = PurePosixPath(self.root.absolute().as_posix())
        if path.is_absolute() and path.is_relative_to(root):
            path = path.relative_to(root)
        if path.is_absolute() or ".." in path.parts or not path.parts:
            raise ValueError(f"expected a path below {self.root}, without ..")
        return path.as_posix()
