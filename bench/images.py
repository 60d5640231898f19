"""The two image forms and the ways between them.

Frames are uint8 (H, W, 3) RGB: disk, aligners and pictures use them. Crops are float32 (N, 3, H, W) RGB in [0, 1]:
everything else uses them. A network that wants another range or channel order converts inside its own adapter.

What a file's pixels become:

    orientation              turned upright by the EXIF tag (1 to 8); damaged EXIF turns nothing
    transparency             put on black, as crops are where a photo ends; a hidden colour never shows
    grey, 1 bit, palette     the same value in all three channels, the palette's colour
    more than 8 bits         the upper 8, grey and colour alike: 65535 is 255, and 8-bit values come back unchanged
    CMYK, YCCK               Pillow's plain formula; a JPEG's inks count as inverted, with Adobe's marker or without
    several pictures         the first one
    colour profile (ICC)     ignored
    floats, 32-bit integers  refused: nobody can say which value is white
    more than MAX_PIXELS     refused before a pixel is decoded

A JPEG whose middle is damaged decodes to grey or shifted blocks, and nothing in it says so: that alone passes unseen.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import stat
import struct
import warnings
import zlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, UnidentifiedImageError
from PIL.PngImagePlugin import PngImageFile, PngInfo

from bench.errors import CorruptFile, MissingFile, ShapeError
from bench.version import __version__

REVISION = 2
"""Moves when a file that was read before is read as other pixels."""

READER = ("pillow", "numpy")
"""The distributions that turn a file or a drawing into pixels: another version may give other pixels."""

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif", ".pgm", ".ppm")

FORMATS = ("BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")
"""What is read, whatever the file is called. Pillow knows more; some of those start other programs."""

MAX_PIXELS = 64_000_000
"""The largest picture that is read, width times height: more than a full-frame camera's 61 megapixels. Reading one
takes half a gigabyte, as WebP a whole one."""
MAX_BYTES = 8 * MAX_PIXELS
"""No file within `MAX_PIXELS` needs more: four channels of 16 bits, not compressed."""

PNG_LEVEL = 4
"""Of zlib: level 6 takes two and a half times as long, for a fortieth less of bytes."""

SourceType = Literal["compositeCapture", "compositeSynthetic", "trainedAlgorithmicMedia", "algorithmicMedia"]
"""IPTC's words for where a picture comes from: put together of photos, of parts among which some are generated, made
by a trained network, by rule alone."""
SOURCE_TYPES = "http://cv.iptc.org/newscodes/digitalsourcetype/"

_BAND = 4_000_000
"""Pixels that are converted at a time, so that a large picture is not held three times."""
_DEEP = ("I;16", "I;16L", "I;16B")
_BITS, _PHOTOMETRIC = 258, 262  # TIFF tags
_NO_COLOURS = {
    "F": "floating-point pixels, of which no value is white",
    "I": "32-bit integers for pixels, of which no value is white",
    "LAB": "CIE L*a*b* pixels",
}
_DAMAGE = (
    OSError, SyntaxError, ValueError, TypeError, LookupError, ArithmeticError, EOFError, AttributeError,
    NotImplementedError, AssertionError, struct.error, zlib.error,
)  # fmt: skip
"""What Pillow raises over damaged files."""


# ------------------------------------------------------------------------------------------------------ from files


def decode(data: bytes, name: str) -> NDArray[np.uint8]:
    """A frame from the bytes of an image file; the module's docstring says what becomes of odd ones.

    Args:
        data: the whole file.
        name: what to call it in an error.

    Returns:
        uint8 (H, W, 3) RGB.

    Raises:
        CorruptFile: the bytes are not an image that Pillow reads to its end, or it is too large.
    """
    return _frame(io.BytesIO(data), len(data), name)


def read(path: str | os.PathLike[str]) -> NDArray[np.uint8]:
    """A frame from an image file; the module's docstring says what becomes of odd ones.

    Args:
        path: a JPEG, PNG, WebP, BMP, GIF, PGM, PPM or TIFF file.

    Returns:
        uint8 (H, W, 3) RGB.

    Raises:
        MissingFile: there is no such file.
        CorruptFile: the file is not a readable image.
    """
    with _file(path) as (stream, size):
        return _frame(stream, size, str(path))


def read_label_map(path: str | os.PathLike[str]) -> NDArray[np.uint8]:
    """The numbers in a label map: a greyscale or palette image whose pixels are classes, as they are stored.

    Args:
        path: most often a PNG file.

    Returns:
        uint8 (H, W).

    Raises:
        MissingFile: there is no such file.
        CorruptFile: the file is not a readable image, or its pixels are colours.
    """
    with _file(path) as (stream, size), _opened(stream, size, str(path)) as image:
        if image.mode not in ("L", "P"):
            raise CorruptFile(
                f"{path}: not a label map (its pixels are of mode {image.mode}); expected an 8-bit greyscale or "
                "palette image whose values are classes"
            )
        return np.array(image)


@contextlib.contextmanager
def _file(path: str | os.PathLike[str]) -> Iterator[tuple[BinaryIO, int]]:
    """An opened file and its size."""
    try:
        status = os.stat(path)
        if not stat.S_ISREG(status.st_mode):
            what = "a folder" if stat.S_ISDIR(status.st_mode) else "a device or a pipe"
            raise CorruptFile(f"{path}: not a readable image ({what}, not a file); rename or remove it")
        stream = Path(path).open("rb")  # noqa: SIM115  closed below
    except (FileNotFoundError, NotADirectoryError) as error:
        raise MissingFile(f"no image at {path}") from error
    except OSError as error:
        raise CorruptFile(f"{path}: not a readable image (it cannot be opened: {error.strerror})") from error
    with stream:
        yield stream, status.st_size


@contextlib.contextmanager
def _opened(stream: BinaryIO, size: int, name: str) -> Iterator[Image.Image]:
    """An image, decoded but as it is stored.

    Raises:
        CorruptFile: whatever is wrong with the file.
    """
    with warnings.catch_warnings():
        # Pillow warns of damaged metadata, which is not needed, and of many pixels, of which MAX_PIXELS decides.
        warnings.filterwarnings("ignore", module=r"PIL\.")
        with _loaded(stream, size, name) as image:
            yield image


def _loaded(stream: BinaryIO, size: int, name: str) -> Image.Image:
    if size > MAX_BYTES:
        raise _unreadable(name, size, f"more than {MAX_BYTES:,}; make it smaller")
    try:
        image = Image.open(stream, formats=FORMATS)
        if image.width * image.height > MAX_PIXELS:
            raise _too_large(name, size, f"{image.width:,} x {image.height:,}")
        image.load()
    except UnidentifiedImageError as error:
        stream.seek(0)
        raise _unreadable(name, size, _no_image(stream.read(512))) from error
    except Image.DecompressionBombError as error:
        pixels = re.search(r"\d+", str(error))
        raise _too_large(name, size, f"{int(pixels[0]):,}" if pixels else "too many") from error
    except _DAMAGE as error:
        raise _unreadable(name, size, f"{str(error) or type(error).__name__}; copy it again") from error
    return image


def _unreadable(name: str, size: int, reason: str) -> CorruptFile:
    return CorruptFile(f"{name}: not a readable image ({size} bytes; {reason})")


def _too_large(name: str, size: int, pixels: str) -> CorruptFile:
    return _unreadable(name, size, f"{pixels} pixels, more than {MAX_PIXELS:,}; make it smaller")


_NO_IMAGES = (
    (rb"^\s*<(!doctype html|html|head|body|script)", "a web page, not a picture; download it again"),
    (rb"^\s*(<\?xml|<svg)", "XML or SVG; save it as PNG"),
    (rb"^.{4}ftyp", "HEIC, AVIF or a video; save it as JPEG or PNG"),
    (rb"^%PDF", "a PDF; save its picture as PNG"),
    (rb"^(PK\x03\x04|\x1f\x8b|Rar!|7z\xbc\xaf)", "an archive; unpack it"),
    (rb"^version https://git-lfs", "a pointer to a file in Git LFS; type: git lfs pull"),
)


def _no_image(head: bytes) -> str:
    """What a file that is no image is, by its first bytes."""
    if not head:
        return "the file is empty; copy it again"
    for pattern, what in _NO_IMAGES:
        if re.search(pattern, head, re.I | re.S):
            return what
    return f"of no known format, or damaged from its start; expected {', '.join(FORMATS)}"


def _frame(stream: BinaryIO, size: int, name: str) -> NDArray[np.uint8]:
    with _opened(stream, size, name) as image:
        if (what := _no_colours(image)) is not None:
            raise _unreadable(name, size, f"{what}; save it with 8 or 16 bits a channel")
        turn = _TURNS.get(_orientation(image))
        width, height = image.size
        frame = np.empty((height, width, 3), dtype=np.uint8)
        rows, tags = max(1, _BAND // width), getattr(image, "tag_v2", {})
        for top in range(0, height, rows):
            band = image if rows >= height else image.crop((0, top, width, min(top + rows, height)))
            frame[top : top + rows] = _rgb(band, tags)
    del image, band  # before turning makes another copy
    return frame if turn is None else np.ascontiguousarray(turn(frame))


def _no_colours(image: Image.Image) -> str | None:
    """Why the pixels stand for no colours: no palette, or no value of them is known to be white."""
    if image.mode in ("P", "PA") and image.palette is None:
        return "a palette image without a palette"
    # Pillow gives the 16 bits of a PNG or PGM as 32-bit integers, but all 32 of a TIFF too.
    return None if image.mode == "I" and image.format in ("PNG", "PPM") else _NO_COLOURS.get(image.mode)


def _rgb(image: Image.Image, tags: Mapping[int, Any]) -> NDArray[np.uint8]:
    """The pixels of an image, uint8 (H, W, 3), as it is stored: not turned.

    Args:
        image: the image.
        tags: those of a TIFF file.
    """
    if image.mode == "I" or image.mode in _DEEP:
        stored = np.asarray(image)
        bits = tags.get(_BITS, (16,))[0]  # Pillow leaves 12 bits where they are
        grey = (stored >> (bits - 8)).astype(np.uint8)
        if tags.get(_PHOTOMETRIC) == 0:  # white is zero; Pillow minds it up to 8 bits
            grey = 255 - grey
        if "transparency" in image.info:
            grey[stored == image.info["transparency"]] = 0
        return np.repeat(grey[..., None], 3, axis=2)
    if image.has_transparency_data:
        seen = image.convert("LA").convert("RGBA") if image.mode == "La" else image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, (0, 0, 0, 255)), seen)
    return np.array(image.convert("RGB"))


def _orientation(image: Image.Image) -> int:
    """The EXIF orientation, 1 where there is none that can be read."""
    try:
        found = image.getexif().get(ExifTags.Base.Orientation, 1)
    except _DAMAGE:
        return 1
    return found if isinstance(found, int) else 1


_Turn = Callable[[NDArray[np.uint8]], NDArray[np.uint8]]
_TURNS: dict[int, _Turn] = {
    2: lambda frame: frame[:, ::-1],
    3: lambda frame: frame[::-1, ::-1],
    4: lambda frame: frame[::-1],
    5: lambda frame: frame.transpose(1, 0, 2),
    6: lambda frame: frame[::-1].transpose(1, 0, 2),
    7: lambda frame: frame[::-1, ::-1].transpose(1, 0, 2),
    8: lambda frame: frame[:, ::-1].transpose(1, 0, 2),
}


# --------------------------------------------------------------------------------------------------------- to files


def encode_png(frame: NDArray[np.uint8], text: Mapping[str, str] | None = None) -> bytes:
    """The bytes of a PNG file that shows a frame; the same frame and text give the same bytes.

    Args:
        frame: uint8 (H, W, 3) RGB.
        text: keyword to text, written in the order of the keywords, as tEXt where Latin-1 holds it and as iTXt
            elsewhere. `png_text` reads it again.

    Raises:
        ShapeError: not a frame.
        ValueError: a keyword or text that PNG cannot hold.
    """
    info = PngInfo()
    for keyword in sorted(text or {}):
        _check_text(keyword, (text or {})[keyword])
        info.add_text(keyword, (text or {})[keyword])
    buffer = io.BytesIO()
    Image.fromarray(check_frame(frame)).save(buffer, "PNG", pnginfo=info, compress_level=PNG_LEVEL)
    return buffer.getvalue()


def png_text(data: bytes) -> dict[str, str]:
    """Keyword to text of a PNG file, compressed ones included, sorted by keyword.

    Raises:
        CorruptFile: the bytes are not a PNG file.
    """
    with _opened(io.BytesIO(data), len(data), "a PNG file") as image:
        if not isinstance(image, PngImageFile):
            raise CorruptFile(f"a PNG file: not one ({image.format}); text is kept in PNG files only")
        return {keyword: str(value) for keyword, value in sorted(image.text.items())}


def synthetic_text(
    made_by: str, digest: str, run: str, source: SourceType = "compositeSynthetic", **more: str
) -> dict[str, str]:
    """What every synthetic image that is written says of itself, for `encode_png`.

    Args:
        made_by: the generator or attack, with its label in the sweep.
        digest: SHA-256 hex of its weights, of those of the generator that an attack drives, or of its fingerprint where
            it has none.
        run: the run's name.
        source: IPTC's word for it, written as the URI ``DigitalSourceType``. A picture put together of photos alone
            is a ``"compositeCapture"``.
        more: further entries, written as ``impersona.NAME``.
    """
    return {
        "Software": f"impersona {__version__}",
        "DigitalSourceType": f"{SOURCE_TYPES}{source}",
        "impersona.synthetic": "true",
        "impersona.made_by": made_by,
        "impersona.weights": digest,
        "impersona.run": run,
        **{f"impersona.{name}": value for name, value in more.items()},
    }


_KEYWORD = re.compile(r"[!-~\xa1-\xff]+( [!-~\xa1-\xff]+)*")
"""PNG's rule: printable Latin-1, no space at either end, and never two together."""


def _check_text(keyword: str, value: str) -> None:
    if not 1 <= len(keyword) <= 79 or not _KEYWORD.fullmatch(keyword):
        raise ValueError(f"text: got keyword {keyword!r}, expected 1 to 79 printable letters of Latin-1")
    if "\0" in value or any("\ud800" <= letter <= "\udfff" for letter in value):
        raise ValueError(f"text: {keyword} is {value!r}, expected text without NUL and lone surrogates")


# ------------------------------------------------------------------------------------------------- frames and crops


def check_frame(frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The frame itself, if it is one.

    Raises:
        ShapeError: it is not uint8 (H, W, 3) with at least one pixel.
    """
    if frame.dtype != np.uint8 or frame.ndim != 3 or frame.shape[2] != 3 or frame.size == 0:
        raise ShapeError(f"got {frame.dtype} {frame.shape}; a frame is uint8 (H, W, 3) RGB")
    return frame


def check_crops(crops: NDArray[np.float32], side: int, name: str) -> None:
    """Makes sure that crops are what a plugin takes; rounding may put them outside of [0, 1] by a little.

    Args:
        crops: float32 (N, 3, side, side) RGB in [0, 1]; N may be 0.
        side: of the plugin's template, pixels.
        name: the plugin's, for the error.

    Raises:
        ShapeError: another shape, dtype or range.
    """
    if crops.ndim != 4 or crops.shape[1:] != (3, side, side) or crops.dtype != np.float32:
        raise ShapeError(f"got crops {crops.dtype} {crops.shape}; {name} takes float32 (N, 3, {side}, {side}) RGB")
    if crops.size and not (np.isfinite(crops).all() and crops.min() >= -1e-3 and crops.max() <= 1 + 1e-3):
        raise ShapeError("got crops with values that are NaN or outside [0, 1]; divide 8-bit pixels by 255")


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
