"""How good the face parser is, beside polygons drawn from 68 points.

    python -m generators.auxiliary.face_parser.evaluate folds --data work/parser_faces --out work/parser_folds
    python -m generators.auxiliary.face_parser.evaluate held-out --data work/parser_faces
    python -m generators.auxiliary.face_parser.evaluate baseline --data work/parser_faces

`folds` trains the recipe six times, each time without four of the 24 CelebAMask-HQ faces, which that network then
parses; it goes on where it was stopped. All six may start with weights that never saw any of the 24 (``--start``), so
that what they share is learned once:

    impersona train face_parser --preset base --data work/parser_faces --out work/parser_without
        --set complete=0 --set partial=8 --set photos=8 --set steps=3000 --release work/parser_without.safetensors

`held-out` compares a weight file with FASSEG's held-out photos in its six
labels. `baseline` finds the proportions of the polygons that fit the 24 faces best.
"""

from __future__ import annotations

import argparse
import dataclasses
import itertools
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bench.errors import ConfigError
from bench.parsers.face_parser import FaceParser, FaceParserSettings
from bench.parsers.labels import LABELS
from bench.provenance import file_digest
from bench.weights import metadata
from generators.auxiliary.face_parser.comparing import (
    FOLDS,
    SIX,
    compare_complete,
    compare_partial,
    crop_of,
    fold_rows,
    held_out_rows,
    person_of,
    polygons_of,
    yaw_of,
)
from generators.auxiliary.face_parser.faces import COMPLETE, Faces
from generators.auxiliary.face_parser.polygons import Proportions
from generators.auxiliary.face_parser.scoring import FEW, Agreement, Counts, agreement, confused_with, confusion


def refuse_seen(start: str) -> None:
    """Refuses weights that have seen the complete faces, or do not say that they have not.

    Raises:
        ConfigError: so it is.
        MissingFile: there is no such file.
    """
    seen = json.loads(metadata(Path(start)).get("settings", "{}")).get("complete")
    if seen != 0:
        raise ConfigError(
            f"--start: got {start}, which learned from {'an unknown number of' if seen is None else seen} complete"
            " faces a step, expected 0: a fold would be asked about faces that it knows; train with --set complete=0"
        )


def train_fold(data: Path, out: Path, fold: int, steps: int, max_seconds: float | None, start: str = "") -> Path | None:
    """Trains without a fold; the weight file, or None where the time was over before the last step."""
    from generators.auxiliary.face_parser.recipe import PRESETS, TRAINABLE, FaceParserRecipe
    from generators.auxiliary.face_parser.source import FaceSource
    from generators.training.loop import train
    from generators.training.released import read_about

    weights = out / f"fold-{fold}.safetensors"
    faces = Faces(data)
    if weights.is_file():
        said = read_about(weights)
        had = said.get("steps"), said.get("data"), said.get("started_with", {}).get("sha256")
        wanted = steps, faces.digest, file_digest(start) if start else None
        if had != wanted:
            raise ConfigError(
                f"{weights}: got steps, data and first weights {had}, expected {wanted}; give another --out, or remove"
                " the folder"
            )
        return weights
    left_out = fold_rows(faces, fold)

    def source(folder: Path, recipe: Any, seed: int) -> FaceSource:
        assert isinstance(recipe, FaceParserRecipe)
        return FaceSource(folder, recipe.settings, seed, leave_out=left_out)

    settings = dataclasses.replace(PRESETS["base"], steps=steps)
    ended = train(
        dataclasses.replace(TRAINABLE, source=source), settings, data, out / f"fold-{fold}",
        name="parser/face_parser", preset="base", seed=fold, max_steps=steps, max_seconds=max_seconds,
        sample_seconds=0.0, device="cpu", release=str(out / f"fold-{fold}.part"), start=start,
    )  # fmt: skip
    if ended.steps < steps:
        return None
    (out / f"fold-{fold}.part").replace(weights)
    return weights


def run_folds(data: Path, out: Path, steps: int, max_seconds: float | None, start: str = "") -> dict[str, Any] | None:
    """The whole cross-validation, or as much of it as there is time for; the figures once all folds are there.

    Args:
        data: what `prepare` made.
        out: where the folds are trained.
        steps: of each fold.
        max_seconds: of one fold in this call; None for no limit.
        start: weights that never saw a complete face, with which every fold starts; empty for fresh networks.
    """
    faces = Faces(data)
    if start:
        refuse_seen(start)
    own: dict[int, Counts] = {}
    polygons: dict[int, Counts] = {}
    six: list[dict[int, Counts]] = []
    partial = held_out_rows(faces)
    for fold in range(FOLDS):
        weights = train_fold(data, out, fold, steps, max_seconds, start)
        if weights is None:
            print(f"fold {fold}: stopped before step {steps}; the same command goes on")
            return None
        parser = FaceParser(FaceParserSettings(weights=str(weights)))
        parsed = compare_complete(faces, fold_rows(faces, fold), parser.parse)
        own |= parsed[0]
        polygons |= parsed[1]
        six.append(compare_partial(faces, partial, parser.parse)[0])
        right = agreement(list(parsed[0].values()), LABELS).accuracy
        print(f"fold {fold}: {right:.1%} of the pixels of {len(parsed[0])} faces are right")
    rows = sorted(own)
    with_points = sorted(polygons)
    report = {
        "steps": steps,
        "started_with": file_digest(start) if start else None,
        "complete": _table("CelebAMask-HQ, six folds", [own[row] for row in rows], LABELS),
        "same_faces": _table("the same, faces with landmarks", [own[row] for row in with_points], LABELS),
        "polygons": _table("polygons from 68 points, the same faces", [polygons[row] for row in with_points], LABELS),
        "held_out_by_fold": [agreement(list(one.values()), SIX).as_plain()["mean_iou"] for one in six],
    }
    _print_confusions([own[row] for row in rows])
    return report


def run_held_out(data: Path, weights: str) -> dict[str, Any]:
    """FASSEG's held-out photos by a weight file: people 08 to 15 of v3, the test photos of v2, and v3 by yaw."""
    faces = Faces(data)
    rows = held_out_rows(faces)
    own, drawn = compare_partial(faces, rows, FaceParser(FaceParserSettings(weights=weights)).parse)
    report: dict[str, Any] = {}
    groups = {"v3, people 08 to 15": "fasseg/v3", "v2, test photos": "fasseg/v2"}
    for name, start in groups.items():
        chosen = [row for row in rows if str(faces.keys[row]).startswith(start)]
        both = [row for row in chosen if row in drawn]
        for title, counts, shown in (
            (name, own, chosen),
            (f"{name}, with landmarks", own, both),
            (f"{name}, with landmarks, polygons", drawn, both),
        ):
            report[title] = _table(title, [counts[row] for row in shown], SIX, _people(faces, shown))
    turned = [(abs(yaw_of(str(faces.keys[row]))), row) for row in rows if str(faces.keys[row]).startswith("fasseg/v3")]
    for yaw, group in itertools.groupby(sorted(turned), key=lambda one: one[0]):
        chosen = [row for _, row in group]
        report[f"v3, yaw {yaw}"] = _table(
            f"v3, yaw {yaw} degrees", [own[row] for row in chosen], SIX, _people(faces, chosen)
        )
    return report


def fit_baseline(data: Path) -> Proportions:
    """The proportions with the largest mean IoU of background, skin, hair and neck on the complete faces."""
    faces = Faces(data)
    rows = [int(row) for row in faces.rows(COMPLETE) if np.isfinite(faces.landmarks[row]).all()]
    truth = [crop_of(faces, row, "codes") for row in rows]
    best, chosen = -1.0, Proportions()
    steps: Mapping[str, Sequence[float]] = {
        "forehead": (0.2, 0.3, 0.4, 0.5, 0.6, 0.7),
        "ring_top": (0.2, 0.35, 0.5, 0.65, 0.8, 1.0),
        "ring_sides": (0.2, 0.35, 0.5, 0.65, 0.8),
        "ring_length": (0.3, 0.6, 0.9, 1.2, 1.6),
        "neck": (0.5, 0.6, 0.7, 0.8, 0.9),
    }
    for _ in range(3):  # one number after the other, three times
        for name, values in steps.items():
            for value in values:
                tried = dataclasses.replace(chosen, **{name: value})
                maps = [polygons_of(faces, row, tried) for row in rows]
                total = np.sum(
                    [confusion(true, said, 19) for true, said in zip(truth, maps, strict=True) if said is not None],
                    axis=0,
                )
                both = np.diag(total)
                iou = both / np.maximum(total.sum(0) + total.sum(1) - both, 1)
                if (score := float(iou[[0, 1, 13, 17]].mean())) > best:
                    best, chosen = score, tried
    print(f"mean IoU of background, skin, hair and neck {best:.3f} with {chosen}")
    return chosen


def _people(faces: Faces, rows: Sequence[int]) -> list[str]:
    return [person_of(str(faces.keys[row])) for row in rows]


def _table(
    title: str, counts: Sequence[Counts], names: Sequence[str], people: Sequence[str] | None = None
) -> Mapping[str, object]:
    if not counts:
        print(f"\n{title}: no images")
        return {"images": 0}
    found = agreement(counts, names, people)
    of_people = f" of {found.units} people" if found.units < found.count else ""
    print(f"\n{title}: {found.count} images{of_people}, mIoU {found.mean:.3f} "
          f"({found.mean_low:.3f} to {found.mean_high:.3f}), pixel accuracy {found.accuracy:.3f}")  # fmt: skip
    print("\n".join(_lines(found)))
    return found.as_plain()


def _lines(found: Agreement) -> list[str]:
    lines = []
    for place, name in enumerate(found.names):
        images = int(found.images[place])
        iou = "-" if np.isnan(found.iou[place]) else f"{found.iou[place]:.3f}"
        rest = "insufficient" if images < FEW else f"({found.low[place]:.3f} to {found.high[place]:.3f})"
        lines.append(f"  {name:12s} {iou:>6s} {rest:18s} {images} images")
    return lines


def _print_confusions(counts: Sequence[Counts]) -> None:
    print("\nmost confused: label: other, share of its pixels lost to it, share of its pixels taken from it")
    for label, name in enumerate(LABELS):
        if sum(int(one[label].sum()) for one in counts):
            worst = confused_with(counts, LABELS, label)[:3]
            print(f"  {name:12s} " + "; ".join(f"{other} {lost:.2f} {taken:.2f}" for other, lost, taken in worst))


def main(arguments: Sequence[str] | None = None) -> int:
    """Evaluates; see the module's docstring."""
    parser = argparse.ArgumentParser(prog="python -m generators.auxiliary.face_parser.evaluate", description=__doc__)
    parser.add_argument("what", choices=("folds", "held-out", "baseline"))
    parser.add_argument("--data", type=Path, required=True, help="the folder that `prepare` made")
    parser.add_argument("--out", type=Path, default=Path("work/parser_folds"), help="where the folds are trained")
    parser.add_argument("--steps", type=int, default=1000, help="of each fold")
    parser.add_argument("--start", default="", help="weights that never saw the 24 faces, with which every fold starts")
    parser.add_argument("--max-seconds", type=float, default=None, help="of one fold in this call")
    parser.add_argument("--weights", default="", help="a weight file; by default the released one")
    parser.add_argument("--json", type=Path, default=None, help="where to write the figures")
    given = parser.parse_args(arguments)
    if given.what == "baseline":
        fit_baseline(given.data)
        return 0
    report = (
        run_held_out(given.data, given.weights)
        if given.what == "held-out"
        else run_folds(given.data, given.out, given.steps, given.max_seconds, given.start)
    )
    if report is None:
        return 1
    if given.json is not None:
        given.json.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
