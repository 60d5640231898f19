"""The pictures of docs/translation.md: drawn people, edited.

    python -m generators.translation.pictures --out docs/images [--weights FILE]

Nobody real is in them: the people are those of the data set `drawn`, which the networks have never seen.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch

from bench.images import to_crops, to_frames
from bench.provenance import file_digest
from generators.picture_sheets import DrawnCrops, Frame, drawn_crops, sheet, write_sheet
from generators.translation.attributes import edited_labels
from generators.translation.editing import Translator, averaged, bands, by_place, onto_photo

SEED = 11
PEOPLE = 6
FEWEST = 4
FLIPPED = 3
"""Of them are shown with every attribute the other way."""
PAGE = "docs/translation.md"
STRENGTHS = (-1.0, 0.0, 0.5, 1.0, 1.5, 2.0)
STRONGER = ("Smiling", "Eyeglasses", "Young", "Male")
LOOKS = 4
SHARES = (1.0, 0.75, 0.5, 0.25, 0.0)
EDGES = (0.35, 0.62)
"""Heights at which the bands of the sheet with bands begin: hair, eyes and nose, mouth and chin."""


def flip_sheet(translator: Translator, people: DrawnCrops) -> Frame:
    """Two rows for each of some people: picture, made again, and every attribute by itself the other way.

    The upper of two rows is the networks' own picture, the lower the picture with what the edit changes added.
    """
    names = translator.preset.attributes
    rows: list[list[Frame | None]] = []
    for person in range(min(FLIPPED, len(people.crops))):
        images = _images(people, [person])
        again = translator.reconstruct(images)
        made = [edited(translator, images, {name: None}) for name in names]
        rows.append([people.crops[person], _frame(again), *map(_frame, made)])
        rows.append([None, None, *(_frame(onto_photo(images, face, again)) for face in made)])
    return sheet(rows)


def strength_sheet(translator: Translator, people: DrawnCrops) -> Frame:
    """A row for each of some attributes of a person: from an edit the wrong way to one twice as strong."""
    rows: list[list[Frame | None]] = []
    for place, name in enumerate(one for one in STRONGER if one in translator.preset.attributes):
        person = place % len(people.crops)
        images = _images(people, [person])
        made = [edited(translator, images, {name: None}, strength) for strength in STRENGTHS]
        rows.append([people.crops[person], *map(_frame, made)])
    return sheet(rows)


def look_sheet(translator: Translator, people: DrawnCrops) -> Frame:
    """A row for each person: an edit by label in several looks, then by reference, from label to reference, averaged.

    Above the columns by reference stand those whose attributes are taken.
    """
    others = list(range(1, len(people.crops)))
    references = people.crops[others[:LOOKS]]
    head: list[Frame | None] = [None, *[None] * LOOKS, *references, None, *[None] * len(SHARES)]
    rows = [head]
    for person in (0,):
        images = _images(people, [person])
        own, wanted = translator.read(images), translator.read(_images(people, others[:LOOKS]))
        looks = [_by_label(translator, images, wanted[:1] - own, seed) for seed in range(LOOKS)]
        codes = [
            translator.reference_code(_images(people, [other]), wanted[place : place + 1] - own)
            for place, other in enumerate(others[:LOOKS])
        ]
        by_reference = [
            translator.edit(images, wanted[place : place + 1] - own, code) for place, code in enumerate(codes)
        ]
        difference = wanted[:1] - own
        together = averaged(
            torch.stack([translator.reference_code(_images(people, [one]), difference) for one in others[:3]], dim=1)
        )
        label = translator.label_code(difference)
        between = [
            translator.edit(images, difference, label, codes[0], share=torch.tensor([share])) for share in SHARES
        ]
        mixed = [*by_reference, translator.edit(images, difference, together), *between]
        rows.append([people.crops[person], *map(_frame, looks), *map(_frame, mixed)])
    return sheet(rows)


def band_sheet(translator: Translator, people: DrawnCrops) -> Frame:
    """A row for each of some people: picture, three references, and the face with a band of each one's code."""
    rows: list[list[Frame | None]] = []
    for person in range(len(people.crops) - 3):
        who = [person + 1, person + 2, person + 3]
        images = _images(people, [person])
        own, theirs = translator.read(images), translator.read(_images(people, who))
        difference = (theirs.mean(dim=0, keepdim=True) > 0.5).float() - own
        codes = [translator.reference_code(_images(people, [one]), theirs[place : place + 1] - own)
                 for place, one in enumerate(who)]  # fmt: skip
        stack = torch.stack(codes, dim=1)
        alone = [translator.edit(images, theirs[place : place + 1] - own, code) for place, code in enumerate(codes)]
        made = translator.edit(images, difference, by_place(stack, bands(3, EDGES)))
        rows.append([people.crops[person], *people.crops[who], *map(_frame, alone), _frame(made)])
    return sheet(rows)


def edited(
    translator: Translator, images: torch.Tensor, edits: Mapping[str, bool | None], strength: float = 1.0
) -> torch.Tensor:
    """Faces edited by label, float32 (N, 3, 256, 256).

    Args:
        translator: the networks.
        images: float32 (N, 3, 256, 256).
        edits: attribute to whether it is to be there; None for the other of what a face shows.
        strength: what the difference is multiplied by.
    """
    names, own = translator.preset.attributes, translator.read(images).cpu().numpy()
    asked = np.full_like(own, np.nan)
    for name, value in edits.items():
        column = names.index(name)
        asked[:, column] = 1 - own[:, column] if value is None else float(value)
    wanted, _ = edited_labels(own, names, asked)
    difference = torch.from_numpy(wanted - own) * strength
    return translator.edit(images, difference, translator.label_code(difference))


def _by_label(translator: Translator, images: torch.Tensor, difference: torch.Tensor, seed: int) -> torch.Tensor:
    drawn = np.random.default_rng(seed).uniform(-1, 1, (len(images), translator.preset.noise)).astype(np.float32)
    return translator.edit(images, difference, translator.label_code(difference, torch.from_numpy(drawn)))


def _images(people: DrawnCrops, rows: Sequence[int]) -> torch.Tensor:
    return torch.from_numpy(to_crops(people.crops[list(rows)]))


def _frame(face: torch.Tensor) -> Frame:
    frame: Frame = to_frames(face.detach().cpu().numpy())[0]
    return frame


SHEETS = {
    "translation-flips": flip_sheet,
    "translation-strengths": strength_sheet,
    "translation-looks": look_sheet,
    "translation-bands": band_sheet,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Writes the pictures."""
    parser = argparse.ArgumentParser(prog="python -m generators.translation.pictures", description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("docs/images"), help="the folder for the pictures")
    parser.add_argument("--weights", default="", help="a weight file; by default the released one")
    parser.add_argument("--people", type=int, default=PEOPLE, help=f"at least {FEWEST}")
    parser.add_argument("--only", choices=sorted(SHEETS), action="append", help="this sheet; may be repeated")
    given = parser.parse_args(arguments)
    if given.people < FEWEST:
        parser.error(f"--people: got {given.people}, expected at least {FEWEST}: three references and who is edited")
    translator = Translator(given.weights, batch_size=1)
    people, digest = drawn_crops(given.people, seed=SEED), file_digest(translator.released.file)
    with torch.inference_mode():
        for name in given.only or SHEETS:
            write_sheet(
                given.out / f"{name}.png", SHEETS[name](translator, people), "generator/translation", digest, PAGE
            )
            print(given.out / f"{name}.png")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
