"""What is known of made faces: whose they are, and their scores with photos of these people."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench.errors import ShapeError
from bench.metrics.shares import Contributors


@dataclass(frozen=True, eq=False)
class Attempts:
    """M made faces, each of K contributors, each with up to R other photos: references.

    An attempt is a face with one reference of each contributor.

    Attributes:
        scores: float32 (M, K, R), of the face and a reference; NaN where either was not acquired or there is none.
        clean: float32 (M, K, R), of the first contributor's unchanged photo and that reference; NaN likewise.
        own: float32 (M, K, R), of the contributor's own photo, which the maker saw, and that reference; NaN likewise.
        same_photo: float32 (M, K), of the face and the very photo that the maker saw; NaN likewise.
        planned: bool (M, K, R), which references there are; the first always.
        made: bool (M,), whether the face was made.
        acquired: bool (M,), whether the recognizer's aligner found a face in it.
        people: int32 (M, K), who contributes, codes from 0 to `count` - 1, different within a face.
        count: how many codes there are.

    Raises:
        ShapeError: arrays that do not fit each other, or a score where there can be none.
    """

    scores: NDArray[np.float32]
    clean: NDArray[np.float32]
    own: NDArray[np.float32]
    same_photo: NDArray[np.float32]
    planned: NDArray[np.bool_]
    made: NDArray[np.bool_]
    acquired: NDArray[np.bool_]
    people: NDArray[np.int32]
    count: int

    def __post_init__(self) -> None:
        if self.scores.ndim != 3 or not all(self.scores.shape[1:]):
            raise ShapeError(f"got scores {self.scores.shape}; expected (M, K, R) with K and R of at least 1")
        faces, contributors, _ = self.scores.shape
        for name, kind, shape in (
            ("scores", np.float32, self.scores.shape),
            ("clean", np.float32, self.scores.shape),
            ("own", np.float32, self.scores.shape),
            ("same_photo", np.float32, (faces, contributors)),
            ("planned", np.bool_, self.scores.shape),
            ("made", np.bool_, (faces,)),
            ("acquired", np.bool_, (faces,)),
            ("people", np.int32, (faces, contributors)),
        ):
            array = getattr(self, name)
            if array.dtype != kind or array.shape != shape:
                raise ShapeError(f"got {name} {array.dtype} {array.shape}; expected {np.dtype(kind)} {shape}")
            if kind is np.float32 and np.isinf(array).any():
                raise ShapeError(
                    f"got an infinite score in {name}; expected finite similarities, NaN where not acquired"
                )
        Contributors(self.people, self.count)
        self._check_scores()

    def _check_scores(self) -> None:
        if not self.planned[:, :, 0].all():
            raise ShapeError("got a contributor whose first reference is not planned; expected one for each at least")
        if (self.acquired & ~self.made).any():
            raise ShapeError("got a face that was acquired but not made; expected acquired only where made")
        for name in ("scores", "clean", "own"):
            if (~np.isnan(getattr(self, name)) & ~self.planned).any():
                raise ShapeError(f"got {name} with a value where no reference is planned; expected NaN there")
        for name in ("scores", "same_photo"):
            if (~np.isnan(getattr(self, name)[~self.acquired])).any():
                raise ShapeError(f"got {name} with a value where the face was not acquired; expected NaN there")

    def __len__(self) -> int:
        """M, how many faces there are."""
        return len(self.scores)

    @property
    def contributors(self) -> Contributors:
        """Whose faces each face rests on, for intervals."""
        return Contributors(self.people, self.count)


@dataclass(frozen=True, eq=False)
class Tally:
    """How many of a face's comparisons with each contributor there are, and what became of them.

    Attributes:
        planned: int64 (M, K), all, P.
        acquired: int64 (M, K), those with a score, q.
        matched: int64 (M, K), those whose score reaches the threshold, m; m <= q <= P.
    """

    planned: NDArray[np.int64]
    acquired: NDArray[np.int64]
    matched: NDArray[np.int64]

    @classmethod
    def of(cls, scores: NDArray[np.float32], planned: NDArray[np.bool_], threshold: float) -> Tally:
        """That of some scores.

        Args:
            scores: float32 (M, K, R), NaN where not acquired or not planned.
            planned: bool (M, K, R).
            threshold: accept if and only if score >= threshold, compared exactly; NaN accepts nothing.
        """
        accepted = scores >= np.float64(threshold)
        return cls(planned.sum(axis=2), (~np.isnan(scores)).sum(axis=2), accepted.sum(axis=2))

    def attempts(self) -> NDArray[np.int64]:
        """How many attempts each face has, int64 (M,): ΠP."""
        product: NDArray[np.int64] = self.planned.prod(axis=1)
        return product

    def acquired_attempts(self) -> NDArray[np.int64]:
        """How many of them were acquired, int64 (M,): Πq."""
        product: NDArray[np.int64] = self.acquired.prod(axis=1)
        return product

    def outcomes(self) -> dict[str, NDArray[np.int64]]:
        """How many attempts end how, for two contributors; together with those not acquired, all.

        Returns:
            ``both``, ``swapped``, ``preserved`` and ``neither``, each int64 (M,).
        """
        (first, second), (off_first, off_second) = self.matched.T, (self.acquired - self.matched).T
        return {
            "both": first * second,
            "swapped": off_first * second,
            "preserved": first * off_second,
            "neither": off_first * off_second,
        }

    def at_least(self) -> NDArray[np.float64]:
        """The share of each face's attempts in which at least k contributors match; what was not acquired does not.

        Returns:
            float64 (M, K), for k of 1 to K.
        """
        faces, contributors = self.planned.shape
        exactly = np.zeros((faces, contributors + 1))
        exactly[:, 0] = 1
        for matched, planned in zip(self.matched.T, self.planned.T, strict=True):
            share = (matched / planned)[:, None]
            more = np.zeros_like(exactly)
            more[:, 1:] = exactly[:, :-1] * share
            exactly = exactly * (1 - share) + more
        tail: NDArray[np.float64] = np.minimum(np.cumsum(exactly[:, :0:-1], axis=1)[:, ::-1], 1.0)
        return tail
