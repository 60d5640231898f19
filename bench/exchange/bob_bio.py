"""bob.bio's score files: CSV with metadata, and the older text of four or five columns.

CSV: the columns ``probe_subject_id``, ``bio_ref_subject_id`` and ``score``, names of the two faces, and whatever else
the samples carried. Text: ``claimed_id real_id test_label score`` or ``claimed_id model_label real_id test_label
score``, without header. A comparison is mated where both subjects are the same.

Source:
    bob.bio.base, ``score/load.py`` and ``pipelines/score_writers.py``.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from bench.errors import UnknownName
from bench.exchange.lines import Lines, read_lines, shown
from bench.exchange.scores import ComparisonScores, Written, comparison_scores
from bench.exchange.sheet import Sheet, csv_header, csv_sheet, first_fields, text_sheet
from bench.exchange.writing import csv_bytes, names_of, score_texts, text_bytes

PROBE_NAMES = ("probe_template_id", "probe_key", "probe_reference_id")
REFERENCE_NAMES = ("bio_ref_template_id", "bio_ref_key", "bio_ref_reference_id")
"""What releases of bob.bio have called the two faces, the newest first."""

TEXT_COLUMNS = {
    4: ("claimed_id", "real_id", "test_label", "score"),
    5: ("claimed_id", "model_label", "real_id", "test_label", "score"),
}
_NEEDED = ("probe_subject_id", "bio_ref_subject_id", "score")
_FOLD = "fold"


def read_bob_bio(path: str | os.PathLike[str]) -> ComparisonScores:
    """The scores in a CSV file of bob.bio, or in text of four or five columns.

    Raises:
        MissingFile: the file is not there.
        CorruptFile: it is not what it should be; says in which line.
    """
    lines = read_lines(path)
    first = lines.line(int(lines.numbers[0]))
    # A name in a text file may hold commas; then its line has as many fields as a text file's.
    is_csv = "," in first and ("score" in first.split(",") or len(first_fields(lines)) not in TEXT_COLUMNS)
    return _from_csv(lines) if is_csv else _from_text(lines)


def write_bob_bio(scores: ComparisonScores) -> Written:
    """A CSV file that `read_bob_bio` gives back, and bob.bio reads.

    Raises:
        ConfigError: a name that no text file can hold.
    """
    form = "a CSV file of bob.bio"
    probe, reference, asked, enrolled = _columns(scores, form, blanks=True)
    header = ["probe_template_id", "probe_key", "probe_subject_id", "bio_ref_template_id", "bio_ref_subject_id"]
    columns = [probe, probe, asked, reference, enrolled]
    if scores.fold is not None:
        header.append(_FOLD)
        columns.append([str(fold) for fold in scores.fold.tolist()])
    return Written({"scores.csv": csv_bytes([*header, "score"], [*columns, score_texts(scores.scores)])})


def write_bob_bio_text(scores: ComparisonScores, width: int) -> Written:
    """A text file of four or five columns.

    Args:
        scores: the scores.
        width: 4 or 5; with 4 the names of the references are lost.

    Raises:
        ConfigError: a name with a blank.
    """
    if width not in TEXT_COLUMNS:
        raise UnknownName("number of columns", str(width), map(str, TEXT_COLUMNS))
    form = f"bob.bio's text of {width} columns"
    probe, reference, asked, enrolled = _columns(scores, form, blanks=False)
    texts = score_texts(scores.scores)
    notes = [] if scores.fold is None else ["which fold a comparison belongs to is lost"]
    if width == 4:
        notes.append("the names of the references are lost: a reference is called like its subject")
        return Written({"scores.txt": text_bytes([enrolled, asked, probe, texts])}, tuple(notes))
    return Written({"scores.txt": text_bytes([enrolled, reference, asked, probe, texts])}, tuple(notes))


def _from_csv(lines: Lines) -> ComparisonScores:
    header = csv_header(lines)
    at = int(lines.numbers[0])
    if missing := [name for name in _NEEDED if name not in header]:
        hint = f"bob.bio's CSV has {', '.join(_NEEDED)} and names of the faces"
        lines.fail(at, f"no column {', '.join(missing)} among {shown(', '.join(header))}", "a header with it", hint)
    probe, reference = (_first_of(lines, header, names) for names in (PROBE_NAMES, REFERENCE_NAMES))
    sheet = csv_sheet(lines, header)
    fold = sheet.integers(_FOLD, 0, 32_767).astype(np.int16) if _FOLD in header else None
    return _scores(sheet, probe, reference, "probe_subject_id", "bio_ref_subject_id", fold)


def _first_of(lines: Lines, header: Sequence[str], names: Sequence[str]) -> str:
    for name in names:
        if name in header:
            return name
    lines.fail(int(lines.numbers[0]), f"none of the columns {', '.join(names)}", "one of them", "add the faces' names")


def _from_text(lines: Lines) -> ComparisonScores:
    first = first_fields(lines, quoted=True)
    if len(first) not in TEXT_COLUMNS:
        forms = " or ".join(f"{width} ({' '.join(names)})" for width, names in TEXT_COLUMNS.items())
        hint = "a CSV file of bob.bio has a header with commas"
        lines.fail(int(lines.numbers[0]), f"{len(first)} fields", forms, hint)
    columns = TEXT_COLUMNS[len(first)]
    sheet = text_sheet(lines, columns, quoted=True)
    reference = "model_label" if "model_label" in columns else "claimed_id"
    return _scores(sheet, "test_label", reference, "real_id", "claimed_id", None)


def _scores(
    sheet: Sheet, probe: str, reference: str, asked: str, enrolled: str, fold: NDArray[np.int16] | None
) -> ComparisonScores:
    faces, people = (sheet.names(probe), sheet.names(reference)), (sheet.names(asked), sheet.names(enrolled))
    return comparison_scores(faces[0], faces[1], people[0], people[1], sheet.scores("score"), fold)


def _columns(scores: ComparisonScores, form: str, *, blanks: bool) -> list[list[str]]:
    columns = (scores.probe, scores.reference, scores.probe_subject, scores.reference_subject)
    whats = ("probe", "reference", "subject", "subject")
    return [names_of(column, what, form, blanks=blanks) for column, what in zip(columns, whats, strict=True)]
