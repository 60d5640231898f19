"""Sets the attribute judge's cuts where people see an attribute, and those of the labels that it learned from.

    impersona pack examples/packs/celeba_labelled.yaml --out work/packs/celeba_labelled
    python -m generators.auxiliary.attribute_judge.calibrate --weights JUDGE.safetensors --learned-from PACK \
        --data work/packs/celeba_labelled --out bench/weights/attribute_judge.safetensors --labels lfw

The judge learned from labels of which only the order is right. Attribute by attribute a logistic regression of what
people said on the judge's logit, both classes of one weight, gives slope and offset (Platt's scaling); its last layer
is scaled by them, so that from 0.5 on an attribute is likelier there than not, if as many faces showed it as do not.
People of the splits train and dev take part, and attributes that 8 of their photos show, and 8 do not; of the eval
people the balanced accuracy is printed. The area under the ROC curve, which no cut can change, is that of all people,
and goes into the file: whoever shows what the judge says can show how far it is to be trusted.

With ``--labels`` the labels that it learned from get numbers, too, in generators/training/label_scaling.json: what
attribute translation takes LFW's predicted labels by. There every face weighs the same, so that a label above 0.5 is
more often right than not, among people such as those who were labelled; of rare attributes the cut lies higher than the
judge's own. Cuts leave as large a share of the train people's faces above them as the judge sees the attribute in: a
judge's logits lie nearer to their mean than the labels that it learned from, so its cut itself would be the wrong one.
The numbers belong to one scale of scores; other predictions need their own.

Source: Platt, Probabilistic outputs for support vector machines, 1999.
"""

from __future__ import annotations

import argparse
import contextlib
import json
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.api import JudgeAgreement
from bench.judges.attribute_judge import AttributeJudgeSettings, NetworkJudge
from bench.judges.network import NAME, JudgeNetwork
from bench.packs import Pack
from generators.auxiliary.attribute_judge.evaluate import Judged, agreement, as_table, judged_pack, logits_of
from generators.training.label_scaling import FILE, LabelScaling, logits, predicted_scaling, standardising
from generators.training.labelled_faces import LabelledFaces

LEAST = 8
"""Faces with, and without, an attribute; of fewer nothing is learned, and its logits stay as they are."""
LEARNING, HELD_OUT = ("train", "dev"), ("eval",)


def platt(seen: NDArray[np.floating], labels: NDArray[np.floating], *, balanced: bool = True) -> LabelScaling:
    """Slope and offset of each attribute's logit.

    They are 0 and 0 where the order is no better than chance, so that a label says nothing; and 1 and 0 where fewer
    than `LEAST` faces show an attribute, or do not.

    Args:
        seen: (N, A), logits.
        labels: (N, A), above 0 for there; NaN where nobody said.
        balanced: whether both classes weigh the same; else each face does.
    """
    from sklearn.linear_model import LogisticRegression

    slopes, offsets = np.ones(seen.shape[1], np.float32), np.zeros(seen.shape[1], np.float32)
    for column in range(seen.shape[1]):
        known = np.isfinite(labels[:, column])
        there = labels[known, column] > 0
        if not learnable(labels[:, [column]])[0]:
            continue
        fitted = LogisticRegression(class_weight="balanced" if balanced else None).fit(seen[known, column, None], there)
        slope = float(fitted.coef_[0, 0])
        slopes[column], offsets[column] = (slope, float(fitted.intercept_[0])) if slope > 0 else (0.0, 0.0)
    return LabelScaling(slopes, offsets)


def learnable(labels: NDArray[np.floating]) -> NDArray[np.bool_]:
    """Which attributes enough faces show, and do not, for `platt`; bool (A,), of labels (N, A)."""
    found: NDArray[np.bool_] = np.minimum((labels > 0).sum(axis=0), (labels <= 0).sum(axis=0)) >= LEAST
    return found


def balanced_accuracy(scores: NDArray[np.floating], labels: NDArray[np.floating]) -> NDArray[np.float64]:
    """The mean share of right answers of both classes at a cut of 0.5, float64 (A,); NaN where one is missing."""
    there, absent, seen = labels > 0, labels <= 0, scores >= 0.5  # comparisons with NaN are False
    with np.errstate(invalid="ignore"):
        right = (there & seen).sum(axis=0) / there.sum(axis=0), (absent & ~seen).sum(axis=0) / absent.sum(axis=0)
    shares: NDArray[np.float64] = (right[0] + right[1]) / 2
    return shares


def scale_last_layer(network: JudgeNetwork, scaling: LabelScaling) -> None:
    """Gives a network the scaled logits, in place."""
    import torch

    slopes, offsets = (torch.from_numpy(one) for one in scaling)
    with torch.no_grad():
        network.read.weight.mul_(slopes[:, None])
        network.read.bias.mul_(slopes).add_(offsets)


def matched(labels: NDArray[np.floating], judged: NDArray[np.floating], slopes: NDArray[np.floating]) -> LabelScaling:
    """What gives labels the judge's shares of faces that show an attribute.

    Args:
        labels: (N, A), logits of labels, as the judge learned them.
        judged: (N, A), its logits of the same faces, above 0 for there.
        slopes: (A,).
    """
    shares = (judged > 0).mean(axis=0)
    cuts = np.array([np.quantile(column, 1 - share) for column, share in zip(labels.T, shares, strict=True)])
    return LabelScaling(np.asarray(slopes, np.float32), (-slopes * cuts).astype(np.float32))


def with_agreement(settings: Mapping[str, Any], found: Mapping[str, JudgeAgreement]) -> dict[str, Any]:
    """The settings of a weight file, and what is known of each attribute, as `NetworkJudge.agreement` reads it."""
    return {**settings, "agreement": {name: one for name, one in found.items() if np.isfinite(one.area)}}


def calibrated(
    weights: Path, judged: Judged, names: Sequence[str], out: Path, about: Mapping[str, Any]
) -> LabelScaling:
    """Writes a calibrated weight file, of one that training released.

    Args:
        weights: of the judge as it learned.
        judged: what it says of faces that people labelled.
        names: its attributes.
        out: the file to write.
        about: what else the file is to say.

    Returns:
        What its logits were scaled by.

    Raises:
        MissingFile, CorruptFile: about `weights`.
    """
    from bench.released import read_about, read_released
    from generators.training.released import write_released

    settings, states = read_released(weights)
    network = JudgeNetwork(len(names), settings["widths"], settings["blocks"])
    network.load_state_dict(states[NAME])
    learning = np.isin(judged.split, LEARNING)
    scaling = platt(judged.logits[learning], judged.labels[learning])
    blind = scaling.slopes == 0  # such an attribute stays as it was: its area says what that is worth
    scaling = LabelScaling(np.where(blind, np.float32(1), scaling.slopes), scaling.offsets)
    scale_last_layer(network, scaling)
    found = agreement(judged.logits, judged.labels, judged.people, names)
    write_released(out, {NAME: network}, with_agreement(settings, found), {**read_about(weights), **about})
    return scaling


def write_label_scaling(
    path: Path, dataset: str, names: Sequence[str], scaling: LabelScaling, about: str, keep: Collection[str]
) -> None:
    """Replaces what label_scaling.json says of a data set.

    Args:
        path: of the file.
        dataset: its plugin.
        names: of the attributes.
        scaling: of all of them.
        about: where the numbers come from.
        keep: names of those that are written; the labels of others stay as they are.
    """
    known = json.loads(path.read_text(encoding="utf-8"))
    pairs = zip(scaling.slopes.tolist(), scaling.offsets.tolist(), strict=True)
    every = {name: [round(slope, 4), round(offset, 4)] for name, (slope, offset) in zip(names, pairs, strict=True)}
    known["datasets"][dataset] = {name: every[name] for name in names if name in keep}
    known["about"][dataset] = about
    text = json.dumps(known, indent=1, sort_keys=True)
    path.write_text(text + "\n", encoding="utf-8")


def main(arguments: Sequence[str] | None = None) -> int:
    """Writes the files, and prints how far the judge agrees with people."""
    parser = argparse.ArgumentParser(prog="python -m generators.auxiliary.attribute_judge.calibrate")
    parser.add_argument("--weights", type=Path, required=True, help="what impersona train attribute_judge released")
    parser.add_argument("--learned-from", type=Path, required=True, help="the pack that it learned from")
    parser.add_argument("--data", type=Path, required=True, help="a pack of faces with true attributes")
    parser.add_argument("--out", type=Path, required=True, help="the calibrated weight file")
    parser.add_argument("--labels", metavar="DATASET", help="scale the labels of this data set of the pack, too")
    given = parser.parse_args(arguments)
    judge = NetworkJudge(AttributeJudgeSettings(weights=str(given.weights)))
    names = judge.attributes
    with contextlib.closing(Pack.open(given.data)) as pack:
        judged, digest = judged_pack(judge, pack), pack.digest
    about = f"scaled on train and dev people of pack {digest}"
    scaling = calibrated(given.weights, judged, names, given.out, {"calibration": about})
    shares = np.full(len(names), np.nan)
    if given.labels:
        with contextlib.closing(Pack.open(given.learned_from)) as pack:
            faces = LabelledFaces(pack, names, (given.labels,), scale="given")
            rows = np.flatnonzero(faces.split == "train").astype(np.int64)
            raw = faces.attributes[rows]
            seen, digest = logits_of(judge, pack, rows), pack.digest
        learning = np.isin(judged.split, LEARNING)
        likely = platt(judged.logits[learning], judged.labels[learning], balanced=False)
        standard = standardising(raw)
        # Not through labels, which end at a least probability: a rare attribute's cut may lie beyond it.
        given_logits = standard.slopes * logits(raw) + standard.offsets
        both = standard.after(*matched(given_logits, seen * likely.slopes + likely.offsets, likely.slopes))
        keep = [name for name, there in zip(names, learnable(judged.labels[learning]), strict=True) if there]
        write_label_scaling(FILE, given.labels, names, both, f"{about}; scores as in pack {digest}", keep)
        written = predicted_scaling(given.labels, names)
        assert written is not None
        shares = (written.scaled(raw) > 0).mean(axis=0)
    scored = 1 / (1 + np.exp(-(judged.logits * scaling.slopes + scaling.offsets)))
    held_out = np.isin(judged.split, HELD_OUT)
    print(as_table(agreement(judged.logits, judged.labels, judged.people, names)))
    accuracy = balanced_accuracy(scored[held_out], judged.labels[held_out])
    print(f"\nAt 0.5, of {held_out.sum()} photos of eval people:\n")
    print("| attribute | balanced accuracy | slope | offset | labels |")
    print("|---|---|---|---|---|")
    for name, share, slope, offset, there in zip(names, accuracy, scaling.slopes, scaling.offsets, shares, strict=True):
        print(f"| {name} | {share:.3f} | {slope:.2f} | {offset:+.2f} | {there:.3f} |")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
