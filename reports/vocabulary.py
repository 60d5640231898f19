"""The words for errors of detectors, by what is detected: stored names are neutral, a page speaks as its field does.

Morphs: MACER and BSCER (ISO/IEC 20059, NIST FATE MORPH). Presentation attacks: APCER and BPCER (ISO/IEC 30107-3). For
forgeries no standard has such words, so they stay neutral: attack error and bona fide error.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from bench.errors import UnknownName
from reports import numbers

ATTACK_ERROR, BONA_FIDE_ERROR = "attack_error", "bona_fide_error"
"""What operating points of detectors are set for, as their names have it: ``"dev:attack_error=0.05"``."""


@dataclass(frozen=True)
class Vocabulary:
    """The words of one profile.

    Attributes:
        profile: ``"morph"``, ``"presentation"``, ``"forgery"``; empty for detectors that look for different things.
        attack_error: attacks that are classified as bona fide, in short: ``"MACER"``.
        bona_fide_error: bona fide samples that are classified as attacks, in short: ``"BSCER"``.
        attack_error_title: the first in full.
        bona_fide_error_title: the second in full.
        attack: one attack, such as ``"morph"``.
        attack_non_response: the share of attacks without a response, in short; empty for no name of its own.
        bona_fide_non_response: that of bona fide samples.
        source: the standard that has these words; empty where none does.
    """

    profile: str
    attack_error: str
    bona_fide_error: str
    attack_error_title: str
    bona_fide_error_title: str
    attack: str
    attack_non_response: str = ""
    bona_fide_non_response: str = ""
    source: str = ""

    @property
    def attacks(self) -> str:
        """Several of them."""
        return "forgeries" if self.attack == "forgery" else f"{self.attack}s"

    @property
    def named(self) -> bool:
        """Whether its two errors have names of their own, that need to be explained."""
        return bool(self.source)

    @property
    def labels(self) -> Mapping[str, str]:
        """Figure to what a column of it is called, for those that profiles call differently."""
        return {
            "attack_error_rate": self.attack_error,
            "worst_attack_error_rate": f"{self.attack_error}, worst species",
            "bona_fide_error_rate": self.bona_fide_error,
            "attack_non_response_rate": self.attack_non_response or "attacks without response",
            "bona_fide_non_response_rate": self.bona_fide_non_response or "bona fide samples without response",
            "attack_samples": self.attacks,
            "bona_fide_samples": "bona fide samples",
        }

    @property
    def meaning(self) -> str:
        """The two errors in a sentence."""
        first, second = f"{self.attack_error} is", f"{self.bona_fide_error} is"
        if not self.named:
            first, second = f"The {self.attack_error} is", f"the {self.bona_fide_error}"
        return (
            f"{first} the share of {self.attacks} that are classified as bona fide, {second} the share of bona fide "
            f"samples that are classified as {self.attacks}."
        )

    def goal(self, kind: str, rate: float | None) -> str:
        """What a threshold is set for: ``"MACER 5 %"``, ``"D-EER"``.

        Args:
            kind: `ATTACK_ERROR`, `BONA_FIDE_ERROR`, or ``"eer"``.
            rate: the requested rate; None for none.
        """
        words = {ATTACK_ERROR: self.attack_error, BONA_FIDE_ERROR: self.bona_fide_error, "eer": "D-EER"}
        return words.get(kind, kind) + ("" if rate is None else f" {numbers.rate(rate)}")


NEUTRAL = Vocabulary(
    "", "attack error", "bona fide error", "attacks classified as bona fide", "bona fide samples classified as attacks",
    "attack",
)  # fmt: skip

VOCABULARIES: Mapping[str, Vocabulary] = MappingProxyType(
    {
        "morph": Vocabulary(
            "morph", "MACER", "BSCER", "morphing attack classification error rate (MACER)",
            "bona fide sample classification error rate (BSCER)", "morph", source="ISO/IEC 20059",
        ),
        "presentation": Vocabulary(
            "presentation", "APCER", "BPCER", "attack presentation classification error rate (APCER)",
            "bona fide presentation classification error rate (BPCER)", "attack presentation", "APNRR", "BPNRR",
            "ISO/IEC 30107-3",
        ),
        "forgery": Vocabulary(
            "forgery", "attack error", "bona fide error", "forgeries classified as bona fide",
            "bona fide samples classified as forgeries", "forgery",
        ),
    }
)  # fmt: skip
"""Profile to its words."""


def vocabulary(profile: str) -> Vocabulary:
    """The words of a profile.

    Args:
        profile: one of `VOCABULARIES`; empty for neutral words.

    Raises:
        UnknownName: there is no such profile.
    """
    if profile and profile not in VOCABULARIES:
        raise UnknownName("profile", profile, VOCABULARIES)
    return VOCABULARIES[profile] if profile else NEUTRAL


def profile_of(spec: Mapping[str, Any]) -> str:
    """The profile of a cell's detector, by what it knows to look for first; empty where nobody says.

    Args:
        spec: the cell's.
    """
    species = (spec.get("detector") or {}).get("species") or ()
    first = str(species[0]) if species else ""
    return first if first in VOCABULARIES else ""


def shared_by(specs: Iterable[Mapping[str, Any]], asked: str = "") -> Vocabulary:
    """The words for cells that stand in one table: those of their detectors, neutral ones where these differ.

    Args:
        specs: of the cells.
        asked: the profile that the reader asked for; empty for none.

    Raises:
        UnknownName: there is no such profile.
    """
    if asked:
        return vocabulary(asked)
    profiles = {profile_of(spec) for spec in specs}
    return vocabulary(profiles.pop()) if len(profiles) == 1 else NEUTRAL
