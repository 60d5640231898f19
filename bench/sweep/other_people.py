"""Other people than those who are reported on: those of a data set that a sweep names, or of another split of its own.

They are known by the names that their data set gives them, and by the content of their photos: the same photo under
another name, or in another data set, is the same person's.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from bench import registry
from bench.api import Dataset, Frame
from bench.config import PluginEntry, axes_of
from bench.errors import ConfigError, CorruptFile, InsufficientData
from bench.provenance import canonical_json, value_digest
from bench.sweep.inputs import Entry, entry_of, identity_of, settings_of
from bench.sweep.instances import plain, plugin


@dataclass(frozen=True, eq=False)
class Others:
    """Photos of other people.

    Attributes:
        entry: ``{"name": ..., **settings}`` of their data set.
        dataset: the data set.
        frames: the photos.
    """

    entry: Entry
    dataset: Dataset
    frames: tuple[Frame, ...]

    @cached_property
    def people(self) -> frozenset[str]:
        """Who they are, by the names that the data set gives them."""
        return frozenset(frame.subject for frame in self.frames)

    @cached_property
    def contents(self) -> frozenset[str]:
        """Digests of their photos."""
        return frozenset(self._contents)

    @property
    def part(self) -> dict[str, Any]:
        """The part of a cell's identity that says who they are: ``dataset``, and ``images`` with names and people."""
        return {"dataset": identity_of(self.entry, self.dataset), "images": self.digest}

    @cached_property
    def digest(self) -> str:
        """Of photos, their names and people: all that tables tell of them."""
        known = [[frame.key, frame.subject] for frame in self.frames]
        return value_digest([value_digest(self._contents), known])

    @cached_property
    def _contents(self) -> list[str]:
        return [self.dataset.content_digest(frame.key) for frame in self.frames]

    def shared_with(self, people: Set[str], dataset: Dataset, dataset_entry: Entry) -> list[str]:
        """Who is among some people too, by name where both are of one data set, else by a photo; sorted.

        Args:
            people: by the names that their data set gives them.
            dataset: theirs.
            dataset_entry: ``{"name": ..., **settings}`` of it.
        """
        if place_of(dataset_entry) == place_of(self.entry) and (both := sorted(self.people & people)):
            return both
        theirs = (frame for frame in dataset.frames() if frame.subject in people)
        return sorted({one.subject for one in theirs if dataset.content_digest(one.key) in self.contents})

    def only(self, photos: Mapping[str, int]) -> Others:
        """Those of some people, in the order in which they are named, with so many photos each, the first ones.

        Args:
            photos: how many of each person.
        """
        of: dict[str, list[Frame]] = {person: [] for person in photos}
        for frame in self.frames:
            if frame.subject in of and len(of[frame.subject]) < photos[frame.subject]:
                of[frame.subject].append(frame)
        return Others(self.entry, self.dataset, tuple(frame for some in of.values() for frame in some))


def others_of(key: str, entry: Entry, photos: int | None) -> Others:
    """The people of a data set.

    Args:
        key: of the sweep file, for errors.
        entry: ``{"name": ..., **settings}``.
        photos: at most so many of each person, the first ones; None for all.

    Raises:
        InsufficientData: nobody is there.
    """
    dataset: Dataset = plugin("dataset", entry)
    frames = first_photos(dataset.frames(), photos)
    if not frames:
        raise InsufficientData(f"{key}: the data set {entry['name']} shows nobody; give one with photos")
    return Others(entry, dataset, tuple(frames))


def first_photos(frames: Sequence[Frame], photos: int | None) -> list[Frame]:
    """At most so many photos of each person, the first ones, in their order.

    Args:
        frames: of a data set.
        photos: how many; None for all.
    """
    taken: dict[str, int] = {}
    found = []
    for frame in frames:
        taken[frame.subject] = taken.get(frame.subject, 0) + 1
        if photos is None or taken[frame.subject] <= photos:
            found.append(frame)
    return found


def planned_others(key: str, part: Mapping[str, Any], photos: int | None) -> Others:
    """The people whom a cell's spec was planned with, all of their data set.

    Args:
        key: of the sweep file, for errors.
        part: `Others.part`, with the settings of the data set.
        photos: as for `others_of`.

    Raises:
        CorruptFile: their photos changed since.
    """
    return unchanged(others_of(key, entry_of(part["dataset"]), photos), part)


def unchanged(others: Others, part: Mapping[str, Any]) -> Others:
    """The same people, of whom nothing changed since a cell was planned.

    Args:
        others: as they are now.
        part: `Others.part` at planning.

    Raises:
        CorruptFile: something did.
    """
    if others.digest != part["images"]:
        raise CorruptFile(f"the photos of {others.entry['name']} changed after the sweep was planned; run it again")
    return others


def place_of(entry: Entry) -> str:
    """A data set's entry without the split: whoever has one name there is one person.

    Args:
        entry: ``{"name": ..., **settings}``.
    """
    return canonical_json({name: value for name, value in entry.items() if name != "split"})


def entry_of_others(
    key: str, named: PluginEntry | None, split: str | None, dataset_entry: Entry, default: str, purpose: str
) -> Entry:
    """The data set that is named, or the sweep's own, with the split that is wanted.

    Args:
        key: of the sweep file, for errors.
        named: a data set; None for the sweep's own.
        split: which of its people; None for those of the data set that is named, and for `default` of the sweep's own.
        dataset_entry: the sweep's own, ``{"name": ..., **settings}``.
        default: a split.
        purpose: what these people are for, for errors.

    Returns:
        ``{"name": ..., **settings}``.

    Raises:
        ConfigError: a list where one value is expected, or a data set without splits.
    """
    entry: Entry = plain(named.as_entry()) if named else dict(dataset_entry)
    cls = registry.settings_class(registry.registry().find("dataset", entry["name"]))
    if named and (axes := axes_of(cls, settings_of(entry))):
        raise ConfigError(f"{key}.dataset: got a list for {', '.join(axes)}; expected one data set {purpose}")
    wanted = split or (None if named else default)
    if wanted is None:
        return entry
    if "split" not in {field.name for field in dataclasses.fields(cls)}:
        raise ConfigError(
            f"the data set {entry['name']} has no setting split; name another one {purpose}, "
            f"{key}: {{dataset: {{name: ..., split: {default}}}}}"
        )
    return entry | {"split": wanted}
