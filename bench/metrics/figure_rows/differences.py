"""One recognizer minus another, on the same people."""

from __future__ import annotations

from bench.metrics.figure_rows import OURS, Figure

_PAIRED = f"{OURS}; paired as in Fogliato et al., IJCV 132, 2024"

ROWS: tuple[Figure, ...] = (
    Figure(
        "equal_error_rate_difference",
        "equal_error_rate minus that of the recognizer named in `versus`, on the same people",
        "share",
        "down",
        _PAIRED,
    ),
    Figure(
        "area_under_curve_difference",
        "area_under_curve minus that of the recognizer named in `versus`, on the same people",
        "share",
        "up",
        _PAIRED,
    ),
    Figure(
        "true_match_rate_difference",
        "true_match_rate minus that of the recognizer named in `versus`, each at its own threshold, on the same people",
        "share",
        "up",
        _PAIRED,
    ),
)
