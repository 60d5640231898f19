"""How near made faces come to the faces of other people."""

from __future__ import annotations

from bench.metrics.figure_rows import OURS, Figure

_SOURCE = OURS

ROWS: tuple[Figure, ...] = (
    Figure(
        "nearest_similarity_mean",
        "mean over made faces of the highest similarity to any photo of the people of `novelty`",
        "similarity",
        "none",
        _SOURCE,
    ),
    Figure(
        "clean_nearest_similarity_mean",
        "the same of the photos that these faces were made of: mean over faces of the mean over their contributors",
        "similarity",
        "none",
        _SOURCE,
    ),
    Figure(
        "excess_nearest_similarity_mean",
        "nearest_similarity_mean minus clean_nearest_similarity_mean, face by face: above 0 where made faces come "
        "nearer to these people than photos of others do",
        "similarity",
        "none",
        _SOURCE,
    ),
)
