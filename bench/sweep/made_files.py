"""What `impersona generate` leaves in a folder: a picture for each face that was made, named by its photos.

Nothing is written over but what an earlier call wrote: its pictures say in their text that they are synthetic.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from bench.errors import ConfigError, CorruptFile
from bench.images import decode, encode_png, png_text
from bench.sweep.making import MadeFaces
from bench.sweep.pairing import Pairing

TABLE = "faces.csv"
COLUMNS = ("face", "contributor", "photo", "file", "problem")
RUN = "generate"
"""What pictures say that they belong to, where those of a sweep name their run."""

_LONGEST_NAME = 120
"""Bytes of a file's name that photos may take; file systems hold 255 in all."""


def picture_file(made: MadeFaces, pairing: Pairing, index: int, called: Callable[[str], str]) -> bytes:
    """A face as a PNG file that says what it is, and of which photos.

    Args:
        made: the faces.
        pairing: who contributes to each.
        index: which face; one that was made.
        called: what a picture calls a photo, by its key.
    """
    data = made.store.picture(made.digests[index])
    names = [called(pairing.frames[photo].key) for photo in pairing.photo[index].tolist()]
    text = png_text(data) | {"impersona.run": RUN, "impersona.contributors": "; ".join(names)}
    return encode_png(decode(data, made.digests[index]), text)


def file_names(pairing: Pairing, called: Callable[[str], str], endings: Sequence[str] = ("",)) -> list[list[str]]:
    """Names for the files of each set of photos: its number, the photos, and what tells its makings apart.

    Args:
        pairing: who contributes to each of N faces.
        called: what a picture calls a photo, by its key.
        endings: of the V makings of a set of photos.

    Returns:
        N times V names.
    """
    digits = max(4, len(str(len(pairing))))
    names = []
    for number, photos in enumerate(pairing.photo.tolist(), start=1):
        keys = [Path(called(pairing.frames[photo].key)) for photo in photos]
        of = "_".join(str(key.with_suffix("")).replace("/", "-") for key in keys)
        start = f"{number:0{digits}d}_{of.encode()[:_LONGEST_NAME].decode(errors='ignore')}"
        names.append([f"{start}{ending}.png" for ending in endings])
    return names


def refuse_foreign(out: Path, names: Sequence[str]) -> None:
    """Makes sure that nothing is written over but what an earlier call wrote.

    Args:
        out: the folder, which need not be there.
        names: of the pictures.

    Raises:
        ConfigError: something else is there.
    """
    if out.exists() and not out.is_dir():
        raise ConfigError(f"{out} is a file; give --out a folder")
    for name in names:
        path = out / name
        if path.exists() and not _is_synthetic(path):
            raise ConfigError(f"{path} is there, and no face that impersona made; give --out another folder")
    table = out / TABLE
    if table.exists() and not (table.is_file() and table.read_bytes().startswith(",".join(COLUMNS).encode())):
        raise ConfigError(f"{table} is there, and no list of faces; give --out another folder")


def remove_ours(path: Path) -> None:
    """Takes away a picture that an earlier call wrote and that would pass for this one's; leaves what others wrote.

    Args:
        path: of the picture, which need not be there.
    """
    if path.is_file() and _is_synthetic(path):
        path.unlink()


def is_text(name: str) -> bool:
    """Whether a file's name is text, not bytes that are no UTF-8: those no PNG or CSV file can hold."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _is_synthetic(path: Path) -> bool:
    try:
        return png_text(path.read_bytes()).get("impersona.synthetic") == "true"
    except (CorruptFile, OSError):
        return False
