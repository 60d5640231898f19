"""The data sets of a pack: the people of its split, their photos, and what is known of them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench.api import AttributedDataset, Dataset, EmbeddedDataset, Frame, MaskedDataset
from bench.errors import ConfigError, InsufficientData
from bench.provenance import value_digest
from bench.registry import registry, settings_class
from bench.seeding import Split, split_of
from bench.sweep.inputs import Entry, identity_of, warn_of_inferred_people
from bench.sweep.instances import plain, plugin
from bench.sweep.packing_request import PackedDataset, PackRequest


@dataclass(frozen=True, eq=False)
class Source:
    """The people of one part of one data set.

    Attributes:
        number: index of the data set among the pack's.
        label: what the pack calls the data set.
        entry: ``{"name": ..., **settings}``, its split among them.
        dataset: the plugin.
        frames: its photos.
        splits: the part that the person of each belongs to.
        digests: SHA-256 of each photo's content.
        attributes: name to float32 (N,), in [-1, 1], NaN where unknown.
        unfit: columns that are no such numbers.
    """

    number: int
    label: str
    entry: Entry
    dataset: Dataset
    frames: tuple[Frame, ...]
    splits: tuple[Split, ...]
    digests: tuple[str, ...]
    attributes: Mapping[str, NDArray[np.float32]]
    unfit: tuple[str, ...]

    @property
    def masked(self) -> bool:
        """Whether the data set has label maps of its own."""
        return isinstance(self.dataset, MaskedDataset)

    def identity(self) -> Entry:
        """What determines what of it goes into a pack; no path is in it."""
        return {
            "label": self.label,
            **identity_of(self.entry, self.dataset),
            "photos": value_digest(
                [
                    [frame.key, frame.subject, split, digest]
                    for frame, split, digest in zip(self.frames, self.splits, self.digests, strict=True)
                ]
            ),
            "attributes": value_digest(
                {name: np.nan_to_num(column, nan=9.0).tolist() for name, column in self.attributes.items()}
            ),
            "masks": value_digest([self.dataset.mask_digest(frame.key) for frame in self.frames])
            if isinstance(self.dataset, MaskedDataset)
            else None,
        }


def sources_of(request: PackRequest) -> list[Source]:
    """The data sets of a request, one source for each part of their people.

    Raises:
        ConfigError: a data set of embeddings, or one whose own split leaves nobody of the pack's.
        InsufficientData: nobody belongs to the split.
    """
    found = [source for number, one in enumerate(request.datasets) for source in _sources(number, one, request)]
    if not any(source.frames for source in found):
        raise InsufficientData(
            f"nobody of {', '.join(one.called for one in request.datasets)} is of split {request.split!r}"
        )
    return found


def _sources(number: int, one: PackedDataset, request: PackRequest) -> list[Source]:
    fields = {field.name for field in dataclasses.fields(settings_class(registry().find("dataset", one.name)))}
    if "split" not in fields:
        return [_source(number, one, one.as_entry(), request, None)]
    own = one.settings.get("split")
    parts = [part for part in request.splits if own in (None, "all", part)]
    if not parts:
        raise ConfigError(
            f"the data set {one.called} says split: {own}, the pack split: {request.split}; leave the data set's out"
        )
    return [_source(number, one, one.as_entry() | {"split": part}, request, part) for part in parts]


def _source(number: int, one: PackedDataset, entry: Entry, request: PackRequest, part: Split | None) -> Source:
    entry = plain(entry)
    dataset: Dataset = plugin("dataset", entry)
    if isinstance(dataset, EmbeddedDataset):
        raise ConfigError(f"the data set {one.called} holds embeddings and no pictures; a pack is made of photos")
    warn_of_inferred_people(dataset, one.called)
    frames = dataset.frames()
    splits = [part or split_of(frame.subject) for frame in frames]
    chosen = [place for place, split in enumerate(splits) if split in request.splits]
    columns, unfit = _attributes(dataset, chosen) if request.attributes else ({}, ())
    return Source(
        number=number,
        label=one.called,
        entry=entry,
        dataset=dataset,
        frames=tuple(frames[place] for place in chosen),
        splits=tuple(splits[place] for place in chosen),
        digests=tuple(dataset.content_digest(frames[place].key) for place in chosen),
        attributes=columns,
        unfit=unfit,
    )


def _attributes(dataset: Dataset, chosen: Sequence[int]) -> tuple[dict[str, NDArray[np.float32]], tuple[str, ...]]:
    """The columns of a data set that are numbers in [-1, 1]; scores from 0 to 1 are stretched to that."""
    if not isinstance(dataset, AttributedDataset):
        return {}, ()
    fit: dict[str, NDArray[np.float32]] = {}
    unfit = []
    for name, column in dataset.attributes().items():
        values = np.asarray(column)
        if values.dtype.kind != "f" or np.nanmax(np.abs(values), initial=0.0) > 1:
            unfit.append(name)
        else:
            fit[name] = values.astype(np.float32)
    if fit and min(float(np.nanmin(values, initial=np.inf)) for values in fit.values()) >= 0:
        fit = {name: 2 * values - 1 for name, values in fit.items()}
    return {name: values[list(chosen)] for name, values in fit.items()}, tuple(unfit)


def in_several(sources: Sequence[Source]) -> dict[str, int]:
    """How many names of people stand in two data sets: ``"lfw and mine"`` to a number; pairs without any are left out.

    They are kept apart, since equal names need not be one person.
    """
    names: dict[str, set[str]] = {}
    for source in sources:
        names.setdefault(source.label, set()).update(frame.subject for frame in source.frames)
    labels = list(names)
    pairs = [(one, other) for place, one in enumerate(labels) for other in labels[place + 1 :]]
    shared = {f"{one} and {other}": len(names[one] & names[other]) for one, other in pairs}
    return {pair: count for pair, count in shared.items() if count}


def attribute_names(sources: Sequence[Source]) -> tuple[str, ...]:
    """Every attribute of any of the data sets, in their order."""
    return tuple(dict.fromkeys(name for source in sources for name in source.attributes))
