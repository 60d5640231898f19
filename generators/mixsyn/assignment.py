"""Which source gives what: shapes and styles of regions taken from K sources, drawn by part or named.

A *part* is a set of classes that changes hands together, such as both eyes and the glasses. Parts are a partition of
the R classes, name and class numbers, as `generators.mixsyn.settings` has them for faces.

Source: the tensors of an assignment are those of our reading of Demir and Ciftci, arXiv 2111.12705; parts are ours.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from bench.regions import CLASSES
from generators.mixsyn.settings import classes_of

Parts = Sequence[tuple[str, Sequence[int]]]
"""Names and classes of the parts; every class is in one of them."""


class Assignment(NamedTuple):
    """Whose each region is.

    Attributes:
        shape: int64 (N, R) in [-1, K): the source that a region has its shape from; -1 for a region that is absent.
        style: int64 (N, R) in [0, K): the source that it has its style from.
    """

    shape: Tensor
    style: Tensor

    def of_batch(self, sources: Tensor) -> Assignment:
        """The same with faces of a batch in place of sources: int64 (N, K), the face that each source is."""
        shape = sources.gather(1, self.shape.clamp_min(0))
        return Assignment(torch.where(self.shape < 0, self.shape, shape), sources.gather(1, self.style))


def stacked(maps: Tensor, shape: Tensor) -> Tensor:
    """The region stack: each region's map from the source that it has its shape from; they may overlap, leave holes.

    Args:
        maps: float (N, K, R, S, S), of the sources; an expanded view costs nothing.
        shape: int64 (N, R) in [-1, K).

    Returns:
        float (N, R, S, S), channels last in memory; zeros for a region that is absent.
    """
    rows, regions = _places(shape)
    taken = maps[rows, shape.clamp_min(0), regions]
    taken = taken * (shape >= 0)[:, :, None, None].to(taken.dtype)
    return taken.contiguous(memory_format=torch.channels_last)


def gathered(codes: Tensor, style: Tensor) -> Tensor:
    """The style codes of a mix, float (N, R, L).

    Args:
        codes: float (N, K, R, L), of the sources.
        style: int64 (N, R) in [0, K).
    """
    rows, regions = _places(style)
    return codes[rows, style, regions]


def numbers_wanted(parts: Parts) -> int:
    """How many numbers `drawn_assignment` needs for each face."""
    return 2 * len(parts)


def drawn_assignment(parts: Parts, shown: Tensor, numbers: Tensor) -> Assignment:
    """A random assignment of whole parts to sources, which follows from its numbers alone.

    The parts are put in a random order; each source gets the first one that it shows and that is free, and where none
    is, others give way if they can: as many sources as possible give something. Each part that is left goes to one of
    the sources that show a class of it, all alike; where none does, it is absent. A class that the source of its part
    does not show is absent, too. A source that shows nothing gives nothing.

    Args:
        parts: as above.
        shown: bool (N, K, R), which classes each source shows.
        numbers: float (N, `numbers_wanted` or more) in [0, 1), the draws; what is more is not looked at.

    Returns:
        On the device of `shown`; the style follows the shape.
    """
    per_part = torch.stack([shown[:, :, list(classes)].any(dim=2) for _, classes in parts], dim=2)
    faces = zip(per_part.tolist(), numbers.tolist(), strict=True)
    owners = torch.tensor([_owners(there, drawn) for there, drawn in faces], dtype=torch.int64).to(shown.device)
    style = owners.reshape(len(shown), len(parts))[:, _part_of(parts, shown.shape[2])].clamp_min(0)
    assignment = Assignment(style, style)
    return only_shown(assignment, shown)


def only_shown(assignment: Assignment, shown: Tensor) -> Assignment:
    """The assignment without what its sources do not show.

    A region that the source of its shape does not show is absent. A region whose style is to come from a source that
    does not show it keeps the style that goes with its shape.

    Args:
        assignment: of N faces.
        shown: bool (N, K, R).
    """
    shape, style = assignment
    rows, regions = _places(style)
    there = (shape >= 0) & shown[rows, shape.clamp_min(0), regions]
    seen = shown[rows, style, regions] | (shape < 0)
    return Assignment(torch.where(there, shape, -1), torch.where(seen, style, shape.clamp_min(0)))


def named_assignment(
    parts: Parts, shapes: Mapping[str, int], styles: Mapping[str, int], sources: int, classes: Sequence[str] = CLASSES
) -> Assignment:
    """The assignment that names ask for; what is not named stays with source 1.

    Args:
        parts: as above.
        shapes: part or class to source, counted from 1. A name that is both is the part; classes by name go before the
            parts that they are in.
        styles: likewise, where a style shall come from another source than the shape.
        sources: K.
        classes: names of the classes by number.

    Returns:
        Of one face, (1, R), on the CPU; whether its sources show all this is `only_shown`'s business.

    Raises:
        ValueError: there is no such part or class, or no such source.
    """
    shape = [0] * len(classes)
    _name("shapes", shape, parts, shapes, sources, classes)
    style = list(shape)
    _name("styles", style, parts, styles, sources, classes)
    return Assignment(torch.tensor([shape], dtype=torch.int64), torch.tensor([style], dtype=torch.int64))


def _places(assigned: Tensor) -> tuple[Tensor, Tensor]:
    """Row and region of each entry of (N, R), ready to index with."""
    count, regions = assigned.shape
    device = assigned.device
    return torch.arange(count, device=device)[:, None], torch.arange(regions, device=device)


def _part_of(parts: Parts, regions: int) -> list[int]:
    of_class = {one: number for number, (_, classes) in enumerate(parts) for one in classes}
    return [of_class[one] for one in range(regions)]


def _owners(there: Sequence[Sequence[bool]], drawn: Sequence[float]) -> list[int]:
    """The source of each part of one face, -1 where nobody shows it.

    Args:
        there: K times P, whether a source shows a part.
        drawn: 2 P numbers: the order of the parts, then who gets what is left.
    """
    count = len(there[0])
    order = sorted(range(count), key=drawn.__getitem__)
    owners = [-1] * count
    for source in range(len(there)):
        _seat(source, there, order, owners, set())
    for part in range(count):
        able = [source for source, shows in enumerate(there) if shows[part]]
        if owners[part] < 0 and able:
            owners[part] = able[int(drawn[count + part] * len(able))]
    return owners


def _seat(
    source: int, there: Sequence[Sequence[bool]], order: Sequence[int], owners: list[int], asked: set[int]
) -> bool:
    """Gives a source a part of its own if others can be moved so (augmenting paths: Kuhn, 1955)."""
    shows = there[source]
    for part in order:
        if shows[part] and owners[part] < 0:
            owners[part] = source
            return True
    for part in order:
        if shows[part] and part not in asked:
            asked.add(part)
            if _seat(owners[part], there, order, owners, asked):
                owners[part] = source
                return True
    return False


def _name(
    what: str, found: list[int], parts: Parts, wanted: Mapping[str, int], sources: int, classes: Sequence[str]
) -> None:
    of_part = dict(parts)
    for name in sorted(wanted, key=lambda one: one not in of_part):  # parts first, so that classes go before them
        try:
            numbers = classes_of(parts, classes, name)
        except ValueError as error:
            raise ValueError(f"{what}: {error}") from error
        if not 1 <= (source := wanted[name]) <= sources:
            raise ValueError(f"{what}: got source {source} for {name}, expected 1 to {sources}")
        for number in numbers:
            found[number] = source - 1
