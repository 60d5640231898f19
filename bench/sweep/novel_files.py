"""What a search for novel faces leaves in a folder: pictures of the faces that were found, faces.csv, search.json."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bench.errors import ConfigError
from bench.provenance import same_weights
from bench.store.blobs import replace
from bench.sweep.generation import Order
from bench.sweep.made_files import COLUMNS, picture_file
from bench.sweep.making import MadeFaces
from bench.sweep.novel_examiner import Examiner, Look
from bench.sweep.novel_figures import match_figures, over_threshold, photo_figures, search_figures
from bench.sweep.novel_search import OUTCOMES, Search
from bench.sweep.novel_words import sayings
from bench.sweep.pairing import Pairing
from bench.version import __version__

FIGURES_FILE = "search.json"
SCHEMA = "impersona.search/1"


def refuse_foreign_figures(path: Path) -> None:
    """Makes sure that no file is written over but what an earlier search wrote.

    Args:
        path: of the figures.

    Raises:
        ConfigError: something else is there.
    """
    if path.exists() and not (path.is_file() and f'"schema": "{SCHEMA}"'.encode() in path.read_bytes()[:200]):
        raise ConfigError(f"{path} is there, and nothing that a search wrote; give --out another folder")


def write_pictures(
    out: Path, names: Sequence[str], order: Order, found: Search, accepted: MadeFaces
) -> tuple[str | None, ...]:
    """Writes the pictures of accepted faces, and takes away those that an earlier call left of others.

    Args:
        out: the folder; made if it is not there.
        names: M file names.
        order: the faces.
        found: what became of them.
        accepted: the accepted tries, as `Search.accepted` has them.

    Returns:
        M file names; None for a face that was not found.
    """
    faces, pairing = found.accepted, order.pairing
    chosen = Pairing(pairing.frames, pairing.photo[faces], pairing.reference[faces])
    out.mkdir(parents=True, exist_ok=True)
    for at, face in enumerate(faces.tolist()):
        replace(out / names[face], picture_file(accepted, chosen, at, order.called))
    for face in np.flatnonzero(~found.found).tolist():
        (out / names[face]).unlink(missing_ok=True)  # an earlier call's, which would pass for this one's
    return tuple(name if there else None for name, there in zip(names, found.found.tolist(), strict=True))


def search_table(
    order: Order,
    found: Search,
    files: Sequence[str | None],
    examiners: Sequence[Examiner],
    accepted: Sequence[Look],
    unusable: Mapping[str, str],
) -> pd.DataFrame:
    """faces.csv: one row a face and contributor; ``pairs: {file: ...}`` of a sweep takes it.

    Args:
        order: the faces.
        found: what became of them.
        files: M file names; None for a face that was not found.
        examiners: recognizers and judges.
        accepted: of each what it sees in accepted tries.
        unusable: photo to why it could not be used.
    """
    frames, tries = order.pairing.frames, found.tries.tolist()
    rows: list[dict[str, Any]] = []
    for face, photos in enumerate(order.pairing.photo.tolist()):
        outcome = found.outcome(face)
        problem = found.problems[face] or OUTCOMES[outcome]
        for place, photo in enumerate(photos):
            key = frames[photo].key
            said = "" if files[face] else unusable.get(key) or problem or ""
            shared = zip(COLUMNS, (face + 1, place + 1, key, files[face] or "", said), strict=True)
            rows.append({**dict(shared), "outcome": outcome, "tries": tries[face]})
    table = pd.DataFrame(rows)
    size = order.pairing.photo.shape
    for examiner, look in zip(examiners, accepted, strict=True):
        over = np.full(size, np.nan)
        over[found.accepted] = over_threshold(look, examiner)
        table[f"{examiner.label}_over_threshold"] = over.ravel()
        table[f"{examiner.label}_highest_over_threshold"] = np.repeat(np.fmax.reduce(over, axis=1), size[1])
    return table


def search_document(
    order: Order, found: Search, examiners: Sequence[Examiner], looks: Sequence[tuple[Look, Look]], asked: int
) -> dict[str, Any]:
    """What search.json holds; docs/novel_faces.md explains each field.

    Args:
        order: the faces.
        found: what became of them.
        examiners: the recognizers of the search, then the judges.
        looks: of each what it sees in first and in accepted tries.
        asked: how many of them the search asked.
    """
    spec = order.spec
    insiders = [one.appointed.embedder.identity for one in examiners[:asked]]
    if "maker_identity" in spec:
        insiders.append(spec["maker_identity"])
    recognizers = []
    for number, (one, seen) in enumerate(zip(examiners, looks, strict=True)):
        searched, identity = number < asked, one.appointed.embedder.identity
        # A maker says its teachers' names alone, so that theirs may be other weights of the same plugin.
        inside = identity["name"] in getattr(order.engaged.maker, "taught_by", ())
        inside = inside or any(same_weights(identity, insider) != "no" for insider in insiders)
        recognizers.append(
            {
                "label": one.label,
                "role": "search" if searched else "judge",
                "white_box": searched or inside,
                **_examined_by(one),
                "rates": match_figures(found, one, *seen, searched=searched),
            }
        )
    figures: dict[str, Any] = {
        "schema": SCHEMA,
        "impersona": __version__,
        "generator": {name: spec["maker"][name] for name in ("name", "settings", "fingerprint", "contributors")},
        "data": {name: spec["dataset"][name] for name in ("name", "fingerprint")},
        "seed": order.seed,
        "most_tries": found.status.shape[1],
        **search_figures(found),
        "photos_of_a_contributor": photo_figures(found),
        "recognizers": recognizers,
    }
    return {**figures, "says": sayings(figures)}


def _examined_by(examiner: Examiner) -> dict[str, Any]:
    """A recognizer with its threshold, as search.json holds it."""
    spec, point = examiner.appointed.spec, examiner.point
    return {
        "recognizer": {name: spec["recognizer"][name] for name in ("name", "fingerprint")},
        "aligner": {name: spec["aligner"][name] for name in ("name", "fingerprint")},
        "comparison": spec["comparison"],
        "threshold": {
            "operating_point": point.name,
            "value": examiner.threshold,
            "interval": None if point.interval is None else list(point.interval),
            "support": point.support,
            "nonmated": point.n,
        },
    }
