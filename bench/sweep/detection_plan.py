"""What a sweep's ``detectors:`` means: what each is shown, and on whom thresholds are set, as parts of a cell's spec.

It imports nothing heavy.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bench.api import Aligner, Dataset, Detector, EmbeddedDataset
from bench.config import Sweep
from bench.errors import ConfigError
from bench.provenance import value_digest
from bench.sweep.axes import Axes, aligners_of, expand, maker_name
from bench.sweep.calibration_plan import calibration_entry, origin_name, refuse_overlap
from bench.sweep.conditions import HELPERS
from bench.sweep.inputs import Entry, identity_of, images_digest
from bench.sweep.instances import plain, plugin
from bench.sweep.labelled import labelled, labels_digest
from bench.sweep.making_plan import Commission, making_identity, plan_making

LABELLED = "labels"
"""The protocol where the data set's own column says what is bona fide."""


@dataclass(frozen=True)
class Exhibition:
    """What detectors are shown of a data set.

    Attributes:
        part: the part of a cell's identity that says so: ``dataset``, ``trials``, ``images``, ``makers``.
        entries: role to sweep-file entry, of the plugins that take part.
        protocol: the kind of pairs, or `LABELLED`.
        people: whom it shows.
        samples: about how many presentations that is.
        frames: how many photos take part.
    """

    part: Mapping[str, Any]
    entries: Mapping[str, Entry]
    protocol: str
    people: frozenset[str]
    samples: int
    frames: int


@dataclass(frozen=True)
class Judging:
    """One detector with one aligner: what becomes a cell.

    Attributes:
        part: the part of a cell's identity that says who looks at what.
        entries: role to sweep-file entry.
        labels: what its figures are filed under.
    """

    part: Mapping[str, Any]
    entries: Mapping[str, Entry]
    labels: Mapping[str, Any] = field(default_factory=dict)


def plan_exhibition(sweep: Sweep, dataset: Dataset, dataset_entry: Entry) -> Exhibition:
    """What detectors are shown of a data set: the faces of every maker, or its own photos by a column.

    Args:
        sweep: the sweep.
        dataset: whose people contribute.
        dataset_entry: ``{"name": ..., **settings}``.

    Raises:
        ConfigError: the data set cannot give what a maker or the column asks for, or two makers cannot be told apart.
        InsufficientData: too few people have two photos.
    """
    name = dataset_entry["name"]
    if isinstance(dataset, EmbeddedDataset):
        raise ConfigError(f"detectors look at photos, and the data set {name} has none")
    identity = {"dataset": identity_of(dataset_entry, dataset)}
    if sweep.detection.bona_fide is not None:
        if sweep.generators or sweep.attacks:
            raise ConfigError(
                "detection: got bona_fide beside generators or attacks; attacks are made, or stand in the data set: "
                "write two sweeps"
            )
        frames, values = labelled(dataset, name, plain(sweep.detection.model_dump()))
        part: dict[str, Any] = {
            **identity,
            "trials": labels_digest(frames, values),
            "images": images_digest(dataset, frames),
            "makers": [],
        }
        people = frozenset(frame.subject for frame in frames)
        return Exhibition(part, {"dataset": dataset_entry}, LABELLED, people, len(frames), len(frames))
    # Whom faces are held against, recognizers alone tell.
    unasked = dict.fromkeys(("novelty", "gallery", "leakage", "strangers"))
    commissions = list(plan_making(sweep.model_copy(update=unasked), dataset, dataset_entry))
    species = [species_of(one) for one in commissions]
    if twice := sorted({one for one in species if species.count(one) > 1}):
        raise ConfigError(
            f"figures could not tell two species of attack called {twice[0]!r} apart; give each generator and attack a "
            f"label, such as {{name: {twice[0].split()[0]}, label: {twice[0].split()[0]}-2}}"
        )
    makers = [_maker(one, called) for one, called in zip(commissions, species, strict=True)]
    entries: dict[str, Entry] = {"dataset": dataset_entry}
    for place, one in enumerate(commissions):
        kept = {role: entry for role, entry in one.entries.items() if role.partition(".")[0] in makers[place]}
        entries |= {f"makers.{place}.{role}": entry for role, entry in kept.items()}
    part = {
        **identity,
        "trials": value_digest([[one["pairs"]["digest"], one["pairs"]["genders"]] for one in _keyed_makers(makers)]),
        "images": value_digest([[one["pairs"]["images"], one["pairs"]["masks"]] for one in makers]),
        "makers": makers,
    }
    people = frozenset().union(*(one.people for one in commissions))
    faces = sum(one.faces for one in commissions)
    return Exhibition(part, entries, makers[0]["pairs"]["kind"], people, faces, 0)


def plan_detectors(sweep: Sweep, dataset_entry: Entry, dataset_axes: Axes, exhibition: Exhibition) -> Iterator[Judging]:
    """Every detector of a sweep with each of its aligners.

    Args:
        sweep: the sweep.
        dataset_entry: the data set that is reported on.
        dataset_axes: its settings that make an axis of the sweep.
        exhibition: what `plan_exhibition` says they are shown.

    Raises:
        ConfigError: a detector that needs references where there are none, or people who are both calibrated on and
            reported on.
    """
    calibration, entries = _plan_calibration(sweep, dataset_entry, exhibition)
    for wanted in sweep.detectors:
        for entry, axes in expand("detector", wanted):
            detector: Detector = plugin("detector", entry)
            if detector.differential and exhibition.protocol == LABELLED:
                raise ConfigError(
                    f"{entry['name']} compares a suspect with a trusted photo of the same person, and a data set that "
                    "is shown by its labels has none; take a detector of single photos"
                )
            for finder, aligner_axes in aligners_of(wanted, detector):
                aligner: Aligner = plugin("aligner", finder)
                labels = {
                    "dataset": dataset_entry["name"],
                    "protocol": exhibition.protocol,
                    "recognizer": None,
                    "detector": wanted.label or wanted.name,
                    "settings": {**dataset_axes, **axes, "aligner": finder["name"], **aligner_axes},
                }
                part = {
                    "assessment": "detection",
                    **exhibition.part,
                    "protocol": exhibition.protocol,
                    "detector": {**identity_of(entry, detector), "species": list(detector.species)},
                    "differential": detector.differential,
                    "aligner": identity_of(finder, aligner),
                    "detection": plain(sweep.detection.model_dump()),
                    "calibration": calibration,
                    "fmr": [],
                }
                yield Judging(part, {**exhibition.entries, **entries, "detector": entry, "aligner": finder}, labels)


def species_of(commission: Commission) -> str:
    """What the faces of one setting of a maker are called: its label and its axes, ``"landmark_morph weight=0.3"``."""
    return maker_name(commission.part["maker"]["label"], commission.labels["settings"])


def detection_identity(identity: Mapping[str, Any]) -> dict[str, Any]:
    """What of a detector's cell belongs into its key: all but where things lie, and what the run is called."""
    found = {**identity, "makers": _keyed_makers(identity["makers"])}
    if (calibration := identity["calibration"]) is not None:
        found["calibration"] = {**calibration, "makers": _keyed_makers(calibration["makers"])}
    return found


def _maker(commission: Commission, species: str) -> dict[str, Any]:
    kept = ("pairs", "maker", "maker_aligner", *HELPERS)
    return {"species": species, **{name: commission.part[name] for name in kept if name in commission.part}}


def _keyed_makers(makers: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    return [making_identity(one) for one in makers]


def _plan_calibration(
    sweep: Sweep, dataset_entry: Entry, exhibition: Exhibition
) -> tuple[dict[str, Any] | None, dict[str, Entry]]:
    """Who else is shown, to set thresholds on; stored and published thresholds are of recognizers only."""
    wanted = sweep.calibrate
    if wanted is None or not (wanted.split or wanted.dataset):
        return None, {}
    entry = calibration_entry(sweep, dataset_entry)
    other = plan_exhibition(sweep, plugin("dataset", entry), entry)
    fingerprint = other.part["dataset"]["fingerprint"]
    origin = origin_name(entry["name"], fingerprint.get("split"), dataset_entry["name"])
    if entry["name"] == dataset_entry["name"]:
        refuse_overlap(sorted(other.people & exhibition.people), exhibition.people, origin)
    part = {"kind": "presentations", "origin": origin, **other.part}
    return part, {f"calibration.{role}": one for role, one in other.entries.items()}
