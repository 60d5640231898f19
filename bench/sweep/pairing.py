"""Who contributes to each made face: people and photos, drawn by the seed, or read from a list.

Of K contributors the first two depend on nothing but the data set, the kind of pairs and the seed, so that makers of
two and of more faces start from the same pairs, and so do all settings of one maker.
"""

from __future__ import annotations

import csv
import hashlib
import itertools
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.api import Frame
from bench.errors import CorruptFile, InsufficientData, MissingFile
from bench.seeding import stream

GENDER_COLUMNS = ("Male", "gender")
"""The attributes by which look-alikes are of the same gender, the first that a data set has."""

LISTED = "listed"
"""What pairs from a file are called."""

_MOST_LISTED = 2_000_000


@dataclass(frozen=True, eq=False)
class Pairing:
    """The contributors of M faces, K each, and the other photos that each face is compared with.

    Attributes:
        frames: the photos that take part, each once.
        photo: int32 (M, K), indices into `frames`: what the maker sees; different people within a face.
        reference: int32 (M, K, R), indices into `frames`: other photos of the same people; -1 where there are fewer.
    """

    frames: tuple[Frame, ...]
    photo: NDArray[np.int32]
    reference: NDArray[np.int32]

    def __len__(self) -> int:
        """M, how many faces are to be made."""
        return len(self.photo)

    @property
    def digest(self) -> str:
        """SHA-256 of who contributes with which photos; it does not depend on pixels."""
        names = "\x1e".join(f"{frame.key}\x1f{frame.subject}" for frame in self.frames)
        sha = hashlib.sha256(f"{self.photo.shape}{self.reference.shape}\x1d{names}\x1d".encode())
        for indices in (self.photo, self.reference):
            sha.update(np.ascontiguousarray(indices, dtype="<i4").tobytes())
        return sha.hexdigest()

    @property
    def people(self) -> tuple[NDArray[np.int32], int]:
        """Who contributes, int32 (M, K), codes by sorted name, and how many people that are."""
        subjects, code = np.unique([frame.subject for frame in self.frames], return_inverse=True)
        codes: NDArray[np.int32] = code.astype(np.int32)[self.photo]
        return codes, len(subjects)


class Album:
    """The people of a data set who can contribute: those with a second photo to be compared with.

    Args:
        frames: the data set's frames.
        where: the data set, for errors.
        contributors: K, how many different people a face needs.

    Raises:
        InsufficientData: fewer than K people have two photos.
    """

    def __init__(self, frames: Sequence[Frame], where: str, contributors: int) -> None:
        photos: dict[str, list[int]] = defaultdict(list)
        for index, frame in enumerate(frames):
            photos[frame.subject].append(index)
        self.frames = frames
        self.people = sorted(person for person, indices in photos.items() if len(indices) > 1)
        self.photos = {person: photos[person] for person in self.people}
        self.most_photos = max((len(indices) for indices in self.photos.values()), default=0)
        if len(self.people) < contributors:
            raise InsufficientData(
                f"{where}: {len(self.people)} of {len(photos)} people have two photos or more; a face of "
                f"{contributors} contributors needs as many such people: one photo of each to make it of, another to "
                "compare it with"
            )


def different_people(album: Album, count: int, contributors: int, seed: int, where: str) -> NDArray[np.int64]:
    """Random different people for each face; no pair is drawn twice before each was drawn once.

    Args:
        album: P people.
        count: M faces.
        contributors: K of each.
        seed: the sweep's seed.
        where: the data set's name.

    Returns:
        int64 (M, K), places in ``album.people``.
    """
    rng = stream(seed, "pairs", where, "different_people")
    people = len(album.people)
    if contributors == 1:
        rounds = [rng.permutation(people) for _ in range(-(-count // people))]
        return np.concatenate(rounds)[:count, None]
    pairs = np.stack(_random_pairs(people, count, rng), axis=1)
    swap = rng.random(count) < 0.5
    pairs[swap] = pairs[swap][:, ::-1]
    return _with_others(pairs, people, contributors, stream(seed, "pairs", where, "others"))


def look_alikes(
    album: Album,
    similarity: NDArray[np.floating],
    genders: Mapping[str, str],
    count: int,
    contributors: int,
    seed: int,
    where: str,
) -> NDArray[np.int64]:
    """People who look alike: each is put together with whom they resemble most, then second most, and so on.

    Args:
        album: P people.
        similarity: (P, P), higher is more alike; NaN where a person was not acquired.
        genders: person to gender where it is known; people of different known genders are never put together.
        count: M faces.
        contributors: K of each; those after the second are the next whom the first resembles.
        seed: the sweep's seed.
        where: the data set's name.

    Returns:
        int64 (M, K), places in ``album.people``.

    Raises:
        InsufficientData: nobody can be put together with K - 1 others.
    """
    others = max(contributors - 1, 1)
    # Each rank gives at least half as many pairs as there are people; more ranks are kept only if these run out.
    depth = others + 2 * -(-count // len(album.people))
    while True:
        ranked = _ranked(album.people, similarity, genders, depth)
        rng = stream(seed, "pairs", where, "look_alikes")
        rounds = list(itertools.islice(_rounds(ranked, rng, others), count))
        if len(rounds) == count or depth >= len(album.people):
            break
        depth *= 4
    if not rounds:
        raise InsufficientData(
            f"{where}: nobody has {others} others of the same gender with a face that was found; take "
            "pairs: {kind: different_people}, or more people"
        )
    chosen = [group[:contributors] for group in itertools.islice(itertools.cycle(rounds), count)]
    found = np.array(chosen, dtype=np.int64)
    swap = stream(seed, "pairs", where, "look_alikes", "order").random(count) < 0.5
    if contributors > 1:
        found[swap, :2] = found[swap, 1::-1]
    return found


def photograph(album: Album, people: NDArray[np.int64], references: int, seed: int, where: str) -> Pairing:
    """The photos of chosen people: one that the maker sees, others to compare with.

    Args:
        album: where they come from.
        people: int64 (M, K), places in ``album.people``.
        references: at most so many other photos of each.
        seed: the sweep's seed.
        where: the data set's name.
    """
    chosen = np.empty(people.shape, dtype=np.int64)
    references = min(references, album.most_photos - 1)
    others = np.full((*people.shape, references), -1, dtype=np.int64)
    for column in range(people.shape[1]):
        rng = stream(seed, "pairs", where, "photos", str(column))
        for row, person in enumerate(people[:, column]):
            photos = rng.permutation(album.photos[album.people[person]])
            chosen[row, column] = photos[0]
            rest = photos[1 : 1 + references]
            others[row, column, : len(rest)] = rest
    return _pairing(album.frames, chosen, others)


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
    return _pairing(album.frames, chosen, others)


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


def genders_of(
    frames: Sequence[Frame], attributes: Mapping[str, NDArray[np.float32] | NDArray[np.str_]]
) -> dict[str, str]:
    """Person to gender, by most of their photos that say one; people of whom none does, or as many say another, are
    left out.

    Args:
        frames: N frames.
        attributes: attribute to (N,) values; see `bench.api.AttributedDataset`.
    """
    column = next((attributes[name] for name in GENDER_COLUMNS if name in attributes), None)
    if column is None:
        return {}
    votes: dict[str, list[str]] = defaultdict(list)
    for frame, value in zip(frames, column, strict=True):
        word = str(value)
        if word not in ("", "nan"):
            votes[frame.subject].append(word)
    found = {}
    for person, words in votes.items():
        (first, most), *others = Counter(words).most_common()
        if not others or others[0][1] < most:
            found[person] = first
    return found


def _random_pairs(people: int, count: int, rng: np.random.Generator) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Pairs of different people, lower place first; a pair comes again only when all have come."""
    every = people * (people - 1) // 2
    numbers = [rng.choice(every, min(every, count - start), replace=False) for start in range(0, count, every)]
    number = np.concatenate(numbers).astype(np.int64)
    # Pair number n of the upper triangle, row by row; the root is set right where rounding put it one off.
    row = (2 * people - 1 - np.sqrt((2 * people - 1) ** 2 - 8.0 * number)).astype(np.int64) // 2
    start = row * (2 * people - row - 1) // 2
    row = np.where(number < start, row - 1, np.where(number >= start + people - row - 1, row + 1, row))
    start = row * (2 * people - row - 1) // 2
    return row, row + 1 + number - start


def _with_others(
    pairs: NDArray[np.int64], people: int, contributors: int, rng: np.random.Generator
) -> NDArray[np.int64]:
    found = np.empty((len(pairs), contributors), dtype=np.int64)
    found[:, :2] = pairs
    for column in range(2, contributors):
        # Drawn among those who are left, then counted past each who is taken, the lowest first.
        drawn = rng.integers(0, people - column, len(pairs))
        for taken in np.sort(found[:, :column], axis=1).T:
            drawn += drawn >= taken
        found[:, column] = drawn
    return found


def _ranked(
    people: Sequence[str], similarity: NDArray[np.floating], genders: Mapping[str, str], depth: int
) -> list[NDArray[np.int32]]:
    """For each person the others who may be put together with them, the most alike first, at most `depth`."""
    known = np.array([genders.get(person, "") for person in people])
    ranked = []
    for index in range(len(people)):
        fits = (known == known[index]) | (known == "") | (known[index] == "")
        fits &= ~np.isnan(similarity[index])
        fits[index] = False
        others = np.flatnonzero(fits).astype(np.int32)
        order = np.argsort(-similarity[index, others], kind="stable")
        ranked.append(others[order[:depth]])
    return ranked


def _rounds(ranked: Sequence[NDArray[np.int32]], rng: np.random.Generator, others: int) -> Iterator[list[int]]:
    """Everybody with whom they resemble most, then everybody with the second, and so on; each pair of people once."""
    used: set[tuple[int, int]] = set()
    for rank in range(max((len(one) for one in ranked), default=0)):
        for first in rng.permutation(len(ranked)).tolist():
            if rank + others > len(ranked[first]):
                continue  # not so many people resemble this one
            second = int(ranked[first][rank])
            pair = (min(first, second), max(first, second))
            if pair not in used:
                used.add(pair)
                yield [first, *ranked[first][rank : rank + others].tolist()]


def _pairing(frames: Sequence[Frame], photo: NDArray[np.int64], reference: NDArray[np.int64]) -> Pairing:
    kept = np.unique(np.concatenate([photo.ravel(), reference[reference >= 0]]))
    place = np.full(len(frames) + 1, -1, dtype=np.int32)
    place[kept] = np.arange(kept.size, dtype=np.int32)
    return Pairing(tuple(frames[index] for index in kept), place[photo], place[reference])
