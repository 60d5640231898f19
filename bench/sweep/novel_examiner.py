"""A recognizer with its threshold, before whom faces come: whom of their contributors do they match?

Faces, photos, scores and thresholds are those of every sweep: each aligner finds a made face again as a new photo, and
thresholds come from other people. A contributor is matched where *any* photo of theirs that the run knows is.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.api import Comparison, Embeddings, Progress
from bench.config import Calibrate, RecognizerEntry, Sweep
from bench.errors import ConfigError, InsufficientData
from bench.provenance import same_weights
from bench.store.cache import ArrayCache
from bench.store.legacy import LEGACY
from bench.sweep.acquisition import acquire, check_cast
from bench.sweep.calibration import Calibration, CarriedPoint, thresholds_of
from bench.sweep.calibration_plan import plan_calibration
from bench.sweep.evaluation import ALL_PAIRS
from bench.sweep.generated import acquire_made
from bench.sweep.generation import Order
from bench.sweep.identities import Embedder, embedder_of
from bench.sweep.inputs import Entry, entry_of, identity_of
from bench.sweep.instances import plugin
from bench.sweep.making import MadeFaces
from bench.sweep.pairing import Pairing
from bench.sweep.plan import with_settings
from bench.sweep.scores import usable_scores
from bench.sweep.sighting import Cast

MATCH, CLEAR, UNKNOWN = 0, 1, 2
"""What a recognizer says of a face: it matches a contributor; it matches none; no face was found in it, or in no photo
of some contributor. The last holds even where another contributor matches: what is left out of a rate must not depend
on whether there is a match."""


@dataclass(frozen=True, eq=False)
class Appointment:
    """A recognizer that is to look at faces, planned and not yet asked anything.

    Attributes:
        label: what figures call it.
        embedder: the recognizer with its aligner.
        spec: the parts of a cell's spec from which its threshold comes.
        rate: the false match rate of that threshold.
    """

    label: str
    embedder: Embedder
    spec: Mapping[str, Any]
    rate: float

    def is_like(self, other: Appointment) -> bool:
        """Whether another one must see the same: of the same weights, whatever its threads and batches.

        Its aligner is of the same plugin, too. One without a digest of its weights is like another one of its very
        fingerprints.

        Args:
            other: the other one.
        """
        mine, its = self.embedder, other.embedder
        same = (mine.identity, mine.finder_identity) == (its.identity, its.finder_identity)
        learned = same_weights(mine.identity, its.identity) == "yes"
        return same or (learned and mine.finder["name"] == its.finder["name"])


def appoint(
    wanted: Sequence[RecognizerEntry],
    order: Order,
    calibrate: Calibrate,
    rate: float,
    draws: int,
    cache: ArrayCache,
) -> list[Appointment]:
    """Recognizers with where their thresholds come from; what can be refused beforehand is.

    Args:
        wanted: who shall look at faces.
        order: the faces.
        calibrate: as in a sweep.
        rate: the false match rate at which thresholds are taken.
        draws: how many times the bootstrap draws people anew for the interval of a threshold.
        cache: passed on where thresholds that are stored are looked at.

    Raises:
        ConfigError: thresholds of something else or of the very people who are judged, or two of one label.
        MissingFile: no thresholds, model or data there.
    """
    labels = [one.label or one.name for one in wanted]
    if twice := sorted({label for label in labels if labels.count(label) > 1}):
        raise ConfigError(
            f"got {twice[0]!r} more than once; whom a search asks must not judge it, and two of one name cannot be "
            f"told apart: leave one out, or give it a label, such as '{{name: {twice[0]}, aligner: yunet, label: b}}'"
        )
    sweep = Sweep(
        name="novel",
        seed=order.seed,
        dataset={"name": order.entry["name"]},  # type: ignore[arg-type]
        protocol=ALL_PAIRS,
        recognizers=tuple(wanted),
        fmr=(rate,),
        calibrate=calibrate,
        draws=draws,
    )
    remembered: dict[str, Entry] = {}
    found = [_appointed(one, label, sweep, order, remembered) for one, label in zip(wanted, labels, strict=True)]
    for one in found:
        if one.spec["calibration"]["kind"] != "data":
            _chosen(thresholds_of(one.spec, cache), one)
    return found


def _appointed(
    wanted: RecognizerEntry, label: str, sweep: Sweep, order: Order, remembered: dict[str, Entry]
) -> Appointment:
    embedder = embedder_of(wanted)
    check_cast(Cast(order.entry, embedder.finder, embedder.entry), order.dataset)
    identity = {
        "labels": {"recognizer": label},
        "dataset": identity_of(order.entry, order.dataset),
        "recognizer": embedder.identity,
        "aligner": embedder.finder_identity,
        "comparison": embedder.recognizer.comparison,
        "calibration": plan_calibration(
            sweep,
            label=label,
            recognizer_entry=embedder.entry,
            recognizer=embedder.recognizer,
            aligner_entry=embedder.finder,
            aligner=plugin("aligner", embedder.finder),
            dataset_entry=order.entry,
            evaluated={frame.subject for frame in order.pairing.frames},
            remembered=remembered,
        ),
        "seed": sweep.seed,
        "draws": sweep.draws,
    }
    entries = {"dataset": order.entry, "recognizer": embedder.entry, "aligner": embedder.finder}
    return Appointment(label, embedder, with_settings(identity, entries), sweep.fmr[0])


@dataclass(frozen=True, eq=False)
class Look:
    """What a recognizer sees in N made faces of K contributors.

    Attributes:
        similarity: float32 (N, K), the highest of a face with any photo of a contributor; NaN where there is none.
        acquired: bool (N,), whether its aligner found a face.
    """

    similarity: NDArray[np.float32]
    acquired: NDArray[np.bool_]

    def says(self, threshold: float) -> NDArray[np.int8]:
        """`MATCH`, `CLEAR` or `UNKNOWN`, int8 (N,).

        Args:
            threshold: accept if and only if similarity >= threshold, compared exactly.
        """
        matched = (self.similarity >= np.float64(threshold)).any(axis=1)
        sure = self.acquired & ~np.isnan(self.similarity).any(axis=1)
        return np.where(sure, np.where(matched, MATCH, CLEAR), UNKNOWN).astype(np.int8)


class Examiner:
    """A recognizer at work: it knows the contributors' photos and its threshold, and looks at made faces.

    Args:
        appointed: who it is.
        pairing: who contributes to each of M faces; its references are the other photos that are known of them.
        cache: of embeddings and found faces.
        progress: told how far it is.

    Attributes:
        label: what figures call it.
        point: the threshold, with where it comes from.
        threshold: a float32 number.
        known: bool (M,), whether of every contributor of a face at least one photo was acquired.

    Raises:
        InsufficientData: too few comparisons for a threshold at the rate that is asked for.
    """

    def __init__(
        self, appointed: Appointment, pairing: Pairing, cache: ArrayCache, progress: Progress | None = None
    ) -> None:
        spec, embedder = appointed.spec, appointed.embedder
        self.label, self.appointed = appointed.label, appointed
        calibration = thresholds_of(spec, cache, progress)
        self.point, self.threshold = _chosen(calibration, appointed)
        self.calibration = calibration
        self._cast = Cast(entry_of(spec["dataset"]), embedder.finder, embedder.entry)
        self._comparison: Comparison = embedder.recognizer.comparison
        self._cache, self._progress = cache, progress
        self._photos = acquire(self._cast, pairing.frames, cache, progress)
        if calibration is not None:
            calibration.check_runtime(self._photos.runtime)
        self._places = known_photos(pairing)
        there = self._photos.acquired[self._places] & (self._places >= 0)
        self.known: NDArray[np.bool_] = np.logical_and.reduce(np.logical_or.reduce(there, axis=2), axis=1)

    def look(self, made: MadeFaces, faces: NDArray[np.int64]) -> Look:
        """What it sees in some made faces.

        Args:
            made: N of them.
            faces: int64 (N,), the faces of the pairing whose makings they are.
        """
        found, acquired = acquire_made(self._cast, made, self._cache, self._progress)
        similarity = np.full((len(faces), self._places.shape[1]), np.nan, dtype=np.float32)
        there = np.flatnonzero(acquired)
        for place, embedding in zip(there.tolist(), found.embedded, strict=True):
            similarity[place] = self._highest(embedding, self._places[faces[place]])
        return Look(similarity, acquired)

    def _highest(self, face: Embeddings, places: NDArray[np.int64]) -> NDArray[np.float32]:
        """float32 (K,), of a face and places (K, P) of photos.

        Each face is scored by itself, so that its grid, and with it the last bit, depends on nobody else.
        """
        photos, each = places.ravel(), np.arange(places.size)
        usable = (photos >= 0) & self._photos.acquired[photos]
        if not usable.any():
            return np.full(len(places), np.nan, dtype=np.float32)
        scores = usable_scores(
            np.concatenate([self._photos.embeddings[photos], face[None]]),
            np.append(usable, True),
            np.full(places.size, places.size),
            each,
            self._comparison,
        )
        highest: NDArray[np.float32] = np.fmax.reduce(scores.reshape(places.shape), axis=1)
        return highest


def known_photos(pairing: Pairing) -> NDArray[np.int64]:
    """int64 (M, K, P), every photo that is known of each contributor, that which the maker sees first; -1 for none.

    Args:
        pairing: who contributes, and the other photos of the same people.
    """
    places: NDArray[np.int64] = np.concatenate([pairing.photo[:, :, None], pairing.reference], axis=2).astype(np.int64)
    return places


def _chosen(calibration: Calibration | None, appointed: Appointment) -> tuple[CarriedPoint, float]:
    """The one operating point at which faces are judged, and its threshold."""
    assert calibration is not None  # a search always has thresholds of other people
    if calibration.thresholds is None:
        point = next(one for one in calibration.points if one.name == LEGACY)
        assert point.threshold is not None  # published
        return point, point.threshold
    for set_at, point in zip(calibration.thresholds.points, calibration.points, strict=True):
        if math.isclose(set_at.requested_fmr, appointed.rate, rel_tol=1e-9):
            if point.threshold is None:
                raise InsufficientData(
                    f"{appointed.label}: {point.n:,} nonmated comparisons of {calibration.origin} give no threshold at "
                    f"FMR {appointed.rate:g}, which takes {set_at.needed_nonmated:,}; take more people to calibrate "
                    "on, or a higher rate (--fmr 0.01)"
                )
            return point, point.threshold
    rates = ", ".join(f"{one.requested_fmr:g}" for one in calibration.thresholds.points)
    raise ConfigError(
        f"{appointed.label}: got FMR {appointed.rate:g}, and the thresholds of {calibration.origin} are at {rates}; "
        "give one of these with --fmr"
    )
