"""How fast the bootstrap of people is: `pytest benchmarks/bench_bootstrap.py -s` prints times and asserts them loosely.

Against cimat, the authors' own code of Fogliato, Patil and Perona, IJCV 2024: 1,000 people with four photos each, all
pairs, so 6,000 mated and 7,992,000 nonmated trials. One draw of cimat is the ROC curve of the people that it keeps;
three are timed. Ours are 1,000 draws, from the sorting of the scores to thresholds and FNMR at three FMRs, FMR and FNMR
at 500 thresholds, EER and area.
"""

from __future__ import annotations

import time

import numpy as np
import pytest
from cimat import UncertaintyEstimator

from bench.metrics import Clusters, SubjectBootstrap, double_or_nothing, rate_interval

FMRS = (1e-2, 1e-3, 1e-4)
THRESHOLDS = np.linspace(-3, 4, 500, dtype=np.float32)


def trials(people, photos, seed=0):
    """All pairs of photos: scores with effects of people, float32, then mated, then clusters."""
    rng = np.random.default_rng(seed)
    one, other = np.triu_indices(people * photos, 1)
    first, second = (one // photos).astype(np.int32), (other // photos).astype(np.int32)
    mated, effect = first == second, rng.normal(0, 0.4, people).astype(np.float32)
    scores = rng.standard_normal(first.size, dtype=np.float32) + effect[first] + effect[second]
    return scores + 3 * mated.astype(np.float32), mated, Clusters(first, second, people)


def cimat_s_scores(scores, people):
    """The same in cimat's form: person to person to list of scores, both ways round."""
    order = np.lexsort((people.second, people.first))
    first, second = people.first[order], people.second[order]
    starts = np.flatnonzero(np.append(True, (np.diff(first) != 0) | (np.diff(second) != 0)))
    found = {person: {} for person in range(people.count)}
    lists = np.split(scores[order], starts[1:])
    for one, other, values in zip(first[starts].tolist(), second[starts].tolist(), lists, strict=True):
        found[one][other] = found[other][one] = values.tolist()
    return found


def everything(scores, mated, people, kept):
    boot = SubjectBootstrap(scores, mated, people, kept)
    return boot.at_fmr(FMRS), boot.error_rates(THRESHOLDS), boot.equal_error_rate(), boot.area_under_curve()


def seconds(work, *arguments):
    start = time.perf_counter()
    work(*arguments)
    return time.perf_counter() - start


def test_a_thousand_draws_of_a_thousand_people_against_cimat():
    scores, mated, people = trials(1000, 4)
    kept = double_or_nothing(1000, 1000, np.random.default_rng(0))
    ours = min(seconds(everything, scores, mated, people, kept) for _ in range(2))
    estimator = UncertaintyEstimator(cimat_s_scores(scores, people))
    np.random.seed(0)  # noqa: NPY002 (cimat draws from it)
    theirs = [seconds(estimator._run_bootstrap_dbn) for _ in range(3)]
    ratio = 1000 * np.mean(theirs) / ours
    print(
        f"\n1,000 people, {scores.size:,} trials, 1,000 draws: {ours:.1f} s; cimat {np.mean(theirs):.1f} s for one draw"
    )
    print(f"{ratio:,.0f} times as fast as cimat's loop, by its mean over {len(theirs)} draws")
    assert ratio >= 100


@pytest.mark.parametrize(
    ("people", "photos", "limit"), [(60, 18, 2), (1150, 2, 10), (300, 9, 15)], ids=["60", "1150", "300"]
)
def test_every_figure_of_a_thousand_draws(people, photos, limit):
    scores, mated, clusters = trials(people, photos)
    kept = double_or_nothing(people, 1000, np.random.default_rng(0))
    rates = seconds(lambda: SubjectBootstrap(scores, mated, clusters, kept).error_rates(THRESHOLDS))
    whole = seconds(everything, scores, mated, clusters, kept)
    print(f"\n{people:,} people, {scores.size:,} trials: 500 thresholds {rates:.1f} s, with EER and area {whole:.1f} s")
    assert rates < limit


def test_interval_of_a_rate_over_thirty_million_trials(benchmark):
    rng = np.random.default_rng(0)
    first, second = rng.integers(0, 1150, (2, 30_000_000), dtype=np.int32)
    clusters, errors = Clusters(first, second, 1150), rng.random(first.size) < 1e-3
    benchmark.pedantic(rate_interval, (errors, clusters), rounds=2)
