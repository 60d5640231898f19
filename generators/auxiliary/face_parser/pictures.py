"""The pictures of docs/parsers.md: drawn faces, what they show by rule, and what the parser says.

    python -m generators.auxiliary.face_parser.pictures --out docs/images

Nobody real is in them: the faces are those of the data set `drawn`. The parser has never learned from them.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from bench.aligners.templates import FFHQ256, crop_matrix, warp, warp_labels
from bench.api import Face
from bench.datasets.drawn.dataset import Drawn, DrawnSettings
from bench.images import synthetic_text, to_crops
from bench.parsers.face_parser import FaceParser, FaceParserSettings
from bench.parsers.labels import LABELS
from generators.auxiliary.face_parser.recipe import COLOURS
from generators.auxiliary.face_parser.scoring import agreement, confusion

FACES = 12
SHOWN = 128


def drawn_crops(count: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Crops `ffhq256` of drawn people and their label maps, aligned by their own points.

    Returns:
        uint8 (count, 256, 256, 3) and uint8 (count, 256, 256).
    """
    dataset = Drawn(DrawnSettings(people=count, images=1, side=320))
    crops, maps = [], []
    for frame in dataset.frames():
        points = dataset.landmarks(frame.key)
        matrix = crop_matrix(Face(box=np.zeros(4, np.float32), landmarks=points, confidence=1.0), FFHQ256)
        crops.append(warp(dataset.image(frame.key), matrix, FFHQ256.side))
        maps.append(warp_labels(dataset.mask(frame.key), matrix, FFHQ256.side))
    return np.stack(crops), np.stack(maps)


def sheet(crops: NDArray[np.uint8], maps: Sequence[NDArray[np.uint8]], columns: int) -> Image.Image:
    """Faces beside their label maps in colour, `columns` of them in a row."""
    shown = []
    for place, crop in enumerate(crops):
        parts = [crop, *(COLOURS[one[place]].astype(np.uint8) for one in maps)]
        shown.append(np.concatenate([_small(part) for part in parts], axis=1))
    rows = [np.concatenate(shown[start : start + columns], axis=1) for start in range(0, len(shown), columns)]
    return Image.fromarray(np.concatenate(rows))


def _small(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.asarray(Image.fromarray(picture).resize((SHOWN, SHOWN), Image.Resampling.BOX), dtype=np.uint8)


def main(arguments: Sequence[str] | None = None) -> int:
    """Writes the pictures and prints how well the parser agrees with the drawings."""
    parser = argparse.ArgumentParser(prog="python -m generators.auxiliary.face_parser.pictures", description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("docs/images"), help="the folder for the pictures")
    parser.add_argument("--weights", default="", help="a weight file; by default the released one")
    given = parser.parse_args(arguments)
    crops, truth = drawn_crops(FACES)
    plugin = FaceParser(FaceParserSettings(weights=given.weights))
    found = plugin.parse(to_crops(crops))
    given.out.mkdir(parents=True, exist_ok=True)
    info = PngInfo()
    digest = str(plugin.fingerprint()["weights"])
    for keyword, value in sorted(synthetic_text("dataset/drawn", digest, "docs/parsers.md").items()):
        info.add_text(keyword, value)
    sheet(crops, [truth, found], 3).quantize(128).save(given.out / "parsers-drawn.png", optimize=True, pnginfo=info)
    counts = [confusion(true, said, len(LABELS)) for true, said in zip(truth, found, strict=True)]
    figures = agreement(counts, LABELS)
    print(f"{figures.count} drawn faces: mIoU {figures.mean:.3f}, pixel accuracy {figures.accuracy:.3f}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
