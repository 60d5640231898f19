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

from bench.images import to_crops
from bench.parsers.face_parser import FaceParser, FaceParserSettings
from bench.parsers.labels import LABELS
from generators.auxiliary.face_parser.recipe import COLOURS
from generators.auxiliary.face_parser.scoring import agreement, confusion
from generators.picture_sheets import drawn_crops, shown_small, write_sheet

FACES = 12


def sheet(crops: NDArray[np.uint8], maps: Sequence[NDArray[np.uint8]], columns: int) -> NDArray[np.uint8]:
    """Faces beside their label maps in colour, `columns` of them in a row."""
    shown = []
    for place, crop in enumerate(crops):
        parts = [crop, *(COLOURS[one[place]].astype(np.uint8) for one in maps)]
        shown.append(np.concatenate([shown_small(part) for part in parts], axis=1))
    rows = [np.concatenate(shown[start : start + columns], axis=1) for start in range(0, len(shown), columns)]
    return np.concatenate(rows)


def main(arguments: Sequence[str] | None = None) -> int:
    """Writes the pictures and prints how well the parser agrees with the drawings."""
    parser = argparse.ArgumentParser(prog="python -m generators.auxiliary.face_parser.pictures", description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("docs/images"), help="the folder for the pictures")
    parser.add_argument("--weights", default="", help="a weight file; by default the released one")
    given = parser.parse_args(arguments)
    crops, truth, *_ = drawn_crops(FACES)
    plugin = FaceParser(FaceParserSettings(weights=given.weights))
    found = plugin.parse(to_crops(crops))
    digest = str(plugin.fingerprint()["weights"])
    write_sheet(
        given.out / "parsers-drawn.png",
        sheet(crops, [truth, found], 3),
        "dataset/drawn",
        digest,
        "docs/parsers.md",
        colours=128,
    )
    counts = [confusion(true, said, len(LABELS)) for true, said in zip(truth, found, strict=True)]
    figures = agreement(counts, LABELS)
    print(f"{figures.count} drawn faces: mIoU {figures.mean:.3f}, pixel accuracy {figures.accuracy:.3f}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
