"""The figures of a model card as Markdown tables: a row a figure, a column a recognizer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from bench.metrics import FIGURES
from bench.metrics.vulnerability import contributor_name
from reports import numbers
from reports.points import point_of
from reports.records import METHODS, printed

Record = Mapping[str, Any]
Asked = tuple[str, str, str | None]
"""What a row says, the figure, and its group."""

_OF_PICTURES: tuple[Asked, ...] = (
    ("SSIM with the first contributor's photo", "structural_similarity_mean", None),
    ("PSNR with the first contributor's photo", "peak_signal_to_noise_ratio_mean", None),
)
_OF_SETS: tuple[Asked, ...] = (
    ("Fréchet distance of made faces and photos", "frechet_distance", None),
    ("kernel distance of made faces and photos", "kernel_distance", None),
)
_OF_DIVERSITY: tuple[Asked, ...] = (
    ("faces of different people: mean distance", "face_distance_mean", "different people"),
    ("their photos: mean distance", "photo_distance_mean", "different people"),
    ("**diversity**: the one / the other", "diversity_ratio", "different people"),
    ("faces of the same people: mean distance", "face_distance_mean", "same people"),
    ("their photos: mean distance", "photo_distance_mean", "same people"),
    ("**diversity**: the one / the other", "diversity_ratio", "same people"),
    ("the very same photos made into a face again: mean distance", "making_distance_mean", None),
    ("the same / that of photos of different people", "making_diversity_ratio", None),
)
_OF_FAILURES: tuple[Asked, ...] = (
    ("faces to be made", "generated_faces", None),
    ("not made", "faces_not_made", None),
    ("made, and no face found in them", "generated_faces_not_acquired", None),
)
_OF_PHOTOS: tuple[Asked, ...] = (("EER", "equal_error_rate", None),)
_NO_FIGURE = "–"


def figures(records: Sequence[Record], card: Mapping[str, Any], contributors: int) -> list[str]:
    """The lines of the tables of one setting, and what they need to be read.

    Args:
        records: the card's figures of the setting.
        card: as `bench.sweep.model_card.model_card` returns it.
        contributors: people a face.
    """
    judges = [one["label"] for one in card["recognizers"]]
    taught = {one["judge"] for one in records if one["white_box"]}
    heads = [f"{one}{' †' if one in taught else ''}" for one in judges]
    points = list(dict.fromkeys(one["operating_point"] for one in records if one["operating_point"]))
    find = _finder(records)
    first = judges[:1]
    lines = _table("Quality of the pictures", ["all recognizers alike"], _OF_PICTURES, first, find)
    lines += _table("Quality of the set", heads, _OF_SETS, judges, find)
    lines += _table("Identity: similarity", heads, _similarities(contributors), judges, find)
    for name in points:
        point = point_of(name)
        title = f"Identity: verification at {point.label if point else name}"
        lines += _table(title, heads, _verification(contributors), judges, find, name)
    lines += _table("Diversity", heads, _OF_DIVERSITY, judges, find)
    lines += _table("Failures", heads, _OF_FAILURES, judges, find)
    lines += _table("The recognizers on the photos themselves", heads, _OF_PHOTOS, judges, _finder(card["on_photos"]))
    return [*lines, *_notes(records, bool(taught))]


def _similarities(contributors: int) -> list[Asked]:
    rows: list[Asked] = []
    for place in range(1, contributors + 1):
        whose, group = _whose(place, contributors), contributor_name(place)
        rows.append((f"mean similarity to other photos of {whose}", "contributor_similarity_mean", group))
        rows.append((f"mean similarity to the very photo of {whose}", "same_photo_similarity_mean", group))
    return rows


def _verification(contributors: int) -> list[Asked]:
    rows: list[Asked] = []
    for place in range(1, contributors + 1):
        whose, group = _whose(place, contributors), contributor_name(place)
        rows.append((f"faces verified as {whose}, other photos", "contributor_match_rate", group))
        beside = "the same of the unchanged photo" if contributors == 1 else "the same of the first's unchanged photo"
        rows.append((beside, "clean_contributor_match_rate", group))
        rows.append((f"faces verified as {whose}, the very photo", "same_photo_match_rate", group))
    if contributors == 2:
        rows.append(("faces verified as both", "both_match_rate", None))
    rows += [
        (f"faces verified as at least {least}", "several_match_rate", f"{least} of {contributors}")
        for least in range(2, contributors + 1 if contributors > 2 else 0)
    ]
    return [*rows, ("not acquired", "not_acquired_rate", None)]


def _whose(place: int, contributors: int) -> str:
    return "the source" if contributors == 1 else f"contributor {place}"


def _finder(records: Iterable[Record]) -> Callable[[str, str, str | None, str | None], Record | None]:
    found = {(one["judge"], one["figure"], one["group"], one["operating_point"]): one for one in records}
    return lambda *key: found.get(key)


def _table(
    title: str,
    heads: Sequence[str],
    rows: Iterable[Asked],
    judges: Sequence[str],
    find: Callable[[str, str, str | None, str | None], Record | None],
    point: str | None = None,
) -> list[str]:
    """A Markdown table of the rows that some judge has a figure for; nothing where there is none."""
    body = []
    for said, figure, group in rows:
        cells = [find(judge, figure, group, point) for judge in judges]
        if any(cells):
            arrow = {"up": " ↑", "down": " ↓"}.get(FIGURES[figure].direction, "")
            body.append(f"| {said}{arrow} | " + " | ".join(map(_cell, cells)) + " |")
    if not body:
        return []
    return [f"| {title} | " + " | ".join(heads) + " |", "|---" * (len(heads) + 1) + "|", *body, ""]


def _cell(record: Record | None) -> str:
    if record is None or record["value"] is None:
        return _NO_FIGURE
    name = record["figure"]
    mark = "*" if record["support"] == "weak" else ""
    value = printed(name, record["value"]) + mark
    if record["low"] is None:
        return value
    return f"{value} [{numbers.between(printed(name, record['low']), printed(name, record['high']))}]"


def _notes(records: Sequence[Record], white_box: bool) -> list[str]:
    methods = [METHODS[one] for one in dict.fromkeys(one["interval"] for one in records) if one]
    notes = [
        f"In brackets 95 % intervals ({numbers.listed(methods)}).",
        "* weak: rests on fewer than 30 errors or faces; n is in the JSON file beside.",
    ]
    if any(one["value"] is None for one in records):
        notes.append("– has no value: no face was acquired, or too few comparisons for such a threshold.")
    notes += ["† white box: it taught the generator, and a gain that only it sees proves nothing."] if white_box else []
    notes.append("Distances are squared, of embeddings of length 1, and comparable within one recognizer only.")
    return [" ".join(notes), ""]
