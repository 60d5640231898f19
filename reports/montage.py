"""Examples of made faces beside the photos of their contributors, those that match best first."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image

from bench.api import Dataset
from bench.errors import ImpersonaError
from bench.images import decode, png_text, synthetic_text
from bench.provenance import value_digest
from reports import faces, numbers
from reports.figures.style import Look
from reports.likeness import Scores
from reports.makers import MEANINGS, Made

_OF_ALL = ("DigitalSourceType", "impersona.weights")
"""What a made face says of itself that is true of all faces of its maker."""


@dataclass(frozen=True)
class Picture:
    """One picture of an example.

    Attributes:
        caption: what it shows: ``"contributor 1"`` or ``"made face"``.
        image: `faces.SIDE` pixels square; None where it cannot be read.
        uri: the same for the page; empty likewise.
        made: whether it is the made face.
    """

    caption: str
    image: Image.Image | None
    uri: str
    made: bool


@dataclass(frozen=True)
class Verdict:
    """What one recognizer says of a made face.

    Attributes:
        label: the recognizer.
        look: its look.
        scores: the mean score with each contributor's other photos; NaN where not acquired.
        margin: the smallest of these minus the threshold; NaN where not acquired or without a threshold.
        outcome: the place in `makers.MEANINGS`; None where it cannot be said.
        said: the outcome in words.
    """

    label: str
    look: Look
    scores: tuple[float, ...]
    margin: float
    outcome: int | None
    said: str

    @property
    def text(self) -> str:
        """The scores in print."""
        return " | ".join(numbers.plain(score, 3) for score in self.scores)


@dataclass(frozen=True)
class Example:
    """One made face.

    Attributes:
        face: its number.
        pictures: the first contributor's photo, the made face, the photos of the others.
        verdicts: one a recognizer, that by which examples are sorted first.
        who: the contributors.
    """

    face: int
    pictures: tuple[Picture, ...]
    verdicts: tuple[Verdict, ...]
    who: str


@dataclass(frozen=True)
class Montage:
    """Examples of one maker.

    Attributes:
        maker: its label.
        examples: the largest margin first.
    """

    maker: str
    examples: tuple[Example, ...]


@dataclass(frozen=True, eq=False)
class Judgement:
    """What one recognizer says of every face of a maker.

    Attributes:
        made: the cell.
        threshold: at which it is decided; None where there is none.
        table: one row a face: contributors and photos, mean scores, the margin by which faces are sorted, the largest
            first, and the outcome by mean scores.
    """

    made: Made
    threshold: float | None
    table: pd.DataFrame

    @property
    def label(self) -> str:
        """The recognizer."""
        return self.made.series.label

    @cached_property
    def by_face(self) -> Mapping[int, Mapping[str, Any]]:
        """The rows of the table by the number of the face."""
        rows = self.table.to_dict("records")
        return {int(row["face"]): {str(name): value for name, value in row.items()} for row in rows}


class Album:
    """The photos of contributors, each read once.

    Args:
        dataset: where they come from.
        boxes: frame key to the box of its face, float64 (4,).
    """

    def __init__(self, dataset: Dataset, boxes: Mapping[str, NDArray[np.float64]]) -> None:
        self._dataset, self._boxes = dataset, boxes
        self._read: dict[str, tuple[Image.Image | None, str]] = {}

    def photo(self, key: str) -> tuple[Image.Image | None, str]:
        """The square around a photo's face, and the same for the page; None and empty where it cannot be read."""
        if key not in self._read:
            image = faces.cropped(self._dataset, key, self._boxes.get(key))
            self._read[key] = image, faces.photo_uri(self._dataset, image)
        return self._read[key]


def judgement(made: Made, threshold: float | None) -> Judgement:
    """What a cell says of its faces.

    Args:
        made: the cell.
        threshold: at which it is decided; None where there is none.
    """
    scores = Scores(made)
    means, rows = scores.of_faces(), scores.contributors
    table = pd.DataFrame({"face": sorted(rows["face"].unique())})
    places = range(1, made.contributors + 1)
    for place in places:
        own = rows[rows["contributor"] == place].set_index("face")
        for column in ("subject", "photo"):
            table[f"{column}_{place}"] = table["face"].map(own[column].astype(str))
        known = means[place] if place in means.columns else pd.Series(dtype=np.float64)
        table[f"mean_score_{place}"] = table["face"].map(known).astype(np.float64)
    values = table[[f"mean_score_{place}" for place in places]].to_numpy(np.float64)
    table["margin"] = values.min(axis=1, initial=np.inf) - (np.nan if threshold is None else threshold)
    table["outcome"] = [_said(row, threshold)[1] for row in values]
    ordered = table.sort_values(["margin", "face"], ascending=[False, True], kind="stable", ignore_index=True)
    return Judgement(made, threshold, ordered)


def _said(scores: NDArray[np.float64], threshold: float | None) -> tuple[int | None, str]:
    """The outcome by mean scores: its place in `MEANINGS`, and in words."""
    if np.isnan(scores).any():
        return len(MEANINGS) - 1, MEANINGS[-1]
    if threshold is None:
        return None, ""
    accepted = [bool(score >= threshold) for score in scores]
    if len(accepted) == 2:
        place = {(True, True): 0, (False, True): 1, (True, False): 2, (False, False): 3}[accepted[0], accepted[1]]
        return place, MEANINGS[place]
    return None, f"matches {sum(accepted)} of {len(accepted)}"


def examples_of(found: Sequence[Judgement], looks: Mapping[str, Look], album: Album, most: int) -> Montage | None:
    """The examples of one maker; None where the run kept no picture of it.

    Args:
        found: one a recognizer; the pictures are those that the first one's cell kept, in the order of its margin.
        looks: of the recognizers.
        album: has the contributors' photos.
        most: at most so many, from the first to the last in equal steps.
    """
    first = found[0]
    portraits = first.made.series.table("portraits")
    if portraits is None or not len(portraits):
        return None
    pictures = dict(zip(portraits["face"].astype(int), portraits["png"], strict=True))
    order = [face for face in first.by_face if face in pictures]
    steps = np.linspace(0, len(order) - 1, min(most, len(order))).round().astype(int)
    examples = []
    for face in (order[step] for step in steps):
        row = first.by_face[face]
        contributors = range(1, first.made.contributors + 1)
        photos = [album.photo(str(row[f"photo_{place}"])) for place in contributors]
        shown = [Picture(f"contributor {place}", *photo, made=False) for place, photo in enumerate(photos, 1)]
        people = numbers.listed([str(row[f"subject_{place}"]) for place in contributors])
        verdicts = tuple(_verdict(one, face, looks) for one in found)
        made = _portrait(pictures[face], first.made.maker)
        examples.append(Example(face, (shown[0], made, *shown[1:]), verdicts, f"face {face}: {people}"))
    return Montage(first.made.maker, tuple(examples))


def _verdict(one: Judgement, face: int, looks: Mapping[str, Look]) -> Verdict:
    row = one.by_face.get(face, {})
    scores = [float(row.get(f"mean_score_{place}", np.nan)) for place in range(1, one.made.contributors + 1)]
    outcome, said = _said(np.array(scores), one.threshold)
    return Verdict(one.label, looks[one.label], tuple(scores), float(row.get("margin", np.nan)), outcome, said)


def _portrait(png: bytes, maker: str) -> Picture:
    try:
        frame, text = decode(png, "a made face"), png_text(png) | {"impersona.made_by": maker}
    except ImpersonaError:
        return Picture("made face", None, "", made=True)
    image = Image.fromarray(frame).resize((faces.SIDE, faces.SIDE), Image.Resampling.LANCZOS)
    return Picture("made face", image, faces.data_uri(image, text), made=True)


def text_of(made: Made, run: str) -> dict[str, str]:
    """What a picture of several made faces of a cell says of itself.

    Args:
        made: the cell.
        run: the run's name.
    """
    maker = made.series.spec.get("maker") or {}
    fingerprint = maker.get("fingerprint") or {}
    digest = str(fingerprint.get("weights") or value_digest(fingerprint))
    found = synthetic_text(made.maker, digest, run)
    portraits = made.series.table("portraits")
    if portraits is not None and len(portraits):
        with contextlib.suppress(ImpersonaError):  # a damaged picture is shown as such, and says nothing
            said = png_text(portraits["png"].iloc[0])
            found |= {key: value for key, value in said.items() if key in _OF_ALL}
    return {**found, "impersona.run": run, "impersona.made_by": made.maker}
