"""The assessment `identification`: how well a recognizer finds the people of a data set in a gallery of many (1:N)."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.api import Cell, Comparison, Dataset, Progress, Success
from bench.datasets.searches import Searches, draw_searches
from bench.metrics import FigureValue, double_or_nothing
from bench.metrics.clusters import clusters_of
from bench.metrics.identification import SearchResults, assess_identification
from bench.metrics.identification_intervals import IdentificationIntervals
from bench.scoring import cross_scores, pair_scores
from bench.seeding import stream
from bench.store.cache import ArrayCache
from bench.store.schema import to_parquet
from bench.sweep.acquisition import Acquisition, acquire
from bench.sweep.inputs import entry_of, images_digest, refuse_changes
from bench.sweep.instances import plugin
from bench.sweep.sighting import Cast
from bench.sweep.tables import draws_table, frames_table
from bench.sweep.verification import record

ScoreBlocks = Iterable[tuple[slice, slice, NDArray[np.float32]]]
"""Scores of probes against a gallery: which probes, which candidates, float32 scores that may be written to."""


@dataclass(frozen=True, eq=False)
class Findings:
    """What each of S searches found in the gallery.

    Attributes:
        mate_score: float32 (S,), NaN where there is no mate or either photo was not acquired.
        rank: int32 (S,), the rank of the mate, behind equal scores; 0 where it has no score.
        best_nonmate: float32 (S,), the highest score of anybody else; NaN where there is none.
        best_place: int32 (S,), where in the gallery that is, the first of several; -1 where there is none.
    """

    mate_score: NDArray[np.float32]
    rank: NDArray[np.int32]
    best_nonmate: NDArray[np.float32]
    best_place: NDArray[np.int32]


def identification(cell: Cell, cache: ArrayCache, progress: Progress | None = None) -> Success:
    """Makes every search of a cell and computes its figures.

    Args:
        cell: the cell.
        cache: the embedding cache.
        progress: told how far it is.

    Raises:
        CorruptFile: photos changed since the sweep was planned.
    """
    started = time.monotonic()
    spec = cell.spec
    name = spec["dataset"]["name"]
    cast = Cast(*(entry_of(spec[role]) for role in ("dataset", "aligner", "recognizer")))
    dataset: Dataset = plugin("dataset", cast.dataset)
    searches = draw_searches(dataset, name, spec["seed"])
    acquired = acquire(cast, searches.frames, cache, progress)
    refuse_changes(name, spec, searches.digest, images_digest(dataset, searches.frames))
    findings = search(acquired, searches, spec["comparison"], progress)
    if progress:
        progress("computing figures", 0, 1)
    results = results_of(searches, findings, acquired)
    values, draws = _figures(results, spec)
    tables = {"searches": searches_table(searches, findings), "frames": frames_table(searches.frames, acquired)}
    if draws:
        tables["draws"] = draws_table(draws)
    values = [*counts_of(searches, acquired), *values]
    return Success(
        key=cell.key,
        figures=tuple(record(value, cell.labels) for value in values),
        counts={
            "trials": len(searches.probe) * len(searches.gallery),
            "people": results.people.count,
            "mated_acquired": int(results.acquired.sum()),
            "nonmated_acquired": int((~np.isnan(findings.best_nonmate)).sum()),
            **acquired.counts,
        },
        runtime=acquired.runtime,
        seconds=time.monotonic() - started,
        tables={name: to_parquet(name, table) for name, table in tables.items()},
    )


def _figures(
    results: SearchResults, spec: Mapping[str, Any]
) -> tuple[list[FigureValue], Mapping[tuple[str, str | None], NDArray[np.float64]]]:
    rng = stream(spec["seed"], "bootstrap", spec["dataset"]["name"], spec["protocol"])
    intervals = IdentificationIntervals(results, double_or_nothing(results.people.count, spec["draws"], rng))
    return intervals.attach(assess_identification(results)), intervals.draws


def search(
    acquired: Acquisition, searches: Searches, comparison: Comparison, progress: Progress | None = None
) -> Findings:
    """Every acquired probe, compared with every acquired photo of the gallery.

    Args:
        acquired: what became of the searches' frames.
        searches: who is searched for in whose gallery.
        comparison: how embeddings become scores.
        progress: told how many searches are made.
    """
    asking = np.flatnonzero(acquired.acquired[searches.probe])
    there = np.flatnonzero(acquired.acquired[searches.gallery])
    # The place among the acquired gallery; -1, the last entry, for people who are not there.
    place = np.full(len(searches.gallery) + 1, -1, dtype=np.int32)
    place[there] = np.arange(there.size, dtype=np.int32)
    mate = place[searches.mate[asking]]
    probes = acquired.embeddings[searches.probe[asking]]
    gallery = acquired.embeddings[searches.gallery[there]]
    score = np.full(asking.size, np.nan, dtype=np.float32)
    if (mate >= 0).any():
        # One array of both, so that these scores lie on the very grid of the comparisons with everybody.
        rows = np.flatnonzero(mate >= 0).astype(np.int32)
        score[rows] = pair_scores(np.concatenate([probes, gallery]), rows, asking.size + mate[rows], comparison)
    blocks: ScoreBlocks = cross_scores(probes, gallery, comparison) if asking.size and there.size else ()
    rank, best, best_at = rank_candidates(_told(blocks, asking.size, progress), score, mate)
    found = Findings(
        mate_score=np.full(len(searches.probe), np.nan, dtype=np.float32),
        rank=np.zeros(len(searches.probe), dtype=np.int32),
        best_nonmate=np.full(len(searches.probe), np.nan, dtype=np.float32),
        best_place=np.full(len(searches.probe), -1, dtype=np.int32),
    )
    found.mate_score[asking], found.rank[asking] = score, rank
    someone = best_at >= 0
    found.best_nonmate[asking[someone]] = best[someone]
    found.best_place[asking[someone]] = there[best_at[someone]]
    return found


def rank_candidates(
    blocks: ScoreBlocks, mate_score: NDArray[np.float32], mate: NDArray[np.int32]
) -> tuple[NDArray[np.int32], NDArray[np.float32], NDArray[np.int32]]:
    """Ranks of mates and the best of everybody else, from blocks of scores in any order of rows.

    Args:
        blocks: every probe against every candidate once, candidates ascending; overwritten.
        mate_score: float32 (S,), NaN for no mate.
        mate: int32 (S,), the mate's place among the candidates; -1 for no mate.

    Returns:
        The rank of each mate, 1 plus how many others score at least as high, 0 for no mate; the highest score of
        anybody else, -inf where there is nobody; and their place, the first of several, -1 where there is nobody.
    """
    rank = (mate >= 0).astype(np.int32)
    best = np.full(mate.size, -np.inf, dtype=np.float32)
    best_at = np.full(mate.size, -1, dtype=np.int32)
    for rows, columns, scores in blocks:
        here = np.flatnonzero((mate[rows] >= columns.start) & (mate[rows] < columns.stop))
        scores[here, mate[rows][here] - columns.start] = -np.inf
        # A comparison with NaN is false, so that searches without a mate count nobody.
        rank[rows] += np.count_nonzero(scores >= mate_score[rows, None], axis=1).astype(np.int32)
        top = scores.argmax(axis=1)
        highest = scores[np.arange(len(scores)), top]
        better = highest > best[rows]
        best[rows] = np.where(better, highest, best[rows])
        best_at[rows] = np.where(better, top + columns.start, best_at[rows])
    return rank, best, best_at


def _told(blocks: ScoreBlocks, total: int, progress: Progress | None) -> ScoreBlocks:
    for rows, columns, scores in blocks:
        yield rows, columns, scores
        if progress:
            progress("searching the gallery", rows.stop, total)


def results_of(searches: Searches, findings: Findings, acquired: Acquisition) -> SearchResults:
    """What the searches found, as the metrics take it."""
    people = [searches.frames[index].subject for index in searches.probe]
    return SearchResults(
        enrolled=searches.mate >= 0,
        mate_score=findings.mate_score,
        rank=findings.rank,
        best_nonmate=findings.best_nonmate,
        people=clusters_of(people, people),
        candidates=int(np.count_nonzero(acquired.acquired[searches.gallery])),
    )


def counts_of(searches: Searches, acquired: Acquisition) -> list[FigureValue]:
    """How many photos and people take part, and of how many no face was found."""
    found = acquired.acquired
    frames, enrolled, made = len(searches.frames), len(searches.gallery), len(searches.probe)
    counts = {
        "frames": (frames, frames),
        "frames_not_acquired": (int((~found).sum()), frames),
        "subjects": (len({frame.subject for frame in searches.frames}), frames),
        "enrolled_subjects": (enrolled, enrolled),
        "enrolments_not_acquired": (int((~found[searches.gallery]).sum()), enrolled),
        "searches_not_acquired": (int((~found[searches.probe]).sum()), made),
    }
    return [FigureValue(name, None, count, None, None, n, "ok") for name, (count, n) in counts.items()]


def searches_table(searches: Searches, findings: Findings) -> pd.DataFrame:
    """The table `searches` of `bench.store.schema`."""
    keys = pd.Index([frame.key for frame in searches.frames])
    subjects, code = np.unique([frame.subject for frame in searches.frames], return_inverse=True)
    people = pd.Index(subjects.tolist())
    gallery = np.append(searches.gallery, -1)  # what a place of -1 finds: nobody
    best = gallery[findings.best_place]
    of_best = np.where(best >= 0, code[best], -1)
    return pd.DataFrame(
        {
            "probe": pd.Categorical.from_codes(searches.probe, keys),
            "probe_subject": pd.Categorical.from_codes(code[searches.probe], people),
            "enrolled": searches.mate >= 0,
            "mate": pd.Categorical.from_codes(gallery[searches.mate], keys),
            "mate_score": findings.mate_score,
            "rank": pd.Series(pd.array(findings.rank, "Int32")).mask(findings.rank == 0),
            "best_nonmate": pd.Categorical.from_codes(best, keys),
            "best_nonmate_subject": pd.Categorical.from_codes(of_best, people),
            "best_nonmate_score": findings.best_nonmate,
        }
    )
