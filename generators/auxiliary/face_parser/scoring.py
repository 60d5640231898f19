"""How well label maps agree: intersection over union by label, pooled over images, with intervals by image or person.

    IoU of a label = pixels where both say it / pixels where either says it, over all images together
    mIoU = mean over the labels that at least `FEW` images show

A label on fewer images is *insufficient*: its IoU says more of those images than of the parser.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench.seeding import stream

FEW = 5
RESAMPLES = 1000

Counts = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Agreement:
    """What a set of maps comes to.

    Attributes:
        names: K, of the labels.
        iou: float64 (K,), NaN where neither side ever says the label.
        images: int64 (K,), how many images show it by the truth.
        low: float64 (K,), lower end of the 95 % interval of `iou`.
        high: float64 (K,), its upper end.
        mean: mIoU over the labels with enough images.
        mean_low: lower end of its interval.
        mean_high: upper end.
        accuracy: share of pixels with the right label.
        count: images in all.
        units: what was resampled for the intervals: people, or images.
    """

    names: Sequence[str]
    iou: NDArray[np.float64]
    images: Counts
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    mean: float
    mean_low: float
    mean_high: float
    accuracy: float
    count: int
    units: int

    def as_plain(self) -> Mapping[str, object]:
        """The figures as JSON takes them."""
        labels = {
            name: {
                "iou": _plain(self.iou[place]),
                "interval": [_plain(self.low[place]), _plain(self.high[place])] if self.images[place] >= FEW else None,
                "images": int(self.images[place]),
            }
            for place, name in enumerate(self.names)
        }
        return {
            "images": self.count,
            "resampled": self.units,
            "mean_iou": _plain(self.mean),
            "interval": [_plain(self.mean_low), _plain(self.mean_high)],
            "pixel_accuracy": round(self.accuracy, 4),
            "labels": labels,
        }


def confusion(truth: NDArray[np.uint8], said: NDArray[np.uint8], labels: int) -> Counts:
    """Pixels by true and by said label.

    Args:
        truth: uint8 of any shape; values of `labels` or more are not compared.
        said: uint8, likewise shaped, below `labels`.
        labels: K.

    Returns:
        int64 (K, K), truth by row.
    """
    compared = truth < labels
    places = truth[compared].astype(np.int64) * labels + said[compared]
    return np.bincount(places, minlength=labels * labels).reshape(labels, labels)


def agreement(counts: Sequence[Counts], names: Sequence[str], people: Sequence[str] | None = None) -> Agreement:
    """The figures of several images.

    Args:
        counts: for each image what `confusion` gave.
        names: of the labels.
        people: for each image who it shows: several images of a person are drawn together, because they err alike.
            None where nobody is known, or each shows another.
    """
    table = np.stack(list(counts))
    images = (table.sum(axis=2) > 0).sum(axis=0)
    enough = images >= FEW
    iou = _iou(table.sum(axis=0))
    units = _by_person(table, people)
    rng = stream(0, "face_parser", "agreement")
    drawn = [units[rng.integers(0, len(units), len(units))].sum(axis=0) for _ in range(RESAMPLES)]
    again = np.stack([_iou(one) for one in drawn])
    means = np.array([_mean(one, enough) for one in again])
    bounds = np.array([_bounds(column) for column in again.T])
    mean_low, mean_high = _bounds(means)
    total = table.sum(axis=0)
    return Agreement(
        names=names, iou=iou, images=images, low=bounds[:, 0], high=bounds[:, 1], mean=_mean(iou, enough),
        mean_low=mean_low, mean_high=mean_high, accuracy=float(np.trace(total) / total.sum()), count=len(table),
        units=len(units),
    )  # fmt: skip


def _by_person(table: Counts, people: Sequence[str] | None) -> Counts:
    """int64 (U, K, K): the images of each person added up."""
    if people is None:
        return table
    _, numbers = np.unique(np.asarray(people), return_inverse=True)
    found = np.zeros((int(numbers.max()) + 1, *table.shape[1:]), dtype=np.int64)
    np.add.at(found, numbers, table)
    return found


def confused_with(counts: Sequence[Counts], names: Sequence[str], label: int) -> list[tuple[str, float, float]]:
    """What a label is confused with: name, share of the label's pixels lost to it, share taken from it."""
    total = np.sum(list(counts), axis=0)
    own = max(int(total[label].sum()), 1)
    others = [place for place in range(len(names)) if place != label]
    rows = [(names[place], float(total[label, place] / own), float(total[place, label] / own)) for place in others]
    return sorted(rows, key=lambda row: -(row[1] + row[2]))


def _plain(value: float) -> float | None:
    return None if np.isnan(value) else round(float(value), 4)


def _iou(table: Counts) -> NDArray[np.float64]:
    both = np.diag(table).astype(np.float64)
    either = table.sum(axis=0) + table.sum(axis=1) - both
    return np.where(either > 0, both / np.maximum(either, 1), np.nan)


def _mean(iou: NDArray[np.float64], enough: NDArray[np.bool_]) -> float:
    counted = iou[enough & ~np.isnan(iou)]
    return float(counted.mean()) if counted.size else float("nan")


def _bounds(values: NDArray[np.float64]) -> tuple[float, float]:
    known = values[~np.isnan(values)]
    if not known.size:
        return float("nan"), float("nan")
    low, high = np.quantile(known, [0.025, 0.975])
    return float(low), float(high)
