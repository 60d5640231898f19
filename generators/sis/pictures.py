"""The pictures of docs/sis.md: drawn people, made again, with another's identity, with another's regions.

    python -m generators.sis.pictures --out docs/images [--weights FILE]

Nobody real is in them: the people are those of the data set `drawn`, which the networks have never seen. An identity is
the embedding of a drawn person's picture; people whom its aligner does not find are left out, and counted.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bench.api import Aligner, FaceBatch, Recognizer
from bench.errors import InsufficientData
from bench.images import to_crops, to_frames
from bench.regions import EVERYTHING, STYLE_REGIONS, shown
from bench.registry import load
from generators.picture_sheets import DrawnCrops, Frame, drawn_crops, enlarged, grey, sheet, spotlight, write_sheet
from generators.sis.plugin import Sis
from generators.sis.settings import SisSettings

PEOPLE = 5
TRIED = 3
"""Times as many are drawn, of whom the first that serve are taken."""
SEED = 4
STRENGTHS = (0.25, 0.5, 0.75, 1.0)
REGIONS = (("hair",), ("skin",), ("eyes_brows",), ("lips",), ("cloth",), ("background",), (EVERYTHING,))
PAGE = "docs/sis.md"


class People(NamedTuple):
    """Drawn people as the generator takes them.

    Attributes:
        images: float32 (N, 3, 256, 256).
        masks: uint8 (N, 256, 256).
        identity: float32 (N, D); zeros where the weights have no token for one.
    """

    images: NDArray[np.float32]
    masks: NDArray[np.uint8]
    identity: NDArray[np.float32]

    def batch(self, donors: NDArray[np.int64]) -> FaceBatch:
        """All of them, each with one other, by number."""
        return FaceBatch(
            images=self.images,
            masks=self.masks,
            identity=self.identity,
            references=self.images[donors][:, None],
            reference_masks=self.masks[donors][:, None],
            reference_identity=self.identity[donors][:, None],
        )


def chosen_people(plugin: Sis, count: int, seed: int = SEED) -> tuple[People, str]:
    """Drawn people who show every region that changes hands, and whom the identity's aligner finds.

    Args:
        plugin: with weights.
        count: N.
        seed: of the population.

    Returns:
        They, and a sentence on who was left out.

    Raises:
        InsufficientData: too few were found.
    """
    drawn = drawn_crops(TRIED * count, seed=seed, accessories=False)
    wanted = sorted(_classes([name for names in REGIONS for name in names if name != EVERYTHING]))
    whole = np.flatnonzero(shown(drawn.maps)[:, wanted].all(axis=1))
    rows, identity = whole, np.zeros((len(whole), 0), np.float32)
    if plugin.preset.identity:
        rows, identity = _identities(plugin.identity_encoder(), drawn, whole)
    said = f"{len(drawn.crops)} drawn people: {len(whole)} show every region, {len(rows)} of these are found"
    if len(rows) < count:
        raise InsufficientData(f"{said}; expected at least {count}")
    rows = rows[:count]
    return People(to_crops(drawn.crops[rows]), drawn.maps[rows], identity[:count]), said


def _identities(
    entry: Mapping[str, Any], drawn: DrawnCrops, rows: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Those of some people whom the recognizer's aligner finds, and their embeddings."""
    encoder = dict(entry)
    given = encoder.pop("aligner", None)
    recognizer: Recognizer = load("recognizer", **encoder)
    aligner: Aligner = load("aligner", **(given or recognizer.default_aligner()))
    found, crops = [], []
    for row in rows:
        faces = aligner.detect(drawn.frames[row])
        if faces:
            found.append(row)
            crops.append(aligner.crop(drawn.frames[row], faces[0], recognizer.template))
    if not found:
        return rows[:0], np.zeros((0, 0), np.float32)
    return np.array(found), np.asarray(recognizer.embed(to_crops(np.stack(crops))))


def identity_sheet(plugin: Sis, people: People) -> Frame:
    """A row for each: picture, made again, with the next one's identity ever more, that one."""
    donors = np.roll(np.arange(len(people.images)), -1)
    file = plugin.settings.weights
    swaps = [Sis(SisSettings(weights=file, identity="reference", strength=strength)) for strength in STRENGTHS]
    columns = [_made(maker, people, donors) for maker in (plugin, *swaps)]
    return _page([people.images, *columns, people.images[donors]])


def region_sheet(plugin: Sis, people: People) -> Frame:
    """A row for each: picture, made again, then with the style of ever other regions from the next; above, which."""
    donors = np.roll(np.arange(len(people.images)), -1)
    columns = [people.images, _made(plugin, people, donors)]
    head: list[Frame | None] = [None, None]
    first = to_frames(people.images[:1])[0]
    for names in REGIONS:
        head.append(spotlight(first, np.isin(people.masks[0], sorted(_classes(names)))))
        made = Sis(SisSettings(weights=plugin.settings.weights, styles=names))
        columns.append(_made(made, people, donors))
    return _page([*columns, people.images[donors]], [*head, None])


def attention_sheet(plugin: Sis, people: People) -> Frame:
    """A row for each: picture, made again, then each layer's share of attention that goes to the identity, as grey.

    White is the largest share in the sheet.
    """
    batch = people.batch(np.arange(len(people.images)))
    shares = plugin.identity_attention(batch)
    made = to_frames(plugin.generate(batch, np.random.default_rng(0)))
    rows = []
    for number, picture in enumerate(to_frames(people.images)):
        maps = [enlarged(grey(one, float(shares.max()))) for one in shares[number]]
        rows.append([picture, made[number], *maps])
    return sheet(rows)


def three_sheet(plugin: Sis, people: People) -> Frame:
    """A row for each: whose mask, whose styles, whose identity, and the face of all three."""
    import torch

    count = len(people.images)
    styles, identity = (np.roll(np.arange(count), -step) for step in (1, 2))
    pictures = to_frames(people.images)
    with torch.inference_mode():
        codes = plugin.encode(torch.from_numpy(people.images[styles]), torch.from_numpy(people.masks[styles]))
        who = torch.from_numpy(people.identity[identity])
        faces = plugin.render(torch.from_numpy(people.masks), codes, who)
    made = to_frames(faces.cpu().numpy())
    return sheet([[pictures[n], pictures[styles[n]], pictures[identity[n]], made[n]] for n in range(count)])


SHEETS: Mapping[str, Callable[[Sis, People], Frame]] = {
    "sis-attention": attention_sheet,
    "sis-identity": identity_sheet,
    "sis-regions": region_sheet,
    "sis-three": three_sheet,
}
OF_IDENTITIES = frozenset({"sis-attention", "sis-identity", "sis-three"})
"""Sheets that only weights with an identity have anything to show on."""


def sheets_of(plugin: Sis) -> list[str]:
    """The names of the sheets that its weights have something to show on."""
    return [name for name in SHEETS if plugin.preset.identity or name not in OF_IDENTITIES]


def _classes(names: Sequence[str]) -> frozenset[int]:
    return frozenset[int]().union(*(STYLE_REGIONS[name] for name in names))


def _made(plugin: Sis, people: People, donors: NDArray[np.int64]) -> NDArray[np.float32]:
    return plugin.generate(people.batch(donors), np.random.default_rng(0))


def _page(columns: Sequence[NDArray[np.float32]], head: Sequence[Frame | None] = ()) -> Frame:
    """Columns of pictures, float32 (N, 3, S, S), side by side; a face that could not be made leaves its place free."""
    rows = [
        [None if np.isnan(one).any() else to_frames(one[None])[0] for one in row] for row in zip(*columns, strict=True)
    ]
    return sheet([head, *rows] if head else rows)


def main(arguments: Sequence[str] | None = None) -> int:
    """Writes the pictures."""
    parser = argparse.ArgumentParser(prog="python -m generators.sis.pictures", description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("docs/images"), help="the folder for the pictures")
    parser.add_argument("--weights", default="", help="a weight file; by default the released one")
    parser.add_argument("--people", type=int, default=PEOPLE, help="rows of each sheet")
    given = parser.parse_args(arguments)
    plugin = Sis(SisSettings(weights=given.weights))
    people, said = chosen_people(plugin, given.people)
    print(said)
    digest = str(plugin.fingerprint()["weights"])
    for name in sheets_of(plugin):
        write_sheet(given.out / f"{name}.png", SHEETS[name](plugin, people), "generator/sis", digest, PAGE)
        print(given.out / f"{name}.png")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
