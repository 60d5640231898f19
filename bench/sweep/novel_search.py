"""The search for faces that nobody who contributed matches: the same photos made again, each try with chance anew.

Try t of face n is making t of that face, the very picture that a sweep with ``diversity: {makings: ...}`` makes: it
depends on the seed, the number of faces, n and t, and not on which faces are still looked for. Whoever shares a batch
with a face that is still looked for is made with it and kept, so that a search that was killed, or one by other
recognizers, goes on with what there is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench.api import Progress
from bench.store.cache import ArrayCache
from bench.store.faces import REFUSED
from bench.sweep.generation import Order
from bench.sweep.making import MadeFaces, all_makings, make_faces
from bench.sweep.novel_examiner import CLEAR, MATCH, Examiner, Look
from bench.sweep.pairing import Pairing, pairing_of

UNTRIED, NOVEL, MATCHED, NO_FACE, NOT_MADE = -1, 0, 1, 2, 3
"""What became of a try: not made, since the search was over; nobody matches; some contributor matches under some
recognizer; a recognizer found no face in it, so that nobody could use it; the generator made nothing."""

TRIES = {NOVEL: "novel", MATCHED: "matched", NO_FACE: "no_face", NOT_MADE: "not_made"}

OUTCOMES = {
    "found": None,
    "matched": "a contributor matched in every try in which a face was found",
    "no_face": "a recognizer of the search found no face in any try",
    "not_made": "could not be made of these photos in any try",
    "not_comparable": "a recognizer of the search found no face in any photo of a contributor",
}
"""What becomes of a face, and what is said of one that has no picture."""


@dataclass(frozen=True, eq=False)
class Search:
    """M faces, each tried up to T times.

    Attributes:
        pairing: who contributes.
        makings: who contributes to each of M · T tries, try t of face n at t · M + n.
        status: int8 (M, T), one of `TRIES`, `UNTRIED` from where the search was over.
        comparable: bool (M,), whether every recognizer of the search knows every contributor.
        problems: M reasons why a face was not made, where its photos are to blame; else None.
    """

    pairing: Pairing
    makings: Pairing
    status: NDArray[np.int8]
    comparable: NDArray[np.bool_]
    problems: tuple[str | None, ...]

    @property
    def tries(self) -> NDArray[np.int64]:
        """How many tries each face had, int64 (M,)."""
        tried: NDArray[np.int64] = (self.status != UNTRIED).sum(axis=1)
        return tried

    @property
    def found(self) -> NDArray[np.bool_]:
        """Bool (M,): whether a try was accepted; it is the last one."""
        found: NDArray[np.bool_] = (self.status == NOVEL).any(axis=1)
        return found

    @property
    def first(self) -> NDArray[np.int64]:
        """The faces whose first try was made."""
        return np.flatnonzero((self.status[:, 0] != UNTRIED) & (self.status[:, 0] != NOT_MADE))

    @property
    def accepted(self) -> NDArray[np.int64]:
        """The faces of which a try was accepted."""
        return np.flatnonzero(self.found)

    def outcome(self, face: int) -> str:
        """What became of a face: one of `OUTCOMES`.

        Args:
            face: from 0.
        """
        if self.found[face]:
            return "found"
        if not self.comparable[face]:
            return "not_comparable"
        return next(TRIES[one] for one in (MATCHED, NO_FACE, NOT_MADE) if (self.status[face] == one).any())


def search(
    order: Order, examiners: Sequence[Examiner], tries: int, cache: ArrayCache, progress: Progress | None = None
) -> Search:
    """Makes faces until no contributor matches.

    A face in which some recognizer finds no face is no find: nobody could use it. One of whose contributors a
    recognizer knows no photo is never tried, because nobody could say whether it matches.

    Args:
        order: the faces.
        examiners: the recognizers that decide; one at least.
        tries: T, how often each face is made at most.
        cache: looked into first, added to as faces are made.
        progress: told how far it is.
    """
    pairing, spec = order.pairing, order.spec
    count = len(pairing)
    # Without the other photos of contributors, which change no face and are many to digest in every round.
    made_of = pairing_of(pairing.frames, pairing.photo.astype(np.int64), np.empty((*pairing.photo.shape, 0), np.int64))
    makings = all_makings({"diversity": {"makings": tries, "faces": count}}, made_of)
    comparable = np.logical_and.reduce([one.known for one in examiners])
    status = np.full((count, tries), UNTRIED, dtype=np.int8)
    problems: list[str | None] = [None] * count
    looked_for = np.flatnonzero(comparable)
    for number in range(tries):
        if not looked_for.size:
            break
        made = make_faces(spec, order.dataset, makings, cache, progress, only=(number * count + looked_for).tolist())
        looks = [one.look(made, looked_for) for one in examiners]
        now = _judged(made, looks, examiners)
        status[looked_for, number] = now
        hopeless = ~made.made & (made.state != REFUSED)  # photos are to blame, and every try has the same
        for face, at in zip(looked_for[hopeless].tolist(), np.flatnonzero(hopeless).tolist(), strict=True):
            problems[face] = made.problem(at)
        looked_for = looked_for[(now != NOVEL) & ~hopeless]
        if progress:
            progress(f"tries 1 to {number + 1}: found", int((status == NOVEL).any(axis=1).sum()), count)
    return Search(pairing, makings, status, comparable, tuple(problems))


def first_tries(order: Order, found: Search, cache: ArrayCache) -> MadeFaces:
    """The first tries of the faces `Search.first`, as they were made.

    Args:
        order: the faces.
        found: what became of them.
        cache: where they lie.
    """
    return make_faces(order.spec, order.dataset, found.makings, cache, only=found.first.tolist())


def accepted_tries(order: Order, found: Search, cache: ArrayCache) -> MadeFaces:
    """The accepted tries of the faces `Search.accepted`, as they were made.

    Args:
        order: the faces.
        found: what became of them.
        cache: where they lie.
    """
    faces = found.accepted
    places = (found.tries[faces] - 1) * len(found.pairing) + faces
    return make_faces(order.spec, order.dataset, found.makings, cache, only=places.tolist())


def _judged(made: MadeFaces, looks: Sequence[Look], examiners: Sequence[Examiner]) -> NDArray[np.int8]:
    """What became of some tries, int8 (N,)."""
    said = np.stack([look.says(one.threshold) for look, one in zip(looks, examiners, strict=True)])
    acquired = np.stack([look.acquired for look in looks]).all(axis=0)
    status = np.full(len(made.state), NO_FACE, dtype=np.int8)
    status[acquired & (said == MATCH).any(axis=0)] = MATCHED
    status[acquired & (said == CLEAR).all(axis=0)] = NOVEL
    status[~made.made] = NOT_MADE
    return status
