"""The loop: it knows phases and not maths (generators/training/recipe.py).

A step takes a batch, asks the recipe for the phases of this step, and for each: losses, gradients in the parameters of
that phase's optimizer alone, a look at whether all are numbers, one step of the optimizer. Then the averages are moved.

Everything that is drawn in step n follows from the seed and n: torch's global stream and `Step.draw` are seeded anew in
every step, and the source gives what belongs to n. So a checkpoint holds no stream, and a resumed run is, on a CPU with
as many threads and the same versions, bit for bit the run that never stopped.
"""

from __future__ import annotations

import contextlib
import dataclasses
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from bench.errors import TrainingDiverged
from generators.training.choice import preset_of
from generators.training.device import average_gradients, computing, largest_of, start_fabric
from generators.training.display import Display, Silent
from generators.training.keeping import Keeper
from generators.training.options import Options
from generators.training.phases import check_known, collect_for
from generators.training.recipe import Frozen, Step, Trainable
from generators.training.released import check_releasable
from generators.training.run import Run, step_seeds
from generators.training.stopping import Stopping, alone_in

if TYPE_CHECKING:
    from lightning.fabric import Fabric

_STOPPED, _FAILED = 1, 2
"""What a process tells the others between two steps, besides 0."""


@dataclass(frozen=True, eq=False)
class Trained:
    """What a call of `train` came to.

    Attributes:
        out: the run's folder.
        steps: done in the whole run.
        images: seen in the whole run.
        seconds: trained in the whole run.
        stopped: why it ended.
        last: the last line of the log; None before the first.
    """

    out: Path
    steps: int
    images: int
    seconds: float
    stopped: str
    last: Mapping[str, Any] | None


def train(
    trainable: Trainable,
    settings: Any,
    data: Path,
    out: Path,
    *,
    frozen: Frozen | None = None,
    display: Display | None = None,
    **options: Any,
) -> Trained:
    """Trains, from the folder's newest checkpoint where it holds one of this very run, and leaves a checkpoint.

    Args:
        trainable: what to train.
        settings: the name of one of its presets, or settings of its own.
        data: the pack, or what the trainable's own source reads.
        out: the run's folder; made if need be.
        frozen: the networks that teach; by default those that `generators.training.frozen` finds for its needs and
            for the options `identity` and `perceptual`.
        display: is told how it goes; by default nobody is.
        options: fields of `generators.training.options.Options`: seed, max_seconds, max_steps, device and so on.

    Raises:
        ConfigError: the folder holds another run, another process trains there, or the weights could not be released.
        CorruptFile: none of its checkpoints is whole.
        TrainingDiverged: a loss or gradient is no number or out of all bounds; the last good checkpoint is kept.
    """
    began = time.perf_counter()
    chosen = Options(**options)
    if isinstance(settings, str):
        chosen = dataclasses.replace(chosen, preset=chosen.preset or settings)
        settings = preset_of(trainable, settings)
    fabric = start_fabric(chosen)
    shown = display if display is not None and fabric.is_global_zero else Silent()
    with contextlib.ExitStack() as stack:
        if fabric.is_global_zero:
            stack.enter_context(alone_in(Path(out)))
        stack.enter_context(computing(chosen, fabric.device))
        stopping = Stopping(chosen, began)
        stack.enter_context(stopping.listening())
        run = Run(trainable, settings, Path(data), chosen, frozen, fabric)
        stack.callback(run.source.close)
        if chosen.release:
            check_releasable(chosen.release, run.average.networks)
        lags = fabric.device.type == "cuda" or fabric.world_size > 1
        keeper = Keeper(run, Path(out), shown, fabric.is_global_zero, lags)
        reason = _Loop(run, keeper, fabric, stopping).go()
        return Trained(Path(out), run.steps, run.images, run.seconds, reason, keeper.last)


class _FailedElsewhere(TrainingDiverged):
    """Another process failed, and has told this one."""


class _Loop:
    """The steps of one call of `train`."""

    def __init__(self, run: Run, keeper: Keeper, fabric: Fabric, stopping: Stopping) -> None:
        self._run, self._keeper, self._fabric, self._stopping = run, keeper, fabric, stopping
        self._draw = torch.Generator(run.device)
        self._collecting = ""

    def go(self) -> str:
        """Trains until there is a reason to stop, and returns it."""
        run, keeper = self._run, self._keeper
        try:
            keeper.begin()
            while not (reason := self._why_stop()):
                self._step()
                keeper.observer.settle(before=run.steps - 1)
                keeper.after_step()
            keeper.observer.settle()
            self._refuse_failures(0)
        except TrainingDiverged as error:
            if not isinstance(error, _FailedElsewhere):
                self._worst(_FAILED)
            raise keeper.diverged(error) from error
        try:
            keeper.finish(reason)
        except TrainingDiverged as error:
            raise keeper.diverged(error) from error
        return reason

    def _why_stop(self) -> str:
        reason = self._stopping.reason(self._run.steps, self._run.images, self._run.last_step)
        worst = self._refuse_failures(_STOPPED if reason else 0)
        return reason or ("another process was asked to" if worst else "")

    def _refuse_failures(self, value: int) -> int:
        """Tells the other processes a value and returns the largest. Raises where one of them has failed."""
        if (worst := self._worst(value)) == _FAILED:
            raise _FailedElsewhere(f"step {self._run.steps}: another process stopped; its message says why")
        return worst

    def _worst(self, value: int) -> int:
        return largest_of(self._fabric, value)

    def _step(self) -> None:
        run, split = self._run, self._keeper.split
        number, rank, processes = run.steps, self._fabric.global_rank, self._fabric.world_size
        split.begin()
        for_torch, for_draw = step_seeds(run.options.seed, number, rank)
        torch.manual_seed(for_torch)
        self._draw.manual_seed(for_draw)
        batch = run.source.batch(number * processes + rank, run.device)
        split.mark("data")
        step = Step(number, batch, self._draw)
        run.set_rates()
        for name in run.recipe.phases(number):
            self._learn(name, step)
        run.average.update(number)
        split.mark("average")
        run.steps += 1
        run.images += len(batch) * processes

    def _learn(self, name: str, step: Step) -> None:
        run, split = self._run, self._keeper.split
        phase = check_known(name, run.phases)
        if self._collecting != name:
            collect_for(phase, run.phases.values())
            self._collecting = name
        with self._fabric.autocast():
            losses = run.recipe.losses(name, step)
        split.mark("forward")
        self._fabric.backward(losses.total)
        average_gradients(self._fabric, phase.gradients())
        split.mark("backward")
        self._keeper.observer.see(step.number, name, losses, phase.gradient_norm(), step.batch.rows)
        split.mark("")
        phase.optimizer.step()
        phase.optimizer.zero_grad(set_to_none=True)
        split.mark("optimiser")
