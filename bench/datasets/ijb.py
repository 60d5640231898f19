"""IJB-B and IJB-C in InsightFace's layout: people known by templates of several photos, compared template by template.

    ROOT/loose_crop/1.jpg                        a face with some of what surrounds it
    ROOT/meta/ijbc_face_tid_mid.txt              "1.jpg 1 69544": photo, template, medium (a still or a video)
    ROOT/meta/ijbc_template_pair_label.txt       "1 11065 1": two templates, 1 for one person, 0 for two
    ROOT/meta/ijbc_name_5pts_score.txt           optional: photo, five points (x then y), detector score

Source: Maze et al., IJB-C, ICB 2018; Whitelam et al., IJB-B, CVPRW 2017; deepinsight/insightface,
``recognition/_evaluation_/ijb``.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from bench.aligners.templates import ARCFACE112, similarity, template_digest, warp
from bench.api import Fingerprint, Frame, FrameImage, Templates, Trials
from bench.datasets.ijb_meta import Meta, read_meta, read_points, template_name
from bench.errors import ConfigError, CorruptFile, MissingFile
from bench.images import read
from bench.provenance import file_digest, value_digest, version_of

PROTOCOL = "templates"

Edition = Literal["ijbc", "ijbb"]


@dataclass(frozen=True, kw_only=True)
class IjbSettings:
    """Settings of `ijb`.

    Attributes:
        root: the folder with ``loose_crop`` and ``meta``.
        edition: ``ijbc`` or ``ijbb``: how the files in ``meta`` begin.
        aligned: show each photo warped to ArcFace's template by the five points of the meta data, as InsightFace
            evaluates; recognizers take ``aligner: none`` then.
    """

    root: Path
    edition: Edition = "ijbc"
    aligned: bool = False


class Ijb:
    """A `bench.api.Dataset` whose trials compare templates."""

    protocols = (PROTOCOL,)
    shows_faces = False
    people_are_inferred = True
    """The files name no people: templates that pairs call mated are one person, every other is somebody's own."""

    def __init__(self, settings: IjbSettings) -> None:
        self.settings = settings
        self.root = settings.root.expanduser()
        self._photos = self.root / "loose_crop"

    def fingerprint(self) -> Fingerprint:
        """See `Plugin.fingerprint`."""
        files = ["face_tid_mid", "template_pair_label"] + ["name_5pts_score"] * self.settings.aligned
        digests = {name: file_digest(self._meta(name)) for name in files}
        return {"revision": 1, "edition": self.settings.edition, "aligned": self.settings.aligned, **digests}

    @cached_property
    def meta(self) -> Meta:
        """The meta data, read. Raises `CorruptFile` and `MissingFile`."""
        return read_meta(self._meta("face_tid_mid"), self._meta("template_pair_label"))

    def frames(self) -> Sequence[Frame]:
        """See `Dataset.frames`; every photo that the meta data name, in their order."""
        return [Frame(name, who) for name, who in zip(self.meta.names, self.meta.of_photo, strict=True)]

    def image(self, key: str) -> FrameImage:
        """See `Dataset.image`."""
        frame = read(self._photos / key)
        if not self.settings.aligned:
            return frame
        return warp(frame, similarity(self._points_of(key), ARCFACE112.targets["field5"]), ARCFACE112.side)

    def content_digest(self, key: str) -> str:
        """See `Dataset.content_digest`."""
        digest = file_digest(self._photos / key)
        if not self.settings.aligned:
            return digest
        points = self._points_of(key).tolist()
        warped_by = version_of("opencv-python")
        return value_digest({"file": digest, "to": template_digest(ARCFACE112), "points": points, "opencv": warped_by})

    def trials(self, protocol: str, rng: np.random.Generator) -> Trials:
        """See `Dataset.trials`; nothing is drawn. Photos of templates that no pair names take no part."""
        if protocol != PROTOCOL:
            raise ConfigError(f"ijb has no protocol {protocol!r}; it has {PROTOCOL}")
        meta = self.meta
        taking_part = np.unique(np.concatenate([meta.probe, meta.reference]))
        rows = np.flatnonzero(np.isin(meta.template, taking_part))
        rows = rows[np.argsort(meta.template[rows], kind="stable")]
        photos = np.unique(meta.photo[rows])
        self._refuse_missing([meta.names[photo] for photo in photos.tolist()])
        return Trials(
            PROTOCOL,
            tuple(Frame(meta.names[photo], meta.of_photo[photo]) for photo in photos.tolist()),
            np.searchsorted(taking_part, meta.probe).astype(np.int32),
            np.searchsorted(taking_part, meta.reference).astype(np.int32),
            templates=Templates(
                keys=tuple(template_name(meta.numbers[place]) for place in taking_part.tolist()),
                subjects=tuple(meta.subjects[place] for place in taking_part.tolist()),
                template=np.searchsorted(taking_part, meta.template[rows]).astype(np.int32),
                frame=np.searchsorted(photos, meta.photo[rows]).astype(np.int32),
                medium=meta.medium[rows].astype(np.int32),
            ),
        )

    @cached_property
    def _points(self) -> tuple[dict[str, int], NDArray[np.float64]]:
        return read_points(self._meta("name_5pts_score"))

    def _points_of(self, key: str) -> NDArray[np.float64]:
        rows, points = self._points
        of_photo: NDArray[np.float64] = points[rows[key]]
        return of_photo

    def _refuse_missing(self, names: Sequence[str]) -> None:
        try:
            there = {entry.name for entry in os.scandir(self._photos)}
        except (FileNotFoundError, NotADirectoryError) as error:
            raise MissingFile(f"no photos at {self._photos}; expected loose_crop/1.jpg and so on") from error
        if missing := [name for name in names if name not in there]:
            raise MissingFile(
                f"{self._meta('face_tid_mid')} names {len(missing)} of {len(names)} photos that are not in "
                f"{self._photos}, such as {missing[0]}; take both from one copy of the data"
            )
        if self.settings.aligned and (missing := [name for name in names if name not in self._points[0]]):
            raise CorruptFile(
                f"{self._meta('name_5pts_score')} has no points of {len(missing)} of {len(names)} photos, such as "
                f"{missing[0]}"
            )

    def _meta(self, what: str) -> Path:
        return self.root / "meta" / f"{self.settings.edition}_{what}.txt"
