"""What a run leaves in its folder, and how it goes on from there: checkpoints, log, sample grids, run card, weights."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from bench.errors import TrainingDiverged
from bench.provenance import value_digest
from bench.seeding import stream
from generators.training.card import card_of, write_card
from generators.training.checkpoint import Checkpoint, Checkpoints
from generators.training.display import Display
from generators.training.encoder import released_entry
from generators.training.grid import sample_frame, write_grid
from generators.training.identity import refuse_another
from generators.training.log import Log, Tick, line_of
from generators.training.observe import Observer
from generators.training.released import write_released
from generators.training.run import Run
from generators.training.state import optimizer_facts, restore, spoilt, tensors_of
from generators.training.timing import Split
from generators.training.watch import TOTAL, Watch


class Keeper:
    """Keeps one run; only the first of several processes writes, all of them read.

    Args:
        run: what is kept.
        out: its folder.
        display: is told of it.
        first: whether this is the first process.
        lags: whether figures are read a step later than they come, see `Observer`.

    Attributes:
        observer: takes in what steps came to.
        split: where their time went.
        last: the last line of the log; None before the first.
    """

    def __init__(self, run: Run, out: Path, display: Display, first: bool, lags: bool) -> None:
        self._run, self._out, self._display, self._first = run, out, display, first
        self._checkpoints, self._log, self._watch = Checkpoints(out, display.say), Log(out), Watch()
        self.observer, self.split = Observer(lags, self._watch, Tick()), Split(run.device)
        self.last: Mapping[str, Any] | None = None
        self._checkpointed = self._sampled = self._tick_began = time.perf_counter()
        self._tick_from = 0

    # --------------------------------------------------------------------------------------------- beginning and end

    def begin(self) -> None:
        """Brings the run to where its newest checkpoint is, and writes one of a run that has none.

        Raises:
            ConfigError: the folder holds another run.
            CorruptFile: none of its checkpoints is whole.
        """
        if self._first:
            self._checkpoints.clear_leftovers()
        found = self._checkpoints.newest()
        if found is None:
            self._run.begin_at(0, 0, 0.0)
        else:
            self._go_on_from(found)
        if self._first:
            self._checkpoints.set_aside_behind(self._run.steps)
            lines = self._log.cut(self._run.steps)
            self._watch.remember(lines)
            self.last = lines[-1] if lines else None
        self._checkpointed = self._sampled = time.perf_counter()
        self._begin_tick()
        if found is None:
            self.write_checkpoint()

    def finish(self, reason: str) -> None:
        """Leaves a checkpoint, a grid, the card and, where it was asked for, the released weights.

        Args:
            reason: why the run stopped.

        Raises:
            TrainingDiverged: the weights are not finite.
            ConfigError: they cannot be released.
        """
        run, options = self._run, self._run.options
        self._display.say(f"stopped at step {run.steps:,}: {reason}")
        if not self._first:
            return
        if self._watch.suspects:
            self._display.say("a loss is out of bounds: no checkpoint is written, and the last one is gone on from")
        elif run.steps not in self._checkpoints.steps():
            self.write_checkpoint()
        if options.sample_seconds:
            self._write_samples()
        self._write_card(reason)
        if options.release:
            self._release()

    def diverged(self, error: TrainingDiverged) -> TrainingDiverged:
        """The error with what a person should do, and the newest checkpoint kept as ``last-good``."""
        kept = self._checkpoints.keep_last_good() if self._first else None
        where = f"; the last good checkpoint is {kept} (step {self._checkpoints.steps()[-1]})" if kept else ""
        return TrainingDiverged(
            f"{error}{where}; look at these faces, or lower the learning rate (`impersona train ... --set NAME=VALUE`"
            " with another --out)"
        )

    # --------------------------------------------------------------------------------------------- between two steps

    def after_step(self) -> None:
        """Writes what is due: a line of the log, a checkpoint, a grid.

        Raises:
            TrainingDiverged: a loss is out of bounds for too long, or weights are not finite.
        """
        if not self._first:
            return
        options, now = self._run.options, time.perf_counter()
        by_steps, since = options.tick_steps, now - self._tick_began
        if self._run.steps % by_steps == 0 if by_steps else since >= options.tick_seconds:
            self._tick()
        if now - self._checkpointed >= options.checkpoint_seconds and not self._watch.suspects:
            self.write_checkpoint()
        if options.sample_seconds and now - self._sampled >= options.sample_seconds:
            self._write_samples()

    def write_checkpoint(self) -> None:
        """Writes one. Raises `TrainingDiverged` where a number in it is not finite, and writes nothing then."""
        self.observer.settle()
        self._checkpointed = time.perf_counter()
        if not self._first:
            return
        run = self._run
        tensors = tensors_of(run.recipe.networks, run.average, run.phases)
        # Losses and gradients of the last step may be finite and the step itself not: the next step would say so, but
        # this checkpoint would be the one to go back to.
        if name := spoilt(tensors):
            raise TrainingDiverged(f"after {run.steps:,} steps {name} holds values that are not finite")
        facts = {
            "images": run.images,
            "seconds": run.seconds,
            "run": run.identity,
            "optimizers": optimizer_facts(run.phases),
            "tick": dataclasses.asdict(self.observer.tick),
            "versions": run.circumstances(),
        }
        self._checkpoints.write(run.steps, tensors, facts)

    # --------------------------------------------------------------------------------------------------------- inside

    def _begin_tick(self) -> None:
        self._tick_began, self._tick_from = time.perf_counter(), self._run.images

    def _tick(self) -> None:
        self.observer.settle()
        self.last = self._line()
        self._log.append(self.last)
        self._display.tick(self.last)
        self.observer.tick = Tick()
        self._begin_tick()
        self._watch.tick(self._run.steps, {phase: terms[TOTAL] for phase, terms in self.last["losses"].items()})

    def _line(self) -> dict[str, Any]:
        run = self._run
        took, split = time.perf_counter() - self._tick_began, self.split.taken()
        rates = {name: phase.learning_rate() for name, phase in run.phases.items()}
        new = run.images - self._tick_from
        return line_of(run.steps, run.images, run.seconds, self.observer.tick, took, split, new, rates, run.device)

    def _go_on_from(self, found: Checkpoint) -> None:
        run, facts = self._run, found.facts
        refuse_another(self._out, facts["run"], run.identity)
        then, now = facts["versions"], run.circumstances()
        if changed := [name for name, value in then.items() if now.get(name) != value]:
            said = ", ".join(f"{name} {then[name]} then, {now.get(name, 'absent')} now" for name in changed)
            self._display.say(f"going on under other circumstances, so not bit for bit: {said}")
        restore(run.recipe.networks, run.average, run.phases, found.tensors, facts["optimizers"])
        run.begin_at(int(facts["step"]), int(facts["images"]), float(facts["seconds"]))
        self.observer.tick = Tick(**facts["tick"])
        self._display.say(f"going on from step {run.steps:,} ({found.folder})")

    def _write_samples(self) -> None:
        self._sampled = time.perf_counter()
        self.observer.settle()
        run = self._run
        torch.manual_seed(int(stream(run.options.seed, "samples").integers(2**63)))
        frame = sample_frame(run.recipe, run.average, run.source.fixed(run.options.samples, run.device))
        made_by = f"{run.options.name} {run.options.preset}".strip()
        write_grid(self._out, frame, run.steps, made_by, value_digest(run.identity), {"images": str(run.images)})

    def _write_card(self, reason: str) -> None:
        run = self._run
        last = self.last or (self._line() if self.observer.tick.counts else None)
        progress = {"steps": run.steps, "images": run.images, "seconds": run.seconds, "stopped": reason}
        identity = {**run.identity, "preset": run.options.preset} | _encoder(run)
        data, names = run.source.describe(), run.taught_by
        write_card(
            self._out, card_of(identity, run.recipe, data, progress, run.device, run.options.command, names, last)
        )

    def _release(self) -> None:
        run = self._run
        size = write_released(run.options.release, run.average.networks, run.settings, about_of(run))
        self._display.say(f"wrote {run.options.release} ({size / 1e6:.1f} MB)")


def about_of(run: Run) -> dict[str, Any]:
    """What a released file says of itself besides its settings: which run, how far, on whom, taught by whom.

    ``data`` is the digest of the pack; ``people``, ``people_digest`` and ``splits`` say who of it was shown, where the
    source knows (docs/training.md). ``identity_encoder`` is the sweep-file entry of the recognizer whose embeddings the
    networks take, where they take some or learned from one, without what holds on this machine only; where a file of
    weights was given for it, ``identity_encoder_weights`` is the digest of its weights. ``started_with`` is what the
    weights that the run began with say of themselves, where there were some: whom they have seen, these have seen, too.
    """
    about = {**run.identity, "preset": run.options.preset, "steps": run.steps, "images": run.images}
    about.pop("settings")
    described = run.source.describe()
    if "people_digest" in described:
        about |= {name: described[name] for name in ("faces", "people", "people_digest", "splits")}
    if run.started_with:
        about["started_with"] = run.started_with
    return about | _encoder(run) | {"taught_by": sorted(set(run.taught_by.values()))}


def _encoder(run: Run) -> dict[str, Any]:
    if run.encoder is None:
        return {}
    described = run.source.describe() if run.conditioned else {}
    found: dict[str, Any] = {"identity_encoder": released_entry(run.encoder, described)}
    if not (run.encoder.get("weights") or run.encoder.get("model")):
        return found
    teacher = {} if run.frozen.identity is None else run.frozen.identity.fingerprint()
    digest = teacher.get("weights") or teacher.get("model") or described.get("identity_weights")
    return found | ({"identity_encoder_weights": str(digest)} if digest else {})
