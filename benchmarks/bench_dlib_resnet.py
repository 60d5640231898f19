"""dlib's own recognizer against the torch port, in one run, on chips that are aligned already.

    python -m pytest -s benchmarks/bench_dlib_resnet.py

dlib may show every way it has: one descriptor at a time, its batch form, and, as the wheel computes on one core, its
batch form in one process a core. Every figure is the best of several short rounds in which all take turns, so that what
else the machine does harms none of them much. Chips come from LFW where IMPERSONA_DATA names it, else they are drawn.
"""

from __future__ import annotations

import multiprocessing
import os
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from bench import images
from bench.provenance import available_cores
from bench.recognizers.dlib_resnet import WEIGHT_FILE, DlibResnet, DlibResnetSettings
from bench.weights import dlib_model

CHIPS = 128
CORES = min(2, available_cores())
ROUNDS = 8


@pytest.fixture(scope="module")
def chips() -> np.ndarray:
    """uint8 (128, 150, 150, 3)."""
    folder = Path(os.environ.get("IMPERSONA_DATA", "nowhere")) / "lfw" / "images"
    paths = sorted(folder.glob("*/*_0001.jpg"))[:: len(list(folder.glob("*"))) // CHIPS or 1][:CHIPS]
    if len(paths) == CHIPS:  # the middle of a deep-funneled photo: what is in a chip does not change its time
        return np.stack([images.resize(images.read(path)[20:160, 20:160], 150) for path in paths])
    coarse = np.random.default_rng(0).integers(0, 256, (CHIPS, 12, 12, 3), dtype=np.uint8)
    return np.stack([images.resize(picture, 150) for picture in coarse])


def faces_a_second(work: Callable[[], object], count: int) -> float:
    start = time.perf_counter()
    work()
    return count / (time.perf_counter() - start)


_worker_model = None


def _start_worker() -> None:
    import dlib

    global _worker_model
    _worker_model = dlib.face_recognition_model_v1(str(dlib_model(WEIGHT_FILE)))


def _in_worker(chips: list[np.ndarray]) -> np.ndarray:
    assert _worker_model is not None
    return np.array(_worker_model.compute_face_descriptor(chips))


def test_the_port_is_four_times_as_fast_as_dlib(chips):
    import dlib

    dlib_own = dlib.face_recognition_model_v1(str(dlib_model(WEIGHT_FILE)))
    port = DlibResnet(DlibResnetSettings(threads=CORES))
    port.embed(images.to_crops(chips[:16]))
    few = list(chips[:16])
    found: dict[str, list[float]] = {}
    with multiprocessing.get_context("spawn").Pool(CORES, _start_worker) as pool:
        halves = [few[core::CORES] for core in range(CORES)]
        pool.map(_in_worker, [few[:1]] * CORES, chunksize=1)
        ways: dict[str, tuple[Callable[[], object], int]] = {
            "dlib, one at a time": (lambda: [dlib_own.compute_face_descriptor(chip) for chip in few], len(few)),
            "dlib, batch form": (lambda: dlib_own.compute_face_descriptor(few), len(few)),
            f"dlib, batch form, {CORES} processes": (lambda: pool.map(_in_worker, halves, chunksize=1), len(few)),
            f"port, {CORES} threads": (lambda: port.embed(images.to_crops(chips[:64])), 64),
        }
        for _ in range(ROUNDS):
            for way, (work, count) in ways.items():
                found.setdefault(way, []).append(faces_a_second(work, count))
    best = {way: max(speeds) for way, speeds in found.items()}
    print()
    for way, speed in best.items():
        print(f"{way:34s}{speed:8.1f} faces/s")
    *dlibs, ours = best.values()
    print(f"port over dlib's batch form {ours / dlibs[1]:.1f}, over dlib's fastest way {ours / max(dlibs):.1f}")
    difference = np.abs(port.embed(images.to_crops(chips[:16])) - np.array(dlib_own.compute_face_descriptor(few))).max()
    print(f"largest difference {difference:.1e}")
    assert difference <= 1e-5
    assert ours >= 4 * max(dlibs)


@pytest.mark.parametrize("batch_size", [8, 16, 32, 64])
def test_batch_sizes(chips, batch_size):
    port = DlibResnet(DlibResnetSettings(threads=CORES, batch_size=batch_size))
    crops = images.to_crops(chips)
    port.embed(crops)
    speed = max(faces_a_second(lambda: port.embed(crops), len(crops)) for _ in range(ROUNDS))
    print(f"\nbatches of {batch_size}: {speed:.1f} faces/s")


def test_gradients(chips):
    import torch

    port = DlibResnet(DlibResnetSettings(threads=CORES))
    crops = torch.from_numpy(images.to_crops(chips[:16])).requires_grad_()

    def step() -> None:
        torch.autograd.grad(port.embed_tensor(crops).square().sum(), crops)

    step()
    speed = max(faces_a_second(step, len(crops)) for _ in range(ROUNDS))
    print(f"\nforward and gradient in the pixels: {speed:.1f} faces/s")
