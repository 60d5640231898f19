"""The formats by name: how many files each has, what it holds, and how it is read and written."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bench.errors import ConfigError, UnknownName
from bench.exchange.bob_bio import read_bob_bio, write_bob_bio, write_bob_bio_text
from bench.exchange.nist import read_nist, write_nist
from bench.exchange.presentations import PresentationScores, read_deepfakebench, write_deepfakebench
from bench.exchange.pyeer import read_pyeer, write_pyeer
from bench.exchange.scores import ComparisonScores, Written
from bench.exchange.subjects import Subjects

Scores = ComparisonScores | PresentationScores


@dataclass(frozen=True)
class ScoreFormat:
    """A format of score files.

    Attributes:
        holds: `ComparisonScores` or `PresentationScores`.
        files: the fewest and the most files that it is read from.
        read: files and options to scores.
        write: scores to files.
        options: what `read` takes besides files.
        summary: the format in a few words.
    """

    holds: type[ComparisonScores] | type[PresentationScores]
    files: tuple[int, int]
    read: Callable[..., Scores]
    write: Callable[[Any], Written]
    options: tuple[str, ...]
    summary: str


FORMATS: Mapping[str, ScoreFormat] = {
    "bob_bio": ScoreFormat(
        ComparisonScores, (1, 1), read_bob_bio, write_bob_bio, (), "bob.bio: CSV; reads its text of 4 or 5 columns too"
    ),
    "bob_bio_4": ScoreFormat(
        ComparisonScores, (1, 1), read_bob_bio, functools.partial(write_bob_bio_text, width=4), (),
        "bob.bio's older text of 4 columns",
    ),
    "bob_bio_5": ScoreFormat(
        ComparisonScores, (1, 1), read_bob_bio, functools.partial(write_bob_bio_text, width=5), (),
        "bob.bio's older text of 5 columns",
    ),
    "pyeer": ScoreFormat(
        ComparisonScores, (2, 2), read_pyeer, write_pyeer, ("histogram",), "pyeer: genuine scores and impostor scores"
    ),
    "nist": ScoreFormat(
        ComparisonScores, (1, 2), read_nist, write_nist, ("subjects",),
        "NIST FRVT/FRTE 1:1: log of comparisons and whom each template shows",
    ),
    "deepfakebench": ScoreFormat(
        PresentationScores, (1, 1), read_deepfakebench, write_deepfakebench, ("species", "subjects"),
        "CSV of image, label and score, as people save DeepfakeBench's",
    ),
}  # fmt: skip
"""Name to format."""


def format_of(name: str) -> ScoreFormat:
    """The format of a name. Raises `UnknownName`."""
    if name not in FORMATS:
        raise UnknownName("format of scores", name, FORMATS)
    return FORMATS[name]


def read_scores(
    form: str,
    *files: str | os.PathLike[str],
    distance: bool = False,
    subjects: str | None = None,
    species: str | None = None,
    histogram: bool = False,
) -> Scores:
    """The scores in files of a format.

    Args:
        form: a name of `FORMATS`.
        files: its files, in the order that docs/interchange.md has.
        distance: whether lower is more alike (of detectors: more likely an attack); every score is negated then.
        subjects: a regular expression whose groups are the subjects in the names of templates or images.
        species: what attacks are called where the file does not say it.
        histogram: whether pyeer's impostor file is a histogram.

    Raises:
        UnknownName: no such format.
        ConfigError: another number of files, or an option that the format does not have.
        MissingFile: a file is not there.
        CorruptFile: a file is not what it should be; says in which line.
    """
    chosen = format_of(form)
    fewest, most = chosen.files
    if not fewest <= len(files) <= most:
        wanted = str(fewest) if fewest == most else f"{fewest} or {most}"
        raise ConfigError(f"format {form} ({chosen.summary}): got {len(files)} files, expected {wanted}")
    given: Mapping[str, Any] = {
        "subjects": None if subjects is None else Subjects.parse(subjects),
        "species": species,
        "histogram": histogram or None,
    }
    options = {name: value for name, value in given.items() if value is not None}
    if foreign := sorted(set(options) - set(chosen.options)):
        raise ConfigError(f"format {form} has no --{foreign[0]}; leave it out")
    scores = chosen.read(*files, **options)
    return scores.negated() if distance else scores


def write_scores(form: str, scores: Scores, distance: bool = False) -> Written:
    """Scores as files of a format.

    Args:
        form: a name of `FORMATS`.
        scores: what to write.
        distance: whether to write distances: every score is negated.

    Raises:
        UnknownName: no such format.
        ConfigError: the format holds other scores, or cannot hold a name.
    """
    chosen = format_of(form)
    if not isinstance(scores, chosen.holds):
        fitting: Sequence[str] = [name for name, one in FORMATS.items() if isinstance(scores, one.holds)]
        kind = "comparisons" if isinstance(scores, ComparisonScores) else "presentations to a detector"
        raise ConfigError(f"format {form} cannot hold scores of {kind}; give --format {' or '.join(fitting)}")
    return chosen.write(scores.negated() if distance else scores)
