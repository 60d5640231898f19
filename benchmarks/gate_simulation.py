"""How often the regression gate fails without need, and how often it catches a loss: prints markdown tables.

    python benchmarks/gate_simulation.py                         every table, 1,000 repetitions each
    python benchmarks/gate_simulation.py --table power --repetitions 4000

Each repetition draws people anew, lets two runs err on them with known rates, makes the double-or-nothing draws of
both, and asks `paired_difference` and `judge` as the gate does. The tables in docs/gate_statistics.md come from here.

Every sample has a uniform number for every rule, and a run errs where it is below the run's rate. A sample takes its
number from its person, from what all rules share, or from the other run with such probabilities that the *errors* have
the correlations that are asked for (phi; that of the numbers behind them is larger).
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise, product
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from bench.metrics import (
    Clusters,
    Judgement,
    PairedDifference,
    SubjectBootstrap,
    double_or_nothing,
    judge,
    paired_difference,
)
from bench.metrics.paired import ALPHA
from bench.seeding import stream

DRAWS = 1000
BATCH = 25
"""So many repetitions share their draws of people, whose own chance is thereby drawn anew 40 times in 1,000."""


@dataclass(frozen=True)
class Setting:
    """One experiment.

    Attributes:
        people: P.
        base: error rate of the base run under every rule.
        loss: what the new run errs more under the first rule; under the others the runs are of equal quality.
        between_runs: correlation of the errors of both runs on one sample, as far as the two rates allow it.
        between_rules: correlation of the errors under two rules on one sample.
        rules: R.
        samples: a person's: ``"one"``, ``"five"``, or ``"heavy"``, 1 to 100 by a Pareto law (index 1).
        within: correlation of the errors of two samples of one person.
        tolerance: of every rule.
        whole: in the base run people err with all samples or with none, in the new run samples err at random.
    """

    people: int
    base: float
    loss: float = 0.0
    between_runs: float = 0.5
    between_rules: float = 0.5
    rules: int = 1
    samples: Literal["one", "five", "heavy"] = "one"
    within: float = 0.3
    tolerance: float = 0.0
    whole: bool = False


@dataclass(frozen=True)
class Outcome:
    """Shares of repetitions: in which any rule failed, in which the first did, and in which it was better."""

    any_failed: float
    first_failed: float
    first_better: float


def owners(setting: Setting, rng: np.random.Generator) -> NDArray[np.int64]:
    """Whose each sample is, int (M,)."""
    if setting.samples == "heavy":
        counts = np.minimum(1 + rng.pareto(1.0, setting.people), 100).astype(np.int64)
    else:
        counts = np.full(setting.people, {"one": 1, "five": 5}[setting.samples])
    return np.repeat(np.arange(setting.people), counts)


def errors(setting: Setting, owner: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.bool_]:
    """Which samples err, bool (2, M, R), in the base and in the new run."""
    rate = np.full(setting.rules, setting.base)
    new_rate = rate.copy()
    new_rate[0] += setting.loss
    low, high = np.minimum(rate, new_rate), np.maximum(rate, new_rate)
    # Two runs that share a sample's number have this correlation at most.
    most = np.sqrt(low * (1 - high) / (high * (1 - low)))
    first = _numbers(setting, owner, rng)
    if setting.whole:
        first, other = first[_first_of_each(owner)][owner], _numbers(setting, np.arange(owner.size), rng)
    else:
        same = _numbers(setting, owner, rng) < np.minimum(setting.between_runs / most, 1)
        other = np.where(same, first, _numbers(setting, owner, rng))
    return np.stack([first < rate, other < new_rate])


def _first_of_each(owner: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.flatnonzero(np.append(True, np.diff(owner) != 0))


def _numbers(setting: Setting, owner: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.float32]:
    """Uniform numbers (M, R) that are a sample's own, its person's, and for some rules the same."""
    samples, rules, people = owner.size, setting.rules, int(owner[-1]) + 1
    found = rng.random((samples, rules), dtype=np.float32)
    if rules > 1 and setting.between_rules:
        shared = rng.random((samples, rules), dtype=np.float32) < np.sqrt(setting.between_rules)
        found = np.where(shared, rng.random((samples, 1), dtype=np.float32), found)
    if samples > people and setting.within:
        of_person = rng.random((samples, 1)) < np.sqrt(setting.within)
        found = np.where(of_person, _numbers(setting, np.arange(people), rng)[owner], found)
    return found


def differences(
    setting: Setting, repetitions: int, rng: np.random.Generator, level: float
) -> Iterator[list[PairedDifference | None] | None]:
    """The difference under each rule in each repetition; None where no rule could be rejected at a level.

    That is where no difference reaches as many deviations as the normal distribution asks for; Student's t asks for
    more, whatever its degrees.
    """
    people, rules = setting.people, setting.rules
    for done in range(0, repetitions, BATCH):
        kept = double_or_nothing(people, DRAWS, rng).astype(np.float32)
        batch = [_one_repetition(setting, rng) for _ in range(min(BATCH, repetitions - done))]
        drawn = kept @ np.concatenate([sums for sums, _ in batch], axis=1)
        for (_, values), sums in zip(batch, np.split(drawn.astype(np.float64), len(batch), axis=1), strict=True):
            rates = np.ascontiguousarray((sums[:, :-1] / sums[:, -1:]).T).reshape(2, rules, DRAWS)
            deviation = np.std(rates[1] - rates[0], axis=1)
            if (np.abs(values[1] - values[0]) < -0.999 * ndtri(level / 2) * deviation).all():
                yield None
            else:
                yield [paired_difference(*values[:, rule], *rates[:, rule]) for rule in range(rules)]


def _one_repetition(setting: Setting, rng: np.random.Generator) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """A person's errors under each rule in both runs and number of samples, (P, 2R + 1); the rates, (2, R)."""
    owner = owners(setting, rng)
    wrong = errors(setting, owner, rng)
    sums = [np.add.reduceat(run, _first_of_each(owner), axis=0, dtype=np.float32) for run in wrong]
    counts = np.bincount(owner, minlength=setting.people).astype(np.float32)
    return np.concatenate([*sums, counts[:, None]], axis=1), wrong.mean(axis=1)


def outcome(setting: Setting, repetitions: int = 1000, seed: int = 0) -> Outcome:
    """What comes of a setting; the same for every order of settings."""
    rules = setting.rules
    found = differences(setting, repetitions, stream(seed, repr(setting)), ALPHA / rules)
    return _outcome(
        None if each is None else judge(each, ["up"] * rules, [setting.tolerance] * rules, [setting.people] * rules)
        for each in found
    )


def _outcome(found: Iterator[list[Judgement] | None]) -> Outcome:
    nothing = (False, False, False)
    rows = [
        nothing
        if each is None
        else (any(one.failed for one in each), *(each[0].verdict == verdict for verdict in ("worse", "better")))
        for each in found
    ]
    return Outcome(*np.mean(rows, axis=0).tolist())


# --------------------------------------------------------------------------------------------------- pairs of people


@dataclass(frozen=True)
class Pairs:
    """Comparisons between people, judged through `SubjectBootstrap`: FMR and FNMR at a threshold, TMR at an FMR, EER.

    Attributes:
        people: with two photos each, so one mated trial each.
        nonmated: trials of two people drawn at random.
        loss: by how much the gap between mated and nonmated scores, 3, is smaller in the new run.
        shared: of the variance of scores, what both runs have in common.
    """

    people: int
    nonmated: int
    loss: float = 0.0
    shared: float = 0.5


def judged_pairs(setting: Pairs, repetitions: int, rng: np.random.Generator) -> Iterator[list[Judgement]]:
    """What the gate says in each repetition about the four figures of two recognizers."""
    people = setting.people
    for _ in range(repetitions):
        one = rng.integers(0, people, setting.nonmated)
        other = (one + rng.integers(1, people, setting.nonmated)) % people
        everyone = np.arange(people)
        first = np.concatenate([everyone, one]).astype(np.int32)
        second = np.concatenate([everyone, other]).astype(np.int32)
        mated, clusters = first == second, Clusters(first, second, people)
        kept = double_or_nothing(people, DRAWS, rng)
        effect, own = rng.standard_normal((3, people)), rng.standard_normal((3, mated.size))
        sides = []
        for run, gap in ((1, 3.0), (2, 3.0 - setting.loss)):
            ease, noise = (
                np.sqrt(setting.shared) * each[0] + np.sqrt(1 - setting.shared) * each[run] for each in (effect, own)
            )
            scores = gap * mated + np.sqrt(0.2) * (ease[first] + ease[second]) + np.sqrt(0.6) * noise
            sides.append(_figures(scores.astype(np.float32), mated, clusters, kept))
        differences = [paired_difference(a[0], b[0], a[1], b[1]) for a, b in zip(*sides, strict=True)]
        yield judge(differences, ["up", "up", "down", "up"], [0.0] * 4, [people] * 4)


def _figures(
    scores: NDArray[np.float32], mated: NDArray[np.bool_], clusters: Clusters, kept: NDArray[np.bool_]
) -> list[tuple[float, NDArray[np.float64]]]:
    """FMR and FNMR at 1.5, TMR at FMR 0.05 and EER: the value, and its draws."""
    found = []
    everyone = np.ones((1, clusters.count), np.bool_)
    for chosen in (everyone, kept):
        boot = SubjectBootstrap(scores, mated, clusters, chosen)
        fmr, fnmr = boot.error_rates(np.array([1.5], np.float32))
        found.append([fmr[:, 0], fnmr[:, 0], 1 - boot.at_fmr([0.05]).fnmr[:, 0], boot.equal_error_rate()])
    return [(float(value[0]), draws) for value, draws in zip(*found, strict=True)]


def pairs_outcome(setting: Pairs, repetitions: int = 1000, seed: int = 0) -> Outcome:
    """What comes of comparisons between people."""
    return _outcome(judged_pairs(setting, repetitions, stream(seed, repr(setting))))


# ------------------------------------------------------------------------------------------------------------ tables

Row = Sequence[str]
PEOPLE = (50, 100, 200, 500, 2000)
BASES = (0.01, 0.05, 0.1, 0.3)
RUN_AND_RULE_CORRELATIONS = ((0.0, 0.0), (0.0, 0.9), (0.5, 0.5), (0.9, 0.0), (0.9, 0.9))


def table_false_one(each: Callable[..., list[Outcome]]) -> None:
    """Two runs of equal quality under one rule."""
    for samples in ("one", "five", "heavy"):
        settings = [
            Setting(people, base, between_runs=runs, samples=samples)
            for people, base, runs in product(PEOPLE, BASES, (0.0, 0.5, 0.9))
        ]
        _grid(f"One rule, samples a person: {samples}; runs correlate 0, 0.5, 0.9", each(settings), 3)


def table_false_twenty(each: Callable[..., list[Outcome]]) -> None:
    """Two runs of equal quality under 20 rules."""
    for samples, correlations in (("one", RUN_AND_RULE_CORRELATIONS), ("heavy", RUN_AND_RULE_CORRELATIONS[::2])):
        settings = [
            Setting(people, base, between_runs=runs, between_rules=rules, rules=20, samples=samples)
            for people, base, (runs, rules) in product(PEOPLE, BASES, correlations)
        ]
        title = ", ".join(f"{runs:g} and {rules:g}" for runs, rules in correlations)
        _grid(
            f"20 rules, samples a person: {samples}; runs and rules correlate {title}",
            each(settings),
            len(correlations),
        )


def table_weak(each: Callable[..., list[Outcome]]) -> None:
    """Equal rates, unlike patterns: the base errs on whole people, the new run on samples at random."""
    for rules, samples in ((1, "five"), (1, "heavy"), (20, "five")):
        settings = [
            Setting(people, base, rules=rules, samples=samples, whole=True, between_rules=0.0)
            for people, base in product(PEOPLE, BASES)
        ]
        _grid(f"Whole people against samples at random, rules: {rules}, samples: {samples}", each(settings), 1)


def table_headline(each: Callable[..., list[Outcome]]) -> None:
    """A loss of 5 points at a base error of 10 %, 500 people, tolerance 0."""
    head = Setting(500, 0.1, 0.05)
    settings = [
        replace(head, between_runs=runs, samples=samples, rules=rules)
        for rules, samples, runs in product((1, 20), ("one", "five", "heavy"), (0.5, 0.7))
    ]
    rows = [
        (*map(str, (s.rules, s.samples, s.between_runs)), *map(_percent, (o.first_failed, o.first_better)))
        for s, o in zip(settings, each(settings), strict=True)
    ]
    names = ("rules", "samples a person", "runs correlate", "caught", "called better")
    _print("500 people, base 10 %, loss 5 points, tolerance 0", names, rows)


def table_power(each: Callable[..., list[tuple[float, float]]]) -> None:
    """How many of the losses are caught, one sample a person."""
    sizes = (50, 100, 200, 500, 1000, 2000, 5000)
    rows = []
    for base, loss, runs in product((0.01, 0.05, 0.1, 0.2), (0.01, 0.02, 0.05, 0.1), (0.0, 0.5, 0.8)):
        most = float(np.sqrt(base * (1 - base - loss) / ((base + loss) * (1 - base))))
        if runs == 0.8 and most <= 0.5:
            continue  # The two rates cannot correlate so: the row before has all that they can.
        found = each([Setting(people, base, loss, between_runs=runs) for people in sizes], function=power)
        cells = [f"{100 * one:.0f} / {100 * twenty:.0f}" for one, twenty in found]
        needed = [_people_for(0.9, sizes, [pair[place] for pair in found]) for place in (0, 1)]
        rows.append((f"{base:.0%}", f"{100 * loss:.0f}", f"{min(runs, most):.2g}", *cells, " / ".join(needed)))
    names = ("base", "loss, points", "runs correlate", *(f"{size:,}" for size in sizes), "people for 90 %")
    _print("Losses caught, % (one rule / 20 rules)", names, rows)


def power(setting: Setting, repetitions: int = 1000, seed: int = 0) -> tuple[float, float]:
    """How often a loss under the one rule is caught alone, and where Holm's first step of 20 rules judges it."""
    caught = [0, 0]
    for found in differences(setting, repetitions, stream(seed, repr(setting)), ALPHA):
        if found is not None and found[0] is not None and found[0].difference > setting.tolerance:
            p_value = replace(found[0], people=setting.people).p_value
            caught[0] += p_value <= ALPHA
            caught[1] += p_value <= ALPHA / 20
    return caught[0] / repetitions, caught[1] / repetitions


def table_pairs(each: Callable[..., list[Outcome]]) -> None:
    """Comparisons between people, four figures, through `SubjectBootstrap`."""
    settings = [Pairs(60, 1000, shared=0.0), Pairs(60, 1000), Pairs(200, 2000), Pairs(200, 2000, loss=0.5)]
    rows = [
        (
            *map(str, (s.people, s.nonmated, s.shared, s.loss)),
            *map(_percent, (o.any_failed, o.first_failed, o.first_better)),
        )
        for s, o in zip(settings, each(settings, function=pairs_outcome), strict=True)
    ]
    names = ("people", "nonmated trials", "runs share", "gap lost", "any of 4 fails", "FMR fails", "FMR called better")
    _print("Comparisons between people: FMR, FNMR, TMR at FMR 0.05, EER", names, rows)


TABLES: dict[str, Callable[..., None]] = {
    "headline": table_headline,
    "false-one": table_false_one,
    "false-twenty": table_false_twenty,
    "weak": table_weak,
    "pairs": table_pairs,
    "power": table_power,
}


def _people_for(share: float, sizes: Sequence[int], caught: Sequence[float]) -> str:
    """How many people catch that share, between two sizes that were simulated: normal quantiles, even in the root."""
    for (small, below), (large, above) in pairwise(zip(sizes, caught, strict=True)):
        if below < share <= above:
            low, goal, high = (float(ndtri(min(max(each, 0.001), 0.999))) for each in (below, share, above))
            root = small**0.5 + (goal - low) / (high - low) * (large**0.5 - small**0.5)
            return f"{float(f'{root**2:.2g}'):,.0f}"
    return f"under {sizes[0]}" if caught[0] >= share else f"over {sizes[-1]:,}"


def _grid(title: str, found: list[Outcome], each: int) -> None:
    """Failing shares: people down, base errors across, so many settings a cell."""
    cells = iter(found)
    rows = [
        (f"{people:,}", *(" ".join(f"{100 * next(cells).any_failed:.1f}" for _ in range(each)) for _ in BASES))
        for people in PEOPLE
    ]
    _print(f"{title}: repetitions that fail, %", ("people", *(f"base {base:.0%}" for base in BASES)), rows)
    print(f"\nThe largest: {100 * max(one.any_failed for one in found):.1f} %.")


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _print(title: str, names: Row, rows: Sequence[Row]) -> None:
    print(f"\n**{title}**\n\n| {' | '.join(names)} |\n|{'---|' * len(names)}")
    for row in rows:
        print(f"| {' | '.join(row)} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--table", choices=sorted(TABLES), action="append", help="one of the tables; may be repeated")
    parser.add_argument("--repetitions", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    with ProcessPoolExecutor(options.workers) as pool:

        def each(settings, function=outcome):
            return list(pool.map(partial(function, repetitions=options.repetitions, seed=options.seed), settings))

        for name in options.table or TABLES:
            start = time.perf_counter()
            TABLES[name](each)
            print(f"\n{options.repetitions:,} repetitions each, {time.perf_counter() - start:.0f} s.", flush=True)


if __name__ == "__main__":
    main()
