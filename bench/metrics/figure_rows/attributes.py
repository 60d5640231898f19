"""Whether made faces show the attributes that were asked for, and keep the others."""

from __future__ import annotations

from bench.metrics.figure_rows import OURS, Figure

ROWS: tuple[Figure, ...] = (
    Figure(
        "attribute_accuracy",
        "mean over made faces of the share of the attributes asked for that the judge sees in the face, where it is "
        "trusted on all of them; of one attribute (`group`) over the faces of which it was asked",
        "share",
        "up",
        OURS,
    ),
    Figure(
        "attribute_change_rate",
        "the same over those attributes only that the judge sees otherwise in the first contributor's photo",
        "share",
        "up",
        OURS,
    ),
    Figure(
        "attribute_kept_rate",
        "mean over made faces of the share of the attributes not asked for, of those on which the judge is trusted, "
        "that it sees as in the first contributor's photo; of one attribute (`group`) likewise",
        "share",
        "up",
        OURS,
    ),
)
