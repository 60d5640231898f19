"""What an attack may ask about the recognizers that it attacks."""

from __future__ import annotations

from typing import Literal, NoReturn

from bench.api import Crops
from bench.errors import PluginError


class ClosedOracle:
    """The oracle of an attack that asks nothing: a `bench.api.Oracle` that refuses every question."""

    access: Literal["nothing", "decisions", "scores", "gradients"] = "nothing"
    queries = 0

    def decisions(self, crops: Crops) -> NoReturn:
        """Refused. Raises `PluginError`."""
        self._refuse("decisions")

    def scores(self, crops: Crops) -> NoReturn:
        """Refused. Raises `PluginError`."""
        self._refuse("scores")

    def gradients(self, crops: Crops) -> NoReturn:
        """Refused. Raises `PluginError`."""
        self._refuse("gradients")

    def _refuse(self, what: str) -> NoReturn:
        raise PluginError(f"the attack asked its oracle for {what}, but declares access 'nothing'; declare {what!r}")
