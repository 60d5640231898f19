"""What a run or a baseline says: the figures of every cell with their bootstrap draws, and what the cell rests on."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from bench.store.run_folder import DrawKey

Draws = NDArray[np.float64]

COMPLEMENTS: Mapping[str, str] = {
    "false_non_match_rate": "true_match_rate",
    "false_reject_rate": "true_accept_rate",
}
"""A figure to the one that it is 1 minus; where both are there the second one decides, so that they never disagree."""

HEADLINE: Mapping[str, tuple[str, ...]] = {
    "verification": ("equal_error_rate", "area_under_curve", "true_match_rate", "true_accept_rate"),
    "identification": ("cumulative_match_rate", "detection_identification_rate", "false_negative_identification_rate"),
    "generated": (
        "both_match_rate", "prodavg_morph_match_rate", "several_match_rate", "structural_similarity_mean",
    ),
    "detection": (
        "detection_equal_error_rate", "detection_area_under_curve", "attack_error_rate", "worst_attack_error_rate",
        "bona_fide_error_rate", "bona_fide_non_response_rate",
    ),
    "alignment": ("found_rate", "landmark_error_mean", "landmark_failure_rate"),
}  # fmt: skip
"""Assessment to the figures that are compared where no rule says which, and that a baseline holds by default."""


@dataclass(frozen=True)
class Measured:
    """One figure as a run measured it.

    Attributes:
        value: the number; None where the data cannot support it.
        low: lower end of its 95 % interval, or None.
        high: its upper end, or None.
        n: how many comparisons, samples or photos it is a share or mean of.
        support: ``"ok"``, ``"weak"`` or ``"insufficient"``.
    """

    value: float | None
    low: float | None
    high: float | None
    n: int
    support: str

    @property
    def complement(self) -> Measured:
        """Of 1 minus the figure."""
        value, low, high = (None if one is None else 1 - one for one in (self.value, self.low, self.high))
        return replace(self, value=value, low=high, high=low)


@dataclass(frozen=True, eq=False)
class CellStanding:
    """One cell that succeeded.

    Attributes:
        assessment: such as ``"verification"``.
        labels: what its figures are filed under: dataset, protocol, recognizer, detector, generator, attack, goal and
            settings.
        identity: its spec without the places of a machine; see `reports.gate.runs.identity_of`.
        people: how many people it rests on; None where the run does not say.
        figures: by figure, operating point, group and species.
        read_draws: the draws of those that have some, float64 (B,) each.
        grids: of draws that were rounded, the exponent of the power of two that they are multiples of.
    """

    assessment: str
    labels: Mapping[str, Any]
    identity: Mapping[str, Any]
    people: int | None
    figures: Mapping[DrawKey, Measured]
    read_draws: Callable[[], Mapping[DrawKey, Draws]]
    grids: Mapping[DrawKey, int]

    @cached_property
    def draws(self) -> Mapping[DrawKey, Draws]:
        """The bootstrap draws, those of complements filled in."""
        found = dict(self.read_draws())
        for key in self.figures:
            if (other := complement_of(key)) in found:
                found[key] = 1 - found[other]
        return found


@dataclass(frozen=True)
class FailedCell:
    """A cell without figures.

    Attributes:
        labels: what its figures would have been filed under; empty for one that was never made.
        reason: what went wrong.
    """

    labels: Mapping[str, Any]
    reason: str


@dataclass(frozen=True, eq=False)
class Standing:
    """A run folder or a baseline, read.

    Attributes:
        path: where it was read from.
        kind: which of the two.
        name: of the sweep.
        impersona: the version that made the run.
        versions: of Python and libraries.
        commit: of impersona's own checkout, with a plus sign where it had changes; empty for none.
        cells: those that succeeded, in the order of the sweep.
        failed: those that did not.
    """

    path: str
    kind: Literal["run", "baseline"]
    name: str
    impersona: str
    versions: Mapping[str, str]
    commit: str
    cells: Sequence[CellStanding]
    failed: Sequence[FailedCell] = ()


def complement_of(key: DrawKey) -> DrawKey | None:
    """The figure that a figure is 1 minus, at the same point; None for one that is no complement."""
    other = COMPLEMENTS.get(key.figure)
    return None if other is None else key._replace(figure=other)


def completed(figures: Mapping[DrawKey, Measured]) -> dict[DrawKey, Measured]:
    """Figures with every complement, made from the figure that it is 1 minus."""
    found = dict(figures)
    for key, measured in figures.items():
        for name, other in COMPLEMENTS.items():
            if key.figure == other:
                found[key._replace(figure=name)] = measured.complement
    return found


def is_headline(assessment: str, key: DrawKey) -> bool:
    """Whether a figure is compared where no rule says which: those of no group, of every species.

    An error at the very threshold that was set for it on the same samples is left out: it is what was asked for.

    Args:
        assessment: of the cell.
        key: of the figure.
    """
    asked = (key.operating_point or "").partition("=")[0]
    set_for = asked != "" and f"{asked}_rate" in (key.figure, key.figure.removeprefix("worst_"))
    return key.group is None and key.figure in HEADLINE.get(assessment, ()) and not set_for
