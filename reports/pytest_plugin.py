"""The gate in pytest: a fixture that compares two runs and fails the test where something got worse.

    def test_the_detector_is_no_worse(impersona_gate):
        impersona_gate("baselines/detector.json", "sweep.yaml", fail_on=["bscer@macer5:+2pp"])

docs/gate_in_ci.md has the whole way. pytest loads this module in every project of an environment that has impersona, so
it imports nothing but pytest, and what compares and runs only when a test calls the fixture.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import pytest

if TYPE_CHECKING:
    from reports.gate import Comparison

MARKER = "impersona_gate"
DEFAULTS = ("base", "new", "fail_on", "match", "strict", "out")
"""What the marker may give: the arguments of the fixture, by name."""

SWEEP_SUFFIXES = (".yaml", ".yml")
UPDATE = "--impersona-update-baselines"

_PROPERTY = "impersona gate"
_ASKED: pytest.StashKey[dict[Path, list[str]]] = pytest.StashKey()
"""Baseline to the rules for which this session wrote it."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Adds the two options."""
    group = parser.getgroup("impersona", "regression gate for face recognition")
    group.addoption(
        UPDATE,
        action="store_true",
        help="write the baselines of impersona_gate from the new runs in place of comparing",
    )
    group.addoption("--impersona-junit", metavar="DIR", help="write a JUnit XML file of each gate into this folder")


def pytest_configure(config: pytest.Config) -> None:
    """Registers the marker."""
    said = "base, new, fail_on=[...], match={...}, strict=False, out"
    config.addinivalue_line(
        "markers", f"{MARKER}({said}): what the fixture impersona_gate takes where a call is silent"
    )


@pytest.fixture
def impersona_gate(request: pytest.FixtureRequest) -> Gate:
    """Compares a run with a baseline; called as `Gate.__call__` says."""
    return Gate(request)


class Gate:
    """What the fixture `impersona_gate` is.

    Args:
        request: of the test.
    """

    def __init__(self, request: pytest.FixtureRequest) -> None:
        self._request = request
        self._root = request.config.rootpath
        self._marked = _marked(request.node)

    def __call__(
        self,
        base: str | os.PathLike[str] | None = None,
        new: str | os.PathLike[str] | Mapping[str, Any] | None = None,
        *,
        fail_on: Sequence[str] | None = None,
        match: Mapping[str, str] | None = None,
        strict: bool | None = None,
        out: str | os.PathLike[str] | None = None,
    ) -> Comparison:
        """Fails the test where the new run is worse than the base; what is not given comes from the marker.

        Args:
            base: a baseline file or a run folder; paths are relative to pytest's root folder.
            new: likewise; or a sweep, a YAML file or what such a file holds, which is run first.
            fail_on: rules, such as ``"bscer@macer5:+2pp"``.
            match: what is called otherwise in the new run, as `reports.gate.compare` takes it.
            strict: whether a rule of which nobody can tell fails too.
            out: where a sweep is run; by default a folder of the test's own. A run that is there is continued.

        Returns:
            The comparison, of a gate that passed.
        """
        __tracebackhide__ = True
        call = {"base": base, "new": new, "fail_on": fail_on, "match": match, "strict": strict, "out": out}
        given = self._marked | {name: value for name, value in call.items() if value is not None}
        for name in ("base", "new", "fail_on"):
            if name not in given:
                _fail(
                    f"got no {name}; call impersona_gate(base, new, fail_on=[...]), or give it to the marker {MARKER}"
                )
        for name, kinds in (("base", (str, os.PathLike)), ("new", (str, os.PathLike, Mapping))):
            if not isinstance(given[name], kinds):
                _fail(f"got {name} {given[name]!r}; expected a path" + (", or a sweep" if name == "new" else ""))
        return _told(self._compared, given)

    def _compared(self, given: Mapping[str, Any]) -> Comparison:
        from bench.errors import MissingFile
        from reports.gate import compare
        from reports.gate.rules import parse_rules

        base, rules = self._root / given["base"], given["fail_on"]
        rules = [rules] if isinstance(rules, str) else list(rules)
        written = bool(self._request.config.getoption(UPDATE))
        # What is wrong already is said before a sweep is run, which may take long.
        parse_rules(rules)
        if not written and not base.exists():
            raise MissingFile(f"no baseline and no run folder at {base}; a baseline is written by pytest {UPDATE}")
        new = self._run(given["new"], given.get("out"))
        if written:
            self._write_baseline(new, base, rules)
        compared = compare(base, new, rules, match=given.get("match") or {}, strict=bool(given.get("strict")))
        names = f"{_shown(given['new'])} against {_shown(given['base'])}"
        self._note(_summary(compared, names, f"baseline written  {_shown(given['base'])}: " if written else ""))
        self._write_junit(compared)
        if not compared.passed:
            accept = f"Where the new run is right, make it the baseline: pytest {UPDATE}"
            _fail(f"{names} failed\n\n{compared.to_text().strip()}\n\n{accept}")
        return compared

    def _write_baseline(self, new: Path, base: Path, rules: Sequence[str]) -> None:
        """The headline figures; every figure, where a rule of this session asks this baseline for another one."""
        from bench.errors import ConfigError
        from reports.gate.baseline import baseline_text, write_baseline
        from reports.gate.rules import parse_pattern, parse_rules
        from reports.gate.runs import read_run
        from reports.gate.standing import is_headline

        if base.is_dir() or new.is_file():
            raise ConfigError(
                f"{UPDATE}: got base {base} and new {new}; expected a baseline file to write, and a run folder or a "
                "sweep to write it from"
            )
        asked = self._request.config.stash.setdefault(_ASKED, {}).setdefault(base, [])
        asked += [rule for rule in rules if rule not in asked]
        standing = read_run(new)
        picked = [
            is_headline(cell.assessment, key)
            for rule in parse_rules(asked)
            for cell in standing.cells
            if rule.fits(cell.labels)
            for key in rule.picks([key for key in cell.figures if key in cell.draws])
        ]
        base.parent.mkdir(parents=True, exist_ok=True)
        write_baseline(baseline_text(standing, () if all(picked) else [parse_pattern("*")]), base, replace=True)

    def _run(self, new: Any, out: str | os.PathLike[str] | None) -> Path:
        """The folder of the new run; a sweep is run first."""
        if not isinstance(new, Mapping):
            new = self._root / new
            if new.suffix.lower() not in SWEEP_SUFFIXES or new.is_dir():
                return Path(new)
        # By its name, because running reaches the plugins, and reports stands on bench without them.
        notebook = importlib.import_module("bench.notebook")
        folder = self._root / out if out is not None else self._own_folder()
        with contextlib.chdir(self._root):  # a sweep's own relative paths, such as a detector's settings file
            run = notebook.run(new, folder)
        failures = run.failures()
        if len(failures):
            said = "\n".join(f"  {row.error}: {row.message}" for row in failures.itertuples())
            cells = "1 cell" if len(failures) == 1 else f"{len(failures)} cells"
            _fail(f"{cells} of the sweep {_shown(new)} failed, so that nothing can be compared:\n{said}")
        return folder

    def _own_folder(self) -> Path:
        place: Path = self._request.getfixturevalue("tmp_path")
        return place / f"impersona_run_{self._noted() + 1}"

    def _note(self, text: str) -> None:
        # User properties travel with the test's report, also from the workers of pytest-xdist, and into --junit-xml.
        self._request.node.user_properties.append((_PROPERTY, text))

    def _write_junit(self, compared: Comparison) -> None:
        folder = self._request.config.getoption("--impersona-junit")
        if not folder:
            return
        place = self._root / folder
        place.mkdir(parents=True, exist_ok=True)
        stem = re.sub(r"[^A-Za-z0-9_.-]+", "-", self._request.node.nodeid).strip("-")
        number = "" if self._noted() == 1 else f"-{self._noted()}"
        (place / f"{stem}{number}.xml").write_text(compared.to_junit(), encoding="utf-8")

    def _noted(self) -> int:
        return sum(1 for name, _ in self._request.node.user_properties if name == _PROPERTY)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Lists the verdicts of all gates."""
    notes: dict[str, list[str]] = {}
    for report in _reports(terminalreporter):
        mine = [text for name, text in report.user_properties if name == _PROPERTY]
        if len(mine) > len(notes.get(report.nodeid, ())):
            notes[report.nodeid] = mine
    if not notes:
        return
    terminalreporter.section("impersona gate")
    for test, texts in notes.items():
        for text in texts:
            first, *others = text.splitlines()
            terminalreporter.write_line(f"{first}  ({test})")
            for line in others:
                terminalreporter.write_line(line)


def _reports(terminalreporter: Any) -> Iterator[Any]:
    for reports in terminalreporter.stats.values():
        yield from (report for report in reports if hasattr(report, "user_properties"))


def _marked(node: pytest.Item) -> dict[str, Any]:
    """What the markers of a test say, the nearest last; fails the test over what they cannot mean."""
    found: dict[str, Any] = {}
    for marker in reversed(list(node.iter_markers(MARKER))):
        if len(marker.args) > 2 or set(marker.kwargs) - set(DEFAULTS):
            strange = sorted(set(marker.kwargs) - set(DEFAULTS)) or [repr(value) for value in marker.args[2:]]
            _fail(f"the marker {MARKER} got {', '.join(strange)}; it takes {', '.join(DEFAULTS)}")
        found |= {**dict(zip(DEFAULTS, marker.args, strict=False)), **marker.kwargs}
    return found


def _told(compare: Callable[[Mapping[str, Any]], Comparison], given: Mapping[str, Any]) -> Comparison:
    """What a comparison returns; an error of ours fails the test with what it says and no traceback."""
    __tracebackhide__ = True
    from bench.errors import ImpersonaError

    try:
        return compare(given)
    except ImpersonaError as error:
        said = f"{type(error).__name__}: {error}"
    _fail(said)


def _summary(compared: Comparison, names: str, written: str) -> str:
    """One line for a gate, and one for every figure that failed."""
    said = [f"{written or names + ': '}{compared.result}"]
    return "\n".join(said + [f"    {row.rule}  {row.sentence}" for row in compared.failures])


def _shown(what: Any) -> str:
    return str(what.get("name", "a sweep")) if isinstance(what, Mapping) else os.fspath(what)


def _fail(message: str) -> NoReturn:
    __tracebackhide__ = True
    pytest.fail(f"impersona gate: {message}", pytrace=False)
