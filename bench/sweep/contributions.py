"""What each contributor gave to a made face: shares of its pixels, region by region, as the maker says.

A maker that can tell (`bench.api.MixingMaker`) is given each batch with the very random stream that it had, so that
what it draws is what the faces were drawn with. `bench.sweep.asking` says how makers are asked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.api import Attack, Dataset, Generator, Progress
from bench.errors import PluginError
from bench.regions import CLASSES
from bench.store.cache import ArrayCache
from bench.sweep.asking import Answer, Question, answers_of
from bench.sweep.making import MadeFaces, all_makings
from bench.sweep.pairing import Pairing
from bench.sweep.studio import Studio

REVISION = 1
_SLACK = 1e-3
"""What rounding may add to a share, or to the sum of a face's shares."""


@dataclass(frozen=True, eq=False)
class Contributions:
    """What a maker said of M faces.

    Attributes:
        shares: float32 (M, K, 19): of each face's pixels the share that shows a region, one of
            `bench.regions.CLASSES`, of a contributor; they add up to 1. NaN where the face was not made.
    """

    shares: NDArray[np.float32]


def is_mixing(maker: Generator | Attack) -> bool:
    """Whether a maker can say what it took of whom."""
    return callable(getattr(maker, "shares", None))


def contributions_part(maker: Generator | Attack) -> dict[str, Any]:
    """What a cell's spec says of contributions: that its maker is asked, and since which revision.

    Args:
        maker: of the cell.

    Returns:
        Empty where the maker cannot tell.
    """
    return {"contributions": {"revision": REVISION}} if is_mixing(maker) else {}


def contributions_of(
    spec: Mapping[str, Any],
    dataset: Dataset,
    pairing: Pairing,
    made: MadeFaces,
    cache: ArrayCache,
    progress: Progress | None = None,
) -> Contributions:
    """What was taken of whom in a cell's faces.

    Args:
        spec: the cell's.
        dataset: where the contributors' photos come from.
        pairing: who contributes to each of M faces.
        made: these faces.
        cache: looked into first, added to as the maker is asked.
        progress: told how many faces are done.

    Raises:
        PluginError: the maker returned something else than shares.
        CorruptFile: a photo changed since its face was made.
    """
    studio = Studio(spec, dataset, all_makings(spec, pairing), cache)
    faces = np.flatnonzero(made.made)
    said = answers_of(studio, "contributions", REVISION, faces.tolist(), lambda asked: _ask(studio, asked), progress)
    shares = np.full((len(pairing), pairing.photo.shape[1], len(CLASSES)), np.nan, dtype=np.float32)
    for face, answer in said.items():
        shares[face] = answer["shares"]
    return Contributions(shares)


def contributions_table(given: Contributions) -> pd.DataFrame:
    """The table `contributions`: one row for each share above 0."""
    face, contributor, region = np.nonzero(given.shares > 0)  # NaN is not
    return pd.DataFrame(
        {
            "face": face.astype(np.int32),
            "contributor": (contributor + 1).astype(np.int16),
            "region": region.astype(np.int16),
            "share": given.shares[face, contributor, region],
        }
    )


def check_shares(found: Any, size: int, contributors: int, rows: Sequence[int], name: str) -> NDArray[np.float32]:
    """Shares of some faces of a batch as a maker promises them, cut to [0, 1].

    Args:
        found: what `bench.api.MixingMaker.shares` returned.
        size: N, the faces of the batch.
        contributors: K.
        rows: the F faces that are looked at; what it has of others, which may not be made, means nothing.
        name: the maker's, for errors.

    Returns:
        float32 (F, K, 19).

    Raises:
        PluginError: it is something else.
    """
    wanted = (size, contributors, len(CLASSES))
    if not isinstance(found, np.ndarray) or found.dtype != np.float32 or found.shape != wanted:
        got = f"{found.dtype} {found.shape}" if isinstance(found, np.ndarray) else type(found).__name__
        raise PluginError(
            f"{name}.shares returned {got}; expected float32 {wanted}: faces, contributors and the regions of "
            "bench.regions.CLASSES"
        )
    shares = found[list(rows)]
    if bad := int((~np.isfinite(shares)).sum()):
        raise PluginError(f"{name}.shares returned {bad} values that are not finite, of faces it made; expected shares")
    if below := int((shares < -_SLACK).sum()):
        raise PluginError(f"{name}.shares returned {below} values below 0, of faces it made; expected shares from 0")
    sums = shares.sum(axis=(1, 2), dtype=np.float64)
    away = np.abs(sums - 1)
    if len(sums) and away.max() > _SLACK:
        raise PluginError(
            f"{name}.shares returned shares of a face that add up to {sums[np.argmax(away)]:.6g}; expected 1, over all "
            "contributors and regions"
        )
    return np.clip(shares, 0, 1)


def _ask(studio: Studio, asked: Question) -> list[Answer]:
    """The shares of some faces of a batch."""
    found = studio.maker.shares(asked.batch, studio.stream_of(asked.number))  # type: ignore[union-attr]
    size, name = len(asked.batch.images), studio.part["name"]
    return [{"shares": one} for one in check_shares(found, size, studio.maker.contributors, asked.places, name)]
