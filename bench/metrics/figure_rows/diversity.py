"""How varied made faces are: among each other, and when the same photos are made into a face again."""

from __future__ import annotations

from bench.metrics.figure_rows import OURS, Figure

_GROUPS = "(no contributor in common, or the same ones with other photos: `group`)"

ROWS: tuple[Figure, ...] = (
    Figure(
        "face_distance_mean",
        f"mean over pairs of acquired made faces {_GROUPS} of |x - y|² of this recognizer's embeddings, of length 1",
        "distance",
        "none",
        OURS,
    ),
    Figure(
        "photo_distance_mean",
        "the same of the photos that these faces were made of: mean over the same pairs and over the contributors in "
        "their order",
        "distance",
        "none",
        OURS,
    ),
    Figure(
        "diversity_ratio",
        "face_distance_mean / photo_distance_mean: 1 where faces vary as much as the photos that they were made of, "
        "near 0 where all look alike",
        "ratio",
        "up",
        f"{OURS}; a ratio of total variances, after the mode collapse of Srivastava et al., NeurIPS 2017",
    ),
    Figure(
        "making_distance_mean",
        "mean over faces of the mean over pairs of makings of the same photos of |x - y|² of this recognizer's "
        "embeddings, of length 1; 0 for a generator that draws nothing",
        "distance",
        "none",
        f"{OURS}; makings of one source compared as in Zhu et al., NeurIPS 2017",
    ),
    Figure(
        "making_diversity_ratio",
        "making_distance_mean / photo_distance_mean of different people: how far noise alone moves a face, beside how "
        "far people are apart",
        "ratio",
        "none",
        OURS,
    ),
)
