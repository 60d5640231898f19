"""Photos as they were, on the way that made faces take: what detectors are shown as bona fide.

Attacks are cropped by their maker's aligner, resized, rounded and kept as PNG. Bona fide photos go through the very
same steps, so that neither crop nor size nor codec tells a detector which is which.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from bench.aligners.geometry import template_digest
from bench.api import Crops, FaceBatch, Fingerprint, Template

NAME = "untouched"


class Untouched:
    """A `bench.api.Generator` that gives every crop back as it is.

    Args:
        template: that of the maker beside whose faces the photos are shown.
    """

    conditions: frozenset[str] = frozenset()
    contributors = 1
    batch_size = 16

    def __init__(self, template: Template) -> None:
        self.template = template

    def fingerprint(self) -> Fingerprint:
        """See `bench.api.Plugin`."""
        return {"revision": 1, "template": template_digest(self.template)}

    def default_aligner(self) -> Mapping[str, Any]:
        """None of its own: the one of the maker beside whose faces the photos are shown is named."""
        return {}

    def generate(self, batch: FaceBatch, rng: np.random.Generator) -> Crops:
        """The crops themselves."""
        return batch.images
