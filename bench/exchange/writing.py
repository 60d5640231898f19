"""What every writer needs: scores as text that gives the same float32 back, and names that a format can hold."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.errors import ConfigError

_UNWRITABLE = re.compile("[\x00-\x08\x0a-\x1f\x7f\ud800-\udfff]")
"""Control characters but the tab, and halves of characters, which UTF-8 has no bytes for."""


def score_texts(scores: NDArray[np.float32], missing: str = "nan") -> list[str]:
    """Each score as the shortest decimal that reads back as the same float32, through float64 too.

    Args:
        scores: float32 (M,).
        missing: what stands for NaN.
    """
    texts = scores.astype(np.str_)
    acquired = ~np.isnan(scores)
    with np.errstate(invalid="ignore"):
        back = texts.astype(np.float64).astype(np.float32)
    found: list[str] = texts.tolist()
    # A reader that rounds to float64 first may land on the other side of a tie; all digits leave no tie.
    for place in np.flatnonzero(acquired & (back != scores)).tolist():
        found[place] = repr(float(scores[place]))
    for place in np.flatnonzero(~acquired).tolist():
        found[place] = missing
    return found


def names_of(column: pd.Categorical, what: str, form: str, *, blanks: bool) -> list[str]:
    """A column's names, as a format can hold them.

    Args:
        column: M names.
        what: what they are called in an error.
        form: the format, likewise.
        blanks: whether a name may hold blanks.

    Raises:
        ConfigError: a name is empty, or holds what the format cannot.
    """
    for name in column.categories:
        check_name(str(name), what, form, blanks=blanks)
    texts = np.array([*column.categories, ""], dtype=object)
    return list(texts[np.asarray(column.codes)].tolist())


def check_name(name: str, what: str, form: str, *, blanks: bool) -> None:
    """Raises `ConfigError` if a format cannot hold a name; see `names_of`."""
    if not name:
        raise ConfigError(f"a {what} has an empty name, which {form} cannot hold; name it")
    if _UNWRITABLE.search(name):
        raise ConfigError(f"{what} {name!r} holds a control character, which {form} cannot; rename it")
    if name.startswith("\ufeff"):
        raise ConfigError(f"{what} {name!r} begins with a byte order mark, which readers take away; rename it")
    if not blanks and any(letter in name for letter in ' \t"'):
        raise ConfigError(
            f"{what} {name!r} holds a blank or a quote, which {form} cannot, because blanks separate its fields; "
            "export --format bob_bio, which is CSV"
        )


def csv_bytes(header: Sequence[str], columns: Sequence[Iterable[str]]) -> bytes:
    """A CSV file of columns, UTF-8, lines ended by LF."""
    sink = io.StringIO()
    writer = csv.writer(sink, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(zip(*columns, strict=True))
    return sink.getvalue().encode()


def text_bytes(columns: Sequence[Iterable[str]], header: str = "") -> bytes:
    """A text file of columns with a blank between them."""
    lines = map(" ".join, zip(*columns, strict=True))
    return (
        "".join(f"{line}\n" for line in ([header] if header else [])).encode()
        + "".join(f"{line}\n" for line in lines).encode()
    )
