"""The oracle that attacks are checked with: a linear recognizer whose scores and gradients are known."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from bench.api import Crops
from bench.errors import PluginError
from bench.seeding import stream

Access = Literal["nothing", "decisions", "scores", "gradients"]
_RIGHTS: dict[Access, tuple[str, ...]] = {
    "nothing": (),
    "decisions": ("decisions",),
    "scores": ("decisions", "scores"),
    "gradients": ("decisions", "scores", "gradients"),
}


class SampleOracle:
    """A `bench.api.Oracle`: the score is the mean of the pixels, weighted at random; accepted above 0.

    Args:
        access: what may be asked; anything more is noted and refused.

    Attributes:
        refused: what was asked for beyond that.
    """

    def __init__(self, access: Access) -> None:
        self.access: Access = access
        self.queries = 0
        self.refused: list[str] = []

    def decisions(self, crops: Crops) -> NDArray[np.bool_]:
        """See `Oracle.decisions`."""
        self._count("decisions", crops)
        accepted: NDArray[np.bool_] = self._scores(crops) >= 0
        return accepted

    def scores(self, crops: Crops) -> NDArray[np.float32]:
        """See `Oracle.scores`."""
        self._count("scores", crops)
        return self._scores(crops)

    def gradients(self, crops: Crops) -> tuple[NDArray[np.float32], Crops]:
        """See `Oracle.gradients`."""
        self._count("gradients", crops)
        weights = self._weights(crops)
        gradients: Crops = np.repeat((weights / np.float32(weights.size))[None], len(crops), axis=0)
        return self._scores(crops), gradients

    def _scores(self, crops: Crops) -> NDArray[np.float32]:
        scores: NDArray[np.float32] = ((crops - 0.5) * self._weights(crops)).mean(axis=(1, 2, 3), dtype=np.float32)
        return scores

    def _weights(self, crops: Crops) -> NDArray[np.float32]:
        return stream(0, "oracle").standard_normal(crops.shape[1:], dtype=np.float32)

    def _count(self, what: str, crops: Crops) -> None:
        if what not in _RIGHTS[self.access]:
            self.refused.append(what)
            raise PluginError(f"the attack asked its oracle for {what}, but declares access {self.access!r}")
        self.queries += len(crops)
