"""Where makers look at the identity while they make a face, from the tables and figures of a cell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.errors import ImpersonaError
from bench.images import decode
from bench.regions import CLASSES
from reports.figures.outcome_bars import Share
from reports.joint_rates import share_of
from reports.makers import Made
from reports.records import by_key

FIGURE = "identity_attention"
"""The figure: the identity's mean share of attention in a region, averaged over layers."""


@dataclass(frozen=True)
class Region:
    """The identity's share of attention in one region of the face.

    Attributes:
        name: one of `bench.regions.CLASSES`.
        share: the mean over faces and layers, with its interval.
        layers: the mean over faces of each layer, the coarsest first; NaN where no face has the region.
        faces: how many faces have it.
    """

    name: str
    share: Share
    layers: tuple[float, ...]
    faces: int


@dataclass(frozen=True, eq=False)
class Attention:
    """What is known of one maker's attention.

    Attributes:
        made: one of its cells: recognizers have no part in it, and all hold the same.
        regions: in the order of `bench.regions.CLASSES`, those that a face has.
        fair: the share that the identity would have if every token had the same; None where nobody says how many.
    """

    made: Made
    regions: tuple[Region, ...]
    fair: float | None

    @property
    def layers(self) -> int:
        """How many layers there are."""
        of_maps = max((len(maps) for maps in self.maps.values()), default=0)
        return max((len(region.layers) for region in self.regions), default=of_maps)

    @cached_property
    def faces(self) -> int:
        """Of how many faces it was looked at, whatever regions they have."""
        table = self.made.series.table("attention")
        return 0 if table is None else int(table["face"].nunique())

    @cached_property
    def maps(self) -> Mapping[int, NDArray[np.float64]]:
        """Face to its maps, float64 (layers, A, A), shares in [0, 1]; without faces whose maps cannot be read."""
        table = self.made.series.table("attention_maps")
        if table is None:
            return {}
        found = {}
        for face, rows in table.groupby("face", sort=True):
            ordered = rows.sort_values("layer")
            try:
                grids = [
                    decode(png, f"the attention of face {face}")[:, :, 0] / 255.0 * peak
                    for png, peak in zip(ordered["map"], ordered["peak"].astype(np.float64), strict=True)
                ]
            except ImpersonaError:
                continue  # damaged: it is left out of the mean, which says of how many faces it is
            found[int(str(face))] = np.stack(grids)
        return found

    @cached_property
    def mean_maps(self) -> NDArray[np.float64] | None:
        """The mean map of each layer over faces, float64 (layers, A, A); None where there is none."""
        every = list(self.maps.values())
        return np.mean(every, axis=0) if every else None


def attention_of(made: Sequence[Made]) -> Mapping[str, Attention]:
    """A maker's label to what is known of its attention, for makers of which it is.

    Args:
        made: cells, of any recognizers.
    """
    found: dict[str, Attention] = {}
    for one in made:
        if one.maker not in found and one.series.table("attention") is not None:
            seen = Attention(one, _regions(one), fair_share(one))
            if seen.regions or seen.maps:
                found[one.maker] = seen
    return found


def _regions(one: Made) -> tuple[Region, ...]:
    table = one.series.table("attention")
    layers = layer_means(table) if table is not None else pd.DataFrame()
    regions = []
    for number, name in enumerate(CLASSES):
        record = by_key(one.series, name).get((FIGURE, None))
        share = share_of(record)
        if share is None:
            continue  # no face has it
        regions.append(Region(name, share, tuple(layers[number]) if number in layers else (), share.faces or 0))
    return tuple(regions)


def layer_means(table: pd.DataFrame) -> pd.DataFrame:
    """The mean share over faces, one row a layer and one column a region's number; NaN where no face has it.

    Args:
        table: the table `attention` of a cell.
    """
    known = table.assign(share=table["share"].astype(np.float64))
    return known.pivot_table(index="layer", columns="region", values="share", aggfunc="mean", dropna=False).sort_index()


def fair_share(one: Made) -> float | None:
    """One divided by the number of tokens that attention is shared out among; None where the cell does not say.

    Args:
        one: a cell whose spec has ``tokens`` among the facts of its maker or of its attention.
    """
    spec = one.series.spec
    for place in (spec.get("attention"), (spec.get("maker") or {}).get("fingerprint"), one.series.outcome["counts"]):
        number = _tokens(place)
        if number:
            return 1 / number
    return None


def _tokens(part: Any) -> int | None:
    if not isinstance(part, Mapping):
        return None
    number = part.get("tokens")
    if isinstance(number, int) and not isinstance(number, bool) and number > 0:
        return number
    return next((found for value in part.values() if (found := _tokens(value))), None)


def frame(found: Mapping[str, Attention]) -> pd.DataFrame:
    """One row a maker, layer and region: the mean share over faces; layer -1 is their mean, with its interval.

    ``faces`` are those that have the region.

    Args:
        found: as `attention_of` gave it.
    """
    rows: list[dict[str, Any]] = []
    for maker, one in found.items():
        for region in one.regions:
            low, high = region.share.ends or (None, None)
            head = {"made_by": maker, "region": region.name, "faces": region.faces, "fair_share": one.fair}
            rows.append({**head, "layer": -1, "share": region.share.value, "low": low, "high": high})
            rows += [{**head, "layer": layer, "share": share} for layer, share in enumerate(region.layers)]
    columns = ["made_by", "layer", "region", "share", "low", "high", "faces", "fair_share"]
    return pd.DataFrame(rows, columns=columns)
