"""A comparison as workflow commands of GitHub Actions, which annotate a run, and as its step summary."""

from __future__ import annotations

import os
import re
from pathlib import Path

from reports.gate.rows import Comparison

_CONTROL = re.compile(r"[\x00-\x09\x0b\x0c\x0e-\x1f\x7f]")

SUMMARY = "GITHUB_STEP_SUMMARY"
"""The environment variable that names the file of a step's summary."""


def as_commands(comparison: Comparison) -> str:
    """See `Comparison.to_github`."""
    lines = [_command("error", row.title, row.sentence) for row in comparison.failures]
    lines += [
        _command("warning", row.title, row.sentence)
        for row in comparison.rows
        if row.rule and not row.failed and row.verdict == "cannot tell"
    ]
    lines.append(_command("notice", "impersona compare", comparison.result))
    return "\n".join(lines) + "\n"


def append_summary(comparison: Comparison) -> Path | None:
    """Adds the comparison to the summary of this step; returns the file, None outside of GitHub Actions."""
    path = os.environ.get(SUMMARY)
    if not path:
        return None
    with open(path, "a", encoding="utf-8") as stream:
        stream.write(comparison.to_markdown() + "\n")
    return Path(path)


def _command(kind: str, title: object, message: str) -> str:
    return f"::{kind} title={_property(str(title))}::{_message(message)}"


def _message(text: str) -> str:
    return _CONTROL.sub("", text).replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _message(text).replace(":", "%3A").replace(",", "%2C")
