"""Killed at any moment, a sweep goes on as if it had never been killed: kill -9 at twelve random ones of a run.

Half of them take the whole process group, as a machine that loses power does; the other half take the main process
alone, which must not leave its workers behind.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from pathlib import Path

import pytest

from bench.store.run_folder import RunFolder
from tests.processes import alive, command, environment

MOMENTS = 6
"""One in each sixth of a run: while it starts, in each of three cells, and while it ends."""
SWEEP = """
name: killed
seed: 5
dataset: {name: drawn, people: 6, images: 3}
recognizers: [lbp, dlib_resnet, {name: lbp, label: unaligned, aligner: none}]
fmr: [0.1]
draws: 100
"""


def start(folder: Path, options: tuple[str, ...]) -> subprocess.Popen[str]:
    """The sweep in a session of its own, with a run folder and a cache below a folder."""
    # Faces are found in worker processes, although there are few: inline has processes to leave behind too.
    around = environment(folder / "cache") | {"IMPERSONA_WORKERS": "2"}
    arguments = command("run", str(folder.parent / "sweep.yaml"), "--out", str(folder / "run"), "--no-report", *options)
    return subprocess.Popen(
        arguments, env=around, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, start_new_session=True
    )


def finish(folder: Path, options: tuple[str, ...]) -> bytes:
    """Runs the sweep to its end; returns summary.json."""
    process = start(folder, options)
    printed = process.communicate(timeout=120)[1]
    assert process.returncode == 0, printed
    return (folder / "run" / "summary.json").read_bytes()


@pytest.mark.full
@pytest.mark.parametrize("options", [(), ("--jobs", "2")], ids=["inline", "processes"])
def test_a_sweep_killed_at_any_moment_is_a_sweep_never_killed(tmp_path: Path, options: tuple[str, ...]) -> None:
    (tmp_path / "sweep.yaml").write_text(SWEEP)
    started = time.monotonic()
    whole = finish(tmp_path / "whole", options)
    seconds = time.monotonic() - started
    assert whole == finish(tmp_path / "whole", options)
    draw = random.Random(11)
    killed = 0
    for number in range(MOMENTS):
        moment = seconds * (number + draw.random()) / MOMENTS
        kill = (os.killpg, os.kill)[number % 2]
        folder = tmp_path / str(number)
        process = start(folder, options)
        time.sleep(moment)
        if process.poll() is None:
            kill(process.pid, signal.SIGKILL)
            killed += 1
        process.communicate(timeout=60)
        orphans = alive(process.pid, within=10)
        assert not orphans, f"killed after {moment:.2f} s: {orphans} live on"
        stored = len(list((folder / "run").glob("cells/*/outcome.json")))
        print(
            f"{options or 'inline'} {kill.__name__} after {moment:5.2f} s of {seconds:.2f}: {stored} cells were stored"
        )
        assert finish(folder, options) == whole
        assert not list((folder / "run").rglob("*.part"))
        assert len(RunFolder.open(folder / "run").outcomes()) == 3
    assert killed >= MOMENTS * 2 // 3, "the runs ended before they could be killed"
