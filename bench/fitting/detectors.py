"""Fits the detectors that ship and writes their weight files.

    python -m bench.fitting.detectors spectral --sweep examples/detector_training.yaml --out spectral.safetensors
    python -m bench.fitting.detectors differential_morph --sweep examples/detector_training.yaml --out mine.safetensors

The sweep says whose faces and which attacks. Train people of its data set are learned from, the strength is chosen on
dev people, and eval people are not looked at. The same photos, libraries and processor give the same bytes.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.api import Detector
from bench.config import load_sweep
from bench.detectors import differential_morph, spectral
from bench.detectors.differential_morph import DifferentialMorph, DifferentialMorphSettings
from bench.detectors.linear_weights import write_linear_weights
from bench.detectors.spectral import Spectral, SpectralSettings
from bench.errors import ImpersonaError
from bench.fitting.linear import Candidate, best, candidates
from bench.fitting.samples import Describe, Samples, gather
from bench.provenance import file_digest


@dataclass(frozen=True, eq=False)
class Recipe:
    """A detector that has no weights yet.

    Attributes:
        detector: says how it wants faces cropped, and whether it wants a trusted photo beside each.
        layout: what its features are.
        describe: crops to features.
    """

    detector: Detector
    layout: str
    describe: Describe


def _differential_morph() -> Recipe:
    detector = DifferentialMorph(DifferentialMorphSettings())
    return Recipe(detector, differential_morph.LAYOUT, detector.features)


def _spectral() -> Recipe:
    return Recipe(Spectral(SpectralSettings()), spectral.LAYOUT, lambda suspects, trusted: spectral.spectra(suspects))


RECIPES: Mapping[str, Callable[[], Recipe]] = {"differential_morph": _differential_morph, "spectral": _spectral}


def fit_detector(name: str, sweep: Path, out: Path, overrides: Sequence[str] = ()) -> Candidate:
    """Fits a detector, writes its weight file and says what it saw.

    Args:
        name: one of `RECIPES`.
        sweep: a sweep file whose data set has a setting ``split``.
        out: the weight file.
        overrides: ``"key=value"`` for the sweep, as `load_sweep` takes them.

    Raises:
        ImpersonaError: the sweep cannot be understood, or its people are too few.
    """
    recipe = RECIPES[name]()
    seen = {}
    for split in ("train", "dev"):
        shown = load_sweep(sweep, [*overrides, f"dataset.split={split}"])
        seen[split] = gather(shown, recipe.detector, recipe.describe)
        _say(split, seen[split])
    found = candidates(seen["train"], seen["dev"])
    for one in found:
        print(f"C {one.strength:g}: mean area under the ROC curve over species, dev people: {one.area:.4f}")
    chosen = best(found)
    for species, area in chosen.areas.items():
        print(f"  {species}: {area:.4f}")
    write_linear_weights(out, chosen.weights, recipe.layout)
    print(f"wrote {out} (C {chosen.strength:g}): {out.stat().st_size} bytes, SHA-256 {file_digest(out)}")
    return chosen


def _say(split: str, samples: Samples) -> None:
    people = {one for who in samples.people for one in who}
    kinds, attacks = len(set(samples.species) - {None}), int(samples.attack.sum())
    print(
        f"{split}: {attacks} attacks of {kinds} species and {len(samples.species) - attacks} bona fide, of "
        f"{len(people)} people; no face found in {samples.without_response} more"
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("detector", choices=sorted(RECIPES))
    parser.add_argument("--sweep", type=Path, required=True, help="the sweep whose faces it learns from")
    parser.add_argument("--out", type=Path, required=True, help="the weight file to write")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="overrides of the sweep")
    given = parser.parse_args(arguments)
    try:
        fit_detector(given.detector, given.sweep, given.out, given.set)
    except ImpersonaError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
