"""What a sweep may say about a collage, and which region each source gives."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from bench.regions import MASK_REGIONS
from generators.collage.regions import LANDMARK_REGIONS

RegionsBy = Literal["landmarks", "masks"]
Align = Literal["region", "face"]
Colour = Literal["transfer", "none"]
Blend = Literal["paste", "feather", "poisson"]

MOST_SOURCES = 8
WIDEST_FEATHER = 0.25


@dataclass(frozen=True, kw_only=True)
class CollageSettings:
    """Settings of `collage`.

    Attributes:
        sources: K, how many people a face is made of, 2 to 8; the first is the base, onto which the others are put.
        regions: what the others give, pasted in this order. ``"eyes"`` is dealt out: the first such name to source 2,
            the next to source 3, and so on in turn; ``"eyes:3"`` says that source 3 gives the eyes.
        regions_by: what says where a region is: dlib's 68 landmarks, or 19-class masks.
        align: how a region is brought onto the base: by the similarity of its own landmarks and those around it, or by
            that of the whole face.
        colour: ``"transfer"`` gives a region the light and skin colour of the base, by mean colours of skin in Lab;
            ``"none"`` leaves its colours alone. Hair, clothes and the like always keep theirs.
        blend: a hard edge, a soft edge, or Poisson blending.
        feather: width of the soft edge as a share of the crop's side, at most 0.25.
        batch_size: faces that are made at once.
    """

    sources: int = 2
    regions: tuple[str, ...] = ("eyes", "mouth")
    regions_by: RegionsBy = "landmarks"
    align: Align = "region"
    colour: Colour = "transfer"
    blend: Blend = "feather"
    feather: float = 0.04
    batch_size: int = 8

    def __post_init__(self) -> None:
        """Raises ValueError for a value out of range."""
        if not 2 <= self.sources <= MOST_SOURCES:
            raise ValueError(f"sources: got {self.sources}, expected 2 to {MOST_SOURCES}")
        for name, value, known in (
            ("regions_by", self.regions_by, RegionsBy),
            ("align", self.align, Align),
            ("colour", self.colour, Colour),
            ("blend", self.blend, Blend),
        ):
            if value not in get_args(known):
                raise ValueError(f"{name}: got {value!r}, expected {' or '.join(get_args(known))}")
        if not 0 <= self.feather <= WIDEST_FEATHER:
            raise ValueError(f"feather: got {self.feather}, expected 0 to {WIDEST_FEATHER} of the crop's side")
        if self.batch_size < 1:
            raise ValueError(f"batch_size: got {self.batch_size}, expected at least 1")
        deal(self.regions, self.sources, self.regions_by)


def deal(regions: Sequence[str], sources: int, regions_by: RegionsBy) -> tuple[tuple[str, int], ...]:
    """Who gives what.

    Args:
        regions: names, or ``"name:source"``.
        sources: K.
        regions_by: ``"landmarks"`` or ``"masks"``: which names there are.

    Returns:
        Region and number of its source, 2 to K, in the order of pasting.

    Raises:
        ValueError: an unknown region or source, a region twice, or a source that gives nothing.
    """
    if isinstance(regions, str):
        raise ValueError(f"regions: got {regions!r}, expected a list, such as [{regions}]")
    dealt: list[tuple[str, int]] = []
    turn = 0
    for entry in regions:
        name, colon, number = entry.partition(":")
        name = name.strip()
        _check_name(name, regions_by)
        if colon:
            source = _source(entry, number, sources)
        else:
            source = 2 + turn % (sources - 1)
            turn += 1
        if any(name == other for other, _ in dealt):
            raise ValueError(f"regions: got {name} twice in {list(regions)}, expected each region once")
        dealt.append((name, source))
    idle = [str(source) for source in range(2, sources + 1) if source not in {giver for _, giver in dealt}]
    if idle:
        raise ValueError(
            f"regions: got {list(regions)} for sources: {sources}, so source {' and '.join(idle)} gives nothing;"
            f" expected a region of each, such as {_name_for(dealt, regions_by)}:{idle[0]}, or fewer sources"
        )
    return tuple(dealt)


def _check_name(name: str, regions_by: RegionsBy) -> None:
    known = LANDMARK_REGIONS if regions_by == "landmarks" else MASK_REGIONS
    if name in known:
        return
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    message = f"regions: got {name!r}, expected one of {', '.join(known)}"
    if regions_by == "landmarks" and name in MASK_REGIONS:
        message += f"; {name} needs regions_by: masks"
    elif near:
        message += f"; did you mean {near[0]!r}?"
    raise ValueError(message)


def _source(entry: str, number: str, sources: int) -> int:
    if not number.strip().isdecimal() or not 2 <= int(number) <= sources:
        known = "2" if sources == 2 else f"2 to {sources}"
        raise ValueError(f"regions: got {entry!r}, expected source {known} after the colon (1 is the base)")
    return int(number)


def _name_for(dealt: Sequence[tuple[str, int]], regions_by: RegionsBy) -> str:
    known = LANDMARK_REGIONS if regions_by == "landmarks" else MASK_REGIONS
    return next(name for name in known if name not in {region for region, _ in dealt})
