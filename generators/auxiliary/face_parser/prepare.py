"""Prepares the faces that the parser learns from: finds landmarks, aligns, says what each pixel may be.

    python -m generators.auxiliary.face_parser.prepare --data DATA --out work/parser_faces

DATA holds `celebamask24` and `fasseg`, and may hold `lfw` and `celeba299`, whose train people are the photos without
labels. It needs dlib, OpenCV and SciPy; training needs none of them.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.aligners.dlib_hog import DlibHog, DlibHogSettings, field5_of_68
from bench.aligners.templates import FFHQ256, move_points, similarity, warp_labels
from bench.api import FrameImage
from bench.datasets.celebamask_hq import CelebamaskHq, CelebamaskHqSettings
from bench.errors import CorruptFile, MissingFile
from bench.images import read, read_label_map
from bench.seeding import split_of, stream
from generators.auxiliary.face_parser import faces as stored
from generators.auxiliary.face_parser.faces import COMPLETE, CROP_PIXELS, PARTIAL, PHOTO, WIDE, StoredFace
from generators.auxiliary.face_parser.label_sets import UNKNOWN
from generators.auxiliary.face_parser.partial import codes_of_photo, codes_of_six

TEST_PEOPLE = frozenset(f"{number:02d}" for number in range(8, 16))
"""FASSEG's people whose v3 photos are held out; v2 names nobody and is split as its files are named."""
PHOTOS = 3000
"""Photos without labels, half of them from each set."""
PHOTO_SETS = ("lfw", "celeba299")
LFW_PER_PERSON = 2
"""Most people of lfw have one photo, and a few have hundreds."""

_MOUTH_FROM_EYES = 71.0
"""Pixels from the eyes to the mouth in `ffhq256`; what a face without landmarks is scaled by."""
_MIDDLE = (128.0, 156.5)
"""The point between eyes and mouth in `ffhq256`."""


class Preparation:
    """Turns photos into stored faces, and counts what it does."""

    def __init__(self) -> None:
        self.aligner = DlibHog(DlibHogSettings(points=68))
        self.counts: Counter[str] = Counter()

    def complete(self, root: Path) -> Iterator[StoredFace]:
        """The faces of CelebAMask-HQ; a face without good landmarks is aligned by its own labels."""
        dataset = CelebamaskHq(CelebamaskHqSettings(root=root))
        for frame in dataset.frames():
            photo, labels = dataset.image(frame.key), dataset.mask(frame.key)
            face = self._labelled(photo, labels, frame.key, (4, 5), (10, 11, 12))
            if face is not None:
                image, wide, points, _ = face
                yield StoredFace(COMPLETE, False, f"celebamask/{frame.key}", image, wide, None, points)

    def partial(self, root: Path) -> Iterator[StoredFace]:
        """The faces of FASSEG."""
        for path in sorted((root / "images").glob("*.jpg")):
            labels = read_label_map(root / "labels" / f"{path.stem}.png")
            photo = read(path)
            if labels.shape != photo.shape[:2] or labels.max() > 5:
                raise CorruptFile(
                    f"{path.stem}: got a map {labels.shape} up to {labels.max()}, expected FASSEG's 0 to 5"
                )
            face = self._labelled(photo, labels, path.stem, (3,), (5,))
            if face is not None:
                image, own, points, photo_ends = face
                own = np.where(photo_ends, np.uint8(UNKNOWN), own)
                codes = codes_of_six(own, points)
                yield StoredFace(PARTIAL, is_held_out(path.stem), f"fasseg/{path.stem}", image, codes, own, points)

    def photos(self, data: Path, count: int) -> Iterator[StoredFace]:
        """Faces of train people of lfw and celeba299, as far as the folder has them."""
        named = [list(_photos_of(data, name)) for name in PHOTO_SETS]
        present = [paths for paths in named if paths]
        for paths in present:
            order = stream(0, "face_parser", "photos", paths[0].parts[-3]).permutation(len(paths))
            wanted = count // len(present)
            for index in order:
                if wanted == 0:
                    break
                face = self._photo(paths[int(index)])
                if face is not None:
                    wanted -= 1
                    yield face

    def _labelled(
        self, photo: FrameImage, labels: NDArray[np.uint8], name: str, eyes: Sequence[int], mouth: Sequence[int]
    ) -> tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.float32] | None, NDArray[np.bool_]] | None:
        """Image, labels, landmarks in the wide frame, and where the photo ends there."""
        centres = _centre(labels, eyes), _centre(labels, mouth)
        points = self._landmarks(photo, *centres)
        side, crop = _frame(COMPLETE)
        if points is not None:
            matrix = _into_wide(similarity(field5_of_68(points), FFHQ256.targets["field5"]), crop)
        elif centres[0] is None or centres[1] is None:
            self.counts["left out: neither landmarks nor eyes and mouth"] += 1
            return None
        else:
            self.counts["aligned by its own labels"] += 1
            matrix = _into_wide(_upright(centres[0], centres[1]), crop)
        self.counts["labelled"] += 1
        outside = warp_labels(np.ones(labels.shape, np.uint8), matrix, side) == 0
        moved = None if points is None else move_points(points, matrix)
        return _warped(photo, matrix, side), warp_labels(labels, matrix, side), moved, outside

    def _photo(self, path: Path) -> StoredFace | None:
        photo = read(path)
        found = self.aligner.detect(photo)
        if not found:
            self.counts["left out: no face in a photo"] += 1
            return None
        points = found[0].landmarks["dlib68"]
        side, crop = _frame(PHOTO)
        matrix = _into_wide(similarity(field5_of_68(points), FFHQ256.targets["field5"]), crop)
        inside = warp_labels(np.ones(photo.shape[:2], np.uint8), matrix, side) > 0
        moved = move_points(points, matrix)
        self.counts["photos"] += 1
        key = hashlib.sha256("/".join(path.parts[-2:]).encode()).hexdigest()[:16]  # may be a person's name
        return StoredFace(PHOTO, False, key, _warped(photo, matrix, side), codes_of_photo(moved, inside), None, moved)

    def _landmarks(
        self, photo: FrameImage, eyes: NDArray[np.float64] | None, mouth: NDArray[np.float64] | None
    ) -> NDArray[np.float32] | None:
        """The 68 points, or None where there are none, or where they lie elsewhere than the labelled eyes and mouth."""
        found = self.aligner.detect(photo)
        if not found:
            return None
        points = found[0].landmarks["dlib68"]
        own = points[36:48].mean(axis=0), points[48:68].mean(axis=0)
        height = float(np.hypot(*(own[1] - own[0])))
        for place, labelled, reach in ((own[0], eyes, 0.5), (own[1], mouth, 0.35)):
            if labelled is not None and np.hypot(*(place - labelled)) > reach * height:
                self.counts["landmarks refused: far from the labels"] += 1
                return None
        return points


def is_held_out(name: str) -> bool:
    """Whether a FASSEG photo is kept from training, by its file name."""
    if name.startswith("v3"):
        return name.split("personne")[1][:2] in TEST_PEOPLE
    return name.startswith("v2_test")


def _photos_of(data: Path, name: str) -> Iterator[Path]:
    root = data / name / "images"
    if name == "lfw" and root.is_dir():
        for person in sorted(path for path in root.iterdir() if path.is_dir()):
            if split_of(person.name) == "train":
                yield from sorted(person.glob("*.jpg"))[:LFW_PER_PERSON]
    elif (data / name / "labels.csv").is_file():
        with (data / name / "labels.csv").open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                if split_of(row["identity"]) == "train":
                    yield root / row["image"]


def _frame(kind: int) -> tuple[int, int]:
    """Pixels of the wide frame's side, and of the crop's within it."""
    return round(CROP_PIXELS[kind] * WIDE), CROP_PIXELS[kind]


def _into_wide(matrix: NDArray[np.float64], crop: int) -> NDArray[np.float64]:
    """A matrix into the crop `ffhq256` as one into the wide frame, whose middle is that crop."""
    scale = crop / FFHQ256.side
    wide = matrix * scale
    # Pixel centres: the crop's first pixel covers scale pixels of the other grid.
    wide[:, 2] += 0.5 * scale - 0.5 + crop * (WIDE - 1) / 2
    return wide


def _upright(eyes: NDArray[np.float64], mouth: NDArray[np.float64]) -> NDArray[np.float64]:
    """Into `ffhq256` without turning: for profiles, whose mouth lies behind their eyes."""
    scale = _MOUTH_FROM_EYES / max(float(mouth[1] - eyes[1]), 1.0)
    return np.column_stack([np.eye(2) * scale, np.array(_MIDDLE) - scale * (eyes + mouth) / 2])


def _warped(photo: FrameImage, matrix: NDArray[np.float64], side: int) -> NDArray[np.uint8]:
    """The wide frame: warped at twice its side and averaged, so that a large photo is not merely sampled."""
    import cv2

    double = matrix * 2
    double[:, 2] += 0.5
    large = cv2.warpAffine(photo, double, (2 * side, 2 * side), flags=cv2.INTER_LINEAR)
    return np.asarray(cv2.resize(large, (side, side), interpolation=cv2.INTER_AREA), dtype=np.uint8)


def _centre(labels: NDArray[np.uint8], wanted: Sequence[int]) -> NDArray[np.float64] | None:
    rows, columns = np.nonzero(np.isin(labels, wanted))
    return np.array([columns.mean(), rows.mean()]) if rows.size else None


def main(arguments: Sequence[str] | None = None) -> int:
    """Prepares a folder; see the module's docstring."""
    parser = argparse.ArgumentParser(prog="python -m generators.auxiliary.face_parser.prepare", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="the folder with celebamask24 and fasseg")
    parser.add_argument("--out", type=Path, required=True, help="the folder to make")
    parser.add_argument("--photos", type=int, default=PHOTOS, help="photos without labels, at most")
    given = parser.parse_args(arguments)
    for name in ("celebamask24", "fasseg"):
        if not (given.data / name).is_dir():
            raise MissingFile(f"no {name} in {given.data}; --data is the folder that holds celebamask24 and fasseg")
    work = Preparation()
    made = [*work.complete(given.data / "celebamask24"), *work.partial(given.data / "fasseg")]
    made += work.photos(given.data, given.photos)
    path = stored.write_faces(given.out, made)
    for what, count in sorted(work.counts.items()):
        print(f"{count:6d} {what}")
    print(f"{len(made)} faces in {path}, {path.stat().st_size / 1e6:.1f} MB")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
