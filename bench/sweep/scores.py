"""Scores of trials: drawn, acquired and compared in one way, whether they are reported on or calibrated on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.api import Comparison, Dataset, Embeddings, Progress, Templates, Trials
from bench.metrics.clusters import Clusters
from bench.scoring import pair_scores
from bench.scoring.grid import check_embeddings, squared_norms
from bench.store.cache import ArrayCache
from bench.sweep.acquisition import Acquisition, acquire
from bench.sweep.grouping import refuse_templates
from bench.sweep.inputs import draw_trials, entry_of, images_digest, refuse_changes
from bench.sweep.instances import plugin
from bench.sweep.sighting import Cast

TEMPLATES_AT_ONCE = 1024
"""So many templates' photos are held in float64 at a time."""


@dataclass(frozen=True, eq=False)
class ScoredTrials:
    """The trials of a cell's spec, compared.

    Attributes:
        cast: data set, aligner and recognizer.
        dataset: the data set.
        trials: M trials.
        acquired: what became of their frames.
        scores: float32 (M,), NaN where either side was not acquired.
    """

    cast: Cast
    dataset: Dataset
    trials: Trials
    acquired: Acquisition
    scores: NDArray[np.float32]


def scored_trials(spec: Mapping[str, Any], cache: ArrayCache, progress: Progress | None = None) -> ScoredTrials:
    """Draws the trials of a spec, acquires their frames and compares them.

    Args:
        spec: a cell's.
        cache: the embedding cache.
        progress: told how far it is.

    Raises:
        CorruptFile: photos changed since the sweep was planned.
        ConfigError: columns of photos where templates are compared.
    """
    cast = Cast(*(entry_of(spec[role]) for role in ("dataset", "aligner", "recognizer")))
    dataset: Dataset = plugin("dataset", cast.dataset)
    name = spec["dataset"]["name"]
    trials = draw_trials(dataset, name, spec["protocol"], spec["seed"])
    for key in ("groups", "discard"):
        if spec.get(key):
            refuse_templates(trials, key)
    acquired = acquire(cast, trials.frames, cache, progress)
    refuse_changes(name, spec, trials.digest, images_digest(dataset, trials.frames))
    return ScoredTrials(cast, dataset, trials, acquired, score_trials(acquired, trials, spec["comparison"]))


def people_of(trials: Trials) -> Clusters:
    """Who the trials rest on: the person of the probe and that of the reference."""
    subjects, code = np.unique(trials.subjects, return_inverse=True)
    people: NDArray[np.int32] = code.astype(np.int32)
    return Clusters(people[trials.probe], people[trials.reference], len(subjects))


def score_trials(acquired: Acquisition, trials: Trials, comparison: Comparison) -> NDArray[np.float32]:
    """float32 (M,): the score of every trial; NaN where either side was not acquired."""
    return usable_scores(*compared_embeddings(acquired, trials, comparison), trials.probe, trials.reference, comparison)


def usable_scores(
    embeddings: Embeddings,
    usable: NDArray[np.bool_],
    probe: NDArray[np.integer],
    reference: NDArray[np.integer],
    comparison: Comparison,
) -> NDArray[np.float32]:
    """The scores of pairs of embeddings, where both sides are usable.

    Args:
        embeddings: float32 (N, D).
        usable: bool (N,); rows of the others mean nothing.
        probe: places among the embeddings, of any shape; -1 for nothing.
        reference: likewise, of the same shape.
        comparison: how embeddings become scores.

    Returns:
        float32 of that shape; NaN where either side is nothing or not usable.
    """
    scores = np.full(probe.shape, np.nan, dtype=np.float32)
    there = (probe >= 0) & (reference >= 0)
    there[there] = usable[probe[there]] & usable[reference[there]]
    if there.any():
        position = (np.cumsum(usable) - 1).astype(np.int32)
        scores[there] = pair_scores(embeddings[usable], position[probe[there]], position[reference[there]], comparison)
    return scores


def compared_embeddings(
    acquired: Acquisition, trials: Trials, comparison: Comparison
) -> tuple[Embeddings, NDArray[np.bool_]]:
    """What `probe` and `reference` of trials index, as embeddings.

    Args:
        acquired: what became of the trials' frames.
        trials: of single photos or of templates.
        comparison: how embeddings become scores.

    Returns:
        float32 (N, D), one row for each photo or template, and bool (N,), which were acquired: of a template at least
        one photo; the others' rows mean nothing.
    """
    if trials.templates is None:
        return acquired.embeddings, acquired.acquired
    return template_embeddings(acquired, trials.templates, comparison)


def template_embeddings(
    acquired: Acquisition, templates: Templates, comparison: Comparison
) -> tuple[Embeddings, NDArray[np.bool_]]:
    """The mean of each template: over the acquired photos of each medium, then over media.

    For ``cosine`` photos are brought to unit length first; for ``neg_l2``, where length matters, they stay as they are.
    Every sum runs over photos in their order, so that no library chooses another.

    Args:
        acquired: what became of the frames.
        templates: T templates.
        comparison: how embeddings become scores.

    Returns:
        float32 (T, D), and bool (T,), which templates have an acquired photo; for ``cosine`` also not those whose
        photos cancel out, because zeros have no direction.

    Source:
        InsightFace's ``recognition/_evaluation_/ijb``, TestMode(N0D0F0): without its weights by embedding norm and by
        detector score, and without mirror images.
    """
    count, width = len(templates.keys), acquired.embeddings.shape[1]
    found, there = np.zeros((count, width), dtype=np.float32), np.zeros(count, dtype=np.bool_)
    edges = np.searchsorted(templates.template, np.arange(0, count + TEMPLATES_AT_ONCE, TEMPLATES_AT_ONCE))
    for start, (first, last) in enumerate(pairwise(edges.tolist())):
        rows = np.arange(first, last)[acquired.acquired[templates.frame[first:last]]]
        if not rows.size:
            continue  # nothing of these templates was acquired, which `there` says
        photos = acquired.embeddings[templates.frame[rows]]
        owner = templates.template[rows].astype(np.int64) - start * TEMPLATES_AT_ONCE
        part = slice(start * TEMPLATES_AT_ONCE, min(count, (start + 1) * TEMPLATES_AT_ONCE))
        found[part], there[part] = _means(photos, owner, templates.medium[rows], part.stop - part.start, comparison)
    return found, there


def _means(
    photos: Embeddings, owner: NDArray[np.int64], medium: NDArray[np.int32], count: int, comparison: Comparison
) -> tuple[Embeddings, NDArray[np.bool_]]:
    check_embeddings(photos, comparison)
    rows = photos.astype(np.float64)
    if comparison == "cosine":
        rows /= np.sqrt(squared_norms(photos))[:, None]
    places, of_medium = np.unique(np.stack([owner, medium]), axis=1, return_inverse=True)
    sums, counts = _sums(rows, of_medium.ravel(), places.shape[1])
    sums, media = _sums(sums / counts[:, None], places[0], count)
    means = (sums / np.maximum(media, 1)[:, None]).astype(np.float32)
    return means, (media > 0) & (means.any(axis=1) | (comparison != "cosine"))


def _sums(
    rows: NDArray[np.float64], group: NDArray[np.int64], count: int
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """The sum of each group's rows, added in their order, and how many there are."""
    totals, counts = np.zeros((count, rows.shape[1])), np.bincount(group, minlength=count)
    order = np.argsort(group, kind="stable")
    first = np.cumsum(counts) - counts
    rank = np.arange(len(order)) - first[group[order]]
    for turn in range(int(counts.max(initial=0))):
        now = order[rank == turn]
        totals[group[now]] += rows[now]
    return totals, counts
