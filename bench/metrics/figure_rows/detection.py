"""Detectors of attacks: attacks taken for bona fide, bona fide samples taken for attacks, and samples not judged."""

from __future__ import annotations

from bench.metrics.figure_rows import OURS, Figure

_BOTH = "ISO/IEC 30107-3:2023; ISO/IEC 20059:2025; NIST FATE MORPH"
_PAD = "ISO/IEC 30107-3:2023"

ROWS: tuple[Figure, ...] = (
    Figure("bona_fide_samples", "bona fide samples that a detector was shown", "count", "none", OURS),
    Figure("attack_samples", "attacks of a species that a detector was shown", "count", "none", OURS),
    Figure(
        "bona_fide_non_response_rate",
        "BPNRR: bona fide samples without a score, since no face was found / bona fide samples",
        "share",
        "down",
        _PAD,
    ),
    Figure(
        "attack_non_response_rate",
        "APNRR: attacks of a species without a score, since no face was found / attacks of the species",
        "share",
        "down",
        _PAD,
    ),
    Figure(
        "detection_equal_error_rate",
        "D-EER: rate where MACER = BSCER (APCER = BPCER), by linear crossing of the error curve; of all species that "
        "of the worst",
        "share",
        "down",
        _BOTH,
    ),
    Figure(
        "detection_area_under_curve",
        "chance that an attack scores above a bona fide sample, ties counted half: area under 1 - MACER over BSCER "
        "(1 - APCER over BPCER); of all species that of their attacks together",
        "share",
        "up",
        "Hanley and McNeil, Radiology 143(1), 1982",
    ),
    Figure(
        "attack_error_rate",
        "MACER of morphs, APCER of one species of presentation attack: attacks with a score below the threshold / "
        "attacks with a score",
        "share",
        "down",
        _BOTH,
    ),
    Figure(
        "worst_attack_error_rate",
        "APCER of a system, MACER of the worst species: the largest attack_error_rate of any species at one threshold",
        "share",
        "down",
        _PAD,
    ),
    Figure(
        "bona_fide_error_rate",
        "BSCER of morph detection, BPCER of presentation attacks: bona fide samples with a score at or above the "
        "threshold / bona fide samples with a score",
        "share",
        "down",
        _BOTH,
    ),
)
