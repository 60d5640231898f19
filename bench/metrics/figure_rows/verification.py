"""Comparisons of two photos: who takes part, errors over all thresholds, and errors at one."""

from __future__ import annotations

from bench.metrics.figure_rows import ISO, OURS, Figure

_LFW = "Huang et al., UMass TR 07-49, 2007"
_LLR = "Brümmer and du Preez, Computer Speech & Language 20(2-3), 2006"
_MAIO = "Maio et al., TPAMI 24(3), 2002"

ROWS: tuple[Figure, ...] = (
    Figure("frames", "photos that take part", "count", "none", OURS),
    Figure("frames_not_acquired", "photos on which the aligner found no face", "count", "down", OURS),
    Figure("subjects", "people who take part", "count", "none", OURS),
    Figure("mated_trials", "comparisons of two photos of one person, failed ones included", "count", "none", ISO),
    Figure("nonmated_trials", "comparisons of photos of two people, failed ones included", "count", "none", ISO),
    Figure("trials_not_acquired", "comparisons of which either face was not found", "count", "down", ISO),
    Figure("failure_to_acquire_rate", "FTA: trials of which either face was not found / trials", "share", "down", ISO),
    Figure("mated_similarity_mean", "mean score of acquired mated trials", "similarity", "up", OURS),
    Figure("nonmated_similarity_mean", "mean score of acquired nonmated trials", "similarity", "down", OURS),
    Figure(
        "equal_error_rate",
        "rate where FMR = FNMR, by linear crossing of the error curve",
        "share",
        "down",
        f"{_MAIO}, without its midpoint",
    ),
    Figure(
        "area_under_curve",
        "chance that a mated score is above a nonmated one, ties counted half: area under TMR over FMR",
        "share",
        "up",
        "Hanley and McNeil, Radiology 143(1), 1982",
    ),
    Figure(
        "decidability",
        "d' = |mean(mated) - mean(nonmated)| / sqrt((var(mated) + var(nonmated)) / 2)",
        "standard deviations",
        "up",
        "Daugman, IJCV 45(1), 2001",
    ),
    Figure(
        "best_accuracy",
        "largest share of right decisions on acquired trials over all thresholds, chosen on these very trials",
        "share",
        "up",
        OURS,
    ),
    Figure(
        "minimum_log_likelihood_ratio_cost",
        "minimum C_llr: that of the best log-likelihood ratios that keep the order of these scores, by pooling "
        "adjacent violators",
        "bits",
        "down",
        _LLR,
    ),
    Figure(
        "minimum_detection_cost",
        "minimum over all thresholds of (0.01·FNMR + 0.99·FMR) / 0.01: one comparison in a hundred mated, both errors "
        "at cost 1",
        "cost",
        "down",
        "NIST 2016 Speaker Recognition Evaluation Plan",
    ),
    Figure(
        "zero_fmr_false_non_match_rate",
        "ZeroFMR: FNMR at the smallest threshold that accepts none of these nonmated trials",
        "share",
        "down",
        _MAIO,
    ),
    Figure(
        "zero_fnmr_false_match_rate",
        "ZeroFNMR: FMR at the largest threshold that rejects none of these mated trials",
        "share",
        "down",
        _MAIO,
    ),
    Figure(
        "fold_accuracy",
        "mean over folds of the share of right decisions on acquired trials, by the best threshold of the other folds",
        "share",
        "up",
        _LFW,
    ),
    Figure(
        "fold_accuracy_deviation",
        "sample standard deviation of fold_accuracy over the folds (divided by F - 1)",
        "share",
        "none",
        _LFW,
    ),
    Figure(
        "fold_accuracy_standard_error",
        "fold_accuracy_deviation / sqrt(F), the standard error of the mean",
        "share",
        "none",
        _LFW,
    ),
    Figure(
        "all_trials_fold_accuracy",
        "fold_accuracy with every trial that failed to acquire counted as a wrong decision",
        "share",
        "up",
        f"{_LFW}; failures: {OURS}",
    ),
    Figure(
        "threshold",
        "the smallest float32 with FMR (1:N: FPIR; detectors: bona fide error) at most the requested one, at an attack "
        "error the largest; accept, or take for an attack, if and only if score >= threshold",
        "similarity",
        "none",
        f"{OURS}; budget floor(a·I) as in InsightFace 2.1",
    ),
    Figure("false_match_rate", "FMR: acquired nonmated trials accepted, achieved", "share", "down", ISO),
    Figure("false_non_match_rate", "FNMR: acquired mated trials rejected", "share", "down", ISO),
    Figure("true_match_rate", "TMR = 1 - FNMR", "share", "up", ISO),
    Figure("false_accept_rate", "FAR = FMR·(1 - FTA)", "share", "down", ISO),
    Figure("false_reject_rate", "FRR = FTA + FNMR·(1 - FTA)", "share", "down", ISO),
    Figure("true_accept_rate", "TAR = 1 - FRR = TMR·(1 - FTA)", "share", "up", ISO),
    Figure(
        "half_total_error_rate",
        "HTER = (FMR + FNMR) / 2 at the threshold of the equal error rate of other people",
        "share",
        "down",
        "Bengio and Mariéthoz, Odyssey 2004",
    ),
    Figure(
        "log_likelihood_ratio_cost",
        "C_llr of scale·score + offset, both fitted by logistic regression on other people: "
        "(mean(log2(1 + exp(-l)), mated) + mean(log2(1 + exp(l)), nonmated)) / 2",
        "bits",
        "down",
        _LLR,
    ),
)
