"""The comparisons that go wrong first, with pictures only where they may be shown."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image

from bench import registry
from bench.api import Dataset
from bench.errors import ImpersonaError
from bench.images import synthetic_text
from bench.provenance import value_digest
from reports.load import Group, Series

MOST_PICTURES = 160
"""In a whole report: each is some six kilobytes of the page."""
SIDE = 144
MARGIN = 0.35
"""How far beyond its box a face is shown, in box sides."""


@dataclass(frozen=True)
class Pair:
    """One comparison with its pictures.

    Attributes:
        probe: frame key.
        reference: frame key.
        who: the people, in words.
        score: similarity.
        pictures: data URIs of both, empty for a picture that cannot be read.
    """

    probe: str
    reference: str
    who: str
    score: float
    pictures: tuple[str, str]


@dataclass(frozen=True)
class Hardest:
    """The hardest comparisons of one series.

    Attributes:
        label: the series.
        nonmated: different people who look most alike, the worst first.
        mated: people who look least like themselves, the worst first.
    """

    label: str
    nonmated: tuple[Pair, ...]
    mated: tuple[Pair, ...]


def hardest_table(series: Series, most: int) -> pd.DataFrame:
    """The rows of `trials` with the highest nonmated and the lowest mated scores, the worst first.

    Args:
        series: whose.
        most: how many of each.
    """
    parts = []
    for mated in (False, True):
        rows = np.flatnonzero((series.is_mated == mated) & ~np.isnan(series.scores))
        wrongness = series.scores[rows] * (-1 if mated else 1)
        if len(rows) > most:
            chosen = np.argpartition(-wrongness, most - 1)[:most]
            rows, wrongness = rows[chosen], wrongness[chosen]
        parts.append(series.trials.iloc[rows[np.lexsort((rows, -wrongness))]])
    found = pd.concat(parts, ignore_index=True)
    found.insert(0, "series", series.label)
    return found


def album(group: Group, show_faces: bool) -> tuple[Dataset | None, str]:
    """The data set whose pictures may be shown, or None and why not.

    Args:
        group: the series of one data set.
        show_faces: whether the reader of the command line asked for faces.
    """
    if not group.series:
        return None, "no cell succeeded"
    entry = group.series[0].outcome["spec"].get("dataset") or {}
    try:
        dataset: Dataset = registry.load("dataset", entry.get("name", ""), **(entry.get("settings") or {}))
    except ImpersonaError as error:
        return None, f"the data set cannot be opened here: {error}" if show_faces else ""
    return (dataset, "") if show_faces or dataset.shows_faces else (None, "")


def hardest(series: Series, dataset: Dataset, most: int) -> Hardest:
    """The hardest comparisons of a series, with their pictures.

    Args:
        series: whose.
        dataset: where the pictures come from.
        most: how many of each kind.
    """
    table = hardest_table(series, most)
    boxes = boxes_of(series.frames)
    mated: list[Pair] = []
    nonmated: list[Pair] = []
    for row in table.to_dict("records"):
        names = [str(row["probe_subject"]), str(row["reference_subject"])]
        keys = [str(row[side]) for side in ("probe", "reference")]
        pictures = [photo_uri(dataset, cropped(dataset, key, boxes.get(key))) for key in keys]
        pair = Pair(
            probe=str(row["probe"]),
            reference=str(row["reference"]),
            who=names[0] if row["mated"] else f"{names[0]} and {names[1]}",
            score=float(row["score"]),
            pictures=(pictures[0], pictures[1]),
        )
        (mated if row["mated"] else nonmated).append(pair)
    return Hardest(series.label, tuple(nonmated), tuple(mated))


def pairs_per_kind(series: Sequence[Series]) -> int:
    """How many pairs of each kind a report of so many series has room for."""
    return int(np.clip(MOST_PICTURES // (4 * max(len(series), 1)), 1, 8))


def boxes_of(frames: pd.DataFrame | None) -> Mapping[str, NDArray[np.float64]]:
    """Frame key to the box of its face, float64 (4,), for those in which one was found.

    Args:
        frames: the table `frames`, or None for none.
    """
    if frames is None:
        return {}
    sides = frames[["left", "top", "right", "bottom"]].to_numpy(dtype=np.float64)
    return {key: box for key, box in zip(frames["key"], sides, strict=True) if np.isfinite(box).all()}


def cropped(dataset: Dataset, key: str, box: NDArray[np.float64] | None) -> Image.Image | None:
    """The square around the face of a photo, `SIDE` pixels wide; None where it cannot be read.

    Args:
        dataset: where it comes from.
        key: which.
        box: float64 (4,), left, top, right, bottom of the face; None for the middle of the photo.
    """
    try:
        frame = dataset.image(key)
    except ImpersonaError:
        return None
    height, width = frame.shape[:2]
    if box is None:
        box = np.array([0, 0, width, height], dtype=np.float64)
        reach = np.inf
    else:
        reach = max(box[2] - box[0], box[3] - box[1]) * (0.5 + MARGIN)
    reach = min(reach, min(width, height) / 2)
    x = np.clip((box[0] + box[2]) / 2, reach, width - reach)
    y = np.clip((box[1] + box[3]) / 2, reach, height - reach)
    corners = (round(x - reach), round(y - reach), round(x + reach), round(y + reach))
    return Image.fromarray(frame).crop(corners).resize((SIDE, SIDE), Image.Resampling.LANCZOS)


def photo_uri(dataset: Dataset, image: Image.Image | None) -> str:
    """A photo as the page holds it, which says that it is synthetic where the data set shows nobody real.

    Args:
        dataset: where it comes from.
        image: the picture, or what was cut from it; None where it cannot be read.
    """
    if image is None or not dataset.shows_faces:
        return data_uri(image, {})
    digest = value_digest(dict(dataset.fingerprint()))
    said = synthetic_text("drawn by the data set", digest, run="", source="algorithmicMedia")
    return data_uri(image, {keyword: text for keyword, text in said.items() if text})


def data_uri(image: Image.Image | None, text: Mapping[str, str]) -> str:
    """A picture as the page holds it; empty for None.

    Args:
        image: the picture.
        text: keyword to text, what the file says of itself, such as that it is synthetic; a JPEG has a comment for it.
    """
    if image is None:
        return ""
    buffer = io.BytesIO()
    comment = "\n".join(f"{keyword}: {text[keyword]}" for keyword in sorted(text))
    more = {"comment": comment.encode()} if comment else {}
    image.save(buffer, "JPEG", quality=82, optimize=True, **more)
    return f"data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode()}"
