"""pyeer's score files: one of genuine scores, one of impostor scores, one a line.

As pyeer does, the last field of a line is the score, whatever stands before it. In the histogram form the impostor
file's first line says how many impostor scores are 0, the next how many are 1, and so on; genuine scores stay one a
line. Nobody is named.

Source:
    pyeer 0.5.6, ``eer_info.py`` and ``eer_stats.py`` (``calculate_roc_hist``).
"""

from __future__ import annotations

import os

import numpy as np
from numpy.typing import NDArray

from bench.exchange.lines import Lines, read_lines, shown
from bench.exchange.scores import ComparisonScores, Written, unnamed_scores
from bench.exchange.sheet import Sheet
from bench.exchange.writing import score_texts, text_bytes

MOST_OF_HISTOGRAM = 10**8
"""So many scores a histogram may hold: more would not fit into memory."""


def read_pyeer(
    genuine: str | os.PathLike[str], impostor: str | os.PathLike[str], histogram: bool = False
) -> ComparisonScores:
    """The scores in two files; every comparison counts as a person of its own.

    Args:
        genuine: the file of genuine scores.
        impostor: the file of impostor scores.
        histogram: whether the impostor file is a histogram.

    Raises:
        MissingFile: a file is not there.
        CorruptFile: a file is not what it should be; says in which line.
    """
    mated = _last_fields(read_lines(genuine)).scores("score", missing=False)
    others = read_lines(impostor)
    nonmated = _counted(others) if histogram else _last_fields(others).scores("score", missing=False)
    return unnamed_scores(mated, nonmated)


def write_pyeer(scores: ComparisonScores) -> Written:
    """Two files that pyeer reads."""
    acquired = ~np.isnan(scores.scores)
    files = {
        name: text_bytes([score_texts(scores.scores[acquired & kind])])
        for name, kind in (("genuine.txt", scores.mated), ("impostor.txt", ~scores.mated))
    }
    notes = []
    if lost := int((~acquired).sum()):
        mated = int((~acquired & scores.mated).sum())
        notes.append(
            f"{lost:,} comparisons without a score ({mated:,} mated) are left out: pyeer cannot hold "
            "failures to acquire"
        )
    if scores.named:
        notes.append("the names of faces and people are lost, and the order of mated and nonmated comparisons")
    if scores.fold is not None:
        notes.append("which fold a comparison belongs to is lost")
    return Written(files, tuple(notes))


def _last_fields(lines: Lines) -> Sheet:
    import pyarrow as pa

    rows = (line.strip(b" \t") for line in lines.data.split(b"\n"))
    last = [row.replace(b"\t", b" ").rpartition(b" ")[2].decode() for row in rows if row]
    return Sheet(lines, {"score": pa.array(last, pa.string())})


def _counted(lines: Lines) -> NDArray[np.float64]:
    """The scores of a histogram. Raises `CorruptFile`."""
    count = lines.data.removesuffix(b"\n").count(b"\n") + 1
    if len(lines.numbers) != count:
        blank = int(np.argmax(lines.numbers[: count - 1] != np.arange(1, len(lines.numbers) + 1))) + 1
        lines.fail(blank, "a blank line", "how many scores there are of this value", "write 0 where there are none")
    sheet = _last_fields(lines)
    counts = sheet.integers("score", 0, MOST_OF_HISTOGRAM)
    total = np.cumsum(counts)
    if total[-1] > MOST_OF_HISTOGRAM:
        row = int(np.argmax(total > MOST_OF_HISTOGRAM))
        got = f"{shown(str(counts[row]))}, which makes {total[row]:,} scores"
        sheet.fail(row, got, f"at most {MOST_OF_HISTOGRAM:,} in all", "thin the histogram out")
    return np.repeat(np.arange(len(counts), dtype=np.float64), counts)
