"""What rules call figures and operating points: names of the table of figures, and the field's abbreviations."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import NamedTuple

from bench.errors import ConfigError, UnknownName
from bench.metrics import FIGURES

ALIASES: Mapping[str, str] = {
    "eer": "equal_error_rate",
    "auc": "area_under_curve",
    "fmr": "false_match_rate",
    "fnmr": "false_non_match_rate",
    "tmr": "true_match_rate",
    "far": "false_accept_rate",
    "frr": "false_reject_rate",
    "tar": "true_accept_rate",
    "fta": "failure_to_acquire_rate",
    "hter": "half_total_error_rate",
    "min_cllr": "minimum_log_likelihood_ratio_cost",
    "min_dcf": "minimum_detection_cost",
    "cllr": "log_likelihood_ratio_cost",
    "fpir": "false_positive_identification_rate",
    "fnir": "false_negative_identification_rate",
    "dir": "detection_identification_rate",
    "cmc": "cumulative_match_rate",
    "macer": "attack_error_rate",
    "apcer": "attack_error_rate",
    "worst_macer": "worst_attack_error_rate",
    "worst_apcer": "worst_attack_error_rate",
    "bscer": "bona_fide_error_rate",
    "bpcer": "bona_fide_error_rate",
    "d_eer": "detection_equal_error_rate",
    "d_auc": "detection_area_under_curve",
    "apnrr": "attack_non_response_rate",
    "bpnrr": "bona_fide_non_response_rate",
    "mmpmr": "morph_match_rate",
    "minmax_mmpmr": "minmax_morph_match_rate",
    "prodavg_mmpmr": "prodavg_morph_match_rate",
    "rmmr": "relative_morph_match_rate",
    "ssim": "structural_similarity_mean",
    "psnr": "peak_signal_to_noise_ratio_mean",
    "nme": "landmark_error_mean",
}
"""Abbreviation to the figure that it means."""

AT_A_POINT: Mapping[str, tuple[str, str]] = {
    f"{error}{number}": ("bona_fide_error_rate", f"attack_error={rate}")
    for error in ("bpcer", "bscer")
    for number, rate in ((10, "0.1"), (20, "0.05"), (100, "0.01"))
}
"""Abbreviation to figure and operating point: BPCER20 is BPCER where APCER is 5 %."""

_IN_PERCENT: Mapping[str, str] = {
    "macer": "attack_error",
    "apcer": "attack_error",
    "bscer": "bona_fide_error",
    "bpcer": "bona_fide_error",
}
"""Kinds of point whose number, written without an equals sign, is in percent: ``macer5``."""

_AS_A_SHARE = ("fmr", "far", "fpir", "attack_error", "bona_fide_error")
_POINT = re.compile(
    rf"(?P<kind>{'|'.join((*_IN_PERCENT, *_AS_A_SHARE, 'rank'))})(?P<equals>=?)"
    r"(?P<number>[0-9.][0-9.eE+-]*)(?P<percent>%?)"
)


class NamedFigure(NamedTuple):
    """What a rule's first word means: a figure, and the operating point that the word names with it, or None."""

    figure: str
    point: str | None


def figure_named(word: str) -> NamedFigure:
    """The figure that a rule names.

    Args:
        word: a name of `bench.metrics.FIGURES`, or an abbreviation; hyphens and capitals do not matter.

    Raises:
        UnknownName: neither.
    """
    name = word.strip().lower().replace("-", "_")
    if name in AT_A_POINT:
        return NamedFigure(*AT_A_POINT[name])
    name = ALIASES.get(name, name)
    if name not in FIGURES:
        raise UnknownName("figure", word, [*FIGURES, *ALIASES, *AT_A_POINT], "(docs/summary.md lists them)")
    return NamedFigure(name, None)


def point_named(text: str) -> str:
    """An operating point as summary.json calls it.

    ``"macer5"`` and ``"apcer=5%"`` are ``"attack_error=0.05"``, ``"bscer1"`` is ``"bona_fide_error=0.01"``,
    ``"fmr1e-3"`` is ``"fmr=0.001"``, ``"rank1"`` is ``"rank=1"``, and what stands before a last colon, such as
    ``"dev:"``, stays. What is no such point is returned as it is.

    Args:
        text: as a rule has it, or as a record has it.

    Raises:
        ConfigError: a rate that is none.
    """
    origin, colon, asked = text.strip().rpartition(":")
    found = _POINT.fullmatch(asked.strip().lower())
    if found is None:
        return text.strip()
    kind, number = found["kind"], _number(found["number"], text)
    if kind == "rank":
        if number != int(number) or number < 1:
            raise ConfigError(f"operating point {text!r}: got rank {found['number']}, expected 1 or more")
        return f"{origin}{colon}rank={int(number)}"
    if found["percent"] or (kind in _IN_PERCENT and not found["equals"]):
        number = number.scaleb(-2)
    rate = float(number)
    if not 0 < rate < 1:
        raise ConfigError(
            f"operating point {text!r}: got a rate of {rate:g}, expected one between 0 and 1, such as macer5 (5 %), "
            "fmr=0.001 or fmr0.1%"
        )
    return f"{origin}{colon}{_IN_PERCENT.get(kind, kind)}={Decimal(repr(rate)).normalize():f}"


def _number(text: str, point: str) -> Decimal:
    try:
        found = Decimal(text)
    except InvalidOperation:
        found = Decimal("nan")
    if not math.isfinite(found):
        raise ConfigError(f"operating point {point!r}: got {text!r}, expected a number, such as fmr=0.001")
    return found
