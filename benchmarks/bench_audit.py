"""What an audit against a gallery of a million photos costs: `pytest benchmarks/bench_audit.py -s` prints it.

500,000 people with two photos each, 512 numbers a photo, 2 GB on disk; 300 faces and 2,000 photos of strangers are held
against them by `impersona audit`, which plans, searches, computes intervals and writes its report. Memory is what the
process holds besides the pages of the file, which the system may drop at any time.
"""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import numpy as np

PHOTOS, LENGTH, FACES, STRANGERS, AT_ONCE = 1_000_000, 512, 300, 2000, 50_000
MOST_MEMORY_MB = 4000


def photos(rng, count):
    """Two photos of each person."""
    people = rng.standard_normal((count // 2, LENGTH), dtype=np.float32).repeat(2, axis=0)
    return people + np.float32(0.7) * rng.standard_normal((count, LENGTH), dtype=np.float32)


def gallery_file(path):
    rng = np.random.default_rng(0)
    rows = np.lib.format.open_memmap(path, mode="w+", dtype=np.float32, shape=(PHOTOS, LENGTH))
    for start in range(0, PHOTOS, AT_ONCE):
        rows[start : start + AT_ONCE] = photos(rng, AT_ONCE)
    rows.flush()
    with path.with_suffix(".csv").open("w") as table:
        table.write("key,subject\n")
        table.writelines(f"g/{photo},p{photo // 2}\n" for photo in range(PHOTOS))
    return path


def few_file(path, count, seed):
    names = [f"{path.stem}{photo}" for photo in range(count)]
    people = [f"{path.stem}{photo // 2}" for photo in range(count)]
    np.savez(path, keys=names, subjects=people, embeddings=photos(np.random.default_rng(seed), count))
    return path


def own_megabytes(process):
    """What a process holds besides pages of files; 0 once it is gone."""
    try:
        status = Path(f"/proc/{process.pid}/status").read_text()
    except OSError:
        return 0
    return max((int(line.split()[1]) // 1024 for line in status.splitlines() if line.startswith("RssAnon")), default=0)


def test_a_gallery_of_a_million_photos(tmp_path):
    gallery = gallery_file(tmp_path / "gallery.npy")
    faces, strangers = few_file(tmp_path / "faces.npz", FACES, 1), few_file(tmp_path / "strangers.npz", STRANGERS, 2)
    galleries = {"--gallery": gallery, "--strangers": strangers}
    options = [word for name, file in galleries.items() for word in (name, f"{{name: embeddings, file: {file}}}")]
    impersona = [sys.executable, "-c", "from bench.cli.main import main; main()"]
    command = [*impersona, "audit", str(faces), "--out", str(tmp_path / "run"), *options]
    started, most = time.perf_counter(), 0
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        while process.poll() is None:
            most = max(most, own_megabytes(process))
            time.sleep(0.1)
    seconds = time.perf_counter() - started
    size = gallery.stat().st_size >> 20
    print(f"\n  {PHOTOS:,} photos, {size} MB: {seconds:.0f} s, at most {most} MB besides them")
    assert process.returncode == 0
    assert (tmp_path / "run" / "report.html").is_file()
    assert 0 < most <= MOST_MEMORY_MB
