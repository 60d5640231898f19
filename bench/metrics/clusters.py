"""Who a trial rests on: trials that share a person, or a source or target face, are not independent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from bench.errors import ShapeError

_DENSE_CELLS = 2**25
"""Up to so many pairs of clusters are counted in a table; above, trials are sorted by pair."""


@dataclass(frozen=True, eq=False)
class Clusters:
    """Which one or two clusters, most often people, each trial rests on.

    Attributes:
        first: int32 (M,), a code from 0 to `count` - 1.
        second: int32 (M,), another code of the same namespace; equal to `first` for a mated trial.
        count: how many codes there are, whether or not each appears.
    """

    first: NDArray[np.int32]
    second: NDArray[np.int32]
    count: int

    def __post_init__(self) -> None:
        for name, codes in (("first", self.first), ("second", self.second)):
            if codes.ndim != 1 or codes.dtype != np.int32 or codes.shape != self.first.shape:
                raise ShapeError(f"got {name} {codes.dtype} {codes.shape}; expected two int32 (M,) of one length")
            if codes.size and not 0 <= int(codes.min()) <= int(codes.max()) < self.count:
                raise ShapeError(
                    f"got {name} from {codes.min()} to {codes.max()}; expected codes from 0 to {self.count - 1}"
                )

    def __len__(self) -> int:
        """How many trials there are."""
        return self.first.size

    def select(self, trials: NDArray[np.bool_] | NDArray[np.integer]) -> Clusters:
        """Those of some trials, with the same codes and the same `count`.

        Args:
            trials: bool (M,) or int, which trials.
        """
        return Clusters(self.first[trials], self.second[trials], self.count)

    def present(self) -> int:
        """How many clusters have a trial."""
        seen = np.zeros(self.count, np.bool_)
        seen[self.first] = True
        seen[self.second] = True
        return int(np.count_nonzero(seen))


def clusters_of(first_names: Sequence[str], second_names: Sequence[str]) -> Clusters:
    """Trials clustered by their two people.

    Args:
        first_names: the probe's person in each of M trials.
        second_names: the reference's person in each trial; the same name means a mated trial.

    Returns:
        One namespace: a person has one code whether probe or reference. Codes follow the sorted names, so they do not
        depend on the order of trials.

    Raises:
        ShapeError: two lists of different lengths.
    """
    _check_lengths(first_names, second_names)
    names = sorted(set(first_names) | set(second_names))
    codes = {name: code for code, name in enumerate(names)}
    return Clusters(_encode(first_names, codes), _encode(second_names, codes), len(names))


def two_way(source_names: Sequence[str], target_names: Sequence[str]) -> Clusters:
    """Trials clustered by source and by target, as those of an attack that turns sources towards targets.

    Args:
        source_names: the source of each of M trials.
        target_names: the target of each trial.

    Returns:
        Two namespaces: a person who is a source of one trial and a target of another counts as two clusters. Sources
        have the lower codes; both follow the sorted names.

    Raises:
        ShapeError: two lists of different lengths.
    """
    _check_lengths(source_names, target_names)
    sources, targets = sorted(set(source_names)), sorted(set(target_names))
    first = {name: code for code, name in enumerate(sources)}
    second = {name: code for code, name in enumerate(targets, start=len(sources))}
    return Clusters(_encode(source_names, first), _encode(target_names, second), len(sources) + len(targets))


def independent_trials(clusters: Clusters) -> int:
    """How many trials can be chosen of which no two share a cluster.

    A mated trial takes one person only, so one is chosen of every person who has any. The other people are gone
    through from those compared with the fewest to those compared with the most; each is put together with the free
    one among those compared with them that is itself compared with the fewest. That is at least half of the most that
    could be chosen, and nearly always all; all pairs of P people give floor(P/2).

    Args:
        clusters: of M trials.

    Returns:
        From 0 (no trial) to the number of clusters; the same for every order of trials.
    """
    mated = clusters.first == clusters.second
    free = np.ones(clusters.count, np.bool_)
    free[clusters.first[mated]] = False
    chosen = int(np.count_nonzero(~free))
    keys = np.sort(pair_keys(clusters)[~mated & free[clusters.first] & free[clusters.second]])
    low, high = np.divmod(keys[_first_of_run(keys)], max(clusters.count, 1))
    degree = np.bincount(low, minlength=clusters.count) + np.bincount(high, minlength=clusters.count)
    by_degree = np.argsort(degree, kind="stable")
    rank = np.empty(clusters.count, np.int64)
    rank[by_degree] = np.arange(clusters.count)
    low, high = rank[low], rank[high]
    edges = np.sort(np.concatenate([low * clusters.count + high, high * clusters.count + low]))
    neighbours, bounds = edges % max(clusters.count, 1), np.append(0, np.cumsum(degree[by_degree]))
    free = free[by_degree]
    for place, (start, end) in enumerate(pairwise(bounds.tolist())):
        if start == end or not free[place]:
            continue
        row = neighbours[start:end]
        partner = row[int(np.argmax(free[row]))]
        if free[partner]:
            free[place] = free[partner] = False
            chosen += 1
    return chosen


def pair_keys(clusters: Clusters) -> NDArray[np.int64]:
    """The pair of clusters of each trial as one number, int64 (M,): the lower code times `count` plus the higher."""
    low = np.minimum(clusters.first, clusters.second).astype(np.int64)
    low *= clusters.count
    low += np.maximum(clusters.first, clusters.second)
    return low


def pair_counts(clusters: Clusters, marked: NDArray[np.bool_]) -> tuple[NDArray[np.int64], ...]:
    """How many trials each pair of clusters has, and how many of them are marked.

    Args:
        clusters: of M trials.
        marked: bool (M,).

    Returns:
        The pairs that have a trial, ascending: lower code, higher code, trials, marked trials; each int64 (cells,).
    """
    keys = pair_keys(clusters)
    if clusters.count**2 <= min(_DENSE_CELLS, 8 * keys.size + 1024):
        trials = np.bincount(keys, minlength=clusters.count**2)
        marks = np.bincount(keys[marked], minlength=clusters.count**2)
        cells = np.flatnonzero(trials)
        trials, marks = trials[cells], marks[cells]
    else:
        keys = np.sort(2 * keys + marked)
        starts = _first_of_run(keys >> 1)
        cells = keys[starts] >> 1
        trials = np.diff(np.append(starts, keys.size))
        marks = np.add.reduceat(keys & 1, starts) if keys.size else keys
    low, high = np.divmod(cells, max(clusters.count, 1))
    return low, high, trials.astype(np.int64), marks.astype(np.int64)


def _first_of_run(ascending: NDArray[np.int64]) -> NDArray[np.intp]:
    """Where each distinct number stands first; np.unique would take ten times as long."""
    return np.flatnonzero(np.diff(ascending, prepend=-1))


def _encode(names: Sequence[str], codes: dict[str, int]) -> NDArray[np.int32]:
    return np.fromiter(map(codes.__getitem__, names), np.int32, len(names))


def _check_lengths(first: Sequence[str], second: Sequence[str]) -> None:
    if len(first) != len(second):
        raise ShapeError(f"got {len(first)} and {len(second)} names; expected two for every trial")
