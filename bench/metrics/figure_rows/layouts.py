"""Whether made faces show what they were meant to show."""

from __future__ import annotations

from bench.metrics.figure_rows import OURS, Figure

_SOURCE = f"{OURS}; intersection over union as in Everingham et al., IJCV 111, 2015, face by face"

ROWS: tuple[Figure, ...] = (
    Figure(
        "layout_intersection_over_union_mean",
        "mean over made faces of the mean intersection over union of the maker's layout and a parser's labels of the "
        "face, over the regions that either shows in at least 0.1 % of the pixels; of a region (`group`) over the "
        "faces that are meant to show it",
        "share",
        "up",
        _SOURCE,
    ),
    Figure(
        "layout_accuracy_mean",
        "mean over made faces of the share of pixels that a parser labels as the maker meant them",
        "share",
        "up",
        OURS,
    ),
)
