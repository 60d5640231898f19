"""How good the face parser is, beside polygons drawn from 68 points.

    python -m generators.auxiliary.face_parser.evaluate folds --data work/parser_faces --out work/parser_folds
    python -m generators.auxiliary.face_parser.evaluate held-out --data work/parser_faces
    python -m generators.auxiliary.face_parser.evaluate baseline --data work/parser_faces

`folds` trains the recipe six times, each time without four of the 24 CelebAMask-HQ faces, which that network then
parses; it goes on where it was stopped. `held-out` compares a weight file with FASSEG's held-out photos in its six
labels. `baseline` finds the proportions of the polygons that fit the 24 faces best.
"""

from __future__ import annotations

import argparse
import dataclasses
import itertools
import json
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.images import to_crops
from bench.parsers.face_parser import FaceParser, FaceParserSettings
from bench.parsers.labels import LABELS
from bench.seeding import stream
from generators.auxiliary.face_parser.faces import COMPLETE, PARTIAL, Faces
from generators.auxiliary.face_parser.partial import SIX_OF_19
from generators.auxiliary.face_parser.polygons import Proportions, draw
from generators.auxiliary.face_parser.scoring import Agreement, Counts, agreement, confused_with, confusion

FOLDS = 6
SIX = ("background", "skin", "hair", "eyes", "nose", "mouth")
COMPARED = ("background", "skin", "hair")
"""What the parser must beat the polygons on."""

Maps = NDArray[np.uint8]
Parse = Callable[[NDArray[np.float32]], Maps]


def crop_of(faces: Faces, row: int, what: str) -> Maps:
    """The crop `ffhq256` of a stored labelled face: its ``image``, ``codes`` or ``own`` map."""
    picture = np.asarray(getattr(faces, what)(row), dtype=np.uint8)
    edge = (len(picture) - faces.crop_pixels(row)) // 2
    return picture[edge : len(picture) - edge, edge : len(picture) - edge]


def polygons_of(faces: Faces, row: int, proportions: Proportions | None = None) -> Maps | None:
    """The baseline's map of the same crop, or None where there are no landmarks."""
    points = faces.landmarks[row].astype(np.float64)
    if not np.isfinite(points).all():
        return None
    crop = faces.crop_pixels(row)
    return draw(points - (faces.image(row).width - crop) // 2, crop, proportions)


def fold_rows(faces: Faces, fold: int) -> list[int]:
    """The complete faces that a fold leaves out: every `FOLDS`-th of a fixed shuffle."""
    rows = faces.rows(COMPLETE)
    order = stream(0, "face_parser", "folds").permutation(len(rows))
    return sorted(int(rows[place]) for place in order[fold::FOLDS])


def train_fold(data: Path, out: Path, fold: int, steps: int, max_seconds: float | None) -> Path | None:
    """Trains without a fold; the weight file, or None where the time was over before the last step."""
    from generators.auxiliary.face_parser.recipe import PRESETS, TRAINABLE, FaceParserRecipe
    from generators.auxiliary.face_parser.source import FaceSource
    from generators.training.loop import train

    weights = out / f"fold-{fold}.safetensors"
    if weights.is_file():
        return weights
    left_out = fold_rows(Faces(data), fold)

    def source(folder: Path, recipe: Any, seed: int) -> FaceSource:
        assert isinstance(recipe, FaceParserRecipe)
        return FaceSource(folder, recipe.settings, seed, leave_out=left_out)

    settings = dataclasses.replace(PRESETS["base"], steps=steps)
    ended = train(
        dataclasses.replace(TRAINABLE, source=source), settings, data, out / f"fold-{fold}",
        name="parser/face_parser", preset="base", seed=fold, max_steps=steps, max_seconds=max_seconds,
        sample_seconds=0.0, device="cpu", release=str(out / f"fold-{fold}.part"),
    )  # fmt: skip
    if ended.steps < steps:
        return None
    (out / f"fold-{fold}.part").replace(weights)
    return weights


def compare_complete(faces: Faces, rows: Sequence[int], parse: Parse) -> tuple[dict[int, Counts], dict[int, Counts]]:
    """By row the parser's and, where there are landmarks, the polygons' confusion of complete faces."""
    found = parse(to_crops(np.stack([crop_of(faces, row, "image") for row in rows])))
    own = {row: confusion(crop_of(faces, row, "codes"), found[place], 19) for place, row in enumerate(rows)}
    drawn = {row: polygons_of(faces, row) for row in rows}
    return own, {
        row: confusion(crop_of(faces, row, "codes"), said, 19) for row, said in drawn.items() if said is not None
    }


def run_folds(data: Path, out: Path, steps: int, max_seconds: float | None) -> dict[str, Any] | None:
    """The whole cross-validation, or as much of it as there is time for; the figures once all folds are there."""
    faces = Faces(data)
    own: dict[int, Counts] = {}
    polygons: dict[int, Counts] = {}
    six: list[dict[int, Counts]] = []
    for fold in range(FOLDS):
        weights = train_fold(data, out, fold, steps, max_seconds)
        if weights is None:
            print(f"fold {fold}: stopped before step {steps}; the same command goes on")
            return None
        parser = FaceParser(FaceParserSettings(weights=str(weights)))
        parsed = compare_complete(faces, fold_rows(faces, fold), parser.parse)
        own |= parsed[0]
        polygons |= parsed[1]
        six.append(compare_partial(faces, faces.rows(PARTIAL, held_out=True).tolist(), parser.parse)[0])
        print(f"fold {fold}: mIoU {agreement(list(parsed[0].values()), LABELS).mean:.3f} of {len(parsed[0])} faces")
    rows = sorted(own)
    with_points = sorted(polygons)
    report = {
        "steps": steps,
        "complete": _table("CelebAMask-HQ, six folds", [own[row] for row in rows], LABELS),
        "same_faces": _table("the same, faces with landmarks", [own[row] for row in with_points], LABELS),
        "polygons": _table("polygons from 68 points, the same faces", [polygons[row] for row in with_points], LABELS),
        "held_out_by_fold": [agreement(list(one.values()), SIX).as_plain()["mean_iou"] for one in six],
    }
    _print_confusions([own[row] for row in rows])
    return report


def compare_partial(faces: Faces, rows: Sequence[int], parse: Parse) -> tuple[dict[int, Counts], dict[int, Counts]]:
    """By row the parser's and, where there are landmarks, the polygons' confusion of FASSEG photos, in six labels."""
    own: dict[int, Counts] = {}
    drawn: dict[int, Counts] = {}
    for start in range(0, len(rows), 32):
        part = [int(row) for row in rows[start : start + 32]]
        found = parse(to_crops(np.stack([crop_of(faces, row, "image") for row in part])))
        for place, row in enumerate(part):
            truth = crop_of(faces, row, "own")
            own[row] = confusion(truth, SIX_OF_19[found[place]], 6)
            said = polygons_of(faces, row)
            if said is not None:
                drawn[row] = confusion(truth, SIX_OF_19[said], 6)
    return own, drawn


def run_held_out(data: Path, weights: str) -> dict[str, Any]:
    """FASSEG's held-out photos by a weight file: people 08 to 15 of v3, the test photos of v2, and v3 by yaw."""
    faces = Faces(data)
    rows = [int(row) for row in faces.rows(PARTIAL, held_out=True)]
    own, drawn = compare_partial(faces, rows, FaceParser(FaceParserSettings(weights=weights)).parse)
    report: dict[str, Any] = {}
    groups = {"v3, people 08 to 15": "fasseg/v3", "v2, test photos": "fasseg/v2"}
    for name, start in groups.items():
        chosen = [row for row in rows if str(faces.keys[row]).startswith(start)]
        report[name] = _table(name, [own[row] for row in chosen], SIX)
        both = [row for row in chosen if row in drawn]
        report[f"{name}, with landmarks"] = _table(f"{name}, with landmarks", [own[row] for row in both], SIX)
        report[f"{name}, polygons"] = _table(f"{name}, polygons, the same", [drawn[row] for row in both], SIX)
    turned = [(abs(yaw_of(str(faces.keys[row]))), row) for row in rows if str(faces.keys[row]).startswith("fasseg/v3")]
    for yaw, group in itertools.groupby(sorted(turned), key=lambda one: one[0]):
        chosen = [row for _, row in group]
        report[f"v3, yaw {yaw}"] = _table(f"v3, yaw {yaw} degrees", [own[row] for row in chosen], SIX)
    return report


def yaw_of(key: str) -> int:
    """Degrees, as FASSEG's v3 file names have them."""
    found = re.search(r"p0([p-])(\d+)$", key)
    return 0 if found is None else int(found[2]) * (1 if found[1] == "p" else -1)


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


def _table(title: str, counts: Sequence[Counts], names: Sequence[str]) -> Mapping[str, object]:
    found = agreement(counts, names)
    print(f"\n{title}: {found.count} images, mIoU {found.mean:.3f} ({found.mean_low:.3f} to {found.mean_high:.3f}), "
          f"pixel accuracy {found.accuracy:.3f}")  # fmt: skip
    print("\n".join(_lines(found)))
    return found.as_plain()


def _lines(found: Agreement) -> list[str]:
    lines = []
    for place, name in enumerate(found.names):
        images = int(found.images[place])
        iou = "-" if np.isnan(found.iou[place]) else f"{found.iou[place]:.3f}"
        rest = "insufficient" if images < 5 else f"({found.low[place]:.3f} to {found.high[place]:.3f})"
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
        else run_folds(given.data, given.out, given.steps, given.max_seconds)
    )
    if report is None:
        return 1
    if given.json is not None:
        given.json.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
