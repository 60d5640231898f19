"""A model card: what a run says of one generator, as plain data; `reports.model_card` makes Markdown of it.

It is made from the run folder and the generator itself, and computes nothing: every figure is a record of summary.json.
Recognizers that taught the generator are its white box (``taught_by``, which a generator may have: names of recognizer
plugins); their figures are marked, since a gain that only they see proves nothing.

It imports nothing heavy.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from bench.api import Dataset, Generator, Kind, PluginRow
from bench.errors import InsufficientData
from bench.registry import registry
from bench.store.run_folder import RunFolder
from bench.sweep.inputs import entry_of
from bench.sweep.instances import plugin

SCHEMA = "impersona.model_card/1"

_OF_RUN = ("command", "impersona", "versions", "machine", "git", "started", "seed", "cells")
_HASHES = ("people_hashes", "logistic", "isotonic")
"""What of a threshold manifest is no reading for people; the run folder has it."""


def model_card(run: RunFolder) -> dict[str, Any]:
    """The card of the one generator of a run.

    Args:
        run: of a sweep that `bench.sweep.evaluation` made.

    Returns:
        Plain data, as model cards hold it.

    Raises:
        InsufficientData: no cell of made faces succeeded.
    """
    outcomes = run.outcomes()
    made = [one for one in outcomes if one["status"] == "success" and one["spec"]["assessment"] == "generated"]
    if not made:
        raise InsufficientData(f"{run.path}: no face was judged, so there is nothing to put on a card; see its report")
    manifest, spec = run.manifest(), made[0]["spec"]
    generator: Generator = plugin("generator", entry_of(spec["maker"]))
    taught = sorted(getattr(generator, "taught_by", ()))
    return {
        "schema": SCHEMA,
        "generator": {
            **_described("generator", spec["maker"]),
            "label": spec["maker"]["label"],
            "contributors": generator.contributors,
            "conditions": sorted(generator.conditions),
            "crop": {"template": generator.template.name, "side": generator.template.side},
            "taught_by": taught,
        },
        "settings": [_setting(one) for one in _first_of_each(made)],
        "aligner": _plugin(spec["maker_aligner"]),
        "parser": _plugin(spec["maker_parser"]) if "maker_parser" in spec else None,
        "data": _data(spec, made[0]["counts"]),
        "recognizers": [_recognizer(one, taught) for one in _first_of_each(made, "recognizer")],
        "thresholds": [_pedigree(one) for one in _first_of_each(made, "recognizer")],
        "figures": [
            {**record, "judge": _judge(one), "setting": _title(one), "white_box": _is_white_box(one, taught)}
            for one in made
            for record in one["figures"]
        ],
        "on_photos": [
            record
            for one in outcomes
            if one["status"] == "success" and one["spec"]["assessment"] == "verification"
            for record in one["figures"]
            if record["group"] is None
        ],
        "failures": [
            {**one["labels"], "error": one["error"], "message": one["message"]}
            for one in outcomes
            if one["status"] == "failure"
        ],
        "run": {name: manifest.get(name) for name in _OF_RUN} | {"draws": spec["draws"]},
    }


def _first_of_each(made: Iterable[Mapping[str, Any]], by: str = "settings") -> list[Mapping[str, Any]]:
    """The first cell of each setting of the generator, or of each recognizer."""
    found: dict[str, Mapping[str, Any]] = {}
    for one in made:
        name = _judge(one) if by == "recognizer" else _title(one)
        found.setdefault(name, one)
    return list(found.values())


def _title(outcome: Mapping[str, Any]) -> str:
    """A setting of the data set and the generator in words, empty where there is only one."""
    settings = outcome["labels"]["settings"]
    return ", ".join(f"{key}={value}" for key, value in settings.items() if key.startswith(("generator.", "dataset.")))


def _aligner_axes(outcome: Mapping[str, Any]) -> str:
    settings = outcome["labels"]["settings"]
    axes = {key: value for key, value in settings.items() if not key.startswith(("generator.", "dataset."))}
    return "".join(f" {key}={value}" for key, value in sorted(axes.items()) if key != "aligner")


def _setting(outcome: Mapping[str, Any]) -> dict[str, Any]:
    maker = outcome["spec"]["maker"]
    return {
        "title": _title(outcome),
        "settings": maker["settings"],
        "fingerprint": maker["fingerprint"],
        "counts": outcome["counts"],
    }


def _described(kind: Kind, part: Mapping[str, Any]) -> dict[str, Any]:
    row: PluginRow = registry().find(kind, part["name"])
    return {**_plugin(part), "summary": row.summary, "source": row.source, "licence": row.licence}


def _plugin(part: Mapping[str, Any]) -> dict[str, Any]:
    return {name: part[name] for name in ("name", "settings", "fingerprint")}


def _data(spec: Mapping[str, Any], counts: Mapping[str, int]) -> dict[str, Any]:
    dataset: Dataset = plugin("dataset", entry_of(spec["dataset"]))
    return {
        **_described("dataset", spec["dataset"]),
        "real_people": not dataset.shows_faces,
        "pairs": {name: value for name, value in spec["pairs"].items() if name != "file"},
        "faces": counts["faces"],
        "people": counts["people"],
        "photos": counts["frames"] - counts["faces"] + counts.get("faces_not_made", 0),
        "images": spec["images"],
    }


def _recognizer(outcome: Mapping[str, Any], taught: Sequence[str]) -> dict[str, Any]:
    spec = outcome["spec"]
    return {
        "label": _judge(outcome),
        **_described("recognizer", spec["recognizer"]),
        "aligner": _plugin(spec["aligner"]),
        "comparison": spec["comparison"],
        "runtime": outcome["runtime"],
        "white_box": _is_white_box(outcome, taught),
    }


def _pedigree(outcome: Mapping[str, Any]) -> dict[str, Any]:
    found = outcome.get("calibration")
    label = _judge(outcome)
    if found is None:
        return {"recognizer": label, "origin": None}
    kept = {name: value for name, value in found.items() if name not in _HASHES and name not in ("recognizer",)}
    if isinstance(kept.get("dataset"), Mapping):
        kept["dataset"] = {name: value for name, value in kept["dataset"].items() if name not in _HASHES}
    return {"recognizer": label, "origin": (outcome["spec"]["calibration"] or {}).get("origin"), "manifest": kept}


def _judge(outcome: Mapping[str, Any]) -> str:
    """The recognizer's label, with its aligner's settings where these are an axis."""
    return str(outcome["labels"]["recognizer"]) + _aligner_axes(outcome)


def _is_white_box(outcome: Mapping[str, Any], taught: Sequence[str]) -> bool:
    return outcome["spec"]["recognizer"]["name"] in taught
