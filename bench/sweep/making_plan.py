"""What a sweep's ``generators:`` and ``attacks:`` mean: who makes faces of whose photos, as parts of a cell's spec.

It imports nothing heavy.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from bench.api import Aligner, Attack, Dataset, EmbeddedDataset, Generator, MaskedDataset, Recognizer
from bench.config import MakerEntry, PluginEntry, RecognizerEntry, Sweep
from bench.errors import ConfigError
from bench.provenance import file_digest, value_digest
from bench.sweep.axes import Axes, expand
from bench.sweep.conditions import AVAILABLE
from bench.sweep.inputs import Entry, identity_of, images_digest, warn_of_inferred_people
from bench.sweep.instances import plugin
from bench.sweep.pair_lists import draw_pairing
from bench.sweep.pairing import LISTED, Album

DEFAULT_JUDGE = "dlib_resnet"
"""The recognizer that finds look-alikes where no other is named."""


@dataclass(frozen=True)
class Commission:
    """One setting of one maker on one data set.

    Attributes:
        part: the part of a cell's identity that says who makes faces of whose photos.
        labels: what its figures are filed under besides the recognizer.
        entries: role to sweep-file entry, of the plugins that take part.
        faces: how many faces it makes.
        comparisons: how many comparisons a recognizer makes of them.
    """

    part: Mapping[str, Any]
    labels: Mapping[str, Any]
    entries: Mapping[str, Entry]
    faces: int
    comparisons: int


def plan_making(sweep: Sweep, dataset: Dataset, dataset_entry: Entry) -> Iterator[Commission]:
    """Every setting of every generator and attack.

    Args:
        sweep: the sweep.
        dataset: whose people contribute.
        dataset_entry: ``{"name": ..., **settings}``.

    Raises:
        ConfigError: the data set cannot give what a maker asks for.
        InsufficientData: too few people have two photos.
    """
    wanted_of: dict[Literal["generator", "attack"], tuple[MakerEntry, ...]] = {
        "generator": sweep.generators,
        "attack": sweep.attacks,
    }
    for kind, wanted in [(kind, one) for kind, entries in wanted_of.items() for one in entries]:
        if isinstance(dataset, EmbeddedDataset):
            raise ConfigError(f"{wanted.name} makes faces of photos, and the data set {dataset_entry['name']} has none")
        warn_of_inferred_people(dataset, dataset_entry["name"])
        for entry, axes in expand(kind, wanted):
            maker: Generator | Attack = plugin(kind, entry)
            _refuse_unmet(maker, entry["name"], dataset, dataset_entry["name"])
            yield _commission(sweep, dataset, dataset_entry, kind, wanted, entry, axes, maker)


def _commission(
    sweep: Sweep,
    dataset: Dataset,
    dataset_entry: Entry,
    kind: Literal["generator", "attack"],
    wanted: MakerEntry,
    entry: Entry,
    axes: Axes,
    maker: Generator | Attack,
) -> Commission:
    found = wanted.aligner or PluginEntry.model_validate(dict(maker.default_aligner()))
    finder: Entry = {"name": found.name, **found.settings}
    aligner: Aligner = plugin("aligner", finder)
    pairs, entries = _pairs(sweep, dataset, dataset_entry, maker)
    label, goal = wanted.label or wanted.name, _goal(wanted, maker)
    part = {
        "pairs": pairs,
        "maker": {
            "kind": kind,
            "label": label,
            **identity_of(entry, maker),
            "contributors": maker.contributors,
            "goal": goal,
        },
        "maker_aligner": identity_of(finder, aligner),
        "keep_faces": sweep.keep_faces,
        "run": sweep.name,
    }
    labels = {
        "protocol": pairs["kind"],
        "generator": label if kind == "generator" else None,
        "attack": label if kind == "attack" else None,
        "goal": goal,
        "settings": axes,
    }
    faces = pairs["count"]
    comparisons = faces * maker.contributors * sweep.pairs.references
    return Commission(part, labels, {"maker": entry, "maker_aligner": finder, **entries}, faces, comparisons)


def making_identity(part: Mapping[str, Any]) -> dict[str, Any]:
    """What of a commission's part belongs into a cell's key: all but where things lie, and what the run is called."""
    kept = {name: value for name, value in part.items() if name != "run"}
    return {**kept, "pairs": {name: value for name, value in part["pairs"].items() if name != "file"}}


def _pairs(
    sweep: Sweep, dataset: Dataset, dataset_entry: Entry, maker: Generator | Attack
) -> tuple[dict[str, Any], dict[str, Entry]]:
    wanted, name = sweep.pairs, dataset_entry["name"]
    part: dict[str, Any] = {
        "kind": LISTED if wanted.file else wanted.kind,
        "count": wanted.count,
        "references": wanted.references,
        "file": str(Path(wanted.file).absolute()) if wanted.file else None,
        "list": file_digest(wanted.file) if wanted.file else None,
        "digest": None,
        "alike_by": None,
    }
    if part["kind"] == "look_alikes":
        Album(dataset.frames(), name, maker.contributors)  # refuses too few people before anything is computed
        part["images"] = images_digest(dataset, dataset.frames())
        part["alike_by"], entries = _judge(wanted.alike_by or RecognizerEntry(name=DEFAULT_JUDGE))
        return part, entries
    pairing = draw_pairing(part, dataset, name, maker.contributors, sweep.seed)
    part |= {"count": len(pairing), "digest": pairing.digest, "images": images_digest(dataset, pairing.frames)}
    if maker.conditions & {"masks", "reference_masks"} and isinstance(dataset, MaskedDataset):
        keys = [pairing.frames[photo].key for photo in sorted(set(pairing.photo.ravel().tolist()))]
        part["masks"] = value_digest([dataset.mask_digest(key) for key in keys])
    return part, {}


def _judge(wanted: RecognizerEntry) -> tuple[dict[str, Any], dict[str, Entry]]:
    """The recognizer that finds look-alikes, as part of the spec."""
    entry: Entry = {"name": wanted.name, **wanted.settings}
    recognizer: Recognizer = plugin("recognizer", entry)
    found = wanted.aligner[0] if wanted.aligner else PluginEntry.model_validate(dict(recognizer.default_aligner()))
    finder: Entry = {"name": found.name, **found.settings}
    part = {
        "recognizer": identity_of(entry, recognizer),
        "aligner": identity_of(finder, plugin("aligner", finder)),
        "comparison": recognizer.comparison,
    }
    return part, {"pairs.alike_by.recognizer": entry, "pairs.alike_by.aligner": finder}


def _goal(wanted: MakerEntry, maker: Generator | Attack) -> str | None:
    if not isinstance(maker, Attack):
        if wanted.goal:
            raise ConfigError(f"generator {wanted.name}: got goal {wanted.goal!r}; only attacks have one")
        return None
    goal = wanted.goal or ("hide" if "hide" in maker.goals else sorted(maker.goals)[0])
    if goal not in maker.goals:
        raise ConfigError(f"attack {wanted.name}: got goal {goal!r}; it knows {', '.join(sorted(maker.goals))}")
    return goal


def _refuse_unmet(maker: Generator | Attack, name: str, dataset: Dataset, dataset_name: str) -> None:
    if unmet := sorted(maker.conditions - AVAILABLE):
        raise ConfigError(f"{name} asks for {', '.join(unmet)}; the bench gives {', '.join(sorted(AVAILABLE))}")
    if maker.conditions & {"masks", "reference_masks"} and not isinstance(dataset, MaskedDataset):
        raise ConfigError(
            f"{name} asks for masks, and the data set {dataset_name} has none; take drawn or celebamask_hq, or a "
            "setting of the generator that does without (collage: regions_by: landmarks)"
        )
