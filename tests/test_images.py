"""The two image forms, seeding and provenance."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from bench.errors import CorruptFile, MissingFile, ShapeError
from bench.images import PNG_LEVEL, decode, encode_png, png_text, read, resize, synthetic_text, to_crops, to_frames
from bench.provenance import canonical_json, file_digest, git_commit, value_digest, version_of
from bench.seeding import stream
from bench.version import __version__

RNG = np.random.default_rng(0)


def test_frames_and_crops_are_the_same_picture() -> None:
    frames = RNG.integers(0, 256, (2, 5, 7, 3), dtype=np.uint8)
    crops = to_crops(frames)
    assert crops.dtype == np.float32
    assert crops.shape == (2, 3, 5, 7)
    assert crops.flags.c_contiguous
    assert (crops.min() >= 0, crops.max() <= 1) == (True, True)
    assert np.array_equal(to_frames(crops), frames)
    assert to_frames(np.array([-1, 0.5, 2], np.float32).reshape(1, 3, 1, 1)).ravel().tolist() == [0, 128, 255]


@pytest.mark.parametrize(
    "wrong", [np.zeros((4, 4, 3), np.uint8), np.zeros((1, 4, 4, 3)), np.zeros((1, 3, 4, 4), np.uint8)]
)
def test_wrong_frames_are_refused(wrong: np.ndarray) -> None:
    with pytest.raises(ShapeError, match="expected uint8"):
        to_crops(wrong)


def test_wrong_crops_are_refused() -> None:
    with pytest.raises(ShapeError, match=r"expected float32 \(N, 3, H, W\)"):
        to_frames(np.zeros((1, 4, 4, 3), np.float32))
    with pytest.raises(ShapeError, match="a frame is uint8"):
        encode_png(np.zeros((0, 4, 3), np.uint8))


@pytest.mark.parametrize("mode", ["L", "RGBA", "CMYK", "P", "1", "LA"])
def test_every_mode_reads_as_rgb(mode: str) -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (6, 4), (255, 255, 255)).convert(mode).save(buffer, "JPEG" if mode == "CMYK" else "PNG")
    frame = decode(buffer.getvalue(), "x")
    assert frame.shape == (4, 6, 3)
    assert (frame > 250).all()


def test_a_photo_is_turned_upright(tmp_path: Path) -> None:
    image = Image.new("RGB", (6, 4))
    exif = image.getexif()
    exif[0x0112] = 6
    image.save(tmp_path / "x.jpg", exif=exif)
    assert read(tmp_path / "x.jpg").shape == (6, 4, 3)


def test_files_that_are_no_images(tmp_path: Path) -> None:
    with pytest.raises(MissingFile):
        read(tmp_path / "none.png")
    good = encode_png(RNG.integers(0, 256, (40, 40, 3), dtype=np.uint8))
    for data in (b"", b"GIF89a", good[: len(good) // 2]):
        with pytest.raises(CorruptFile, match="not a readable image"):
            decode(data, "x")


KEYWORDS = st.text("".join(map(chr, [*range(33, 127), *range(161, 256)])), min_size=1, max_size=79)
TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))


@given(st.dictionaries(KEYWORDS, TEXTS, max_size=4))
def test_text_in_a_png_comes_back(text: dict[str, str]) -> None:
    frame = np.arange(60, dtype=np.uint8).reshape(4, 5, 3)
    data = encode_png(frame, text)
    assert png_text(data) == text
    assert np.array_equal(decode(data, "x"), frame)
    assert encode_png(frame, dict(reversed(text.items()))) == data


def test_text_changes_no_pixel_and_its_absence_no_byte() -> None:
    frame = RNG.integers(0, 256, (9, 7, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(frame).save(buffer, "PNG", compress_level=PNG_LEVEL)
    assert encode_png(frame) == encode_png(frame, {}) == buffer.getvalue()
    plain, worded = encode_png(frame, {"Title": "café"}), encode_png(frame, {"Title": "人"})
    assert (b"tEXtTitle\0caf\xe9" in plain, b"iTXtTitle\0" in worded) == (True, True)


@pytest.mark.parametrize("keyword", ["", "x" * 80, " x", "x ", "a  b", "a\nb", "人", "a\0b"])
def test_keywords_that_png_cannot_hold(keyword: str) -> None:
    with pytest.raises(ValueError, match="expected 1 to 79 printable letters"):
        encode_png(np.zeros((1, 1, 3), np.uint8), {keyword: "x"})


@pytest.mark.parametrize("value", ["a\0b", "\ud800"])
def test_texts_that_png_cannot_hold(value: str) -> None:
    with pytest.raises(ValueError, match="without NUL and lone surrogates"):
        encode_png(np.zeros((1, 1, 3), np.uint8), {"x": value})


def test_only_a_png_file_has_text() -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (6, 4)).save(buffer, "JPEG")
    with pytest.raises(CorruptFile, match="JPEG"):
        png_text(buffer.getvalue())
    with pytest.raises(CorruptFile, match="not a readable image"):
        png_text(encode_png(np.zeros((50, 50, 3), np.uint8), {"x": "y"})[:70])


def test_a_synthetic_image_says_so() -> None:
    text = synthetic_text("collage", "ab12", "first", "compositeCapture", sources="ann/1.jpg, bob/2.jpg")
    assert png_text(encode_png(np.zeros((2, 2, 3), np.uint8), text)) == {
        "Software": f"impersona {__version__}",
        "DigitalSourceType": "http://cv.iptc.org/newscodes/digitalsourcetype/compositeCapture",
        "impersona.synthetic": "true",
        "impersona.made_by": "collage",
        "impersona.weights": "ab12",
        "impersona.run": "first",
        "impersona.sources": "ann/1.jpg, bob/2.jpg",
    }
    assert synthetic_text("a", "b", "c")["DigitalSourceType"].endswith("/compositeSynthetic")


def test_resize_is_square() -> None:
    assert resize(np.full((5, 9, 3), 7, np.uint8), 16).shape == (16, 16, 3)


def test_streams_belong_to_their_names() -> None:
    assert stream(1, "a").random() == stream(1, "a").random()
    paths = ((1, "a"), (2, "a"), (1, "b"), (1, "ab"), (-1, "a"), (1, "a", "b"))
    draws = {stream(*path).random() for path in paths}
    assert len(draws) == 6


def test_digests(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"abc")
    assert file_digest(path) == hashlib.sha256(b"abc").hexdigest()
    path.write_bytes(b"abcd")
    assert file_digest(path) == hashlib.sha256(b"abcd").hexdigest()
    with pytest.raises(MissingFile):
        file_digest(tmp_path / "none")
    assert value_digest({"b": 1, "a": [1, 2]}) == value_digest({"a": [1, 2], "b": 1})
    assert canonical_json({"b": 1, "a": "ä"}) == '{"a":"ä","b":1}'
    assert version_of("no-such-distribution") == "absent"
    assert git_commit(tmp_path) is None
