"""What attribute translation makes of faces that it never saw: made again, in many looks, and in a reference's style.

    impersona pack examples/packs/celeba_labelled.yaml --out work/packs/celeba_labelled
    python -m generators.translation.evaluate --data work/packs/celeba_labelled [--weights FILE]

All at the networks' own side, of the faces of eval people; whether edits show what was asked for is the bench's to say
(examples/translation.yaml). Every face has a reference, a face of somebody else, and the wish to show its attributes.

- *again*: PSNR and SSIM of the face made with nothing changed.
- *looks*: how far faces of one photo and one wish are from each other, by label with ten noises, by reference with ten
  references: the root mean square difference of pixels of every two, in levels of 255; beside two photos of different
  people.
- *style*: whether the face made by reference has the colours of its reference: the distance of the mean colours of
  hair and skin, as the face parser sees them, to the own reference's, minus that to another one's. Below 0 is nearer.

Intervals (95 %) are of a bootstrap of people.
"""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from bench.errors import InsufficientData
from bench.images import to_frames
from bench.packs import Pack
from bench.quality.visual import peak_signal_to_noise_ratio, structural_similarity
from bench.regions import CLASSES
from bench.registry import load
from bench.seeding import stream
from generators.crops import grow, shrink
from generators.translation.editing import Translator

DRAWS = 1000
LOOKS = 10
PARTS = ("hair", "skin")
FEWEST_PIXELS = 100
"""Of a part, in a crop of 256, for its mean colour."""


@dataclass(frozen=True)
class Mean:
    """A mean over faces.

    Attributes:
        name: of what.
        value: the mean.
        low: of its 95 % interval.
        high: likewise.
        faces: of so many.
    """

    name: str
    value: float
    low: float
    high: float
    faces: int

    def __str__(self) -> str:
        """A row of a Markdown table."""
        return f"| {self.name} | {self.value:.3f} [{self.low:.3f}, {self.high:.3f}] | {self.faces} |"


def mean_of(name: str, values: NDArray[np.floating], people: NDArray[np.int32], draws: int = DRAWS) -> Mean:
    """A mean with a percentile interval over people drawn with replacement.

    Args:
        name: of what.
        values: (N,), NaN where there is none.
        people: (N,), equal numbers are one person.
        draws: of the bootstrap.

    Raises:
        InsufficientData: no value is known.
    """
    known = np.isfinite(values)
    if not known.any():
        raise InsufficientData(f"{name}: no face has a value; give more faces")
    _, codes = np.unique(people[known], return_inverse=True)
    sums, counts = np.bincount(codes, values[known]), np.bincount(codes)
    drawn = stream(0, "translation").multinomial(len(sums), np.full(len(sums), 1 / len(sums)), size=draws)
    means = (drawn @ sums) / (drawn @ counts)
    low, high = np.percentile(means, (2.5, 97.5))
    return Mean(name, float(values[known].mean()), float(low), float(high), int(known.sum()))


def references_for(people: NDArray[np.int32], count: int, seed: int = 0) -> NDArray[np.int64]:
    """For each of N faces, `count` others of other people, int64 (N, count); drawn, each once where there are enough.

    Args:
        people: (N,), of at least two people.
        count: for each.
        seed: of what is drawn.

    Raises:
        InsufficientData: all show one person.
    """
    rng = stream(seed, "translation", "references")
    found = np.empty((len(people), count), np.int64)
    for row, person in enumerate(people):
        others = np.flatnonzero(people != person)
        if not len(others):
            raise InsufficientData("the pack's eval people are one person; references are others")
        found[row] = rng.choice(others, count, replace=len(others) < count)
    return found


def spread(faces: torch.Tensor) -> float:
    """The mean root mean square difference of every two of K pictures, (K, 3, S, S) in [0, 1], in levels of 255."""
    flat = faces.flatten(1)
    apart = torch.cdist(flat, flat) / flat.shape[1] ** 0.5
    pairs = torch.triu_indices(len(flat), len(flat), 1)
    return float(apart[pairs[0], pairs[1]].mean() * 255)


def colours(crops: NDArray[np.float32], labels: NDArray[np.uint8]) -> NDArray[np.float64]:
    """The mean colour of each of `PARTS`, (N, P, 3), of crops (N, 3, S, S) and labels; NaN of a part too small."""
    found = np.full((len(crops), len(PARTS), 3), np.nan)
    for row, (crop, map_) in enumerate(zip(crops, labels, strict=True)):
        for place, part in enumerate(PARTS):
            where = map_ == CLASSES.index(part)
            if where.sum() >= FEWEST_PIXELS:
                found[row, place] = crop[:, where].mean(axis=1)
    return found


def evaluate(translator: Translator, images: torch.Tensor, people: NDArray[np.int32], parser: Any) -> list[Mean]:
    """All means.

    Args:
        translator: the networks.
        images: float32 (N, 3, S, S), S at least 256.
        people: (N,), who they show.
        parser: a `bench.api.Parser` of crops of 256.
    """
    side = translator.preset.side
    small = shrink(images, side)
    again = shrink(translator.reconstruct(images), side)
    frames = [to_frames(one.numpy()) for one in (small, again)]
    rows = references_for(people, LOOKS)
    own = translator.read(images)
    wish = own[torch.from_numpy(rows[:, 0])] - own
    by_reference = [
        translator.edit(images, wish, translator.reference_code(images[torch.from_numpy(rows[:, look])], wish))
        for look in range(LOOKS)
    ]
    noise = stream(0, "translation", "noise").uniform(-1, 1, (LOOKS, len(images), translator.preset.noise))
    by_label = [
        translator.edit(images, wish, translator.label_code(wish, torch.from_numpy(one.astype(np.float32))))
        for one in noise
    ]
    looks = {"label": by_label, "reference": by_reference}
    found = [
        mean_of("again: PSNR, dB", peak_signal_to_noise_ratio(*frames), people),
        mean_of("again: SSIM", structural_similarity(*frames), people),
    ]
    for name, several in looks.items():
        stacked = torch.stack([shrink(one, side) for one in several], dim=1)
        found.append(mean_of(f"looks by {name}", np.array([spread(one) for one in stacked]), people))
    strangers = torch.stack([small, small[torch.from_numpy(rows[:, 0])]], dim=1)
    found.append(mean_of("two people's photos", np.array([spread(one) for one in strangers]), people))
    photos = colours(images.numpy(), parser.parse(images.numpy()))
    made = by_reference[0].numpy()
    shown = colours(made, parser.parse(made))
    for place, part in enumerate(PARTS):
        theirs = photos[:, place]
        near = np.linalg.norm(shown[:, place] - theirs[rows[:, 0]], axis=1)
        far = np.linalg.norm(shown[:, place] - theirs[rows[:, 1]], axis=1)
        found.append(mean_of(f"style: {part}, own reference minus another", near - far, people))
        known = np.isfinite(near - far)
        found.append(mean_of(f"style: {part}, share nearer to its own", np.where(known, near < far, np.nan), people))
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints the table."""
    parser = argparse.ArgumentParser(prog="python -m generators.translation.evaluate")
    parser.add_argument("--data", type=Path, required=True, help="a pack with eval people")
    parser.add_argument("--weights", default="", help="a weight file; by default the released one")
    parser.add_argument("--faces", type=int, default=200, help="at most, one of each person after the other")
    given = parser.parse_args(arguments)
    translator = Translator(given.weights, batch_size=8)
    with contextlib.closing(Pack.open(given.data)) as pack:
        rows = pack.rows("eval")
        order = stream(0, "translation", "faces").permutation(len(rows))[: given.faces]
        rows = np.sort(rows[order])
        pixels = torch.from_numpy(np.array(pack.images(rows))).permute(0, 3, 1, 2).float().div(255)
        people = np.asarray(pack.subjects)[rows].astype(np.int32)
    with torch.inference_mode():
        found = evaluate(translator, grow(pixels.contiguous(), 256), people, load("parser", "face_parser"))
    print("| of eval people | mean | faces |\n|---|---|---|")
    for one in found:
        print(one)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
