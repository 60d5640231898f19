"""The assessment `verification`: how well a recognizer tells the people of a data set apart."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.api import Cell, Dataset, Progress, Success, Trials
from bench.config import GroupEntry
from bench.errors import CorruptFile
from bench.metrics import FigureValue, assess_verification, operating_point_name
from bench.metrics.bootstrap import double_or_nothing
from bench.metrics.clusters import Clusters
from bench.metrics.cost_figures import assess_costs
from bench.metrics.verification_intervals import Draws, VerificationIntervals
from bench.seeding import stream
from bench.store.cache import ArrayCache
from bench.store.schema import RECORD_FIELDS, to_parquet
from bench.sweep.acquisition import Acquisition
from bench.sweep.calibration import Calibration, thresholds_of
from bench.sweep.carried import calibrated_draws, calibrated_figures
from bench.sweep.discarding import discard_figures
from bench.sweep.grouping import column_digest, column_values, group_figures
from bench.sweep.scores import people_of, scored_trials
from bench.sweep.tables import curve_table, draws_table, frames_table, identities_table, trials_table


def verification(cell: Cell, cache: ArrayCache, progress: Progress | None = None) -> Success:
    """Scores every trial of a cell and computes its figures.

    Args:
        cell: the cell.
        cache: the embedding cache.
        progress: told how far it is.

    Raises:
        CorruptFile: photos changed since the sweep was planned.
    """
    started = time.monotonic()
    spec = cell.spec
    calibration = thresholds_of(spec, cache, progress)
    found = scored_trials(spec, cache, progress)
    dataset, trials, acquired, scores = found.dataset, found.trials, found.acquired, found.scores
    if calibration is not None:
        calibration.check_runtime(acquired.runtime)
    if progress:
        progress("computing figures", 0, 1)
    clusters = people_of(trials)
    kept = kept_people(clusters, spec["draws"], spec["seed"], spec["dataset"]["name"])
    assessed = assess_trials(scores, trials.mated, trials.fold, clusters, kept, spec["fmr"], calibration)
    assessed = _with_columns(assessed, spec, dataset, trials, scores, clusters, kept, calibration)
    rng = stream(spec["seed"], "identities", spec["dataset"]["name"], spec["protocol"])
    tables = {
        "trials": trials_table(trials, scores),
        "frames": frames_table(trials.frames, acquired),
        "identities": identities_table(trials, acquired, spec["comparison"], rng),
        **assessed.tables,
    }
    return Success(
        key=cell.key,
        figures=tuple(record(value, cell.labels) for value in [*counts_of(trials, acquired), *assessed.values]),
        counts={**counted(scores, trials.mated, clusters), **acquired.counts},
        runtime=acquired.runtime,
        seconds=time.monotonic() - started,
        tables={name: to_parquet(name, table) for name, table in tables.items()},
        calibration=None if calibration is None else calibration.record,
    )


@dataclass(frozen=True, eq=False)
class Assessed:
    """The figures of a list of trials, each with its interval, and the tables that come with them."""

    values: list[FigureValue]
    tables: dict[str, pd.DataFrame]


def kept_people(clusters: Clusters, draws: int, seed: int, where: str) -> NDArray[np.bool_]:
    """Who is kept in each bootstrap draw, bool (B, P).

    Args:
        clusters: whose codes are those of P people.
        draws: B.
        seed: from which.
        where: the data set's name: the same people of the same data set are drawn alike for every system.
    """
    return double_or_nothing(clusters.count, draws, stream(seed, "bootstrap", where))


def assess_trials(
    scores: NDArray[np.float32],
    mated: NDArray[np.bool_],
    fold: NDArray[np.int16] | None,
    clusters: Clusters,
    kept: NDArray[np.bool_],
    fmr: Sequence[float],
    calibration: Calibration | None = None,
) -> Assessed:
    """Every figure of a list of trials, wherever its scores come from, but those of columns.

    Args:
        scores: float32 (M,), NaN where a trial failed to acquire.
        mated: bool (M,).
        fold: int16 (M,) or None.
        clusters: who the trials rest on.
        kept: from `kept_people`.
        fmr: the false match rates of the operating points.
        calibration: thresholds that come from elsewhere, or None.

    Returns:
        The figures, and the tables `draws` and `curve` where there are some.
    """
    intervals = VerificationIntervals(scores, mated, fold, clusters, kept, fmr)
    values = intervals.attach([*assess_verification(scores, mated, fold, fmr), *assess_costs(scores, mated)])
    draws: Draws = dict(intervals.draws)
    if calibration is not None:
        draws |= calibrated_draws(calibration, scores, mated, clusters, kept)
        values += calibrated_figures(calibration, scores, mated, clusters, kept)
    tables: dict[str, pd.DataFrame] = {"draws": draws_table(draws)} if draws else {}
    if (band := intervals.roc_band()) is not None:
        tables["curve"] = curve_table(band)
    return Assessed(values, tables)


def counted(scores: NDArray[np.float32], mated: NDArray[np.bool_], clusters: Clusters) -> dict[str, int]:
    """How many people and trials there are, and how many trials of each kind were acquired."""
    acquired = ~np.isnan(scores)
    return {
        "people": clusters.present(),
        "trials": len(scores),
        "trials_not_acquired": int((~acquired).sum()),
        "mated_acquired": int((mated & acquired).sum()),
        "nonmated_acquired": int((~mated & acquired).sum()),
    }


def _with_columns(
    assessed: Assessed,
    spec: Mapping[str, Any],
    dataset: Dataset,
    trials: Trials,
    scores: NDArray[np.float32],
    clusters: Clusters,
    kept: NDArray[np.bool_],
    calibration: Calibration | None,
) -> Assessed:
    """Adds the figures of groups and of qualities, at the carried-over thresholds where there are some."""
    planned = spec["columns"]["digests"]
    if not planned:
        return assessed
    columns = column_values(spec["columns"]["files"], list(planned), dataset, trials.frames)
    if changed := [name for name, column in columns.items() if column_digest(column) != planned[name]]:
        raise CorruptFile(f"column {changed[0]!r} changed after the sweep was planned; run it again")
    carried = [] if calibration is None else [point.name for point in calibration.points]
    points = carried or [operating_point_name(fmr) for fmr in spec["fmr"]]
    at = {value.operating_point: value for value in assessed.values if value.figure == "threshold"}
    thresholds = {point: at[point].value for point in points}
    weak = [point for point in points if at[point].support != "ok"]
    common = (columns, trials, scores, thresholds, clusters, kept, weak)
    values, tables = list(assessed.values), dict(assessed.tables)
    if spec["groups"]:
        values += group_figures([GroupEntry.model_validate(entry) for entry in spec["groups"]], *common)
    if spec["discard"]:
        figures, tables["discard"] = discard_figures(spec["discard"], *common)
        values += figures
    return Assessed(values, tables)


def counts_of(trials: Trials, acquired: Acquisition) -> list[FigureValue]:
    """How many photos and people take part."""
    counts = {
        "frames": len(trials.frames),
        "frames_not_acquired": int((~acquired.acquired).sum()),
        "subjects": len({frame.subject for frame in trials.frames}),
    }
    return [FigureValue(name, None, count, None, None, len(trials.frames), "ok") for name, count in counts.items()]


def record(value: FigureValue, labels: Mapping[str, Any]) -> dict[str, Any]:
    """A record of summary.json: a figure under a cell's labels."""
    own = {name: getattr(value, name) for name in _OF_FIGURE}
    filled = dict.fromkeys(RECORD_FIELDS) | dict(labels)
    return filled | own


_OF_FIGURE = (
    "figure", "operating_point", "value", "low", "high", "n", "support", "interval", "group", "versus",
    "species",
)  # fmt: skip
