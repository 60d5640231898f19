"""Agreement with cimat, the authors' own code of Fogliato, Patil and Perona, IJCV 2024 (arXiv 2306.01198).

cimat accepts where score > threshold and impersona where score >= threshold, so thresholds here lie between scores.
It keeps every nonmated score twice, as (a, b) and as (b, a), and with a pair list every mated score twice too. Rates
and variances are the same; the cases of exactly one error, which count scores, are therefore put to it directly.
"""

from __future__ import annotations

import numpy as np
import pytest
from cimat import MTData, UncertaintyEstimator
from scipy import stats

from bench.metrics import (
    SubjectBootstrap,
    clusters_of,
    double_or_nothing,
    percentile_interval,
    rate_interval,
    rate_spread,
    rate_variance,
    wilson_interval,
)
from bench.metrics.intervals import FEWEST_DEGREES

Z = float(stats.norm.ppf(0.975))


def photos(people, seed, most=5):
    """Cimat's data: person to photo to embedding. People have from 1 to `most` photos; scores are multiples of 1/64."""
    rng = np.random.default_rng(seed)
    return {
        f"p{person:02d}": {f"i{photo}": centre + rng.normal(0, 0.9, 4) for photo in range(1 + person % most)}
        for person, centre in enumerate(rng.normal(0, 1, (people, 4)))
    }


def similarity(one, other):
    """Symmetric to the bit, and on a grid, so that some scores tie and thresholds fit in between."""
    return float(np.round(-np.abs(one - other).sum() * 64) / 64)


def all_pairs(faces):
    data = MTData(faces)
    data.generate_similarity_scores(similarity)
    return data.similarity_scores


def pair_list(faces, count, seed):
    """Some of the pairs, many of them of few people; nobody is compared with everyone."""
    rng = np.random.default_rng(seed)
    every = [(person, photo) for person, images in faces.items() for photo in images]
    chosen = {tuple(sorted(rng.integers(0, len(every), 2))) for _ in range(count)}
    data = MTData(faces)
    data.generate_similarity_scores(similarity, pairs=[(*every[i], *every[j]) for i, j in sorted(chosen) if i != j])
    return data.similarity_scores


def trials_of(scores):
    """The same comparisons once each: scores, mated, clusters."""
    rows = [
        (first, second, score)
        for first, others in scores.items()
        for second, values in others.items()
        if first <= second
        for score in values
    ]
    first, second, values = zip(*rows, strict=True)
    people = clusters_of(first, second)
    return np.array(values, np.float32), people.first == people.second, people


DATA = {
    "all pairs": all_pairs(photos(12, 0)),
    "two photos each": all_pairs(photos(9, 3, most=2)),
    "one person with many photos": all_pairs({"p0": photos(40, 1)["p39"] | photos(80, 5, 20)["p79"], **photos(6, 2)}),
    "pair list": pair_list(photos(20, 4), 150, 0),
    "thin pair list": pair_list(photos(30, 5), 45, 1),
}


def thresholds_between(values):
    distinct = np.unique(values)
    return ((distinct[1:] + distinct[:-1]) / 2).astype(np.float32)


@pytest.fixture(params=DATA, ids=[name.replace(" ", "_") for name in DATA])
def data(request):
    return DATA[request.param]


def cimat_s_wilson(errors, trials, variance):
    return UncertaintyEstimator()._get_ci_wilson(errors, trials, variance, 0.05)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # cimat divides by no error or no variance
def test_plug_in_variances_and_wilson_intervals_equal_cimat_s(data):
    estimator = UncertaintyEstimator(data)
    scores, mated, people = trials_of(data)
    compared = {"few": 0, "many": 0}
    for threshold in thresholds_between(scores):
        theirs = zip(
            estimator.compute_variance(float(threshold)), estimator.get_binerror_ci(float(threshold)), strict=True
        )
        for is_mated, (variance, interval) in zip((True, False), theirs, strict=True):
            trials = people.select(mated == is_mated)
            errors = (scores >= threshold)[mated == is_mated] != is_mated
            ours = rate_variance(errors, trials)
            assert ours == pytest.approx(variance, rel=1e-9, abs=1e-20)
            wrong, rate = int(errors.sum()), float(errors.mean())
            effective = rate * (1 - rate) / ours if ours > 0 and 0 < rate < 1 else errors.size
            found = wilson_interval(rate, effective, wrong, errors.size)
            if ours == 0:
                continue  # cimat's interval is NaN, or that of no error, which the next test puts to it
            if 1 < wrong < errors.size - 1:
                assert found == pytest.approx(interval, rel=1e-9, abs=1e-12)
                compared["many"] += 1
                degrees = max(rate_spread(errors, trials).degrees, FEWEST_DEGREES)
                rescaled = (Z / stats.t.ppf(0.975, degrees)) ** 2
                found = wilson_interval(rate, min(effective, errors.size) * rescaled, wrong, errors.size)
                assert rate_interval(errors, trials)[:2] == pytest.approx(found, rel=1e-9, abs=1e-12)
            else:
                assert found == pytest.approx(cimat_s_wilson(wrong, errors.size, variance), rel=1e-9, abs=1e-12)
                compared["few"] += 1
    assert min(compared.values()) >= 2


@pytest.mark.parametrize("trials", [3, 7, 50])
@pytest.mark.parametrize("variance", [1e-4, 3e-3])
def test_wilson_intervals_equal_cimat_s_at_every_number_of_errors(trials, variance):
    """No error, one, all but one and all are cases of their own."""
    for errors in range(trials + 1):
        rate = errors / trials
        effective = rate * (1 - rate) / variance if 0 < errors < trials else trials
        expected = cimat_s_wilson(errors, trials, variance)
        assert wilson_interval(rate, effective, errors, trials) == pytest.approx(expected, rel=1e-9, abs=1e-12)


def draws_for(data, count, seed):
    """Draws that keep trials of both kinds, for codes in the order of names."""
    _, mated, people = trials_of(data)
    kept = double_or_nothing(people.count, 20 * count, np.random.default_rng(seed))
    both = kept[:, people.first] & kept[:, people.second]
    enough = (both & mated).any(axis=1) & (both & ~mated).any(axis=1)
    return kept[enough][:count]


def run_cimat(data, kept, monkeypatch):
    """Cimat's own bootstrap, with our draws in place of its coins."""
    code = {name: place for place, name in enumerate(sorted(data))}
    coins = iter([int(each[code[person]]) for each in kept for person in data])
    estimator = UncertaintyEstimator(data)
    with monkeypatch.context() as patch:
        patch.setattr("cimat.uncertainty_estimator.np.random.choice", lambda _: next(coins))
        estimator.run_bootstrap(len(kept))
    assert next(coins, None) is None
    return estimator


def test_every_draw_of_the_bootstrap_equals_cimat_s(data, monkeypatch):
    scores, mated, people = trials_of(data)
    kept = draws_for(data, 60, 0)
    estimator = run_cimat(data, kept, monkeypatch)
    boot = SubjectBootstrap(scores, mated, people, kept)
    thresholds = np.append(np.unique(scores), np.float32(np.inf))
    fmr, fnmr = boot.error_rates(thresholds)
    for draw, (false, true, theirs) in enumerate(estimator.boot_results):
        at = np.searchsorted(thresholds, theirs.astype(np.float32))
        assert thresholds[at].tolist() == theirs.tolist()  # a threshold of theirs is a kept score
        assert fmr[draw, at] == pytest.approx(false, rel=1e-12, abs=1e-15)
        assert 1 - fnmr[draw, at] == pytest.approx(true, rel=1e-12, abs=1e-15)


def test_percentile_intervals_equal_cimat_s(data, monkeypatch):
    """Of TMR at an FMR, interpolated as theirs is, and of the area, which needs no interpolation."""
    scores, mated, people = trials_of(data)
    kept = draws_for(data, 200, 1)
    targets = [0.01, 0.05, 0.2, 0.5]
    theirs, their_area = run_cimat(data, kept, monkeypatch).get_roc_ci(target_fpr=targets)
    boot = SubjectBootstrap(scores, mated, people, kept)
    fmr, fnmr = boot.error_rates(np.append(np.unique(scores), np.float32(np.inf))[::-1].copy())
    interpolated = np.array([np.interp(targets, each, 1 - other) for each, other in zip(fmr, fnmr, strict=True)])
    for place, expected in enumerate(theirs.T):
        assert percentile_interval(interpolated[:, place])[:2] == pytest.approx(tuple(expected), rel=1e-9)
    assert percentile_interval(boot.area_under_curve())[:2] == pytest.approx(tuple(their_area), rel=1e-9)
