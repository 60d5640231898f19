"""Thresholds with a pedigree: what they were set on, and with what.

A manifest is one JSON file per recognizer and aligner, written by `impersona calibrate`: see docs/thresholds.md.
`fitting` refuses to use one with anything else; `legacy` holds the thresholds that have no pedigree.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import TypeAdapter, ValidationError

from bench.api import Comparison, Fingerprint
from bench.errors import ConfigError, CorruptFile, MissingFile
from bench.provenance import value_digest
from bench.store.blobs import DiskStore
from bench.version import __version__

SCHEMA = "impersona.thresholds/1"
_FAMILY = SCHEMA.rpartition("/")[0]

Ends = tuple[float, float]
"""The lower and the upper end of a 95 % interval."""

_UNTRACED = ("impersona", "date")
"""Fields that do not change what a manifest says: a manifest made again tomorrow has the same digest."""


@dataclass(frozen=True, kw_only=True)
class PluginIdentity:
    """A plugin, by what determines its output.

    Attributes:
        name: its name in the registry.
        fingerprint: see `bench.api.Plugin.fingerprint`.
        label: what the sweep called it; says nothing about what it is.
    """

    name: str
    fingerprint: Fingerprint
    label: str | None = None


@dataclass(frozen=True, kw_only=True)
class CalibrationData:
    """The comparisons that thresholds were set on.

    Attributes:
        name: the data set's name.
        fingerprint: the data set's fingerprint.
        protocol: who was compared with whom.
        split: ``"train"``, ``"dev"``, ``"eval"``, ``"all"``, or None where the data set has no such setting.
        trials: `bench.api.Trials.digest`: SHA-256 of who was compared with whom.
        images: SHA-256 of the content of every photo that took part.
        people: how many took part.
        people_hashes: of every one of them, sorted; see `person_hash`.
        mated: comparisons of one person with themself, failed ones included.
        nonmated: comparisons of two people, failed ones included.
        mated_not_acquired: how many of the mated ones failed to acquire, and so have no score.
        nonmated_not_acquired: how many of the nonmated ones did.
    """

    name: str
    fingerprint: Fingerprint
    protocol: str
    split: str | None
    trials: str
    images: str
    people: int
    people_hashes: tuple[str, ...]
    mated: int
    nonmated: int
    mated_not_acquired: int
    nonmated_not_acquired: int

    def shared_with(self, dataset: str, subjects: Iterable[str]) -> list[str]:
        """Those of some people of a data set on whom these thresholds were set, sorted."""
        known = set(self.people_hashes)
        return sorted({subject for subject in subjects if person_hash(dataset, subject) in known})


@dataclass(frozen=True, kw_only=True)
class ThresholdPoint:
    """A threshold and what it did on the calibration comparisons; intervals are of 95 %.

    Attributes:
        requested_fmr: the false match rate that was asked for, in (0, 1].
        threshold: a float32 number: accept if and only if score >= threshold; None where the data support none.
        threshold_interval: both ends, by the bootstrap of people; None where there is none.
        false_match_rate: the rate achieved, never above the one asked for; None without a threshold.
        false_match_rate_interval: likewise, Wilson's with people counted.
        false_matches: nonmated comparisons accepted.
        allowed_false_matches: floor(requested_fmr · acquired nonmated comparisons).
        false_non_match_rate: mated comparisons rejected; None without a threshold or without mated comparisons.
        false_non_match_rate_interval: likewise, by the bootstrap, the threshold set anew in every draw.
        support: ``"ok"``, ``"weak"`` below 30 false matches allowed, ``"insufficient"`` without any.
        needed_nonmated: how many acquired nonmated comparisons allow one false match, so a threshold.
        needed_nonmated_ok: how many allow 30.
    """

    requested_fmr: float
    threshold: float | None
    threshold_interval: Ends | None
    false_match_rate: float | None
    false_match_rate_interval: Ends | None
    false_matches: int | None
    allowed_false_matches: int
    false_non_match_rate: float | None
    false_non_match_rate_interval: Ends | None
    support: Literal["ok", "weak", "insufficient"]
    needed_nonmated: int
    needed_nonmated_ok: int

    def __post_init__(self) -> None:
        """Raises ValueError for a number that no calibration could have given."""
        if not 0 < self.requested_fmr <= 1:
            raise ValueError(f"requested_fmr: got {self.requested_fmr}, expected more than 0 and at most 1")
        if (self.threshold is None) != (self.support == "insufficient"):
            raise ValueError(f"threshold: got {self.threshold} with support {self.support!r}")
        _check_float32(self.threshold, "threshold")
        for name in ("false_match_rate", "false_non_match_rate"):
            if not 0 <= (getattr(self, name) or 0) <= 1:
                raise ValueError(f"{name}: got {getattr(self, name)}, expected 0 to 1")


@dataclass(frozen=True, kw_only=True)
class EqualError:
    """Where false matches and false non-matches are equally frequent.

    Attributes:
        equal_error_rate: by linear crossing.
        equal_error_rate_interval: both ends; None where there is none.
        threshold: the score at which the two rates are nearest to each other; a float32 number.
    """

    equal_error_rate: float
    equal_error_rate_interval: Ends | None
    threshold: float

    def __post_init__(self) -> None:
        """Raises ValueError for a threshold that is no float32 number."""
        _check_float32(self.threshold, "threshold")


@dataclass(frozen=True, kw_only=True)
class Logistic:
    """From score to natural-log likelihood ratio: scale · score + offset."""

    scale: float
    offset: float


@dataclass(frozen=True, kw_only=True)
class Thresholds:
    """A threshold manifest.

    Attributes:
        recognizer: whose scores, with its label.
        aligner: who found and aligned the faces.
        comparison: how two embeddings became a score.
        images_read_by: what turned files into pixels.
        runtime: what the recognizer really ran on: provider or device, versions.
        dataset: the comparisons.
        seed: from which photos and bootstrap draws were drawn.
        draws: how many bootstrap draws the intervals rest on.
        points: one for each false match rate asked for, the highest rate first.
        equal_error: None without mated or without nonmated scores.
        logistic: None where a threshold parts the scores without error, so that no finite scale is the best one.
        impersona: the version that wrote it.
        date: when, UTC.
    """

    recognizer: PluginIdentity
    aligner: PluginIdentity
    comparison: Comparison
    images_read_by: Mapping[str, str]
    runtime: Mapping[str, str]
    dataset: CalibrationData
    seed: int
    draws: int
    points: tuple[ThresholdPoint, ...]
    equal_error: EqualError | None
    logistic: Logistic | None
    impersona: str
    date: str

    @property
    def document(self) -> dict[str, Any]:
        """What its file holds, as plain data."""
        document: dict[str, Any] = json.loads(json.dumps({"schema": SCHEMA, **dataclasses.asdict(self)}))
        return document

    @property
    def digest(self) -> str:
        """SHA-256 hex of everything in it but when and by which version it was written."""
        return value_digest({key: value for key, value in self.document.items() if key not in _UNTRACED})

    @classmethod
    def read(cls, path: str | os.PathLike[str]) -> Thresholds:
        """The manifest in a file.

        Raises:
            MissingFile: there is no such file.
            CorruptFile: it is no threshold manifest, or one of a version that this impersona does not read.
        """
        path = Path(path)
        try:
            data = DiskStore(path.parent).get(path.name)
        except (MissingFile, IsADirectoryError) as error:
            raise MissingFile(f"no thresholds at {path}; write them with impersona calibrate SWEEP.yaml") from error
        return cls.parse(data, str(path))

    @classmethod
    def parse(cls, data: bytes | str, where: str) -> Thresholds:
        """The manifest in some JSON.

        Args:
            data: the JSON text.
            where: what to call it in an error.

        Raises:
            CorruptFile: see `read`.
        """
        again = "; write it again: impersona calibrate SWEEP.yaml --replace"
        try:
            document = json.loads(data)
        except ValueError as error:
            raise CorruptFile(f"{where}: not JSON ({error}){again}") from error
        schema = document.get("schema") if isinstance(document, dict) else None
        if schema != SCHEMA:
            if isinstance(schema, str) and schema.startswith(f"{_FAMILY}/"):
                raise CorruptFile(
                    f"{where}: {schema!r}; impersona {__version__} reads {SCHEMA!r}: use the version that wrote it, "
                    f"{document.get('impersona')}, or calibrate again"
                )
            raise CorruptFile(f"{where}: schema {schema!r}; expected {SCHEMA!r}, as impersona calibrate writes it")
        try:
            # As JSON, because only there does strictness let a list be a tuple and a mapping a dataclass.
            found: Thresholds = TypeAdapter(cls).validate_json(data, strict=True)
        except ValidationError as error:
            problem = error.errors(include_url=False)[0]
            place = ".".join(map(str, problem["loc"]))
            raise CorruptFile(f"{where}: {place}: {problem['msg'].removeprefix('Value error, ')}{again}") from error
        return found

    def write(self, path: str | os.PathLike[str], replace: bool = False) -> bool:
        """Puts the manifest at a path, in one step.

        Args:
            path: the file.
            replace: whether to put it over one that says something else.

        Returns:
            False where a manifest that says the same stood there already, and stays.

        Raises:
            ConfigError: something else stands there.
        """
        path = Path(path)
        data = (json.dumps(self.document, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode()
        store = DiskStore(path.parent)
        if store.put_if_absent(path.name, data):
            return True
        if not replace:
            if Thresholds.read(path).digest == self.digest:
                return False
            raise ConfigError(f"{path} holds other thresholds; give --replace, or another folder with --out")
        store.put(path.name, data)
        return True


def person_hash(dataset: str, subject: str) -> str:
    """12 hex digits of SHA-256 over data set and person, by which a manifest knows its people without naming them.

    It hides names from readers, not from somebody who tries a list of names.
    """
    return hashlib.sha256(f"{dataset}\x1f{subject}".encode()).hexdigest()[:12]


def _check_float32(value: float | None, name: str) -> None:
    if value is not None and not (math.isfinite(value) and float(np.float32(value)) == value):
        raise ValueError(f"{name}: got {value!r}, which is no float32 number, as every threshold is")
