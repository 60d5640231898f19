"""The faces that the parser learns from, prepared once: one file that needs no photos, dlib or OpenCV any more.

A face is stored in a *wide* frame: its crop `ffhq256` lies in the middle and `WIDE` times as much is seen around it, so
that training can turn, move and shrink it. Images are JPEG, maps PNG, and are decoded when they are asked for.
"""

from __future__ import annotations

import io
import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from bench.errors import CorruptFile, MissingFile
from bench.provenance import file_digest

FILE = "faces.npz"
FORMAT = "impersona.parser_faces/1"

COMPLETE, PARTIAL, PHOTO = 0, 1, 2
"""Kinds of faces: all 19 labels known; FASSEG's six; landmarks alone."""

WIDE = 1.5
"""How many times the crop's side the stored frame's side is."""
CROP_PIXELS = (256, 256, 160)
"""Pixels of the crop's side in the stored frame, by kind: what a photo without labels has to give is less."""


@dataclass(frozen=True, eq=False)
class StoredFace:
    """One face on its way into the file.

    Attributes:
        kind: `COMPLETE`, `PARTIAL` or `PHOTO`.
        held_out: whether it must be kept from training.
        key: what names it; of photos a digest, because their files are called by people's names.
        image: uint8 (S, S, 3), the wide frame.
        codes: uint8 (S, S), see `label_sets`.
        own: uint8 (S, S), FASSEG's own six labels, 255 where the photo ends; None for the others.
        landmarks: (68, 2) in pixels of the wide frame, or None where dlib found none or wrong ones.
    """

    kind: int
    held_out: bool
    key: str
    image: NDArray[np.uint8]
    codes: NDArray[np.uint8]
    own: NDArray[np.uint8] | None
    landmarks: NDArray[np.floating] | None


class Faces:
    """The faces of a prepared folder.

    Attributes:
        kind: uint8 (N,).
        held_out: bool (N,).
        keys: text (N,).
        landmarks: float32 (N, 68, 2) in pixels of the wide frame, NaN where there are none.
        digest: SHA-256 of the file.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        path = Path(folder) / FILE if Path(folder).is_dir() else Path(folder)
        if not path.is_file():
            raise MissingFile(
                f"no {FILE} in {folder}; make it with `python -m generators.auxiliary.face_parser.prepare --data DATA"
                f" --out {folder}`, DATA the folder with celebamask24 and fasseg"
            )
        self.digest = file_digest(path)
        try:
            with np.load(path, allow_pickle=False) as stored:
                if str(stored["format"]) != FORMAT:
                    raise CorruptFile(f"{path}: got format {str(stored['format'])!r}, expected {FORMAT!r}")
                self.kind: NDArray[np.uint8] = stored["kind"]
                self.held_out: NDArray[np.bool_] = stored["held_out"]
                self.keys: NDArray[np.str_] = stored["keys"]
                self.landmarks: NDArray[np.float32] = stored["landmarks"]
                self._parts = {name: (stored[name], stored[f"{name}_ends"]) for name in ("image", "codes", "own")}
        except (OSError, ValueError, KeyError) as error:
            raise CorruptFile(f"{path}: not prepared faces ({error}); make it again") from error

    def __len__(self) -> int:
        """N."""
        return len(self.kind)

    def rows(self, kind: int, held_out: bool = False) -> NDArray[np.int64]:
        """int64: the faces of a kind, in the file's order."""
        return np.flatnonzero((self.kind == kind) & (self.held_out == held_out))

    def crop_pixels(self, row: int) -> int:
        """Pixels of the crop's side in the stored frame."""
        return CROP_PIXELS[int(self.kind[row])]

    def image(self, row: int) -> Image.Image:
        """The wide frame, RGB."""
        return Image.open(io.BytesIO(self._bytes("image", row))).convert("RGB")

    def codes(self, row: int) -> Image.Image:
        """What each pixel of it may be, mode L; see `label_sets`."""
        picture = Image.open(io.BytesIO(self._bytes("codes", row)))
        picture.load()
        return picture

    def own(self, row: int) -> Image.Image:
        """FASSEG's own labels, mode L, 255 where the photo ends."""
        picture = Image.open(io.BytesIO(self._bytes("own", row)))
        picture.load()
        return picture

    @cached_property
    def counts(self) -> dict[str, int]:
        """How many faces of which kind there are to learn from, and how many are held out."""
        return {
            "complete": len(self.rows(COMPLETE)),
            "partial": len(self.rows(PARTIAL)),
            "photos": len(self.rows(PHOTO)),
            "held_out": int(self.held_out.sum()),
        }

    def _bytes(self, name: str, row: int) -> bytes:
        data, ends = self._parts[name]
        return bytes(data[int(ends[row - 1]) if row else 0 : int(ends[row])])


def write_faces(folder: str | os.PathLike[str], faces: Sequence[StoredFace]) -> Path:
    """Writes a prepared folder, its file at once; the same faces give the same bytes.

    Returns:
        The file's path.
    """
    parts: dict[str, list[bytes]] = {"image": [], "codes": [], "own": []}
    for face in faces:
        parts["image"].append(_encoded(face.image, "JPEG", quality=92, subsampling=0))
        parts["codes"].append(_encoded(face.codes, "PNG", optimize=True))
        parts["own"].append(b"" if face.own is None else _encoded(face.own, "PNG", optimize=True))
    missing = np.full((68, 2), np.nan, dtype=np.float32)
    arrays = {
        "format": np.array(FORMAT),
        "kind": np.array([face.kind for face in faces], dtype=np.uint8),
        "held_out": np.array([face.held_out for face in faces], dtype=np.bool_),
        "keys": np.array([face.key for face in faces], dtype=np.str_),
        "landmarks": np.stack([missing if face.landmarks is None else face.landmarks for face in faces]).astype(
            np.float32
        ),
    }
    for name, blobs in parts.items():
        arrays[name] = np.frombuffer(b"".join(blobs), dtype=np.uint8)
        arrays[f"{name}_ends"] = np.cumsum([len(blob) for blob in blobs], dtype=np.int64)
    path = Path(folder) / FILE
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{os.getpid()}.{FILE}")
    np.savez(temporary, **arrays)  # type: ignore[arg-type]
    os.replace(temporary, path)
    return path


def _encoded(pixels: NDArray[np.uint8], form: str, **options: int | bool) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, form, **options)
    return buffer.getvalue()
