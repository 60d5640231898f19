"""Thresholds that are carried over, when a cell runs: set on some people now, read from a manifest, or published.

`calibration_plan` says beforehand where they come from; `carried` judges them on the people who are reported on.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.api import Progress
from bench.errors import CorruptFile, InsufficientData
from bench.metrics import (
    Clusters,
    FigureValue,
    Support,
    assess_verification,
    double_or_nothing,
    error_tradeoff,
    operating_point_name,
    support_of,
    threshold_at_fmr,
)
from bench.metrics.costs import equal_error_threshold
from bench.metrics.likelihood import LogisticCalibration, logistic_calibration
from bench.metrics.verification_intervals import VerificationIntervals
from bench.provenance import images_read_by, value_digest
from bench.seeding import stream
from bench.store.cache import ArrayCache
from bench.store.fitting import check_runtime
from bench.store.legacy import LEGACY, NO_PEDIGREE, threshold_above
from bench.store.thresholds import (
    CalibrationData,
    EqualError,
    Logistic,
    PluginIdentity,
    ThresholdPoint,
    Thresholds,
    person_hash,
)
from bench.sweep.calibration_plan import carried_name
from bench.sweep.scores import people_of, scored_trials
from bench.version import __version__

LEGACY_FAR = 0.01
"""The operating point that `legacy-far01` is named after."""


@dataclass(frozen=True)
class CarriedPoint:
    """A threshold that was set elsewhere.

    Attributes:
        name: the operating point's name.
        threshold: a float32 number; None where the calibration data support none.
        interval: both ends, over the people it was set on; None where there is none.
        support: of the threshold itself.
        n: how many comparisons it rests on; 0 where nobody knows.
    """

    name: str
    threshold: float | None
    interval: tuple[float, float] | None = None
    support: Support = "ok"
    n: int = 0


@dataclass(frozen=True, eq=False)
class Calibration:
    """Thresholds to be carried over, ready to use.

    Attributes:
        origin: whose they are: ``"dev"``, ``"lfw/dev"``, ``"legacy-far01"``.
        points: the operating points.
        equal_error: the threshold of the equal error rate; None where there is none.
        logistic: from score to log-likelihood ratio; None where there is none.
        record: where all of it comes from, plain data to be stored with the outcome.
        thresholds: the manifest; None for published constants, which have none.
        warnings: libraries that differ from those of the calibration in their patch version.
    """

    origin: str
    points: tuple[CarriedPoint, ...]
    equal_error: CarriedPoint | None
    logistic: LogisticCalibration | None
    record: Mapping[str, Any]
    thresholds: Thresholds | None = None
    warnings: tuple[str, ...] = ()

    def check_runtime(self, runtime: Mapping[str, str]) -> None:
        """Refuses thresholds of another provider or device than a recognizer really ran on; see `fitting`."""
        if self.thresholds is not None:
            check_runtime(self.thresholds, runtime, f"thresholds of {self.origin}")


def thresholds_of(spec: Mapping[str, Any], cache: ArrayCache, progress: Progress | None = None) -> Calibration | None:
    """The thresholds of a cell, calibrated now where its spec says so.

    Args:
        spec: the cell's; its part ``calibration`` is what `plan_calibration` returned.
        cache: the embedding cache.
        progress: told how far it is.

    Raises:
        CorruptFile: photos to calibrate on changed after planning.
    """
    part = spec.get("calibration")
    if part is None:
        return None
    if part["kind"] == "profile":
        return _of_profile(part)
    if part["kind"] == "manifest":
        thresholds = Thresholds.parse(json.dumps(part["content"]), part["file"])
        if thresholds.digest != part["digest"]:
            raise CorruptFile(f"{part['file']}: not the thresholds that were planned with; run the sweep again")
        return _of_manifest(thresholds, part["origin"], tuple(part["warnings"]))
    changed = {name: part[name] for name in ("dataset", "protocol", "trials", "images", "fmr")}
    return _of_manifest(_calibrated({**spec, **changed}, cache, progress), part["origin"])


_CALIBRATED: dict[str, Thresholds] = {}
_CALIBRATED_BY = ("dataset", "protocol", "trials", "images", "recognizer", "aligner", "fmr", "seed", "draws")


def _calibrated(spec: Mapping[str, Any], cache: ArrayCache, progress: Progress | None) -> Thresholds:
    """Thresholds as `calibrate_on` sets them, once for all cells of a process that ask for the same."""
    asked = value_digest([spec["labels"]["recognizer"], *(spec[name] for name in _CALIBRATED_BY)])
    if asked not in _CALIBRATED:
        _CALIBRATED[asked] = calibrate_on(spec, cache, progress)
    return _CALIBRATED[asked]


def calibrate_on(spec: Mapping[str, Any], cache: ArrayCache, progress: Progress | None = None) -> Thresholds:
    """Thresholds, set on the trials of a cell's spec.

    Args:
        spec: of a cell of `calibration_sweep`.
        cache: the embedding cache.
        progress: told how far it is.

    Raises:
        CorruptFile: photos changed after planning.
    """
    found = scored_trials(spec, cache, progress)
    trials, acquired, scores = found.trials, found.acquired, found.scores
    name, protocol = spec["dataset"]["name"], spec["protocol"]
    people, clusters = {frame.subject for frame in trials.frames}, people_of(trials)
    draws = int(spec.get("draws", 0))
    kept = double_or_nothing(len(people), draws, stream(spec["seed"], "bootstrap", "calibration", name, protocol))
    failed, mated = np.isnan(scores), trials.mated
    roles = (spec[role] for role in ("recognizer", "aligner"))
    recognizer, aligner = (PluginIdentity(name=role["name"], fingerprint=role["fingerprint"]) for role in roles)
    return Thresholds(
        recognizer=dataclasses.replace(recognizer, label=spec["labels"]["recognizer"]),
        aligner=aligner,
        comparison=spec["comparison"],
        images_read_by=images_read_by(),
        runtime=dict(acquired.runtime),
        dataset=CalibrationData(
            name=name,
            fingerprint=spec["dataset"]["fingerprint"],
            protocol=protocol,
            split=spec["dataset"]["fingerprint"].get("split"),
            trials=trials.digest,
            images=spec["images"],
            people=len(people),
            people_hashes=tuple(sorted(person_hash(name, person) for person in people)),
            mated=int(mated.sum()),
            nonmated=int((~mated).sum()),
            mated_not_acquired=int((mated & failed).sum()),
            nonmated_not_acquired=int((~mated & failed).sum()),
        ),
        seed=spec["seed"],
        draws=draws,
        **set_thresholds(scores, mated, clusters, kept, spec["fmr"]),
        impersona=__version__,
        date=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    )


def set_thresholds(
    scores: NDArray[np.float32],
    mated: NDArray[np.bool_],
    clusters: Clusters,
    kept: NDArray[np.bool_],
    fmrs: Sequence[float],
) -> dict[str, Any]:
    """The fields ``points``, ``equal_error`` and ``logistic`` of a manifest.

    Args:
        scores: float32 (M,), NaN where a trial failed to acquire.
        mated: bool (M,).
        clusters: the people of each trial.
        kept: bool (B, P), who is kept in each bootstrap draw; B may be 0.
        fmrs: the false match rates to set thresholds at.
    """
    # The very numbers and intervals that a sweep over these trials would report.
    every = assess_verification(scores, mated, None, tuple(fmrs))
    assessed = [value for value in every if value.operating_point or value.figure == "equal_error_rate"]
    values = VerificationIntervals(scores, mated, None, clusters, kept, fmrs).attach(assessed)
    by_name = {(value.figure, value.operating_point): value for value in values}
    acquired = ~np.isnan(scores)
    genuine, impostor = scores[acquired & mated], scores[acquired & ~mated]
    points = []
    for fmr in fmrs:
        point, name = threshold_at_fmr(genuine, impostor, fmr), operating_point_name(fmr)
        points.append(
            ThresholdPoint(
                requested_fmr=point.requested_fmr,
                threshold=point.threshold,
                threshold_interval=_ends(by_name["threshold", name]),
                false_match_rate=point.achieved_fmr,
                false_match_rate_interval=_ends(by_name["false_match_rate", name]),
                false_matches=point.false_matches,
                allowed_false_matches=point.allowed_false_matches,
                false_non_match_rate=point.fnmr,
                false_non_match_rate_interval=_ends(by_name["false_non_match_rate", name]),
                support=point.support,
                needed_nonmated=point.needed_nonmated,
                needed_nonmated_ok=point.needed_nonmated_ok,
            )
        )
    found: dict[str, Any] = {"points": tuple(points), "equal_error": None, "logistic": None}
    equal = by_name["equal_error_rate", None]
    if equal.value is not None:
        threshold = equal_error_threshold(error_tradeoff(genuine, impostor))
        found["equal_error"] = EqualError(
            equal_error_rate=equal.value, equal_error_rate_interval=_ends(equal), threshold=threshold
        )
        with contextlib.suppress(InsufficientData):
            fitted = logistic_calibration(genuine, impostor)
            found["logistic"] = Logistic(scale=fitted.scale, offset=fitted.offset)
    return found


def _ends(value: FigureValue) -> tuple[float, float] | None:
    return None if value.low is None or value.high is None else (value.low, value.high)


def _of_manifest(thresholds: Thresholds, origin: str, warnings: tuple[str, ...] = ()) -> Calibration:
    data, logistic, equal = thresholds.dataset, thresholds.logistic, thresholds.equal_error
    mated, nonmated = data.mated - data.mated_not_acquired, data.nonmated - data.nonmated_not_acquired
    middle = carried_name(origin, "eer")
    errors = 0.0 if equal is None else round(equal.equal_error_rate * min(mated, nonmated), 6)
    points = tuple(
        CarriedPoint(
            name=carried_name(origin, operating_point_name(point.requested_fmr)),
            threshold=point.threshold,
            interval=point.threshold_interval,
            support=point.support,
            n=nonmated,
        )
        for point in thresholds.points
    )
    return Calibration(
        origin=origin,
        points=points,
        equal_error=CarriedPoint(middle, None if equal is None else equal.threshold, support=support_of(errors)),
        logistic=None if logistic is None else LogisticCalibration(logistic.scale, logistic.offset),
        record=thresholds.document | ({"warnings": list(warnings)} if warnings else {}),
        thresholds=thresholds,
        warnings=warnings,
    )


def _of_profile(part: Mapping[str, Any]) -> Calibration:
    points = []
    for rate, constant in part["constants"].items():
        name = LEGACY if float(rate) == LEGACY_FAR else carried_name(LEGACY, f"far={rate}")
        points.append(CarriedPoint(name, threshold_above(constant)))
    record = {**part, "decides": "score > constant", "pedigree": NO_PEDIGREE}
    return Calibration(LEGACY, tuple(points), equal_error=None, logistic=None, record=record)
