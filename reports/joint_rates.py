"""How often a made face matches a person, whatever the other one does: sums of outcomes, with their intervals.

The four outcomes of two contributors are recorded one by one; what a reader asks along a strength are *both* (an
identity is hidden), *swapped + both* (the second person is impersonated) and *preserved + both* (it is still the first
person). An interval of a sum is no sum of intervals, so it is taken from the scores that the cell kept, by the function
that the recorded ones come from.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.metrics.attempts import Tally
from bench.metrics.operating import support_of
from bench.metrics.shares import Contributors, share_interval
from reports.figures.outcome_bars import Share
from reports.makers import Made, threshold_of
from reports.points import Point
from reports.series import Run

JOINT: Mapping[str, tuple[str, ...]] = {
    "both": ("both",),
    "second": ("swapped", "both"),
    "first": ("preserved", "both"),
}
"""What is asked, and the outcomes that it is the sum of."""
JOINT_MEANINGS: Mapping[str, str] = {
    "both": "both (hidden)",
    "second": "second person: swapped + both",
    "first": "first person: preserved + both",
}
"""What a reader calls them."""


@dataclass(frozen=True)
class Joint:
    """The three rates of one cell at one threshold, of its faces and of the clean photos in their place.

    Attributes:
        made: a key of `JOINT` to the share of all attempts.
        clean: the same of the first contributor's unchanged photo.
        faces: how many faces there are.
    """

    made: Mapping[str, Share]
    clean: Mapping[str, Share]
    faces: int


def joint_rates(one: Made, point: Point, run: Run) -> Joint | None:
    """The rates of a cell; None where it has no two contributors, no threshold, or kept no scores.

    Args:
        one: the cell.
        point: where it decides.
        run: its verified cells may know the threshold.
    """
    found = threshold_of(one.series, point, run)
    attempts, contributors = one.series.table("attempts"), one.series.table("contributors")
    if one.contributors != 2 or found is None or attempts is None or contributors is None or not len(attempts):
        return None
    people = _people(contributors)
    planned, (scores, clean) = _grids(attempts, len(people))
    weak = found.support != "ok"
    return Joint(
        _rates(Tally.of(scores, planned, found.value), people, weak),
        _rates(Tally.of(clean, planned, found.value), people, weak),
        len(people),
    )


def _rates(tally: Tally, people: Contributors, weak: bool) -> dict[str, Share]:
    outcomes, planned = tally.outcomes(), tally.attempts()
    rates = {}
    for name, parts in JOINT.items():
        values = np.sum([outcomes[part] for part in parts], axis=0) / planned
        interval = share_interval(values, people, None, int(planned.sum()))
        total = math.fsum(values.tolist())
        few = support_of(math.floor(min(total, len(values) - total) + 1e-9)) == "weak"
        rates[name] = Share(total / len(values), (interval.low, interval.high), weak or few)
    return rates


def _people(contributors: pd.DataFrame) -> Contributors:
    ordered = contributors.sort_values(["face", "contributor"], kind="stable")
    codes, names = pd.factorize(ordered["subject"].astype(str))
    return Contributors(codes.astype(np.int32).reshape(-1, 2), len(names))


def _grids(attempts: pd.DataFrame, faces: int) -> tuple[NDArray[np.bool_], tuple[NDArray[np.float32], ...]]:
    """Which references there are, bool (M, 2, R), and the scores of faces and of clean photos, float32 (M, 2, R)."""
    face, _ = pd.factorize(attempts["face"], sort=True)
    place = attempts["contributor"].to_numpy(np.intp) - 1
    number = attempts.groupby(["face", "contributor"], sort=False).cumcount().to_numpy(np.intp)
    shape = (faces, 2, int(number.max()) + 1)
    planned = np.zeros(shape, np.bool_)
    planned[face, place, number] = True
    grids = []
    for column in ("score", "clean_score"):
        grid = np.full(shape, np.nan, np.float32)
        grid[face, place, number] = attempts[column].to_numpy(np.float32, na_value=np.nan)
        grids.append(grid)
    return planned, tuple(grids)
