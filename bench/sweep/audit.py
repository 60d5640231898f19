"""The sweep that `impersona audit` runs, made by code: whom faces could be taken for, whom their generator remembers.

Nothing here computes a figure: the sweep has faces, galleries and strangers, and the figures that a sweep has of them.

It imports nothing heavy.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import yaml

from bench import registry
from bench.config import (
    Calibrate,
    Gallery,
    GroupEntry,
    Leakage,
    MakerEntry,
    OtherPeople,
    PluginEntry,
    RecognizerEntry,
    Sweep,
    parse_entry,
    parse_pairs,
)
from bench.errors import ConfigError, UnknownName
from bench.sweep.evaluation import ALL_PAIRS, DEFAULT_RECOGNIZERS, FMRS, on_other_people
from bench.sweep.instances import plain

VECTORS = (".npy", ".npz", ".parquet")
FPIRS = (0.1, 0.01)

Kind = Literal["generator", "attack", "dataset"]


@dataclass(frozen=True)
class Faces:
    """The faces that are audited.

    Attributes:
        kind: ``"generator"`` or ``"attack"``, which make them, or ``"dataset"``, which holds them.
        entry: the plugin.
    """

    kind: Kind
    entry: PluginEntry


def faces_given(text: str) -> Faces:
    """The faces that an argument names.

    Args:
        text: a folder of pictures, a file of embeddings (.npy, .npz, .parquet), or the name of a generator, attack or
            data set, or a YAML mapping with ``name`` and settings.

    Raises:
        ConfigError: it is no YAML.
        UnknownName: there is neither such a file nor such a plugin.
    """
    path = Path(text).expanduser()
    if path.is_dir():
        return Faces("dataset", PluginEntry(name="images", settings={"root": str(path)}))
    if path.suffix.lower() in VECTORS and path.is_file():
        return Faces("dataset", PluginEntry(name="embeddings", settings={"file": str(path)}))
    try:
        entry = parse_entry(yaml.safe_load(text), "FACES")
    except yaml.YAMLError as error:
        raise ConfigError(f"FACES: {text!r} is neither a file, a name nor a YAML mapping ({error})") from error
    kinds: tuple[Kind, ...] = ("generator", "attack", "dataset")
    names: list[str] = []
    for kind in kinds:
        known = [row.name for row in registry.registry().rows(kind)]
        if entry.name in known:
            return Faces(kind, entry)
        names += known
    raise UnknownName(
        "face set", entry.name, names, "(a folder, a file of embeddings, a generator, an attack or a data set)"
    )


def audit_sweep(
    faces: Faces,
    *,
    settings: Mapping[str, Any] | None = None,
    data: PluginEntry | None = None,
    gallery: PluginEntry | None = None,
    train: PluginEntry | None = None,
    holdout: PluginEntry | None = None,
    strangers: PluginEntry | None = None,
    calibrate: PluginEntry | None = None,
    pack: Path | None = None,
    groups: Sequence[GroupEntry] = (),
    face_groups: Sequence[GroupEntry] = (),
    recognizers: Sequence[RecognizerEntry] = (),
    count: int = 300,
    fpir: Sequence[float] = FPIRS,
    seed: int = 0,
) -> Sweep:
    """The sweep that audits faces.

    Thresholds for the size of a gallery are set on strangers: of a maker, by default, the people whose photos it takes.
    Thresholds of one comparison are set on people of `calibrate`; by default of a maker another split of its data, and
    of faces that are there on the strangers.

    Args:
        faces: what is audited.
        settings: of the maker or data set, beside those that its entry has.
        data: whose photos a maker takes; other people than in all galleries.
        gallery: who is enrolled.
        train: whom the generator learned from.
        holdout: whom it did not.
        strangers: real people in no gallery.
        calibrate: on whose comparisons 1:1 thresholds are set.
        pack: what the generator learned from: people of `train` who are not in it were not.
        groups: columns of the gallery by which exposure is also given for groups of the people enrolled.
        face_groups: columns of the faces' data set by which figures are also given for groups of faces.
        recognizers: who judges; by default `DEFAULT_RECOGNIZERS`, and of embeddings their cosine.
        count: how many faces a maker makes.
        fpir: false positive identification rates of the thresholds.
        seed: everything drawn is drawn from it.

    Raises:
        ConfigError: something is missing, or stands beside what it does not go with.
    """
    if gallery is None and train is None and holdout is None:
        raise ConfigError(
            "expected whom faces are held against: --gallery ENTRY (who is enrolled), or --train ENTRY --holdout ENTRY "
            "(whom a generator learned from, and whom it did not), or all three"
        )
    if (train is None) != (holdout is None):
        given, other = ("--train", "--holdout") if holdout is None else ("--holdout", "--train")
        raise ConfigError(f"got {given} alone; leakage is a difference between two galleries: give {other}, too")
    if (groups or face_groups) and gallery is None:
        raise ConfigError("got groups without a gallery, whose figures they part: give --gallery ENTRY, too")
    entry = faces.entry.model_copy(update={"settings": {**faces.entry.settings, **(settings or {})}})
    fields: dict[str, Any] = {
        "name": f"audit-{entry.name}",
        "seed": seed,
        "fmr": FMRS,
        "recognizers": tuple(recognizers) or _recognizers(entry),
        "gallery": None if gallery is None else _gallery(gallery, fpir, groups, face_groups),
        "leakage": None if train is None else _leakage(train, holdout, pack, fpir),
        "strangers": None if strangers is None else OtherPeople(dataset=strangers),
        "calibrate": None if calibrate is None else Calibrate(dataset=calibrate, protocol=ALL_PAIRS),
    }
    if faces.kind == "dataset":
        if data is not None:
            raise ConfigError(f"got --data beside {entry.name}, which holds faces and makes none; leave --data out")
        if strangers is None:
            raise ConfigError(
                f"{entry.name} holds faces that somebody made: expected --strangers ENTRY, real people in no gallery, "
                "on whom thresholds are set, such as --strangers '{name: lfw, root: /data/lfw, split: dev}'"
            )
        fields["calibrate"] = fields["calibrate"] or Calibrate(dataset=strangers, protocol=ALL_PAIRS)
        return Sweep(dataset=entry, assessments=("impersonation_risk",), **fields)
    if data is None:
        raise ConfigError(
            f"{entry.name} makes faces of people's photos: expected --data ENTRY, people in no gallery, such as "
            "--data '{name: lfw, root: /data/lfw, split: eval}'"
        )
    of_others = on_other_people(data)
    fields["calibrate"] = fields["calibrate"] or of_others
    made = MakerEntry.model_validate(plain(entry.as_entry()))
    fields["generators" if faces.kind == "generator" else "attacks"] = (made,)
    # A part of the people has no lists of its own, such as LFW's view 2.
    protocol = ALL_PAIRS if of_others else None
    return Sweep(dataset=data, protocol=protocol, assessments=(), pairs=parse_pairs({"count": count}), **fields)


def _gallery(
    dataset: PluginEntry, fpir: Sequence[float], groups: Sequence[GroupEntry], face_groups: Sequence[GroupEntry]
) -> Gallery:
    return Gallery(dataset=dataset, fpir=tuple(fpir), groups=tuple(groups), face_groups=tuple(face_groups))


def _leakage(train: PluginEntry, holdout: PluginEntry | None, pack: Path | None, fpir: Sequence[float]) -> Leakage:
    mine, other = OtherPeople(dataset=train), OtherPeople(dataset=holdout)
    return Leakage(train=mine, holdout=other, pack=pack, fpir=tuple(fpir))


def _recognizers(faces: PluginEntry) -> tuple[RecognizerEntry, ...]:
    if faces.name == "embeddings":
        return (RecognizerEntry(name="given", settings={"comparison": "cosine"}),)
    return tuple(RecognizerEntry(name=name) for name in DEFAULT_RECOGNIZERS)
