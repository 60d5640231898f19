"""The training loop against the bare work: forward, backward, optimizer of the same networks on a batch that is ready.

    IMPERSONA_PACK=/path/to/pack python -m pytest -s benchmarks/bench_training.py

The two take turns, a dozen steps each, so that what else the machine does harms both alike; the figure is the median of
the ratios. The bare work knows which parameters learn in which phase and nothing else: no data, average, check or
log. Without IMPERSONA_PACK the faces are noise in memory, and what they cost says nothing about decoding.

IMPERSONA_TRAIN and IMPERSONA_PRESET name another recipe and preset (``generator/sis``, ``base``). What memory a run
takes is asked of a process of its own; `-k memory` asks nothing else:

    IMPERSONA_TRAIN=generator/sis IMPERSONA_PRESET=base python -m pytest -s benchmarks/bench_training.py -k memory
"""

from __future__ import annotations

import dataclasses
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from bench.provenance import available_cores
from generators.training.choice import find_trainable, preset_of
from generators.training.frozen import frozen_for
from generators.training.loop import train
from generators.training.phases import collect_for, phases_of
from generators.training.recipe import Step
from generators.training.run import build
from generators.training.source import PackSource, pack_source

STEPS, ROUNDS = 12, 9
MOST_MEMORY_MB = 6000
"""Of a `base` run on a CPU."""
WHAT = os.environ.get("IMPERSONA_TRAIN", "generator/spade")
PRESET = os.environ.get("IMPERSONA_PRESET", "tiny")
CPU = torch.device("cpu")
ROOT = Path(__file__).parent.parent


class Noise:
    """A pack of 256 faces of noise, at any side, with what a pack knows of them."""

    digest, has_masks, side = "noise", True, 256
    identity_name, identity_weights = "dlib_resnet", ""

    def __init__(self) -> None:
        rng = np.random.default_rng(0)
        self.subjects = np.arange(256, dtype=np.int32)
        self.subject_digests = np.repeat(self.subjects[:, None], 8, axis=1).astype(np.uint8)
        self.split = np.full(256, "train")
        self.landmarks = rng.uniform(64, 192, (256, 68, 2)).astype(np.float32)
        self.identity = rng.normal(0, 0.1, (256, 128)).astype(np.float32)
        self.attributes = np.zeros((256, 40), dtype=np.float32)
        self._made = {}

    def images(self, rows, side=None):
        return self._noise("images", 256, side, 3)[rows]

    def masks(self, rows, side=None):
        return self._noise("masks", 19, side)[rows]

    def close(self):
        pass

    def _noise(self, what, levels, side, *channels):
        if (what, side) not in self._made:
            rng = np.random.default_rng(1)
            self._made[what, side] = rng.integers(0, levels, (256, side, side, *channels), dtype=np.uint8)
        return self._made[what, side]


def noise_source(data, recipe, seed):
    return PackSource(Noise(), recipe.side, recipe.batch_size, recipe.wanted, seed)


class Bare:
    """The same networks without a loop."""

    def __init__(self, trainable, settings, frozen, batch_of):
        self.recipe = build(trainable, settings, frozen, 0)
        for network in self.recipe.networks.values():
            network.to(memory_format=torch.channels_last).train()
        self.phases = phases_of(self.recipe)
        self.batch, self.draw, self.number = batch_of(self.recipe), torch.Generator(), 0

    def steps(self, count):
        begun = time.perf_counter()
        for _ in range(count):
            step = Step(self.number, self.batch, self.draw)
            for name in self.recipe.phases(self.number):
                phase = self.phases[name]
                collect_for(phase, self.phases.values())
                self.recipe.losses(name, step).total.backward()
                phase.optimizer.step()
                phase.optimizer.zero_grad(set_to_none=True)
            self.number += 1
        return count * len(self.batch) / (time.perf_counter() - begun)


@pytest.fixture(scope="module")
def subject():
    full, trainable = find_trainable(WHAT)
    pack = os.environ.get("IMPERSONA_PACK", "")
    source = pack_source if pack else noise_source
    return dataclasses.replace(trainable, source=source), preset_of(trainable, PRESET), Path(pack or os.devnull), full


def test_the_loop_against_the_bare_work(subject, tmp_path):
    trainable, settings, data, full = subject
    torch.set_num_threads(available_cores())
    frozen = frozen_for(trainable.needs, data, CPU, available_cores())

    def batch_of(recipe):
        source = trainable.source(data, recipe, 0)
        batch = source.batch(0, CPU)
        source.close()
        return batch

    bare = Bare(trainable, settings, frozen, batch_of)
    bare.steps(STEPS)
    ratios, speeds, last = [], [], {}
    options = {"device": "cpu", "tick_steps": STEPS, "sample_seconds": 0, "name": full}
    train(trainable, settings, data, tmp_path, frozen=frozen, max_steps=STEPS, **options)
    for number in range(2, ROUNDS + 2):
        ready = bare.steps(STEPS)
        run = train(trainable, settings, data, tmp_path, frozen=frozen, max_steps=number * STEPS, **options)
        speeds.append((run.last["images_per_second"], ready))
        ratios.append(run.last["images_per_second"] / ready)
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()][1:]
    seconds = {name: sum(line["split"][name] for line in lines) for name in lines[0]["split"]}
    shares = {name: value / sum(seconds.values()) for name, value in seconds.items()}
    last = lines[-1]
    looped, ready = (statistics.median(values) for values in zip(*speeds, strict=True))
    print(f"\n{full} {PRESET}, {settings.batch_size} a step, {available_cores()} threads, faces of {data.name}")
    print(f"loop {looped:.2f} images/s, bare {ready:.2f}, ratio {statistics.median(ratios):.3f}"
          f" (rounds {' '.join(f'{one:.2f}' for one in sorted(ratios))})")  # fmt: skip
    print("share of a step: " + ", ".join(f"{name} {value:.1%}" for name, value in shares.items()))
    print(f"peak memory {last['memory_mb']:.0f} MB, the bare work's networks beside the loop's")
    assert shares["data"] <= 0.05
    assert statistics.median(ratios) >= 0.85


def test_peak_memory_of_a_run(tmp_path):
    """Of a fresh process, a checkpoint, a grid, and five steps, so that losses that come by turns have come by."""
    code = (
        "import sys, pathlib, dataclasses\n"
        "from benchmarks.bench_training import WHAT, PRESET, noise_source\n"
        "from generators.training.choice import find_trainable, preset_of\n"
        "from generators.training.log import peak_memory\n"
        "from generators.training.loop import train\n"
        "full, trainable = find_trainable(WHAT)\n"
        "trainable = trainable if len(sys.argv) > 2 else dataclasses.replace(trainable, source=noise_source)\n"
        "data, out = pathlib.Path(sys.argv[-1]), pathlib.Path(sys.argv[1])\n"
        "train(trainable, PRESET, data, out, max_steps=5, device='cpu')\n"
        "print(peak_memory() / 1e6)\n"
    )
    pack = os.environ.get("IMPERSONA_PACK", "")
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path), *([pack] if pack else [])], check=True, capture_output=True,
        text=True, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    peak = float(done.stdout.split()[-1])
    print(f"\n{WHAT} {PRESET}: peak memory {peak:,.0f} MB")
    assert peak < MOST_MEMORY_MB
