"""Does the leakage audit catch what it must? Photos that somebody "made" by hardly changing other people's.

    python examples/leakage_controls.py --data '{name: celeba, root: /data/celeba299}' --out runs/controls

Three folders of slightly changed photos: of the people learned from (excess leakage must be near +1), of as many whom
nobody learned from (near -1), and of a third set (the interval must hold 0). Each is audited against the same two
galleries. No generator takes part: what is tested is the audit.
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

import numpy as np
import yaml
from PIL import Image

from bench.config import PluginEntry, parse_entry
from bench.notebook import run
from bench.sweep.audit import Faces, audit_sweep
from bench.sweep.evaluation import recognizers_given
from bench.sweep.instances import plain
from bench.sweep.other_people import Others, others_of
from bench.sweep.risk_plan import matched_sides

FPIR = (0.1, 0.01)


def slightly_changed(pixels: np.ndarray, rng: np.random.Generator) -> Image.Image:
    """A photo moved by up to three pixels, a little brighter or darker, and compressed by whoever saves it."""
    shift = rng.integers(-3, 4, 2)
    moved = np.roll(pixels, shift, axis=(0, 1)).astype(np.float32)
    return Image.fromarray(np.clip(moved * rng.uniform(0.92, 1.08), 0, 255).astype(np.uint8))


def write(others: Others, folder: Path, photos: int, rng: np.random.Generator) -> None:
    """Changed copies of the first photos of everybody, a folder a person."""
    shutil.rmtree(folder, ignore_errors=True)
    for frame in others.only(dict.fromkeys(sorted(others.people), photos)).frames:
        path = folder / frame.subject / f"{Path(frame.key).stem}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        slightly_changed(others.dataset.image(frame.key), rng).save(path, quality=85)


def part(data: PluginEntry, split: str) -> PluginEntry:
    """The same data set, another part of its people."""
    return data.model_copy(update={"settings": {**data.settings, "split": split}})


def main() -> None:
    """Writes the three folders, audits each and prints what was found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, help="a data set with a split by person, as a YAML mapping")
    parser.add_argument("--out", required=True, type=Path)
    parser.add_argument("--recognizers", default="dlib_resnet", help="names, or a YAML list")
    parser.add_argument("--photos", type=int, default=2, help="photos of each person that are returned")
    given = parser.parse_args()
    data = parse_entry(yaml.safe_load(given.data), "--data")
    rng = np.random.default_rng(0)
    split = {name: others_of(name, plain(part(data, name).as_entry()), None) for name in ("train", "dev", "eval")}
    sides = matched_sides(split["train"], split["dev"], 20, seed=0)
    for name, people in (("train", sides.train), ("holdout", sides.holdout), ("third", split["eval"])):
        folder = given.out / f"returned_{name}"
        write(people, folder, given.photos, rng)
        sweep = audit_sweep(
            Faces("dataset", PluginEntry(name="folder", settings={"root": str(folder)})),
            train=part(data, "train"),
            holdout=part(data, "dev"),
            strangers=part(data, "eval"),
            recognizers=recognizers_given(given.recognizers),
            fpir=FPIR,
        )
        found = run(sweep.model_copy(update={"name": f"returned-{name}"}), given.out / f"run_{name}").summary()
        for row in found[found.figure == "excess_leakage"].itertuples():
            if row.value is not None:
                ends = f"[{row.low:+.3f}, {row.high:+.3f}]"
                print(f"{name}: {row.recognizer}, {row.operating_point}: {row.value:+.3f} {ends}")


if __name__ == "__main__":
    main()
