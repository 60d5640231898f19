"""How fast the regression gate is: `pytest benchmarks/bench_gate.py -s` prints times and asserts them loosely.

20 rules over two runs of a million scores each: 1,000 people with four photos, all 6,000 mated trials and 994,000
nonmated ones. Judging reads draws that the runs stored; making the draws of both runs is what came before. Seconds of
the processor stand beside those of the clock, since other work on the machine lengthens only the latter.
"""

from __future__ import annotations

import time

import numpy as np
import pytest

from bench.metrics import Clusters, SubjectBootstrap, double_or_nothing, judge, paired_difference

PEOPLE, DRAWS, RULES = 1000, 1000, 20
FMRS = (1e-1, 1e-2, 1e-3)
THRESHOLDS = np.linspace(0.5, 3, RULES - len(FMRS) - 1, dtype=np.float32)


def two_runs(seed=0):
    """Scores of both runs, float32, that share half of every effect, then mated, then clusters."""
    rng = np.random.default_rng(seed)
    photo = np.arange(4 * PEOPLE)
    one, other = rng.integers(0, photo.size, (2, 1_000_000))
    different = np.flatnonzero(one // 4 != other // 4)[:994_000]
    own = np.array(np.triu_indices(4, 1))[:, None] + (4 * np.arange(PEOPLE))[:, None]
    pairs = np.concatenate([own.reshape(2, -1), np.stack([one, other])[:, different]], axis=1) // 4
    first, second = pairs.astype(np.int32)
    mated = first == second
    ease = rng.normal(0, 0.3, (3, PEOPLE)).astype(np.float32)
    scores = []
    for run in (1, 2):
        noise = rng.standard_normal(mated.size, dtype=np.float32)
        person = ease[0] + ease[run]
        scores.append(noise + person[first] + person[second] + np.float32(3) * mated)
    return scores, mated, Clusters(first, second, PEOPLE)


def twenty_figures(scores, mated, clusters, kept):
    """FMR at 16 thresholds, TMR at three FMRs and the EER: (20,) values or (20, B) draws."""
    boot = SubjectBootstrap(scores, mated, clusters, kept)
    fixed = boot.error_rates(THRESHOLDS)[0]
    return np.column_stack([fixed, 1 - boot.at_fmr(FMRS).fnmr, boot.equal_error_rate()]).T


def judged(values, draws):
    found = [
        paired_difference(float(a), float(b), *both) for a, b, both in zip(*values, np.stack(draws, 1), strict=True)
    ]
    return judge(found, ["up"] * len(found), [0.0] * len(found), [PEOPLE] * len(found))


@pytest.fixture(scope="module")
def made():
    scores, mated, clusters = two_runs()
    everyone = np.ones((1, PEOPLE), np.bool_)
    values = [twenty_figures(one, mated, clusters, everyone)[:, 0] for one in scores]
    clock, processor = time.perf_counter(), time.process_time()
    kept = double_or_nothing(PEOPLE, DRAWS, np.random.default_rng(1))
    draws = [twenty_figures(one, mated, clusters, kept) for one in scores]
    spent = time.perf_counter() - clock, time.process_time() - processor
    return values, draws, mated.size, spent


def test_draws_of_two_runs_of_a_million_scores(made):
    values, draws, trials, (clock, processor) = made
    assert draws[0].shape == (len(values[0]), DRAWS) == (RULES, DRAWS)
    print(
        f"\n{trials:,} scores, {DRAWS:,} draws, {RULES} figures, both runs: {clock:.1f} s, processor {processor:.1f} s"
    )
    assert processor < 60


def test_judging_twenty_rules_from_stored_draws(benchmark, made):
    values, draws, *_ = made
    found = benchmark(judged, values, draws)
    assert len(found) == RULES
    assert benchmark.stats is None or benchmark.stats["median"] < 1
