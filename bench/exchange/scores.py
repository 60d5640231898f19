"""Scores of comparisons as arrays, whatever file they came from or go to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.errors import ShapeError
from bench.exchange.digests import rows_digest

MATED, NONMATED = "mated", "nonmated"


@dataclass(frozen=True, eq=False)
class ComparisonScores:
    """M comparisons of two faces each, with a score; `pd.Categorical` columns have sorted categories, all of them used.

    Attributes:
        probe: (M,), names of the faces that ask.
        reference: (M,), names of the faces that they are compared with.
        probe_subject: (M,), whom each probe shows.
        reference_subject: (M,), whom each reference shows.
        mated: bool (M,), whether both are the same person.
        scores: float32 (M,), higher is more alike; NaN where a face failed to acquire.
        fold: int16 (M,), from 0, or None where there are no folds.
        named: whether the subjects are people; False where the file named nobody and every comparison counts as a
            person of its own.
        warnings: what whoever reads the figures should know about how the scores were read.
    """

    probe: pd.Categorical
    reference: pd.Categorical
    probe_subject: pd.Categorical
    reference_subject: pd.Categorical
    mated: NDArray[np.bool_]
    scores: NDArray[np.float32]
    fold: NDArray[np.int16] | None = None
    named: bool = True
    warnings: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Raises `ShapeError` for arrays that do not fit each other."""
        count = len(self.scores)
        columns = (self.probe, self.reference, self.probe_subject, self.reference_subject, self.mated)
        if any(len(column) != count for column in columns) or (self.fold is not None and len(self.fold) != count):
            raise ShapeError(f"got {count} scores and columns of other lengths; expected one row a comparison")
        if self.scores.dtype != np.float32 or np.isinf(self.scores).any():
            raise ShapeError(f"got scores {self.scores.dtype}; expected float32, each finite or NaN")

    def __len__(self) -> int:
        """How many comparisons there are."""
        return len(self.scores)

    @cached_property
    def people(self) -> tuple[tuple[str, ...], NDArray[np.int32], NDArray[np.int32]]:
        """The subjects of both sides, sorted; and for probes and references, int32 (M,), the place of theirs."""
        names = sorted({*self.probe_subject.categories, *self.reference_subject.categories})
        first, second = (_places(column, names) for column in (self.probe_subject, self.reference_subject))
        return tuple(names), first, second

    @property
    def digest(self) -> str:
        """SHA-256 hex of who is compared with whom, in which fold, whatever the order of comparisons."""
        sides = (self.probe, self.reference, self.probe_subject, self.reference_subject)
        folds = [] if self.fold is None else [self.fold]
        return rows_digest(
            [*(np.asarray(side.codes) for side in sides), *folds], [list(one.categories) for one in sides]
        )

    def negated(self) -> ComparisonScores:
        """The same with the other sign, as distances become similarities and back."""
        return replace(self, scores=-self.scores)

    @classmethod
    def from_table(cls, table: pd.DataFrame, named: bool = True) -> ComparisonScores:
        """The scores in a table `trials` of a run folder.

        Args:
            table: as `bench.store.schema` describes it.
            named: whether its subjects are people.
        """
        fold = None if table["fold"].isna().any() or not len(table) else table["fold"].to_numpy(np.int16)
        return cls(
            tidy(table["probe"]),
            tidy(table["reference"]),
            tidy(table["probe_subject"]),
            tidy(table["reference_subject"]),
            table["mated"].to_numpy(np.bool_),
            table["score"].to_numpy(np.float32, na_value=np.nan),
            fold,
            named,
        )


@dataclass(frozen=True)
class Written:
    """Files as they shall stand on disk.

    Attributes:
        files: name to content.
        notes: what the format could not hold, in sentences; empty where everything is in the files.
    """

    files: Mapping[str, bytes]
    notes: tuple[str, ...] = ()


def comparison_scores(
    probe: Sequence[str] | pd.Categorical,
    reference: Sequence[str] | pd.Categorical,
    probe_subject: Sequence[str] | pd.Categorical,
    reference_subject: Sequence[str] | pd.Categorical,
    scores: NDArray[np.floating],
    fold: NDArray[np.int16] | None = None,
    warnings: Sequence[str] = (),
) -> ComparisonScores:
    """Scores of named comparisons, mated where both subjects have one name.

    Args:
        probe: M names.
        reference: M names.
        probe_subject: M names of people.
        reference_subject: M names of people.
        scores: (M,), NaN for a failure to acquire; what is not float32 is rounded, with a warning where that
            makes different scores equal.
        fold: int16 (M,) or None.
        warnings: what to say besides.
    """
    rounded, said = to_float32(scores)
    faces = tidy(probe), tidy(reference)
    asked, enrolled = tidy(probe_subject), tidy(reference_subject)
    names = sorted({*asked.categories, *enrolled.categories})
    mated = _places(asked, names) == _places(enrolled, names)
    notes = [*warnings, *said, *_several_people("probe", faces[0], asked)]
    notes += _several_people("reference", faces[1], enrolled)
    return ComparisonScores(faces[0], faces[1], asked, enrolled, mated, rounded, fold, warnings=tuple(notes))


def unnamed_scores(
    mated: NDArray[np.floating], nonmated: NDArray[np.floating], warnings: Sequence[str] = ()
) -> ComparisonScores:
    """Scores without any name: mated ones first, every comparison a person of its own.

    Args:
        mated: (G,), NaN for none.
        nonmated: (I,), likewise.
        warnings: what to say besides.
    """
    kinds = {MATED: len(mated), NONMATED: len(nonmated)}
    comparison = [f"{kind}-{number}" for kind, count in kinds.items() for number in range(1, count + 1)]
    is_mated = np.arange(len(comparison)) < len(mated)
    other = comparison[: len(mated)] + [f"{name}-other" for name in comparison[len(mated) :]]
    rounded, said = to_float32(np.concatenate([mated, nonmated]))
    people = (
        "the files name nobody, so every comparison counts as a person of its own: intervals are too narrow if people "
        "take part in several comparisons"
    )
    probes = tidy(comparison)
    return ComparisonScores(
        probes, tidy([f"{name}-reference" for name in comparison]), probes, tidy(other), is_mated, rounded,
        named=False, warnings=(*warnings, people, *said),
    )  # fmt: skip


def to_float32(scores: NDArray[np.floating]) -> tuple[NDArray[np.float32], list[str]]:
    """Scores rounded to float32, and what that lost, in a sentence; rounding never swaps two scores.

    Args:
        scores: (M,), each NaN or within the range of float32.
    """
    rounded = scores.astype(np.float32)
    if scores.dtype == np.float32:
        return rounded, []
    before, after = (len(np.unique(values[~np.isnan(values)])) for values in (scores, rounded))
    if before == after:
        return rounded, []
    lost = before - after
    return rounded, [
        f"scores are kept as float32: of {before:,} different ones {lost:,} became equal to another, so ties are "
        "counted where there were none; multiply or shift the scores if their differences matter beyond 7 digits"
    ]


def tidy(column: Any) -> pd.Categorical:
    """A column of names with sorted categories, all of them used, so that equal columns have equal codes.

    Args:
        column: M names, or a `pd.Categorical` or series of them; None and NaN stay what they are.
    """
    given = column if isinstance(column, pd.Categorical) else pd.Categorical(column)
    codes = np.asarray(given.codes)
    used = np.zeros(len(given.categories) + 1, np.bool_)
    used[codes] = True
    names = [str(name) for name in given.categories]
    order = sorted(np.flatnonzero(used[:-1]).tolist(), key=names.__getitem__)
    place = np.full(len(names) + 1, -1, np.int64)
    place[order] = np.arange(len(order))
    return pd.Categorical.from_codes(place[codes], pd.Index([names[index] for index in order], dtype=object))


def _places(column: pd.Categorical, names: Sequence[str]) -> NDArray[np.int32]:
    codes = {name: code for code, name in enumerate(names)}
    places = np.array([codes[name] for name in column.categories], np.int32)
    return places[np.asarray(column.codes)] if len(places) else np.zeros(0, np.int32)


def _several_people(what: str, names: pd.Categorical, subjects: pd.Categorical) -> list[str]:
    """Says which faces are said to show several people: most often a damaged or mistaken file."""
    pairs = np.unique(np.asarray(names.codes, np.int64) * max(len(subjects.categories), 1) + subjects.codes)
    owners = np.bincount(pairs // max(len(subjects.categories), 1), minlength=len(names.categories))
    several = np.flatnonzero(owners > 1)
    if not several.size:
        return []
    first = str(names.categories[several[0]])
    return [f"{several.size:,} {what} names stand for several people, {first!r} for {owners[several[0]]}; is it whole?"]
