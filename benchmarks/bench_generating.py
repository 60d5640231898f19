"""How many faces a second a trained generator makes, from the bench's batch to its crops, and what memory it takes.

    python -m pytest -s benchmarks/bench_generating.py
    IMPERSONA_GENERATORS='spade; {name: sis, weights: w.safetensors}' python -m pytest -s benchmarks/bench_generating.py

Two threads, batches as the bench fills them, drawn faces. Making a face is all that is counted: neither finding it nor
its mask, nor the embedding that some generators take. A generator whose weights are not there is skipped. Memory is the
largest resident memory of a process that makes faces and does nothing else.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from bench import registry
from bench.aligners.geometry import crop_matrix, move_points, warp_labels
from bench.aligners.templates import FFHQ256, warp
from bench.api import Face, FaceBatch
from bench.errors import MissingFile, UnknownName
from bench.images import to_crops

ROOT = Path(__file__).parent.parent
GENERATORS = [yaml.safe_load(one) for one in os.environ.get("IMPERSONA_GENERATORS", "spade; sis").split(";")]
FACES, ROUNDS, THREADS = 64, 5, 2
MOST_MEMORY_MB = 2000


def loaded(entry: Any) -> Any:
    """The generator of an entry; the test is skipped where it cannot be had here."""
    settings = {"name": entry} if isinstance(entry, str) else dict(entry)
    name = settings.pop("name")
    try:
        return registry.load("generator", name, **{"threads": THREADS, **settings})
    except (MissingFile, UnknownName) as error:
        pytest.skip(f"{name} cannot be had here: {error}")


def faces_for(generator: Any, count: int) -> FaceBatch:
    """Drawn people, and all that a generator may ask of them; the embeddings are drawn too, as long as dlib's."""
    data = registry.load("dataset", "drawn", people=8, images=2, side=256, split="all")
    crops, masks, points = [], [], []
    for frame in data.frames():
        known = data.landmarks(frame.key)
        matrix = crop_matrix(Face(np.zeros(4, np.float32), known, 1.0), FFHQ256)
        crops.append(warp(data.image(frame.key), matrix, FFHQ256.side))
        masks.append(warp_labels(data.mask(frame.key), matrix, FFHQ256.side))
        points.append(move_points(known["dlib68"], matrix))
    own, other = np.arange(count) % len(crops), (np.arange(count) + 2) % len(crops)
    images, labels, landmarks = to_crops(np.stack(crops)), np.stack(masks), np.stack(points)
    wanted = getattr(generator, "preset", None)
    length = getattr(wanted, "identity", 0) or 128
    identities = np.random.default_rng(0).normal(0, 0.1, (len(crops), length)).astype(np.float32)
    fields = {
        "masks": labels[own],
        "landmarks": landmarks[own],
        "identity": identities[own],
        "references": images[other][:, None],
        "reference_masks": labels[other][:, None],
        "reference_landmarks": landmarks[other][:, None],
        "reference_identity": identities[other][:, None],
    }
    return FaceBatch(images=images[own], **{name: fields[name] for name in generator.conditions})


@pytest.mark.parametrize("entry", GENERATORS, ids=str)
def test_faces_a_second(entry: Any) -> None:
    generator = loaded(entry)
    batch, rng = faces_for(generator, FACES), np.random.default_rng(0)
    generator.generate(faces_for(generator, generator.batch_size), rng)
    rates = []
    for _ in range(ROUNDS):
        begun = time.perf_counter()
        made = generator.generate(batch, rng)
        rates.append(FACES / (time.perf_counter() - begun))
    print(f"\n{entry}: {max(rates):.1f} faces a second at best, {sorted(rates)[ROUNDS // 2]:.1f} in the middle of"
          f" {ROUNDS} rounds; {THREADS} threads, batches of {generator.batch_size}")  # fmt: skip
    assert np.isfinite(made).any()
    assert max(rates) > 1


@pytest.mark.parametrize("entry", GENERATORS, ids=str)
def test_peak_memory(entry: Any) -> None:
    loaded(entry)
    code = (
        "import sys, yaml, numpy as np\n"
        "from benchmarks.bench_generating import faces_for, loaded\n"
        "from generators.training.log import peak_memory\n"
        "generator = loaded(yaml.safe_load(sys.argv[1]))\n"
        "generator.generate(faces_for(generator, 2 * generator.batch_size), np.random.default_rng(0))\n"
        "print('peak', peak_memory() / 1e6)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, yaml.safe_dump(entry, default_flow_style=True)], check=True, capture_output=True,
        text=True, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    found = re.search(r"^peak (\S+)", done.stdout, re.M)
    assert found
    print(f"\n{entry}: peak memory {float(found[1]):,.0f} MB")
    assert float(found[1]) < MOST_MEMORY_MB
