"""Your own photos: one folder a person."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bench.api import Fingerprint, Trials
from bench.datasets.files import PersonFolders, is_photo
from bench.datasets.people import Part
from bench.datasets.protocols import MAX_FRAMES_PER_SUBJECT, all_pairs
from bench.errors import ConfigError, InsufficientData


@dataclass(frozen=True, kw_only=True)
class FolderSettings:
    """Settings of `folder`.

    Attributes:
        root: the folder that holds one folder a person.
        split: which people: all of them, or one part of the 60/20/20 split by person.
        max_per_subject: at most so many photos of one person, drawn by the seed.
    """

    root: Path
    split: Part = "all"
    max_per_subject: int = MAX_FRAMES_PER_SUBJECT

    def __post_init__(self) -> None:
        """Checks the ranges."""
        if self.max_per_subject < 1:
            raise ValueError(f"max_per_subject: got {self.max_per_subject}, expected at least 1")


class Folder(PersonFolders):
    """Photos of named people below one folder; every pair of photos is compared."""

    protocols = ("all_pairs",)

    def __init__(self, settings: FolderSettings) -> None:
        self.settings = settings
        super().__init__(settings.root.expanduser(), settings.split)

    def fingerprint(self) -> Fingerprint:
        """See `Plugin.fingerprint`; what the photos show is digested apart, frame by frame."""
        return {"revision": 1, "split": self.settings.split, "max_per_subject": self.settings.max_per_subject}

    def trials(self, protocol: str, rng: np.random.Generator) -> Trials:
        """See `Dataset.trials`."""
        if protocol not in self.protocols:
            raise ConfigError(f"folder has no protocol {protocol!r}; it has {', '.join(self.protocols)}")
        frames = self.frames()
        if len(frames) < 2:
            loose = sum(is_photo(entry.name) for entry in self.root.iterdir())
            beside = f" ({loose} photos lie beside the people's folders)" if loose else ""
            raise InsufficientData(
                f"{self.root} holds {len(frames)} photos of people of split {self.settings.split!r}{beside}; expected "
                "PERSON/PHOTO.jpg below it, at least two photos"
            )
        return all_pairs(frames, rng, self.settings.max_per_subject)
