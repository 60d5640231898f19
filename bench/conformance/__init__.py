"""Whether a plugin keeps the promises of its protocol: what `impersona check` asks and contract tests run.

    finding.py        a promise and what became of it
    subject.py        what every plugin promises; construction.py asks part of it in a fresh process
    datasets.py ...   what a kind promises, one file a kind; makers.py has generators and attacks
    sample.py         the drawn people that plugins are shown
    values.py         what several kinds promise about arrays, templates and aligners

Every promise stands in bench/api.py; a `Finding` names the line. The same plugin gets the same findings, on any machine
on which it works.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

from bench.api import Kind
from bench.conformance.finding import Finding, Inspection
from bench.conformance.subject import Subject, ask_fingerprint_again, ask_plugin
from bench.registry import registry

__all__ = ["Finding", "check_plugin"]

# Imported when a plugin of the kind is asked: `impersona ls` never reaches what asking needs.
_QUESTIONS: Mapping[Kind, str] = {
    "dataset": "datasets:ask_dataset",
    "aligner": "aligners:ask_aligner",
    "parser": "parsers:ask_parser",
    "judge": "judges:ask_judge",
    "recognizer": "recognizers:ask_recognizer",
    "detector": "detectors:ask_detector",
    "generator": "makers:ask_generator",
    "attack": "makers:ask_attack",
    "executor": "executors:ask_executor",
}


def check_plugin(kind: Kind, name: str, settings: Mapping[str, Any]) -> tuple[Finding, ...]:
    """Asks a plugin for everything that bench/api.py promises of its kind.

    Args:
        kind: such as ``"recognizer"``.
        name: what a sweep file calls it.
        settings: as a sweep file would give them.

    Returns:
        The promises in the order in which they were asked; `Finding.kept` says which are kept.

    Raises:
        ImpersonaError: nothing could be asked: an unknown name, a wrong setting, a missing file or package.
    """
    subject = Subject(registry().find(kind, name), settings)
    if kind not in ("dataset", "executor"):
        # Where impersona's own sample fails, no plugin is to blame.
        importlib.import_module("bench.conformance.sample").people()
    asks = Inspection()
    plugin, fingerprint = ask_plugin(asks, subject)
    if plugin is not None:
        module, _, question = _QUESTIONS[kind].partition(":")
        getattr(importlib.import_module(f"bench.conformance.{module}"), question)(asks, subject, plugin)
        if fingerprint is not None:
            ask_fingerprint_again(asks, plugin, fingerprint)
    return tuple(asks.findings)
