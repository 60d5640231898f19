"""How fast scores are that nobody stores: `pytest benchmarks/bench_streaming.py -s` prints the ratios and asserts them.

All ratios are of timings of one run, taken in turns, so that a busy machine slows both. The big search takes 5 GB of
memory, half of it the index of faiss (`pip install faiss-cpu`); where that is absent, it is skipped. The BLAS in the
wheel of faiss is old: on a processor with AVX-512 set OPENBLAS_CORETYPE=SkylakeX, or faiss is several times slower than
it could be.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from benchmarks.bench_scoring import best_times

ROOT = Path(__file__).parent.parent
FACES, LENGTH, BLOCK, THREADS = 20_000, 512, 2048, 2
PROBES, GALLERY, MATCHES = 1000, 1_000_000, 10
MOST_MEMORY_MB = 1000


def people(count):
    """Two sets of faces, four of each person in either, and their codes; the second set shuffled."""
    rng = np.random.default_rng(0)
    codes = np.arange(count) // 4
    centres = rng.standard_normal((codes[-1] + 1, LENGTH), dtype=np.float32)
    order = rng.permutation(count)
    probes, references = (rng.standard_normal((count, LENGTH), dtype=np.float32) for _ in range(2))
    for start in range(0, count, BLOCK):
        part = slice(start, start + BLOCK)
        probes[part] += centres[codes[part]]
        references[part] += centres[codes[order[part]]]
    return probes, references, codes, codes[order]


def unit_faces(count, seed):
    rows = np.random.default_rng(seed).standard_normal((count, LENGTH), dtype=np.float32)
    for start in range(0, count, BLOCK):
        rows[start : start + BLOCK] /= np.linalg.norm(rows[start : start + BLOCK], axis=1, keepdims=True)
    return rows


def multiply(probes, references, tile, buffer):
    rows, columns = (each[start : start + BLOCK] for each, start in zip((probes, references), tile, strict=True))
    np.matmul(rows, columns.T, out=buffer[: len(rows) * len(columns)].reshape(len(rows), len(columns)))


def tiles(probes, references):
    return [(i, j) for i in range(0, len(probes), BLOCK) for j in range(0, len(references), BLOCK)]


def bare_products(probes, references):
    """Blocked products by as many threads as the BLAS likes."""
    buffer = np.empty(BLOCK * BLOCK, np.float32)
    for tile in tiles(probes, references):
        multiply(probes, references, tile, buffer)


def bare_products_of_threads(probes, references):
    """Blocked products, each thread its own."""
    own = threading.local()

    def one(tile):
        if not hasattr(own, "buffer"):
            own.buffer = np.empty(BLOCK * BLOCK, np.float32)
        multiply(probes, references, tile, own.buffer)

    with threadpool_limits(1, "blas"), ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(one, tiles(probes, references)))


def streamed(faces, comparison, fmr):
    from bench.scoring import streamed_rectangle

    pairs = len(faces[0]) * len(faces[1])
    return streamed_rectangle(*faces[:2], comparison, *faces[2:], ranks=[int(fmr * pairs) + 1])


def test_rectangle_against_bare_products():
    faces = people(FACES)
    streamed([each[:2000] for each in faces], "cosine", 1e-6)  # compiles
    times = best_times(
        3,
        bare=lambda: bare_products(*faces[:2]),
        bare_of_threads=lambda: bare_products_of_threads(*faces[:2]),
        streamed=lambda: streamed(faces, "cosine", 1e-6),
        neg_l2=lambda: streamed(faces, "neg_l2", 1e-6),
        two_passes=lambda: streamed(faces, "cosine", 1e-2),
    )
    bare = min(times["bare"], times["bare_of_threads"])
    print(f"\n{FACES:,} x {FACES:,} x {LENGTH}: the score at FMR 1e-6 and 4,096 bins; two passes: FMR 1e-2")
    for name, seconds in times.items():
        print(f"{name:>16}: {seconds:6.2f} s, {FACES * FACES / seconds / 1e6:5.0f} M pairs/s, {seconds / bare:.2f}")
    assert times["streamed"] < 2 * bare


@pytest.mark.parametrize("options", ["", "thresholds=[0.3, 0.2, 0.1], comparison='neg_l2'"], ids=["cosine", "neg_l2"])
def test_peak_memory_of_a_rectangle(options):
    code = (
        "from benchmarks import bench_streaming as b\n"
        "from bench.scoring import streamed_rectangle\n"
        "from generators.training.log import peak_memory\n"
        "faces = b.people(b.FACES)\n"
        "before = peak_memory()\n"
        f"options = dict(comparison='cosine') | dict({options})\n"
        "streamed_rectangle(*faces[:2], probe_codes=faces[2], reference_codes=faces[3], ranks=[401, 100_000],"
        " **options)\n"
        "print((peak_memory() - before) / 1e6)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    peak = float(done.stdout.split()[-1])
    print(f"\n{FACES:,} x {FACES:,} x {LENGTH}, {options or 'cosine'}: {peak:,.0f} MB besides the embeddings")
    assert peak < MOST_MEMORY_MB


def test_search_against_faiss():
    if importlib.util.find_spec("faiss") is None:
        pytest.skip("faiss is not installed (pip install faiss-cpu)")
    import faiss

    from bench.scoring import top_matches

    faiss.omp_set_num_threads(THREADS)
    gallery, probes = unit_faces(GALLERY, 0), unit_faces(PROBES, 1)
    index = faiss.IndexFlatIP(LENGTH)
    index.add(gallery)
    top_matches(probes[:9], gallery[:99], "cosine", MATCHES)  # compiles
    found = {}
    times = best_times(
        1,
        bare_of_threads=lambda: bare_products_of_threads(probes, gallery),
        top_matches=lambda: found.update(ours=top_matches(probes, gallery, "cosine", MATCHES)),
        faiss=lambda: found.update(faiss=index.search(probes, MATCHES)),
    )
    ratio = times["top_matches"] / times["faiss"]
    print(f"\ntop {MATCHES} of {PROBES:,} probes in {GALLERY:,} x {LENGTH}")
    for name, seconds in times.items():
        print(f"{name:>16}: {seconds:6.2f} s")
    print(
        f"top_matches took {ratio:.2f} of faiss's time, {times['top_matches'] / times['bare_of_threads']:.2f} of bare"
    )
    scores, rows = found["faiss"]
    assert np.abs(scores - found["ours"].scores).max() < 1e-5
    assert np.mean(rows == found["ours"].rows) > 0.99
    assert ratio < 1.3
