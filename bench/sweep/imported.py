"""Scores from elsewhere as a run folder: the same figures, tables, draws and report as a sweep's own.

An imported run holds a cell for each system. Systems that were imported with the same comparisons are compared pairwise
as the recognizers of a sweep are; comparisons may stand in any order, because people are drawn by their names.
"""

from __future__ import annotations

import datetime
import hashlib
import shlex
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bench.api import Cell, Success
from bench.config import Detection
from bench.errors import ConfigError
from bench.exchange import ComparisonScores, PresentationScores
from bench.metrics import DEFAULT_FMRS, Clusters, FigureValue
from bench.provenance import canonical_json, git_commit, machine, value_digest, versions
from bench.store.run_folder import RunFolder
from bench.store.schema import to_parquet
from bench.sweep.comparison import compare
from bench.sweep.detection import assess_presentations, presentations_table, samples_of
from bench.sweep.exported import PER_COMPARISON, PER_SUBJECT
from bench.sweep.plan import CELL_REVISION
from bench.sweep.runner import only_session, what_ran
from bench.sweep.verification import assess_trials, counted, kept_people, record
from bench.version import __version__

Scores = ComparisonScores | PresentationScores

IMPORTED = "imported"
"""What the protocol is called, and the plugin that scored, where nobody says it."""

_ORIGIN = ("impersona", "versions", "machine", "git", "started")


@dataclass(frozen=True)
class Import:
    """How scores become a cell.

    Attributes:
        name: the data set's name; the same people of the same name are drawn alike.
        system: what figures call whoever scored.
        protocol: who is compared with whom, in a word.
        fmr: false match rates of the operating points, for comparisons.
        rates: error rates of the operating points, for presentations.
        draws: how many times the bootstrap draws people anew; 0 for no bootstrap.
        seed: everything drawn is drawn from it.
        source: where the scores come from, such as the format and the files' digests.
        replace: whether scores of the same system that are in the run give way.
    """

    name: str
    system: str
    protocol: str = IMPORTED
    fmr: tuple[float, ...] = DEFAULT_FMRS
    rates: tuple[float, ...] = Detection().rates
    draws: int = 1000
    seed: int = 0
    source: Mapping[str, Any] = field(default_factory=dict)
    replace: bool = False

    def __post_init__(self) -> None:
        """Raises `ConfigError` for what cannot be."""
        for what in ("name", "system", "protocol"):
            text = getattr(self, what)
            if not text or not text.isprintable():
                raise ConfigError(f"{what}: got {text!r}, expected a name that can be printed")
        for what in ("fmr", "rates"):
            given = getattr(self, what)
            if not given or len(set(given)) != len(given) or not all(0 < rate < 1 for rate in given):
                raise ConfigError(f"{what}: got {list(given)}, expected different rates between 0 and 1")
        if not 0 <= self.draws <= 100_000:
            raise ConfigError(f"draws: got {self.draws}, expected 0 to 100,000")


def import_scores(scores: Scores, out: str | Path, how: Import) -> RunFolder:
    """Puts scores into a run folder, beside those of other systems where it holds some.

    Args:
        scores: what `bench.exchange.read_scores` gave, or arrays of one's own.
        out: the run folder; made if it is not there.
        how: names and settings.

    Returns:
        The run folder.

    Raises:
        ConfigError: the folder holds something else, scores of that system, or other settings.
    """
    started, clock = datetime.datetime.now(datetime.UTC), time.monotonic()
    folder = RunFolder(out)
    cell = imported_cell(scores, how)
    _refuse_others(folder, cell, how)  # before a folder is made
    success = assess_imported(cell, scores)
    with only_session(folder.path):
        before, replaced = _refuse_others(folder, cell, how)
        manifest = {
            "impersona": __version__,
            "name": before.get("name", folder.path.resolve().name),
            "seed": how.seed,
            "sweep": {},
            "cells": [*(key for key in before.get("cells", ()) if key not in (replaced, cell.key)), cell.key],
            "versions": versions(),
            "machine": machine(),
            "git": git_commit(Path(__file__).parent),
            "command": shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]]) if sys.argv and sys.argv[0] else None,
            "started": started.isoformat(timespec="seconds"),
        }
        sources = {
            **before.get(IMPORTED, {}),
            cell.key: {**how.source, "command": manifest["command"], "warnings": [*scores.warnings]},
        }
        manifest[IMPORTED] = {key: sources.get(key) for key in manifest["cells"]}
        folder.write_manifest(manifest)
        folder.write_outcome(cell, success, {name: manifest[name] for name in _ORIGIN})
        stored = folder.outcomes()
        cells = [Cell(outcome["key"], outcome["spec"], outcome["labels"]) for outcome in stored]
        folder.write_summary([one.key for one in cells], extra=compare(folder, cells))
        seconds = round(time.monotonic() - clock, 3)
        folder.write_manifest({**manifest, "seconds": seconds, "ran": [what_ran(outcome) for outcome in stored]})
        if replaced is not None and replaced != cell.key:
            folder.forget(replaced)
    return folder


def imported_cell(scores: Scores, how: Import) -> Cell:
    """The cell that some scores become; its key rests on the scores and on `how`.

    Args:
        scores: the scores.
        how: names and settings.
    """
    verified = isinstance(scores, ComparisonScores)
    digest = hashlib.sha256(scores.scores.tobytes()).hexdigest()
    who = {"name": IMPORTED, "settings": {}, "fingerprint": {"scores": digest}}
    labels: dict[str, Any] = {
        "dataset": how.name,
        "protocol": how.protocol,
        "recognizer": how.system if verified else None,
        **({} if verified else {"detector": how.system}),
        "settings": {},
    }
    spec = {
        "cell": CELL_REVISION,
        "labels": labels,
        "assessment": "verification" if verified else "detection",
        "dataset": {"name": how.name, "settings": {}, "fingerprint": {}},
        "protocol": how.protocol,
        "trials": scores.digest,
        "images": value_digest(None),
        "images_read_by": {},
        "people": PER_SUBJECT if scores.named else PER_COMPARISON,
        "draws": how.draws,
        "seed": how.seed,
        "calibration": None,
    }
    if verified:
        nothing = {"columns": {"files": [], "digests": {}}, "groups": [], "discard": []}
        spec |= {"recognizer": who, "comparison": IMPORTED, "fmr": sorted(how.fmr, reverse=True), **nothing}
    else:
        rates = sorted(how.rates, reverse=True)
        spec |= {"detector": who, "detection": {**Detection().model_dump(mode="json"), "rates": rates}, "makers": []}
    return Cell(value_digest(spec), spec, labels)


def assess_imported(cell: Cell, scores: Scores) -> Success:
    """Every figure of some scores, as a sweep's cell has them.

    Args:
        cell: from `imported_cell`.
        scores: the scores.
    """
    started = time.monotonic()
    if isinstance(scores, ComparisonScores):
        values, counts, tables = _verified(cell.spec, scores)
    else:
        values, counts, tables = _detected(cell.spec, scores)
    return Success(
        key=cell.key,
        figures=tuple(record(value, cell.labels) for value in values),
        counts=counts,
        runtime={},
        seconds=time.monotonic() - started,
        tables={name: to_parquet(name, table) for name, table in tables.items()},
    )


_Found = tuple[list[FigureValue], dict[str, int], dict[str, pd.DataFrame]]


def _verified(spec: Mapping[str, Any], scores: ComparisonScores) -> _Found:
    clusters = clusters_of_scores(scores)
    kept = kept_people(clusters, spec["draws"], spec["seed"], spec["dataset"]["name"])
    found = assess_trials(scores.scores, scores.mated, scores.fold, clusters, kept, spec["fmr"])
    people = len(scores.people[0]) if scores.named else len(scores)
    faces = len({*scores.probe.categories, *scores.reference.categories})
    subjects = FigureValue("subjects", None, people, None, None, faces, "ok")
    counts = counted(scores.scores, scores.mated, clusters)
    return [subjects, *found.values], counts, {"trials": trials_table_of(scores), **found.tables}


def _detected(spec: Mapping[str, Any], scores: PresentationScores) -> _Found:
    species = [name if isinstance(name, str) else None for name in scores.species]
    subjects = [scores.subjects_of(row) for row in range(len(scores))]
    found = assess_presentations(
        samples_of(species, subjects, scores.scores),
        spec["detection"]["rates"],
        draws=spec["draws"],
        seed=spec["seed"],
        where=spec["dataset"]["name"],
    )
    missing = np.isnan(scores.scores)
    counts = {
        "people": len(scores.names),
        "presentations": len(scores),
        "presentations_without_response": int(missing.sum()),
    }
    references = [name if isinstance(name, str) else None for name in scores.references]
    problems = ["no score in the file" if lost else None for lost in missing.tolist()]
    names = np.asarray(scores.samples).tolist()
    table = presentations_table(names, species, subjects, references, scores.scores, problems)
    return found.values, counts, {"presentations": table, **found.tables}


def clusters_of_scores(scores: ComparisonScores) -> Clusters:
    """Who comparisons rest on; where nobody is named, each on a person of its own."""
    if not scores.named:
        own = np.arange(len(scores), dtype=np.int32)
        return Clusters(own, own, len(scores))
    names, asked, enrolled = scores.people
    return Clusters(asked, enrolled, len(names))


def trials_table_of(scores: ComparisonScores) -> pd.DataFrame:
    """The table `trials` of `bench.store.schema`."""
    fold = pd.array([None] * len(scores), "Int16") if scores.fold is None else pd.array(scores.fold, "Int16")
    return pd.DataFrame(
        {
            "probe": scores.probe,
            "reference": scores.reference,
            "probe_subject": scores.probe_subject,
            "reference_subject": scores.reference_subject,
            "mated": scores.mated,
            "fold": fold,
            "score": scores.scores,
        }
    )


def _refuse_others(folder: RunFolder, cell: Cell, how: Import) -> tuple[dict[str, Any], str | None]:
    """The manifest that stands there, or nothing, and the key of the cell that gives way."""
    path = folder.path
    if path.exists() and not path.is_dir():
        raise ConfigError(f"{path} is a file; give --out a folder")
    if not (path / "manifest.json").is_file():
        if path.is_dir() and any(not entry.name.endswith(".part") for entry in path.iterdir()):
            raise ConfigError(f"{path} holds files but no run; give --out another folder, or an empty one")
        return {}, None
    manifest = folder.manifest()
    if IMPORTED not in manifest:
        raise ConfigError(f"{path} holds the run of a sweep; give --out another folder for imported scores")
    same = canonical_json([cell.spec["assessment"], cell.labels])
    for outcome in folder.outcomes():
        if canonical_json([outcome["spec"]["assessment"], outcome["labels"]]) != same or outcome["key"] == cell.key:
            continue
        if not how.replace:
            raise ConfigError(
                f"{path} holds other scores of {how.system!r} on {how.name}/{how.protocol}, or ones with other "
                "settings; give --system another label, or --replace"
            )
        return manifest, str(outcome["key"])
    return manifest, None
