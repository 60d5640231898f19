"""How often simulations repeat: in full where figures of docs/ come from, a third as often where tests only guard them.

`IMPERSONA_SIMULATIONS=all` asks for the full number.
"""

from __future__ import annotations

import math
import os

PART = 3
_COVERAGE = 0.95


def in_full() -> bool:
    """Whether simulations are to repeat as often as docs/ say."""
    return os.environ.get("IMPERSONA_SIMULATIONS") == "all"


def repetitions(number: int) -> int:
    """How often to repeat what docs/ repeats so often."""
    return number if in_full() else number // PART


def slack(number: int) -> float:
    """By how much a coverage may miss a full run's bounds: two standard errors of the run at hand, 0 for a full one."""
    return 0.0 if in_full() else 2 * math.sqrt(_COVERAGE * (1 - _COVERAGE) / number)
