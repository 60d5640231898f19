"""Scores and score files made up by a seed, for tests of what other tools' files become."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from bench.exchange import ComparisonScores, PresentationScores, comparison_scores, write_scores
from bench.exchange.presentations import coded_people
from bench.exchange.scores import tidy, unnamed_scores


def comparisons(count: int = 40, people: int = 9, seed: int = 0, missing: int = 3, folds: int = 0) -> ComparisonScores:
    """Comparisons of made-up people, a third of them mated, a few without a score.

    Args:
        count: how many.
        people: of whom.
        seed: what they are drawn by.
        missing: how many have no score.
        folds: how many folds they are dealt out to; 0 for none.
    """
    rng = np.random.default_rng(seed)
    asked = rng.integers(0, people, count)
    mated = np.arange(count) % 3 == 0
    enrolled = np.where(mated, asked, (asked + rng.integers(1, people, count)) % people)
    scores = (rng.normal(0, 1, count) + 2 * mated).astype(np.float32)
    scores[rng.permutation(count)[:missing]] = np.nan
    first, second = ([f"p{person:02}" for person in side.tolist()] for side in (asked, enrolled))
    probes = [f"{person}/{photo}.png" for person, photo in zip(first, rng.integers(0, 3, count), strict=True)]
    references = [f"{person}/{photo}.png" for person, photo in zip(second, rng.integers(3, 6, count), strict=True)]
    fold = (np.arange(count) % folds).astype(np.int16) if folds else None
    return comparison_scores(probes, references, first, second, scores, fold)


def presentations(count: int = 40, people: int = 9, seed: int = 0, missing: int = 3) -> PresentationScores:
    """Bona fide photos and two species of attack on two people each, every third beside a trusted photo."""
    rng = np.random.default_rng(seed)
    attack = np.arange(count) % 2 == 1
    species = [("morph", "mask")[row % 4 // 2] if attack[row] else None for row in range(count)]
    whose = [
        tuple(f"p{person:02}" for person in rng.permutation(people)[: 1 + int(attack[row])].tolist())
        for row in range(count)
    ]
    scores = (rng.normal(0, 1, count) + 1.5 * attack).astype(np.float32)
    scores[rng.permutation(count)[:missing]] = np.nan
    codes, names = coded_people(whose)
    references = [f"{whose[row][0]}/trusted.png" if row % 3 == 0 else None for row in range(count)]
    samples = [f"shown/{row:03}.png" for row in range(count)]
    return PresentationScores(
        tidy(samples), tidy(pd.Categorical(species)), codes, names, tidy(pd.Categorical(references)), scores
    )


def _unnamed() -> ComparisonScores:
    named = comparisons(missing=0)
    return unnamed_scores(named.scores[named.mated], named.scores[~named.mated])


SAMPLES: Mapping[str, Callable[[], ComparisonScores | PresentationScores]] = {
    "bob_bio": lambda: comparisons(folds=4),
    "bob_bio_4": comparisons,
    "bob_bio_5": comparisons,
    "pyeer": _unnamed,
    "nist": comparisons,
    "deepfakebench": presentations,
}
"""Format to scores that it holds without loss, but for the names of references in text of four columns."""


def written(form: str, folder: Path) -> list[Path]:
    """Valid files of a format in a folder, in the order in which they are read."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for name, data in write_scores(form, SAMPLES[form]()).files.items():
        (folder / name).write_bytes(data)
        paths.append(folder / name)
    return paths


def bits(scores: np.ndarray) -> bytes:
    """The bits of float32 scores, every NaN as one."""
    return np.where(np.isnan(scores), np.float32(np.nan), scores).astype(np.float32).tobytes()


def same(left: ComparisonScores | PresentationScores, right: ComparisonScores | PresentationScores) -> None:
    """Asserts that two sets of scores are equal, name by name and bit by bit."""
    assert type(left) is type(right)
    assert bits(left.scores) == bits(right.scores)
    assert left.named == right.named
    if isinstance(left, ComparisonScores) and isinstance(right, ComparisonScores):
        for name in ("probe", "reference", "probe_subject", "reference_subject", "mated"):
            assert np.asarray(getattr(left, name)).tolist() == np.asarray(getattr(right, name)).tolist(), name
        folds = [None if one.fold is None else one.fold.tolist() for one in (left, right)]
        assert folds[0] == folds[1]
    elif isinstance(left, PresentationScores) and isinstance(right, PresentationScores):
        for name in ("samples", "species", "references"):
            ours, theirs = (pd.Series(getattr(one, name)).astype(object) for one in (left, right))
            assert ours.where(ours.notna(), None).tolist() == theirs.where(theirs.notna(), None).tolist(), name
        assert [left.subjects_of(row) for row in range(len(left))] == [
            right.subjects_of(row) for row in range(len(right))
        ]
