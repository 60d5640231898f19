"""The tables of a cell of made faces, as `bench.store.schema` describes them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.images import decode, encode_png, png_text
from bench.metrics.attempts import Attempts
from bench.sweep.acquisition import Acquisition
from bench.sweep.making import MadeFaces
from bench.sweep.pairing import Pairing
from bench.sweep.studio import contributors_text

EXAMPLES = 12
"""So many faces are kept as examples: a third those that match best, a third the middle, a third the worst."""


def faces_table(made: MadeFaces, faces: Acquisition, acquired: NDArray[np.bool_]) -> pd.DataFrame:
    """The table `faces`."""
    count = len(made.digests)
    confidence = np.full(count, np.nan, dtype=np.float32)
    confidence[made.made] = faces.confidence
    problems = [made.problem(index) for index in range(count)]
    for index, problem in zip(np.flatnonzero(made.made), faces.problems, strict=True):
        problems[index] = problem
    return pd.DataFrame(
        {
            "face": np.arange(count, dtype=np.int32),
            "made": made.made,
            "acquired": acquired,
            "confidence": confidence,
            "problem": problems,
            "structural_similarity": made.structural_similarity,
            "peak_signal_to_noise_ratio": made.peak_signal_to_noise_ratio,
            "digest": list(made.digests),
        }
    )


def contributors_table(pairing: Pairing, attempts: Attempts) -> pd.DataFrame:
    """The table `contributors`."""
    count, contributors = pairing.photo.shape
    keys = pd.Index([frame.key for frame in pairing.frames])
    subjects, code = np.unique([frame.subject for frame in pairing.frames], return_inverse=True)
    photo = pairing.photo.ravel()
    return pd.DataFrame(
        {
            "face": np.repeat(np.arange(count, dtype=np.int32), contributors),
            "contributor": np.tile(np.arange(1, contributors + 1, dtype=np.int16), count),
            "subject": pd.Categorical.from_codes(code[photo], pd.Index(subjects.tolist())),
            "photo": pd.Categorical.from_codes(photo, keys),
            "same_photo_score": attempts.same_photo.ravel(),
        }
    )


def attempts_table(pairing: Pairing, attempts: Attempts) -> pd.DataFrame:
    """The table `attempts`."""
    face, contributor, _ = (index.astype(np.int32) for index in np.nonzero(attempts.planned))
    keys = pd.Index([frame.key for frame in pairing.frames])
    return pd.DataFrame(
        {
            "face": face,
            "contributor": (contributor + 1).astype(np.int16),
            "reference": pd.Categorical.from_codes(pairing.reference[attempts.planned], keys),
            "score": attempts.scores[attempts.planned],
            "clean_score": attempts.clean[attempts.planned],
            "own_score": attempts.own[attempts.planned],
        }
    )


def left_out_table(left_out: Mapping[str, NDArray[np.float64]]) -> pd.DataFrame:
    """The table `left_out`.

    Args:
        left_out: figure to its value without each group of people, float64 (G,) each.
    """
    return pd.concat(
        [
            pd.DataFrame({"figure": name, "group": np.arange(len(values), dtype=np.int16), "value": values})
            for name, values in left_out.items()
        ],
        ignore_index=True,
    )


def portraits_table(
    pairing: Pairing, made: MadeFaces, attempts: Attempts, keep: Literal["examples", "all"], run: str
) -> pd.DataFrame:
    """The table `portraits`: pictures whose text names the run, and the photos as this data set calls them.

    Args:
        pairing: who contributes; the same photos may have had other names when a face was made.
        made: M faces.
        attempts: their scores.
        keep: all that were made, or examples.
        run: the sweep's name.
    """
    chosen = np.flatnonzero(made.made) if keep == "all" else examples(attempts)
    pictures = []
    for index in chosen:
        data = made.store.picture(made.digests[index])
        text = png_text(data) | contributors_text(pairing, index) | {"impersona.run": run}
        pictures.append(encode_png(decode(data, made.digests[index]), text))
    return pd.DataFrame({"face": chosen.astype(np.int32), "png": pictures})


def examples(attempts: Attempts, most: int = EXAMPLES) -> NDArray[np.intp]:
    """The faces that show best what a maker does: the best, the middle and the worst by their lowest mean score.

    Args:
        attempts: of M faces.
        most: at most so many.

    Returns:
        Their numbers, ascending.
    """
    scored = ~np.isnan(attempts.scores)
    count = scored.sum(axis=2)
    total = np.where(scored, attempts.scores, 0).astype(np.float64).sum(axis=2)
    with np.errstate(invalid="ignore", divide="ignore"):
        lowest = (total / count).min(axis=1)
    known = np.flatnonzero(~np.isnan(lowest))
    order = known[np.lexsort((known, -lowest[known]))]
    if len(order) <= most:
        return np.sort(order)
    third = most // 3
    middle = (len(order) - third) // 2
    return np.sort(np.concatenate([order[:third], order[middle : middle + third], order[len(order) - third :]]))
