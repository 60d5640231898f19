"""Numbers as the page prints them: rounded, but never rounded to a claim that the data do not make.

99.996 % stays 99.996 %, because "100.00 %" would say that there was no error. Tables for programs (CSV) never pass
here.
"""

from __future__ import annotations

import math

THIN = "\u202f"
"""The narrow no-break space between a number and its unit, and between groups of three digits."""

ABSENT = "\u2013"
_FIXED, _JOINED = "\u00a0", "\u2060"
"""A space at which no line breaks, and a word joiner: after a dash a line may break even before such a space."""
_MINUS = "\u2212"
_MOST_DECIMALS = 5
_UNREADABLE = 1e6
"""Beyond it a similarity is no similarity but the end of float32, and is printed with an exponent."""


def percent(value: float | None, decimals: int = 2) -> str:
    """A share as a percentage, such as ``"98.96 %"``.

    Args:
        value: in [0, 1], or None or NaN for a figure that does not exist.
        decimals: how many to print; more are printed where fewer would round to 0 % or 100 %.
    """
    return _towards(value, decimals, scale=100.0, ceiling=100.0, unit=f"{THIN}%")


def points(value: float | None, decimals: int = 2) -> str:
    """A difference of two shares in percentage points, with its sign, such as ``"−0.21 pp"``."""
    if value is None or math.isnan(value):
        return ABSENT
    return f"{_signed(value * 100, decimals)}{THIN}pp"


def signed(value: float | None, decimals: int = 2) -> str:
    """A difference, with its sign and a true minus."""
    return ABSENT if value is None or math.isnan(value) else _signed(value, decimals)


def between(low: str, high: str) -> str:
    """Two printed numbers as the ends of an interval, their unit once: ``"98.13 – 99.42 %"``, ``"−0.2 to +0.1 pp"``."""
    unit = low[low.rindex(THIN) :] if THIN in low else ""
    spare = unit and not unit[1:2].isdigit() and high.endswith(unit)
    signed = low[:1] in ("+", _MINUS) or high[:1] in ("+", _MINUS)
    word = "to" if signed else ABSENT
    return f"{low.removesuffix(unit) if spare else low}{_FIXED}{word}{_JOINED}{_FIXED}{high}"


def share(value: float | None, decimals: int = 4) -> str:
    """A share as a plain number in [0, 1], such as ``"0.9987"``; ``"1"`` only where it is exactly 1."""
    return _towards(value, decimals, scale=1.0, ceiling=1.0, unit="")


def plain(value: float | None, decimals: int = 2) -> str:
    """A number without a unit, with a true minus sign."""
    if value is None or math.isnan(value):
        return ABSENT
    if math.isinf(value):
        return "∞" if value > 0 else f"{_MINUS}∞"
    if abs(value) >= _UNREADABLE:
        return f"{value:.1e}".replace("-", _MINUS)
    return f"{value:.{decimals}f}".replace("-", _MINUS)


def significant(value: float | None, digits: int = 3) -> str:
    """A number that may be of any size, with so many digits that say something: ``"0.000412"``."""
    if value is None or not math.isfinite(value) or value == 0:
        return plain(value)
    before = math.floor(math.log10(abs(value))) + 1
    if not -8 < before < 7:
        return f"{value:.{digits - 1}e}".replace("-", _MINUS)
    return plain(value, max(digits - before, 0))


def count(value: float | None) -> str:
    """A whole number with its digits in groups of three, such as ``"13 233"``."""
    if value is None or math.isnan(value):
        return ABSENT
    return f"{int(value):,}".replace(",", THIN)


def rate(value: float) -> str:
    """A requested error rate in as few digits as it has, such as ``"0.1 %"`` for 0.001."""
    return f"{value * 100:.10g}{THIN}%"


def seconds(value: float | None) -> str:
    """A duration that a reader can feel, such as ``"4 min 10 s"``."""
    if value is None:
        return ABSENT
    if value < 10:
        return f"{value:.1f}{THIN}s"
    minutes, rest = divmod(round(value), 60)
    if not minutes:
        return f"{rest}{THIN}s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours}{THIN}h {minutes}{THIN}min" if hours else f"{minutes}{THIN}min {rest}{THIN}s"


def plural(number: int, noun: str, plural_noun: str = "") -> str:
    """A count with its noun, such as ``"1 trial"`` and ``"6 000 trials"``."""
    return f"{count(number)} {noun if number == 1 else plural_noun or noun + 's'}"


def listed(names: list[str]) -> str:
    """Names as a sentence lists them, such as ``"a, b and c"``."""
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def _signed(value: float, decimals: int) -> str:
    text = f"{value:+.{decimals}f}"
    return (text[1:] if float(text) == 0 else text).replace("-", _MINUS)


def _towards(value: float | None, decimals: int, scale: float, ceiling: float, unit: str) -> str:
    if value is None or math.isnan(value):
        return ABSENT
    scaled = float(value) * scale
    for digits in range(decimals, _MOST_DECIMALS + 1):
        rounded = round(scaled, digits)
        claims_too_much = (rounded == 0 and scaled != 0) or (rounded == ceiling and scaled != ceiling)
        if not claims_too_much:
            return f"{rounded:.{digits}f}{unit}".replace("-", _MINUS)
    step = 10.0**-_MOST_DECIMALS
    if scaled > step:
        return f">{THIN}{ceiling - step:.{_MOST_DECIMALS}f}{unit}"
    return f"<{THIN}{step:.{_MOST_DECIMALS}f}{unit}"
