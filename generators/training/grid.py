"""Sample grids: what the averaged networks make of the same few faces, a row each, as a PNG that says what it is."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from bench.errors import PluginError
from bench.images import encode_png, synthetic_text, to_frames
from generators.training.average import Average
from generators.training.batches import TrainingBatch
from generators.training.recipe import Recipe

GAP = 2
"""White pixels between two pictures."""


@torch.no_grad()
def sample_frame(recipe: Recipe, average: Average, batch: TrainingBatch) -> NDArray[np.uint8]:
    """The grid of a batch, uint8 (H, W, 3).

    Raises:
        PluginError: the recipe gives something else than pictures.
    """
    networks = average.shown(recipe.networks)
    modes = {name: network.training for name, network in networks.items()}
    for network in networks.values():
        network.eval()
    try:
        samples = recipe.samples(networks, batch)
    finally:
        for name, network in networks.items():
            network.train(modes[name])
    if samples.ndim != 5 or samples.shape[2] != 3 or samples.shape[0] != len(batch):
        raise PluginError(f"samples: got {tuple(samples.shape)}, expected ({len(batch)}, C, 3, S, S)")
    return tiled(samples.float().cpu().numpy())


def tiled(pictures: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Rows and columns of pictures, float32 (N, C, 3, H, W) in [0, 1], as one frame on white."""
    rows, columns, _, height, width = pictures.shape
    frames = to_frames(pictures.reshape(rows * columns, 3, height, width)).reshape(rows, columns, height, width, 3)
    sheet = np.full((rows * (height + GAP) - GAP, columns * (width + GAP) - GAP, 3), 255, dtype=np.uint8)
    for row in range(rows):
        for column in range(columns):
            top, left = row * (height + GAP), column * (width + GAP)
            sheet[top : top + height, left : left + width] = frames[row, column]
    return sheet


def write_grid(
    out: Path, frame: NDArray[np.uint8], step: int, made_by: str, digest: str, more: Mapping[str, str]
) -> Path:
    """Writes OUT/samples/step-N.png.

    Args:
        out: the run's folder.
        frame: the grid.
        step: steps done.
        made_by: recipe and preset.
        digest: of the run: recipe, settings, seed and data.
        more: further texts, keyword to text.
    """
    folder = out / "samples"
    folder.mkdir(parents=True, exist_ok=True)
    text = synthetic_text(made_by, digest, out.name, "compositeSynthetic", step=str(step), **more)
    place = folder / f"step-{step:09d}.png"
    aside = folder / f".{place.name}.{os.getpid()}"
    aside.write_bytes(encode_png(frame, text))
    os.replace(aside, place)
    return place
