"""What detectors are shown: attacks and bona fide photos, prepared alike, each with the people whom it rests on.

Attacks are the faces of a sweep's makers. Bona fide are the photos of the people who contribute, those that the makers
saw and those that faces are compared with, each once, on the way that made faces take (`bench.sweep.untouched`): the
maker's aligner, its template, 256 x 256 pixels, PNG, and then found again by the detector's own aligner. A trusted
reference, which differential detectors see beside a suspect, is another photo of a contributor, as the data set has it.

Where the data set itself holds the attacks, its photos are shown as they are, and a column of it says what each is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.api import Aligner, Dataset, Face, Frame, FrameImage, Progress, Template
from bench.errors import CorruptFile
from bench.provenance import value_digest
from bench.store.cache import ArrayCache
from bench.sweep.contributors import find_faces
from bench.sweep.inputs import Entry, entry_of, identity_of, images_digest
from bench.sweep.instances import plugin
from bench.sweep.labelled import labelled, labels_digest
from bench.sweep.making import MadeFaces, make_faces
from bench.sweep.pair_lists import planned_pairing
from bench.sweep.pairing import Pairing, pairing_of
from bench.sweep.sighting import NO_FACE, sight
from bench.sweep.untouched import NAME, Untouched

PICTURES = "images"
"""The data set plugin through which aligners read faces that were made."""


@dataclass(frozen=True)
class Picture:
    """Where a picture is: a data set that any process can load, and a key in it."""

    dataset: int
    key: str


@dataclass(frozen=True, eq=False)
class Presentations:
    """N presentations, and where their pictures are.

    Attributes:
        names: N names of what is shown: a frame key, or the digest of a made face.
        species: N kinds of attack; None for a bona fide photo.
        subjects: whom each rests on.
        suspects: N pictures.
        references: N trusted photos; None where none is wanted.
        datasets: the sweep-file entries of the data sets that hold pictures.
        not_made: how many faces could not be made, and photos could not be prepared; they are no presentations.
    """

    names: tuple[str, ...]
    species: tuple[str | None, ...]
    subjects: tuple[tuple[str, ...], ...]
    suspects: tuple[Picture, ...]
    references: tuple[Picture | None, ...]
    datasets: tuple[Entry, ...]
    not_made: int = 0

    def __len__(self) -> int:
        """N."""
        return len(self.names)

    @property
    def reference_names(self) -> tuple[str | None, ...]:
        """N frame keys; None where there is no reference."""
        return tuple(None if one is None else one.key for one in self.references)


@dataclass(frozen=True, eq=False)
class Shown:
    """One presentation as a detector sees it.

    Attributes:
        index: which.
        suspect: uint8 (S, S, 3), or None where there is no response.
        reference: likewise; None where none is wanted too.
        problem: why there is no response; None where there is one.
    """

    index: int
    suspect: FrameImage | None
    reference: FrameImage | None
    problem: str | None


def present(spec: Mapping[str, Any], cache: ArrayCache, progress: Progress | None = None) -> Presentations:
    """What the detector of a cell is shown; faces are made, or come from the cache.

    Args:
        spec: of a cell of assessment ``"detection"``, or its part ``calibration`` with the seed of the whole.
        cache: of found and made faces.
        progress: told how far it is.

    Raises:
        CorruptFile: photos or pairs changed since the sweep was planned.
        ConfigError: the data set has no such column, or no photo of either kind.
    """
    dataset_entry = entry_of(spec["dataset"])
    dataset: Dataset = plugin("dataset", dataset_entry)
    if not spec["makers"]:
        frames, values = labelled(dataset, spec["dataset"]["name"], spec["detection"])
        if (labels_digest(frames, values), images_digest(dataset, frames)) != (spec["trials"], spec["images"]):
            raise CorruptFile(
                f"the photos of {dataset_entry['name']} changed after the sweep was planned; run it again"
            )
        return _of_labels(dataset_entry, frames, values, spec["detection"]["bona_fide"])
    shelf = _Shelf(dataset_entry, references=spec["detection"]["references"] if spec["differential"] else 0)
    prepared: dict[str, dict[str, tuple[Frame, tuple[Frame, ...]]]] = {}
    ways: dict[str, tuple[dict[str, Any], Template]] = {}
    for part in spec["makers"]:
        whole = {**spec, **part}
        pairing = planned_pairing(whole, dataset, cache, progress)
        shelf.add_attacks(part["species"], pairing, make_faces(whole, dataset, pairing, cache, progress))
        template: Template = plugin(part["maker"]["kind"], entry_of(part["maker"])).template
        way = value_digest([part["maker_aligner"], Untouched(template).fingerprint()])
        ways.setdefault(way, (part["maker_aligner"], template))
        _collect(prepared.setdefault(way, {}), pairing)
    for way, (aligner, template) in ways.items():
        photos = [prepared[way][key] for key in sorted(prepared[way])]
        _add_bona_fide(shelf, spec, dataset, aligner, template, photos, cache, progress)
    return shelf.presentations()


def shown(
    presentations: Presentations,
    aligner_entry: Entry,
    template: Template,
    cache: ArrayCache,
    progress: Progress | None = None,
) -> Iterator[Shown]:
    """Every presentation as a detector sees it, in order.

    Args:
        presentations: N of them.
        aligner_entry: ``{"name": ..., **settings}`` of the detector's aligner.
        template: the detector's.
        cache: found faces are looked up and kept there.
        progress: told how far it is.
    """
    aligner: Aligner = plugin("aligner", aligner_entry)
    wanted = {*presentations.suspects, *(one for one in presentations.references if one is not None)}
    datasets = [plugin("dataset", entry) for entry in presentations.datasets]
    found: dict[Picture, tuple[Face | None, str | None]] = {}
    for place, (entry, dataset) in enumerate(zip(presentations.datasets, datasets, strict=True)):
        mine = sorted((one for one in wanted if one.dataset == place), key=lambda one: one.key)
        frames = [Frame(one.key, "") for one in mine]
        seen = find_faces(entry, dataset, aligner_entry, aligner, frames, template, cache, progress)
        found |= {one: (sighting.face, sighting.problem) for one, sighting in zip(mine, seen, strict=True)}

    def crop(picture: Picture) -> tuple[FrameImage | None, str | None]:
        face, problem = found[picture]
        if face is None:
            return None, problem or NO_FACE
        (now,) = sight(datasets[picture.dataset], aligner, template, [(picture.key, face)])
        return now.crop, now.problem

    for index, (suspect, reference) in enumerate(zip(presentations.suspects, presentations.references, strict=True)):
        mine_crop, problem = crop(suspect)
        trusted, trouble = (None, None) if reference is None else crop(reference)
        if trouble and not problem:
            problem = f"reference: {trouble}"
        yield Shown(index, None, None, problem) if problem else Shown(index, mine_crop, trusted, None)
        if progress:
            progress("showing faces", index + 1, len(presentations))


class _Shelf:
    """Presentations as they are gathered."""

    def __init__(self, dataset_entry: Entry, references: int) -> None:
        self._most = references
        self._datasets: list[Entry] = [dataset_entry]
        self._rows: list[tuple[str, str | None, tuple[str, ...], Picture, Picture | None]] = []
        self._not_made = 0

    def add_attacks(self, species: str, pairing: Pairing, made: MadeFaces) -> None:
        """The faces of a maker; with references, each face once for every trusted photo of every contributor."""
        place = self._place(made)
        self._not_made += int((~made.made).sum())
        for face in np.flatnonzero(made.made).tolist():
            who = tuple(pairing.frames[photo].subject for photo in pairing.photo[face])
            others = [frame for row in pairing.reference[face] for frame in self._frames_of(pairing, row)]
            self._add(made.digests[face], species, who, Picture(place, f"{made.digests[face]}.png"), others)

    def add_bona_fide(self, photos: Sequence[tuple[Frame, tuple[Frame, ...]]], made: MadeFaces) -> None:
        """Photos that were left as they are, each with other photos of the same person."""
        place = self._place(made)
        self._not_made += int((~made.made).sum())
        for face in np.flatnonzero(made.made).tolist():
            frame, others = photos[face]
            picture = Picture(place, f"{made.digests[face]}.png")
            self._add(frame.key, None, (frame.subject,), picture, others[: self._most])

    def presentations(self) -> Presentations:
        """All of them."""
        names, species, subjects, suspects, references = zip(*self._rows, strict=True) if self._rows else [()] * 5
        return Presentations(
            tuple(names), tuple(species), tuple(subjects), tuple(suspects), tuple(references),
            tuple(self._datasets), self._not_made,
        )  # fmt: skip

    def _frames_of(self, pairing: Pairing, row: NDArray[np.int32]) -> list[Frame]:
        return [pairing.frames[photo] for photo in row[row >= 0][: self._most].tolist()]

    def _add(
        self, name: str, species: str | None, who: tuple[str, ...], picture: Picture, others: Sequence[Frame]
    ) -> None:
        if not self._most:
            self._rows.append((name, species, who, picture, None))
        for other in others:
            self._rows.append((name, species, who, picture, Picture(0, other.key)))

    def _place(self, made: MadeFaces) -> int:
        self._datasets.append({"name": PICTURES, "root": str(made.folder)})
        return len(self._datasets) - 1


def _collect(photos: dict[str, tuple[Frame, tuple[Frame, ...]]], pairing: Pairing) -> None:
    """Every photo of a pairing, with the other photos of the same person, by its key."""
    of_person: dict[str, list[Frame]] = {}
    for frame in (*(frame for frame, _ in photos.values()), *pairing.frames):
        mine = of_person.setdefault(frame.subject, [])
        if all(frame.key != other.key for other in mine):
            mine.append(frame)
    for frames in of_person.values():
        frames.sort(key=lambda frame: frame.key)
        for place, frame in enumerate(frames):
            # Those that come after it, and then from the start: no photo is everybody's reference.
            photos[frame.key] = frame, (*frames[place + 1 :], *frames[:place])


def _add_bona_fide(
    shelf: _Shelf,
    spec: Mapping[str, Any],
    dataset: Dataset,
    aligner: Mapping[str, Any],
    template: Template,
    photos: Sequence[tuple[Frame, tuple[Frame, ...]]],
    cache: ArrayCache,
    progress: Progress | None,
) -> None:
    frames = [frame for frame, _ in photos]
    place = np.arange(len(frames), dtype=np.int64)[:, None]
    pairing = pairing_of(frames, place, np.empty((len(frames), 1, 0), dtype=np.int64))
    untouched = Untouched(template)
    maker = {"kind": "generator", **identity_of({"name": NAME}, untouched), "settings": {}, "goal": None}
    whole = {**spec, "maker": maker, "maker_aligner": aligner}
    shelf.add_bona_fide(photos, make_faces(whole, dataset, pairing, cache, progress, untouched))


def _of_labels(
    dataset_entry: Entry, frames: Sequence[Frame], values: NDArray[np.str_], bona_fide: str
) -> Presentations:
    return Presentations(
        names=tuple(frame.key for frame in frames),
        species=tuple(None if value == bona_fide else value for value in values.tolist()),
        subjects=tuple((frame.subject,) for frame in frames),
        suspects=tuple(Picture(0, frame.key) for frame in frames),
        references=(None,) * len(frames),
        datasets=(dataset_entry,),
    )
