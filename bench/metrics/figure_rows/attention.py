"""Where makers of faces look at the identity that they were given."""

from __future__ import annotations

from bench.metrics.figure_rows import OURS, Figure

ROWS: tuple[Figure, ...] = (
    Figure(
        "identity_attention",
        "mean over made faces of the share of attention that goes to the identity, averaged over the layers and over "
        "the pixels of a region of the source's mask (`group`); without preference it is 1 / T for T tokens",
        "share",
        "none",
        OURS,
    ),
)
