"""A model card as Markdown: one generator on one data set, as every recognizer sees it; data in, text out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from reports import numbers
from reports.model_card_figures import Record, figures
from reports.points import point_of


def markdown(card: Mapping[str, Any]) -> str:
    """The card as text.

    Args:
        card: as `bench.sweep.model_card.model_card` returns it.
    """
    generator, settings = card["generator"], card["settings"]
    several = len(settings) > 1
    lines = [
        f"# Model card: {generator['label']}",
        "",
        f"{_sentence(generator['summary'])} {_verdict(card)}".strip(),
        "",
    ]
    lines += _heading("The generator", _of_generator(generator) + ([] if several else _of_setting(settings[0])))
    lines += _heading("The data", _of_data(card["data"]))
    for setting in settings:
        mine = [one for one in card["figures"] if one["setting"] == setting["title"]]
        lines += ["## Figures" + (f": {setting['title']}" if setting["title"] else ""), ""]
        lines += _rows(_of_setting(setting)) if several else []
        lines += figures(mine, card, setting["contributors"])
    lines += ["## Where the thresholds come from", "", *_thresholds(card), ""]
    if card["failures"]:
        failed = [
            f"- {one['recognizer']}: {one['error']}: {' '.join(one['message'].split())}" for one in card["failures"]
        ]
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


def _of_generator(generator: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [("plugin", f"`{generator['name']}`: {generator['source']}"), ("licence", generator["licence"])]


def _of_setting(setting: Mapping[str, Any]) -> list[tuple[str, str]]:
    taught, weights = setting["taught_by"], setting["fingerprint"].get("weights")
    rows = [
        ("settings", _settings(setting["settings"])),
        ("fingerprint", _settings(_told(setting["fingerprint"]))),
        ("takes", ", ".join(["photos", *(one.replace("_", " ") for one in setting["conditions"])])),
        ("crop", f"{setting['crop']['template']}, {setting['crop']['side']} pixels"),
        ("weights", f"SHA-256 `{weights}`" if weights else "none"),
        ("taught by (white box)", ", ".join(f"`{one}`" for one in taught) or "it names no recognizer"),
        ("aligner", _named(setting["aligner"])),
    ]
    if any("masks" in one for one in setting["conditions"]):
        rows.append(("masks by", _named(setting["parser"]) if setting["parser"] else "the data set"))
    faces, people, photos = (numbers.count(setting[name]) for name in ("faces", "people", "photos"))
    of = numbers.plural(setting["contributors"], "person", "people")
    return [*rows, ("made of", f"{faces} faces of {of} each; {people} people contribute, {photos} photos of them")]


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
        ("who is put together", str(pairs["kind"]).replace("_", " ")),
        ("compared with", f"at most {pairs['references']} other photos of each contributor"),
        ("contents", f"SHA-256 `{data['images']}`"),
    ]


def _thresholds(card: Mapping[str, Any]) -> list[str]:
    lines = []
    for one in card["thresholds"]:
        manifest = one.get("manifest") or {}
        if one["origin"] is None:
            lines.append(f"- {one['recognizer']}: set on comparisons of the data set's own people, not of others")
            lines += [f"  - {_of_own_point(point)}" for point in one["points"]]
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


def _of_own_point(record: Record) -> str:
    point = point_of(record["operating_point"])
    said = f"{point.goal if point else record['operating_point']}: "
    over = f"{numbers.count(record['n'])} nonmated comparisons"
    if record["value"] is None:
        return f"{said}no threshold, {over} are too few"
    weak = "" if record["support"] == "ok" else f", {record['support']}"
    return f"{said}threshold {numbers.plain(record['value'], 4)}, of {over}{weak}"


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
    return [f"## {title}", "", *_rows(rows)]


def _rows(rows: Iterable[tuple[str, str]]) -> list[str]:
    return ["| | |", "|---|---|", *(f"| {name} | {_cell_text(value)} |" for name, value in rows), ""]


def _cell_text(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _named(part: Mapping[str, Any]) -> str:
    settings = _settings(part["settings"])
    return f"`{part['name']}`" + (f" ({settings})" if part["settings"] else "")


def _settings(settings: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in settings.items()) or "all as they are by default"


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:].rstrip('.')}."
