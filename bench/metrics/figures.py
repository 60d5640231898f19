"""The table of figures: every name that may stand in a summary, what it means, and which way is better."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from bench.errors import UnknownName

Direction = Literal["up", "down", "none"]


@dataclass(frozen=True)
class Figure:
    """One kind of number.

    Attributes:
        name: what summary.json calls it.
        meaning: one sentence with the formula where there is one.
        unit: ``"share"`` (0 to 1), ``"similarity"`` (in the recognizer's own scores), ``"count"``, ``"bits"``,
            ``"cost"`` (1 is that of deciding blindly), ``"ratio"``, ``"standard deviations"``, ``"dB"``,
            ``"index"`` (-1 to 1), or ``"distance"`` (squared, of embeddings of length 1).
        direction: ``"up"`` where higher is better for a recognizer (of visual cost: for the eye), ``"down"`` where
            lower is, ``"none"`` where neither. It decides. The ending of a name follows it (``*_rate``, ``*_error``
            down, ``*_accuracy`` up), but for the field's own terms, which go up: the true rates,
            cumulative_match_rate and detection_identification_rate; and but for outcomes of made faces, of which none
            is better as such.
        source: where the formula is from.
    """

    name: str
    meaning: str
    unit: str
    direction: Direction
    source: str


_ISO = "ISO/IEC 19795-1:2021"
_LFW = "Huang et al., UMass TR 07-49, 2007"
_FRTE = "NIST FRTE Part 2: Identification, NISTIR 8271"
_OURS = "impersona"
_DEMOGRAPHICS = "Grother, Ngan and Hanaoka, NISTIR 8280, 2019"
_DISCARD = "Grother and Tabassi, TPAMI 29(4), 2007; ISO/IEC 29794-1"
_LLR = "Brümmer and du Preez, Computer Speech & Language 20(2-3), 2006"
_HIDDEN = f"{_OURS}; the four outcomes after Tarollo et al., CVPRW 2024"
_MORPH = "Scherhag et al., BIOSIG 2017"
_OUTCOMES: Mapping[str, Direction] = {"both": "down", "swapped": "down", "preserved": "none", "neither": "none"}


def _outcomes(prefix: str, of: str) -> tuple[Figure, ...]:
    """The four outcomes of faces with two contributors, as shares of the same attempts."""
    meanings = (
        "the first and the second contributor match",
        "the second contributor matches and the first does not",
        "the first contributor matches and the second does not",
        "neither contributor matches",
    )
    return tuple(
        Figure(f"{prefix}{outcome}_match_rate", f"{of} in which {meaning}", "share", direction, _HIDDEN)
        for (outcome, direction), meaning in zip(_OUTCOMES.items(), meanings, strict=True)
    )


_ROWS: tuple[Figure, ...] = (
    Figure("frames", "photos that take part", "count", "none", _OURS),
    Figure("frames_not_acquired", "photos on which the aligner found no face", "count", "down", _OURS),
    Figure("subjects", "people who take part", "count", "none", _OURS),
    Figure("mated_trials", "comparisons of two photos of one person, failed ones included", "count", "none", _ISO),
    Figure("nonmated_trials", "comparisons of photos of two people, failed ones included", "count", "none", _ISO),
    Figure("trials_not_acquired", "comparisons of which either face was not found", "count", "down", _ISO),
    Figure("failure_to_acquire_rate", "FTA: trials of which either face was not found / trials", "share", "down", _ISO),
    Figure("mated_similarity_mean", "mean score of acquired mated trials", "similarity", "up", _OURS),
    Figure("nonmated_similarity_mean", "mean score of acquired nonmated trials", "similarity", "down", _OURS),
    Figure(
        "equal_error_rate",
        "rate where FMR = FNMR, by linear crossing of the error curve",
        "share",
        "down",
        "Maio et al., TPAMI 24(3), 2002, without its midpoint",
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
        _OURS,
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
        "Maio et al., TPAMI 24(3), 2002",
    ),
    Figure(
        "zero_fnmr_false_match_rate",
        "ZeroFNMR: FMR at the largest threshold that rejects none of these mated trials",
        "share",
        "down",
        "Maio et al., TPAMI 24(3), 2002",
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
        f"{_LFW}; failures: {_OURS}",
    ),
    Figure(
        "threshold",
        "the smallest float32 with FMR (1:N: FPIR) at most the requested one; accept if and only if score >= threshold",
        "similarity",
        "none",
        f"{_OURS}; budget floor(a·I) as in InsightFace 2.1",
    ),
    Figure("false_match_rate", "FMR: acquired nonmated trials accepted, achieved", "share", "down", _ISO),
    Figure("false_non_match_rate", "FNMR: acquired mated trials rejected", "share", "down", _ISO),
    Figure("true_match_rate", "TMR = 1 - FNMR", "share", "up", _ISO),
    Figure("false_accept_rate", "FAR = FMR·(1 - FTA)", "share", "down", _ISO),
    Figure("false_reject_rate", "FRR = FTA + FNMR·(1 - FTA)", "share", "down", _ISO),
    Figure("true_accept_rate", "TAR = 1 - FRR = TMR·(1 - FTA)", "share", "up", _ISO),
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
    Figure("enrolled_subjects", "people to be enrolled in the gallery of a 1:N search", "count", "none", _ISO),
    Figure(
        "enrolments_not_acquired",
        "people who are not in the gallery because no face was found in their photo",
        "count",
        "down",
        _ISO,
    ),
    Figure("mate_searches", "searches for people to be enrolled, failed ones included", "count", "none", _FRTE),
    Figure("nonmate_searches", "searches for people not enrolled, failed ones included", "count", "none", _FRTE),
    Figure("searches_not_acquired", "searches in whose photo no face was found", "count", "down", _ISO),
    Figure(
        "cumulative_match_rate",
        "CMC: mate searches whose mate is among the R highest scores / mate searches; a failure to acquire is a miss",
        "share",
        "up",
        _ISO,
    ),
    Figure(
        "acquired_cumulative_match_rate",
        "cumulative_match_rate over the mate searches of which both photos were acquired",
        "share",
        "up",
        _OURS,
    ),
    Figure(
        "false_positive_identification_rate",
        "FPIR: non-mate searches that return anybody / non-mate searches, achieved; a failed search returns nobody",
        "share",
        "down",
        _ISO,
    ),
    Figure(
        "false_negative_identification_rate",
        "FNIR: mate searches whose mate is below the threshold, at any rank / mate searches; a failure is one",
        "share",
        "down",
        _ISO,
    ),
    Figure(
        "acquired_false_negative_identification_rate",
        "false_negative_identification_rate over the mate searches of which both photos were acquired",
        "share",
        "down",
        _OURS,
    ),
    Figure(
        "detection_identification_rate",
        "DIR: mate searches whose mate reaches the threshold and has rank 1 / mate searches",
        "share",
        "up",
        "Phillips, Grother and Micheals, Handbook of Face Recognition, 2005, ch. 14",
    ),
    Figure(
        "equal_error_rate_difference",
        "equal_error_rate minus that of the recognizer named in `versus`, on the same people",
        "share",
        "down",
        f"{_OURS}; paired as in Fogliato et al., IJCV 132, 2024",
    ),
    Figure(
        "area_under_curve_difference",
        "area_under_curve minus that of the recognizer named in `versus`, on the same people",
        "share",
        "up",
        f"{_OURS}; paired as in Fogliato et al., IJCV 132, 2024",
    ),
    Figure(
        "true_match_rate_difference",
        "true_match_rate minus that of the recognizer named in `versus`, each at its own threshold, on the same people",
        "share",
        "up",
        f"{_OURS}; paired as in Fogliato et al., IJCV 132, 2024",
    ),
    Figure("frames_without_value", "photos of which the column has no value", "count", "none", _OURS),
    Figure(
        "frames_without_group",
        "photos in no group of the column: no value, a value in no band, or a person between two groups",
        "count",
        "none",
        _OURS,
    ),
    Figure("subjects_without_group", "people of whom no photo is in a group of the column", "count", "none", _OURS),
    Figure(
        "trials_without_group",
        "comparisons whose two photos are not in one group of the column, those across groups included",
        "count",
        "none",
        _OURS,
    ),
    Figure(
        "false_non_match_rate_differential",
        "FNMR of the group minus FNMR of the other groups of its column together",
        "share",
        "none",
        _DEMOGRAPHICS,
    ),
    Figure(
        "false_match_rate_differential",
        "FMR of the group divided by FMR of the other groups of its column together, each within its groups",
        "ratio",
        "none",
        _DEMOGRAPHICS,
    ),
    Figure("frames_without_quality", "photos of which the quality column has no value", "count", "none", _OURS),
    Figure(
        "trials_without_quality",
        "acquired mated comparisons with a photo of unknown quality, which the discard figures leave out",
        "count",
        "none",
        _OURS,
    ),
    Figure(
        "false_non_match_rate_after_discard",
        "FNMR of what is left when at most 20 % of the mated comparisons, those of lowest quality, are discarded",
        "share",
        "down",
        _DISCARD,
    ),
    Figure(
        "discard_area_20",
        "area under FNMR over the share discarded, up to 20 %: 0 where errors go first, 1 where quality tells nothing",
        "ratio",
        "down",
        f"{_DISCARD}; limits as in Schlett et al., arXiv 2303.13294",
    ),
    Figure(
        "discard_area_50",
        "the same up to 50 %",
        "ratio",
        "down",
        f"{_DISCARD}; limits as in Schlett et al., arXiv 2303.13294",
    ),
    Figure("generated_faces", "faces that were to be made", "count", "none", _OURS),
    Figure(
        "faces_not_made",
        "faces that were not made, most often because a contributor's face was not found",
        "count",
        "none",
        _OURS,
    ),
    Figure(
        "generated_faces_not_acquired",
        "made faces in which the recognizer's aligner found no face",
        "count",
        "none",
        _OURS,
    ),
    *_outcomes("", "share of all attempts (a face with one other photo of each contributor)"),
    Figure(
        "not_acquired_rate",
        "share of all attempts in which the face was not made, or no face was found in it or in one of the photos",
        "share",
        "none",
        _HIDDEN,
    ),
    *_outcomes("acquired_", "share of the attempts of which the face and both photos were acquired"),
    *_outcomes("clean_", "share of all attempts, with the first contributor's unchanged photo for the face,"),
    Figure(
        "clean_not_acquired_rate",
        "share of all attempts, with the first contributor's unchanged photo for the face, in which no face was found "
        "in one of the three photos",
        "share",
        "none",
        _HIDDEN,
    ),
    *(
        Figure(
            f"excess_{outcome}_match_rate",
            f"{outcome}_match_rate - clean_{outcome}_match_rate, face by face",
            "share",
            direction,
            _HIDDEN,
        )
        for outcome, direction in _OUTCOMES.items()
    ),
    Figure(
        "conditional_both_match_rate",
        "share of the attempts decided right before (the first contributor's unchanged photo matches the first and not "
        "the second) in which both contributors match",
        "share",
        "down",
        _HIDDEN,
    ),
    Figure(
        "contributor_match_rate",
        "share of all comparisons of a face with another photo of the contributor in `group` that match; a failure to "
        "acquire does not",
        "share",
        "none",
        _OURS,
    ),
    Figure(
        "acquired_contributor_match_rate",
        "share of the acquired comparisons of a face with another photo of the contributor in `group` that match",
        "share",
        "none",
        _OURS,
    ),
    Figure(
        "same_photo_match_rate",
        "share of all faces that match the very photo of the contributor in `group` that the maker saw; a failure to "
        "acquire does not",
        "share",
        "none",
        _OURS,
    ),
    Figure(
        "morph_match_rate",
        "MMPMR: share of the acquired faces that match the first acquired other photo of every contributor",
        "share",
        "down",
        _MORPH,
    ),
    Figure(
        "minmax_morph_match_rate",
        "MinMax-MMPMR: share of the acquired faces that match at least one other photo of every contributor",
        "share",
        "down",
        _MORPH,
    ),
    Figure(
        "prodavg_morph_match_rate",
        "ProdAvg-MMPMR: mean over acquired faces of the product over contributors of the share of their other photos "
        "that match",
        "share",
        "down",
        _MORPH,
    ),
    Figure(
        "relative_morph_match_rate",
        "RMMR = 1 + ProdAvg-MMPMR - TMR, that of the contributors' own photos with the same other photos, of the same "
        "faces",
        "share",
        "down",
        _MORPH,
    ),
    Figure(
        "several_match_rate",
        "share of all attempts in which at least as many contributors match as `group` says, such as `2 of 3`",
        "share",
        "down",
        _OURS,
    ),
    Figure(
        "contributor_similarity_mean",
        "mean over faces of the mean acquired score with other photos of the contributor in `group`",
        "similarity",
        "none",
        _OURS,
    ),
    Figure(
        "same_photo_similarity_mean",
        "mean acquired score with the very photo of the contributor in `group` that the maker saw",
        "similarity",
        "none",
        _OURS,
    ),
    Figure(
        "similarity_margin_mean",
        "mean over faces of the mean acquired score with the second contributor minus that with the first",
        "similarity",
        "none",
        _HIDDEN,
    ),
    Figure(
        "structural_similarity_mean",
        "SSIM: mean over made faces of the structural similarity to the first contributor's photo, -1 to 1",
        "index",
        "up",
        "Wang et al., IEEE TIP 13(4), 2004",
    ),
    Figure(
        "peak_signal_to_noise_ratio_mean",
        "PSNR: mean over made faces of 10·log10(255² / MSE) with the first contributor's photo",
        "dB",
        "up",
        "Wang et al., IEEE TIP 13(4), 2004",
    ),
    Figure(
        "frechet_distance",
        "squared Fréchet distance of two normal distributions, fitted to this recognizer's embeddings, of length 1, of "
        "the made faces and of the contributors' photos",
        "distance",
        "down",
        "Heusel et al., NeurIPS 2017",
    ),
    Figure(
        "kernel_distance",
        "KID: unbiased squared maximum mean discrepancy of the same embeddings, kernel (cosine + 1)³",
        "distance",
        "down",
        "Bińkowski et al., ICLR 2018",
    ),
)

FIGURES: Mapping[str, Figure] = MappingProxyType({row.name: row for row in _ROWS})
"""Every figure by its name, in the order in which reports print them."""


def figure(name: str) -> Figure:
    """The figure of a name.

    Args:
        name: as in summary.json.

    Raises:
        UnknownName: no figure has that name; the error carries the near ones.
    """
    try:
        return FIGURES[name]
    except KeyError:
        raise UnknownName("figure", name, FIGURES) from None
