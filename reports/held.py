"""Faces held against galleries, as a report reads them: whose they are, who judges, and at which thresholds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from reports import numbers
from reports.makers import Made
from reports.points import point_of
from reports.records import Key, by_key
from reports.series import FailedCell, Record, Run, Series
from reports.white_box import WhiteBoxes

ASSESSMENTS = ("generated", "impersonation_risk")
GALLERY, LEAKAGE = "gallery", "leakage"


@dataclass(frozen=True, eq=False)
class Held:
    """One set of faces, as one recognizer judged it.

    Attributes:
        series: the cell.
    """

    series: Series

    @property
    def faces(self) -> str:
        """What the faces are called: by their maker, or by the data set that holds them."""
        return self.series.maker or str(self.series.outcome["labels"].get("dataset", "faces"))

    @property
    def recognizer(self) -> str:
        """Who judges, as the report calls them."""
        return self.series.label

    @cached_property
    def records(self) -> Mapping[Key, Record]:
        """Its figures of no single group of people."""
        return by_key(self.series)

    def points(self, figure: str) -> list[str]:
        """The names of the operating points at which a figure has a value, those of galleries first."""
        found = [str(at) for (name, at), one in self.records.items() if name == figure and one["value"] is not None]
        return sorted(found, key=lambda name: (not name.startswith("fpir="),))

    def value(self, figure: str, point: str | None = None) -> float | None:
        """The value of a figure, or None."""
        found = (self.records.get((figure, point)) or {}).get("value")
        return None if found is None else float(found)

    def nearest(self, gallery: str, faces: bool) -> NDArray[np.float32]:
        """The scores at rank 1, of faces or of strangers, in one of the galleries."""
        table = self.rank_one
        chosen = (table["gallery"] == gallery) & (table["face"].notna() == faces)
        return np.asarray(table.loc[chosen, "score"].to_numpy(np.float32))

    @cached_property
    def rank_one(self) -> pd.DataFrame:
        """The table `rank_one`."""
        table = self.series.table("rank_one")
        return pd.DataFrame({"gallery": [], "face": [], "score": []}) if table is None else table

    def threshold(self, figure: str, point: str) -> float | None:
        """The threshold of an operating point: of the gallery's size, or carried over."""
        return self.value("threshold" if point_of(point) else f"{figure}_threshold", point)


@dataclass(frozen=True, eq=False)
class Setting:
    """Everybody who was held against the same galleries.

    Attributes:
        title: what the part is called.
        held: by faces, then by recognizer, in the order of the sweep.
        failed: the cells that failed.
    """

    title: str
    held: tuple[Held, ...]
    failed: tuple[FailedCell, ...]

    @cached_property
    def made(self) -> tuple[Made, ...]:
        """The cells whose faces somebody made."""
        return tuple(Made(one.series) for one in self.held if one.series.maker)

    @cached_property
    def white_boxes(self) -> WhiteBoxes:
        """Who is white box to whom."""
        return WhiteBoxes(self)

    def note_of(self, one: Held) -> str:
        """Whether who judges is the maker's white box, in words; empty where it is not, or nobody made the faces."""
        return self.white_boxes.said_of(Made(one.series)) if one.series.maker else ""

    @property
    def faces(self) -> list[str]:
        """What the sets of faces are called."""
        return list(dict.fromkeys(one.faces for one in self.held))

    @property
    def recognizers(self) -> list[str]:
        """Who judges."""
        return list(dict.fromkeys(one.recognizer for one in self.held))

    def of(self, recognizer: str) -> list[Held]:
        """What one recognizer judged."""
        return [one for one in self.held if one.recognizer == recognizer]

    def asks(self, question: str) -> bool:
        """Whether a question, such as ``"gallery"``, was asked."""
        return any(question in one.series.spec for one in self.held)

    def points(self, figure: str) -> list[str]:
        """The operating points at which anybody has a value, in order."""
        return list(dict.fromkeys(point for one in self.held for point in one.points(figure)))

    @property
    def spec(self) -> Mapping[str, Any]:
        """What all cells were asked alike."""
        return self.held[0].series.spec


def settings_of(run: Run) -> list[Setting]:
    """The cells of a run that hold faces against galleries, those of one data set together.

    Args:
        run: the run.
    """
    found: list[Setting] = []
    groups = [group for name in ASSESSMENTS for group in run.of(name)]
    for place in dict.fromkeys((group.assessment, group.dataset) for group in groups):
        mine = [group for group in groups if (group.assessment, group.dataset) == place]
        held = tuple(Held(one) for group in mine for one in group.series if "risk" in one.spec)
        failed = tuple(cell for group in mine for cell in group.failed)
        if held:
            found.append(Setting(place[1], held, failed))
    return found


def point_label(name: str) -> str:
    """An operating point in words: ``"FPIR 1 %"``, ``"FMR 0.1 %, set on dev"``."""
    point = point_of(name)
    return point.label if point else f"FPIR {numbers.rate(float(name.removeprefix('fpir=')))}"


def searched_at_size(points: Sequence[str]) -> list[str]:
    """Those whose thresholds were set for the size of the gallery."""
    return [name for name in points if name.startswith("fpir=")]
