"""NIST's log of comparisons: ``enrollTempl verifTempl simScore returnCode``, and whom each template shows.

That is what the FRVT and FRTE 1:1 validation package writes, with or without that header. The log names no people, so
a second file does: ``template subject``, one a line.

Source:
    usnistgov/frvt, ``11/src/testdriver/validate11.cpp``; return codes of ``common/src/include/frvt_structs.h``.
"""

from __future__ import annotations

import os

import numpy as np
import pandas as pd

from bench.errors import ConfigError
from bench.exchange.lines import read_lines, shown
from bench.exchange.scores import ComparisonScores, Written, comparison_scores
from bench.exchange.sheet import first_fields, text_sheet
from bench.exchange.subjects import Subjects
from bench.exchange.writing import names_of, score_texts, text_bytes

COLUMNS = ("enrollTempl", "verifTempl", "simScore", "returnCode")
SUBJECT_COLUMNS = ("template", "subject")
FAILED = ("-1", "6")
"""Score and return code of a comparison whose template failed: VerifTemplateError."""


def read_nist(
    path: str | os.PathLike[str],
    templates: str | os.PathLike[str] | None = None,
    subjects: Subjects | None = None,
) -> ComparisonScores:
    """The scores in a log of comparisons; any return code but 0 is a failure to acquire.

    Args:
        path: the log.
        templates: the file that says whom each template shows.
        subjects: finds that out from the templates' names, in place of a file.

    Raises:
        MissingFile: a file is not there.
        CorruptFile: a file is not what it should be; says in which line.
        ConfigError: nobody says whom the templates show, or two do.
    """
    if (templates is None) == (subjects is None):
        raise ConfigError(
            "NIST's log does not say whom a template shows; give a second file with lines 'template subject', or "
            "--subjects REGEX that finds the subject in the template's name"
        )
    lines = read_lines(path)
    header = [name.lower() for name in first_fields(lines)] == [name.lower() for name in COLUMNS]
    sheet = text_sheet(lines, COLUMNS, skipped=int(header))
    enrolled, asked = sheet.names(COLUMNS[0]), sheet.names(COLUMNS[1])
    failed = sheet.integers(COLUMNS[3], -(2**31), 2**31) != 0
    scores = np.where(failed, np.nan, sheet.scores(COLUMNS[2]))
    if (nameless := np.isnan(scores) & ~failed).any():
        expected = "a score, because the return code is 0"
        sheet.fail(int(np.argmax(nameless)), "nan", expected, "give a failed comparison another return code")
    owner = _owners(templates) if templates is not None else {}

    def shows(column: pd.Categorical) -> pd.Categorical:
        if subjects is not None:
            return subjects.of_names(column, sheet)
        names = [str(name) for name in column.categories]
        for place in [place for place, name in enumerate(names) if name not in owner][:1]:
            row = int(np.argmax(np.asarray(column.codes) == place))
            known = f"a template of {os.fspath(templates or '')}"
            sheet.fail(row, shown(names[place]), known, "add its line: template subject")
        whose = np.array([*(owner[name] for name in names), ""], dtype=object)
        return pd.Categorical(whose[np.asarray(column.codes)])

    return comparison_scores(asked, enrolled, shows(asked), shows(enrolled), scores)


def write_nist(scores: ComparisonScores) -> Written:
    """A log and the file that says whom each template shows; `read_nist` gives both back.

    Raises:
        ConfigError: a name with a blank, or a name that stands for two people.
    """
    form = "NIST's log"
    asked, enrolled = (names_of(column, "template", form, blanks=False) for column in (scores.probe, scores.reference))
    owner: dict[str, str] = {}
    for faces, people in ((scores.probe, scores.probe_subject), (scores.reference, scores.reference_subject)):
        whose = names_of(people, "subject", form, blanks=False)
        for face, subject in zip(np.asarray(faces).tolist(), whose, strict=True):
            if owner.setdefault(face, subject) != subject:
                raise ConfigError(
                    f"template {face!r} shows {owner[face]!r} in one comparison and {subject!r} in another, which "
                    "NIST's log cannot say; export --format bob_bio"
                )
    failed = np.isnan(scores.scores)
    texts = score_texts(scores.scores, FAILED[0])
    codes = np.where(failed, FAILED[1], "0").tolist()
    files = {
        "match.log": text_bytes([enrolled, asked, texts, codes], " ".join(COLUMNS)),
        "templates.txt": text_bytes([list(owner), list(owner.values())]),
    }
    lost = () if scores.fold is None else ("which fold a comparison belongs to is lost",)
    return Written(files, lost)


def _owners(path: str | os.PathLike[str]) -> dict[str, str]:
    """Template to subject. Raises `CorruptFile` if a template has two."""
    lines = read_lines(path)
    sheet = text_sheet(lines, SUBJECT_COLUMNS)
    owner: dict[str, str] = {}
    pairs = zip(*(sheet.columns[name].to_pylist() for name in SUBJECT_COLUMNS), strict=True)
    for row, (template, subject) in enumerate(pairs):
        if owner.setdefault(template, subject) != subject:
            got = f"{shown(template)} of {shown(subject)}"
            sheet.fail(row, got, f"of {shown(owner[template])}, as before", "give each template one subject")
    return owner
