"""Operating points of detectors: which error was asked for, and where the threshold was set."""

from __future__ import annotations

from dataclasses import dataclass

from reports.vocabulary import ATTACK_ERROR, BONA_FIDE_ERROR, Vocabulary

KINDS = {ATTACK_ERROR: 0, BONA_FIDE_ERROR: 1, "eer": 2}
"""What thresholds of detectors are set for, in the order in which they are shown."""


@dataclass(frozen=True)
class DetectorPoint:
    """An operating point of detectors.

    Attributes:
        name: what records call it: ``"attack_error=0.05"``, ``"dev:bona_fide_error=0.05"``, ``"dev:eer"``.
        origin: where its threshold was set: empty for these very presentations, ``"dev"``, a data set.
        kind: what it was set for: `reports.vocabulary.ATTACK_ERROR`, `BONA_FIDE_ERROR`, or ``"eer"``.
        rate: the requested rate; None for none.
    """

    name: str
    origin: str
    kind: str
    rate: float | None

    @property
    def own(self) -> bool:
        """Whether its threshold was chosen on the very presentations that it is reported on."""
        return not self.origin

    def goal(self, words: Vocabulary) -> str:
        """What was asked for, such as ``"MACER 5 %"``."""
        return words.goal(self.kind, self.rate)

    def label(self, words: Vocabulary) -> str:
        """Such as ``"MACER 5 %"`` and ``"MACER 5 %, set on dev"``."""
        return self.goal(words) if self.own else f"{self.goal(words)}, set on {self.origin}"


def point_of(name: str) -> DetectorPoint | None:
    """The operating point of a name; None for one that is none of detectors.

    Args:
        name: as in records.
    """
    origin, _, asked = name.rpartition(":")
    kind, given, rate = asked.partition("=")
    if kind not in KINDS or (kind == "eer") == bool(given):
        return None
    return DetectorPoint(name, origin, kind, float(rate) if given else None)
