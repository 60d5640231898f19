"""How far apart are edits by label and by reference? The mean gap over edits, of a run of translation_links.yaml.

    python examples/translation_gap.py runs/translation_links

Every edit counts the same. Faces by label and by reference are not of the same photos, so the interval of the gap is
put together from those of its two means, which know that faces share people.
"""

from __future__ import annotations

import sys

import numpy as np
import pandas as pd

from bench.metrics.galleries import difference_interval
from bench.metrics.intervals import Interval
from bench.metrics.shares import Contributors, mean_interval
from bench.store.run_folder import RunFolder

BY_REFERENCE = "_by_reference"
Judged = dict[str, list[tuple[np.ndarray, np.ndarray]]]


def judged(run: RunFolder) -> Judged:
    """Of every maker, edit by edit: whether the judge sees in each face what was asked for, and who contributed."""
    found: Judged = {}
    for key in run.cell_keys():
        labels = run.outcome(key)["labels"]
        edit = next(iter(labels["settings"]["generator.edits"]))
        seen = run.table(key, "attributes")
        seen = seen[(seen.attribute == edit) & seen.wanted.notna() & seen.seen.notna()].set_index("face")
        people = run.table(key, "contributors").pivot(index="face", columns="contributor", values="subject")
        right = ((seen.seen >= 0.5) == (seen.wanted >= 0.5)).to_numpy(np.float64)
        found.setdefault(labels["generator"], []).append((right, people.astype(str).loc[seen.index].to_numpy()))
    return found


def mean(edits: list[tuple[np.ndarray, np.ndarray]]) -> tuple[float, Interval]:
    """The mean over edits of the share of their faces, with its interval."""
    total = sum(len(right) for right, _ in edits)
    values = np.concatenate([right * total / (len(edits) * len(right)) for right, _ in edits])
    names = np.concatenate([people for _, people in edits])
    code, different = pd.factorize(names.ravel())
    interval = mean_interval(values, Contributors(code.astype(np.int32).reshape(names.shape), len(different)))
    assert interval is not None
    return float(values.mean()), interval


def main() -> None:
    """Prints a line a training."""
    found = judged(RunFolder.open(sys.argv[1]))
    for name in (one for one in found if not one.endswith(BY_REFERENCE)):
        (label, of_label), (reference, of_reference) = mean(found[name]), mean(found[name + BY_REFERENCE])
        gap = difference_interval(label, of_label, reference, of_reference, (-1.0, 1.0))
        said = ((label, of_label), (reference, of_reference), (label - reference, gap))
        parts = [f"{100 * value:.1f} [{100 * ends.low:.1f}, {100 * ends.high:.1f}]" for value, ends in said]
        print(f"{name}: by label {parts[0]}, by reference {parts[1]}, gap {parts[2]}")


if __name__ == "__main__":
    main()
