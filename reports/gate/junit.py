"""A comparison as JUnit XML: one test suite, one test case a row.

It keeps to what the readers of Jenkins, GitLab and GitHub Actions have in common (junit-10.xsd of Jenkins' xUnit
plugin, and the older schema that JUnit 5 tests itself with): properties belong to the suite, so that each is called by
the number of its test case, as in ``1.difference``; a case says the same numbers in its system-out.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from xml.etree import ElementTree

from reports.gate.rows import Comparison, Row

_UNFIT = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 cannot hold, not even escaped."""


def as_junit(comparison: Comparison) -> str:
    """See `Comparison.to_junit`."""
    rows = comparison.rows
    skipped = sum(_is_skipped(row) for row in rows)
    suite = ElementTree.Element(
        "testsuite",
        {
            "name": "impersona compare",
            "tests": str(len(rows)),
            "failures": str(len(comparison.failures)),
            "errors": "0",
            "skipped": str(skipped),
            "time": "0",
        },
    )
    properties = ElementTree.SubElement(suite, "properties")
    for name, value in (("base", comparison.base), ("new", comparison.new), *_properties(rows)):
        ElementTree.SubElement(properties, "property", {"name": name, "value": _fit(value)})
    for row in rows:
        _case(suite, row)
    ElementTree.SubElement(suite, "system-out").text = _fit(comparison.to_text())
    document = ElementTree.Element("testsuites")
    document.append(suite)
    ElementTree.indent(document)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ElementTree.tostring(document, encoding="unicode")}\n'


def _case(suite: ElementTree.Element, row: Row) -> None:
    name = f"{row.rule} | {row.title}, {row.title.where}" if row.rule else f"{row.title}, {row.title.where}"
    case = ElementTree.SubElement(
        suite, "testcase", {"classname": "impersona.compare", "name": _fit(name), "time": "0"}
    )
    if _is_skipped(row):
        ElementTree.SubElement(case, "skipped").text = _fit(row.sentence)
    if row.failed:
        failure = ElementTree.SubElement(case, "failure", {"type": row.verdict, "message": _fit(row.sentence)})
        failure.text = _fit("\n".join([row.sentence, "", *_numbers(row)]))
    ElementTree.SubElement(case, "system-out").text = _fit("\n".join(_numbers(row)))


def _is_skipped(row: Row) -> bool:
    return row.verdict == "cannot tell" and not row.failed


def _numbers(row: Row) -> list[str]:
    return [f"{name}: {value}" for name, value in _values(row)]


def _values(row: Row) -> list[tuple[str, str]]:
    low, high = (_exact(one) for one in (row.low, row.high))
    return [
        ("rule", row.rule or "none"),
        ("figure", f"{row.title}, {row.title.where}"),
        ("base", _exact(row.base)),
        ("new", _exact(row.new)),
        ("difference", _exact(row.difference)),
        ("interval", "none" if row.low is None else f"{low} to {high}"),
        ("tolerance", _exact(row.tolerance)),
        ("verdict", row.verdict),
        ("people", "unknown" if row.people is None else str(row.people)),
    ]


def _properties(rows: Sequence[Row]) -> list[tuple[str, str]]:
    wanted = ("rule", "base", "new", "difference", "interval", "tolerance", "verdict", "people")
    return [
        (f"{number}.{name}", value)
        for number, row in enumerate(rows, 1)
        for name, value in _values(row)
        if name in wanted
    ]


def _exact(number: float | None) -> str:
    return "none" if number is None else f"{number:.6g}"


def _fit(text: str) -> str:
    return _UNFIT.sub("", text)
