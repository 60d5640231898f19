"""Fits lbp's PCA on LFW and writes the weight file.

    python -m bench.recognizers.lbp_fit --data $IMPERSONA_DATA/lfw --out bench/weights/lbp.safetensors

People of the train split whom no view-2 pair names, so that view 2 stays a test; a few photos of each, so that nobody
counts for many. The same photos and libraries give the same bytes.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.api import Aligner, Dataset, Frame
from bench.errors import ImpersonaError, InsufficientData
from bench.images import to_crops
from bench.provenance import file_digest
from bench.recognizers.lbp import LAYOUT, TEMPLATE, describe
from bench.registry import load
from bench.seeding import split_of, stream

COMPONENTS = 300
PHOTOS_PER_PERSON = 4


def fitting_frames(dataset: Dataset, per_person: int = PHOTOS_PER_PERSON) -> list[Frame]:
    """The frames to fit on: the first few of each train person whom no view-2 pair names.

    Args:
        dataset: LFW.
        per_person: how many at most of one person.
    """
    named = {frame.subject for frame in dataset.trials("view2", stream(0, "lbp")).frames}
    taken: Counter[str] = Counter()
    chosen = []
    for frame in dataset.frames():
        if frame.subject in named or split_of(frame.subject) != "train" or taken[frame.subject] == per_person:
            continue
        taken[frame.subject] += 1
        chosen.append(frame)
    return chosen


def described_frames(dataset: Dataset, aligner: Aligner, frames: Sequence[Frame]) -> NDArray[np.float32]:
    """Descriptors, float32 (N', 7080), of the frames in which a face is found."""
    rows = []
    for frame in frames:
        image = dataset.image(frame.key)
        faces = aligner.detect(image)
        if faces:
            rows.append(describe(to_crops(aligner.crop(image, faces[0], TEMPLATE)[None]))[0])
    print(f"a face found in {len(rows)} of {len(frames)} photos")
    return np.stack(rows)


def whitened_components(
    described: NDArray[np.float32], components: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean and principal directions, each over the standard deviation along it.

    Args:
        described: float32 (N, L) descriptors.
        components: D, how many directions, less than N.

    Returns:
        float64 (L,) and (D, L); the entry of largest magnitude of each direction is positive.

    Raises:
        InsufficientData: fewer than D + 1 descriptors.
    """
    if len(described) <= components:
        raise InsufficientData(f"got {len(described)} faces for {components} components; expected more faces")
    mean = described.mean(axis=0, dtype=np.float64)
    _, singular, directions = np.linalg.svd(described - mean, full_matrices=False)
    directions = directions[:components]
    largest = np.take_along_axis(directions, np.abs(directions).argmax(axis=1, keepdims=True), axis=1)
    deviations = singular[:components, None] / np.sqrt(len(described) - 1)
    return mean, directions * np.sign(largest) / deviations


def fit(root: Path, out: Path, components: int = COMPONENTS, per_person: int = PHOTOS_PER_PERSON) -> None:
    """Fits on the LFW in `root` and writes `out`, float16 safetensors.

    Raises:
        MissingFile: there is no LFW in `root`.
        InsufficientData: too few faces.
    """
    from safetensors.numpy import save

    dataset = load("dataset", "lfw", root=root)
    frames = fitting_frames(dataset, per_person)
    print(f"{len(frames)} photos of {len({frame.subject for frame in frames})} people")
    described = described_frames(dataset, load("aligner", "dlib_hog"), frames)
    mean, projection = whitened_components(described, components)
    tensors = {"mean": mean.astype(np.float16), "projection": projection.astype(np.float16)}
    out.write_bytes(save(tensors, metadata={"layout": LAYOUT}))
    print(f"wrote {out}: {out.stat().st_size} bytes, SHA-256 {file_digest(out)}")


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="the folder with LFW's photos and pairs.txt")
    parser.add_argument("--out", type=Path, required=True, help="the weight file to write")
    parser.add_argument("--components", type=int, default=COMPONENTS)
    parser.add_argument("--photos", type=int, default=PHOTOS_PER_PERSON, help="of one person, at most")
    given = parser.parse_args(arguments)
    try:
        fit(given.data, given.out, given.components, given.photos)
    except ImpersonaError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
