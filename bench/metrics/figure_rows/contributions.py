"""Faces mixed from several people: whom they match by what was taken of whom."""

from __future__ import annotations

from bench.metrics.figure_rows import OURS, Figure

_PAIRS = "of all comparisons of a made face with another photo of"
_LARGEST = "the one with the largest share of its pixels"

ROWS: tuple[Figure, ...] = (
    Figure(
        "mean_contributor_match_rate",
        "contributor_match_rate averaged over the contributors of each face: the rate of the average contributor; it "
        "falls by dilution alone as more people share a face",
        "share",
        "none",
        OURS,
    ),
    Figure(
        "contribution_share_mean",
        "mean over made faces of the share of the pixels, without background, that the contributor in `group` gave",
        "share",
        "none",
        OURS,
    ),
    Figure(
        "given_match_rate",
        f"share {_PAIRS} the contributor who gave the region in `group` ({_LARGEST}) that match; a failure to acquire "
        "does not; of the faces that show the region",
        "share",
        "none",
        OURS,
    ),
    Figure(
        "not_given_match_rate",
        "the same of the other contributors of these faces, averaged over them",
        "share",
        "none",
        OURS,
    ),
    Figure(
        "given_match_rate_gain",
        "how much more often contributors match who gave the region than those who did not but gave as many other "
        "parts of a face that shows it",
        "share",
        "none",
        OURS,
    ),
    Figure(
        "share_taken_match_rate",
        f"share {_PAIRS} a contributor who gave so much of its pixels, without background, as `group` says, such as "
        "`25-50 %`, that match; a failure to acquire does not",
        "share",
        "none",
        OURS,
    ),
)
