"""Who is put together with whom in a made face: different people at random, or people who look alike."""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from bench.api import Frame
from bench.errors import InsufficientData
from bench.seeding import stream
from bench.sweep.pairing import Album

GENDER_COLUMNS = ("Male", "gender")
"""The attributes by which look-alikes are of the same gender, the first that a data set has."""


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
