"""The lists beside CelebAMask-HQ's photos: which CelebA photo each was made of, attributes, poses."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bench.datasets.attributes import ATTRIBUTES
from bench.datasets.text_files import read_words
from bench.errors import CorruptFile

MAPPING = "CelebA-HQ-to-CelebA-mapping.txt"
ATTRIBUTE_LIST, POSES = "CelebAMask-HQ-attribute-anno.txt", "CelebAMask-HQ-pose-anno.txt"
ANGLES = ("yaw", "pitch", "roll")


def read_mapping(path: Path) -> dict[str, str]:
    """Number of a photo, as text, to the CelebA photo that it was made of: ``{"0": "119614.jpg"}``.

    Args:
        path: ``CelebA-HQ-to-CelebA-mapping.txt``: a header, then a number, CelebA's index from 0, and its file name.

    Raises:
        CorruptFile: a line has another shape, or a number stands twice.
    """
    found: dict[str, str] = {}
    for line, words in enumerate(read_words(path), 1):
        if line == 1 and not words[0].isdecimal():
            continue  # the header
        if len(words) != 3 or not words[0].isdecimal() or words[0] in found:
            raise CorruptFile(f"{path}, line {line}: got {' '.join(words)!r}; expected 'number index photo', each once")
        found[words[0]] = words[2]
    return found


def read_annotations(path: Path, columns: Sequence[str]) -> dict[str, tuple[float, ...]]:
    """Photo to its values, from one of the annotation files: a count, the names, then a photo and its values a line.

    Args:
        path: the file.
        columns: what its values are; of `ANGLES` their number is compared only, not how the file spells them.

    Raises:
        CorruptFile: a line has another shape.
    """
    rows = read_words(path)
    if len(rows) < 2 or len(rows[1]) != len(columns) or (columns is ATTRIBUTES and tuple(rows[1]) != ATTRIBUTES):
        raise CorruptFile(f"{path}: line 2 does not hold {len(columns)} names: {', '.join(columns[:3])}, ...")
    found = {}
    for line, words in enumerate(rows[2:], 3):
        try:
            found[words[0]] = tuple(float(word) for word in words[1:])
        except ValueError:
            found[words[0]] = ()
        if len(found[words[0]]) != len(columns):
            raise CorruptFile(
                f"{path}, line {line}: got {' '.join(words)[:60]!r}; expected a photo and {len(columns)} numbers"
            )
    return found
