"""The training loop: killed and resumed it is the run that never stopped; what stops it is named; phases stay apart."""

import hashlib
import itertools
import json
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from bench.errors import ConfigError, CorruptFile, PluginError, TrainingDiverged, UnknownName
from bench.images import png_text
from generators.training.average import Average, decay_at
from generators.training.log import without_times
from generators.training.loop import train
from generators.training.phases import collect_for, phases_of
from generators.training.recipe import Frozen
from generators.training.run import build, step_seeds
from generators.training.watch import Watch
from tests.toy_recipe import TOY, ToySettings

ROOT = Path(__file__).parent.parent
NOWHERE = Path("/nowhere")
COMMON = {"device": "cpu", "threads": 1, "tick_steps": 10, "sample_seconds": 0, "name": "generator/toy", "seed": 5}


class Told:
    """A display that remembers."""

    def __init__(self):
        self.said, self.ticks, self.closed = [], [], False

    def say(self, message):
        self.said.append(message)

    def tick(self, line):
        self.ticks.append(line)

    def close(self):
        self.closed = True


def trained(out, settings="tiny", told=None, **options):
    return train(TOY, settings, NOWHERE, out, display=told, **{**COMMON, **options})


def tensors_digest(out, step):
    return hashlib.sha256((out / "checkpoints" / f"step-{step:09d}" / "state.safetensors").read_bytes()).hexdigest()


def facts_of(out, step):
    facts = json.loads((out / "checkpoints" / f"step-{step:09d}" / "state.json").read_text())
    del facts["seconds"]
    return facts


def log_of(out):
    return [without_times(json.loads(line)) for line in (out / "log.jsonl").read_text().splitlines()]


def steps_of(out):
    return sorted(int(one.name[5:]) for one in (out / "checkpoints").glob("step-*"))


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    out = tmp_path_factory.mktemp("runs") / "uninterrupted"
    trained(out, max_steps=300)
    return out


# ------------------------------------------------------------------------------------------------------------ resuming


def _endless(out, steps, started):
    # Checkpoints as often as can be, so that a kill falls into the writing of one, too.
    started.set()
    trained(Path(out), max_steps=steps, checkpoint_seconds=0.02)


@pytest.mark.full
def test_killed_three_times_and_resumed_is_never_stopped(uninterrupted, tmp_path):
    """SIGKILL at random moments: weights, averages, optimizers and log are those of the run that never stopped."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.toy_recipe", "generators.training.loop", "lightning.fabric"])
    out, delays = tmp_path / "killed", np.random.default_rng().uniform(0.05, 0.4, 3)
    reached = []
    for delay in delays:
        started = context.Event()
        child = context.Process(target=_endless, args=(str(out), 100_000, started))
        child.start()
        assert started.wait(60)
        before = max(steps_of(out), default=0) if (out / "checkpoints").is_dir() else 0
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:  # it must get somewhere, or three kills would show nothing
            found = steps_of(out) if (out / "checkpoints").is_dir() else []
            if found and max(found) > before:
                break
            time.sleep(0.005)
        time.sleep(min(delay, 0.05))
        os.kill(child.pid, signal.SIGKILL)
        child.join()
        assert child.exitcode == -signal.SIGKILL
        reached.append(max(steps_of(out)))
        if reached[-1] >= 250:
            break
    assert reached[0] > 0
    print(f"killed near steps {reached}")
    trained(out, max_steps=max(300, reached[-1]))
    if reached[-1] > 300:
        pytest.fail(f"the child ran to step {reached[-1]} before it was killed; the comparison needs 300")
    assert tensors_digest(out, 300) == tensors_digest(uninterrupted, 300)
    assert facts_of(out, 300) == facts_of(uninterrupted, 300)
    assert log_of(out) == log_of(uninterrupted)
    assert not list((out / "checkpoints").glob(".*"))


def test_chunks_in_one_process_are_the_whole(uninterrupted, tmp_path):
    for steps in (7, 150, 300):
        told = Told()
        found = trained(tmp_path, told=told, max_steps=steps)
        assert (found.steps, found.images, found.stopped) == (steps, 4 * steps, f"max_steps ({steps}) are done")
    assert any("going on from step 150" in said for said in told.said)
    assert tensors_digest(tmp_path, 300) == tensors_digest(uninterrupted, 300)
    assert log_of(tmp_path) == log_of(uninterrupted)
    assert steps_of(tmp_path) == [150, 300]


def test_another_seed_is_another_run(uninterrupted, tmp_path):
    trained(tmp_path, max_steps=300, seed=6)
    assert tensors_digest(tmp_path, 300) != tensors_digest(uninterrupted, 300)


def test_limits_of_the_run_and_of_the_call(tmp_path):
    assert trained(tmp_path, max_images=30).steps == 8
    assert trained(tmp_path, max_images=30).steps == 8
    found = trained(tmp_path, max_seconds=0.3)
    assert found.steps > 8
    assert found.stopped == "max_seconds (0.3) of this call are over"
    assert max(steps_of(tmp_path)) == found.steps


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_leaves_a_checkpoint(tmp_path, number):
    told = Told()
    told.tick = lambda line: os.kill(os.getpid(), number)
    before = signal.getsignal(number)
    found = trained(tmp_path, told=told)
    assert found.stopped == f"asked to by {number.name}"
    assert found.steps == 10
    assert steps_of(tmp_path) == [0, 10]
    assert signal.getsignal(number) is before


def test_another_run_is_refused_and_says_what_to_type(tmp_path):
    trained(tmp_path, max_steps=1)
    with pytest.raises(ConfigError, match=r"settings.rate is 0.01 there and 0.02 here; .*--set rate=0.01.* --out"):
        trained(tmp_path, ToySettings(rate=0.02), max_steps=2)
    with pytest.raises(ConfigError, match=r"seed is 5 there and 6 here; to go on with it, type --seed 5"):
        trained(tmp_path, max_steps=2, seed=6)
    (other := tmp_path / "data").write_text("other faces")
    with pytest.raises(ConfigError, match=r"data is \"toy\" there and \"other faces\" here; to begin a new one"):
        train(TOY, "tiny", other, tmp_path, **COMMON, max_steps=2)


def test_a_damaged_checkpoint_is_passed_over_by_name(uninterrupted, tmp_path):
    for steps in (100, 200):
        trained(tmp_path, max_steps=steps)
    file = tmp_path / "checkpoints" / "step-000000200" / "state.safetensors"
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    file.write_bytes(data)
    told = Told()
    trained(tmp_path, told=told, max_steps=300)
    assert any("step-000000200" in said and "damaged" in said for said in told.said)
    assert any("going on from step 100" in said for said in told.said)
    assert tensors_digest(tmp_path, 300) == tensors_digest(uninterrupted, 300)
    assert log_of(tmp_path) == log_of(uninterrupted)


def test_no_whole_checkpoint_is_an_error(tmp_path):
    trained(tmp_path, max_steps=3)
    for file in (tmp_path / "checkpoints").glob("*/state.json"):
        file.write_text("{")
    with pytest.raises(CorruptFile, match="none of 2 checkpoints is whole; remove the folder"):
        trained(tmp_path, max_steps=4)


def test_a_damaged_checkpoint_is_written_again_when_the_run_comes_by(uninterrupted, tmp_path):
    for steps in (200, 300):
        trained(tmp_path, max_steps=steps)
    (tmp_path / "checkpoints" / "step-000000300" / "state.safetensors").write_bytes(b"damaged")
    trained(tmp_path, max_steps=300)
    assert tensors_digest(tmp_path, 300) == tensors_digest(uninterrupted, 300)
    assert (tmp_path / "checkpoints" / "damaged-step-000000300").is_dir()
    told = Told()
    trained(tmp_path, told=told, max_steps=300)
    assert any("going on from step 300" in said for said in told.said)


def test_a_damaged_checkpoint_takes_no_whole_ones_place(tmp_path):
    settings = ToySettings(poisoned=30)
    for steps in (10, 20):
        trained(tmp_path, settings, max_steps=steps)
    (tmp_path / "checkpoints" / "step-000000020" / "state.json").write_text("{")
    trained(tmp_path, settings, max_steps=15)
    assert steps_of(tmp_path) == [10, 15]
    (tmp_path / "checkpoints" / "step-000000015" / "state.json").write_text("{")
    with pytest.raises(TrainingDiverged, match=r"last-good \(step 10\)"):
        trained(tmp_path, settings, max_steps=40)
    assert json.loads((tmp_path / "checkpoints" / "last-good" / "state.json").read_text())["step"] == 10


def test_files_of_others_beside_the_checkpoints_do_no_harm(tmp_path):
    trained(tmp_path, max_steps=3)
    (tmp_path / "checkpoints" / ".DS_Store").write_bytes(b"")
    assert trained(tmp_path, max_steps=4).steps == 4


def test_a_log_whose_last_line_has_no_end_is_mended(tmp_path):
    trained(tmp_path, max_steps=20)
    log = tmp_path / "log.jsonl"
    log.write_bytes(log.read_bytes().removesuffix(b"\n"))
    trained(tmp_path, max_steps=30)
    assert [line["step"] for line in log_of(tmp_path)] == [10, 20, 30]


def test_other_circumstances_are_told(tmp_path):
    trained(tmp_path, max_steps=2)
    told = Told()
    trained(tmp_path, told=told, max_steps=3, threads=2)
    assert any("not bit for bit: threads 1 then, 2 now" in said for said in told.said)


def test_leftovers_of_a_killed_process_go_away(tmp_path):
    trained(tmp_path, max_steps=3)
    (half := tmp_path / "checkpoints" / ".step-000000004.123").mkdir()
    (half / "state.safetensors").write_bytes(b"half")
    with (tmp_path / "log.jsonl").open("a") as log:
        log.write('{"step": 4, "ima')
    trained(tmp_path, max_steps=10)
    assert not half.exists()
    assert [line["step"] for line in log_of(tmp_path)] == [10]


def test_one_process_a_folder(tmp_path):
    told = Told()

    def another(line):
        with pytest.raises(ConfigError, match="is being trained by another process"):
            trained(tmp_path, max_steps=3)

    told.tick = another
    trained(tmp_path, told=told, max_steps=10)


# ------------------------------------------------------------------------------------------------------------ watching


def test_nan_in_a_batch_stops_and_is_named(tmp_path):
    told, settings = Told(), ToySettings(poisoned=23)
    trained(tmp_path, settings, max_steps=20)
    good = tensors_digest(tmp_path, 20)
    rows = ", ".join(str(row) for row in _rows_of(settings, 23))
    with pytest.raises(TrainingDiverged) as raised:
        trained(tmp_path, settings, told=told, max_steps=100)
    message = str(raised.value)
    assert message.startswith("step 23, phase make: near is nan, fooled is nan")
    assert f"rows {rows} of the data" in message
    assert "last-good (step 20)" in message
    last_good = tmp_path / "checkpoints" / "last-good" / "state.safetensors"
    assert hashlib.sha256(last_good.read_bytes()).hexdigest() == good
    assert steps_of(tmp_path) == [0, 20]
    with pytest.raises(TrainingDiverged, match="step 23"):  # the very same again, and nothing was lost
        trained(tmp_path, settings, max_steps=100)


@pytest.mark.parametrize("last", [8, 30])
def test_weights_that_are_not_finite_are_never_the_last_good_ones(tmp_path, last):
    """The loss and the gradients of step 7 are finite; its weights are not, and only step 8 would say so."""
    settings = ToySettings(leap=7)
    trained(tmp_path, settings, max_steps=5)
    with pytest.raises(TrainingDiverged, match=r"after 8 steps .*maker.* not finite.*last-good \(step 7\)"):
        trained(tmp_path, settings, max_steps=last, checkpoint_seconds=0)
    assert max(steps_of(tmp_path)) == 7


def _rows_of(settings, number):
    recipe = build(TOY, settings, Frozen(), 5)
    return TOY.source(NOWHERE, recipe, 5).batch(number, torch.device("cpu")).rows.tolist()


def test_a_loss_out_of_bounds_stops_and_no_checkpoint_is_written(tmp_path):
    settings = ToySettings(runaway=100, rate=1e-4)
    with pytest.raises(TrainingDiverged, match=r"step 130, phase make: its loss .* for 3 ticks in a row.*last-good"):
        trained(tmp_path, settings, max_steps=300, checkpoint_seconds=0.02)
    assert max(steps_of(tmp_path)) < 120


def test_the_watch_forgives_one_tick_and_knows_its_past():
    watch = Watch()
    watch.remember([{"losses": {"make": {"total": 0.5}}}] * 5)
    for step in (1, 2):
        watch.tick(step, {"make": 501.0})
        assert watch.suspects
    watch.tick(3, {"make": 499.0})
    assert not watch.suspects
    for step in (4, 5):
        watch.tick(step, {"make": -1e6})
    with pytest.raises(TrainingDiverged, match="step 6"):
        watch.tick(6, {"make": -1e6})


def test_a_loss_around_zero_is_no_divergence():
    watch = Watch()
    for step in range(20):
        watch.tick(step, {"make": 1e-9 if step < 10 else 0.9})
    assert not watch.suspects


def test_a_hinge_loss_that_comes_back_from_zero_is_no_divergence():
    """A discriminator that has won rests at zero; when it is fooled again its loss is a few units, ticks in a row."""
    watch = Watch()
    for step in range(40):
        watch.tick(step, {"judge": 0.0 if step < 30 else 4.0})
        assert not watch.suspects


SEVERAL = """
import sys
from bench import wiring
from bench.api import PluginRow
from bench.errors import TrainingDiverged
from generators.training.loop import train
from tests.toy_recipe import TOY, Toy, ToySettings
from dataclasses import replace
from pathlib import Path
import torch

class Odd(Toy):
    def losses(self, phase, step):
        found = super().losses(phase, step)
        if sys.argv[2] == "term" and torch.distributed.get_rank() == 1 and (phase, step.number) == ("make", 4):
            found.terms["fooled"].fill_(float("nan"))
        return found

try:
    done = train(replace(TOY, build=Odd), ToySettings(), Path("/nowhere"), Path(sys.argv[1]), device="cpu", devices=2,
                 threads=1, tick_steps=2, sample_seconds=0, max_steps=int(sys.argv[3]))
    print("DONE", done.steps, done.images, done.stopped, flush=True)
except TrainingDiverged as error:
    print("DIVERGED", error, flush=True)
"""


def several(tmp_path, what, steps):
    (tmp_path / "several.py").write_text(SEVERAL)
    done = subprocess.run(
        [sys.executable, str(tmp_path / "several.py"), str(tmp_path / what), what, str(steps)], check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT)}, cwd=ROOT, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.full
def test_what_one_of_two_processes_sees_stops_both(tmp_path):
    """A NaN in the second one's term: neither waits for the other, and the first keeps the last good checkpoint."""
    said = several(tmp_path, what := "term", 50)
    assert said.count("DIVERGED step") == 2
    assert "step 4, phase make" in said
    assert (tmp_path / what / "checkpoints" / "last-good").is_dir()
    assert steps_of(tmp_path / what) == [0]


@pytest.mark.full
def test_two_processes_go_on_where_they_stopped(tmp_path):
    several(tmp_path, "none", 4)
    said = several(tmp_path, "none", 9)
    assert said.count("DONE 9 72 max_steps (9) are done") == 2
    (tmp_path / "none").rename(tmp_path / "chunks")
    several(tmp_path, "none", 9)
    assert tensors_digest(tmp_path / "none", 9) == tensors_digest(tmp_path / "chunks", 9)


# ------------------------------------------------------------------------------------------------- phases and averages


def test_only_the_phases_own_parameters_collect_gradients():
    recipe = build(TOY, ToySettings(), Frozen(), 0)
    phases = phases_of(recipe)
    for name, own in (("make", recipe.maker), ("judge", recipe.judge)):
        collect_for(phases[name], phases.values())
        wanted = {id(one) for one in own.parameters()}
        for network in recipe.networks.values():
            assert all(one.requires_grad == (id(one) in wanted) for one in network.parameters())


def test_a_phase_moves_its_own_networks_only(tmp_path):
    """What the judge learns reaches the maker through the next step's loss, and never at once."""
    for steps, same in ((2, True), (3, False)):
        outs = [tmp_path / f"{steps}{every}" for every in (1, 2)]
        for every, out in zip((1, 2), outs, strict=True):
            trained(out, ToySettings(every=every), max_steps=steps)
        often, seldom = (_network(out, steps, "maker") for out in outs)
        assert all(torch.equal(often[name], seldom[name]) for name in often) is same
    often, seldom = (_network(tmp_path / f"2{every}", 2, "judge") for every in (1, 2))
    assert not all(torch.equal(often[name], seldom[name]) for name in often)


def _network(out, step, name):
    from safetensors.torch import load_file

    tensors = load_file(out / "checkpoints" / f"step-{step:09d}" / "state.safetensors")
    prefix = f"network/{name}/"
    return {key.removeprefix(prefix): value for key, value in tensors.items() if key.startswith(prefix)}


def test_optimizers_of_strange_parameters_are_refused():
    recipe = build(TOY, ToySettings(), Frozen(), 0)
    stranger = torch.nn.Parameter(torch.zeros(3))
    recipe.optimizers = lambda: {"make": torch.optim.SGD([stranger], 0.1)}
    with pytest.raises(PluginError, match=r"a parameter \(3,\) of no network"):
        phases_of(recipe)
    twice = {name: torch.optim.SGD(recipe.maker.parameters(), 0.1) for name in ("make", "judge")}
    recipe.optimizers = lambda: twice
    with pytest.raises(PluginError, match=r"maker\.0\.weight is in the optimizers of 'make' and 'judge'"):
        phases_of(recipe)


def test_the_average_follows_its_formula():
    network = torch.nn.BatchNorm1d(3)
    average = Average({"it": network}, frozenset({"it"}), 0.5)
    expected = network.weight.detach().double().clone()
    for number in range(6):
        with torch.no_grad():
            network.weight.copy_(torch.rand(3))
        network.running_mean += 1
        average.update(number)
        decay = [0.1, 2 / 11, 0.25, 4 / 13, 5 / 14, 0.4][number]
        expected = decay * expected + (1 - decay) * network.weight.detach().double()
        torch.testing.assert_close(average.networks["it"].weight.double(), expected, rtol=1e-6, atol=1e-7)
    assert torch.equal(average.networks["it"].running_mean, network.running_mean)
    assert not average.networks["it"].training
    assert decay_at(0.999, 10**6) == 0.999
    assert not any(one.requires_grad for one in average.networks["it"].parameters())


def test_the_average_is_of_its_own_memory():
    network = torch.nn.Linear(2, 2)
    average = Average({"it": network}, frozenset({"it"}), 0.9)
    before = average.networks["it"].weight.clone()
    with torch.no_grad():
        network.weight.add_(1)
    assert torch.equal(average.networks["it"].weight, before)


def test_streams_differ_by_step_rank_and_seed():
    seeds = {step_seeds(*key) for key in ((0, 0), (0, 1), (1, 0), (0, 0, 1))}
    assert len(seeds) == 4
    assert step_seeds(0, 3) == step_seeds(0, 3, 0)


# ------------------------------------------------------------------------------------------------- log, grid and card


def test_a_line_of_the_log_adds_up(uninterrupted):
    lines = [json.loads(line) for line in (uninterrupted / "log.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == list(range(10, 301, 10))
    for before, line in itertools.pairwise(lines):
        assert set(line["split"]) == {"data", "forward", "backward", "optimiser", "average", "other"}
        took = 40 / line["images_per_second"]
        assert sum(line["split"].values()) == pytest.approx(took, rel=0.02, abs=1e-3)
        assert line["seconds"] - before["seconds"] == pytest.approx(took, rel=0.25, abs=5e-3)
        assert min(line["split"].values()) >= 0
    assert lines[0]["losses"]["make"].keys() == {"total", "near", "fooled"}
    assert lines[0]["learning_rate"] == {"make": 0.01, "judge": 0.01}
    assert lines[0]["memory_mb"] > 50


def test_the_mean_of_a_tick_is_over_the_steps_in_which_the_phase_ran(tmp_path):
    trained(tmp_path / "ten", max_steps=10)
    trained(tmp_path / "one", max_steps=10, tick_steps=1)
    (together,), single = log_of(tmp_path / "ten"), log_of(tmp_path / "one")
    for phase, count in (("make", 10), ("judge", 5)):
        totals = [line["losses"][phase]["total"] for line in single if phase in line["losses"]]
        assert len(totals) == count
        assert together["losses"][phase]["total"] == pytest.approx(sum(totals) / count, rel=1e-12)


def test_grid_and_card_say_what_they_are(tmp_path):
    found = trained(
        tmp_path, told=Told(), max_steps=20, sample_seconds=600, samples=3, preset="tiny", command="impersona train toy"
    )
    (grid,) = (tmp_path / "samples").glob("*.png")
    text = png_text(grid.read_bytes())
    assert text["impersona.synthetic"] == "true"
    assert text["impersona.made_by"] == "generator/toy tiny"
    assert text["impersona.step"] == "20"
    card = json.loads((tmp_path / "run_card.json").read_text())
    assert card["progress"]["steps"] == 20
    assert card["progress"]["images"] == 80
    assert card["run"]["settings"]["channels"] == 8
    assert card["parameters"] == {"maker": 459, "judge": 297}
    assert card["released"] == ["maker"]
    assert card["last"]["step"] == found.last["step"] == 20
    assert "impersona train toy" in (tmp_path / "run_card.md").read_text()


def test_unknown_presets_and_options_are_refused(tmp_path):
    with pytest.raises(UnknownName, match="unknown preset 'tny'; did you mean 'tiny'"):
        trained(tmp_path, "tny")
    with pytest.raises(ValueError, match="max_steps: got -1, expected 0 or more"):
        trained(tmp_path, max_steps=-1)
    with pytest.raises(ValueError, match="device: got 'tpu'"):
        trained(tmp_path, device="tpu")
