"""A comparison for a terminal: an aligned table, then what people need to know in sentences."""

from __future__ import annotations

import re
from collections.abc import Sequence

from reports.gate.rows import Comparison, Row

_GAP = 2
_NARROWEST = 12
_FLEXIBLE = (0, 1)
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_COMMAND = re.compile(r"^( *)::", re.MULTILINE)
"""What a log of GitHub Actions would take for a command: no name may give one."""

_BREAKS = "@[],:/ "


def as_text(comparison: Comparison, width: int) -> str:
    """See `Comparison.to_text`."""
    heading = ("rule" if comparison.has_rules else "figure", "where", "base", "new", "difference", "allowed", "verdict")
    columns = 7 if comparison.has_rules else 6
    table = [heading, *(_cells(row) for row in comparison.rows)]
    if columns == 6:
        table = [(*row[:5], row[6]) for row in table]
    blocks = [
        f"BASE {_plain(comparison.base)}\nNEW  {_plain(comparison.new)}",
        _table(table, width),
        *_section("", [row.sentence for row in _worth_a_sentence(comparison)], width),
        *_section("what changed", list(map(str, comparison.changed)) or ["nothing that is recorded"], width),
        *_section("note", comparison.notes, width),
        *_section("warning", comparison.warnings, width),
        _filled(comparison.result, width),
    ]
    return _COMMAND.sub(r"\1: :", "\n\n".join(blocks)) + "\n"


def _plain(text: str) -> str:
    """A name, or what names somebody, on one line."""
    return _CONTROL.sub(" ", text)


def _worth_a_sentence(comparison: Comparison) -> list[Row]:
    unsure = [row for row in comparison.rows if row.verdict == "cannot tell" and not row.failed]
    return [*comparison.failures, *(unsure if comparison.has_rules else [])]


def _cells(row: Row) -> tuple[str, ...]:
    scale = row.scale
    difference = f"{scale.signed(row.difference)}{scale.unit}" if row.difference is not None else ""
    return (
        _plain(row.rule or row.title.figure),
        _plain(f"{row.title.who}, {row.title.where}"),
        scale.value(row.base),
        scale.value(row.new),
        "\n".join(filter(None, [difference, row.interval])),
        row.allowed,
        f"{row.verdict}: failed" if row.failed and row.verdict == "cannot tell" else row.verdict,
    )


def _table(rows: Sequence[Sequence[str]], width: int) -> str:
    """Columns side by side; the first two give way where the terminal is too narrow."""
    widths = [max(len(line) for row in rows for line in row[column].split("\n")) for column in range(len(rows[0]))]
    spare = width - sum(widths) - _GAP * (len(widths) - 1)
    while spare < 0 and max(widths[column] for column in _FLEXIBLE) > _NARROWEST:
        widest = max(_FLEXIBLE, key=lambda column: widths[column])
        widths[widest] -= 1
        spare += 1
    lines = []
    for number, row in enumerate(rows):
        parts = [
            [piece for line in text.split("\n") for piece in _wrapped(line, size)]
            for text, size in zip(row, widths, strict=True)
        ]
        height = max(map(len, parts))
        for level in range(height):
            cells = (part[level] if level < len(part) else "" for part in parts)
            lines.append((" " * _GAP).join(text.ljust(size) for text, size in zip(cells, widths, strict=True)).rstrip())
        if number == 0:
            lines.append((" " * _GAP).join("-" * size for size in widths))
    return "\n".join(lines)


def _wrapped(text: str, width: int, breaks: str = _BREAKS) -> list[str]:
    """A text in lines that break behind some characters, but never between a number and its sign or unit."""
    lines = [""]
    for piece in _pieces(text, breaks):
        if lines[-1] and len(lines[-1]) + len(piece.rstrip()) > width:
            lines.append(piece.lstrip())
        else:
            lines[-1] += piece
        while len(lines[-1].rstrip()) > width and breaks != " ":
            lines[-1:] = [lines[-1][:width], lines[-1][width:]]
    return [line.rstrip() for line in lines]


def _pieces(text: str, breaks: str) -> list[str]:
    pieces = [""]
    for place, character in enumerate(text):
        after = text[place + 1 : place + 2]
        if character in "[@" and character in breaks:
            pieces.append(character)
            continue
        pieces[-1] += character
        joined = character == " " and (after in ("%", "=") or text[place - 1 : place] == "=")
        if character in breaks and not joined:
            pieces.append("")
    return [piece for piece in pieces if piece]


def _filled(text: str, width: int, first: str = "", others: str = "  ") -> str:
    """A sentence in lines that break at spaces."""
    lines = _wrapped(_plain(text), width - max(len(first), len(others)), " ")
    return "\n".join((others if number else first) + line for number, line in enumerate(lines))


def _section(name: str, lines: Sequence[str], width: int) -> list[str]:
    if not lines:
        return []
    shown = [f"{name}: {line}" if name in ("note", "warning") else line for line in lines]
    indent = "  " if name == "what changed" else ""
    filled = [_filled(line, width, indent, f"{indent}  ") for line in shown]
    return ["\n".join([*([name] if indent else []), *filled])]
