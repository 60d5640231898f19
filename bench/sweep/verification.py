"""The assessment `verification`: how well a recognizer tells the people of a data set apart."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.api import Cell, Dataset, Progress, Success, Trials
from bench.config import GroupEntry
from bench.errors import CorruptFile
from bench.metrics import FigureValue, assess_verification, operating_point_name
from bench.metrics.bootstrap import double_or_nothing
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
    assessed = _Assessment(spec, dataset, trials, scores, calibration)
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
        counts={
            "trials": len(scores),
            "trials_not_acquired": int(np.isnan(scores).sum()),
            "mated_acquired": int((trials.mated & ~np.isnan(scores)).sum()),
            "nonmated_acquired": int((~trials.mated & ~np.isnan(scores)).sum()),
            **acquired.counts,
        },
        runtime=acquired.runtime,
        seconds=time.monotonic() - started,
        tables={name: to_parquet(name, table) for name, table in tables.items()},
        calibration=None if calibration is None else calibration.record,
    )


class _Assessment:
    """Every figure of a cell, with its interval, and the tables that come with them."""

    def __init__(
        self,
        spec: Mapping[str, Any],
        dataset: Dataset,
        trials: Trials,
        scores: NDArray[np.float32],
        calibration: Calibration | None,
    ) -> None:
        self.spec, self.dataset, self.trials, self.scores = spec, dataset, trials, scores
        self.mated, self.clusters = trials.mated, people_of(trials)
        rng = stream(spec["seed"], "bootstrap", spec["dataset"]["name"])
        self.kept = double_or_nothing(self.clusters.count, spec["draws"], rng)
        intervals = VerificationIntervals(scores, self.mated, trials.fold, self.clusters, self.kept, spec["fmr"])
        whole = [*assess_verification(scores, self.mated, trials.fold, spec["fmr"]), *assess_costs(scores, self.mated)]
        self.values = intervals.attach(whole)
        draws: Draws = dict(intervals.draws)
        if calibration is not None:
            draws |= calibrated_draws(calibration, scores, self.mated, self.clusters, self.kept)
            self.values += calibrated_figures(calibration, scores, self.mated, self.clusters, self.kept)
        self.tables: dict[str, pd.DataFrame] = {"draws": draws_table(draws)} if draws else {}
        if (band := intervals.roc_band()) is not None:
            self.tables["curve"] = curve_table(band)
        self._by_columns(calibration)

    def _by_columns(self, calibration: Calibration | None) -> None:
        """Adds the figures of groups and of qualities, at the carried-over thresholds where there are some."""
        planned = self.spec["columns"]["digests"]
        if not planned:
            return
        values = column_values(self.spec["columns"]["files"], list(planned), self.dataset, self.trials.frames)
        if changed := [name for name, column in values.items() if column_digest(column) != planned[name]]:
            raise CorruptFile(f"column {changed[0]!r} changed after the sweep was planned; run it again")
        carried = [] if calibration is None else [point.name for point in calibration.points]
        points = carried or [operating_point_name(fmr) for fmr in self.spec["fmr"]]
        at = {value.operating_point: value for value in self.values if value.figure == "threshold"}
        thresholds = {point: at[point].value for point in points}
        weak = [point for point in points if at[point].support != "ok"]
        common = (values, self.trials, self.scores, thresholds, self.clusters, self.kept, weak)
        if self.spec["groups"]:
            entries = [GroupEntry.model_validate(entry) for entry in self.spec["groups"]]
            self.values += group_figures(entries, *common)
        if self.spec["discard"]:
            figures, self.tables["discard"] = discard_figures(self.spec["discard"], *common)
            self.values += figures


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
