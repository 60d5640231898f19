"""A comparison for a comment on a pull request."""

from __future__ import annotations

import re

from reports.gate.rows import Comparison, Row

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~@$&!])")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]+")


def as_markdown(comparison: Comparison) -> str:
    """See `Comparison.to_markdown`."""
    word = "passed" if comparison.passed else "failed"
    first = "rule" if comparison.has_rules else "figure"
    lines = [
        f"### Regression gate: {word if comparison.has_rules else 'no rule given'}",
        "",
        f"BASE {code(comparison.base)}, NEW {code(comparison.new)}",
        "",
        f"| verdict | {first} | where | base | new | difference | interval | allowed |",
        "|---|---|---|--:|--:|--:|--:|--:|",
        *(_row(row) for row in comparison.rows),
        "",
    ]
    unsure = [row for row in comparison.rows if row.verdict == "cannot tell" and not row.failed and row.rule]
    sentences = [*comparison.failures, *unsure]
    lines += [f"- {escaped(row.sentence)}" for row in sentences] + ([""] if sentences else [])
    changes = list(map(str, comparison.changed)) or ["nothing that is recorded"]
    lines += [
        "<details><summary>what changed</summary>",
        "",
        *(f"- {escaped(one)}" for one in changes),
        "",
        "</details>",
        "",
    ]
    said = [*(f"note: {one}" for one in comparison.notes), *(f"warning: {one}" for one in comparison.warnings)]
    lines += [f"- {escaped(one)}" for one in said] + ([""] if said else [])
    lines.append(escaped(comparison.result))
    return "\n".join(lines) + "\n"


def escaped(text: str) -> str:
    """Text that Markdown shows as it is, on one line."""
    return _SPECIAL.sub(r"\\\1", _CONTROL.sub(" ", text))


def code(text: str) -> str:
    """Text as code, also in a table, and so that no @name calls anybody."""
    plain = _CONTROL.sub(" ", text).replace("|", "\\|")
    longest = max((len(run) for run in re.findall("`+", plain)), default=0)
    fence = "`" * (longest + 1)
    return f"{fence} {plain} {fence}" if longest else f"{fence}{plain}{fence}"


def _row(row: Row) -> str:
    scale = row.scale
    difference = "" if row.difference is None else f"{scale.signed(row.difference)}{scale.unit}"
    cells = (
        f"**{row.verdict}**" if row.failed else row.verdict,
        code(row.rule) if row.rule else escaped(row.title.figure),
        escaped(f"{row.title.who}, {row.title.where}"),
        scale.value(row.base),
        scale.value(row.new),
        difference,
        row.interval,
        row.allowed,
    )
    return f"| {' | '.join(cells)} |"
