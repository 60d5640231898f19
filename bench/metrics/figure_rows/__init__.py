"""The rows of the table of figures, one file a topic; `bench.metrics.figures` puts them in one order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Direction = Literal["up", "down", "none"]


@dataclass(frozen=True)
class Figure:
    """One kind of number.

    Attributes:
        name: what summary.json calls it.
        meaning: one sentence with the formula where there is one.
        unit: ``"share"`` (0 to 1), ``"similarity"`` (in the recognizer's own scores), ``"count"``, ``"bits"``,
            ``"cost"`` (1 is that of deciding blindly), ``"ratio"``, ``"standard deviations"``, ``"dB"``,
            ``"index"`` (-1 to 1), or ``"distance"`` (squared, of embeddings of length 1).
        direction: ``"up"`` where higher is better for a recognizer (of visual cost: for the eye), ``"down"`` where
            lower is, ``"none"`` where neither. It decides. The ending of a name follows it (``*_rate``, ``*_error``
            down, ``*_accuracy`` up), but for the field's own terms, which go up: the true rates,
            cumulative_match_rate and detection_identification_rate; and but for outcomes of made faces, of which none
            is better as such.
        source: where the formula is from.
    """

    name: str
    meaning: str
    unit: str
    direction: Direction
    source: str


ISO = "ISO/IEC 19795-1:2021"
OURS = "impersona"
