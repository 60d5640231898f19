"""The assessment `detection`: how well a detector tells attacks from bona fide photos."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.api import Cell, Crops, Detector, FrameImage, Progress, Success
from bench.errors import PluginError
from bench.images import to_crops
from bench.metrics import FigureValue
from bench.metrics.bootstrap import double_or_nothing
from bench.metrics.detection import DetectionPoint, DetectionSamples, assess_at, assess_detection, points_of
from bench.provenance import value_digest
from bench.seeding import stream
from bench.store.cache import ArrayCache
from bench.store.schema import to_parquet
from bench.sweep.calibration_plan import carried_name
from bench.sweep.inputs import entry_of
from bench.sweep.instances import plugin
from bench.sweep.presentations import Presentations, present, shown
from bench.sweep.tables import draws_table
from bench.sweep.verification import record


@dataclass(frozen=True, eq=False)
class Scored:
    """What a detector says of N presentations.

    Attributes:
        scores: float32 (N,), NaN where there was no response.
        problems: N reasons for that; None where there was one.
        runtime: what really ran.
    """

    scores: NDArray[np.float32]
    problems: tuple[str | None, ...]
    runtime: Mapping[str, str]


@dataclass(frozen=True, eq=False)
class Assessed:
    """The figures of a detector, and the tables that come with them."""

    values: list[FigureValue]
    tables: dict[str, pd.DataFrame]


def detection(cell: Cell, cache: ArrayCache, progress: Progress | None = None) -> Success:
    """Shows a detector everything that its cell names, and computes the figures.

    Args:
        cell: the cell.
        cache: of found and made faces.
        progress: told how far it is.

    Raises:
        CorruptFile: photos changed since the sweep was planned.
        PluginError: the detector returned something else than scores.
    """
    started = time.monotonic()
    spec = cell.spec
    points, calibration = _carried(spec, cache, progress)
    presentations = present(spec, cache, progress)
    scored = score_presentations(spec, presentations, cache, progress)
    if progress:
        progress("computing figures", 0, 1)
    assessed = assess_presentations(
        samples_of(presentations.species, presentations.subjects, scored.scores),
        spec["detection"]["rates"],
        points,
        draws=spec["draws"],
        seed=spec["seed"],
        where=spec["dataset"]["name"],
    )
    tables = {
        "presentations": presentations_table(
            presentations.names,
            presentations.species,
            presentations.subjects,
            presentations.reference_names,
            scored.scores,
            scored.problems,
        ),
        **assessed.tables,
    }
    return Success(
        key=cell.key,
        figures=tuple(record(value, cell.labels) for value in assessed.values),
        counts={
            "people": len({who for whom in presentations.subjects for who in whom}),
            "presentations": len(presentations),
            "presentations_without_response": int(np.isnan(scored.scores).sum()),
            "not_made": presentations.not_made,
        },
        runtime=scored.runtime,
        seconds=time.monotonic() - started,
        tables={name: to_parquet(name, table) for name, table in tables.items()},
        calibration=calibration,
    )


def score_presentations(
    spec: Mapping[str, Any], presentations: Presentations, cache: ArrayCache, progress: Progress | None = None
) -> Scored:
    """The attack score of every presentation.

    Args:
        spec: the cell's; its parts ``detector`` and ``aligner`` say who looks.
        presentations: N of them.
        cache: of found faces.
        progress: told how far it is.

    Raises:
        PluginError: the detector returned something else than finite float32 (N,).
    """
    detector: Detector = plugin("detector", entry_of(spec["detector"]))
    scores = np.full(len(presentations), np.nan, dtype=np.float32)
    problems: list[str | None] = [None] * len(presentations)
    waiting: list[tuple[int, FrameImage, FrameImage | None]] = []
    for one in shown(presentations, entry_of(spec["aligner"]), detector.template, cache, progress):
        problems[one.index] = one.problem
        if one.suspect is not None:
            waiting.append((one.index, one.suspect, one.reference))
        if len(waiting) == detector.batch_size:
            _score_batch(detector, spec["detector"]["name"], waiting, scores)
            waiting = []
    if waiting:
        _score_batch(detector, spec["detector"]["name"], waiting, scores)
    return Scored(scores, tuple(problems), detector.runtime())


def _score_batch(
    detector: Detector,
    name: str,
    waiting: Sequence[tuple[int, FrameImage, FrameImage | None]],
    scores: NDArray[np.float32],
) -> None:
    size = detector.batch_size
    suspects = _padded([suspect for _, suspect, _ in waiting], size)
    trusted = [reference for _, _, reference in waiting if reference is not None]
    found = detector.attack_scores(suspects, _padded(trusted, size) if detector.differential else None)
    if not isinstance(found, np.ndarray) or found.dtype != np.float32 or found.shape != (size,):
        got = f"{found.dtype} {found.shape}" if isinstance(found, np.ndarray) else type(found).__name__
        raise PluginError(f"{name} returned {got}; expected float32 ({size},), a score for each crop")
    if not np.isfinite(found[: len(waiting)]).all():
        raise PluginError(f"{name} returned scores that are not finite; expected a number for each crop")
    scores[[index for index, _, _ in waiting]] = found[: len(waiting)]


def _padded(frames: Sequence[FrameImage], size: int) -> Crops:
    """Crops of so many frames, the last one again and again for those that lack."""
    return to_crops(np.stack([*frames, *[frames[-1]] * (size - len(frames))]))


def samples_of(
    species: Sequence[str | None], subjects: Sequence[Sequence[str]], scores: NDArray[np.float32]
) -> DetectionSamples:
    """Scored presentations as metrics take them.

    Args:
        species: N kinds of attack; None for bona fide.
        subjects: whom each rests on.
        scores: float32 (N,), NaN where there was no response.
    """
    names = tuple(dict.fromkeys(one for one in species if one is not None))
    code_of = {name: code for code, name in enumerate(names)}
    everybody = {name: code for code, name in enumerate(sorted({who for whom in subjects for who in whom}))}
    people = np.full((len(subjects), max(map(len, subjects), default=1)), -1, dtype=np.int32)
    for row, whom in enumerate(subjects):
        people[row, : len(whom)] = [everybody[who] for who in whom]
    return DetectionSamples(
        scores=scores,
        species=np.array([-1 if one is None else code_of[one] for one in species], dtype=np.int16),
        names=names,
        people=people,
        count=len(everybody),
    )


def assess_presentations(
    samples: DetectionSamples,
    rates: Sequence[float],
    points: Sequence[DetectionPoint] = (),
    *,
    draws: int,
    seed: int,
    where: str,
) -> Assessed:
    """Every figure of a detector on some samples, and what the bootstrap drew.

    Args:
        samples: what it said.
        rates: error rates at which thresholds are set on the samples themselves.
        points: thresholds that come from elsewhere.
        draws: how many times people are drawn anew.
        seed: from which.
        where: the data set's name: the same people of the same data set are drawn alike for every detector.
    """
    kept = double_or_nothing(samples.count, draws, stream(seed, "bootstrap", where)) if draws else None
    found = assess_detection(samples, tuple(rates), kept)
    values, drawn = list(found.values), dict(found.draws)
    if points:
        carried = assess_at(samples, points, kept)
        values += carried.values
        drawn |= carried.draws
    return Assessed(values, {"draws": draws_table(drawn)} if drawn else {})


def presentations_table(
    names: Sequence[str],
    species: Sequence[str | None],
    subjects: Sequence[Sequence[str]],
    references: Sequence[str | None],
    scores: NDArray[np.float32],
    problems: Sequence[str | None],
) -> pd.DataFrame:
    """The table `presentations` of `bench.store.schema`."""
    return pd.DataFrame(
        {
            "sample": pd.Series(list(names), dtype=object),
            "species": pd.Categorical(list(species)),
            "subjects": pd.Series([list(whom) for whom in subjects], dtype=object),
            "reference": pd.Categorical(list(references)),
            "score": scores,
            "problem": pd.Series(list(problems), dtype=object),
        }
    )


def _carried(
    spec: Mapping[str, Any], cache: ArrayCache, progress: Progress | None
) -> tuple[list[DetectionPoint], dict[str, Any] | None]:
    """Thresholds that are set on other people, and where they come from."""
    part = spec["calibration"]
    if part is None:
        return [], None
    whole = {**spec, **part}
    presentations = present(whole, cache, progress)
    scored = score_presentations(whole, presentations, cache, progress)
    samples = samples_of(presentations.species, presentations.subjects, scored.scores)
    kept = None
    if spec["draws"]:
        rng = stream(spec["seed"], "bootstrap", "calibration", part["dataset"]["name"], spec["protocol"])
        kept = double_or_nothing(samples.count, spec["draws"], rng)
    found = points_of(samples, tuple(spec["detection"]["rates"]), kept)
    points = [replace(point, name=carried_name(part["origin"], point.name)) for point in found]
    return points, {
        "kind": part["kind"],
        "origin": part["origin"],
        "dataset": {name: value for name, value in part["dataset"].items() if name != "settings"},
        "trials": part["trials"],
        "images": part["images"],
        "people": samples.count,
        "bona_fide": int((samples.species < 0).sum()),
        "attacks": int((samples.species >= 0).sum()),
        "thresholds": {point.name: point.threshold for point in points},
        "presentations": value_digest([presentations.names, presentations.species]),
    }
