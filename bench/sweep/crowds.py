"""Photos of people in a gallery, embedded, and how alike faces are to the people in it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from bench.api import Comparison, Embeddings, Progress
from bench.errors import InsufficientData
from bench.metrics.galleries import HighMaxima
from bench.scoring import cross_scores, matches_at, top_matches
from bench.store.cache import ArrayCache
from bench.sweep.acquisition import acquire
from bench.sweep.other_people import Others
from bench.sweep.sighting import Cast


@dataclass(frozen=True, eq=False)
class Crowd:
    """The photos of P people in which a face was found, A of them.

    Attributes:
        others: all of their photos.
        people: P names, in the order in which the photos name them.
        embeddings: float32 (A, D).
        photo: int64 (A,), which of the photos each is.
        person: int64 (A,), whose it is.
        not_acquired: in how many photos no face was found.
        computed: how many embeddings were computed now.
        cached: how many came from the cache.
    """

    others: Others
    people: tuple[str, ...]
    embeddings: Embeddings
    photo: NDArray[np.int64]
    person: NDArray[np.int64]
    not_acquired: int
    computed: int
    cached: int


def crowd_of(key: str, others: Others, cast: Cast, cache: ArrayCache, progress: Progress | None = None) -> Crowd:
    """The photos of some people, found and embedded by a cell's aligner and recognizer.

    Args:
        key: of the sweep file, for errors.
        others: the people.
        cast: whose aligner and recognizer look at them; its data set plays no part.
        cache: of embeddings and found faces.
        progress: told how many photos have been looked at.

    Raises:
        InsufficientData: in none of the photos a face was found.
    """
    seen = acquire(Cast(others.entry, cast.aligner, cast.recognizer), others.frames, cache, progress)
    rows = np.flatnonzero(seen.acquired)
    if not rows.size:
        raise InsufficientData(f"{key}: no face was found in any of {len(others.frames)} photos")
    code: dict[str, int] = {}
    person = np.array([code.setdefault(frame.subject, len(code)) for frame in others.frames], np.int64)
    lost = len(others.frames) - rows.size
    return Crowd(others, tuple(code), seen.embedded, rows, person[rows], lost, seen.computed, seen.cached)


@dataclass(frozen=True, eq=False)
class Nearest:
    """The photo of a crowd that is most like each of M probes.

    Attributes:
        similarity: float32 (M,), -inf for a probe that was not acquired.
        photo: int64 (M,), which of the crowd's acquired photos, the first of several; -1 for none.
    """

    similarity: NDArray[np.float32]
    photo: NDArray[np.int64]


def nearest_photos(probes: Embeddings, acquired: NDArray[np.bool_], crowd: Crowd, comparison: Comparison) -> Nearest:
    """The nearest photo of each probe.

    Args:
        probes: float32 (B, D), of the probes that were acquired.
        acquired: bool (M,), which of all probes these are.
        crowd: whose photos.
        comparison: ``"cosine"`` or ``"neg_l2"``.
    """
    similarity = np.full(len(acquired), -np.inf, np.float32)
    photo = np.full(len(acquired), -1, np.int64)
    if len(probes):
        best = top_matches(probes, crowd.embeddings, comparison, 1)
        similarity[acquired], photo[acquired] = best.scores[:, 0], best.rows[:, 0]
    return Nearest(similarity, photo)


def high_maxima(
    probes: Embeddings,
    acquired: NDArray[np.bool_],
    crowd: Crowd,
    comparison: Comparison,
    nearest: Nearest,
    floor: float,
) -> HighMaxima:
    """The highest score of each probe with any photo of each person, from the lowest threshold on.

    Args:
        probes: float32 (B, D), of the probes that were acquired.
        acquired: bool (M,), which of all probes these are.
        crowd: P people.
        comparison: ``"cosine"`` or ``"neg_l2"``.
        nearest: of the same probes.
        floor: the lowest threshold that will be asked about; inf for none.
    """
    size = len(acquired), len(crowd.people)
    if not len(probes) or np.float64(floor) > nearest.similarity.max():
        return HighMaxima(nearest.similarity, sparse.csr_array(size, dtype=np.float32), floor)
    found = matches_at(probes, crowd.embeddings, comparison, floor)
    pair = np.flatnonzero(acquired)[found.probes] * size[1] + crowd.person[found.rows]
    order = np.argsort(pair, kind="stable")
    starts = np.flatnonzero(np.diff(pair[order], prepend=-1))
    scores = np.maximum.reduceat(found.scores[order], starts)
    places = np.divmod(pair[order[starts]], size[1])
    return HighMaxima(nearest.similarity, sparse.csr_array((scores, places), size), floor)


def person_maxima(
    probes: Embeddings, acquired: NDArray[np.bool_], crowd: Crowd, comparison: Comparison
) -> NDArray[np.float32]:
    """The highest score of each probe with any photo of each person.

    Args:
        probes: float32 (B, D), of the probes that were acquired.
        acquired: bool (M,), which of all probes these are.
        crowd: P people.
        comparison: ``"cosine"`` or ``"neg_l2"``.

    Returns:
        float32 (M, P), -inf for a probe that was not acquired and a person of whom no photo was.
    """
    order = np.argsort(crowd.person, kind="stable")
    person = crowd.person[order]
    best = np.full((len(probes), len(crowd.people)), -np.inf, np.float32)
    for some, among, scores in cross_scores(probes, crowd.embeddings[order], comparison) if len(probes) else ():
        starts = np.flatnonzero(np.diff(person[among], prepend=-1))
        codes = person[among][starts]
        best[some, codes] = np.maximum(best[some, codes], np.maximum.reduceat(scores, starts, axis=1))
    maxima = np.full((len(acquired), len(crowd.people)), -np.inf, np.float32)
    maxima[acquired] = best
    return maxima
