"""Faces that generators and attacks made: who matches them, and what making them cost the eye."""

from __future__ import annotations

from collections.abc import Mapping

from bench.metrics.figure_rows import OURS, Direction, Figure

_HIDDEN = f"{OURS}; the four outcomes after Tarollo et al., CVPRW 2024"
_MORPH = "Scherhag et al., BIOSIG 2017"
_WANG = "Wang et al., IEEE TIP 13(4), 2004"
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


ROWS: tuple[Figure, ...] = (
    Figure("generated_faces", "faces that were to be made", "count", "none", OURS),
    Figure(
        "faces_not_made",
        "faces that were not made, most often because a contributor's face was not found",
        "count",
        "none",
        OURS,
    ),
    Figure(
        "generated_faces_not_acquired",
        "made faces in which the recognizer's aligner found no face",
        "count",
        "none",
        OURS,
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
        OURS,
    ),
    Figure(
        "clean_contributor_match_rate",
        "share of all comparisons of the first contributor's unchanged photo with another photo of the contributor in "
        "`group` that match; a failure to acquire does not",
        "share",
        "none",
        OURS,
    ),
    Figure(
        "excess_contributor_match_rate",
        "contributor_match_rate minus clean_contributor_match_rate, face by face",
        "share",
        "none",
        OURS,
    ),
    Figure(
        "acquired_contributor_match_rate",
        "share of the acquired comparisons of a face with another photo of the contributor in `group` that match",
        "share",
        "none",
        OURS,
    ),
    Figure(
        "same_photo_match_rate",
        "share of all faces that match the very photo of the contributor in `group` that the maker saw; a failure to "
        "acquire does not",
        "share",
        "none",
        OURS,
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
        OURS,
    ),
    Figure(
        "clean_several_match_rate",
        "the same of the first contributor's unchanged photo",
        "share",
        "down",
        OURS,
    ),
    Figure(
        "excess_several_match_rate",
        "several_match_rate minus clean_several_match_rate, face by face",
        "share",
        "down",
        OURS,
    ),
    Figure(
        "contributor_similarity_mean",
        "mean over faces of the mean acquired score with other photos of the contributor in `group`",
        "similarity",
        "none",
        OURS,
    ),
    Figure(
        "same_photo_similarity_mean",
        "mean acquired score with the very photo of the contributor in `group` that the maker saw",
        "similarity",
        "none",
        OURS,
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
        _WANG,
    ),
    Figure(
        "peak_signal_to_noise_ratio_mean",
        "PSNR: mean over made faces of 10·log10(255² / MSE) with the first contributor's photo",
        "dB",
        "up",
        _WANG,
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
