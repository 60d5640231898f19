"""Where a report's pictures and tables go: figures/*.png and *.svg, tables/*.csv, each under a name of its own."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from bench.api import Progress
from reports.figures.style import Look, save, slug
from reports.page import Files


class Outlet:
    """The files of one report.

    Args:
        folder: the run folder; the pictures and tables of an earlier report are removed from it.
        looks: the look of every label.
        progress: told how far it is.
        total: how many steps the report will tell.
    """

    def __init__(self, folder: Path, looks: Mapping[str, Look], progress: Progress | None, total: int) -> None:
        self.looks = looks
        self.figures, self.tables = folder / "figures", folder / "tables"
        self._names: dict[str, tuple[str, ...]] = {}
        self._progress, self._done, self._total = progress, 0, total
        for place, patterns in ((self.figures, ("*.png", "*.svg")), (self.tables, ("*.csv",))):
            for pattern in patterns:
                for path in place.glob(pattern):
                    path.unlink()  # pictures of a recognizer that is gone must not stand beside others

    def picture(self, figure: Figure, *name: str) -> Files:
        """Writes a picture as PNG and SVG.

        Args:
            figure: the picture.
            name: what it shows, in parts, the kind of picture first.

        Returns:
            Links to both.
        """
        stem = save(figure, self.figures, self._name(*name))
        return (("PNG", f"{self.figures.name}/{stem}.png"), ("SVG", f"{self.figures.name}/{stem}.svg"))

    def png(self, data: bytes, *name: str) -> str:
        """Writes a picture that is a PNG file already.

        Args:
            data: the file.
            name: what it shows, in parts, the kind of picture first.

        Returns:
            The file's path relative to the page, as a link.
        """
        self.figures.mkdir(parents=True, exist_ok=True)
        stem = self._name(*name)
        (self.figures / f"{stem}.png").write_bytes(data)
        return f"{self.figures.name}/{stem}.png"

    def csv(self, frame: pd.DataFrame, *name: str, index: bool = False) -> str:
        """Writes a CSV file, every number with as many digits as it takes to read the same number back.

        Args:
            frame: what to write.
            name: what it holds, in parts, the kind of table first.
            index: whether the frame's index is a column of the file.

        Returns:
            The file's path relative to the page, as a link.
        """
        self.tables.mkdir(parents=True, exist_ok=True)
        stem = self._name(*name)
        frame.to_csv(self.tables / f"{stem}.csv", index=index, lineterminator="\n")
        return f"{self.tables.name}/{stem}.csv"

    def tell(self, finished: bool = False) -> None:
        """Tells that one more step is done, or all of them."""
        self._done = self._total if finished else min(self._done + 1, self._total)
        if self._progress:
            self._progress("writing the report", self._done, self._total)

    def _name(self, *parts: str) -> str:
        """A file name of these parts; numbered where other parts came to the same."""
        base = slug(*parts)
        name, number = base, 1
        while self._names.setdefault(name, parts) != parts:
            number += 1
            name = f"{base}-{number}"
        return name
