"""Who is compared with whom: the protocols that any data set of named people can offer, files that list pairs, and who
the people of a list are that says only which pairs are mated.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Sequence
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
    where: str = "the data set",
) -> Trials:
    """Every unordered pair of frames once, mated and nonmated alike.

    Args:
        frames: the frames to choose from, in the data set's order.
        rng: draws which frames of a person take part where there are more than `max_per_subject`.
        max_per_subject: at most so many frames of one person, at least 1.
        protocol: the name to file the trials under.
        where: the data set, for the error.

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
        raise InsufficientData(f"{where}: got {len(kept)} frames; a protocol of all pairs needs at least two")
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


def ten_folds(pairs: int, folds: int = 10) -> NDArray[np.int16]:
    """int16 (M,): folds in the order of the pairs, the first ones a pair longer where the parts are not equal.

    scikit-learn's ``KFold(10, shuffle=False)``, with which InsightFace's verification.py judges its sets.

    Args:
        pairs: M, at least `folds`.
        folds: how many.

    Raises:
        InsufficientData: fewer pairs than folds.
    """
    if pairs < folds:
        raise InsufficientData(f"got {pairs} pairs; {folds} folds need at least one pair each")
    sizes = np.full(folds, pairs // folds)
    sizes[: pairs % folds] += 1
    return np.repeat(np.arange(folds, dtype=np.int16), sizes)


def join_mated(
    count: int, probe: NDArray[np.integer], reference: NDArray[np.integer], mated: NDArray[np.bool_]
) -> NDArray[np.int64]:
    """Who is who, as far as mated pairs tell: whoever they join, directly or through others, is one person.

    Args:
        count: N, how many photos or templates there are.
        probe: int (M,), one side of each pair.
        reference: int (M,), the other side.
        mated: bool (M,), whether both sides show one person.

    Returns:
        int64 (N,): for each the smallest index of its person; its own where no mated pair names it.
    """
    root = list(range(count))

    def find(index: int) -> int:
        while root[index] != index:
            root[index] = root[root[index]]
            index = root[index]
        return index

    for first, second in zip(probe[mated].tolist(), reference[mated].tolist(), strict=True):
        low, high = sorted((find(first), find(second)))
        root[high] = low
    return np.array([find(index) for index in range(count)], dtype=np.int64)


def contradictions(
    people: NDArray[np.int64],
    probe: NDArray[np.integer],
    reference: NDArray[np.integer],
    mated: NDArray[np.bool_],
) -> NDArray[np.int64]:
    """The nonmated pairs whose sides mated pairs join, ascending; see `join_mated`, which returns `people`."""
    return np.flatnonzero(~mated & (people[probe] == people[reference]))


def mated_chain(
    probe: NDArray[np.integer], reference: NDArray[np.integer], mated: NDArray[np.bool_], start: int, goal: int
) -> list[int]:
    """The fewest mated pairs that join two photos or templates, as indices of pairs from one to the other.

    Args:
        probe: int (M,), one side of each pair.
        reference: int (M,), the other side.
        mated: bool (M,).
        start: one of the two.
        goal: the other; mated pairs join them.
    """
    beside: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for pair in np.flatnonzero(mated).tolist():
        first, second = int(probe[pair]), int(reference[pair])
        beside[first].append((second, pair))
        beside[second].append((first, pair))
    came: dict[int, tuple[int, int]] = {start: (start, -1)}
    waiting = deque([start])
    while goal not in came:
        here = waiting.popleft()
        for there, pair in beside[here]:
            if there not in came:
                came[there] = (here, pair)
                waiting.append(there)
    chain: list[int] = []
    while goal != start:
        goal, pair = came[goal]
        chain.append(pair)
    return chain[::-1]


def refuse_contradictions(
    where: str,
    names: Sequence[str],
    said: Callable[[int], str],
    people: NDArray[np.int64],
    probe: NDArray[np.integer],
    reference: NDArray[np.integer],
    mated: NDArray[np.bool_],
) -> None:
    """Makes sure that a list of pairs has one answer to who is who.

    Args:
        where: the list, for the error.
        names: of N photos or templates.
        said: from the index of a pair to where it is said, such as ``"line 7"``.
        people: what `join_mated` returned.
        probe: int (M,).
        reference: int (M,).
        mated: bool (M,).

    Raises:
        CorruptFile: a pair is said to be of two people whom mated pairs make one; names them.
    """
    wrong = contradictions(people, probe, reference, mated)
    if not wrong.size:
        return
    first = int(wrong[0])
    one, other = names[probe[first]], names[reference[first]]
    chain = mated_chain(probe, reference, mated, int(probe[first]), int(reference[first]))
    shown = [f"{names[probe[pair]]} and {names[reference[pair]]} ({said(pair)})" for pair in chain[:4]]
    more = f", and {len(chain) - 4} more" * (len(chain) > 4)
    raise CorruptFile(
        f"{where}, {said(first)}: {one} and {other} are said to show two people, but other lines make them one: "
        f"{', '.join(shown) or 'they are the same'}{more}; {wrong.size} pairs contradict others in all: correct one of "
        "these lines"
    )
