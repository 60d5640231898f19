"""A model card as Markdown: one generator on one data set, as every recognizer sees it; data in, text out."""

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
_NO_FIGURE = "–"


def markdown(card: Mapping[str, Any]) -> str:
    """The card as text.

    Args:
        card: as `bench.sweep.model_card.model_card` returns it.
    """
    generator, data = card["generator"], card["data"]
    lines = [
        f"# Model card: {generator['label']}",
        "",
        f"{_sentence(generator['summary'])} {_verdict(card)}".strip(),
        "",
    ]
    lines += _heading("The generator", _of_generator(card))
    lines += _heading("The data", _of_data(data))
    for setting in card["settings"]:
        mine = [one for one in card["figures"] if one["setting"] == setting["title"]]
        lines += ["## Figures" + (f": {setting['title']}" if setting["title"] else ""), ""]
        lines += _figures(mine, card, generator["contributors"])
    lines += ["## Where the thresholds come from", "", *_thresholds(card), ""]
    if card["failures"]:
        failed = [f"- {one['recognizer']}: {one['error']}: {one['message']}" for one in card["failures"]]
        lines += ["## What failed", "", *failed, ""]
    lines += _heading("How it was made", _of_run(card))
    return "\n".join(lines).rstrip() + "\n"


def _verdict(card: Mapping[str, Any]) -> str:
    if not card["data"]["real_people"]:
        return (
            "**Measured on drawn people, who do not exist: these figures show that it runs, and say little about real "
            "faces.**"
        )
    return ""


def _of_generator(card: Mapping[str, Any]) -> list[tuple[str, str]]:
    generator = card["generator"]
    taught = generator["taught_by"]
    rows = [
        ("plugin", f"`{generator['name']}`: {generator['source']}"),
        ("licence", generator["licence"]),
        ("settings", _settings(generator["settings"])),
        ("fingerprint", _settings(_told(generator["fingerprint"]))),
        ("people a face", str(generator["contributors"])),
        ("takes", ", ".join(["photos", *(one.replace("_", " ") for one in generator["conditions"])])),
        ("crop", f"{generator['crop']['template']}, {generator['crop']['side']} pixels"),
        ("weights", f"SHA-256 `{weights}`" if (weights := generator["fingerprint"].get("weights")) else "none"),
        ("taught by (white box)", ", ".join(f"`{one}`" for one in taught) or "it names no recognizer"),
        ("aligner", _named(card["aligner"])),
    ]
    return rows + ([("masks by", _named(card["parser"]))] if card["parser"] else [])


def _told(fingerprint: Mapping[str, Any]) -> dict[str, Any]:
    """What a fingerprint says besides digests, which have rows of their own."""
    return {name: value for name, value in fingerprint.items() if name not in ("template", "weights")}


def _of_data(data: Mapping[str, Any]) -> list[tuple[str, str]]:
    pairs = data["pairs"]
    split = data["fingerprint"].get("split")
    return [
        ("data set", f"`{data['name']}`: {data['summary']}"),
        ("source", data["source"]),
        ("licence", data["licence"]),
        ("settings", _settings({**data["settings"], **({"split": split} if split else {})})),
        ("people", f"{numbers.count(data['people'])} who contribute, {numbers.count(data['photos'])} photos of them"),
        ("faces", f"{numbers.count(data['faces'])} of {str(pairs['kind']).replace('_', ' ')}"),
        ("compared with", f"at most {pairs['references']} other photos of each contributor"),
        ("contents", f"SHA-256 `{data['images']}`"),
    ]


def _figures(records: Sequence[Record], card: Mapping[str, Any], contributors: int) -> list[str]:
    judges = [one["label"] for one in card["recognizers"]]
    heads = [f"{one['label']}{' †' if one['white_box'] else ''}" for one in card["recognizers"]]
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
    lines += _table("The recognizers on the photos themselves", heads, _OF_PHOTOS, judges, _finder(_on_photos(card)))
    return [*lines, *_notes(records, any(one["white_box"] for one in card["recognizers"]))]


_OF_PHOTOS: tuple[Asked, ...] = (("EER", "equal_error_rate", None),)


def _on_photos(card: Mapping[str, Any]) -> list[Record]:
    return [{**one, "judge": one["recognizer"]} for one in card["on_photos"]]


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
        "* weak: rests on fewer than 30 errors or faces.",
    ]
    notes += ["† white box: it taught the generator, and a gain that only it sees proves nothing."] if white_box else []
    notes.append("Distances are squared, of embeddings of length 1, and comparable within one recognizer only.")
    return [" ".join(notes), ""]


def _thresholds(card: Mapping[str, Any]) -> list[str]:
    lines = []
    for one in card["thresholds"]:
        manifest = one.get("manifest") or {}
        if one["origin"] is None:
            lines.append(f"- {one['recognizer']}: set on comparisons of the data set's own people, not of others")
            continue
        data = manifest.get("dataset") or {}
        people = f", {numbers.count(data['people'])} people" if "people" in data else ""
        pairs = (
            f", {numbers.count(data['mated'])} mated and {numbers.count(data['nonmated'])} nonmated comparisons"
            if "mated" in data
            else ""
        )
        lines.append(f"- {one['recognizer']}: {one['origin']} (`{data.get('name', one['origin'])}`{people}{pairs})")
        lines += [f"  - {_of_point(point)}" for point in manifest.get("points", ()) if "requested_fmr" in point]
    return lines


def _of_point(point: Mapping[str, Any]) -> str:
    low, high = point["false_match_rate_interval"] or (None, None)
    achieved = numbers.percent(point["false_match_rate"])
    between = f" [{numbers.between(numbers.percent(low), numbers.percent(high))}]" if low is not None else ""
    weak = "" if point["support"] == "ok" else f", {point['support']}"
    threshold = numbers.plain(point["threshold"], 4)
    asked = numbers.rate(point["requested_fmr"])
    return f"FMR {asked}: threshold {threshold}, FMR achieved there {achieved}{between}{weak}"


def _of_run(card: Mapping[str, Any]) -> list[tuple[str, str]]:
    run = card["run"]
    git = run["git"] or {}
    commit = f", commit {git['commit']}{' with uncommitted changes' if git.get('changed') else ''}" if git else ""
    versions = ", ".join(f"{name} {version}" for name, version in (run["versions"] or {}).items())
    rows = [
        ("command", f"`{run['command']}`" if run["command"] else "from Python"),
        ("impersona", f"{run['impersona']}{commit}"),
        ("versions", versions),
        ("machine", f"{run['machine']['system']}, {run['machine']['processor']}, {run['machine']['cores']} cores"),
        ("seed, draws", f"{run['seed']}, {numbers.count(run['draws'])} draws of people"),
        ("started", str(run["started"])),
    ]
    for one in card["recognizers"]:
        ran = ", ".join(f"{key} {value}" for key, value in one["runtime"].items())
        weights = one["fingerprint"].get("weights")
        digest = f", weights SHA-256 `{weights}`" if weights else ""
        rows.append((one["label"], f"aligned by {_named(one['aligner'])}; {ran or 'runtime unknown'}{digest}"))
    return [*rows, ("cells", " ".join(f"`{key[:12]}`" for key in run["cells"]))]


def _heading(title: str, rows: Iterable[tuple[str, str]]) -> list[str]:
    return [f"## {title}", "", "| | |", "|---|---|", *(f"| {name} | {_cell_text(value)} |" for name, value in rows), ""]


def _cell_text(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _named(part: Mapping[str, Any]) -> str:
    settings = _settings(part["settings"])
    return f"`{part['name']}`" + (f" ({settings})" if part["settings"] else "")


def _settings(settings: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in settings.items()) or "all as they are by default"


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:].rstrip('.')}."
