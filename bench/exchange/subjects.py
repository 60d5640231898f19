"""Subjects that stand in the names of files or templates, found there by a regular expression."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import pandas as pd

from bench.errors import ConfigError
from bench.exchange.lines import shown
from bench.exchange.sheet import Sheet


@dataclass(frozen=True)
class Subjects:
    """Finds subjects in names.

    Attributes:
        pattern: a regular expression; every group of it that matched is a subject.
    """

    pattern: re.Pattern[str]

    @classmethod
    def parse(cls, pattern: str) -> Subjects:
        """From text. Raises `ConfigError` if it is no regular expression, or has no group."""
        try:
            found = re.compile(pattern)
        except re.error as error:
            raise ConfigError(
                f"--subjects {pattern!r} is no regular expression ({error}), such as '^([^/]+)/'"
            ) from error
        if not found.groups:
            raise ConfigError(f"--subjects {pattern!r} has no group; put the subject into brackets: '^([^/]+)/'")
        return cls(found)

    def of_name(self, name: str) -> tuple[str, ...]:
        """The subjects in a name, each once, in its order; none where the pattern does not match."""
        found = self.pattern.search(name)
        return () if found is None else tuple(dict.fromkeys(filter(None, found.groups())))

    def of_names(self, column: pd.Categorical, sheet: Sheet) -> pd.Categorical:
        """The one subject of every name of a column. Raises `CorruptFile` where there is none, or more."""
        owners = []
        for place, name in enumerate(map(str, column.categories)):
            found = self.of_name(name)
            if len(found) != 1:
                row = int(np.argmax(np.asarray(column.codes) == place))
                expected = f"one subject by {self.pattern.pattern!r}"
                sheet.fail(row, f"{shown(name)} with {len(found)} subjects", expected, "give another --subjects")
            owners.append(found[0])
        return pd.Categorical(np.array([*owners, ""], dtype=object)[np.asarray(column.codes)])
