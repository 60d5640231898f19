"""Faces made of given photos, or of a data set's people, outside of any sweep: what `impersona generate` does.

There is no second way of making faces: photos go through `bench.sweep.making`, as those of a sweep do, and a data set's
people are paired as a sweep of the same count and seed pairs them, so that the very same faces come out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bench.api import Aligner, Dataset, EmbeddedDataset, Frame, Progress
from bench.config import MakerEntry, PluginEntry, parse_pairs
from bench.errors import ConfigError, MissingFile
from bench.store.blobs import replace
from bench.store.cache import ArrayCache
from bench.store.faces import REFUSED
from bench.sweep.contributors import find_faces
from bench.sweep.identities import Identities
from bench.sweep.inputs import Entry, entry_of, identity_of
from bench.sweep.instances import plain, plugin
from bench.sweep.made_files import COLUMNS, TABLE, file_names, is_text, picture_file, refuse_foreign
from bench.sweep.making import MadeFaces, make_faces
from bench.sweep.making_plan import Engagement, engage
from bench.sweep.pair_lists import draw_pairing
from bench.sweep.pairing import Pairing, pairing_of
from bench.sweep.plan import with_settings

PHOTOS = "images"
"""The data set plugin through which given photos are read."""


@dataclass(frozen=True, eq=False)
class Generation:
    """M faces of K contributors each, made or not.

    Attributes:
        photos: M times K names of photos.
        files: M file names; None for a face that was not made.
        problems: M reasons why a face was not made; None where it was.
        unusable: photo to why it could not be used.
    """

    photos: tuple[tuple[str, ...], ...]
    files: tuple[str | None, ...]
    problems: tuple[str | None, ...]
    unusable: dict[str, str]

    @property
    def made(self) -> int:
        """How many faces were made."""
        return sum(file is not None for file in self.files)


def generate_of_photos(
    generator: MakerEntry,
    photos: Sequence[Path],
    out: Path,
    *,
    seed: int = 0,
    cache: ArrayCache | None = None,
    progress: Progress | None = None,
) -> Generation:
    """Faces of given photos: K photos a face, in their order.

    Args:
        generator: with its settings, aligner and parser.
        photos: image files; a multiple of K of them.
        out: the folder of the pictures; made if it is not there.
        seed: what the generator draws is drawn from it.
        cache: looked into first, added to as faces are made; by default the user's own.
        progress: told how far it is.

    Raises:
        ConfigError: another number of photos, or a file in the way.
        MissingFile: a photo is not there.
    """
    for path in photos:
        if not path.is_file():
            raise MissingFile(f"no photo at {path}")
        if not is_text(str(path)):
            raise ConfigError(f"{str(path)!r} is no readable name; rename it (in UTF-8)")
    entry: Entry = {"name": PHOTOS, "root": str(Path.cwd())}
    dataset: Dataset = plugin("dataset", entry)
    engaged = _engaged(generator, dataset)
    size = engaged.maker.contributors
    if not photos or len(photos) % size:
        number = f"{len(photos)} photo{'' if len(photos) == 1 else 's'}"
        raise ConfigError(
            f"got {number}, and {generator.name} makes a face of {size}; give a multiple of {size}, the photos of a "
            "face one after the other"
        )
    place = {str(path): None for path in photos}
    # Below the root or absolute: the data set reads either.
    frames = [Frame(key, key) for key in place]
    at = {key: number for number, key in enumerate(place)}
    rows = np.array([at[str(path)] for path in photos], dtype=np.int64).reshape(-1, size)
    pairing = pairing_of(frames, rows, np.empty((*rows.shape, 0), dtype=np.int64))
    return _generate(engaged, entry, dataset, pairing, out, seed, cache, progress, lambda key: Path(key).name)


def generate_of_dataset(
    generator: MakerEntry,
    data: PluginEntry,
    out: Path,
    *,
    count: int,
    seed: int = 0,
    cache: ArrayCache | None = None,
    progress: Progress | None = None,
) -> Generation:
    """Faces of a data set's people, different ones in each face: those of a sweep with the same count and seed.

    Args:
        generator: with its settings, aligner and parser.
        data: the data set.
        out: the folder of the pictures; made if it is not there.
        count: how many faces.
        seed: people, photos and what the generator draws are drawn from it.
        cache: looked into first, added to as faces are made; by default the user's own.
        progress: told how far it is.

    Raises:
        ConfigError: the data set has no photos, so many faces are never made, or a file is in the way.
        InsufficientData: too few people have two photos, as a sweep asks of those who contribute.
    """
    entry: Entry = {"name": data.name, **plain(data.settings)}
    dataset: Dataset = plugin("dataset", entry)
    if isinstance(dataset, EmbeddedDataset):
        raise ConfigError(f"{generator.name} makes faces of photos, and the data set {data.name} has none")
    engaged = _engaged(generator, dataset)
    part = {**plain(parse_pairs({"count": count}).model_dump()), "file": None}
    pairing = draw_pairing(part, dataset, data.name, engaged.maker.contributors, seed)
    return _generate(engaged, entry, dataset, pairing, out, seed, cache, progress, str)


def _engaged(generator: MakerEntry, dataset: Dataset) -> Engagement:
    entry: Entry = {"name": generator.name, **plain(generator.settings)}
    engaged = engage("generator", generator, entry, dataset)
    if generator.parser is not None and "maker_parser" not in engaged.part:
        raise ConfigError(
            f"{generator.name}: got parser {generator.parser.name!r}, and it takes no masks; leave --parser out"
        )
    return engaged


def _generate(
    engaged: Engagement,
    dataset_entry: Entry,
    dataset: Dataset,
    pairing: Pairing,
    out: Path,
    seed: int,
    cache: ArrayCache | None,
    progress: Progress | None,
    called: Callable[[str], str],
) -> Generation:
    """Makes the faces of a pairing and writes them; `called` says what a picture calls a photo."""
    names = file_names(pairing, called)
    refuse_foreign(out, names)
    identity = {"dataset": identity_of(dataset_entry, dataset), **engaged.part, "seed": seed}
    spec = with_settings(identity, {"dataset": dataset_entry, **engaged.entries})
    store = cache or ArrayCache()
    try:
        made = make_faces(spec, dataset, pairing, store, progress)
        problems, unusable = _problems(made, pairing, spec, dataset, store)
        out.mkdir(parents=True, exist_ok=True)
        for index, there in enumerate(made.made.tolist()):
            if there:
                replace(out / names[index], picture_file(made, pairing, index, called))
            else:
                (out / names[index]).unlink(missing_ok=True)  # an earlier call's, which would pass for this one's
    finally:
        store.clear_refuge()
    found = Generation(
        photos=tuple(tuple(pairing.frames[photo].key for photo in row) for row in pairing.photo.tolist()),
        files=tuple(name if there else None for name, there in zip(names, made.made.tolist(), strict=True)),
        problems=problems,
        unusable=unusable,
    )
    replace(out / TABLE, _table(found).to_csv(index=False).encode())
    return found


def _problems(
    made: MadeFaces, pairing: Pairing, spec: Mapping[str, Any], dataset: Dataset, cache: ArrayCache
) -> tuple[tuple[str | None, ...], dict[str, str]]:
    """Why faces were not made, and which photos are to blame."""
    lost = pairing.photo[~made.made & (made.state != REFUSED)]
    finder = entry_of(spec["maker_aligner"])
    aligner: Aligner = plugin("aligner", finder)
    frames = [pairing.frames[photo] for photo in np.unique(lost).tolist()]
    seen = find_faces(entry_of(spec["dataset"]), dataset, finder, aligner, frames, None, cache) if frames else []
    unusable = {
        frame.key: sighting.problem or "no face found"
        for frame, sighting in zip(frames, seen, strict=True)
        if sighting.face is None
    }
    if "maker_identity" in spec:
        identities = Identities(spec, cache)
        identities.prepare(frames, seen)
        not_embedded = {frame.key: identities.problem(frame.key) for frame in frames}
        unusable = {key: problem for key, problem in not_embedded.items() if problem is not None} | unusable
    return tuple(made.problem(index) for index in range(len(pairing))), unusable


def _table(found: Generation) -> pd.DataFrame:
    """One row a face and contributor; ``pairs: {file: ...}`` of a sweep takes it."""
    rows: list[tuple[Any, ...]] = [
        (face, contributor, photo, file or "", found.unusable.get(photo) or problem or "")
        for face, (photos, file, problem) in enumerate(
            zip(found.photos, found.files, found.problems, strict=True), start=1
        )
        for contributor, photo in enumerate(photos, start=1)
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS))
