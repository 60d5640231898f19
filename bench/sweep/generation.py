"""Faces made of given photos, or of a data set's people, outside of any sweep: what `impersona generate` does.

There is no second way of making faces: photos go through `bench.sweep.making`, as those of a sweep do, and a data set's
people are paired as a sweep of the same count and seed pairs them, so that the very same faces come out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

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
from bench.sweep.made_files import COLUMNS, TABLE, file_names, is_text, picture_file, refuse_foreign, remove_ours
from bench.sweep.making import MadeFaces, make_faces
from bench.sweep.making_plan import Engagement, engage
from bench.sweep.pair_lists import draw_pairing
from bench.sweep.pairing import Pairing, pairing_of
from bench.sweep.plan import with_settings
from bench.sweep.sheet import SHEET, rows_shown, sheet_of_faces
from bench.sweep.varying import Varied, refuse_other_sizes, settings_of_each

PHOTOS = "images"
"""The data set plugin through which given photos are read."""


@dataclass(frozen=True, eq=False)
class Order:
    """Faces that are to be made: by whom, and of whose photos.

    Attributes:
        engaged: the generator, with what finds and labels the contributors' faces.
        entry: the data set, ``{"name": ..., **settings}``.
        dataset: that data set.
        pairing: who contributes to each face.
        called: what a picture calls a photo, by its key.
        seed: everything drawn is drawn from it.
    """

    engaged: Engagement
    entry: Entry
    dataset: Dataset
    pairing: Pairing
    called: Callable[[str], str]
    seed: int

    @property
    def spec(self) -> dict[str, Any]:
        """The parts of a cell's spec by which `bench.sweep.making` makes the faces."""
        identity = {"dataset": identity_of(self.entry, self.dataset), **self.engaged.part, "seed": self.seed}
        return with_settings(identity, {"dataset": self.entry, **self.engaged.entries})


@dataclass(frozen=True, eq=False)
class Generation:
    """M faces of K contributors each, made or not; where a setting is varied, those of a set of photos in a row.

    Attributes:
        photos: M times K names of photos.
        files: M file names; None for a face that was not made.
        problems: M reasons why a face was not made; None where it was.
        unusable: photo to why it could not be used.
        values: M times the varied setting's value, in words; None where none is varied.
        sheet: the contact sheet's file; None where none was asked for, or no face was made.
        sheet_rows: how many sets of photos it shows, the first ones; 0 where there is none.
    """

    photos: tuple[tuple[str, ...], ...]
    files: tuple[str | None, ...]
    problems: tuple[str | None, ...]
    unusable: dict[str, str]
    values: tuple[str, ...] | None = None
    sheet: Path | None = None
    sheet_rows: int = 0

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
    varied: Varied | None = None,
    sheet: bool = False,
    cache: ArrayCache | None = None,
    progress: Progress | None = None,
) -> Generation:
    """Faces of given photos: K photos a face, in their order.

    Args:
        generator: with its settings, aligner and parser.
        photos: image files; a multiple of K of them.
        out: the folder of the pictures; made if it is not there.
        seed: what the generator draws is drawn from it.
        varied: a setting with values, each of which makes a face of its own of the same photos.
        sheet: write a contact sheet, too.
        cache: looked into first, added to as faces are made; by default the user's own.
        progress: told how far it is.

    Raises:
        ConfigError: another number of photos, or a file in the way.
        MissingFile: a photo is not there.
    """
    orders = _orders(generator, varied, lambda one: order_of_photos(one, photos, seed))
    return _generate(orders, varied, out, sheet, cache, progress)


def order_of_photos(generator: MakerEntry, photos: Sequence[Path], seed: int) -> Order:
    """Faces of given photos, to be made; see `generate_of_photos`.

    Args:
        generator: with its settings, aligner and parser.
        photos: image files; a multiple of K of them.
        seed: what the generator draws is drawn from it.

    Raises:
        ConfigError: another number of photos.
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
    return Order(engaged, entry, dataset, pairing, lambda key: Path(key).name, seed)


def generate_of_dataset(
    generator: MakerEntry,
    data: PluginEntry,
    out: Path,
    *,
    count: int,
    seed: int = 0,
    varied: Varied | None = None,
    sheet: bool = False,
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
        varied: as for `generate_of_photos`.
        sheet: likewise.
        cache: looked into first, added to as faces are made; by default the user's own.
        progress: told how far it is.

    Raises:
        ConfigError: the data set has no photos, so many faces are never made, or a file is in the way.
        InsufficientData: too few people have two photos, as a sweep asks of those who contribute.
    """
    orders = _orders(generator, varied, lambda one: order_of_dataset(one, data, count, seed))
    return _generate(orders, varied, out, sheet, cache, progress)


def order_of_dataset(
    generator: MakerEntry, data: PluginEntry, count: int, seed: int, references: int | None = None
) -> Order:
    """Faces of a data set's people, to be made; see `generate_of_dataset`.

    Args:
        generator: with its settings, aligner and parser.
        data: the data set.
        count: how many faces.
        seed: people, photos and what the generator draws are drawn from it.
        references: at most so many other photos of each contributor are part of the pairing; by default as many as in
            a sweep. They change no face.

    Raises:
        ConfigError: the data set has no photos, or so many faces are never made.
        InsufficientData: too few people have two photos, as a sweep asks of those who contribute.
    """
    entry: Entry = {"name": data.name, **plain(data.settings)}
    dataset: Dataset = plugin("dataset", entry)
    if isinstance(dataset, EmbeddedDataset):
        raise ConfigError(f"{generator.name} makes faces of photos, and the data set {data.name} has none")
    engaged = _engaged(generator, dataset)
    part = {**plain(parse_pairs({"count": count}).model_dump()), "file": None}
    part["references"] = references or part["references"]
    pairing = draw_pairing(part, dataset, data.name, engaged.maker.contributors, seed)
    return Order(engaged, entry, dataset, pairing, str, seed)


def _orders(generator: MakerEntry, varied: Varied | None, order: Callable[[MakerEntry], Order]) -> list[Order]:
    """An order for each value of the varied setting, or the one where none is varied."""
    entries = list(settings_of_each(generator, varied))
    if varied is not None:
        # Before any photo is counted: that two do not do for a face of three is not what is wrong then.
        makers = [plugin("generator", {"name": one.name, **plain(one.settings)}) for one in entries]
        refuse_other_sizes([one.contributors for one in makers], varied)
    return [order(one) for one in entries]


def _engaged(generator: MakerEntry, dataset: Dataset) -> Engagement:
    entry: Entry = {"name": generator.name, **plain(generator.settings)}
    engaged = engage("generator", generator, entry, dataset)
    if generator.parser is not None and "maker_parser" not in engaged.part:
        raise ConfigError(
            f"{generator.name}: got parser {generator.parser.name!r}, and it takes no masks; leave --parser out"
        )
    return engaged


def _generate(
    orders: Sequence[Order],
    varied: Varied | None,
    out: Path,
    sheet: bool,
    cache: ArrayCache | None,
    progress: Progress | None,
) -> Generation:
    """Makes the faces of some orders, V of the same photos, and writes them."""
    pairing = orders[0].pairing
    names = file_names(pairing, orders[0].called, ("",) if varied is None else varied.endings)
    refuse_foreign(out, [*(name for row in names for name in row), *([SHEET] if sheet else [])])
    store = cache or ArrayCache()
    unusable: dict[str, str] = {}
    try:
        makings = [make_faces(one.spec, one.dataset, one.pairing, store, progress) for one in orders]
        for order, made in zip(orders, makings, strict=True):
            unusable |= unusable_photos(pairing.photo[~made.made & (made.state != REFUSED)], order, store)
        out.mkdir(parents=True, exist_ok=True)
        for making, (order, made) in enumerate(zip(orders, makings, strict=True)):
            _write(out, [row[making] for row in names], made, order)
        _remove_search(out)
        if not sheet:
            remove_ours(out / SHEET)
        shown = _write_sheet(out, orders, makings, varied, store) if sheet else None
    finally:
        store.clear_refuge()
    rows = pairing.photo.tolist()
    places = [(row, making) for row in range(len(rows)) for making in range(len(makings))]
    found = Generation(
        photos=tuple(tuple(pairing.frames[photo].key for photo in rows[row]) for row, _ in places),
        files=tuple(names[row][making] if makings[making].made[row] else None for row, making in places),
        problems=tuple(makings[making].problem(row) for row, making in places),
        unusable=unusable,
        values=None if varied is None else tuple(varied.words[making] for _, making in places),
        sheet=shown,
        sheet_rows=0 if shown is None else rows_shown(len(rows), pairing.photo.shape[1] + len(makings)),
    )
    replace(out / TABLE, _table(found, varied).to_csv(index=False).encode())
    return found


def _write(out: Path, names: Sequence[str], made: MadeFaces, order: Order) -> None:
    """Writes the pictures of one making of each set of photos."""
    for index, there in enumerate(made.made.tolist()):
        if there:
            replace(out / names[index], picture_file(made, order.pairing, index, order.called))
        else:
            (out / names[index]).unlink(missing_ok=True)  # an earlier call's, which would pass for this one's


def _remove_search(out: Path) -> None:
    """Takes away the figures of an earlier search, which would vouch for faces that nobody searched."""
    from bench.sweep.novel_files import FIGURES_FILE, SCHEMA  # it stands on this module

    path = out / FIGURES_FILE
    if path.is_file() and f'"schema": "{SCHEMA}"'.encode() in path.read_bytes()[:200]:
        path.unlink()


def _write_sheet(
    out: Path, orders: Sequence[Order], makings: Sequence[MadeFaces], varied: Varied | None, cache: ArrayCache
) -> Path | None:
    first = orders[0]
    labels = [str(first.engaged.part["maker"]["label"])] if varied is None else varied.labels
    data = sheet_of_faces(
        dict(zip(labels, makings, strict=True)), first.spec, first.engaged.maker.template, first.dataset,
        first.pairing, first.called, cache,
    )  # fmt: skip
    if data is None:
        (out / SHEET).unlink(missing_ok=True)
        return None
    replace(out / SHEET, data)
    return out / SHEET


def unusable_photos(lost: NDArray[np.integer], order: Order, cache: ArrayCache) -> dict[str, str]:
    """Which photos are to blame for faces that were not made, and why.

    Args:
        lost: places in the order's pairing, of any shape: the photos of such faces.
        order: what was to be made.
        cache: found faces and embeddings are looked up there.
    """
    spec = order.spec
    finder = entry_of(spec["maker_aligner"])
    aligner: Aligner = plugin("aligner", finder)
    frames = [order.pairing.frames[photo] for photo in np.unique(lost).tolist()]
    seen = find_faces(order.entry, order.dataset, finder, aligner, frames, None, cache) if frames else []
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
    return unusable


def _table(found: Generation, varied: Varied | None = None) -> pd.DataFrame:
    """One row a face and contributor; ``pairs: {file: ...}`` of a sweep takes it."""
    rows: list[tuple[Any, ...]] = [
        (face, contributor, photo, file or "", found.unusable.get(photo) or problem or "")
        for face, (photos, file, problem) in enumerate(
            zip(found.photos, found.files, found.problems, strict=True), start=1
        )
        for contributor, photo in enumerate(photos, start=1)
    ]
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    if varied is not None and found.values is not None:
        table[varied.key] = [found.values[face - 1] for face in table["face"]]
    return table
