"""The two image forms and the ways between them.

Frames are uint8 (H, W, 3) RGB: disk, aligners and pictures use them. Crops are float32 (N, 3, H, W) RGB in [0, 1]:
everything else uses them. A network that wants another range or channel order converts inside its own adapter.
"""

from __future__ import annotations

import io
import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from bench.errors import CorruptFile, MissingFile, ShapeError

READER = ("pillow", "numpy")
"""The distributions that turn a file or a drawing into pixels: another version may give other pixels."""

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff")


def decode(data: bytes, name: str) -> NDArray[np.uint8]:
    """A frame from the bytes of an image file, turned upright by its EXIF tag, in RGB.

    Args:
        data: the whole file.
        name: what to call it in an error.

    Returns:
        uint8 (H, W, 3) RGB.

    Raises:
        CorruptFile: the bytes are not an image that Pillow reads to its end.
    """
    try:
        with Image.open(io.BytesIO(data)) as image:
            upright = ImageOps.exif_transpose(image)
            return np.array(upright.convert("RGB"))
    except UnidentifiedImageError as error:
        raise CorruptFile(f"{name}: not a readable image ({len(data)} bytes; of no known format)") from error
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise CorruptFile(f"{name}: not a readable image ({len(data)} bytes; {error})") from error


def read(path: str | os.PathLike[str]) -> NDArray[np.uint8]:
    """A frame from an image file.

    Args:
        path: a JPEG, PNG, WebP, BMP or TIFF file.

    Returns:
        uint8 (H, W, 3) RGB.

    Raises:
        MissingFile: there is no such file.
        CorruptFile: the file is not a readable image.
    """
    try:
        data = Path(path).read_bytes()
    except FileNotFoundError as error:
        raise MissingFile(f"no image at {path}") from error
    return decode(data, str(path))


def encode_png(frame: NDArray[np.uint8]) -> bytes:
    """The bytes of a PNG file that shows a frame, uint8 (H, W, 3) RGB."""
    buffer = io.BytesIO()
    Image.fromarray(check_frame(frame)).save(buffer, "PNG")
    return buffer.getvalue()


def check_frame(frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The frame itself, if it is one.

    Raises:
        ShapeError: it is not uint8 (H, W, 3) with at least one pixel.
    """
    if frame.dtype != np.uint8 or frame.ndim != 3 or frame.shape[2] != 3 or frame.size == 0:
        raise ShapeError(f"got {frame.dtype} {frame.shape}; a frame is uint8 (H, W, 3) RGB")
    return frame


def to_crops(frames: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Crops from equally large frames.

    Args:
        frames: uint8 (N, H, W, 3) RGB.

    Returns:
        float32 (N, 3, H, W) RGB in [0, 1], C-contiguous.

    Raises:
        ShapeError: another shape or dtype.
    """
    if frames.dtype != np.uint8 or frames.ndim != 4 or frames.shape[3] != 3:
        raise ShapeError(f"got {frames.dtype} {frames.shape}; expected uint8 (N, H, W, 3) RGB")
    return np.ascontiguousarray(frames.transpose(0, 3, 1, 2), dtype=np.float32) / np.float32(255)


def to_frames(crops: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Frames from crops, rounded to the nearest of 256 levels.

    Args:
        crops: float32 (N, 3, H, W) RGB; values outside [0, 1] are clipped.

    Returns:
        uint8 (N, H, W, 3) RGB. ``to_frames(to_crops(x))`` is ``x``.

    Raises:
        ShapeError: another shape.
    """
    if crops.ndim != 4 or crops.shape[1] != 3:
        raise ShapeError(f"got {crops.dtype} {crops.shape}; expected float32 (N, 3, H, W) RGB in [0, 1]")
    levels = np.rint(np.clip(crops, 0, 1) * np.float32(255)).astype(np.uint8)
    return np.ascontiguousarray(levels.transpose(0, 2, 3, 1))


def resize(frame: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """A frame made square by bicubic resizing (Pillow, antialiased), uint8 (side, side, 3) RGB."""
    return np.array(Image.fromarray(check_frame(frame)).resize((side, side), Image.Resampling.BICUBIC))
