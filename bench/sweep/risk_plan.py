"""What a sweep's ``gallery:``, ``leakage:`` and ``strangers:`` mean: whom faces are held against, as parts of a spec.

Nobody stands on two sides: who is enrolled, learned from or held out contributes to no face, is no stranger, and nobody
is both learned from and held out. It imports nothing heavy.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from bench.api import Attack, Dataset, Frame, Generator
from bench.config import OtherPeople, Sweep
from bench.errors import ConfigError, CorruptFile
from bench.metrics.leakage import matched_galleries
from bench.provenance import value_digest
from bench.seeding import stream
from bench.sweep.inputs import Entry, entry_of, images_digest
from bench.sweep.other_people import Others, entry_of_others, others_of, planned_others, unchanged
from bench.sweep.pack_people import PackPeople
from bench.sweep.risk_groups import everybody_of, groups_part

REVISION = 1
MOST_STRANGERS_PHOTOS = 20
"""Of each stranger, as of everybody in all-pairs figures."""

EVERY_PHOTO = "every_photo"
"""The protocol where a data set's own photos are the faces."""

GALLERY, LEAKAGE, STRANGERS = "gallery", "leakage", "strangers"
SIDES: Mapping[str, str] = {"train": "train", "holdout": "dev"}
"""The two sides of ``leakage``, and which split of the sweep's own data set each is where nothing else is said."""


@dataclass(frozen=True)
class RiskPlan:
    """What a cell's spec says of whom faces are held against; all are empty where nobody is asked about.

    Attributes:
        part: of the cell's identity.
        entries: role to sweep-file entry.
        held: everybody in a gallery, by its key in the sweep file.
        learned: the pack that makers learned from; None where none is named.
    """

    part: Mapping[str, Any] = field(default_factory=dict)
    entries: Mapping[str, Entry] = field(default_factory=dict)
    held: Mapping[str, Others] = field(default_factory=dict)
    learned: PackPeople | None = None

    def refuse(self, contributors: Set[str], dataset: Dataset, dataset_entry: Entry) -> None:
        """Raises ConfigError where somebody who contributes to a face is in a gallery, too, by name or by a photo.

        Args:
            contributors: by the names that the sweep's data set gives them.
            dataset: the sweep's own.
            dataset_entry: ``{"name": ..., **settings}`` of it.
        """
        for key, others in self.held.items():
            _refuse_both(key, others.shared_with(contributors, dataset, dataset_entry), "contribute to faces")

    def refuse_maker(self, maker: Generator | Attack, name: str) -> None:
        """Raises ConfigError where a maker says that it learned from another pack than the one that is named.

        Args:
            maker: of the sweep.
            name: of it, for the error.
        """
        if self.learned is not None:
            self.learned.refuse_maker(maker, name)


@dataclass(frozen=True, eq=False)
class Sides:
    """Two galleries of which one was learned from: as many people, and as many photos of the j-th of either.

    Attributes:
        train: whom a generator learned from, person after person.
        holdout: whom it did not.
        photos: how many photos each person of either has.
    """

    train: Others
    holdout: Others
    photos: tuple[int, ...]


def plan_risk(sweep: Sweep, dataset_entry: Entry) -> RiskPlan:
    """Whom the faces of a sweep are held against.

    Args:
        sweep: the sweep.
        dataset_entry: ``{"name": ..., **settings}`` of its own data set.

    Raises:
        ConfigError: somebody stands on two sides, or a data set has not the split that is asked for.
        InsufficientData: nobody is there.
    """
    part: dict[str, Any] = {}
    entries: dict[str, Entry] = {}
    held: dict[str, Others] = {}
    learned: PackPeople | None = None
    if sweep.gallery is not None:
        entry = _entry(GALLERY, sweep.gallery, dataset_entry, "dev", "who is enrolled")
        held[GALLERY] = others_of(GALLERY, entry, sweep.gallery.photos)
        part[GALLERY] = {
            **held[GALLERY].part,
            "photos": sweep.gallery.photos,
            "fpir": list(sweep.gallery.fpir),
            **groups_part(sweep.gallery.groups, held[GALLERY]),
            "faces": groups_part(sweep.gallery.face_groups, everybody_of(dataset_entry)),
        }
        entries[f"{GALLERY}.dataset"] = entry
    if sweep.leakage is not None:
        wanted = {"train": sweep.leakage.train, "holdout": sweep.leakage.holdout}
        every = {}
        for side, split in SIDES.items():
            key = f"{LEAKAGE}.{side}"
            entry = _entry(key, wanted[side], dataset_entry, split, "whose photos faces are held against")
            every[side] = others_of(key, entry, None)
            held[key], entries[f"{key}.dataset"] = every[side], entry
        if sweep.leakage.pack is not None:
            learned = PackPeople(sweep.leakage.pack)
            every["train"] = held[f"{LEAKAGE}.train"] = learned.of(every["train"])
            learned.refuse(f"{LEAKAGE}.holdout", every["holdout"])
            entries[f"{LEAKAGE}.pack"] = {"name": "pack", "folder": str(sweep.leakage.pack.absolute())}
        train, holdout = every["train"], every["holdout"]
        _refuse_both(f"{LEAKAGE}.holdout", train.shared_with(holdout.people, holdout.dataset, holdout.entry), "are in "
                     f"{LEAKAGE}.train")  # fmt: skip
        sides = matched_sides(train, holdout, sweep.leakage.photos, sweep.seed)
        part[LEAKAGE] = {
            "train": sides.train.part,
            "holdout": sides.holdout.part,
            "photos": sweep.leakage.photos,
            "fpir": list(sweep.leakage.fpir),
        }
        if learned is not None:
            part[LEAKAGE]["pack"] = {"name": "pack", "digest": learned.digest}
    if not part:
        return RiskPlan()
    entry = dataset_entry
    if sweep.strangers is not None:
        entry = _entry(STRANGERS, sweep.strangers, dataset_entry, "eval", "on whom thresholds are set")
    strangers = others_of(STRANGERS, entry, MOST_STRANGERS_PHOTOS)
    for key, others in held.items():
        _refuse_both(key, others.shared_with(strangers.people, strangers.dataset, strangers.entry), "are strangers")
    if learned is not None:
        learned.refuse(STRANGERS, strangers)
    entries[f"{STRANGERS}.dataset"] = entry
    return RiskPlan({"risk": REVISION, **part, STRANGERS: strangers.part}, entries, held, learned)


def faces_part(dataset: Dataset, frames: Sequence[Frame]) -> dict[str, str]:
    """The part of a cell's identity that says which photos are the faces: ``trials`` and ``images``.

    Args:
        dataset: where they are.
        frames: the photos.
    """
    named = value_digest([[frame.key, frame.subject] for frame in frames])
    return {"trials": named, "images": images_digest(dataset, frames)}


def planned_gallery(spec: Mapping[str, Any]) -> Others:
    """Who is enrolled, as a cell was planned with. Raises `CorruptFile` where photos changed since."""
    part = spec[GALLERY]
    return planned_others(GALLERY, part, part["photos"])


def planned_strangers(spec: Mapping[str, Any]) -> Others:
    """The strangers, as a cell was planned with. Raises `CorruptFile` where photos changed since."""
    return planned_others(STRANGERS, spec[STRANGERS], MOST_STRANGERS_PHOTOS)


def planned_sides(spec: Mapping[str, Any]) -> Sides:
    """Whom a generator learned from and whom not, as a cell was planned with.

    Raises:
        CorruptFile: photos changed since.
    """
    part = spec[LEAKAGE]
    every = {side: others_of(f"{LEAKAGE}.{side}", entry_of(part[side]["dataset"]), None) for side in SIDES}
    if "pack" in part:
        learned = PackPeople(Path(part["pack"]["settings"]["folder"]))
        if learned.digest != part["pack"]["digest"]:
            raise CorruptFile(f"the pack in {learned.folder} changed after the sweep was planned; run it again")
        every["train"] = learned.of(every["train"])
    sides = matched_sides(every["train"], every["holdout"], part["photos"], spec["seed"])
    unchanged(sides.train, part["train"])
    unchanged(sides.holdout, part["holdout"])
    return sides


def _entry(key: str, wanted: OtherPeople, dataset_entry: Entry, default: str, purpose: str) -> Entry:
    return entry_of_others(key, wanted.dataset, wanted.split, dataset_entry, default, purpose)


def matched_sides(train: Others, holdout: Others, most: int, seed: int) -> Sides:
    """As many people of either side, and as many photos of the j-th of either; the larger side is drawn from.

    Args:
        train: everybody learned from.
        holdout: everybody who was not.
        most: at most so many photos of each person.
        seed: the sweep's.
    """
    people = {side: sorted(others.people) for side, others in (("train", train), ("holdout", holdout))}
    counts = {side: _counts(others, people[side]) for side, others in (("train", train), ("holdout", holdout))}
    chosen = matched_galleries(counts["train"], counts["holdout"], most, stream(seed, LEAKAGE))
    photos = [int(number) for number in chosen.photos]
    of = {
        side: {people[side][row]: number for row, number in zip(rows.tolist(), photos, strict=True)}
        for side, rows in (("train", chosen.train), ("holdout", chosen.holdout))
    }
    return Sides(train.only(of["train"]), holdout.only(of["holdout"]), tuple(photos))


def _counts(others: Others, people: list[str]) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    place = {person: index for index, person in enumerate(people)}
    rows = [place[frame.subject] for frame in others.frames]
    return np.bincount(rows, minlength=len(people)).astype(np.int64)


def _refuse_both(key: str, both: list[str], what: str) -> None:
    if both:
        raise ConfigError(
            f"{key}: {len(both)} of its people, such as {both[0]!r}, also {what}; nobody may stand on two sides: give "
            f"it other people, such as another split ({key}: {{split: ...}})"
        )
