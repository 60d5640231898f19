"""Searches in a gallery."""

from __future__ import annotations

from bench.metrics.figure_rows import ISO, OURS, Figure

_FRTE = "NIST FRTE Part 2: Identification, NISTIR 8271"

ROWS: tuple[Figure, ...] = (
    Figure("enrolled_subjects", "people to be enrolled in the gallery of a 1:N search", "count", "none", ISO),
    Figure(
        "enrolments_not_acquired",
        "people who are not in the gallery because no face was found in their photo",
        "count",
        "down",
        ISO,
    ),
    Figure("mate_searches", "searches for people to be enrolled, failed ones included", "count", "none", _FRTE),
    Figure("nonmate_searches", "searches for people not enrolled, failed ones included", "count", "none", _FRTE),
    Figure("searches_not_acquired", "searches in whose photo no face was found", "count", "down", ISO),
    Figure(
        "cumulative_match_rate",
        "CMC: mate searches whose mate is among the R highest scores / mate searches; a failure to acquire is a miss",
        "share",
        "up",
        ISO,
    ),
    Figure(
        "acquired_cumulative_match_rate",
        "cumulative_match_rate over the mate searches of which both photos were acquired",
        "share",
        "up",
        OURS,
    ),
    Figure(
        "false_positive_identification_rate",
        "FPIR: non-mate searches that return anybody / non-mate searches, achieved; a failed search returns nobody",
        "share",
        "down",
        ISO,
    ),
    Figure(
        "false_negative_identification_rate",
        "FNIR: mate searches whose mate is below the threshold, at any rank / mate searches; a failure is one",
        "share",
        "down",
        ISO,
    ),
    Figure(
        "acquired_false_negative_identification_rate",
        "false_negative_identification_rate over the mate searches of which both photos were acquired",
        "share",
        "down",
        OURS,
    ),
    Figure(
        "detection_identification_rate",
        "DIR: mate searches whose mate reaches the threshold and has rank 1 / mate searches",
        "share",
        "up",
        "Phillips, Grother and Micheals, Handbook of Face Recognition, 2005, ch. 14",
    ),
)
