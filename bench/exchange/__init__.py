"""Scores in the files of other tools: read into arrays, written from arrays, without loss where a file can hold them.

A verification system's scores are `ComparisonScores`, an attack detector's `PresentationScores`. `FORMATS` names the
formats; `read_scores` and `write_scores` go by it. docs/interchange.md says what each format keeps.
"""

from bench.exchange.formats import FORMATS, ScoreFormat, read_scores, write_scores
from bench.exchange.presentations import PresentationScores
from bench.exchange.scores import ComparisonScores, Written, comparison_scores

__all__ = [
    "FORMATS",
    "ComparisonScores",
    "PresentationScores",
    "ScoreFormat",
    "Written",
    "comparison_scores",
    "read_scores",
    "write_scores",
]
