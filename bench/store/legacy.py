"""Thresholds without a pedigree: the constants that attack papers print, `legacy-far01`."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np

from bench.api import Comparison
from bench.errors import ConfigError

LEGACY = "legacy-far01"
NO_PEDIGREE = (
    "no pedigree: constants as attack papers print them; nobody published the comparisons, the aligner or the weights "
    "that they were set on, so nothing can be checked"
)

LEGACY_CONSTANTS: Mapping[str, Mapping[float, float]] = MappingProxyType(
    {
        "ir152": {0.1: 0.094632, 0.01: 0.166788, 0.001: 0.227922},
        "irse50": {0.1: 0.144840, 0.01: 0.241045, 0.001: 0.312703},
        "facenet": {0.1: 0.256587, 0.01: 0.409131, 0.001: 0.591191},
        "mobileface": {0.1: 0.183635, 0.01: 0.301611, 0.001: 0.380878},
    }
)
"""Model to false accept rate to the cosine above which papers call two faces the same.

Source: Adv-Makeup's test script, and in its wake AMT-GAN, CLIP2Protect and DiffAM.
"""


def legacy_model(label: str, models: Mapping[str, str], comparison: Comparison) -> str:
    """The published model whose constants a recognizer takes.

    Args:
        label: the recognizer's label in the sweep.
        models: label to model, as the sweep says; a label that is not in it stands for itself.
        comparison: the recognizer's.

    Returns:
        A key of `LEGACY_CONSTANTS`.

    Raises:
        ConfigError: no such model, or a recognizer that does not compare by cosine.
    """
    model = models.get(label, label).lower()
    if model not in LEGACY_CONSTANTS:
        raise ConfigError(
            f"{LEGACY} has constants of {', '.join(LEGACY_CONSTANTS)}; {label!r} is none of them: say which one it is, "
            f"calibrate: {{profile: {LEGACY}, models: {{{label}: ir152}}}}, or give it that label"
        )
    if comparison != "cosine":
        raise ConfigError(f"{LEGACY} holds cosines; {label!r} compares by {comparison}: calibrate: {{split: dev}}")
    return model


def threshold_above(constant: float) -> float:
    """The smallest float32 above a constant, so that our >= decides about every float32 score as the papers' > does."""
    nearest = np.float32(constant)
    return float(nearest if float(nearest) > constant else np.nextafter(nearest, np.float32(np.inf)))
