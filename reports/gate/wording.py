"""A gate's words: what a figure is called, where it stands, and numbers as a sentence has them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bench.metrics import FIGURES
from bench.store.run_folder import DrawKey
from reports.gate.matching import Pair
from reports.gate.rules import ROLES
from reports.vocabulary import Vocabulary, profile_of, vocabulary

_SHORT: Mapping[str, str] = {
    "equal_error_rate": "EER",
    "area_under_curve": "AUC",
    "false_match_rate": "FMR",
    "false_non_match_rate": "FNMR",
    "true_match_rate": "TMR",
    "false_accept_rate": "FAR",
    "false_reject_rate": "FRR",
    "true_accept_rate": "TAR",
    "failure_to_acquire_rate": "FTA",
    "half_total_error_rate": "HTER",
    "minimum_detection_cost": "minDCF",
    "log_likelihood_ratio_cost": "C_llr",
    "minimum_log_likelihood_ratio_cost": "min C_llr",
    "false_positive_identification_rate": "FPIR",
    "false_negative_identification_rate": "FNIR",
    "cumulative_match_rate": "CMC",
    "detection_identification_rate": "DIR",
    "detection_equal_error_rate": "D-EER",
    "detection_area_under_curve": "AUC",
    "morph_match_rate": "MMPMR",
    "minmax_morph_match_rate": "MinMax-MMPMR",
    "prodavg_morph_match_rate": "ProdAvg-MMPMR",
    "relative_morph_match_rate": "RMMR",
    "structural_similarity_mean": "SSIM",
    "peak_signal_to_noise_ratio_mean": "PSNR",
}
_KINDS = {"fmr": "FMR", "far": "FAR", "fpir": "FPIR"}
_MOST_DECIMALS = 4


@dataclass(frozen=True)
class Title:
    """What a row is about.

    Attributes:
        figure: the figure and its operating point: ``"BSCER at MACER = 5 %"``.
        who: who is judged: ``"spectral"``.
        where: on what: ``"celeba299, different_people, species collage"``.
    """

    figure: str
    who: str
    where: str

    def __str__(self) -> str:
        return f"{self.figure} of {self.who}"


def title_of(pair: Pair, key: DrawKey, with_aligner: bool) -> Title:
    """What a figure of a cell is called, in the words of what its detector detects.

    Args:
        pair: the cell.
        key: the figure.
        with_aligner: whether the aligner is needed to tell it from others.
    """
    cell = pair.new or pair.base
    identity = {} if cell is None else cell.identity
    words = vocabulary(profile_of(identity))
    labels = pair.labels
    settings = {**(labels.get("settings") or {})}
    aligner = settings.pop("aligner", None)
    judged = labels.get("recognizer") or labels.get("detector")
    maker = labels.get("generator") or labels.get("attack")
    parts = [str(labels.get("dataset")), str(labels.get("protocol")).replace("_", " ")]
    parts += [f"aligner {aligner}"] if with_aligner and judged and aligner else []
    parts += [_setting(name, value) for name, value in settings.items()]
    parts += [f"species {key.species}"] if key.species else []
    parts += [key.group] if key.group else []
    who = str(judged or f"aligner {aligner}")
    point = "" if key.operating_point is None else point_in_words(key.operating_point, words)
    return Title(
        figure_in_words(key.figure, words) + point, f"{who} on {maker}" if maker and judged else who, ", ".join(parts)
    )


def figure_in_words(name: str, words: Vocabulary) -> str:
    """A figure's abbreviation, or its name in words."""
    special = {
        "attack_error_rate": words.attack_error,
        "bona_fide_error_rate": words.bona_fide_error,
        "worst_attack_error_rate": f"{words.attack_error} of the worst species",
    }
    return special.get(name) or _SHORT.get(name) or name.replace("_", " ")


def point_in_words(point: str, words: Vocabulary) -> str:
    """An operating point as it follows a figure: ``" at MACER = 5 %"``, ``" at FMR = 1 % (set on dev)"``."""
    origin, _, asked = point.rpartition(":")
    kind, equals, number = asked.partition("=")
    kinds = {**_KINDS, "attack_error": words.attack_error, "bona_fide_error": words.bona_fide_error}
    if kind == "rank" and equals:
        text = f"rank {number}"
    elif kind in kinds and equals:
        text = f"{kinds[kind]} = {float(number) * 100:.10g} %"
    else:
        text = "EER" if asked == "eer" else asked
    return f" at {text}" + (f" (set on {origin})" if origin else "")


def in_words(value: Any) -> str:
    """A setting's value."""
    return "+".join(map(in_words, value)) if isinstance(value, list | tuple) else str(value)


def labels_in_words(labels: Mapping[str, Any], whole: bool = False) -> str:
    """A cell, as a refusal names it.

    Args:
        labels: the cell's.
        whole: whether with its settings, which tell it from others of the same name.
    """
    if not labels:
        return "a cell"
    who = [str(labels[role]) for role in ROLES if labels.get(role)]
    settings = labels.get("settings") or {}
    who = who or [str(settings.get("aligner") or "?")]
    where = [str(labels.get("dataset")), str(labels.get("protocol")).replace("_", " ")]
    where += [_setting(name, value) for name, value in settings.items()] if whole else []
    return f"{' on '.join(who)} ({', '.join(where)})"


def _setting(name: str, value: Any) -> str:
    return f"{name.rpartition('.')[2].replace('_', ' ')} {in_words(value)}"


# ------------------------------------------------------------------------------------------------------------ numbers


@dataclass(frozen=True)
class Scale:
    """How the numbers of one row are printed: all with the same decimals.

    Attributes:
        share: whether they are shares, printed in percent, their differences in points.
        decimals: how many.
    """

    share: bool
    decimals: int

    def value(self, number: float | None) -> str:
        """A value with its unit."""
        if number is None:
            return "no value"
        return f"{number * 100:.{self.decimals}f} %" if self.share else f"{number:.{self.decimals}f}"

    def signed(self, number: float | None) -> str:
        """A difference with its sign and without its unit."""
        if number is None:
            return "no value"
        text = f"{number * (100 if self.share else 1):+.{self.decimals}f}"
        return text[1:] if float(text) == 0 else text

    @property
    def unit(self) -> str:
        """What follows a difference in a sentence."""
        return " points" if self.share else ""

    def interval(self, low: float | None, high: float | None) -> str:
        """Two ends of an interval; empty for none."""
        return "" if low is None or high is None else f"{self.signed(low)} to {self.signed(high)}"


def scale_of(figure: str, *numbers: float | None) -> Scale:
    """A scale on which every number, however small, shows its first digits, within reason: two of a share, else three.

    Args:
        figure: a name of `FIGURES`.
        numbers: what is to be printed.
    """
    share = figure in FIGURES and FIGURES[figure].unit == "share"
    sizes = [abs(one) * (100 if share else 1) for one in numbers if one is not None and math.isfinite(one) and one != 0]
    wanted = [(1 if share else 2) - math.floor(math.log10(size)) for size in sizes]
    return Scale(share, min(max([1, *wanted]), _MOST_DECIMALS))
