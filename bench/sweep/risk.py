"""Whom faces could be taken for, and whom their generator remembers: faces, however made, held against galleries.

A cell's spec names the galleries (`risk_plan`). The faces are those that the cell made, or, in the assessment
`impersonation_risk`, a data set's own photos. Everybody is found and embedded by the cell's aligner and recognizer;
scores are exact.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.api import Cell, Comparison, Dataset, Embeddings, Progress, Success
from bench.metrics import FigureValue
from bench.metrics.bootstrap import double_or_nothing
from bench.metrics.galleries import GalleryThreshold, gallery_thresholds, highest
from bench.metrics.identities import assess_identities
from bench.metrics.impersonation import GalleryScores, assess_impersonation, risk_by_size
from bench.metrics.leakage import LeakageScores, NearestPhotos, assess_leakage
from bench.metrics.shares import Contributors
from bench.metrics.vulnerability import MeanKey
from bench.seeding import stream
from bench.store.cache import ArrayCache
from bench.store.schema import to_parquet
from bench.sweep.acquisition import acquire
from bench.sweep.calibration import CarriedPoint, thresholds_of
from bench.sweep.crowds import Crowd, Nearest, crowd_of, high_maxima, nearest_photos, person_maxima
from bench.sweep.inputs import entry_of, refuse_changes
from bench.sweep.instances import plugin
from bench.sweep.likeness import Likeness
from bench.sweep.other_people import Others, place_of
from bench.sweep.probes import Probes, probes_of_photos
from bench.sweep.risk_groups import groups_of_enrolled, groups_of_faces
from bench.sweep.risk_plan import GALLERY, LEAKAGE, STRANGERS, faces_part, planned_gallery, planned_sides
from bench.sweep.risk_plan import planned_strangers as strangers_of
from bench.sweep.risk_tables import exposed_table, rank_one_table
from bench.sweep.sighting import Cast
from bench.sweep.tables import draws_table
from bench.sweep.verification import record

FACES = "faces"


@dataclass
class Risk:
    """What was found.

    Attributes:
        figures: in the order of the table of figures.
        draws: those that are means, on every draw.
        tables: as `bench.store.schema` describes them.
        counts: how many photos of others were looked at, and what became of them.
    """

    figures: list[FigureValue] = field(default_factory=list)
    draws: dict[MeanKey, NDArray[np.float64]] = field(default_factory=dict)
    tables: dict[str, pd.DataFrame] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)


def impersonation_risk(cell: Cell, cache: ArrayCache, progress: Progress | None = None) -> Success:
    """Holds the photos of a data set, faces that somebody made, against the galleries of a cell.

    Args:
        cell: the cell.
        cache: the embedding cache.
        progress: told how far it is.

    Raises:
        CorruptFile: photos changed since the sweep was planned.
        InsufficientData: no face was found in any photo of a gallery.
    """
    started = time.monotonic()
    spec = cell.spec
    calibration = thresholds_of(spec, cache, progress)
    cast = Cast(*(entry_of(spec[role]) for role in ("dataset", "aligner", "recognizer")))
    dataset: Dataset = plugin("dataset", cast.dataset)
    frames = dataset.frames()
    now = faces_part(dataset, frames)
    refuse_changes(cast.dataset["name"], spec, now["trials"], now["images"])
    seen = acquire(cast, frames, cache, progress)
    if calibration is not None:
        calibration.check_runtime(seen.runtime)
    probes = probes_of_photos(frames, seen)
    rng = stream(spec["seed"], "bootstrap", cast.dataset["name"])
    kept = double_or_nothing(probes.contributors.count, spec["draws"], rng)
    points = () if calibration is None else calibration.points
    found = risk_of(spec, cast, probes, points, kept, cache, progress)
    if found.draws:
        found.tables["draws"] = draws_table(found.draws)
    counts = [
        FigureValue("frames", None, len(frames), None, None, len(frames), "ok"),
        FigureValue("frames_not_acquired", None, int((~seen.acquired).sum()), None, None, len(frames), "ok"),
    ]
    return Success(
        key=cell.key,
        figures=tuple(record(value, cell.labels) for value in [*counts, *found.figures]),
        counts={
            "faces": len(frames),
            "people": probes.contributors.count,
            "faces_not_acquired": int((~seen.acquired).sum()),
            **{name: number + found.counts[name] for name, number in seen.counts.items()},
        },
        runtime=seen.runtime,
        seconds=time.monotonic() - started,
        tables={name: to_parquet(name, table) for name, table in found.tables.items()},
        calibration=None if calibration is None else calibration.record,
    )


def risk_of(
    spec: Mapping[str, Any],
    cast: Cast,
    probes: Probes,
    points: Sequence[CarriedPoint],
    kept: NDArray[np.bool_],
    cache: ArrayCache,
    progress: Progress | None = None,
) -> Risk:
    """The faces of a cell, held against the galleries of its spec.

    Args:
        spec: the cell's.
        cast: whose aligner and recognizer look at everybody.
        probes: the faces.
        points: thresholds of one comparison.
        kept: bool (B, P), which contributors are kept in each draw.
        cache: of embeddings and found faces.
        progress: told how far it is.

    Raises:
        CorruptFile: photos changed since the sweep was planned.
        InsufficientData: no face was found in any photo of a gallery.
    """
    setting = _Setting(spec, cast, probes, points, kept, cache, progress)
    if GALLERY in spec:
        setting.impersonation()
    if LEAKAGE in spec:
        setting.leakage()
    setting.finish()
    return setting.found


class _Setting:
    """What both questions share: the faces, the strangers, the draws."""

    def __init__(
        self,
        spec: Mapping[str, Any],
        cast: Cast,
        probes: Probes,
        points: Sequence[CarriedPoint],
        kept: NDArray[np.bool_],
        cache: ArrayCache,
        progress: Progress | None,
    ) -> None:
        self.spec, self.cast, self.probes, self.cache, self.progress = spec, cast, probes, cache, progress
        self.comparison: Comparison = spec["comparison"]
        self.points = [GalleryThreshold(one.name, one.threshold, one.support) for one in points]
        self.found = Risk(counts=dict.fromkeys(_COUNTS, 0))
        others = strangers_of(spec)
        seen = acquire(Cast(others.entry, cast.aligner, cast.recognizer), others.frames, cache, progress)
        for name, number in seen.counts.items():
            self.found.counts[name] += number
        self.strangers, self.stranger_photos = others, seen
        names, code = np.unique([frame.subject for frame in others.frames], return_inverse=True)
        self.real_people = Contributors(code.astype(np.int32)[:, np.newaxis], len(names))
        self.kept, self.kept_real = kept, self._kept_strangers(names.tolist(), kept)
        self.rank_one: list[pd.DataFrame] = []
        self.likeness = Likeness(probes.embeddings, self._acquired_people, self._of_strangers, self.comparison)

    # ------------------------------------------------------------------------------------------------- the questions

    def impersonation(self) -> None:
        """Whom of the gallery faces are taken for."""
        part = self.spec[GALLERY]
        crowd = self._crowd(GALLERY, planned_gallery(self.spec))
        near, real_near = self._nearest(crowd), self._nearest_of_strangers(crowd)
        every = [*gallery_thresholds([real_near.similarity], part["fpir"]), *self.points]
        known = [point for point in every if point.threshold is not None]
        floor = min((point.threshold for point in known if point.threshold is not None), default=math.inf)
        probes, strangers = self.probes, self.stranger_photos
        maxima = high_maxima(probes.embeddings, probes.acquired, crowd, self.comparison, near, floor)
        real = high_maxima(self._of_strangers, strangers.acquired, crowd, self.comparison, real_near, floor)
        scores = GalleryScores(maxima, probes.contributors, real, self.real_people, self._photos(crowd))
        common = self.points, part["fpir"], self.kept, self.kept_real
        enrolled = groups_of_enrolled(part, crowd.others, crowd.people)
        found = [assess_impersonation(scores, *common, enrolled)]
        faces = groups_of_faces(part["faces"], dict(self.cast.dataset), probes.made_of)
        found += [assess_impersonation(scores.select(some), *common, group=name) for name, some in faces.items()]
        for values, draws in found:
            self.found.figures += values
            self.found.draws |= draws
        self.found.tables["exposed"] = exposed_table(crowd, maxima, real, known)
        self.found.tables["risk_sizes"] = self._sizes(scores, known)
        self._note_rank_one(GALLERY, crowd, near, real_near)
        self.likeness.crowds.append(crowd)

    def leakage(self) -> None:
        """Whether faces come nearer to whom a generator learned from."""
        sides = planned_sides(self.spec)
        crowds = {name: self._crowd(f"{LEAKAGE}.{name}", others) for name, others in
                  (("train", sides.train), ("holdout", sides.holdout))}  # fmt: skip
        near = {name: self._nearest(crowd) for name, crowd in crowds.items()}
        real = {name: self._nearest_of_strangers(crowd) for name, crowd in crowds.items()}
        for name, crowd in crowds.items():
            self._note_rank_one(name, crowd, near[name], real[name])
            self.likeness.crowds.append(crowd)
        train, holdout = (
            person_maxima(self.probes.embeddings, self.probes.acquired, crowd, self.comparison)
            for crowd in crowds.values()
        )
        scores = LeakageScores(
            train, holdout, self.probes.contributors, real["train"].similarity, real["holdout"].similarity,
            self.real_people,
        )  # fmt: skip
        photos = tuple(self._nearest_photos(crowds[name], near[name]) for name in crowds)
        values, draws = assess_leakage(
            scores,
            stream(self.spec["seed"], "leakage", "exchanges"),
            self.points,
            self.spec[LEAKAGE]["fpir"],
            self.comparison,
            (photos[0], photos[1]),
            self.kept,
        )
        self.found.figures += values
        self.found.draws |= draws

    def finish(self) -> None:
        """What is told of all galleries together, and of the faces by themselves."""
        points = [point for point in self.points if point.threshold is not None]
        if len(self.likeness.among_made) > 1:
            self.found.figures += assess_identities(self.likeness.among_made, self.likeness.first_people, points)
        self.found.tables["rank_one"] = pd.concat(self.rank_one, ignore_index=True)
        self.found.tables["resemblances"] = self.likeness.table()

    # ------------------------------------------------------------------------------------------------------- the parts

    @cached_property
    def _of_strangers(self) -> Embeddings:
        return self.stranger_photos.embedded

    @property
    def _acquired_people(self) -> Contributors:
        return self.probes.contributors.select(self.probes.acquired)

    def _crowd(self, key: str, others: Others) -> Crowd:
        crowd = crowd_of(key, others, self.cast, self.cache, self.progress)
        seen = (len(others.frames), crowd.not_acquired, crowd.computed, crowd.cached)
        for name, number in zip(_COUNTS, seen, strict=True):
            self.found.counts[name] += number
        return crowd

    def _nearest(self, crowd: Crowd) -> Nearest:
        return nearest_photos(self.probes.embeddings, self.probes.acquired, crowd, self.comparison)

    def _nearest_of_strangers(self, crowd: Crowd) -> Nearest:
        return nearest_photos(self._of_strangers, self.stranger_photos.acquired, crowd, self.comparison)

    def _photos(self, crowd: Crowd) -> NDArray[np.float32] | None:
        """The rank-1 similarities of the photos that each face was made of, float32 (M, K)."""
        if self.probes.photos is None or self.probes.photo is None:
            return None
        everyone = np.ones(len(self.probes.photos), np.bool_)
        best = nearest_photos(self.probes.photos, everyone, crowd, self.comparison).similarity
        return np.append(best, np.float32(-np.inf))[self.probes.photo]

    def _nearest_photos(self, crowd: Crowd, nearest: Nearest) -> NearestPhotos:
        """How near each face's nearest photo is, and how near that is to anybody else of its gallery."""
        there = np.flatnonzero(nearest.photo >= 0)
        similarity = np.where(nearest.photo >= 0, nearest.similarity, np.float32(np.nan))
        another = np.full(len(similarity), np.nan, np.float32)
        some, place = np.unique(nearest.photo[there], return_inverse=True)
        if some.size:
            among = person_maxima(crowd.embeddings[some], np.ones(len(some), np.bool_), crowd, self.comparison)
            among[np.arange(len(some)), crowd.person[some]] = -np.inf
            another[there] = highest(among)[place]
        another[np.isneginf(another)] = np.nan  # nobody else is there
        return NearestPhotos(similarity, another)

    def _sizes(self, scores: GalleryScores, points: Sequence[GalleryThreshold]) -> pd.DataFrame:
        rng = stream(self.spec["seed"], "bootstrap", GALLERY)
        draws = min(len(self.kept), _MOST_DRAWN // scores.enrolled)
        enrolled = double_or_nothing(scores.enrolled, draws, rng)
        rows: list[tuple[Any, ...]] = []
        for point in points:
            assert point.threshold is not None
            if self.progress:
                self.progress("risk by the size of the gallery", len(rows), len(points))
            by_size = risk_by_size(scores, point.threshold, self.kept[:draws], self.kept_real[:draws], enrolled)
            rows += [
                (point.name, _OF[kind], one.size, one.rate, one.low, one.high, one.method)
                for kind, sizes in by_size.items()
                for one in sizes
            ]
        table = pd.DataFrame(rows, columns=["operating_point", "of", "size", "rate", "low", "high", "method"])
        return table.astype({"rate": np.float64, "low": np.float64, "high": np.float64})

    def _note_rank_one(self, name: str, crowd: Crowd, faces: Nearest, real: Nearest) -> None:
        keys = self.probes.keys
        whose = None if keys is None else [self.probes.names[code] for code in self.probes.contributors.people[:, 0]]
        strangers = self.strangers.frames
        known = [frame.key for frame in strangers], [frame.subject for frame in strangers]
        self.rank_one.append(rank_one_table(name, crowd, faces, True, keys, whose))
        self.rank_one.append(rank_one_table(name, crowd, real, False, *known))

    def _kept_strangers(self, names: Sequence[str], kept: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Which strangers are kept in each draw: whoever contributes to a face, too, as there."""
        rng = stream(self.spec["seed"], "bootstrap", STRANGERS)
        found = double_or_nothing(len(names), len(kept), rng)
        same = place_of(self.strangers.entry) == place_of(dict(self.cast.dataset))
        place = {name: code for code, name in enumerate(self.probes.names)} if same else {}
        for column, name in enumerate(names):
            if name in place:
                found[:, column] = kept[:, place[name]]
        return found


_MOST_DRAWN = 2**28
"""Draws of people enrolled, in all: 256 MB. Galleries of more than 268,435 people have fewer than 1,000 draws each."""
_COUNTS = ("frames", "frames_not_acquired", "embeddings_computed", "embeddings_from_cache")
_OF = {"made": FACES, "real": STRANGERS}
