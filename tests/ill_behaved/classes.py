"""Classes that are wrong before anything is done to them."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import Any

from tests.well_behaved import SMALL, Parser, Recognizer, Settings, Toy


class NoEmbed(Toy):
    """A recognizer that lacks what it is for."""

    comparison, template, batch_size = "cosine", SMALL, 4
    default_aligner, runtime = Recognizer.default_aligner, Recognizer.runtime


@dataclass
class LooseSettings:
    """Settings that can be changed."""

    does: str = ""


class Heavy(Parser):
    """Imports a heavy library when it is constructed."""

    def __init__(self, settings: Settings) -> None:
        importlib.import_module("dlib")
        super().__init__(settings)


class Hashed(Parser):
    """Differs from process to process."""

    def fingerprint(self) -> dict[str, Any]:
        return {"hash": hash("parser")}
