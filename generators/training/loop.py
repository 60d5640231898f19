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

from bench.errors import ConfigError, TrainingDiverged, UnknownName
from bench.provenance import value_digest
from bench.seeding import stream
from generators.training.average import Average
from generators.training.card import card_of, versions_here, write_card
from generators.training.checkpoint import Checkpoint, Checkpoints
from generators.training.device import average_gradients, computing, largest_of, start_fabric
from generators.training.display import Display, Silent
from generators.training.grid import sample_frame, write_grid
from generators.training.identity import identity_of, refuse_another
from generators.training.log import Log, Tick, line_of
from generators.training.observe import Observer
from generators.training.options import Options
from generators.training.phases import check_known, collect_for, phases_of
from generators.training.recipe import Frozen, Recipe, Source, Step, Trainable
from generators.training.released import write_released
from generators.training.state import optimizer_facts, restore, tensors_of
from generators.training.stopping import Stopping, alone_in
from generators.training.timing import Split
from generators.training.watch import TOTAL, Watch

if TYPE_CHECKING:
    from lightning.fabric import Fabric


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
        frozen: the networks that teach; by default those that `generators.training.frozen` finds for its needs.
        display: is told how it goes; by default nobody is.
        options: fields of `generators.training.options.Options`: seed, max_seconds, max_steps, device and so on.

    Raises:
        ConfigError: the folder holds another run, or another process trains there.
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
        run = _Run(trainable, settings, Path(data), Path(out), chosen, frozen, fabric, shown, stopping)
        stack.callback(run.source.close)
        return run.train()


def preset_of(trainable: Trainable, name: str) -> Any:
    """The settings of a preset. Raises `UnknownName`."""
    if name not in trainable.presets:
        raise UnknownName("preset", name, trainable.presets)
    return trainable.presets[name]


def build(trainable: Trainable, settings: Any, frozen: Frozen, seed: int) -> Recipe:
    """A recipe with fresh networks, which follow from the seed alone."""
    torch.manual_seed(int(stream(seed, "build").integers(2**63)))
    return trainable.build(settings, frozen)


def step_seeds(seed: int, number: int, rank: int = 0) -> tuple[int, int]:
    """The seeds of torch's global stream and of `Step.draw` in one step of one process.

    Args:
        seed: the run's.
        number: of the step, from 0.
        rank: of the process.
    """
    first, second = stream(seed, "step", str(number), *([f"rank {rank}"] if rank else [])).integers(2**63, size=2)
    return int(first), int(second)


class _Run:
    """One call of `train`: everything that it holds, and the steps."""

    def __init__(
        self, trainable: Trainable, settings: Any, data: Path, out: Path, options: Options, frozen: Frozen | None,
        fabric: Fabric, display: Display, stopping: Stopping,
    ) -> None:  # fmt: skip
        from generators.training.frozen import frozen_for
        from generators.training.source import pack_source

        self.options, self.out, self.fabric, self.display, self.stopping = options, out, fabric, display, stopping
        self.settings, self.device = settings, fabric.device
        self.frozen = (
            frozen if frozen is not None else frozen_for(trainable.needs, data, self.device, options.cpu_threads)
        )
        self.recipe = build(trainable, settings, self.frozen, options.seed)
        for network in self.recipe.networks.values():
            network.to(self.device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
            network.train()
        self.phases = phases_of(self.recipe)
        self.average = Average(self.recipe.networks, self.recipe.averaged, self.recipe.ema_decay)
        self.source: Source = (trainable.source or pack_source)(data, self.recipe, options.seed)
        described = self.source.describe()
        self.identity = identity_of(
            options.name,
            settings,
            self.recipe.batch_size,
            options.seed,
            str(described.get("digest", "")),
            fabric.world_size,
        )
        self.checkpoints, self.log, self.watch = Checkpoints(out, display.say), Log(out), Watch()
        self.split, self.observer = Split(self.device), Observer(self.device, self.watch, Tick())
        self.draw = torch.Generator(self.device)
        self.steps = self.images = 0
        self.seconds_before = 0.0
        self.last: Mapping[str, Any] | None = None
        self._collecting = ""

    # ------------------------------------------------------------------------------------------------ the whole call

    def train(self) -> Trained:
        self._resume()
        self._began = self._checkpointed = self._sampled = time.perf_counter()
        self._begin_tick()
        if not self.checkpoints.steps():
            self._write_checkpoint()
        reason = ""
        try:
            while not (reason := self._why_stop()):
                self._step()
                self.observer.settle(before=self.steps - 1)
                self._after_step()
            self.observer.settle()
        except TrainingDiverged as error:
            self._largest(2)
            raise self._diverged(error) from error
        self._finish(reason)
        return Trained(self.out, self.steps, self.images, self._seconds(), reason, self.last)

    def _why_stop(self) -> str:
        reason = self.stopping.reason(self.steps, self.images)
        worst = self._largest(1 if reason else 0)
        if worst > 1:
            raise TrainingDiverged(f"step {self.steps}: another process stopped; its message says why")
        return reason or ("another process was asked to" if worst else "")

    def _largest(self, value: int) -> int:
        return largest_of(self.fabric, value)

    def _finish(self, reason: str) -> None:
        self.display.say(f"stopped at step {self.steps:,}: {reason}")
        if not self.fabric.is_global_zero:
            return
        if self.steps not in self.checkpoints.steps() and not self.watch.suspects:
            self._write_checkpoint()
        if self.options.sample_seconds:
            self._write_samples()
        last = self.last or (self._line() if self.observer.tick.counts else None)
        progress = {"steps": self.steps, "images": self.images, "seconds": self._seconds(), "stopped": reason}
        run = {**self.identity, "preset": self.options.preset}
        write_card(
            self.out,
            card_of(
                run,
                self.recipe,
                self.source.describe(),
                progress,
                self.device,
                self.options.command,
                self.frozen.names,
                last,
            ),
        )
        if self.options.release:
            self._release()

    # ---------------------------------------------------------------------------------------------------- one step

    def _step(self) -> None:
        number, rank, processes = self.steps, self.fabric.global_rank, self.fabric.world_size
        self.split.begin()
        for_torch, for_draw = step_seeds(self.options.seed, number, rank)
        torch.manual_seed(for_torch)
        self.draw.manual_seed(for_draw)
        batch = self.source.batch(number * processes + rank, self.device)
        self.split.mark("data")
        step = Step(number, batch, self.draw)
        for name in self.recipe.phases(number):
            self._learn(name, step)
        self.average.update(number)
        self.split.mark("average")
        self.steps += 1
        self.images += len(batch) * processes
        self._tick_images += len(batch) * processes

    def _learn(self, name: str, step: Step) -> None:
        phase = check_known(name, self.phases)
        if self._collecting != name:
            collect_for(phase, self.phases.values())
            self._collecting = name
        with self.fabric.autocast():
            losses = self.recipe.losses(name, step)
        self.split.mark("forward")
        self.fabric.backward(losses.total)
        average_gradients(self.fabric, phase.gradients())
        self.split.mark("backward")
        self.observer.see(step.number, name, losses, phase.gradient_norm(), step.batch.rows)
        self.split.mark("")
        phase.optimizer.step()
        phase.optimizer.zero_grad(set_to_none=True)
        self.split.mark("optimiser")

    # --------------------------------------------------------------------------------------------- between two steps

    def _after_step(self) -> None:
        if not self.fabric.is_global_zero:
            return
        options, now = self.options, time.perf_counter()
        if (
            self.steps % options.tick_steps == 0
            if options.tick_steps
            else now - self._tick_began >= options.tick_seconds
        ):
            self._tick()
        if now - self._checkpointed >= options.checkpoint_seconds and not self.watch.suspects:
            self._write_checkpoint()
        if options.sample_seconds and now - self._sampled >= options.sample_seconds:
            self._write_samples()

    def _begin_tick(self) -> None:
        self._tick_began, self._tick_images = time.perf_counter(), 0

    def _tick(self) -> None:
        self.observer.settle()
        self.last = self._line()
        self.log.append(self.last)
        self.display.tick(self.last)
        self.observer.tick = Tick()
        self._begin_tick()
        self.watch.tick(self.steps, {phase: terms[TOTAL] for phase, terms in self.last["losses"].items()})

    def _line(self) -> dict[str, Any]:
        took, split = time.perf_counter() - self._tick_began, self.split.taken()
        rates = {name: phase.learning_rate() for name, phase in self.phases.items()}
        return line_of(
            self.steps,
            self.images,
            self._seconds(),
            self.observer.tick,
            took,
            split,
            self._tick_images,
            rates,
            self.device,
        )

    def _seconds(self) -> float:
        return self.seconds_before + time.perf_counter() - self._began

    # ----------------------------------------------------------------------------------------- checkpoints and files

    def _write_checkpoint(self) -> None:
        self.observer.settle()
        self._checkpointed = time.perf_counter()
        if not self.fabric.is_global_zero:
            return
        facts = {
            "images": self.images,
            "seconds": self._seconds(),
            "run": self.identity,
            "optimizers": optimizer_facts(self.phases),
            "tick": dataclasses.asdict(self.observer.tick),
            "versions": versions_here(),
        }
        self.checkpoints.write(self.steps, tensors_of(self.recipe.networks, self.average, self.phases), facts)

    def _resume(self) -> None:
        if self.fabric.is_global_zero:
            self.checkpoints.clear_leftovers()
        found = self.checkpoints.newest()
        if found is not None:
            self._go_on_from(found)
        if self.fabric.is_global_zero:
            self.watch.remember(lines := self.log.cut(self.steps))
            self.last = lines[-1] if lines else None

    def _go_on_from(self, found: Checkpoint) -> None:
        facts = found.facts
        refuse_another(self.out, facts["run"], self.identity)
        here = versions_here()
        if changed := [name for name, version in facts["versions"].items() if here.get(name) != version]:
            said = ", ".join(
                f"{name} {facts['versions'][name]} then, {here.get(name, 'absent')} now" for name in changed
            )
            self.display.say(f"going on with other versions, so not bit for bit: {said}")
        restore(self.recipe.networks, self.average, self.phases, found.tensors, facts["optimizers"])
        self.steps, self.images, self.seconds_before = int(facts["step"]), int(facts["images"]), float(facts["seconds"])
        self.observer.tick = Tick(**facts["tick"])
        self.display.say(f"going on from step {self.steps:,} ({found.folder})")

    def _diverged(self, error: TrainingDiverged) -> TrainingDiverged:
        kept = self.checkpoints.keep_last_good() if self.fabric.is_global_zero else None
        where = f"; the last good checkpoint is {kept} (step {self.checkpoints.steps()[-1]})" if kept else ""
        return TrainingDiverged(
            f"{error}{where}; look at these faces, or lower the learning rate (`impersona train ... --set NAME=VALUE`"
            " with another --out)"
        )

    def _write_samples(self) -> None:
        self._sampled = time.perf_counter()
        self.observer.settle()
        torch.manual_seed(int(stream(self.options.seed, "samples").integers(2**63)))
        frame = sample_frame(self.recipe, self.average, self.source.fixed(self.options.samples, self.device))
        made_by = f"{self.options.name} {self.options.preset}".strip()
        write_grid(self.out, frame, self.steps, made_by, value_digest(self.identity), {"images": str(self.images)})

    def _release(self) -> None:
        about = {**self.identity, "preset": self.options.preset, "steps": self.steps, "images": self.images}
        about.pop("settings")
        about["taught_by"] = sorted(set(self.frozen.names.values()))
        size = write_released(self.options.release, self.average.networks, self.settings, about)
        self.display.say(f"wrote {self.options.release} ({size / 1e6:.1f} MB)")


def with_batch_size(settings: Any, batch_size: int | None) -> Any:
    """The settings with another batch size, or as they are for None. Raises `ConfigError` where they have none."""
    if batch_size is None:
        return settings
    if "batch_size" not in {one.name for one in dataclasses.fields(settings)}:
        raise ConfigError("--batch-size: these settings have no batch_size; leave it out")
    return dataclasses.replace(settings, batch_size=batch_size)
