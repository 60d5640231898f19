"""Whether training still makes sense: every loss and gradient a number, and no phase's loss out of all bounds.

Not a number: a phase's total, its gradient's norm or one of its terms is NaN or infinite, asked in every step. On the
CPU before the weights are touched; on a GPU one step later, so that nobody waits for it: the weights are then spoilt,
but no checkpoint is written before the answer is there.

Divergence: the mean of a phase's total over a tick is, in absolute value, more than `FACTOR` times the median of its
last `HISTORY` ticks (and more than ``FACTOR * FLOOR``: a hinge loss may rest at zero for many ticks, as a discriminator
that has won does, and come back to a few units), in `PATIENCE` ticks in a row; ticks that are out of bounds do
not enter the median, and before `FIRST` ticks are known nothing is judged. While a phase is out of bounds no checkpoint
is written.
"""

from __future__ import annotations

import math
import statistics
from collections import defaultdict, deque
from collections.abc import Mapping, Sequence

import torch

from bench.errors import TrainingDiverged

FACTOR = 1e3
FLOOR = 0.1
HISTORY = 50
PATIENCE = 3
FIRST = 5

TOTAL, NORM = "total", "gradient norm"


class Watch:
    """Sees every step and every tick of a run."""

    def __init__(self) -> None:
        self._past: dict[str, deque[float]] = defaultdict(lambda: deque(maxlen=HISTORY))
        self._beyond: dict[str, int] = defaultdict(int)

    @property
    def suspects(self) -> bool:
        """Whether a phase was out of bounds in the last tick."""
        return any(self._beyond.values())

    def step(self, number: int, phase: str, figures: Mapping[str, float], rows: torch.Tensor) -> None:
        """Looks at one phase of one step.

        Args:
            number: of the step, from 0.
            phase: its name.
            figures: ``total``, ``gradient norm`` and the terms.
            rows: int64 (N,), of the batch in the pack.

        Raises:
            TrainingDiverged: one of them is not a finite number.
        """
        bad = {name: value for name, value in figures.items() if not math.isfinite(value)}
        if not bad:
            return
        terms = [name for name in bad if name not in (TOTAL, NORM)] or list(bad)
        said = ", ".join(f"{name} is {bad[name]}" for name in terms)
        raise TrainingDiverged(
            f"step {number}, phase {phase}: {said}; the faces of this batch are rows {_listed(rows)} of the data"
        )

    def tick(self, step: int, totals: Mapping[str, float]) -> None:
        """Looks at the mean total of each phase over a tick that ended after `step` steps.

        Raises:
            TrainingDiverged: one of them is out of bounds for too long.
        """
        for phase, total in totals.items():
            past = self._past[phase]
            bound = FACTOR * max(statistics.median(past), FLOOR) if len(past) >= FIRST else math.inf
            if abs(total) <= bound:
                past.append(abs(total))
                self._beyond[phase] = 0
                continue
            self._beyond[phase] += 1
            if self._beyond[phase] >= PATIENCE:
                raise TrainingDiverged(
                    f"step {step}, phase {phase}: its loss is {total:.4g}, more than {FACTOR:g} times the median of the"
                    f" ticks before ({statistics.median(past):.4g}), for {PATIENCE} ticks in a row"
                )

    def remember(self, lines: Sequence[Mapping[str, Mapping[str, Mapping[str, float]]]]) -> None:
        """Takes in the log of the steps before, as `tick` had seen them."""
        for line in lines:
            self.tick(0, {phase: terms[TOTAL] for phase, terms in line["losses"].items()})


def _listed(rows: torch.Tensor) -> str:
    return ", ".join(str(row) for row in rows.tolist())
