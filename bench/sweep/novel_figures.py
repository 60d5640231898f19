"""What a search for novel faces came to: figures with intervals.

Shares and rates have Wilson's interval with an effective number (`bench.metrics.shares`): every threshold was set on
other people before, so a face's verdict is a fixed decision, and faces that share a person depend on each other. The
difference between accepted and first tries of the same faces is a mean of differences of such decisions. Rates are of
faces all of whose contributors the recognizer knows.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.metrics.shares import Contributors, mean_interval, share_interval
from bench.sweep.novel_examiner import MATCH, UNKNOWN, Examiner, Look, known_photos
from bench.sweep.novel_search import OUTCOMES, TRIES, Search

WITHIN = (1, 2, 5, 10, 20, 50, 100)
"""Within so many tries faces are found, as far as the search goes."""

BY_CONSTRUCTION = {"value": 0.0, "low": None, "high": None, "interval": "by construction"}
"""The match rate of accepted faces under a recognizer that accepted them: no estimate of anything."""

Figure = dict[str, Any]


def search_figures(found: Search) -> Figure:
    """What became of faces and tries.

    Args:
        found: M faces, each tried up to T times.

    Returns:
        ``outcomes`` and ``tries`` (counts by name), ``found_within`` (shares of all M faces), ``mean_tries`` (of the
        faces that were found; None for none).
    """
    count, most = found.status.shape
    people = _contributors(found)
    named = [found.outcome(face) for face in range(count)]
    within = [number for number in WITHIN if number < most] + [most]
    tries = found.tries
    return {
        "faces": count,
        "outcomes": {name: named.count(name) for name in OUTCOMES},
        "tries": {name: int((found.status == code).sum()) for code, name in TRIES.items()},
        "found_within": [
            {"tries": number, **(_share(found.found & (tries <= number), people) or {})} for number in within
        ],
        "mean_tries": _mean(tries[found.found].astype(np.float64), people.select(found.found), (1.0, float(most))),
    }


def photo_figures(found: Search) -> Figure:
    """How many photos of a contributor each face is compared with: ``fewest``, ``mean``, ``most``.

    Args:
        found: the search.
    """
    photos = (known_photos(found.pairing) >= 0).sum(axis=2)
    return {"fewest": int(photos.min()), "mean": float(photos.mean()), "most": int(photos.max())}


def match_figures(found: Search, examiner: Examiner, first: Look, accepted: Look, searched: bool) -> Figure:
    """How often a recognizer matches faces to a contributor, before and after the search.

    Args:
        found: the search.
        examiner: a recognizer of the search, or one that only judges.
        first: what it sees in the first tries.
        accepted: what it sees in the accepted tries.
        searched: whether it is a recognizer of the search.

    Returns:
        ``first_tries``, ``first_tries_of_found`` (of the faces that were found in the end) and ``accepted``, each with
        ``faces``, ``unknown_rate``, the share of them of which it cannot say, and ``match_rate``, a share of the
        others; and ``difference``, the match rate of accepted tries less that of first tries, of the faces of which it
        can say both. None where there is no such face. A recognizer of the search has `BY_CONSTRUCTION` for the match
        rate of accepted tries, and no difference.
    """
    before, after = (np.full(len(found.pairing), UNKNOWN, dtype=np.int8) for _ in range(2))
    before[found.first], after[found.accepted] = first.says(examiner.threshold), accepted.says(examiner.threshold)
    tried, kept = (_among(faces, len(found.pairing)) for faces in (found.first, found.accepted))
    both = (before != UNKNOWN) & (after != UNKNOWN)
    change = (after == MATCH).astype(np.float64) - (before == MATCH)
    people = _contributors(found)
    of_accepted = _rates(after, kept, people)
    if searched and kept.any():
        of_accepted["match_rate"] = dict(BY_CONSTRUCTION)
    return {
        "first_tries": _rates(before, tried, people),
        "first_tries_of_found": _rates(before, tried & kept, people),
        "accepted": of_accepted,
        "difference": None if searched else _mean(change[both], people.select(both), (-1.0, 1.0)),
    }


def over_threshold(look: Look, examiner: Examiner) -> NDArray[np.float64]:
    """How far faces lie above (a match) or below a recognizer's threshold, float64 (N, K); NaN where not acquired.

    Args:
        look: what the recognizer sees.
        examiner: the recognizer.
    """
    return look.similarity.astype(np.float64) - np.float64(examiner.threshold)


def _contributors(found: Search) -> Contributors:
    return Contributors(*found.pairing.people)


def _among(faces: NDArray[np.int64], count: int) -> NDArray[np.bool_]:
    among = np.zeros(count, dtype=np.bool_)
    among[faces] = True
    return among


def _rates(said: NDArray[np.int8], faces: NDArray[np.bool_], people: Contributors) -> Figure:
    known = faces & (said != UNKNOWN)
    return {
        "faces": int(faces.sum()),
        "unknown_rate": _share((said == UNKNOWN)[faces], people.select(faces)),
        "match_rate": _share((said == MATCH)[known], people.select(known)),
    }


def _share(chosen: NDArray[np.bool_], people: Contributors) -> Figure | None:
    if not len(chosen):
        return None
    values = chosen.astype(np.float64)
    interval = share_interval(values, people)
    return {"value": float(values.mean()), "low": interval.low, "high": interval.high, "interval": interval.method}


def _mean(values: NDArray[np.float64], people: Contributors, bounds: tuple[float, float]) -> Figure | None:
    if not len(values):
        return None
    interval = mean_interval(values, people, bounds)
    assert interval is not None  # the range has ends
    return {"value": float(values.mean()), "low": interval.low, "high": interval.high, "interval": interval.method}
