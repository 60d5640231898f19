"""How far the attribute judge agrees with people: its area under the ROC curve on true labels, attribute by attribute.

    impersona pack examples/packs/celeba_labelled.yaml --out work/packs/celeba_labelled
    python -m generators.auxiliary.attribute_judge.evaluate --data work/packs/celeba_labelled [--weights FILE]

Intervals are of a bootstrap of people. An attribute of which fewer than 50 faces show it, or do not, is untested.
"""

from __future__ import annotations

import argparse
import contextlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bench.api import JudgeAgreement
from bench.errors import InsufficientData
from bench.judges.attribute_judge import AttributeJudgeSettings, NetworkJudge
from bench.judges.network import SIDE
from bench.packs import Pack
from bench.seeding import stream

DRAWS = 1000


class Judged(NamedTuple):
    """What a judge says of N faces of which somebody said something.

    Attributes:
        logits: float32 (N, A).
        labels: float32 (N, A), what people said, above 0 for there; NaN where they did not.
        people: int32 (N,), equal numbers are one person.
        split: (N,), of each person.
    """

    logits: NDArray[np.float32]
    labels: NDArray[np.float32]
    people: NDArray[np.int32]
    split: NDArray[np.str_]


def area_under_curve(scores: NDArray[np.float64], labels: NDArray[np.bool_], weights: NDArray[np.float64]) -> float:
    """The share of pairs, one that shows it and one that does not, that the scores put in order; half for equal ones.

    Args:
        scores: (N,).
        labels: (N,), whether it is there.
        weights: (N,), how often each face counts.

    Returns:
        In [0, 1]; NaN where one of the two has no weight.
    """
    _, place = np.unique(scores, return_inverse=True)
    there = np.bincount(place, weights * labels)
    absent = np.bincount(place, weights * ~labels)
    pairs = there.sum() * absent.sum()
    if not pairs:
        return float("nan")
    below = np.cumsum(absent) - absent
    return float((there * (below + absent / 2)).sum() / pairs)


def agreement(
    scores: NDArray[np.floating],
    labels: NDArray[np.floating],
    people: NDArray[np.int32],
    names: Sequence[str],
    draws: int = DRAWS,
) -> dict[str, JudgeAgreement]:
    """Every attribute's area, with a percentile interval over people drawn with replacement; NaN where there is none.

    Args:
        scores: (N, A), what the judge says.
        labels: (N, A), above 0 for there; NaN where nobody said.
        people: (N,), equal numbers are one person.
        names: of the attributes.
        draws: of the bootstrap.
    """
    _, codes = np.unique(people, return_inverse=True)
    count = int(codes.max()) + 1
    counts = stream(0, "attribute_judge").multinomial(count, np.full(count, 1 / count), size=draws)
    found = {}
    for column, name in enumerate(names):
        known = np.isfinite(labels[:, column])
        there = labels[known, column] > 0
        score = scores[known, column].astype(np.float64)
        area = area_under_curve(score, there, np.ones(len(score)))
        drawn = [area_under_curve(score, there, one[codes[known]].astype(np.float64)) for one in counts]
        ends = np.nanpercentile(drawn, (2.5, 97.5)) if np.isfinite(drawn).any() else (np.nan, np.nan)
        found[name] = JudgeAgreement(area, float(ends[0]), float(ends[1]), int(there.sum()), int((~there).sum()))
    return found


def judged_pack(judge: NetworkJudge, pack: Pack) -> Judged:
    """What a judge says of the faces of a pack of which somebody said something.

    Args:
        judge: the judge.
        pack: with attributes.

    Returns:
        Everything by the judge's names.

    Raises:
        InsufficientData: nobody said anything of any face.
    """
    known = list(pack.manifest["attributes"])
    given = np.asarray(pack.attributes)
    labels = np.full((len(given), len(judge.attributes)), np.nan, np.float32)
    for column, name in enumerate(judge.attributes):
        if name in known:
            labels[:, column] = given[:, known.index(name)]
    rows = np.flatnonzero(np.isfinite(labels).any(axis=1)).astype(np.int64)
    if not len(rows):
        raise InsufficientData(
            "the pack has no labelled face; make it of a data set with attributes: impersona pack --help"
        )
    people = np.asarray(pack.subjects)[rows].astype(np.int32)
    return Judged(logits_of(judge, pack, rows), labels[rows], people, np.asarray(pack.split)[rows])


def logits_of(judge: NetworkJudge, pack: Pack, rows: NDArray[np.int64]) -> NDArray[np.float32]:
    """What a judge says of faces of a pack, float32 (N, A)."""
    import torch

    found = []
    with torch.inference_mode():
        for start in range(0, len(rows), 64):
            pixels = torch.from_numpy(np.array(pack.images(rows[start : start + 64], SIDE)))
            images = pixels.permute(0, 3, 1, 2).float().div(255).contiguous(memory_format=torch.channels_last)
            found.append(judge.network(images).numpy())
    return np.concatenate(found)


def as_table(found: Mapping[str, JudgeAgreement]) -> str:
    """Markdown, the best first; at last those that are untested."""
    lines = ["| attribute | area under the curve | faces with, without |", "|---|---|---|"]
    for name, one in sorted(found.items(), key=lambda pair: (not pair[1].tested, -np.nan_to_num(pair[1].area))):
        said = f"{one.area:.3f} [{one.low:.3f}, {one.high:.3f}]" if one.area == one.area else "–"
        lines.append(f"| {name} | {said}{'' if one.tested else ' (untested)'} | {one.there}, {one.absent} |")
    enough = [one.area for one in found.values() if one.tested]
    good = [name for name, one in found.items() if one.trusted]
    mean = float(np.mean(enough)) if enough else float("nan")
    lines.append("")
    lines.append(
        f"Tested: {len(enough)} of {len(found)} attributes, their mean area {mean:.3f}; {len(good)} of them at least"
        f" 0.9: {', '.join(good) or 'none'}."
    )
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints the table."""
    parser = argparse.ArgumentParser(prog="python -m generators.auxiliary.attribute_judge.evaluate")
    parser.add_argument("--data", type=Path, required=True, help="a pack of faces with true attributes")
    parser.add_argument("--weights", default="", help="a weight file; by default the released one")
    parser.add_argument("--json", type=Path, help="write the figures here, too")
    given = parser.parse_args(arguments)
    judge = NetworkJudge(AttributeJudgeSettings(weights=given.weights))
    with contextlib.closing(Pack.open(given.data)) as pack:
        judged = judged_pack(judge, pack)
    found = agreement(judged.logits, judged.labels, judged.people, judge.attributes)
    print(as_table(found))
    if given.json:
        given.json.write_text(
            json.dumps({name: one._asdict() for name, one in found.items()}, indent=1), encoding="utf-8"
        )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
