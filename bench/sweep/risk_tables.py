"""The tables of faces held against galleries, as `bench.store.schema` describes them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.metrics.galleries import GalleryThreshold, HighMaxima
from bench.sweep.crowds import Crowd, Nearest


def exposed_table(
    crowd: Crowd, maxima: HighMaxima, real: HighMaxima, points: Sequence[GalleryThreshold]
) -> pd.DataFrame:
    """The table `exposed`."""
    parts = []
    for point in points:
        assert point.threshold is not None
        of_faces, of_strangers = (
            each.reached(point.threshold).sum(axis=0) / len(each) if len(each) else np.full(each.people, np.nan)
            for each in (maxima, real)
        )
        parts.append(
            pd.DataFrame(
                {
                    "subject": list(crowd.people),
                    "operating_point": point.name,
                    "share": of_faces,
                    "strangers_share": of_strangers,
                }
            )
        )
    columns = ["subject", "operating_point", "share", "strangers_share"]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame({name: [] for name in columns})


def rank_one_table(
    name: str,
    crowd: Crowd,
    nearest: Nearest,
    faces: bool,
    keys: Sequence[str] | None,
    subjects: Sequence[str] | None,
) -> pd.DataFrame:
    """Rows of the table `rank_one`, of the probes that were acquired."""
    there = np.flatnonzero(nearest.photo >= 0)
    frames = [crowd.others.frames[place] for place in crowd.photo[nearest.photo[there]].tolist()]
    return pd.DataFrame(
        {
            "gallery": name,
            "face": pd.Series(there if faces else [None] * there.size, dtype="Int32"),
            "probe": _words(keys, there),
            "probe_subject": _words(subjects, there),
            "photo": pd.Series([frame.key for frame in frames], dtype="string"),
            "subject": pd.Series([frame.subject for frame in frames], dtype="string"),
            "score": nearest.similarity[there],
        }
    )


def _words(names: Sequence[str] | None, rows: NDArray[np.intp]) -> pd.Series:
    return pd.Series([None if names is None else names[row] for row in rows.tolist()], dtype="string")
