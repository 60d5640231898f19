"""Who is compared with whom: the protocols that any data set of named people can offer, and files that list pairs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.api import Frame, Trials
from bench.errors import ConfigError, CorruptFile, InsufficientData, MissingFile

MAX_FRAMES_PER_SUBJECT = 20
"""One LFW person alone has 530 photos; without a cap the all-pairs figures would be about him."""


MAX_TRIALS = 30_000_000
"""A trial takes about 100 bytes from planning to Parquet: this many fit into 4 GB."""


def all_pairs(
    frames: Sequence[Frame],
    rng: np.random.Generator,
    max_per_subject: int = MAX_FRAMES_PER_SUBJECT,
    protocol: str = "all_pairs",
) -> Trials:
    """Every unordered pair of frames once, mated and nonmated alike.

    Args:
        frames: the frames to choose from, in the data set's order.
        rng: draws which frames of a person take part where there are more than `max_per_subject`.
        max_per_subject: at most so many frames of one person, at least 1.
        protocol: the name to file the trials under.

    Raises:
        InsufficientData: fewer than two frames.
        ConfigError: more than `MAX_TRIALS` pairs.
    """
    of_subject: dict[str, list[int]] = defaultdict(list)
    for index, frame in enumerate(frames):
        of_subject[frame.subject].append(index)
    kept: list[int] = []
    for subject in sorted(of_subject):
        mine = np.array(of_subject[subject])
        if len(mine) > max_per_subject:
            mine = rng.choice(mine, max_per_subject, replace=False)
        kept.extend(mine.tolist())
    if len(kept) < 2:
        raise InsufficientData(f"got {len(kept)} frames; a protocol of all pairs needs at least two")
    if (trials := len(kept) * (len(kept) - 1) // 2) > MAX_TRIALS:
        raise ConfigError(
            f"all pairs of {len(kept):,} frames are {trials:,} comparisons, more than {MAX_TRIALS:,}; compare one part "
            "of the people (split: eval) or fewer photos of each (max_per_subject)"
        )
    probe, reference = np.triu_indices(len(kept), 1)
    chosen = tuple(frames[index] for index in sorted(kept))
    return Trials(protocol, chosen, probe.astype(np.int32), reference.astype(np.int32))


def read_lfw_pairs(path: Path) -> list[tuple[str, int, str, int, int]]:
    """The trials of an LFW view-2 pair list.

    The first line gives the folds and the mated pairs a fold; then, fold by fold, as many lines
    ``name n m`` and as many ``name n other m``.

    Args:
        path: ``pairs.txt``.

    Returns:
        One (name, photo number, other name, other photo number, fold) for each trial; folds count from 0.

    Raises:
        MissingFile: there is no such file.
        CorruptFile: a line has another shape, or there are fewer lines than promised.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError as error:
        raise MissingFile(f"no pair list at {path}") from error
    except UnicodeDecodeError as error:
        raise CorruptFile(f"{path}: not UTF-8 text ({error})") from error
    rows = [line.split() for line in lines if line.strip()]
    try:
        folds, per_fold = (int(word) for word in rows[0])
    except (IndexError, ValueError) as error:
        raise CorruptFile(f"{path}: line 1 is {lines[:1]!r}; expected two numbers, folds and pairs a fold") from error
    if len(rows) != 1 + 2 * folds * per_fold:
        raise CorruptFile(f"{path}: {len(rows) - 1} pairs; line 1 promises {folds} x 2 x {per_fold}")
    return [_pair(row, path, 2 + k, k // (2 * per_fold)) for k, row in enumerate(rows[1:])]


def _pair(row: list[str], path: Path, line: int, fold: int) -> tuple[str, int, str, int, int]:
    try:
        if len(row) == 3:
            return row[0], int(row[1]), row[0], int(row[2]), fold
        if len(row) == 4:
            return row[0], int(row[1]), row[2], int(row[3]), fold
    except ValueError:
        pass
    raise CorruptFile(f"{path}, line {line}: got {' '.join(row)!r}; expected 'name n m' or 'name n other m'")


def indexed_trials(protocol: str, pairs: Sequence[tuple[Frame, Frame]], folds: Sequence[int] | None = None) -> Trials:
    """Trials from pairs of frames; a frame that several pairs name is kept once.

    Args:
        protocol: the name to file them under.
        pairs: probe and reference of each trial.
        folds: the fold of each trial, or None.
    """
    position: dict[Frame, int] = {}
    for pair in pairs:
        for frame in pair:
            position.setdefault(frame, len(position))
    index: NDArray[np.int32] = np.array([[position[a], position[b]] for a, b in pairs], dtype=np.int32).reshape(-1, 2)
    fold = None if folds is None else np.array(folds, dtype=np.int16)
    return Trials(protocol, tuple(position), index[:, 0].copy(), index[:, 1].copy(), fold)
