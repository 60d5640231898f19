"""Where the parser's batches come from: faces of each kind, augmented anew, drawn by seed and step alone."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from bench.errors import InsufficientData
from bench.provenance import value_digest
from bench.seeding import stream
from generators.auxiliary.face_parser.augmentation import augmented, straight
from generators.auxiliary.face_parser.faces import COMPLETE, PARTIAL, PHOTO, Faces
from generators.auxiliary.face_parser.settings import FaceParserTraining
from generators.training.batches import TrainingBatch


class FaceSource:
    """A `generators.training.recipe.Source` of prepared faces.

    ``masks`` hold codes of `label_sets`: a label where it is below 19, else a set of labels, or nothing.

    Args:
        folder: what `generators.auxiliary.face_parser.prepare` made.
        settings: how many faces of which kind.
        seed: of everything that is drawn.
        leave_out: rows that must not be seen, besides those that are held out: a fold of a cross-validation.
    """

    def __init__(
        self,
        folder: Path,
        settings: FaceParserTraining,
        seed: int,
        *,
        leave_out: Sequence[int] = (),
    ) -> None:
        self.faces, self.settings, self.seed = Faces(folder), settings, seed
        self._left_out = sorted(int(row) for row in leave_out)
        self.rows = {kind: np.setdiff1d(self.faces.rows(kind), self._left_out) for kind in (COMPLETE, PARTIAL, PHOTO)}
        wanted = {COMPLETE: settings.complete, PARTIAL: settings.partial, PHOTO: settings.photos}
        self.kinds = [kind for kind, count in wanted.items() for _ in range(count)]
        for kind in set(self.kinds):
            if not len(self.rows[kind]):
                raise InsufficientData(
                    f"{folder} has no faces of kind {kind} (0 complete, 1 partial, 2 photos), expected some: set"
                    f" {('complete', 'partial', 'photos')[kind]} to 0, or prepare them"
                )
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="faces")
        self._ahead: tuple[int, Future[TrainingBatch]] | None = None
        self._lock = threading.Lock()

    def batch(self, number: int, device: torch.device) -> TrainingBatch:
        """The faces of step `number`; the next step's are made meanwhile."""
        with self._lock:
            ahead, self._ahead = self._ahead, None
            made = ahead[1].result() if ahead is not None and ahead[0] == number else self._make(number)
            self._ahead = number + 1, self._pool.submit(self._make, number + 1)
        return _on(made, device)

    def fixed(self, count: int, device: torch.device) -> TrainingBatch:
        """The first faces of the complete ones and of the photos by turns, as the plugin would see them."""
        of_both = [self.rows[kind] for kind in (COMPLETE, PHOTO, PARTIAL) if len(self.rows[kind])]
        rows = [int(of_both[place % len(of_both)][place // len(of_both)]) for place in range(count)]
        pictures = [
            straight(np.asarray(self.faces.image(row)), self._codes(row), self.faces.crop_pixels(row)) for row in rows
        ]
        return _on(_stack(rows, pictures), device)

    def close(self) -> None:
        """Ends what works ahead."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def describe(self) -> Mapping[str, Any]:
        """What the run card says of the data."""
        return {
            "digest": self.faces.digest,
            "faces": {"complete": len(self.rows[COMPLETE]), "partial": len(self.rows[PARTIAL]),
                      "photos": len(self.rows[PHOTO])},
            "left_out": value_digest(self.faces.keys[self._left_out].tolist()) if self._left_out else "",
            "splits": "FASSEG: people 08 to 15 of v3 and v2_test held out; photos: train people",
        }  # fmt: skip

    def _make(self, number: int) -> TrainingBatch:
        rng = stream(self.seed, "face_parser", "batch", str(number))
        rows = [int(rng.choice(self.rows[kind])) for kind in self.kinds]
        return _stack(rows, [self._one(row, rng) for row in rows])

    def _one(self, row: int, rng: np.random.Generator) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        def other() -> NDArray[np.uint8]:
            photos = self.rows[PHOTO] if len(self.rows[PHOTO]) else self.rows[PARTIAL]
            photos = photos if len(photos) else self.rows[COMPLETE]
            return np.asarray(self.faces.image(int(rng.choice(photos))))

        image = np.asarray(self.faces.image(row))
        return augmented(image, self._codes(row), self.faces.landmarks[row], self.faces.crop_pixels(row), other, rng)

    def _codes(self, row: int) -> NDArray[np.uint8]:
        return np.asarray(self.faces.codes(row))


def _stack(rows: Sequence[int], pictures: Sequence[tuple[NDArray[np.uint8], NDArray[np.uint8]]]) -> TrainingBatch:
    images = torch.from_numpy(np.stack([image for image, _ in pictures])).permute(0, 3, 1, 2)
    return TrainingBatch(
        images=images.float().div_(255).contiguous(memory_format=torch.channels_last),
        rows=torch.tensor(rows),
        masks=torch.from_numpy(np.stack([codes for _, codes in pictures])),
    )


def _on(batch: TrainingBatch, device: torch.device) -> TrainingBatch:
    assert batch.masks is not None
    return TrainingBatch(images=batch.images.to(device), rows=batch.rows.to(device), masks=batch.masks.to(device))
