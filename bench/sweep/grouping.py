"""Groups of people or photos: whose values a column holds, who belongs to which group, the figures of each group."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.api import AttributedDataset, Dataset, Frame, Trials
from bench.config import GroupEntry, Sweep
from bench.datasets.columns import ColumnFile, ColumnValues, read_columns
from bench.errors import ConfigError, PluginError, UnknownName
from bench.metrics import FigureValue
from bench.metrics.clusters import Clusters
from bench.metrics.groups import assess_groups

MOST_NUMBERS = 12
"""A column of more different numbers needs bands."""
MOST_WORDS = 50
"""A column of more different words tells photos or people apart, not groups of them."""


# --------------------------------------------------------------------------------------------- columns and their values


def plan_columns(sweep: Sweep, dataset: Dataset, frames: Sequence[Frame]) -> dict[str, str]:
    """The columns that a sweep uses, each with the digest of its values: what a cell's key holds of them.

    Args:
        sweep: the sweep.
        dataset: its data set.
        frames: the frames that take part.

    Returns:
        Column to SHA-256 hex; empty where nothing uses a column.

    Raises:
        UnknownName: a column that neither the data set nor a file has.
        ConfigError: a column that stands in two places, or that cannot be grouped or discarded by as it is.
        CorruptFile: a file that is no table of photos.
        MissingFile: a file that is not there.
    """
    values = column_values(sweep.columns, wanted_columns(sweep.groups, sweep.discard), dataset, frames)
    if repeated := [name for name, count in Counter(entry.column for entry in sweep.groups).items() if count > 1]:
        raise ConfigError(f"groups: column {repeated[0]!r} stands twice; figures could not tell the two apart")
    for entry in sweep.groups:
        group_of_frames(entry, values[entry.column], frames)
    for name in sweep.discard:
        check_quality(name, values[name])
    return {name: column_digest(value) for name, value in values.items()}


def wanted_columns(groups: Iterable[GroupEntry], discard: Iterable[str]) -> tuple[str, ...]:
    """The columns that groups and discard curves need, each once."""
    return tuple(dict.fromkeys([*(entry.column for entry in groups), *discard]))


def column_values(
    files: Sequence[Path | str], names: Sequence[str], dataset: Dataset, frames: Sequence[Frame]
) -> dict[str, ColumnValues]:
    """The values of columns, of the data set or of files.

    Args:
        files: CSV files with columns about the data set's photos.
        names: the columns.
        dataset: the data set.
        frames: N frames of it.

    Returns:
        Column to (N,) values, in the order of `frames`: float32, NaN where unknown, or text, empty where unknown.

    Raises:
        UnknownName: a column that neither the data set nor a file has.
        ConfigError: a column that stands in two places, or of which no photo has a value.
        CorruptFile: a file that is no table of photos.
        MissingFile: a file that is not there.
        PluginError: the data set breaks its contract.
    """
    tables = read_columns([Path(file) for file in files], names)
    if not names:
        return {}
    keys = [frame.key for frame in dataset.frames()]
    place = {key: index for index, key in enumerate(keys)}
    chosen = np.array([place[frame.key] for frame in frames], dtype=np.int64)
    own = _attributes(dataset, len(keys))
    source = {name: _only_place(name, own, tables) for name in names}
    read = {table: table.values_of(keys) for table in source.values() if table is not None}
    found: dict[str, ColumnValues] = {}
    for name, table in source.items():
        found[name] = (own if table is None else read[table])[name][chosen]
        if not known(found[name]).any():
            where = "the data set's attributes" if table is None else table.path
            raise ConfigError(f"column {name!r} of {where} has no value for any of the {len(frames)} photos in use")
    return found


def refuse_templates(trials: Trials, what: str) -> None:
    """Makes sure that single photos are compared: a template has no column's value.

    Args:
        trials: the trials.
        what: the key of the sweep file that asks for columns, for the error.

    Raises:
        ConfigError: they compare templates.
    """
    if trials.templates is not None:
        raise ConfigError(
            f"{what}: the protocol {trials.protocol!r} compares templates of several photos, and columns are about one "
            f"photo each; leave {what} out of this sweep"
        )


def known(values: ColumnValues) -> NDArray[np.bool_]:
    """Bool (N,): which photos have a value."""
    return values != "" if values.dtype.kind == "U" else ~np.isnan(values)


def column_digest(values: ColumnValues) -> str:
    """SHA-256 hex of the values of a column."""
    if values.dtype.kind == "U":
        return hashlib.sha256(("text\x1d" + "\x1e".join(values.tolist())).encode()).hexdigest()
    numbers = np.where(np.isnan(values), np.float32(np.nan), values) + np.float32(0)  # one NaN, and no minus zero
    return hashlib.sha256(b"numbers\x1d" + np.ascontiguousarray(numbers, dtype="<f4").tobytes()).hexdigest()


def check_quality(name: str, values: ColumnValues) -> None:
    """Refuses a column that has no order.

    Raises:
        ConfigError: its values are words.
    """
    if values.dtype.kind == "U":
        raise ConfigError(
            f"discard: column {name!r} holds words, such as {_a_word(values)!r}; expected numbers, higher for a better "
            "photo"
        )


def _attributes(dataset: Dataset, count: int) -> dict[str, ColumnValues]:
    if not isinstance(dataset, AttributedDataset):
        return {}
    checked: dict[str, ColumnValues] = {}
    for name, values in dataset.attributes().items():
        if values.shape != (count,) or values.dtype.kind not in "fU":
            raise PluginError(
                f"{type(dataset).__name__}.attributes: {name} is {values.dtype} {values.shape}; expected float32 or "
                f"text ({count},), in the order of frames()"
            )
        checked[name] = values if values.dtype.kind == "U" else values.astype(np.float32)
    return checked


def _only_place(name: str, own: Mapping[str, ColumnValues], tables: Sequence[ColumnFile]) -> ColumnFile | None:
    """The one file that has a column; None where the data set has it."""
    holders = [table for table in tables if name in table.names]
    places = ["the data set's attributes"] * (name in own) + [str(table.path) for table in holders]
    if not places:
        every = {*own, *(column for table in tables for column in table.names)}
        hint = "" if every else "(the data set has no attributes here; name a CSV file under columns:)"
        raise UnknownName("column", name, every, hint)
    if len(places) > 1:
        raise ConfigError(f"column {name!r} stands in {' and in '.join(places)}; rename or remove one")
    return holders[0] if holders else None


# ----------------------------------------------------------------------------------------------- who belongs to a group


def group_of_frames(
    entry: GroupEntry, values: ColumnValues, frames: Sequence[Frame]
) -> tuple[NDArray[np.int32], tuple[str, ...]]:
    """The group of every photo.

    Each value, or each band [a, b), is a group. With ``per: person`` a photo belongs to the group of most of its
    person's photos that have one; where two groups have as many, to none.

    Args:
        entry: the column and how to part it.
        values: (N,) of that column.
        frames: N frames.

    Returns:
        int32 (N,), the group of each photo, -1 for none, and the groups' names, such as ``"Male=1"`` or
        ``"age=30-50"``, ascending.

    Raises:
        ConfigError: words to be parted into bands, or too many different values to be groups.
    """
    if entry.bins is not None:
        codes, labels = _bands(entry, values)
    else:
        codes, labels = _distinct(entry.column, values)
    names = tuple(f"{entry.column}={label}" for label in labels)
    if entry.per == "photo" or not names:
        return codes, names
    people, person = np.unique([frame.subject for frame in frames], return_inverse=True)
    votes = np.zeros((len(people), len(names)), dtype=np.int64)
    np.add.at(votes, (person[codes >= 0], codes[codes >= 0]), 1)
    most = votes.max(axis=1, initial=0)
    clear = (most > 0) & (np.count_nonzero(votes == most[:, None], axis=1) == 1)
    choice = np.where(clear, votes.argmax(axis=1), -1).astype(np.int32)
    return choice[person], names


def _bands(entry: GroupEntry, values: ColumnValues) -> tuple[NDArray[np.int32], list[str]]:
    if values.dtype.kind == "U":
        raise ConfigError(
            f"groups: column {entry.column!r} holds words, such as {_a_word(values)!r}; leave bins out, they are for "
            "numbers"
        )
    # As float32, like the values: 0.7 must not be above the value 0.7.
    edges = np.array(entry.bins, dtype=np.float32)
    codes = np.searchsorted(edges, values, side="right").astype(np.int32) - 1
    codes[~known(values) | (codes >= len(edges) - 1)] = -1
    texts = [_short(edge) for edge in edges]
    return codes, [f"{low}-{high}" for low, high in pairwise(texts)]


def _distinct(column: str, values: ColumnValues) -> tuple[NDArray[np.int32], list[str]]:
    has = known(values)
    different, place = np.unique(values[has], return_inverse=True)
    words = values.dtype.kind == "U"
    if words and len(different) > MOST_WORDS:
        raise ConfigError(
            f"groups: column {column!r} holds {len(different)} different words, more than {MOST_WORDS}: too many to be "
            "a group each"
        )
    if not words and len(different) > MOST_NUMBERS:
        raise ConfigError(
            f"groups: column {column!r} holds {len(different)} different numbers from {_short(different[0])} to "
            f"{_short(different[-1])}, too many to be a group each; give it bins, such as {{column: {column}, "
            f"bins: [{', '.join(map(_short, _proposed_bins(np.asarray(different, np.float64))))}]}}"
        )
    codes = np.full(len(values), -1, dtype=np.int32)
    codes[has] = place
    return codes, [str(value) if words else _short(value) for value in different]


def _proposed_bins(values: NDArray[np.float64]) -> list[np.float32]:
    """Halves of a score from 0 to 1, thirds of the values of anything else; the last edge is above every value."""
    if values.min() >= 0 and values.max() <= 1:
        return [np.float32(edge) for edge in (0, 0.5, 1.0001)]
    edges = np.quantile(values, [0, 1 / 3, 2 / 3, 1])
    step = 10.0 ** np.floor(np.log10(edges[-1] - edges[0]) - 1)
    rounded = np.floor(edges / step) * step
    rounded[-1] += step
    return [np.float32(edge) for edge in np.unique(rounded)]


def _short(value: Any) -> str:
    """A number without needless decimals and without an exponent: 1, -1, 0.5."""
    return str(np.format_float_positional(np.float32(value) + np.float32(0), trim="-"))


def _a_word(values: ColumnValues) -> str:
    """A value of a text column that shows why it is one."""
    for value in values.tolist():
        try:
            float(value or "nan")
        except ValueError:
            return str(value)
    return next(str(value) for value in values.tolist() if value)


# ---------------------------------------------------------------------------------------------------- figures of groups


def group_figures(
    entries: Sequence[GroupEntry],
    values: Mapping[str, ColumnValues],
    trials: Trials,
    scores: NDArray[np.float32],
    thresholds: Mapping[str, float | None],
    clusters: Clusters,
    kept: NDArray[np.bool_],
    weak: Collection[str] = (),
) -> list[FigureValue]:
    """The figures of every group of every column that a sweep groups by.

    Args:
        entries: the columns.
        values: column to (N,) values, in the order of `trials.frames`.
        trials: of N frames, M comparisons.
        scores: float32 (M,), NaN where a trial failed to acquire.
        thresholds: operating point to its threshold; None where the data allow none.
        clusters: the people of each trial.
        kept: bool (B, P), who is kept in each bootstrap draw; B may be 0.
        weak: the operating points whose thresholds are weak themselves.

    Returns:
        For each column first what belongs to no group, with the column's name as group; then the figures of
        `bench.metrics.groups.assess_groups`.
    """
    refuse_templates(trials, "groups")
    figures: list[FigureValue] = []
    for entry in entries:
        codes, names = group_of_frames(entry, values[entry.column], trials.frames)
        of_trial = np.where(codes[trials.probe] == codes[trials.reference], codes[trials.probe], np.int32(-1))
        figures += _left_out(entry.column, known(values[entry.column]), codes, of_trial, trials)
        figures += assess_groups(scores, trials.mated, clusters, of_trial, names, thresholds, kept, weak)
    return figures


def _left_out(
    column: str, has_value: NDArray[np.bool_], codes: NDArray[np.int32], of_trial: NDArray[np.int32], trials: Trials
) -> list[FigureValue]:
    placed = {frame.subject for frame, code in zip(trials.frames, codes, strict=True) if code >= 0}
    frames = len(trials.frames)
    counts = [
        ("frames_without_value", int(np.count_nonzero(~has_value)), frames),
        ("frames_without_group", int(np.count_nonzero(codes < 0)), frames),
        ("subjects_without_group", len({frame.subject for frame in trials.frames} - placed), frames),
        ("trials_without_group", int(np.count_nonzero(of_trial < 0)), len(of_trial)),
    ]
    return [FigureValue(name, None, count, None, None, n, "ok", group=column) for name, count, n in counts]
