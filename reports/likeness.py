"""How alike made faces and their contributors are, score by score, from the tables of a cell."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.metrics.vulnerability import contributor_name
from reports.figures.crossing import Panel, Track
from reports.figures.ridges import Hill, Ridge, View
from reports.figures.threshold_lines import Line
from reports.makers import Made
from reports.records import by_key

CLEAN = "clean photo"


@dataclass(frozen=True, eq=False)
class Scores:
    """The scores of one cell.

    Attributes:
        made: the cell.
    """

    made: Made

    @cached_property
    def attempts(self) -> pd.DataFrame:
        """The table `attempts`; empty where the cell has none."""
        found = self.made.series.table("attempts")
        return pd.DataFrame(columns=["face", "contributor", "score", "clean_score"]) if found is None else found

    @cached_property
    def contributors(self) -> pd.DataFrame:
        """The table `contributors`; empty where the cell has none."""
        found = self.made.series.table("contributors")
        return pd.DataFrame(columns=["face", "contributor", "same_photo_score"]) if found is None else found

    def of_faces(self, column: str = "score") -> pd.DataFrame:
        """The mean acquired score of each face (rows) with the other photos of each contributor (columns, from 1).

        Args:
            column: ``"score"``, or ``"clean_score"`` for the first contributor's photo in place of the face.
        """
        return self.attempts.assign(value=self.attempts[column].astype(np.float64)).pivot_table(
            index="face", columns="contributor", values="value", aggfunc="mean"
        )

    def with_others(self, place: int, column: str = "score") -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """The acquired scores with other photos of a contributor, and weights by which every face counts the same.

        Args:
            place: the contributor, from 0.
            column: as in `of_faces`.
        """
        rows = self.attempts[(self.attempts["contributor"] == place + 1) & self.attempts[column].notna()]
        number = rows.groupby("face")["face"].transform("size").to_numpy(np.float64)
        weights = 1 / (number * max(rows["face"].nunique(), 1))
        return rows[column].to_numpy(np.float64), weights

    def with_the_very_photo(self, place: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """The acquired scores with the photo of a contributor that the maker saw; arguments as `with_others`."""
        rows = self.contributors[self.contributors["contributor"] == place + 1]
        return _evenly(rows["same_photo_score"].to_numpy(np.float64))

    def margins(self, column: str = "score") -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Each face's mean score with the second contributor minus that with the first; as `of_faces`."""
        means = self.of_faces(column)
        if not {1, 2} <= set(means.columns):
            return _evenly(np.zeros(0))
        return _evenly((means[2] - means[1]).to_numpy(np.float64))


def _evenly(values: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    known = values[np.isfinite(values)]
    return known, np.full(len(known), 1 / max(len(known), 1))


def views_of(cells: Sequence[Made], lines: Sequence[Line]) -> list[View]:
    """The pictures of one recognizer's scores: with other photos, with the very photos, second minus first.

    Args:
        cells: what it judged.
        lines: its thresholds.
    """
    if not cells:
        return []
    scores = [Scores(one) for one in cells]
    unit = cells[0].series.unit
    number = cells[0].contributors
    others = [_clean(scores[0], number), *(_others(one, number) for one in scores)]
    same = [_same(one, number) for one in scores]
    views = [
        View("Other photos", tuple(others), unit, tuple(lines)),
        View("The very photos", tuple(same), unit, tuple(lines)),
    ]
    if number == 2:
        name = "second minus first"
        first = Hill(name, 4, *scores[0].margins("clean_score"))
        rows = [Ridge(CLEAN, (first,)), *(Ridge(one.made.maker, (_margin(one, name),)) for one in scores)]
        views.append(View("Second minus first", tuple(rows), f"{unit}: second minus first", zero=True))
    return [view for view in views if any(hill.scores.size for ridge in view.ridges for hill in ridge.hills)]


def _clean(scores: Scores, number: int) -> Ridge:
    """The first contributor's unchanged photo, compared like a made face."""
    return _ridge(CLEAN, number, lambda at: scores.with_others(at, "clean_score"))


def _others(scores: Scores, number: int) -> Ridge:
    made, mean = scores.made, "contributor_similarity_mean"
    return _ridge(made.maker, number, lambda at: (*scores.with_others(at), *mean_of(made, mean, at)))


def _same(scores: Scores, number: int) -> Ridge:
    made, mean = scores.made, "same_photo_similarity_mean"
    return _ridge(made.maker, number, lambda at: (*scores.with_the_very_photo(at), *mean_of(made, mean, at)))


def _ridge(name: str, number: int, known: Callable[[int], tuple[Any, ...]]) -> Ridge:
    """A row with a hill for each contributor; `known` gives what a `Hill` holds beside its name and place."""
    return Ridge(name, tuple(Hill(contributor_name(at + 1), at, *known(at)) for at in range(number)))


def _margin(scores: Scores, name: str) -> Hill:
    return Hill(name, 4, *scores.margins(), *mean_of(scores.made, "similarity_margin_mean", None))


def mean_of(made: Made, figure: str, place: int | None) -> tuple[float | None, tuple[float, float] | None]:
    """A mean with its interval, as the records have them; no mean without an interval, but for old runs.

    Args:
        made: the cell.
        figure: its name.
        place: of the contributor, from 0; None for a figure of none.
    """
    group = None if place is None else contributor_name(place + 1)
    record = by_key(made.series, group).get((figure, None), {})
    value, low, high = (record.get(name) for name in ("value", "low", "high"))
    if value is None or (low is None and not made.series.why_no_interval):
        return None, None
    return float(value), None if low is None or high is None else (float(low), float(high))


# ---------------------------------------------------------------------------------------------------- along a setting


@dataclass(frozen=True)
class Setting:
    """A number that a sweep varies, and the makers that differ in nothing else.

    Attributes:
        name: of the setting, such as ``"weight"``.
        maker: what the makers have in common, in words.
        labels: of the makers, in ascending order of the number.
        values: the numbers.
    """

    name: str
    maker: str
    labels: tuple[str, ...]
    values: tuple[float, ...]


def settings_of(cells: Sequence[Made]) -> list[Setting]:
    """The settings with two numbers or more, with what each is varied for.

    Args:
        cells: of any recognizers.
    """
    found: dict[tuple[str, str], dict[float, str]] = {}
    for one in cells:
        for name, value in one.axes.items():
            if isinstance(value, bool) or not isinstance(value, int | float):
                continue
            said = f", {name.replace('_', ' ')} {value:g}"
            if said in one.maker:
                found.setdefault((name, one.maker.replace(said, "", 1)), {})[float(value)] = one.maker
    return [
        Setting(name, maker, tuple(labels[value] for value in sorted(labels)), tuple(sorted(labels)))
        for (name, maker), labels in found.items()
        if len(labels) > 1
    ]


def panel_of(cells: Sequence[Made], setting: Setting, lines: Sequence[Line]) -> Panel | None:
    """The means of one recognizer along a setting; None where fewer than two are known.

    Args:
        cells: what the recognizer judged.
        setting: which.
        lines: its thresholds.
    """
    by_maker = {one.maker: one for one in cells}
    tracks: list[Track] = []
    for place in range(cells[0].contributors if cells else 0):
        known: list[tuple[float, float, Any]] = []
        for label, value in zip(setting.labels, setting.values, strict=True):
            mean, ends = (
                mean_of(by_maker[label], "contributor_similarity_mean", place) if label in by_maker else (None,) * 2
            )
            if mean is not None:
                known.append((value, mean, ends))
        if len(known) > 1:
            values, means, ends_of = zip(*known, strict=True)
            tracks.append(Track(contributor_name(place + 1), place, values, means, ends_of))
    if not tracks:
        return None
    return Panel(cells[0].series.label, cells[0].series.unit, tuple(tracks), tuple(lines))
