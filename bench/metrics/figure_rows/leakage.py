"""Whether made faces are nearer to the people a generator learned from than to others, and how many people they are."""

from __future__ import annotations

from bench.metrics.figure_rows import OURS, Figure

_AUTHENTIC = "Alaa et al., ICML 2022; the nearest photo of another person"
_MEMORISED = "Yoon et al., ICML SPIGM workshop 2023; t2 a photo of another person"

ROWS: tuple[Figure, ...] = (
    Figure(
        "membership_auc",
        "share of acquired made faces whose nearest person was learned from rather than held out, ties counted half: "
        "0.5 where nothing leaks",
        "share",
        "down",
        OURS,
    ),
    Figure(
        "membership_auc_p_value",
        "share of random exchanges of people learned from and held out after which membership_auc is as far from 0.5",
        "share",
        "none",
        OURS,
    ),
    Figure(
        "authenticity_rate",
        "share of made faces that are farther from their nearest photo learned from than that photo is from the "
        "nearest one of another person learned from",
        "share",
        "up",
        _AUTHENTIC,
    ),
    Figure(
        "holdout_authenticity_rate",
        "the same with people held out: what faces give that cannot have copied them",
        "share",
        "up",
        _AUTHENTIC,
    ),
    Figure(
        "memorisation_ratio",
        "share of made faces s with d(s, t1) < d(s, t2) / 3, t1 the nearest photo learned from and t2 the nearest of "
        "another person learned from",
        "share",
        "down",
        _MEMORISED,
    ),
    Figure("holdout_memorisation_ratio", "the same with people held out", "share", "down", _MEMORISED),
    Figure(
        "leakage_threshold",
        "the smallest float32 at which photos of real strangers match anybody learned from, and anybody held out, at a "
        "mean rate of at most the requested one",
        "similarity",
        "none",
        OURS,
    ),
    Figure(
        "leakage_rate",
        "LR_T: share of made faces that match anybody learned from; one that was not acquired matches nobody",
        "share",
        "down",
        OURS,
    ),
    Figure(
        "holdout_leakage_rate",
        "LR_H: the same of as many people held out, with as many photos",
        "share",
        "down",
        OURS,
    ),
    Figure(
        "clean_leakage_rate",
        "the same of photos of real strangers, mean of both galleries: at `fpir=` what the threshold achieves",
        "share",
        "down",
        OURS,
    ),
    Figure("excess_leakage", "leakage_rate minus holdout_leakage_rate, face by face", "share", "down", OURS),
    Figure(
        "excess_leakage_p_value",
        "share of random exchanges of people learned from and held out after which excess_leakage is as far from 0",
        "share",
        "none",
        OURS,
    ),
    Figure(
        "similarity_within_mean",
        "mean similarity of pairs of made faces of the same contributors",
        "similarity",
        "none",
        OURS,
    ),
    Figure(
        "similarity_between_mean",
        "mean similarity of pairs of made faces without a contributor in common",
        "similarity",
        "none",
        OURS,
    ),
    Figure(
        "unique_identity_rate",
        "share of made faces that match no earlier face that was kept, in their order",
        "share",
        "up",
        "Kim et al., CVPR 2023 (DCFace)",
    ),
)
