"""Pairs that a CSV file names, such as the one that an earlier run's report wrote."""

from __future__ import annotations

import csv
import re
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from bench.errors import CorruptFile, MissingFile
from bench.seeding import stream
from bench.sweep.pairing import Album, Pairing, pairing_of

LISTED = "listed"
"""What pairs from a file are called."""

_MOST_LISTED = 2_000_000


def listed(album: Album, path: Path, contributors: int, references: int, seed: int, where: str) -> Pairing:
    """The pairs that a CSV file names, with other photos of the same people drawn to compare with.

    Args:
        album: whose photos they are.
        path: a file with the columns ``face``, ``contributor`` and ``photo``, as a report's contributors.csv.
        contributors: K of each face; a list with more serves its first K.
        references: at most so many other photos of each.
        seed: the sweep's seed.
        where: the data set's name.

    Raises:
        MissingFile: there is no such file.
        CorruptFile: a column, photo or contributor is missing, or one person contributes twice.
    """
    place = {album.frames[index].key: index for person in album.people for index in album.photos[person]}
    rows = read_list(path)
    chosen = np.empty((len(rows), contributors), dtype=np.int64)
    references = min(references, album.most_photos - 1)
    others = np.full((*chosen.shape, references), -1, dtype=np.int64)
    for row, (face, photos) in enumerate(rows.items()):
        if len(photos) < contributors:
            raise CorruptFile(f"{path}: face {face} has {len(photos)} contributors; expected {contributors}")
        for column, key in enumerate(photos[:contributors]):
            if key not in place:
                raise CorruptFile(f"{path}: face {face} names the photo {key!r}, of nobody in {where} with two photos")
            chosen[row, column] = place[key]
        if len({album.frames[index].subject for index in chosen[row]}) < contributors:
            raise CorruptFile(f"{path}: one person contributes twice to face {face}; expected different people")
    for column in range(contributors):
        rng = stream(seed, "pairs", where, "references", str(column))
        for row, index in enumerate(chosen[:, column]):
            photos_of = rng.permutation(album.photos[album.frames[index].subject])
            rest = photos_of[photos_of != index][:references]
            others[row, column, : len(rest)] = rest
    return pairing_of(album.frames, chosen, others)


def read_list(path: Path) -> dict[str, list[str]]:
    """Face to the keys of its contributors' photos, in the order of their places.

    Args:
        path: a CSV file with the columns ``face``, ``contributor`` (a number from 1) and ``photo``.

    Raises:
        MissingFile: there is no such file.
        CorruptFile: it is not such a file.
    """
    found: dict[str, dict[int, str]] = defaultdict(dict)
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            lacking = {"face", "contributor", "photo"} - set(reader.fieldnames or ())
            if lacking:
                raise CorruptFile(f"{path}: no column {', '.join(sorted(lacking))}; expected face, contributor, photo")
            for number, row in enumerate(reader):
                if number == _MOST_LISTED:
                    raise CorruptFile(f"{path}: more than {_MOST_LISTED:,} rows; split the list")
                _take_in(found, row, f"{path}, line {reader.line_num}")
    except FileNotFoundError as error:
        raise MissingFile(f"no list of pairs at {path}") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise CorruptFile(f"{path}: not a CSV file ({error})") from error
    except OSError as error:
        raise CorruptFile(f"{path}: not a CSV file that can be read ({error.strerror})") from error
    if not found:
        raise CorruptFile(f"{path}: no pairs in it")
    for face, photos in found.items():
        if sorted(photos) != list(range(1, len(photos) + 1)):
            raise CorruptFile(f"{path}: face {face} has the contributors {sorted(photos)}; expected 1 to K")
    return {face: [photos[number] for number in sorted(photos)] for face, photos in found.items()}


def _take_in(found: dict[str, dict[int, str]], row: Mapping[str, str | None], where: str) -> None:
    face, contributor, photo = (row[name] or "" for name in ("face", "contributor", "photo"))
    if not face or not photo or not re.fullmatch(r"[0-9]{1,9}", contributor):
        raise CorruptFile(
            f"{where}: got face {face!r}, contributor {contributor!r}, photo {photo!r}; expected a face, a number from "
            "1 and a photo"
        )
    if int(contributor) in found[face]:
        raise CorruptFile(f"{where}: contributor {int(contributor)} of face {face} stands twice; expected each once")
    found[face][int(contributor)] = photo
