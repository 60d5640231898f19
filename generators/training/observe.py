"""What a step came to, from tensors on the device to numbers that the watch judges and the log adds up.

On the CPU at once. On a GPU the numbers are copied in the background and read a step later, so that the program never
waits for the device. With several processes they are read a step later too: one that gave up in the middle of a step
would leave the others waiting for its gradients.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

from generators.training.log import Tick
from generators.training.recipe import Losses
from generators.training.watch import NORM, TOTAL, Watch


@dataclass(frozen=True, eq=False)
class _Pending:
    number: int
    phase: str
    names: tuple[str, ...]
    values: torch.Tensor
    copied: Any
    rows: torch.Tensor


class Observer:
    """Hands figures to the watch, then to the tick.

    Args:
        lags: whether figures are handed on by `settle` instead of at once.
        watch: judges them.
        tick: adds them up; a new one may be set after `settle`.
    """

    def __init__(self, lags: bool, watch: Watch, tick: Tick) -> None:
        self.tick = tick
        self._watch = watch
        self._lags = lags
        self._pending: list[_Pending] = []

    def see(self, number: int, phase: str, losses: Losses, norm: torch.Tensor, rows: torch.Tensor) -> None:
        """Takes in one phase of one step.

        Args:
            number: of the step, from 0.
            phase: its name.
            losses: as the recipe gave them.
            norm: of the gradients, a scalar.
            rows: int64 (N,), of the batch.

        Raises:
            TrainingDiverged: a figure is no finite number; where it lags, `settle` raises it.
        """
        names = (TOTAL, NORM, *losses.terms)
        values = torch.stack([one.detach().float().reshape(()) for one in (losses.total, norm, *losses.terms.values())])
        if not self._lags:
            self._hand_on(number, phase, names, values.tolist(), rows)
            return
        copied = None
        if values.device.type == "cuda":
            host = torch.empty(values.shape, dtype=values.dtype, pin_memory=True)
            values = host.copy_(values, non_blocking=True)
            copied = torch.cuda.Event()  # type: ignore[no-untyped-call]
            copied.record()
        self._pending.append(_Pending(number, phase, names, values, copied, rows))

    def settle(self, before: int | None = None) -> None:
        """Hands on what came from steps before number `before`, or all of it; waits where it must.

        Raises:
            TrainingDiverged: a figure is no finite number.
        """
        while self._pending and (before is None or self._pending[0].number < before):
            one = self._pending.pop(0)
            if one.copied is not None:
                one.copied.synchronize()
            self._hand_on(one.number, one.phase, one.names, one.values.tolist(), one.rows)

    def _hand_on(
        self, number: int, phase: str, names: tuple[str, ...], values: list[float], rows: torch.Tensor
    ) -> None:
        figures = dict(zip(names, values, strict=True))
        self._watch.step(number, phase, figures, rows)
        self.tick.add(phase, figures)
