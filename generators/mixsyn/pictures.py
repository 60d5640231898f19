"""The pictures of docs/mixsyn.md: drawn people, mixed.

    python -m generators.mixsyn.pictures --out docs/images [--weights FILE]

Nobody real is in them: the people are those of the data set `drawn`, which the networks have never seen.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from bench.api import Crops, FaceBatch
from bench.errors import InsufficientData
from bench.images import to_crops, to_frames
from bench.provenance import file_digest
from bench.regions import shown
from bench.registry import load
from generators.mixsyn.album import Album
from generators.mixsyn.assignment import Assignment, stacked
from generators.mixsyn.colours import coloured
from generators.mixsyn.copying import copied
from generators.mixsyn.mixing import Mixer
from generators.mixsyn.settings import PARTS
from generators.picture_sheets import (
    DrawnCrops,
    Frame,
    difference,
    drawn_crops,
    enlarged,
    grey,
    sheet,
    spotlight,
    write_sheet,
)

SEED = 4
PEOPLE = 7
FEWEST = 3
TRIED = 4
"""Times as many are drawn, of whom the first are taken who show every part that changes hands."""
BASES = 4
PAGE = "docs/mixsyn.md"

GIVEN = ("hair", "skin", "nose", "eyes", "brows", "mouth", "cloth", "background")
"""Parts that a donor gives, one for each column."""
TEMPERATURES = (1.0, 0.5, 0.25, 0.0)
MIXES: tuple[Mapping[str, int], ...] = (
    {"eyes": 2, "brows": 2, "nose": 3, "mouth": 3},
    {"hair": 2, "nose": 3, "mouth": 3},
    {"hair": 2, "brows": 3, "eyes": 3},
    {"hair": 3, "mouth": 2, "nose": 2, "eyes": 3},
)
"""Mixes of three people that a collage can be made of, too: the first gives all that is not named."""
EDITED = 2
OUTPUTS: tuple[Mapping[str, int], ...] = ({"hair": 2}, {"eyes": 2, "nose": 3}, {"hair": 2, "mouth": 3}, {"skin": 3})
"""Mixes of which those with source 2's hair follow when it is dyed."""
DYE = np.array((0.75, 0.15, 0.1), np.float32)


def chosen_people(count: int, seed: int = SEED) -> DrawnCrops:
    """The first drawn people who show every part that changes hands.

    Args:
        count: N.
        seed: of the population.

    Raises:
        InsufficientData: too few do.
    """
    drawn = drawn_crops(TRIED * count, seed=seed, accessories=False)
    parts = [list(dict(PARTS)[name]) for name in GIVEN]
    there = shown(drawn.maps)
    rows = np.flatnonzero(np.all([there[:, part].any(axis=1) for part in parts], axis=0))
    if len(rows) < count:
        raise InsufficientData(f"{len(rows)} of {len(there)} drawn people show every part, expected {count}")
    rows = rows[:count]
    frames = tuple(drawn.frames[row] for row in rows)
    return DrawnCrops(drawn.crops[rows], drawn.maps[rows], drawn.points[rows], frames)


def match_sheet(mixer: Mixer, people: DrawnCrops) -> Frame:
    """A row for each of some bases: picture, made again, then with ever another part of the donor, at last with all.

    Above the columns the donor: whole, and the part that it gives.
    """
    donor, labels = people.crops[-1], people.maps[-1]
    head: list[Frame | None] = [None, donor]
    head += [spotlight(donor, np.isin(labels, dict(PARTS)[name])) for name in GIVEN]
    rows: list[list[Frame | None]] = [[*head, donor]]
    for base in range(min(BASES, len(people.crops) - 1)):
        album = _album(mixer, people, [base, len(people.crops) - 1])
        shapes: list[dict[str, int]] = [{}, *({name: 2} for name in GIVEN), dict.fromkeys(GIVEN, 2)]
        made = [_frame(album.face(album.add(one))) for one in shapes]
        rows.append([people.crops[base], *made])
    return sheet(rows)


def edit_sheet(mixer: Mixer, people: DrawnCrops) -> Frame:
    """One source, its hair dyed, and faces mixed of three: before, after, and three times the difference."""
    album = _album(mixer, people, range(3))
    numbers = [album.add(one) for one in OUTPUTS]
    before = [_frame(album.face(number)) for number in numbers]
    own = people.crops[EDITED - 1]
    dyed = _dyed(to_crops(own[None])[0], people.maps[EDITED - 1])
    album.edit_source(EDITED, images=dyed, region="hair")
    after = [_frame(album.face(number)) for number in numbers]
    columns = zip([own, *before], [_frame(dyed), *after], strict=True)
    apart = [difference(*pair) for pair in columns]
    return sheet([[own, *before], [_frame(dyed), *after], apart])


def temperature_sheet(mixer: Mixer, people: DrawnCrops, mixes: int = 2) -> Frame:
    """Three rows for each random mix of three: composition as colours, its entropy as grey, the face.

    A column for each temperature; before them the parts copied one over the other, and naive copy-paste below. White is
    the entropy of a pixel that belongs to two regions alike.
    """
    album = _album(mixer, people, range(3))
    rows: list[list[Frame | None]] = []
    for seed in range(mixes):
        numbers = [album.add_drawn(seed, temperature=one) for one in TEMPERATURES]
        maps = [album.composition(number) for number in numbers]
        flat = _copied(mixer, people.maps[:3], album.assignment(numbers[0]))
        rows.append([flat, *(_as_colours(one) for one in maps)])
        rows.append([None, *(enlarged(grey(_entropy(one), np.log(2))) for one in maps)])
        rows.append([_frame(album.copy_paste(numbers[0])), *(_frame(album.face(number)) for number in numbers)])
    return sheet(rows)


def collage_sheet(mixer: Mixer, people: DrawnCrops) -> Frame:
    """A row for each mix: its three people, naive copy-paste, the collage with Poisson blending, the mixed face."""
    rows: list[list[Frame | None]] = []
    for turn, mix in enumerate(MIXES):
        who = [(turn + step) % len(people.crops) for step in range(3)]
        album = _album(mixer, people, who)
        number = album.add(mix)
        pasted, made = _frame(album.copy_paste(number)), _frame(album.face(number))
        rows.append([*people.crops[who], pasted, _collage(people, who, mix), made])
    return sheet(rows)


def _album(mixer: Mixer, people: DrawnCrops, who: Sequence[int]) -> Album:
    rows = list(who)
    return Album(mixer, to_crops(people.crops[rows]), people.maps[rows])


def _collage(people: DrawnCrops, who: Sequence[int], mix: Mapping[str, int]) -> Frame | None:
    """A mix as the generator `collage` makes it; None where it cannot."""
    regions = tuple(f"{name}:{source}" for name, source in mix.items())
    maker: Any = load("generator", "collage", sources=3, regions=regions, regions_by="masks", blend="poisson")
    first, others = [who[0]], list(who[1:])
    batch = FaceBatch(
        images=to_crops(people.crops[first]),
        masks=people.maps[first],
        landmarks=people.points[first],
        references=to_crops(people.crops[others])[None],
        reference_masks=people.maps[others][None],
        reference_landmarks=people.points[others][None],
    )
    made: Crops = maker.generate(batch, np.random.default_rng(0))
    return None if np.isnan(made).any() else to_frames(made)[0]


def _dyed(image: NDArray[np.float32], labels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """A picture, float32 (3, S, S), whose hair has another colour, as bright as its own is."""
    light = image.mean(axis=0)
    coloured_hair = np.clip(DYE[:, None, None] * (0.4 + light), 0, 1)
    return np.where(np.isin(labels, dict(PARTS)["hair"]), coloured_hair, image).astype(np.float32)


def _copied(mixer: Mixer, labels: NDArray[np.uint8], assignment: Assignment) -> Frame:
    """The parts of a mix of K label maps, (K, S, S), one over the other, as colours."""
    with torch.inference_mode():
        stack = stacked(mixer.maps(labels)[None], assignment.shape.to(mixer.device))
        return _as_colours(copied(stack, mixer.preset.parts)[0].cpu().numpy())


def _entropy(maps: NDArray[np.float32]) -> NDArray[np.float32]:
    """Of each pixel's regions, (S, S), in nats, of (R, S, S)."""
    found: NDArray[np.float32] = -(maps * np.log(np.maximum(maps, 1e-12))).sum(axis=0)
    return found


def _as_colours(maps: NDArray[np.float32]) -> Frame:
    return enlarged(to_frames(coloured(torch.from_numpy(maps)[None]).numpy())[0])


def _frame(face: NDArray[np.float32]) -> Frame:
    frame: Frame = to_frames(face[None])[0]
    return frame


SHEETS = {
    "mixsyn-match": match_sheet,
    "mixsyn-edit": edit_sheet,
    "mixsyn-temperature": temperature_sheet,
    "mixsyn-collage": collage_sheet,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Writes the pictures."""
    parser = argparse.ArgumentParser(prog="python -m generators.mixsyn.pictures", description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("docs/images"), help="the folder for the pictures")
    parser.add_argument("--weights", default="", help="a weight file; by default the released one")
    parser.add_argument("--people", type=int, default=PEOPLE, help=f"at least {FEWEST}; the last one is the donor")
    parser.add_argument("--only", choices=sorted(SHEETS), action="append", help="this sheet; may be repeated")
    given = parser.parse_args(arguments)
    if given.people < FEWEST:
        parser.error(f"--people: got {given.people}, expected at least {FEWEST}: faces are mixed of so many")
    mixer = Mixer(given.weights, batch_size=1)
    people, digest = chosen_people(given.people), file_digest(mixer.released.file)
    for name in given.only or SHEETS:
        write_sheet(given.out / f"{name}.png", SHEETS[name](mixer, people), "generator/mixsyn", digest, PAGE)
        print(given.out / f"{name}.png")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
