"""What a data set's columns tell: figures of groups, and of what is left after discarding by quality."""

from __future__ import annotations

from bench.metrics.figure_rows import OURS, Figure

_DEMOGRAPHICS = "Grother, Ngan and Hanaoka, NISTIR 8280, 2019"
_DISCARD = "Grother and Tabassi, TPAMI 29(4), 2007; ISO/IEC 29794-1"
_DISCARD_AREA = f"{_DISCARD}; limits as in Schlett et al., arXiv 2303.13294"

ROWS: tuple[Figure, ...] = (
    Figure("frames_without_value", "photos of which the column has no value", "count", "none", OURS),
    Figure(
        "frames_without_group",
        "photos in no group of the column: no value, a value in no band, or a person between two groups",
        "count",
        "none",
        OURS,
    ),
    Figure("subjects_without_group", "people of whom no photo is in a group of the column", "count", "none", OURS),
    Figure(
        "trials_without_group",
        "comparisons whose two photos are not in one group of the column, those across groups included",
        "count",
        "none",
        OURS,
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
    Figure("frames_without_quality", "photos of which the quality column has no value", "count", "none", OURS),
    Figure(
        "trials_without_quality",
        "acquired mated comparisons with a photo of unknown quality, which the discard figures leave out",
        "count",
        "none",
        OURS,
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
        _DISCARD_AREA,
    ),
    Figure(
        "discard_area_50",
        "the same up to 50 %",
        "ratio",
        "down",
        _DISCARD_AREA,
    ),
)
