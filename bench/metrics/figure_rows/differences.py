"""One recognizer, or one maker of faces, minus another, on the same people."""

from __future__ import annotations

from bench.metrics.figure_rows import OURS, Direction, Figure

_PAIRED = f"{OURS}; paired as in Fogliato et al., IJCV 132, 2024"

_PEOPLE = "on the same people"
_THERE = "at the same threshold, on the same people"
OF_FACES: tuple[tuple[str, str, str, Direction], ...] = (
    ("contributor_similarity_mean", _PEOPLE, "similarity", "none"),
    ("contributor_match_rate", _THERE, "share", "none"),
    ("both_match_rate", _THERE, "share", "down"),
    ("structural_similarity_mean", _PEOPLE, "index", "up"),
    ("peak_signal_to_noise_ratio_mean", _PEOPLE, "dB", "up"),
    ("frechet_distance", _PEOPLE, "distance", "down"),
    ("kernel_distance", _PEOPLE, "distance", "down"),
    ("making_distance_mean", _PEOPLE, "distance", "none"),
    ("layout_intersection_over_union_mean", _PEOPLE, "share", "up"),
    ("nearest_similarity_mean", _PEOPLE, "similarity", "none"),
)
"""A figure of made faces, what its difference is of, its unit, and which way is better."""

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
    *(
        Figure(f"{name}_difference", f"{name} minus that of the maker named in `versus`, {at}", unit, better, _PAIRED)
        for name, at, unit, better in OF_FACES
    ),
)
