"""The gate over what else than a recognizer may get worse: a detector, an aligner, a generator."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

from bench.api import Face, FrameImage
from bench.cli.main import main
from bench.config import parse_sweep
from bench.registry import Registry
from bench.store.blobs import DiskStore
from bench.store.cache import ArrayCache
from bench.sweep.runner import run_sweep
from reports.gate import compare
from tests.toys import ToyAligner, add_toys, photos

PEOPLE = {f"person{n:02}": (40 + 5 * n, 230 - 5 * n, 30 + (n * 37) % 180) for n in range(40)}


@pytest.fixture
def run(own_registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Runs a sweep over forty people, three coloured squares each, with changes."""
    add_toys(own_registry)
    monkeypatch.setattr("tests.toys.COLOURS", PEOPLE)
    monkeypatch.setenv("IMPERSONA_WORKERS", "0")  # worker processes know no toys
    root = photos(tmp_path / "photos", people=tuple(PEOPLE))
    cache = ArrayCache(DiskStore(tmp_path / "cache"))

    def make(where: str, **changes: Any) -> Path:
        base = {"name": "judged", "dataset": {"name": "folder", "root": str(root)}, "draws": 400, "assessments": []}
        return run_sweep(parse_sweep(base | changes), tmp_path / where, cache=cache).path

    return make


def made(**detector: Any) -> dict[str, Any]:
    return {
        "detectors": [{"name": "toy", "label": "mine", **detector}],
        "generators": ["toy"],
        "pairs": {"count": 150, "references": 1},
    }


def exits(*arguments: Any) -> int:
    with pytest.raises(SystemExit) as exit_code:
        main([str(argument) for argument in arguments])
    return int(exit_code.value.code or 0)


def test_a_detector_that_is_made_worse_by_noise_fails_and_passes_when_restored(
    run: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    baseline, junit = tmp_path / "mine.baseline.json", tmp_path / "gate.xml"
    assert exits("baseline", "save", run("base", **made()), "--out", baseline) == 0
    rules = [part for rule in ("d_eer:+2pp", "d_auc:-2pp") for part in ("--fail-on", rule)]
    assert exits("compare", baseline, run("worse", **made(noise=1.0)), *rules, "--junit", junit) == 1
    said = " ".join(capsys.readouterr().out.split())
    assert "D-EER of mine (folder, different people) rose from" in said
    assert "AUC of mine" in said
    assert "detector mine: noise 0.0 → 1.0" in said
    failures = list(ElementTree.parse(junit).getroot().iter("failure"))
    assert len(failures) == 2
    assert {failure.get("type") for failure in failures} == {"worse"}
    assert exits("compare", baseline, run("restored", **made()), *rules, "--junit", junit) == 0
    assert not list(ElementTree.parse(junit).getroot().iter("failure"))


class ShyAligner(ToyAligner):
    """Finds no face in a photo that is greener than its gain."""

    def detect(self, frame: FrameImage) -> list[Face]:
        return super().detect(frame) if frame[0, 0, 1] <= self.settings.gain else []


def test_an_aligner_that_finds_fewer_faces_fails(run: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.toys.ToyAligner", ShyAligner)
    base, new = (run(f"gain{gain}", aligners=[{"name": "toy", "gain": float(gain)}]) for gain in (255, 180))
    found = compare(base, new, ["found_rate:-2pp"])
    (row,) = found.rows
    assert (row.verdict, row.base, found.passed) == ("worse", 1.0, False)
    green = [min(colour[1] + 9 * number, 255) for colour in PEOPLE.values() for number in range(3)]
    assert row.new == pytest.approx(np.mean(np.array(green) <= 180))
    assert compare(new, base, ["found_rate:-2pp"]).rows[0].verdict == "better"


def test_a_generator_whose_faces_match_their_source_less_fails(run: Callable[..., Path]) -> None:
    def preserved(weight: float) -> Path:
        maker = {"name": "toy", "label": "mine", "weight": weight}
        return run(
            f"weight{weight}", recognizers=["toy"], fmr=[0.1], generators=[maker],
            pairs={"count": 150, "references": 2},
        )  # fmt: skip

    found = compare(preserved(0.1), preserved(0.5), ["contributor_match_rate[group=contributor 1]:-2pp"])
    assert [row.verdict for row in found.rows] == ["worse"]
    assert not found.passed
    assert any("weight" in str(change) for change in found.changed)
