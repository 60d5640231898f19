"""What a sweep's ``calibrate:`` means: whose thresholds a cell carries over, and what its figures at them are called.

``calibrate:`` names one of three places: people to calibrate on now, a manifest that `impersona calibrate` wrote, or
published constants. `plan_calibration` turns it into plain data, part of a cell's spec and key, and refuses what does
not fit. This module imports nothing heavy.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping, Sequence, Set
from pathlib import Path

from bench.api import Aligner, Cell, Dataset, Recognizer
from bench.config import PluginEntry, Sweep
from bench.errors import ConfigError, UnknownName
from bench.provenance import images_read_by
from bench.store.fitting import Setup, find_fitting
from bench.store.legacy import LEGACY, LEGACY_CONSTANTS, legacy_model
from bench.store.thresholds import PluginIdentity
from bench.sweep.inputs import Entry, draw_trials, identity_of, images_digest, settings_of
from bench.sweep.instances import plain, plugin
from bench.sweep.other_people import entry_of_others

LOG = logging.getLogger(__name__)


def plan_calibration(
    sweep: Sweep,
    *,
    label: str,
    recognizer_entry: Entry,
    recognizer: Recognizer,
    aligner_entry: Entry,
    aligner: Aligner,
    dataset_entry: Entry,
    evaluated: Set[str],
    remembered: dict[str, Entry] | None = None,
) -> Entry | None:
    """Where the thresholds of a cell come from, as the part ``calibration`` of its spec.

    Args:
        sweep: the sweep.
        label: what figures call the recognizer.
        recognizer_entry: ``{"name": ..., **settings}``.
        recognizer: the plugin that it names.
        aligner_entry: likewise.
        aligner: the plugin that it names.
        dataset_entry: the data set that is reported on.
        evaluated: the people who are reported on.
        remembered: people to calibrate on, drawn for another cell of the same data set; added to.

    Returns:
        Plain data with ``kind``: ``"data"``, ``"manifest"`` or ``"profile"``; None for a sweep that carries nothing
        over. `calibration_identity` of it belongs into the cell's key.

    Raises:
        ConfigError: people who are both calibrated on and reported on, thresholds of something else, or none that fit.
        MissingFile: no thresholds there.
        CorruptFile: a file there that is no threshold manifest.
    """
    wanted = sweep.calibrate
    if wanted is None:
        return None
    if wanted.profile:
        labels = [entry.label or entry.name for entry in sweep.recognizers]
        return _published(wanted.models, label, recognizer, labels)
    if wanted.thresholds:
        mine, finder = identity_of(recognizer_entry, recognizer), identity_of(aligner_entry, aligner)
        setup = Setup(
            recognizer=PluginIdentity(label=label, **mine),
            aligner=PluginIdentity(**finder),
            comparison=recognizer.comparison,
            images_read_by=images_read_by(),
        )
        return _stored(wanted.thresholds, setup, dataset_entry["name"], evaluated)
    known = {} if remembered is None else remembered
    if "now" not in known:
        known["now"], known["people"] = _calibrated_now(sweep, dataset_entry, wanted.fmr or sweep.fmr)
    people, where = known["people"]["known"], known["people"]["where"]
    if known["now"]["dataset"]["name"] == dataset_entry["name"]:
        refuse_overlap(sorted(people & evaluated), evaluated, where)
    return known["now"]


def calibration_identity(part: Entry | None) -> Entry | None:
    """What of `plan_calibration` belongs into a cell's key: all but where things lie on this machine."""
    if part is None:
        return None
    kept = {key: value for key, value in part.items() if key not in ("file", "content", "warnings")}
    if "dataset" in kept:
        kept["dataset"] = {key: value for key, value in kept["dataset"].items() if key != "settings"}
    return kept


def calibration_sweep(sweep: Sweep, fmrs: Sequence[float] | None = None) -> Sweep:
    """A sweep whose cells are what `impersona calibrate` has to do: the same recognizers on the people to calibrate on.

    Args:
        sweep: what shall be calibrated.
        fmrs: false match rates; by default those of ``calibrate``, then those of the sweep.

    Raises:
        ConfigError: a rate that is none, or a data set without the split.
    """
    wanted = sweep.calibrate
    rates = fmrs or (wanted.fmr if wanted and wanted.fmr else sweep.fmr)
    if not all(0 < rate < 1 for rate in rates) or len(set(rates)) != len(rates):
        raise ConfigError(f"got false match rates {list(rates)}; expected different ones between 0 and 1")
    entry = calibration_entry(sweep, {"name": sweep.dataset.name, **plain(sweep.dataset.settings)})
    if wanted and wanted.dataset:
        protocol: str | None = _protocol(sweep, entry, plugin("dataset", entry))
    else:
        protocol = (wanted.protocol if wanted else None) or sweep.protocol
    changes = {
        "dataset": PluginEntry(name=entry["name"], settings=settings_of(entry)),
        "protocol": protocol,
        "fmr": tuple(sorted(rates, reverse=True)),
        "assessments": ("verification",),
        "calibrate": None,
        "columns": (),
        "groups": (),
        "discard": (),
    }
    return sweep.model_copy(update=changes)


def manifest_names(cells: Sequence[Cell]) -> list[str]:
    """RECOGNIZER_ALIGNER.json for each cell, with the values of the sweep's axes where it has any.

    Raises:
        ConfigError: two cells of one name.
    """
    names = []
    for cell in cells:
        settings = cell.labels["settings"]
        axes = [f"{name}-{value}" for name, value in settings.items() if name != "aligner"]
        words = "_".join([cell.labels["recognizer"], settings["aligner"], *axes])
        names.append(re.sub(r"[^A-Za-z0-9._-]+", "-", words) + ".json")
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ConfigError(f"two manifests would be called {twice[0]}; give the recognizers labels that differ")
    return names


def calibration_entry(sweep: Sweep, dataset_entry: Entry) -> Entry:
    """The data set to calibrate on: the one that ``calibrate`` names, or a split of the sweep's own, dev by default."""
    calibrate = sweep.calibrate
    named, split = (calibrate.dataset, calibrate.split) if calibrate else (None, None)
    return entry_of_others("calibrate", named, split, dataset_entry, "dev", "to calibrate on")


def _calibrated_now(sweep: Sweep, dataset_entry: Entry, fmrs: Sequence[float]) -> tuple[Entry, Entry]:
    """The part of the spec; and who is calibrated on, ``known``, and what to call them, ``where``."""
    entry = calibration_entry(sweep, dataset_entry)
    dataset: Dataset = plugin("dataset", entry)
    protocol = _protocol(sweep, entry, dataset)
    trials = draw_trials(dataset, entry["name"], protocol, sweep.seed)
    where = f"{entry['name']}/{protocol}" + (f", split {entry['split']}" if "split" in entry else "")
    people = {"known": {frame.subject for frame in trials.frames}, "where": where}
    identity = identity_of(entry, dataset)
    part = {
        "kind": "data",
        "origin": origin_name(entry["name"], identity["fingerprint"].get("split"), dataset_entry["name"]),
        "dataset": {**identity, "settings": settings_of(entry)},
        "protocol": protocol,
        "trials": trials.digest,
        "images": images_digest(dataset, trials.frames),
        "fmr": list(fmrs),
    }
    return part, people


def _protocol(sweep: Sweep, entry: Entry, dataset: Dataset) -> str:
    wanted = sweep.calibrate.protocol if sweep.calibrate else None
    if wanted is None:
        return sweep.protocol if sweep.protocol in dataset.protocols else dataset.protocols[0]
    if wanted not in dataset.protocols:
        raise UnknownName("protocol", wanted, dataset.protocols, f"(of data set {entry['name']!r}, to calibrate on)")
    return wanted


def _stored(path: Path, setup: Setup, evaluated_on: str, evaluated: Set[str]) -> Entry:
    thresholds, file, warnings = find_fitting(path, setup)
    for warning in warnings:
        LOG.warning("%s: %s", file, warning)
    data = thresholds.dataset
    both = data.shared_with(evaluated_on, set(evaluated))
    refuse_overlap(both, evaluated, f"{data.name}/{data.protocol}, in {file}")
    return {
        "kind": "manifest",
        "origin": origin_name(data.name, data.split, evaluated_on),
        "digest": thresholds.digest,
        "file": file,
        "content": thresholds.document,
        "warnings": list(warnings),
    }


def _published(models: Mapping[str, str], label: str, recognizer: Recognizer, labels: Sequence[str]) -> Entry:
    for named in models:
        if named not in labels:
            raise UnknownName("recognizer label", named, labels, "(in calibrate.models)")
    model = legacy_model(label, models, recognizer.comparison)
    constants = {repr(rate): constant for rate, constant in LEGACY_CONSTANTS[model].items()}
    return {"kind": "profile", "origin": LEGACY, "model": model, "constants": constants}


def refuse_overlap(people: Sequence[str], evaluated: Set[str], where: str) -> None:
    """Makes sure that nobody is judged by a threshold that they helped to set.

    Args:
        people: who is both calibrated on and reported on.
        evaluated: who is reported on.
        where: who is calibrated on, for the error.

    Raises:
        ConfigError: somebody is.
    """
    if people:
        shown = ", ".join(map(repr, people[:3]))
        raise ConfigError(
            f"{len(people)} of the {len(evaluated)} people who are reported on were also calibrated on ({where}), such "
            f"as {shown}: thresholds would be judged on those who set them; report on other people, such as "
            "dataset: {split: eval}, or calibrate on others"
        )


def origin_name(dataset: str, split: str | None, evaluated_on: str) -> str:
    """What to call the people that thresholds were set on: ``"dev"``, or ``"lfw/dev"`` on another data set.

    Args:
        dataset: the data set that was calibrated on.
        split: which part of it, if it has parts.
        evaluated_on: the data set that is reported on.
    """
    part = split if split in ("train", "dev", "eval") else None
    if dataset == evaluated_on and part:
        return part
    return f"{dataset}/{part}" if part else dataset


def carried_name(origin: str, what: str) -> str:
    """An operating point of carried-over thresholds: ``"dev:fmr=0.01"``, ``"dev:eer"``, ``"dev:logistic"``."""
    return f"{origin}:{what}"
