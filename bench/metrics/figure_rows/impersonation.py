"""Whom made faces could be taken for, in a gallery of people who have no part in them."""

from __future__ import annotations

from bench.metrics.figure_rows import OURS, Figure

_FPIR = f"{OURS}; FPIR of ISO/IEC 19795-1:2021 with made faces for probes"
_COVERAGE = f"{OURS}; coverage of a master face after Shmelkin et al., FG 2021"

ROWS: tuple[Figure, ...] = (
    Figure(
        "rank_one_similarity_mean",
        "mean over acquired made faces of the highest similarity to anybody enrolled",
        "similarity",
        "none",
        OURS,
    ),
    Figure(
        "clean_rank_one_similarity_mean",
        "the same of photos of real strangers, people who are not enrolled",
        "similarity",
        "none",
        OURS,
    ),
    Figure(
        "excess_rank_one_similarity_mean",
        "rank_one_similarity_mean minus clean_rank_one_similarity_mean: above 0 where made faces come nearer to people "
        "enrolled than real strangers do",
        "similarity",
        "none",
        OURS,
    ),
    Figure(
        "rank_one_auc",
        "chance that the highest similarity of an acquired made face to anybody enrolled is above that of a real "
        "stranger's photo, ties counted half: 0.5 where made faces are as strangers",
        "share",
        "down",
        f"{OURS}; Mann and Whitney, Annals of Mathematical Statistics 18, 1947",
    ),
    Figure(
        "impersonation_threshold",
        "the smallest float32 that at most floor(a·photos) photos of real strangers reach with anybody enrolled",
        "similarity",
        "none",
        OURS,
    ),
    Figure(
        "impersonation_rate",
        "FPIR_S: share of made faces that match anybody enrolled; one that was not acquired matches nobody",
        "share",
        "down",
        _FPIR,
    ),
    Figure(
        "clean_impersonation_rate",
        "the same of photos of real strangers: at `fpir=` what the threshold achieves",
        "share",
        "down",
        _FPIR,
    ),
    Figure(
        "excess_impersonation_rate",
        "impersonation_rate minus clean_impersonation_rate",
        "share",
        "down",
        OURS,
    ),
    Figure(
        "photo_impersonation_rate",
        "the same of the very photos that faces were made of: mean over faces of the share of their photos that match "
        "anybody enrolled",
        "share",
        "down",
        OURS,
    ),
    Figure(
        "excess_photo_impersonation_rate",
        "impersonation_rate minus photo_impersonation_rate, face by face",
        "share",
        "down",
        OURS,
    ),
    Figure(
        "worst_probe_coverage",
        "share of the people enrolled whom the one made face matches that matches most of them; where there are fewer "
        "photos of real strangers than faces, the expected one of the best of as many faces (`n`)",
        "share",
        "down",
        _COVERAGE,
    ),
    Figure(
        "clean_worst_probe_coverage",
        "expected share of the people enrolled whom the best of as many photos of real strangers matches",
        "share",
        "down",
        _COVERAGE,
    ),
    Figure(
        "exposure_mean",
        "mean over made faces of the share of the people enrolled, or of those in `group`, whom they match",
        "share",
        "down",
        OURS,
    ),
    Figure(
        "clean_exposure_mean",
        "the same of photos of real strangers",
        "share",
        "down",
        OURS,
    ),
    Figure(
        "exposure_highest",
        "share of made faces that match the person enrolled whom most of them match",
        "share",
        "down",
        OURS,
    ),
    Figure(
        "exposed_people_rate",
        "share of the people enrolled whom at least one made face matches; where there are fewer photos of real "
        "strangers than faces, expected of as many faces",
        "share",
        "down",
        OURS,
    ),
    Figure(
        "clean_exposed_people_rate",
        "expected share of the people enrolled whom at least one of as many photos of real strangers matches",
        "share",
        "down",
        OURS,
    ),
)
