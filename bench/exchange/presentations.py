"""Scores of a detector of attacks as arrays, and the CSV file of DeepfakeBench's kind that holds them.

DeepfakeBench keeps, for every image, its path, its label (0 real, else fake) and the probability of fake, and writes
no file of its own; people save these as CSV. Columns: one of ``image_path``, ``path``, ``image``, ``img_path``,
``filename``; ``label``; one of ``score``, ``prob``, ``probability``, ``pred``; and, where there are some, ``method``
(the species of attack), ``subjects`` (separated by ``;``), ``reference``, and ``video`` or ``video_id``: the frames of
one video depend on each other, so without subjects a video counts as a person.

Source:
    SCLBD/DeepfakeBench, ``training/metrics/base_metrics_class.py`` (``get_test_metrics``).
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.errors import ShapeError
from bench.exchange.digests import rows_digest
from bench.exchange.lines import Lines, read_lines, shown
from bench.exchange.scores import Written, tidy, to_float32
from bench.exchange.sheet import Sheet, csv_header, csv_sheet
from bench.exchange.subjects import Subjects
from bench.exchange.writing import check_name, csv_bytes, names_of, score_texts

IMAGE_COLUMNS = ("image_path", "path", "image", "img_path", "filename")
SCORE_COLUMNS = ("score", "prob", "probability", "pred")
SPECIES_COLUMNS = ("method", "species")
VIDEO_COLUMNS = ("video", "video_id")
_WORDS = {"0": False, "1": True, "0.0": False, "1.0": True, "real": False, "fake": True}


@dataclass(frozen=True, eq=False)
class PresentationScores:
    """N samples that a detector was shown, with a score.

    Attributes:
        samples: (N,), names of what was shown.
        species: (N,), the kind of each attack; null for a bona fide sample.
        people: int32 (N, K), places in `names` of everybody whom a sample rests on, in their order; -1 for nobody.
        names: the subjects, sorted.
        references: (N,), the trusted photo beside each sample; null for none.
        scores: float32 (N,), higher is more likely an attack; NaN where there was no response.
        named: whether `names` are people; False where each sample counts as a person of its own.
        warnings: what whoever reads the figures should know about how the scores were read.
    """

    samples: pd.Categorical
    species: pd.Categorical
    people: NDArray[np.int32]
    names: tuple[str, ...]
    references: pd.Categorical
    scores: NDArray[np.float32]
    named: bool = True
    warnings: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Raises `ShapeError` for arrays that do not fit each other."""
        count = len(self.scores)
        if {len(self.samples), len(self.species), len(self.people), len(self.references)} != {count}:
            raise ShapeError(f"got {count} scores and columns of other lengths; expected one length, a row a sample")
        if self.scores.dtype != np.float32 or np.isinf(self.scores).any():
            raise ShapeError(f"got scores {self.scores.dtype}; expected float32, each finite or NaN")

    def __len__(self) -> int:
        """How many samples there are."""
        return len(self.scores)

    @property
    def attack(self) -> NDArray[np.bool_]:
        """Bool (N,): whether each sample is an attack."""
        return np.asarray(self.species.codes) >= 0

    @property
    def digest(self) -> str:
        """SHA-256 hex of what was shown, of which species, of whom and beside which photo, whatever the order."""
        sides = (self.samples, self.species, self.references)
        codes = [*(np.asarray(side.codes) for side in sides), *self.people.T]
        return rows_digest(codes, [*(list(side.categories) for side in sides), self.names])

    def subjects_of(self, sample: int) -> tuple[str, ...]:
        """Whom a sample rests on."""
        return tuple(self.names[code] for code in self.people[sample].tolist() if code >= 0)

    def negated(self) -> PresentationScores:
        """The same with the other sign, for detectors whose low scores mean an attack."""
        return replace(self, scores=-self.scores)

    @classmethod
    def from_table(cls, table: pd.DataFrame, named: bool = True) -> PresentationScores:
        """The scores in a table `presentations` of a run folder; see `ComparisonScores.from_table`."""
        people, names = coded_people([tuple(row) for row in table["subjects"].tolist()])
        return cls(
            tidy(table["sample"]),
            tidy(table["species"]),
            people,
            names,
            tidy(table["reference"]),
            table["score"].to_numpy(np.float32, na_value=np.nan),
            named,
        )


def coded_people(subjects: Sequence[tuple[str, ...]]) -> tuple[NDArray[np.int32], tuple[str, ...]]:
    """Subjects as int32 (N, K), padded with -1, and the sorted names that they are places of."""
    names = sorted({name for row in subjects for name in row})
    place = {name: code for code, name in enumerate(names)}
    people = np.full((len(subjects), max(map(len, subjects), default=1) or 1), -1, np.int32)
    for row, found in enumerate(subjects):
        people[row, : len(found)] = [place[name] for name in found]
    return people, tuple(names)


def read_deepfakebench(
    path: str | os.PathLike[str], species: str = "fake", subjects: Subjects | None = None
) -> PresentationScores:
    """The scores in a CSV file.

    Args:
        path: the file.
        species: what attacks are called where no column says it.
        subjects: finds whom a sample shows in its name, where no column says it.

    Raises:
        MissingFile: the file is not there.
        CorruptFile: it is not what it should be; says in which line.
    """
    lines = read_lines(path)
    header = csv_header(lines)
    image, score = _one_of(lines, header, IMAGE_COLUMNS), _one_of(lines, header, SCORE_COLUMNS)
    _one_of(lines, header, ("label",))
    sheet = csv_sheet(lines, header)
    attack = _labels(sheet)
    samples = tidy(sheet.names(image))
    kinds = _species(sheet, header, attack, species)
    people, names, named, said = _people(sheet, header, samples, subjects)
    rounded, lost = to_float32(sheet.scores(score))
    references = sheet.names("reference", empty=True) if "reference" in header else [None] * len(sheet)
    return PresentationScores(samples, kinds, people, names, _without_empty(references), rounded, named, (*said, *lost))


def write_deepfakebench(scores: PresentationScores) -> Written:
    """A CSV file that `read_deepfakebench` gives back.

    Raises:
        ConfigError: a name that a CSV file cannot hold.
    """
    form = "a CSV file"
    for name in scores.names:
        check_name(name, "subject", form, blanks=True)
    escaped = [name.replace("\\", "\\\\").replace(";", "\\;") for name in scores.names]
    whose = [";".join(escaped[code] for code in row if code >= 0) for row in scores.people.tolist()]
    columns: dict[str, list[str]] = {
        "image_path": names_of(scores.samples, "sample", form, blanks=True),
        "label": np.where(scores.attack, "1", "0").tolist(),
        "score": score_texts(scores.scores),
        "method": names_of(scores.species, "species", form, blanks=True),
    }
    notes: list[str] = ["why a sample has no score is lost"] if np.isnan(scores.scores).any() else []
    if scores.named:
        columns["subjects"] = whose
    if len(scores.references.categories):
        columns["reference"] = names_of(scores.references, "reference", form, blanks=True)
    return Written({"predictions.csv": csv_bytes(list(columns), list(columns.values()))}, tuple(notes))


def _one_of(lines: Lines, header: Sequence[str], names: Sequence[str]) -> str:
    found = [name for name in names if name in header]
    if len(found) == 1:
        return found[0]
    got = f"the columns {' and '.join(found)}" if found else f"no column {' or '.join(names)}"
    lines.fail(
        int(lines.numbers[0]), f"{got} in {shown(', '.join(header))}", "one of them", "name it in the first line"
    )


def _labels(sheet: Sheet) -> NDArray[np.bool_]:
    found = sheet.names("label", empty=True)
    meaning = []
    for place, text in enumerate(map(str, found.categories)):
        if text.lower() not in _WORDS:
            row = int(np.argmax(np.asarray(found.codes) == place))
            sheet.fail(row, shown(text, "label"), "0 (real) or 1 (fake)", "a kind of fake goes into the column method")
        meaning.append(_WORDS[text.lower()])
    return np.array(meaning, np.bool_)[np.asarray(found.codes)]


def _species(sheet: Sheet, header: Sequence[str], attack: NDArray[np.bool_], species: str) -> pd.Categorical:
    column = next((name for name in SPECIES_COLUMNS if name in header), None)
    if column is None:
        return tidy([species if each else None for each in attack.tolist()])
    found = sheet.names(column, empty=True)
    kinds = np.array([*map(str, found.categories), ""], dtype=object)[np.asarray(found.codes)]
    kinds[attack & (kinds == "")] = species
    kinds[~attack] = None  # many name the source of real photos there
    return tidy(kinds)


def _people(
    sheet: Sheet, header: Sequence[str], samples: pd.Categorical, subjects: Subjects | None
) -> tuple[NDArray[np.int32], tuple[str, ...], bool, list[str]]:
    video = next((name for name in VIDEO_COLUMNS if name in header), None)
    if subjects is not None:
        found = [subjects.of_name(str(name)) for name in samples.categories]
        for place in [place for place, one in enumerate(found) if not one][:1]:
            row = int(np.argmax(np.asarray(samples.codes) == place))
            expected = f"a subject by {subjects.pattern.pattern!r}"
            sheet.fail(row, shown(str(samples.categories[place])), expected, "give another --subjects")
        return *_spread(found, samples), True, []
    if "subjects" in header:
        column = sheet.names("subjects")
        found = [_split(str(text)) for text in column.categories]
        for place in [place for place, one in enumerate(found) if not all(one)][:1]:
            row = int(np.argmax(np.asarray(column.codes) == place))
            sheet.fail(row, shown(str(column.categories[place]), "subjects"), "names with ; between them")
        return *_spread(found, column), True, []
    if video is not None:
        column = sheet.names(video)
        said = [f"without a column subjects, each of {len(column.categories):,} videos counts as a person"]
        return *_spread([(str(name),) for name in column.categories], column), True, said
    said = [
        "the file names no people, so every image counts as a person of its own: intervals are too narrow if people "
        "have several images; add a column subjects or video, or give --subjects REGEX"
    ]
    return *_spread([(str(name),) for name in samples.categories], samples), False, said


def _spread(found: Sequence[tuple[str, ...]], column: pd.Categorical) -> tuple[NDArray[np.int32], tuple[str, ...]]:
    people, names = coded_people(found)
    return people[np.asarray(column.codes)], names


def _split(text: str) -> tuple[str, ...]:
    """Names separated by ``;``; a backslash makes a ``;`` or a backslash after it part of a name."""
    names, escaped = [""], False
    for letter in text:
        if escaped or letter not in "\\;":
            names[-1] += letter
            escaped = False
        elif letter == "\\":
            escaped = True
        else:
            names.append("")
    return tuple(names)


def _without_empty(column: Any) -> pd.Categorical:
    if not isinstance(column, pd.Categorical):
        return tidy(pd.Categorical(column, categories=pd.Index([], dtype=object)))
    texts = np.array([*map(str, column.categories), None], dtype=object)
    texts[texts == ""] = None
    return tidy(texts[np.asarray(column.codes)])
