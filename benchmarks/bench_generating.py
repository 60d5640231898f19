"""How many faces a second a trained generator makes, from the bench's batch to its crops, and what memory it takes.

    python -m pytest -s benchmarks/bench_generating.py
    IMPERSONA_GENERATORS='spade; {name: sis, weights: w.safetensors}' python -m pytest -s benchmarks/bench_generating.py

Two threads, batches as the bench fills them, drawn faces. Making a face is all that is counted: neither finding it nor
its mask, nor the embedding that some generators take. A generator whose weights are not there is skipped. Memory is the
largest resident memory of a process that makes faces and does nothing else. The last one is the time of a session of
`mixsyn`: a face of K sources, with and without labelling their photos, and the same face after one region was chosen
anew. At six sources one region takes at most half of a full synthesis from photos, which labels each of them; that is
asserted of the time, and tests/test_mixsyn_session.py asserts it of multiply-adds.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from bench import registry
from bench.api import FaceBatch
from bench.errors import MissingFile, UnknownName
from bench.images import to_crops
from generators.picture_sheets import drawn_crops

ROOT = Path(__file__).parent.parent
DEFAULT = (
    "spade; sis; {name: mixsyn, sources: 2}; {name: mixsyn, sources: 6}; {name: translation, edits: {Smiling: flip}};"
    " {name: translation, by: reference}"
)
GENERATORS = [yaml.safe_load(one) for one in os.environ.get("IMPERSONA_GENERATORS", DEFAULT).split(";")]
FACES, ROUNDS, THREADS, PEOPLE = 64, 5, 2, 8
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
    drawn = drawn_crops(PEOPLE)
    own = np.arange(count) % PEOPLE
    others = (own[:, None] + np.arange(1, max(generator.contributors, 2))) % PEOPLE
    images, labels, landmarks = to_crops(drawn.crops), drawn.maps, drawn.points
    wanted = getattr(generator, "preset", None)
    length = getattr(wanted, "identity", 0) or 128
    identities = np.random.default_rng(0).normal(0, 0.1, (PEOPLE, length)).astype(np.float32)
    fields = {
        "masks": labels[own],
        "landmarks": landmarks[own],
        "identity": identities[own],
        "references": images[others],
        "reference_masks": labels[others],
        "reference_landmarks": landmarks[others],
        "reference_identity": identities[others],
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


@pytest.mark.parametrize("sources", [2, 6])
def test_a_session_after_one_choice(sources: int) -> None:
    from generators.mixsyn.mixing import Mixer
    from generators.mixsyn.session import MixingSession

    given = [one for one in GENERATORS if isinstance(one, dict) and one["name"] == "mixsyn"]
    weights = given[0].get("weights", "") if given else ""
    generator = loaded({"name": "mixsyn", "sources": sources, "weights": weights})
    batch = faces_for(generator, 1)
    assert batch.masks is not None
    assert batch.references is not None
    assert batch.reference_masks is not None
    images = np.concatenate([batch.images, batch.references[0]])
    labels = np.concatenate([batch.masks, batch.reference_masks[0]])
    mixer = Mixer(weights, threads=THREADS)
    parser = registry.load("parser", "face_parser", threads=THREADS, batch_size=sources)  # none of its places is empty
    found: dict[str, list[float]] = {"parsed": [], "full": [], "region": [], "style": []}
    for _ in range(2 * ROUNDS):
        found["parsed"].append(seconds(lambda: parser.parse(images)))
        begun = time.perf_counter()
        session = MixingSession(mixer, images, labels)
        for place, part in enumerate(("hair", "eyes", "nose", "mouth", "skin")):
            session.choose(part, place % (sources - 1) + 2)
        session.face()
        found["full"].append(time.perf_counter() - begun)
        session.choose("brows", 2)
        found["region"].append(seconds(session.face))
        session.choose("neck", style=2)
        found["style"].append(seconds(session.face))
        assert session.counts == (sources, 2, 3)
    parsed, full, region, style = (1000 * sorted(times)[ROUNDS] for times in found.values())
    whole = parsed + full
    print(f"\nmixsyn, {sources} sources: {whole:.1f} ms a face from photos, {full:.1f} ms without labelling them;"
          f" {region:.1f} ms after one region was chosen anew ({region / whole:.2f} and {region / full:.2f} of it),"
          f" {style:.1f} ms after one style; {THREADS} threads")  # fmt: skip
    assert region < full
    assert sources < 6 or region <= 0.5 * whole


def seconds(work: Callable[[], object]) -> float:
    """How long something takes."""
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun
