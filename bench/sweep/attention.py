"""Where a maker looks at the identity that it was given: maps, and shares of the regions of the source's mask.

A maker that can tell (`bench.api.AttentiveMaker`) is asked about the first faces; `bench.sweep.asking` says how.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image

from bench.api import IDENTITIES, Attack, Dataset, Generator, Progress
from bench.config import Attention as AttentionEntry
from bench.errors import PluginError
from bench.regions import CLASSES
from bench.store.cache import ArrayCache
from bench.sweep.asking import Answer, Question, answers_of
from bench.sweep.making import MadeFaces, all_makings
from bench.sweep.pairing import Pairing
from bench.sweep.studio import Studio

REVISION = 1
_SLACK = 1e-3
"""What rounding may put outside of [0, 1]; it is clipped."""


@dataclass(frozen=True, eq=False)
class Attention:
    """What a maker said of F faces, in Y layers.

    Attributes:
        faces: int64 (F,), their numbers, ascending.
        maps: float32 (F, Y, A, A), the share of attention that goes to the identity, the coarsest layer first.
        shares: float32 (F, Y, 19), their means over the pixels of each region; NaN where a face has no such region, and
            everywhere where the maker takes no masks.
    """

    faces: NDArray[np.int64]
    maps: NDArray[np.float32]
    shares: NDArray[np.float32]


def is_attentive(maker: Generator | Attack) -> bool:
    """Whether a maker takes an identity and can say where it looks at it.

    One whose faces depend on what it draws cannot: it is asked without the stream that its faces were drawn from.
    """
    told = callable(getattr(maker, "identity_attention", None)) and not getattr(maker, "draws", False)
    return bool(maker.conditions & IDENTITIES) and told


def attention_part(maker: Generator | Attack, wanted: AttentionEntry | None) -> dict[str, Any]:
    """What a cell's spec says of attention: of how many faces and, where the maker says it, among how many tokens.

    Args:
        maker: of the cell.
        wanted: what the sweep asks for.

    Returns:
        Empty where nothing is wanted of this maker.
    """
    if wanted is None or not is_attentive(maker):
        return {}
    part = {"faces": wanted.faces}
    tokens = getattr(maker, "attention_tokens", None)
    return {"attention": part if tokens is None else {**part, "tokens": int(tokens)}}


def attention_of(
    spec: Mapping[str, Any],
    dataset: Dataset,
    pairing: Pairing,
    made: MadeFaces,
    cache: ArrayCache,
    progress: Progress | None = None,
) -> Attention:
    """The identity attention of the first of a cell's faces, those that were made.

    Args:
        spec: the cell's; its part ``attention`` says of how many faces.
        dataset: where the contributors' photos come from.
        pairing: who contributes to each of M faces.
        made: these faces.
        cache: looked into first, added to as the maker is asked.
        progress: told how many faces are done.

    Raises:
        PluginError: the maker returned something else than attention.
        CorruptFile: a photo changed since its face was made.
    """
    studio = Studio(spec, dataset, all_makings(spec, pairing), cache)
    faces = np.flatnonzero(made.made[: spec["attention"]["faces"]])
    said = answers_of(studio, "attention", REVISION, faces.tolist(), lambda asked: _ask(studio, asked), progress)
    if not said:
        nothing = np.zeros((0, 0, 1, 1), np.float32)
        return Attention(faces, nothing, np.zeros((0, 0, len(CLASSES)), np.float32))
    every = [said[face] for face in faces.tolist()]
    return Attention(faces, *(np.stack([one[name] for one in every]) for name in ("maps", "shares")))


def attention_tables(seen: Attention) -> dict[str, pd.DataFrame]:
    """The tables `attention` and `attention_maps`."""
    count, layers, regions = seen.shares.shape
    faces, number = seen.faces.astype(np.int32), np.arange(layers, dtype=np.int16)
    peaks = seen.maps.max(axis=(2, 3))
    grey = [_grey(image, peak) for image, peak in zip(_flat(seen.maps), peaks.ravel(), strict=True)]
    return {
        "attention": pd.DataFrame(
            {
                "face": np.repeat(faces, layers * regions),
                "layer": np.tile(np.repeat(number, regions), count),
                "region": np.tile(np.arange(regions, dtype=np.int16), count * layers),
                "share": seen.shares.ravel(),
            }
        ),
        "attention_maps": pd.DataFrame(
            {
                "face": np.repeat(faces, layers),
                "layer": np.tile(number, count),
                "map": grey,
                "peak": peaks.ravel().astype(np.float32),
            }
        ),
    }


def check_attention(found: Any, size: int, side: int, rows: Sequence[int], name: str) -> NDArray[np.float32]:
    """Identity attention of some faces of a batch as a maker promises it, cut to [0, 1].

    Args:
        found: what `bench.api.AttentiveMaker.identity_attention` returned.
        size: N, the faces of the batch.
        side: S, of the maker's crops.
        rows: the F faces that are looked at; what it has of others, which may not be made, means nothing.
        name: the maker's, for errors.

    Returns:
        float32 (F, Y, A, A).

    Raises:
        PluginError: it is something else.
    """
    wanted = f"float32 ({size}, Y, A, A), where A divides {side}"
    if not isinstance(found, np.ndarray) or found.dtype != np.float32:
        got = f"{found.dtype} {found.shape}" if isinstance(found, np.ndarray) else type(found).__name__
        raise PluginError(f"{name}.identity_attention returned {got}; expected {wanted}")
    square = found.ndim == 4 and found.shape[0] == size and found.shape[2] == found.shape[3]
    if not square or not found.size or side % found.shape[3]:
        raise PluginError(f"{name}.identity_attention returned float32 {found.shape}; expected {wanted}")
    maps = found[list(rows)]
    if bad := int((~np.isfinite(maps)).sum()):
        raise PluginError(f"{name}.identity_attention returned {bad} values that are not finite, of faces it made")
    if outside := int(((maps < -_SLACK) | (maps > 1 + _SLACK)).sum()):
        raise PluginError(f"{name}.identity_attention returned {outside} values outside [0, 1]; expected shares")
    return np.clip(maps, 0, 1)


def region_shares(maps: NDArray[np.float32], mask: NDArray[np.uint8] | None) -> NDArray[np.float32]:
    """The mean of each map over the pixels of each region.

    Args:
        maps: float32 (Y, A, A).
        mask: uint8 (S, S), labels of `bench.regions.CLASSES`, S a multiple of A; None where there is none.

    Returns:
        float32 (Y, 19); NaN for a region without a pixel.
    """
    shares = np.full((len(maps), len(CLASSES)), np.nan, dtype=np.float32)
    if mask is None:
        return shares
    side = maps.shape[1]
    times = len(mask) // side
    for region in np.unique(mask).tolist():
        pixels = (mask == region).reshape(side, times, side, times).sum(axis=(1, 3)).astype(np.float64)
        means = (maps.astype(np.float64) * pixels).sum(axis=(1, 2)) / pixels.sum()
        shares[:, region] = np.clip(means, 0, 1)
    return shares


def _ask(studio: Studio, asked: Question) -> list[Answer]:
    """Maps and shares of some faces of a batch."""
    name, side = studio.part["name"], studio.maker.template.side
    found = studio.maker.identity_attention(asked.batch)  # type: ignore[union-attr]
    maps = check_attention(found, len(asked.batch.images), side, asked.places, name)
    if asked.known is not None and asked.known["maps"].shape != maps.shape[1:]:
        raise PluginError(
            f"{name}.identity_attention returned maps of {maps.shape[1:]}, and of other faces "
            f"{asked.known['maps'].shape}; expected the same for every batch"
        )
    masks = asked.batch.masks
    return [
        {"maps": of_face, "shares": region_shares(of_face, None if masks is None else masks[place])}
        for place, of_face in zip(asked.places, maps, strict=True)
    ]


def _flat(maps: NDArray[np.float32]) -> NDArray[np.float32]:
    return maps.reshape(-1, *maps.shape[2:])


def _grey(image: NDArray[np.float32], peak: float) -> bytes:
    """A PNG file, 8-bit grey, of which 255 is the map's largest share."""
    levels = np.rint(255 * image / peak) if peak > 0 else np.zeros_like(image)
    buffer = io.BytesIO()
    Image.fromarray(levels.astype(np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()
