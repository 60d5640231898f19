"""`impersona generate --novel`: faces made again and again until no contributor matches, and what that proves.

The recognizers of the search decide which try is accepted, so that they cannot match it: they are white boxes. Judges
are asked when the search is over, about first tries and accepted ones, and only their rates say something. One that
has the very weights of a recognizer of the search is no judge.
docs/novel_faces.md.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from bench.api import Progress
from bench.config import Calibrate, MakerEntry, PluginEntry, RecognizerEntry, parse_sweep
from bench.errors import ConfigError
from bench.store.blobs import replace
from bench.store.cache import ArrayCache
from bench.sweep.generation import Order, order_of_dataset, order_of_photos, unusable_photos
from bench.sweep.made_files import TABLE, file_names, refuse_foreign, remove_ours
from bench.sweep.novel_examiner import Appointment, Examiner, appoint
from bench.sweep.novel_files import FIGURES_FILE, refuse_foreign_figures, search_document, search_table, write_pictures
from bench.sweep.novel_search import Search, accepted_tries, first_tries, search
from bench.sweep.pairing import Pairing
from bench.sweep.sheet import SHEET

FMR = 1e-3
TRIES = 20


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What a search for novel faces shall do.

    Attributes:
        recognizers: who is asked about every try: no contributor may match under any of them.
        judges: who is asked when the search is over, and never before.
        calibrate: where thresholds come from, as in a sweep; by default split dev of the data set.
        fmr: the false match rate of the thresholds; by default that of `calibrate`, then 0.001.
        tries: how often each face is made at most.
        draws: how many times the bootstrap draws people anew for the intervals of thresholds.
    """

    recognizers: tuple[RecognizerEntry, ...]
    judges: tuple[RecognizerEntry, ...] = ()
    calibrate: Calibrate | None = None
    fmr: float | None = None
    tries: int = TRIES
    draws: int = 1000

    def __post_init__(self) -> None:
        """Raises `ConfigError` for what cannot be searched by."""
        if not self.recognizers:
            raise ConfigError("a search takes a recognizer that says whom a face matches: --recognizer dlib_resnet")
        if not 1 <= self.tries <= 1000:
            raise ConfigError(f"tries: got {self.tries}, expected 1 to 1000")
        if self.fmr is not None and not 0 < self.fmr < 1:
            raise ConfigError(f"fmr: got {self.fmr}, expected a false match rate between 0 and 1, such as 0.001")

    @property
    def rate(self) -> float:
        """The false match rate of the thresholds. Raises `ConfigError` where several are given."""
        given = self.calibrate.fmr if self.calibrate else None
        if given is not None and (len(given) > 1 or self.fmr not in (None, given[0])):
            raise ConfigError(
                f"got the false match rates {', '.join(f'{one:g}' for one in given)} to calibrate at"
                f"{'' if self.fmr is None else f' and {self.fmr:g} besides'}; a search takes one threshold of each "
                "recognizer: give one rate"
            )
        return given[0] if given else FMR if self.fmr is None else self.fmr


@dataclass(frozen=True, eq=False)
class NovelFaces:
    """What came of a search.

    Attributes:
        search: every try.
        files: M file names; None for a face that was not found.
        figures: what search.json holds.
        unusable: photo to why it could not be used.
    """

    search: Search
    files: tuple[str | None, ...]
    figures: dict[str, Any]
    unusable: dict[str, str]

    @property
    def made(self) -> int:
        """How many faces were found."""
        return sum(file is not None for file in self.files)


def novel_of_photos(
    generator: MakerEntry,
    photos: Sequence[Path],
    out: Path,
    wanted: Wanted,
    *,
    seed: int = 0,
    cache: ArrayCache | None = None,
    progress: Progress | None = None,
) -> NovelFaces:
    """Faces of given photos whom nobody in these photos matches.

    Args:
        generator: with its settings, aligner and parser; one that draws by chance.
        photos: image files; K for each face, in their order, of different people.
        out: the folder of pictures, faces.csv and search.json; made if it is not there.
        wanted: who is asked, and how often.
        seed: what the generator draws is drawn from it.
        cache: looked into first, added to as faces are made; by default the user's own.
        progress: told how far it is.

    Raises:
        ConfigError: a generator, photos or thresholds with which nothing can be searched, or a file in the way.
        MissingFile: a photo, a model or a manifest is not there.
        InsufficientData: too few comparisons for a threshold.
    """
    if wanted.calibrate is None or (wanted.calibrate.split is not None and wanted.calibrate.dataset is None):
        raise ConfigError(
            "photos have no people besides them to set thresholds on; say whose to take: --calibrate thresholds (a "
            "folder that `impersona calibrate` wrote), or --calibrate '{dataset: {name: drawn, split: dev}}'"
        )
    order = order_of_photos(generator, photos, seed)
    _refuse_one_twice(order.pairing)
    return _find(generator, order, wanted.calibrate, out, wanted, cache or ArrayCache(), progress)


def novel_of_dataset(
    generator: MakerEntry,
    data: PluginEntry,
    out: Path,
    wanted: Wanted,
    *,
    count: int,
    seed: int = 0,
    cache: ArrayCache | None = None,
    progress: Progress | None = None,
) -> NovelFaces:
    """Faces of a data set's people whom none of their contributors matches, in any photo of theirs.

    First tries are the faces that `generate_of_dataset` makes of the same count and seed, further ones those of a sweep
    with ``diversity: {faces: COUNT, makings: TRIES}``.

    Args:
        generator: with its settings, aligner and parser; one that draws by chance.
        data: the data set.
        out: the folder of pictures, faces.csv and search.json; made if it is not there.
        wanted: who is asked, and how often.
        count: how many faces.
        seed: people, photos and what the generator draws are drawn from it.
        cache: looked into first, added to as faces are made; by default the user's own.
        progress: told how far it is.

    Raises:
        ConfigError: a generator, data or thresholds with which nothing can be searched, or a file in the way.
        MissingFile: data, a model or a manifest is not there.
        InsufficientData: too few people, or too few comparisons for a threshold.
    """
    every = 1_000_000  # all that there are
    order = order_of_dataset(generator, data, count, seed, references=every)
    calibrate = wanted.calibrate or Calibrate(split="dev")
    return _find(generator, order, calibrate, out, wanted, cache or ArrayCache(), progress)


def calibrate_given(text: str) -> Calibrate:
    """Where thresholds come from, as an option says it.

    Args:
        text: a YAML mapping as under ``calibrate:`` of a sweep, or a manifest or folder of `impersona calibrate`.

    Raises:
        ConfigError: it is neither.
    """
    if Path(text).exists():
        return Calibrate(thresholds=Path(text))
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError:
        value = None
    if not isinstance(value, dict):
        raise ConfigError(
            f"--calibrate: got {text!r}, expected a mapping as under calibrate: of a sweep, such as '{{split: dev}}' "
            "or '{dataset: {name: lfw, split: dev}}', or a file or folder that `impersona calibrate` wrote"
        )
    sweep = {"name": "a", "dataset": "drawn", "recognizers": "a", "calibrate": value}
    found = parse_sweep(sweep, "--calibrate").calibrate
    assert found is not None
    return found


def _find(
    generator: MakerEntry,
    order: Order,
    calibrate: Calibrate,
    out: Path,
    wanted: Wanted,
    cache: ArrayCache,
    progress: Progress | None,
) -> NovelFaces:
    names = [row[0] for row in file_names(order.pairing, order.called)]
    refuse_foreign(out, names)
    refuse_foreign_figures(out / FIGURES_FILE)
    _refuse_what_never_changes(generator.name, order)
    everybody = (*wanted.recognizers, *wanted.judges)
    appointed = appoint(everybody, order, calibrate, wanted.rate, wanted.draws, cache)
    asked, waiting = appointed[: len(wanted.recognizers)], appointed[len(wanted.recognizers) :]
    _refuse_asked_judges(asked, waiting)
    try:
        examiners = [Examiner(one, order.pairing, cache, progress) for one in asked]
        found = search(order, examiners, wanted.tries, cache, progress)
        first, accepted = first_tries(order, found, cache), accepted_tries(order, found, cache)
        # Only now are the judges asked anything, their thresholds included.
        examiners += [Examiner(one, order.pairing, cache, progress) for one in waiting]
        looks = [(one.look(first, found.first), one.look(accepted, found.accepted)) for one in examiners]
        lost = np.array([problem is not None for problem in found.problems])
        unusable = unusable_photos(order.pairing.photo[lost], order, cache)
        figures = search_document(order, found, examiners, looks, asked=len(asked))
        files = write_pictures(out, names, order, found, accepted)
        remove_ours(out / SHEET)  # of an earlier call's faces
    finally:
        cache.clear_refuge()
    table = search_table(order, found, files, examiners, [look for _, look in looks], unusable)
    replace(out / TABLE, table.to_csv(index=False).encode())
    document = json.dumps(figures, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    replace(out / FIGURES_FILE, document.encode())
    return NovelFaces(found, files, figures, unusable)


def _refuse_what_never_changes(name: str, order: Order) -> None:
    """A search takes a generator whose tries differ, of faces of several people."""
    maker = order.engaged.maker
    if maker.contributors < 2:
        raise ConfigError(
            f"{name} makes a face of one person by these settings; a search mixes at least two: take one that does, "
            "such as impersona generate mixsyn --novel --set sources=3"
        )
    if not getattr(maker, "draws", False):
        raise ConfigError(
            f"{name} draws nothing by chance with these settings, so that every try would be the same face; take a "
            "generator that draws, such as impersona generate mixsyn --novel without shapes and styles, or sis with "
            "--set 'noise=[hair]'"
        )


def _refuse_asked_judges(asked: Sequence[Appointment], waiting: Sequence[Appointment]) -> None:
    for judge in waiting:
        if any(judge.is_like(one) for one in asked):
            raise ConfigError(
                f"{judge.label} is the very recognizer that the search asks, by its weights and its aligner, so that "
                "it cannot match an accepted face; judge by another one (impersona ls recognizer)"
            )


def _refuse_one_twice(pairing: Pairing) -> None:
    for row in pairing.photo:
        if len(set(row.tolist())) < len(row):
            names = " + ".join(pairing.frames[photo].key for photo in row.tolist())
            raise ConfigError(f"got a photo twice in one face ({names}); a search mixes different people")
