"""A promise of bench/api.py and whether a plugin kept it, and the collector in which a kind's questions write."""

from __future__ import annotations

import contextlib
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bench.errors import ConfigError, CorruptFile, ImpersonaError, MissingDependency, MissingFile, ProviderError

USAGE = (ConfigError, MissingDependency, MissingFile, CorruptFile, ProviderError)
OWN_FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class Finding:
    """One promise and what became of it.

    Attributes:
        line: the line of bench/api.py that makes the promise, such as ``"Recognizer.embed"``.
        promise: the promise in words.
        kept: whether it was kept; None where it could not be asked.
        message: where it was broken: what was got, what was expected, what to change; where it was not asked: why.
    """

    line: str
    promise: str
    kept: bool | None
    message: str = ""


class Broken(Exception):
    """A promise is broken; the message says how. It never leaves an `Inspection`."""


class NotAsked(Exception):
    """A promise cannot be asked here; the message says why. It never leaves an `Inspection`."""


class Inspection:
    """What has been asked of one plugin so far.

    Attributes:
        findings: the promises in the order in which they were asked.
    """

    def __init__(self) -> None:
        self.findings: list[Finding] = []

    @contextlib.contextmanager
    def promise(self, line: str, promise: str, usage: bool = False) -> Iterator[None]:
        """What happens inside decides whether a promise is kept: it is where nothing is raised.

        Args:
            line: see `Finding`.
            promise: see `Finding`.
            usage: whether a wrong setting, or a file or package that is not there, ends the inspection: whoever asks
                must mend that first, and it says nothing about the plugin.
        """
        with _caught() as errors:
            yield
        error = errors[0] if errors else None
        if usage and isinstance(error, USAGE):
            raise error
        kept: bool | None = error is None
        message = ""
        if isinstance(error, NotAsked):
            kept, message = None, str(error)
        elif isinstance(error, Broken):
            message = str(error)
        elif error is not None:
            message = f"got {raised(error)}, expected no exception"
        self.findings.append(Finding(line, promise, kept, message))

    def stop(self, line: str, promise: str, why: str) -> None:
        """Notes that a promise was not asked."""
        self.findings.append(Finding(line, promise, None, why))

    @property
    def last_kept(self) -> bool:
        """Whether the promise that was asked last was kept."""
        return bool(self.findings) and self.findings[-1].kept is True


def expect(condition: object, got: str, expected: str, change: str = "") -> None:
    """Goes on if the condition holds.

    Args:
        condition: what must be true.
        got: what was found instead.
        expected: what the promise asks for.
        change: what to change in the plugin; empty where that is plain.

    Raises:
        Broken: the condition does not hold.
    """
    if not condition:
        raise Broken(f"got {got}, expected {expected}" + (f"; {change}" if change else ""))


def in_words(value: Any) -> str:
    """A value as a message calls it: an array by dtype and shape, anything else by its text, cut short."""
    if isinstance(value, np.ndarray):
        return f"{value.dtype} {value.shape}"
    text = repr(value)
    return f"{type(value).__name__} {text if len(text) <= 80 else text[:77] + '...'}"


def expect_refusal(attempt: Callable[[], Any], given: str, named: str = "") -> None:
    """Goes on if the attempt ends in an error that says what is wrong.

    Args:
        attempt: what must be refused.
        given: what is wrong with it, in words.
        named: what the error's message must hold; empty for anything.

    Raises:
        Broken: it is not refused, or by accident.
    """
    expected = "a ValueError that says so" + (f" and names {named}" if named else "")
    with _caught() as errors:
        attempt()
    expect(errors, f"a result where there is {given}", expected)
    (error,) = errors
    got = f"{raised(error)} where there is {given}"
    stumbled = not isinstance(error, ImpersonaError | ValueError)
    expect(not stumbled, got, expected, "look at what is given before using it")
    expect(named in str(error), got, expected)


@contextlib.contextmanager
def _caught() -> Iterator[list[Exception]]:
    """Holds what is raised inside, once it is left. Here alone anything is caught.

    A stranger's code may raise whatever it likes, that of the libraries below it included, and that it did is what
    `impersona check` is there to tell.
    """
    errors: list[Exception] = []
    try:
        yield errors
    except Exception as error:
        errors.append(error)


def raised(error: BaseException) -> str:
    """An exception in one line: its class, what it says, and the line of the plugin that it came from."""
    said = " ".join(str(error).split())
    frames = traceback.extract_tb(error.__traceback__)
    theirs = [frame for frame in frames if Path(frame.filename).parent not in (OWN_FOLDER, Path(contextlib.__file__))]
    place = f" ({Path(theirs[-1].filename).name}, line {theirs[-1].lineno})" if theirs else ""
    return f"{type(error).__name__}: {said}{place}" if said else f"{type(error).__name__}{place}"
