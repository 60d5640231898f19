"""The assessment `generated`: every made face against everybody who contributed to it."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.api import Cell, Comparison, Dataset, Embeddings, Frame, Progress, Success
from bench.metrics import FigureValue, operating_point_name, threshold_at_fmr
from bench.metrics.attempts import Attempts
from bench.metrics.attention import assess_attention
from bench.metrics.attributes import assess_attributes
from bench.metrics.bootstrap import double_or_nothing
from bench.metrics.contributions import assess_contributions, assess_taken
from bench.metrics.kept_means import FaceMean, drawn_means
from bench.metrics.layouts import assess_layouts
from bench.metrics.novelty import assess_novelty
from bench.metrics.shares import Contributors
from bench.metrics.vulnerability import MeanKey, assess_generated, assess_outcomes, generated_means, outcome_means
from bench.quality.assess import Quality, assess_quality
from bench.quality.diversity import Variety, assess_diversity
from bench.seeding import stream
from bench.store.cache import ArrayCache
from bench.store.schema import to_parquet
from bench.sweep.acquisition import Acquisition, acquire
from bench.sweep.attention import attention_of, attention_tables
from bench.sweep.attributes import agreement_table, attributes_of, attributes_table
from bench.sweep.calibration import CarriedPoint, thresholds_of
from bench.sweep.contributions import contributions_of, contributions_table
from bench.sweep.inputs import entry_of
from bench.sweep.instances import plugin
from bench.sweep.layouts import layouts_of, layouts_table
from bench.sweep.made_tables import (
    attempts_table,
    contributors_table,
    faces_table,
    left_out_table,
    portraits_table,
)
from bench.sweep.making import MadeFaces, make_varied
from bench.sweep.novelty import nearest_table, neighbours_of
from bench.sweep.pair_lists import planned_pairing
from bench.sweep.pairing import Pairing
from bench.sweep.probes import probes_of_made
from bench.sweep.risk import risk_of
from bench.sweep.scores import scored_trials, usable_scores
from bench.sweep.sighting import Cast
from bench.sweep.tables import draws_table
from bench.sweep.verification import record

PICTURES = "images"
"""The data set plugin through which aligners read made faces."""


def generated(cell: Cell, cache: ArrayCache, progress: Progress | None = None) -> Success:
    """Makes the faces of a cell, compares them with their contributors and computes the figures.

    Args:
        cell: the cell.
        cache: of embeddings, found faces and made faces.
        progress: told how far it is.

    Raises:
        CorruptFile: photos changed since the sweep was planned.
    """
    started = time.monotonic()
    spec = cell.spec
    calibration = thresholds_of(spec, cache, progress)
    cast = Cast(*(entry_of(spec[role]) for role in ("dataset", "aligner", "recognizer")))
    dataset: Dataset = plugin("dataset", cast.dataset)
    pairing = planned_pairing(spec, dataset, cache, progress)
    photos = acquire(cast, pairing.frames, cache, progress)
    made, again = make_varied(spec, dataset, pairing, cache, progress)
    faces, acquired = acquire_made(cast, made, cache, progress)
    if calibration is not None:
        calibration.check_runtime(photos.runtime)
    points = calibration.points if calibration is not None else _own_points(spec, cache, progress)
    if progress:
        progress("computing figures", 0, 1)
    attempts = _attempts(pairing, photos, made, faces, acquired, spec["comparison"])
    values = [*_thresholds(points), *assess_generated(attempts)]
    for point in points:
        values += assess_outcomes(attempts, point.name, point.threshold, point.support)
    quality = _visual_cost(pairing, photos, made, faces, acquired)
    values += quality.figures
    kept = _kept(spec, attempts.count)
    varied: dict[MeanKey, NDArray[np.float64]] = {}
    if again is not None:
        seen = acquire_made(cast, again, cache, progress)
        found, varied = assess_diversity(_variety(pairing, photos, faces, acquired, *seen, spec["diversity"]), kept)
        values += found
    looked: dict[str, pd.DataFrame] = {}
    if "attention" in spec:
        attention = attention_of(spec, dataset, pairing, made, cache, progress)
        contributors = Contributors(attempts.people[attention.faces], attempts.count)
        found, on_draws = assess_attention(attention.shares, contributors, kept)
        values, varied, looked = [*values, *found], varied | on_draws, attention_tables(attention)
    if "contributions" in spec:
        given = contributions_of(spec, dataset, pairing, made, cache, progress)
        found, on_draws = _taken(attempts, given.shares, points, kept)
        values, varied = [*values, *found], varied | on_draws
        looked["contributions"] = contributions_table(given)
    if "layout" in spec:
        areas = layouts_of(spec, dataset, pairing, made, cache, progress)
        found, on_draws = assess_layouts(areas, attempts.contributors, kept)
        values, varied = [*values, *found], varied | on_draws
        looked["layouts"] = layouts_table(areas)
    if "attributes" in spec:
        judged = attributes_of(spec, dataset, pairing, made, cache, progress)
        found, on_draws = assess_attributes(judged, attempts.contributors, kept)
        values, varied = [*values, *found], varied | on_draws
        looked["attributes"] = attributes_table(judged)
        if (known := agreement_table(spec)) is not None:
            looked["judge"] = known
    if "novelty" in spec:
        near = neighbours_of(spec, cast, pairing, photos, faces, acquired, cache, progress)
        found, on_draws = assess_novelty(near.similarity, attempts.contributors, kept)
        values, varied = [*values, *found], varied | on_draws
        looked["nearest"] = nearest_table(near)
    held: Counter[str] = Counter()
    if "risk" in spec:
        probes = probes_of_made(faces, acquired, attempts.contributors, photos, pairing.photo, pairing.frames)
        risk = risk_of(spec, cast, probes, points, kept, cache, progress)
        values, varied = [*values, *risk.figures], varied | risk.draws
        looked |= risk.tables
        held.update(risk.counts)
    tables = {
        "faces": faces_table(made, faces, acquired),
        "contributors": contributors_table(pairing, attempts),
        "attempts": attempts_table(pairing, attempts),
        **looked,
    }
    if spec["keep_faces"] != "none":
        tables["portraits"] = portraits_table(pairing, made, attempts, spec["keep_faces"], spec["run"])
    if quality.left_out:
        tables["left_out"] = left_out_table(quality.left_out)
    if draws := _draws(kept, attempts, points, made) | varied:
        tables["draws"] = draws_table(draws)
    return Success(
        key=cell.key,
        figures=tuple(record(value, cell.labels) for value in values),
        counts={
            "trials": int(attempts.planned.sum()),
            "faces": len(pairing),
            "people": attempts.count,
            "faces_made_now": made.computed,
            **({} if again is None else {"faces_made_again": len(again.digests)}),
            "faces_not_acquired": int((~acquired).sum()),
            "frames": len(pairing.frames) + int(made.made.sum()) + held["frames"],
            "frames_not_acquired": photos.counts["frames_not_acquired"]
            + int((made.made & ~acquired).sum())
            + held["frames_not_acquired"],
            "embeddings_computed": photos.computed + faces.computed + held["embeddings_computed"],
            "embeddings_from_cache": photos.cached + faces.cached + held["embeddings_from_cache"],
        },
        runtime=photos.runtime or faces.runtime,
        seconds=time.monotonic() - started,
        tables={name: to_parquet(name, table) for name, table in tables.items()},
        calibration=None if calibration is None else calibration.record,
    )


def acquire_made(
    cast: Cast, made: MadeFaces, cache: ArrayCache, progress: Progress | None
) -> tuple[Acquisition, NDArray[np.bool_]]:
    """The made faces as new photos.

    Args:
        cast: whose aligner and recognizer look at them; its data set plays no part.
        made: M faces.
        cache: of embeddings and found faces.
        progress: told how many faces have been looked at.

    Returns:
        What became of those that were made; and which of all M were acquired, bool (M,).
    """
    there = np.flatnonzero(made.made)
    frames = [Frame(f"{made.digests[index]}.png", "") for index in there]
    entry = {"name": PICTURES, "root": str(made.folder)}
    found = acquire(Cast(entry, cast.aligner, cast.recognizer), frames, cache, progress)
    acquired = np.zeros(len(made.digests), dtype=bool)
    acquired[there] = found.acquired
    return found, acquired


def _own_points(spec: Mapping[str, Any], cache: ArrayCache, progress: Progress | None) -> tuple[CarriedPoint, ...]:
    """Thresholds set on the data set's own trials, where none are carried over."""
    found = scored_trials(spec, cache, progress)
    scored, mated = ~np.isnan(found.scores), found.trials.mated
    points = []
    for fmr in spec["fmr"]:
        point = threshold_at_fmr(found.scores[scored & mated], found.scores[scored & ~mated], fmr)
        nonmated = int((scored & ~mated).sum())
        name = operating_point_name(fmr)
        points.append(CarriedPoint(name, point.threshold, support=point.support, n=nonmated))
    return tuple(points)


def _kept(spec: Mapping[str, Any], people: int) -> NDArray[np.bool_]:
    """Who is kept in each draw, the same draws for whatever made the faces; bool (0, P) for no draws."""
    return double_or_nothing(people, spec["draws"], stream(spec["seed"], "bootstrap", spec["dataset"]["name"]))


def _variety(
    pairing: Pairing,
    photos: Acquisition,
    faces: Acquisition,
    acquired: NDArray[np.bool_],
    again: Acquisition,
    again_acquired: NDArray[np.bool_],
    wanted: Mapping[str, int],
) -> Variety:
    """The embeddings of faces, of their photos and of further makings, each in the place of its face."""
    people, known = pairing.people
    width = max(one.embeddings.shape[1] for one in (photos, faces, again))

    def placed(found: Acquisition, there: NDArray[np.bool_]) -> NDArray[np.float32]:
        rows = np.zeros((len(there), width), dtype=np.float32)
        if there.any():
            rows[there] = found.embedded
        return rows

    own, seen = placed(faces, acquired), placed(photos, photos.acquired)
    some, repeats = min(wanted["faces"], len(pairing)), wanted["makings"] - 1
    others = placed(again, again_acquired).reshape(repeats, some, width)
    return Variety(
        faces=own,
        photos=seen[pairing.photo],
        usable=acquired & photos.acquired[pairing.photo].all(axis=1),
        people=people,
        count=known,
        makings=np.concatenate([own[None, :some], others]).transpose(1, 0, 2),
        acquired=np.concatenate([acquired[None, :some], again_acquired.reshape(repeats, some)]).T,
    )


def _draws(
    kept: NDArray[np.bool_], attempts: Attempts, points: Sequence[CarriedPoint], made: MadeFaces
) -> dict[MeanKey, NDArray[np.float64]]:
    """Every mean over faces on every draw of people; empty for no draws."""
    if not len(kept):
        return {}
    visual = {
        ("structural_similarity_mean", None, None): FaceMean.of_known(made.structural_similarity),
        ("peak_signal_to_noise_ratio_mean", None, None): FaceMean.of_known(made.peak_signal_to_noise_ratio),
    }
    found = drawn_means(generated_means(attempts) | visual, attempts.contributors, kept)
    for point in points:
        found |= drawn_means(outcome_means(attempts, point.name, point.threshold), attempts.contributors, kept)
    return found


def _taken(
    attempts: Attempts, shares: NDArray[np.float32], points: Sequence[CarriedPoint], kept: NDArray[np.bool_]
) -> tuple[list[FigureValue], dict[MeanKey, NDArray[np.float64]]]:
    """Whom faces match by what was taken of whom, at every point, and each of these figures on every draw."""
    values, drawn = assess_contributions(attempts, shares, kept)
    for point in points:
        found, on_draws = assess_taken(attempts, shares, point.name, point.threshold, point.support, kept)
        values, drawn = values + found, drawn | on_draws
    return values, drawn


def _thresholds(points: Sequence[CarriedPoint]) -> list[FigureValue]:
    values = []
    for point in points:
        low, high, method = (None, None, None) if point.interval is None else (*point.interval, "bootstrap")
        values.append(FigureValue("threshold", point.name, point.threshold, low, high, point.n, point.support, method))
    return values


def _attempts(
    pairing: Pairing,
    photos: Acquisition,
    made: MadeFaces,
    faces: Acquisition,
    acquired: NDArray[np.bool_],
    comparison: Comparison,
) -> Attempts:
    """Every comparison that a made face asks for, scored on one grid."""
    count, contributors = pairing.photo.shape
    embeddings = np.concatenate([_as_wide(photos.embeddings, faces), _as_wide(faces.embeddings, photos)])
    usable = np.concatenate([photos.acquired, faces.acquired])
    # Where each of all M faces stands among photos and made faces; those that were not made stand nowhere.
    place = np.full(count, -1, dtype=np.int64)
    place[made.made] = len(photos.acquired) + np.arange(int(made.made.sum()))

    def scores(first: NDArray[np.integer], second: NDArray[np.integer]) -> NDArray[np.float32]:
        return usable_scores(embeddings, usable, first, second, comparison)

    references = pairing.reference.astype(np.int64)
    shape = references.shape
    face = np.broadcast_to(place[:, None, None], shape)
    photo = pairing.photo.astype(np.int64)
    people, known = pairing.people
    return Attempts(
        scores=scores(face, references),
        clean=scores(np.broadcast_to(photo[:, :1, None], shape), references),
        own=scores(np.broadcast_to(photo[:, :, None], shape), references),
        same_photo=scores(np.broadcast_to(place[:, None], (count, contributors)), photo),
        planned=references >= 0,
        made=made.made,
        acquired=acquired,
        people=people,
        count=known,
    )


def _as_wide(embeddings: Embeddings, other: Acquisition) -> Embeddings:
    """Embeddings of nothing have no width of their own."""
    if (len(embeddings) and embeddings.shape[1] != 1) or other.embeddings.shape[1] == embeddings.shape[1]:
        return embeddings
    return np.zeros((len(embeddings), other.embeddings.shape[1]), dtype=np.float32)


def _visual_cost(
    pairing: Pairing, photos: Acquisition, made: MadeFaces, faces: Acquisition, acquired: NDArray[np.bool_]
) -> Quality:
    people, count = pairing.people
    seen = np.unique(pairing.photo)
    seen = seen[photos.acquired[seen]]
    _, code = np.unique([frame.subject for frame in pairing.frames], return_inverse=True)
    return assess_quality(
        made.structural_similarity,
        made.peak_signal_to_noise_ratio,
        people,
        count,
        made_features=faces.embedded,
        made_people=people[acquired],
        photo_features=photos.embeddings[seen],
        photo_people=code[seen].astype(np.int32),
    )
