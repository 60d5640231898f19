"""Odd, damaged and hostile image files: read right, or refused by name; in a sweep, a counted failure to acquire.

Every file is made here. What the pixels of an odd file are is worked out by hand or by its format's own definition.
"""

from __future__ import annotations

import io
import os
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, TiffImagePlugin

from bench import images
from bench.config import parse_sweep
from bench.errors import CorruptFile, MissingFile
from bench.images import MAX_PIXELS, decode, encode_png, read, read_label_map
from bench.registry import Registry
from bench.sweep.runner import run_sweep
from tests.toys import add_toys

RNG = np.random.default_rng(7)
NOISE = RNG.integers(0, 256, (12, 17, 3), dtype=np.uint8)
GREY16 = (np.arange(204, dtype=np.uint16) * 321).reshape(12, 17)
"""0 to 65163; every one of its upper bytes occurs."""

LOSSLESS: dict[str, dict[str, Any]] = {
    "PNG": {}, "BMP": {}, "PPM": {}, "TIFF": {}, "TIFF lzw": {"compression": "tiff_lzw"},
    "TIFF deflate": {"compression": "tiff_adobe_deflate"}, "WEBP": {"lossless": True},
}  # fmt: skip
LOSSY: dict[str, dict[str, Any]] = {
    "JPEG": {}, "JPEG progressive": {"progressive": True}, "WEBP lossy": {}, "GIF": {},
    "TIFF jpeg": {"compression": "jpeg"},
}  # fmt: skip


def saved(image: Image.Image | NDArray[Any], kind: str, **options: Any) -> bytes:
    """The bytes of an image file; the kind's first word is the format."""
    buffer = io.BytesIO()
    made = image if isinstance(image, Image.Image) else Image.fromarray(image)
    made.save(buffer, kind.split()[0], **options)
    return buffer.getvalue()


def chunk(name: bytes, data: bytes) -> bytes:
    """A PNG chunk."""
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png(width: int, height: int, bits: int, colour: int, rows: list[bytes], *extra: bytes) -> bytes:
    """A PNG file from its header's fields, its rows and chunks before them."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0))
    pixels = chunk(b"IDAT", zlib.compress(b"".join(b"\0" + row for row in rows)))
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(extra) + pixels + chunk(b"IEND", b"")


def tagged_tiff(image: Image.Image | NDArray[Any], **tags: int) -> bytes:
    """A TIFF file with tags of our own: ``t262=0``."""
    directory = TiffImagePlugin.ImageFileDirectory_v2()
    for name, value in tags.items():
        directory[int(name[1:])] = value
    return saved(image, "TIFF", tiffinfo=directory)


# --------------------------------------------------------------------------------------------- no images, or not whole


@pytest.mark.parametrize(("kind", "options"), [*LOSSLESS.items(), *LOSSY.items()])
def test_a_truncated_file_is_refused(kind: str, options: dict[str, Any]) -> None:
    data = saved(NOISE, kind, **options)
    assert decode(data, "x").shape == NOISE.shape
    for cut in [*range(1, 60), *(len(data) * part // 20 for part in range(1, 19))]:
        with pytest.raises(CorruptFile, match=rf"x: not a readable image \({cut} bytes; "):
            decode(data[:cut], "x")


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"", "the file is empty; copy it again"),
        (b"<!DOCTYPE html><html><body>404</body></html>", "a web page, not a picture; download it again"),
        (b"\n  <HTML>", "a web page"),
        (b"<?xml version='1.0'?><svg/>", "XML or SVG; save it as PNG"),
        (b"\0\0\0\x18ftypheic\0\0\0\0", "HEIC, AVIF or a video; save it as JPEG or PNG"),
        (b"%PDF-1.4", "a PDF"),
        (b"PK\x03\x04", "an archive; unpack it"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00", "git lfs pull"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "of no known format"),
        (b"GIF89a", "of no known format, or damaged from its start; expected BMP, GIF, JPEG"),
        (bytes(range(256)) * 4, "of no known format"),
        (b"hello", "of no known format"),
    ],
)
def test_what_is_no_image_is_called_what_it_is(data: bytes, what: str) -> None:
    with pytest.raises(CorruptFile) as caught:
        decode(data, "a.jpg")
    assert str(caught.value).startswith(f"a.jpg: not a readable image ({len(data)} bytes; ")
    assert what in str(caught.value)


def test_what_is_no_file(tmp_path: Path) -> None:
    (tmp_path / "x.jpg").mkdir()
    with pytest.raises(CorruptFile, match=r"x\.jpg: not a readable image \(a folder, not a file\); rename or remove"):
        read(tmp_path / "x.jpg")
    os.mkfifo(tmp_path / "pipe.png")
    with pytest.raises(CorruptFile, match="a device or a pipe"):
        read(tmp_path / "pipe.png")
    for path in (tmp_path / "none.png", tmp_path / "pipe.png" / "none.png"):
        with pytest.raises(MissingFile, match=r"no image at .*none\.png"):
            read(path)


def test_damaged_bytes_never_crash() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    grey, colours = Image.fromarray(NOISE).convert("LA"), Image.fromarray(NOISE).convert("P")
    whole = [saved(NOISE, kind, exif=exif, **options) for kind, options in LOSSY.items() if kind != "TIFF jpeg"]
    whole += [saved(NOISE, kind, **options) for kind, options in LOSSLESS.items()]
    whole += [saved(grey, "PNG"), saved(colours, "PNG", transparency=3), saved(GREY16, "PNG"), saved(GREY16, "TIFF")]
    whole += [
        saved(NOISE, kind, save_all=True, append_images=[grey.convert("RGB")])
        for kind in ("GIF", "WEBP", "PNG", "TIFF")
    ]
    read_still = 0
    for turn in range(900):
        data = bytearray(whole[turn % len(whole)])
        for _ in range(int(RNG.integers(1, 4))):
            place = int(RNG.integers(0, min(len(data), (40, 150, len(data))[turn % 3])))
            data[place : place + 1] = RNG.bytes(int(RNG.integers(0, 4)))
        try:
            frame = decode(bytes(data), "x")
        except CorruptFile as error:
            assert str(error).startswith("x: not a readable image (")  # noqa: PT017
        else:
            assert (frame.dtype, frame.shape[2]) == (np.uint8, 3)
            read_still += 1
    assert 100 < read_still < 800


# ---------------------------------------------------------------------------------------------------------- too large


def header_only(width: int, height: int) -> bytes:
    """A PNG file that promises pixels and holds none."""
    return png(width, height, 8, 2, [])


@pytest.mark.parametrize(
    ("width", "height", "got"),
    [
        (30_000, 20_000, "600,000,000 pixels, more than 64,000,000; make it smaller"),
        (2_000_000_000, 2_000_000_000, "4,000,000,000,000,000,000 pixels"),
        (12_000, 11_000, "12,000 x 11,000 pixels, more than 64,000,000"),  # where Pillow would warn
        (8_001, 8_000, "8,001 x 8,000 pixels"),  # where it would not
    ],
)
def test_a_huge_picture_is_refused_by_its_header(width: int, height: int, got: str) -> None:
    with pytest.raises(CorruptFile) as caught:
        decode(header_only(width, height), "x")
    assert got in str(caught.value)


def test_a_bomb_is_refused_before_it_unpacks(monkeypatch: pytest.MonkeyPatch) -> None:
    packer = zlib.compressobj(9)
    packed = b"".join(packer.compress(bytes(12_501 * 1000)) for _ in range(10)) + packer.flush()
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 100_000, 10_000, 1, 0, 0, 0, 0))
    bomb = b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", packed) + chunk(b"IEND", b"")
    assert len(bomb) < 200_000

    def unpacked(*_: object) -> None:
        pytest.fail("it was decoded")

    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", unpacked)
    with pytest.raises(CorruptFile, match="1,000,000,000 pixels, more than"):
        decode(bomb, "x")


def test_a_bomb_in_a_text_chunk_is_refused() -> None:
    text = chunk(b"zTXt", b"k\0\0" + zlib.compress(bytes(90_000_000), 9))
    with pytest.raises(CorruptFile, match="not a readable image"):
        decode(png(1, 1, 8, 0, [b"\x07"], text), "x")


def test_the_limits_are_these(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert MAX_PIXELS == 64_000_000
    monkeypatch.setattr(images, "MAX_PIXELS", 24)
    assert decode(encode_png(np.zeros((4, 6, 3), np.uint8)), "x").shape == (4, 6, 3)
    with pytest.raises(CorruptFile, match=r"5 x 5 pixels, more than 24; make it smaller"):
        decode(encode_png(np.zeros((5, 5, 3), np.uint8)), "x")
    monkeypatch.setattr(images, "MAX_BYTES", 10)
    (tmp_path / "x.bmp").write_bytes(bytes(11))
    with pytest.raises(CorruptFile, match=r"\(11 bytes; more than 10; make it smaller\)"):
        read(tmp_path / "x.bmp")


# ----------------------------------------------------------------------------------------------- modes and transparency

PALETTE = chunk(b"PLTE", bytes([255, 0, 0, 0, 255, 0, 0, 0, 255]))
RED, GREEN, BLUE, BLACK, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (0, 0, 0), (255, 255, 255)

EXACT: dict[str, tuple[bytes, list[tuple[int, int, int]]]] = {
    "grey": (png(2, 1, 8, 0, [bytes([9, 200])]), [(9, 9, 9), (200, 200, 200)]),
    "grey, one value transparent": (png(2, 1, 8, 0, [bytes([9, 200])], chunk(b"tRNS", b"\0\xc8")), [(9, 9, 9), BLACK]),
    "4-bit grey": (png(2, 1, 4, 0, [b"\x3f"]), [(51, 51, 51), WHITE]),
    "1 bit": (png(2, 1, 1, 0, [b"\x40"]), [BLACK, WHITE]),
    "grey and alpha": (png(3, 1, 8, 4, [bytes([200, 255, 200, 128, 200, 0])]), [(200,) * 3, (100,) * 3, BLACK]),
    "colour and alpha": (
        png(3, 1, 8, 6, [bytes([200, 100, 50, 255, 200, 100, 50, 128, 200, 100, 50, 0])]),
        [(200, 100, 50), (100, 50, 25), BLACK],
    ),
    "one colour transparent": (
        png(2, 1, 8, 2, [bytes([1, 2, 3, 200, 100, 50])], chunk(b"tRNS", struct.pack(">HHH", 200, 100, 50))),
        [(1, 2, 3), BLACK],
    ),
    "palette": (png(3, 1, 8, 3, [b"\0\1\2"], PALETTE), [RED, GREEN, BLUE]),
    "palette and alpha": (
        png(3, 1, 8, 3, [b"\0\1\2"], PALETTE, chunk(b"tRNS", b"\xff\x80\0")),
        [RED, (0, 128, 0), BLACK],
    ),
    "16-bit grey": (
        png(4, 1, 16, 0, [struct.pack(">4H", 65535, 32768, 256, 255)]),
        [WHITE, (128,) * 3, (1,) * 3, BLACK],
    ),
    "16-bit grey, one value transparent": (
        png(2, 1, 16, 0, [struct.pack(">2H", 65535, 32768)], chunk(b"tRNS", b"\x80\0")),
        [WHITE, BLACK],
    ),
    "16-bit colour": (png(2, 1, 16, 2, [struct.pack(">6H", 65535, 32768, 255, 256, 0, 0)]), [(255, 128, 0), (1, 0, 0)]),
    "16-bit grey and alpha": (png(2, 1, 16, 4, [struct.pack(">4H", 51400, 65535, 51400, 0)]), [(200,) * 3, BLACK]),
    "16-bit PGM": (b"P5 2 1 65535\n\xff\xff\x80\0", [WHITE, (128,) * 3]),
    "PBM": (b"P4 2 1\n\x40", [WHITE, BLACK]),
    "CMYK TIFF": (saved(Image.new("CMYK", (2, 1), (255, 0, 0, 0)), "TIFF"), [(0, 255, 255)] * 2),
    "grey and alpha TIFF": (saved(Image.new("LA", (1, 2), (200, 128)), "TIFF"), [(100,) * 3] * 2),
    "1-bit TIFF, white is zero": (tagged_tiff(Image.new("1", (2, 1), 255), t262=0), [WHITE] * 2),
    "grey TIFF, white is zero": (tagged_tiff(Image.new("L", (2, 1), 200), t262=0), [(200,) * 3] * 2),
    "one pixel": (png(1, 1, 8, 2, [b"\1\2\3"]), [(1, 2, 3)]),
    "one row": (saved(np.full((1, 999, 3), 77, np.uint8), "BMP"), [(77,) * 3] * 999),
    "one column": (saved(np.full((999, 1, 3), 77, np.uint8), "GIF"), [(77,) * 3] * 999),
}


@pytest.mark.parametrize(("data", "pixels"), EXACT.values(), ids=EXACT)
def test_pixels_are_what_the_file_says(data: bytes, pixels: list[tuple[int, int, int]]) -> None:
    assert decode(data, "x").reshape(-1, 3).tolist() == [list(pixel) for pixel in pixels]


@pytest.mark.parametrize(("kind", "options"), LOSSLESS.items())
def test_lossless_formats_give_the_very_pixels(kind: str, options: dict[str, Any]) -> None:
    assert np.array_equal(decode(saved(NOISE, kind, **options), "x"), NOISE)


@pytest.mark.parametrize("name", [*EXACT, *LOSSLESS])
def test_large_pictures_are_converted_in_bands_of_the_same_pixels(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    data = EXACT[name][0] if name in EXACT else saved(NOISE, name, **LOSSLESS[name])
    whole = decode(data, "x")
    monkeypatch.setattr(images, "_BAND", 40)
    assert np.array_equal(decode(data, "x"), whole)


def test_16_bits_are_scaled_not_clipped() -> None:
    upper = np.repeat((GREY16 >> 8).astype(np.uint8)[..., None], 3, axis=2)
    big = saved(Image.frombytes("I;16B", (17, 12), GREY16.astype(">u2").tobytes()), "TIFF")
    assert Image.open(io.BytesIO(big)).mode == "I;16B"
    for data in (saved(GREY16, "PNG"), saved(GREY16, "TIFF"), big):
        assert np.array_equal(decode(data, "x"), upper)
    assert np.array_equal(decode(tagged_tiff(GREY16, t262=0), "x"), 255 - upper)  # white is zero


def test_12_bits_are_scaled_to_8() -> None:
    # Little-endian TIFF of 2 x 1 pixels of 12 bits: 0xfff and 0x800, packed into three bytes.
    entries = [(256, 4, 2), (257, 4, 1), (258, 3, 12), (259, 3, 1), (262, 3, 1), (273, 4, 8), (278, 4, 1), (279, 4, 3)]
    directory = struct.pack("<H", len(entries)) + b"".join(
        struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in entries
    )
    data = b"II*\0" + struct.pack("<I", 12) + b"\xff\xf8\x00\0" + directory + bytes(4)
    assert decode(data, "x")[0, :, 0].tolist() == [255, 128]


@pytest.mark.parametrize("mode", ["F", "I", "LAB"])
def test_pixels_of_no_known_white_are_refused(mode: str) -> None:
    with pytest.raises(CorruptFile, match=r"pixels.*; save it with 8 or 16 bits a channel"):
        decode(saved(Image.new(mode, (3, 2)), "TIFF"), "x")


def test_a_palette_image_without_a_palette_is_refused() -> None:
    with pytest.raises(CorruptFile, match="a palette image without a palette"):
        decode(png(2, 1, 8, 3, [b"\0\1"]), "x")


# -------------------------------------------------------------------------------------------------------- JPEG's inks

INKS = (30, 90, 150, 60)
"""Cyan, magenta, yellow and black, 255 for all of it: in red, green and blue (172, 126, 80)."""


def adobe(data: bytes, transform: int | None) -> bytes:
    """A JPEG with another transform in Adobe's segment, or without the segment."""
    start = data.index(b"\xff\xee\x00\x0eAdobe")
    return data[:start] + data[start + 16 :] if transform is None else (
        data[: start + 15] + bytes([transform]) + data[start + 16 :]
    )  # fmt: skip


@pytest.mark.parametrize("transform", [0, None])
def test_cmyk_jpegs_are_inverted_with_and_without_the_marker(transform: int | None) -> None:
    data = adobe(saved(Image.new("CMYK", (16, 16), INKS), "JPEG", quality=100), transform)
    assert (b"Adobe" in data) == (transform is not None)
    wanted = [(255 - ink) * (255 - INKS[3]) / 255 for ink in INKS[:3]]
    assert np.abs(decode(data, "x").astype(float) - wanted).max() <= 2


def test_ycck_jpegs_are_turned_into_cmyk_first() -> None:
    # Pillow stores 255 minus what it is given; marked as YCCK, the file then holds Y 180, Cb 110, Cr 150, K 195.
    data = adobe(saved(Image.new("CMYK", (16, 16), (75, 145, 105, 60)), "JPEG", quality=100), 2)
    # YCC stands for the complement of the stored CMY, which is itself the complement of the inks.
    inks = (180 + 1.402 * 22, 180 - 0.344136 * -18 - 0.714136 * 22, 180 + 1.772 * -18)
    assert np.abs(decode(data, "x").astype(float) - [(255 - ink) * 195 / 255 for ink in inks]).max() <= 2


def test_a_progressive_jpeg_shows_the_same() -> None:
    smooth = np.linspace(0, 255, 48 * 48 * 3).reshape(48, 48, 3).astype(np.uint8)
    plain, progressive = (decode(saved(smooth, "JPEG", progressive=kind), "x") for kind in (False, True))
    assert np.array_equal(plain, progressive)


def test_a_colour_profile_is_ignored() -> None:
    for profile in (b"no profile at all", bytes(128)):
        for kind in ("PNG", "TIFF"):
            assert np.array_equal(decode(saved(NOISE, kind, icc_profile=profile), "x"), NOISE)


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "TIFF"])
def test_of_several_pictures_the_first_is_read(kind: str) -> None:
    first, second = (np.full((9, 9, 3), level, np.uint8) for level in (40, 200))
    options = {"lossless": True} if kind == "WEBP" else {}
    data = saved(first, kind, save_all=True, append_images=[Image.fromarray(second)], **options)
    assert Image.open(io.BytesIO(data)).n_frames == 2  # type: ignore[attr-defined]
    assert np.array_equal(decode(data, "x"), first)


# --------------------------------------------------------------------------------------------------------------- EXIF

SIDES = {
    1: ("top", "left"), 2: ("top", "right"), 3: ("bottom", "right"), 4: ("bottom", "left"),
    5: ("left", "top"), 6: ("right", "top"), 7: ("right", "bottom"), 8: ("left", "bottom"),
}  # fmt: skip
"""EXIF's own definition: at which side of the upright picture the stored first row and first column lie."""


def stored_as(upright: NDArray[np.uint8], orientation: int) -> NDArray[np.uint8]:
    """The picture as a camera stores it."""
    row, column = SIDES[orientation]
    stored = upright if row in ("top", "bottom") else upright.transpose(1, 0, 2)
    stored = stored[::-1] if row in ("bottom", "right") else stored
    return np.ascontiguousarray(stored[:, ::-1] if column in ("bottom", "right") else stored)


@pytest.mark.parametrize("orientation", SIDES)
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "TIFF lzw", "WEBP"])
def test_a_photo_is_turned_upright(kind: str, orientation: int) -> None:
    upright = np.repeat(np.repeat(RNG.integers(0, 256, (2, 3, 3), dtype=np.uint8), 16, axis=0), 16, axis=1)
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"JPEG": {"quality": 100, "subsampling": 0}}.get(kind, LOSSLESS.get(kind, {}))
    frame = decode(saved(stored_as(upright, orientation), kind, exif=exif, **options), "x")
    assert frame.shape == upright.shape
    assert frame.flags.c_contiguous
    assert np.abs(frame.astype(int) - upright).max() <= (3 if kind == "JPEG" else 0)


BAD_EXIF = {
    "no TIFF header": b"Exif\0\0garbage",
    "nothing": b"Exif\0\0",
    "a directory beyond the end": b"Exif\0\0II*\0\xff\xff\xff\x7f",
    "a directory cut short": b"Exif\0\0II*\0\x08\0\0\0\x09\0\x12\x01",
    "an orientation of 9": b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x09\0\0\0" + bytes(4),
    "an orientation in words": b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x02\0\x04\0\0\0up!\0" + bytes(4),
    "an orientation beyond the end": b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\xff\0\0\0\xff\xff\xff\0" + bytes(4),
}


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("exif", BAD_EXIF.values(), ids=BAD_EXIF)
def test_damaged_exif_turns_nothing(kind: str, exif: bytes) -> None:
    plain, damaged = (decode(saved(NOISE, kind, **options), "x") for options in ({}, {"exif": exif}))
    assert np.array_equal(plain, damaged)


# --------------------------------------------------------------------------------------------------------- label maps


def test_a_label_map_keeps_its_numbers(tmp_path: Path) -> None:
    labels = np.arange(19, dtype=np.uint8).reshape(1, 19)
    colours = Image.fromarray(labels)
    colours.putpalette([255 - value for value in range(57)])  # turns it into a palette image
    for image in (Image.fromarray(labels), colours):
        image.save(tmp_path / "x.png")
        assert np.array_equal(read_label_map(tmp_path / "x.png"), labels)
    Image.fromarray(NOISE).save(tmp_path / "x.png")
    with pytest.raises(CorruptFile, match=r"not a label map .*mode RGB.*expected an 8-bit greyscale"):
        read_label_map(tmp_path / "x.png")
    with pytest.raises(MissingFile):
        read_label_map(tmp_path / "none.png")


# ------------------------------------------------------------------------------------------------------- end to end


def plain(colour: tuple[int, int, int], kind: str = "PNG", mode: str = "RGB", **options: Any) -> bytes:
    """A picture of one colour."""
    return saved(Image.new("RGB", (16, 16), colour).convert(mode), kind, **options)


def good_ones() -> dict[str, tuple[bytes, tuple[int, int, int]]]:
    """Odd files that can be read, and the colour of each."""
    exif = Image.Exif()
    exif[0x0112] = 6
    clear = Image.new("RGBA", (8, 8), (200, 100, 50, 128))
    return {
        "grey.png": (plain((90, 90, 90), mode="L"), (90, 90, 90)),
        "deep.png": (saved(np.full((8, 8), 51400, np.uint16), "PNG"), (200, 200, 200)),
        "deep.tif": (saved(np.full((8, 8), 25700, np.uint16), "TIFF"), (100, 100, 100)),
        "clear.png": (saved(clear, "PNG"), (100, 50, 25)),
        "turned.webp": (plain((20, 40, 60), "WEBP", lossless=True, exif=exif), (20, 40, 60)),
        "inks.tiff": (saved(Image.new("CMYK", (8, 8), (255, 0, 0, 0)), "TIFF"), (0, 255, 255)),
        "moving.gif": (
            plain((0, 0, 255), "GIF", save_all=True, append_images=[Image.new("RGB", (16, 16), (255, 0, 0))]),
            (0, 0, 255),
        ),
        "one.bmp": (saved(np.full((1, 1, 3), 33, np.uint8), "BMP"), (33, 33, 33)),
        "line.png": (saved(np.full((1, 500, 3), (0, 99, 0), np.uint8), "PNG"), (0, 99, 0)),
        "gif.called.jpg": (plain((0, 0, 255), "GIF"), (0, 0, 255)),
        "bad_exif.png": (plain((1, 99, 2), exif=b"Exif\0\0garbage"), (1, 99, 2)),
        "scan.pgm": (b"P5 4 4 255\n" + bytes([77]) * 16, (77, 77, 77)),
    }


def bad_ones() -> dict[str, tuple[bytes, str]]:
    """Files that cannot be read, and what is said of each."""
    noise = saved(NOISE, "JPEG")
    return {
        "empty.jpg": (b"", "not a readable image (0 bytes; the file is empty; copy it again)"),
        "page.jpg": (
            b"<!DOCTYPE html>",
            "not a readable image (15 bytes; a web page, not a picture; download it again)",
        ),
        "half.jpg": (noise[:-50], "truncated"),
        "half.png": (saved(NOISE, "PNG")[:300], "truncated"),
        "huge.png": (header_only(30_000, 20_000), "600,000,000 pixels, more than 64,000,000; make it smaller"),
        "bomb.png": (header_only(9_000, 9_000), "9,000 x 9,000 pixels, more than 64,000,000; make it smaller"),
        "float.tif": (saved(Image.new("F", (4, 4)), "TIFF"), "floating-point pixels"),
        "words.png": (b"no picture", "of no known format"),
    }


def test_a_folder_full_of_them_is_swept(own_registry: Registry, tmp_path: Path) -> None:
    add_toys(own_registry)
    good, bad = good_ones(), bad_ones()
    contents: dict[str, bytes] = {name: data for part in (good, bad) for name, (data, _) in part.items()}
    for person in ("ann", "bob"):
        (tmp_path / "photos" / person).mkdir(parents=True)
        for name, data in contents.items():
            (tmp_path / "photos" / person / name).write_bytes(data)
    entry = {"name": "folder", "root": str(tmp_path / "photos"), "max_per_subject": 100}
    sweep = {"name": "t", "dataset": entry, "recognizers": ["toy"], "fmr": [0.1], "draws": 20}
    run = run_sweep(parse_sweep(sweep), tmp_path / "run")
    assert [outcome["status"] for outcome in run.outcomes()] == ["success"]

    counts = run.outcomes()[0]["counts"]
    images_each = len(good) + len(bad)
    assert (counts["frames"], counts["frames_not_acquired"]) == (2 * images_each, 2 * len(bad))
    assert counts["trials"] == images_each * (2 * images_each - 1)
    assert counts["trials"] - counts["trials_not_acquired"] == len(good) * (2 * len(good) - 1)

    problems = run.frames().set_index("key")["problem"]
    for person in ("ann", "bob"):
        assert problems[[f"{person}/{name}" for name in good]].isna().all()
        for name, (data, what) in bad.items():
            assert problems[f"{person}/{name}"].startswith(f"not a readable image ({len(data)} bytes; ")
            assert what in problems[f"{person}/{name}"]
    assert not problems.dropna().str.contains(str(tmp_path), regex=False).any()

    scored = run.trials().dropna(subset="score")
    assert len(scored) == len(good) * (2 * len(good) - 1)
    for probe, reference, score in scored[["probe", "reference", "score"]].itertuples(index=False):
        a, b = (np.array(good[key.partition("/")[2]][1], float) for key in (probe, reference))
        assert score == pytest.approx(a @ b / np.linalg.norm(a) / np.linalg.norm(b), abs=1e-6)


@pytest.mark.parametrize("name", bad_ones())
def test_what_is_said_does_not_depend_on_the_machine(name: str, tmp_path: Path) -> None:
    data = bad_ones()[name][0]
    (tmp_path / name).write_bytes(data)
    tries: list[Callable[[], object]] = [lambda: read(tmp_path / name), lambda: decode(data, str(tmp_path / name))]
    said = []
    for attempt in tries:
        with pytest.raises(CorruptFile) as caught:
            attempt()
        said.append(str(caught.value))
    assert said[0] == said[1]
    assert "0x" not in said[0].removeprefix(str(tmp_path))
