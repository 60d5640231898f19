"""Every error that impersona raises on purpose.

    ImpersonaError
    ├── ConfigError          a sweep file, a setting or a command line that cannot be understood   (exit code 2)
    │   └── UnknownName      a name that nothing answers to; carries the near ones
    ├── PluginError          a plugin row or a plugin that breaks its contract
    ├── MissingDependency    an optional package is not installed; names the install command
    ├── MissingFile          a data set, weight file or run folder is not where it was looked for
    ├── CorruptFile          a file is there and cannot be read as what it should be
    ├── ProviderError        the execution provider or device asked for is not available here
    ├── WorkerLost           a worker process was killed
    ├── ShapeError           an array of the wrong shape, dtype or range
    ├── InsufficientData     too few people, frames or scores for what was asked
    └── TrainingDiverged     a loss or a gradient that is no number, or that grew out of all bounds   (exit code 1)

Each message says what was got, what was expected and what to type next.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class ImpersonaError(Exception):
    """The root of impersona's own errors."""


class ConfigError(ImpersonaError):
    """A sweep file, a setting or a command line that cannot be understood."""


class UnknownName(ConfigError):
    """A name that nothing answers to.

    Args:
        what: the kind of thing that was looked for, such as ``"recognizer"``.
        got: the name that was given.
        known: every name that would have been right.
        hint: what to type next; empty for none.
    """

    def __init__(self, what: str, got: str, known: Iterable[str], hint: str = "") -> None:
        self.what, self.got, self.known = what, got, tuple(sorted(known))
        self.near = tuple(difflib.get_close_matches(got, self.known, n=3, cutoff=0.5))
        message = f"unknown {what} {got!r}"
        if self.near:
            message += f"; did you mean {' or '.join(repr(name) for name in self.near)}?"
        else:
            message += f"; known: {', '.join(self.known) or 'none'}"
        super().__init__(f"{message} {hint}".rstrip())

    def __reduce__(self) -> tuple[type[UnknownName], tuple[str, str, tuple[str, ...]]]:
        return type(self), (self.what, self.got, self.known)


class PluginError(ImpersonaError):
    """A plugin row or a plugin that breaks its contract."""


class MissingDependency(ImpersonaError):
    """An optional package is not installed."""


class MissingFile(ImpersonaError):
    """A data set, a weight file or a run folder is not where it was looked for."""


class CorruptFile(ImpersonaError):
    """A file is there and cannot be read as what it should be."""


class ProviderError(ImpersonaError):
    """The execution provider or device that was asked for is not available here."""


class WorkerLost(ImpersonaError):
    """A worker process was killed from outside, most often for want of memory."""


class ShapeError(ImpersonaError):
    """An array of the wrong shape, dtype or range."""


class InsufficientData(ImpersonaError):
    """Too few people, frames or scores for what was asked."""


class TrainingDiverged(ImpersonaError):
    """A loss or a gradient that is no number, or that grew out of all bounds."""
