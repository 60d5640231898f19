"""Records of a series: found by name and point, printed, and made into table cells that carry their intervals."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from bench.metrics import FIGURES
from reports import numbers
from reports.series import Record, Series
from reports.table import TableCell
from reports.vocabulary import NEUTRAL, Vocabulary

LABELS = {
    "equal_error_rate": "EER",
    "area_under_curve": "AUC",
    "decidability": "d\u2032",
    "fold_accuracy": "accuracy",
    "best_accuracy": "best accuracy",
    "true_match_rate": "TMR",
    "false_match_rate": "FMR",
    "false_non_match_rate": "FNMR",
    "true_accept_rate": "TAR",
    "false_accept_rate": "FAR",
    "false_reject_rate": "FRR",
    "failure_to_acquire_rate": "FTA",
    "half_total_error_rate": "HTER",
    "zero_fmr_false_non_match_rate": "ZeroFMR",
    "zero_fnmr_false_match_rate": "ZeroFNMR",
    "minimum_detection_cost": "minDCF",
    "log_likelihood_ratio_cost": "C_llr",
    "minimum_log_likelihood_ratio_cost": "min C_llr",
    "mated_similarity_mean": "mated mean",
    "nonmated_similarity_mean": "nonmated mean",
    "fold_accuracy_deviation": "accuracy, spread",
    "fold_accuracy_standard_error": "accuracy, error",
    "all_trials_fold_accuracy": "accuracy, all trials",
    "false_non_match_rate_differential": "FNMR \u2212 others",
    "false_match_rate_differential": "FMR ÷ others",
    "false_non_match_rate_after_discard": "FNMR",
    "discard_area_20": "discard area",
    "discard_area_50": "discard area",
    "morph_match_rate": "MMPMR, first photo",
    "minmax_morph_match_rate": "MinMax-MMPMR",
    "prodavg_morph_match_rate": "ProdAvg-MMPMR",
    "relative_morph_match_rate": "RMMR",
    "structural_similarity_mean": "SSIM",
    "peak_signal_to_noise_ratio_mean": "PSNR",
    "layout_intersection_over_union_mean": "mIoU",
    "layout_accuracy_mean": "pixels as meant",
    "attribute_accuracy": "attributes",
    "attribute_change_rate": "changed",
    "attribute_kept_rate": "kept",
    "nearest_similarity_mean": "nearest",
    "frechet_distance": "Fréchet distance",
    "kernel_distance": "kernel distance",
    "diversity_ratio": "diversity",
    "detection_equal_error_rate": "D-EER",
    "detection_area_under_curve": "AUC",
    "found_rate": "found",
    "faces_per_photo_mean": "faces a photo",
    "landmark_error_mean": "landmark error",
    "landmark_failure_rate": "failures",
}
SIGNED = (
    "false_non_match_rate_differential",
    "given_match_rate_gain",
    *(name for name, one in FIGURES.items() if name.startswith("excess_") and one.unit == "share"),
)
"""Figures that are differences of two shares, besides those whose name ends so."""
_DECIMALS = {"similarity": 4, "bits": 3, "cost": 3, "index": 3}
_SIGNED_DECIMALS = {"similarity": 4, "index": 3, "dB": 2, "distance": 4}
"""Of differences that are none of shares."""
ARROWS = {"up": "↑", "down": "↓", "none": ""}
METHODS = {
    "wilson": "Wilson's interval with an effective number of trials",
    "exact": "exact bound that counts people",
    "bootstrap": "bootstrap of people",
    "folds": "over folds",
    "clustered": "Student's t around a mean over faces that share people",
    "jackknife": "leaving out people",
}
NO_INTERVAL = "no interval"

Key = tuple[str, str | None]
"""A figure's name and its operating point."""


def by_key(series: Series, group: str | None = None, species: str | None = None) -> Mapping[Key, Record]:
    """A series' records by figure and operating point.

    Args:
        series: whose.
        group: of which group of people, such as ``"Male=1"``; None for all people.
        species: of which kind of attack; None for all or none, and for the worst.
    """
    return {
        (record["figure"], record["operating_point"]): record
        for record in series.records
        if record.get("group") == group and record.get("species") == species and record.get("versus") is None
    }


def is_count(name: str) -> bool:
    """Whether a figure is counted, so that nothing about it is uncertain."""
    return name in FIGURES and FIGURES[name].unit == "count"


def label_of(name: str, words: Vocabulary = NEUTRAL) -> str:
    """What a column of a figure is called: its abbreviation, or its name in words.

    Args:
        name: of a figure.
        words: in which figures of detectors are called.
    """
    return words.labels.get(name) or LABELS.get(name, name.replace("_", " "))


def hint_of(name: str) -> str:
    """What hovering over a figure's name says: its meaning and source."""
    figure = FIGURES.get(name)
    return f"{name}: {figure.meaning} ({figure.source})" if figure else name


def printed(name: str, value: float | None) -> str:
    """A figure's value as the page prints it: rounded, with its unit."""
    unit = FIGURES[name].unit if name in FIGURES else ""
    if name == "landmark_error_mean":
        return numbers.plain(value, 4)
    if "area_under_curve" in name:
        return numbers.signed(value, 4) if name.endswith("_difference") else numbers.share(value)
    if name.endswith("_difference") and unit in _SIGNED_DECIMALS:
        return numbers.signed(value, _SIGNED_DECIMALS[unit]) + (f"{numbers.THIN}dB" if unit == "dB" else "")
    if name in SIGNED or name.endswith("_difference"):
        return numbers.points(value)
    if unit == "share":
        return numbers.percent(value)
    if unit == "count":
        return numbers.count(value)
    if unit == "dB":
        return f"{numbers.plain(value)}{numbers.THIN}dB" if value is not None else numbers.ABSENT
    if unit == "distance":
        return numbers.significant(value)
    if name in ("similarity_margin_mean", "excess_nearest_similarity_mean"):
        return numbers.signed(value, 4)
    return numbers.plain(value, _DECIMALS.get(unit, 2))


def interval_of(record: Record) -> str:
    """A record's interval as the page prints it, such as ``"98.13 – 99.42 %"``; empty where it has none."""
    low, high = record.get("low"), record.get("high")
    if low is None or high is None:
        return ""
    return numbers.between(printed(record["figure"], low), printed(record["figure"], high))


def spoken(series: Series, record: Record) -> str:
    """A record as a sentence names it: ``"1.24 % (0.98 – 1.52 %)"``."""
    interval = interval_of(record) or (NO_INTERVAL if series.why_no_interval else "")
    if record["value"] is None or not interval:
        return numbers.ABSENT
    return f"{printed(record['figure'], record['value'])} ({interval})"


def figure_cell(
    series: Series,
    record: Record | None,
    *,
    best: bool = False,
    notes: tuple[str, ...] = (),
    hint: str = "",
    why_not: tuple[str, ...] = ("too few scores",),
    over: str = "comparisons",
) -> TableCell:
    """A table cell of a record: a count as it is; anything else with its interval, or not at all.

    A figure that lacks its interval is withheld (its value stands in the CSV file), unless the run is from before
    intervals or asked for none; then the cell says so.

    Args:
        series: whose record.
        record: the record, or None where there is none.
        best: whether it is the best of its column.
        notes: smaller lines below it; words and counts, never another figure.
        hint: what hovering adds.
        why_not: smaller lines where it has no value.
        over: what the record counts.
    """
    if record is None:
        return TableCell(numbers.ABSENT, kind="words")
    name, value = record["figure"], record["value"]
    if value is None:
        return TableCell("", kind="words", notes=why_not, tag="insufficient")
    told = [f"{value!r}" + (f" over {record['n']:,} {over}" if record["n"] is not None else ""), hint]
    if is_count(name):
        return TableCell(printed(name, value), kind="count", notes=notes, best=best, hint=_told(told))
    interval = interval_of(record)
    if not interval and not series.why_no_interval:
        return TableCell("", kind="words", notes=("too few draws have it",), tag="no interval")
    how = METHODS.get(record.get("interval") or "", "") if interval else series.why_no_interval
    told.append(f"95 % interval: {how}" if interval else how)
    tag = record["support"] == "weak" and name != "failure_to_acquire_rate"
    return TableCell(
        printed(name, value), kind="figure", interval=interval or NO_INTERVAL, notes=notes,
        tag="weak" if tag else "", best=best, hint=_told(told),
    )  # fmt: skip


def count_cell(value: float, *notes: str, hint: str = "") -> TableCell:
    """A table cell of something counted."""
    return TableCell(numbers.count(value), kind="count", notes=notes, hint=hint)


def share_cell(part: int, whole: int, interval: str) -> TableCell:
    """A table cell of a count, with the share that it is and that share's interval below.

    Args:
        part: how many.
        whole: of how many.
        interval: of the share, in print; or the words that say why there is none.
    """
    notes = (f"of {numbers.count(whole)}",)
    return TableCell(
        numbers.percent(part / whole) if whole else numbers.ABSENT, kind="figure" if whole else "words",
        interval=interval, notes=(f"{numbers.count(part)} {notes[0]}",),
    )  # fmt: skip


def _told(parts: Iterable[str]) -> str:
    return "; ".join(part for part in parts if part)


def value_at(records: Mapping[Key, Record], figure: str, point: str | None = None) -> Any:
    """The value of a figure at a point, or None."""
    return (records.get((figure, point)) or {}).get("value")
