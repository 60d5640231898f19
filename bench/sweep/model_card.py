"""A model card: what a run says of one generator, as plain data; `reports.model_card` makes Markdown of it.

It is made from the run folder and the generator itself, and computes nothing: every figure is a record of summary.json.
Recognizers that taught the generator are its white box (``taught_by``, which a generator may have: names of recognizer
plugins), and so is the one whose embeddings it takes; their figures are marked, since a gain that only they see proves
nothing.

It imports nothing heavy.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from bench.api import Dataset, Generator, Kind, PluginRow
from bench.errors import InsufficientData, PluginError
from bench.registry import registry
from bench.store.run_folder import RunFolder
from bench.sweep.axes import in_words
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
        PluginError: the generator's `taught_by` is one name and no set of names.
    """
    outcomes = run.outcomes()
    made = [one for one in outcomes if one["status"] == "success" and one["spec"]["assessment"] == "generated"]
    if not made:
        raise InsufficientData(f"{run.path}: no face was judged, so there is nothing to put on a card; see its report")
    manifest, spec = run.manifest(), made[0]["spec"]
    settings = [_setting(one) for one in _first_of_each(made)]
    taught = {one["title"]: one["taught_by"] for one in settings}
    return {
        "schema": SCHEMA,
        "generator": {**_about("generator", spec["maker"]), "label": spec["maker"]["label"]},
        "settings": settings,
        "data": _data(spec),
        "recognizers": [_recognizer(one) for one in _first_of_each(made, "recognizer")],
        "thresholds": [_pedigree(one) for one in _first_of_each(made, "recognizer")],
        "figures": [
            {
                **record,
                "judge": _judge(one),
                "setting": _title(one),
                "white_box": one["spec"]["recognizer"]["name"] in taught[_title(one)] or _gives_identity(one["spec"]),
            }
            for one in made
            for record in one["figures"]
        ],
        "on_photos": [
            {**record, "judge": _judge(one)}
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
    """A setting of the generator in words, empty where there is only one."""
    settings = outcome["labels"]["settings"]
    return ", ".join(f"{key}={in_words(value)}" for key, value in settings.items() if key.startswith("generator."))


def _aligner_axes(outcome: Mapping[str, Any]) -> str:
    settings = outcome["labels"]["settings"]
    axes = {key: value for key, value in settings.items() if not key.startswith("generator.")}
    return "".join(f" {key}={value}" for key, value in sorted(axes.items()) if key != "aligner")


def _setting(outcome: Mapping[str, Any]) -> dict[str, Any]:
    """What differs between settings: networks, people a face, who taught it, who finds and labels faces."""
    spec, counts = outcome["spec"], outcome["counts"]
    generator: Generator = plugin("generator", entry_of(spec["maker"]))
    not_made = next(one["value"] for one in outcome["figures"] if one["figure"] == "faces_not_made")
    return {
        "title": _title(outcome),
        **_plugin(spec["maker"]),
        "contributors": generator.contributors,
        "conditions": sorted(generator.conditions),
        "crop": {"template": generator.template.name, "side": generator.template.side},
        "taught_by": _taught(generator, spec["maker"]["name"]),
        "aligner": _plugin(spec["maker_aligner"]),
        "parser": _plugin(spec["maker_parser"]) if "maker_parser" in spec else None,
        "identity_encoder": _plugin(spec["maker_identity"]) if "maker_identity" in spec else None,
        "faces": counts["faces"],
        "people": counts["people"],
        "photos": counts["frames"] - counts["faces"] + int(not_made),
    }


def _taught(generator: Generator, name: str) -> list[str]:
    taught = getattr(generator, "taught_by", ())
    if isinstance(taught, str):
        raise PluginError(f"{name}: got taught_by {taught!r}, expected a frozenset of recognizers' names")
    return sorted(taught)


def _gives_identity(spec: Mapping[str, Any]) -> bool:
    """Whether the judge is the recognizer whose embeddings the generator takes, of the same weights."""
    encoder, judge = spec.get("maker_identity"), spec["recognizer"]
    if encoder is None or encoder["name"] != judge["name"]:
        return False
    weights = [one["fingerprint"].get("weights") for one in (encoder, judge)]
    return bool(weights[0] == weights[1])


def _about(kind: Kind, part: Mapping[str, Any]) -> dict[str, Any]:
    row: PluginRow = registry().find(kind, part["name"])
    return {"name": part["name"], "summary": row.summary, "source": row.source, "licence": row.licence}


def _described(kind: Kind, part: Mapping[str, Any]) -> dict[str, Any]:
    return {**_plugin(part), **_about(kind, part)}


def _plugin(part: Mapping[str, Any]) -> dict[str, Any]:
    return {name: part[name] for name in ("name", "settings", "fingerprint")}


def _data(spec: Mapping[str, Any]) -> dict[str, Any]:
    dataset: Dataset = plugin("dataset", entry_of(spec["dataset"]))
    return {
        **_described("dataset", spec["dataset"]),
        "real_people": not dataset.shows_faces,
        "pairs": {name: value for name, value in spec["pairs"].items() if name != "file"},
        "images": spec["images"],
    }


def _recognizer(outcome: Mapping[str, Any]) -> dict[str, Any]:
    spec = outcome["spec"]
    return {
        "label": _judge(outcome),
        **_described("recognizer", spec["recognizer"]),
        "aligner": _plugin(spec["aligner"]),
        "comparison": spec["comparison"],
        "runtime": outcome["runtime"],
    }


def _pedigree(outcome: Mapping[str, Any]) -> dict[str, Any]:
    found = outcome.get("calibration")
    label = _judge(outcome)
    if found is None:
        points = [one for one in outcome["figures"] if one["figure"] == "threshold"]
        return {"recognizer": label, "origin": None, "points": points}
    kept = {name: value for name, value in found.items() if name not in _HASHES and name not in ("recognizer",)}
    if isinstance(kept.get("dataset"), Mapping):
        kept["dataset"] = {name: value for name, value in kept["dataset"].items() if name not in _HASHES}
    return {"recognizer": label, "origin": (outcome["spec"]["calibration"] or {}).get("origin"), "manifest": kept}


def _judge(outcome: Mapping[str, Any]) -> str:
    """The recognizer's label, with its aligner's settings where these are an axis."""
    return str(outcome["labels"]["recognizer"]) + _aligner_axes(outcome)
