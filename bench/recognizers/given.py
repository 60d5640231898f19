"""The recognizer of embeddings that a data set brings: it says how they are compared, and looks at nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, get_args

from bench.api import Comparison, Crops, Embeddings, Fingerprint, Template
from bench.errors import ConfigError


@dataclass(frozen=True, kw_only=True)
class GivenSettings:
    """Settings of `given`.

    Attributes:
        comparison: ``cosine``, or ``neg_l2`` for minus the Euclidean distance.
        model: whose embeddings they are, such as ``adaface_ir101``: thresholds of one model are refused for another.
    """

    comparison: Comparison
    model: str = ""

    def __post_init__(self) -> None:
        """Raises ValueError for an unknown comparison."""
        if self.comparison not in get_args(Comparison):
            raise ValueError(f"comparison: got {self.comparison!r}, expected one of {', '.join(get_args(Comparison))}")


class Given:
    """A `bench.api.Recognizer` without a network, for the data set `embeddings` and its like."""

    template = Template("none", 1, {})
    batch_size = 1

    def __init__(self, settings: GivenSettings) -> None:
        self.settings = settings
        self.comparison: Comparison = settings.comparison

    def fingerprint(self) -> Fingerprint:
        """What determines the scores besides the embeddings."""
        return {"revision": 1, "comparison": self.settings.comparison, "model": self.settings.model}

    def default_aligner(self) -> Mapping[str, Any]:
        """None: there is no picture to find a face in."""
        return {"name": "none"}

    def runtime(self) -> Mapping[str, str]:
        """Nothing ran."""
        return {}

    def embed(self, crops: Crops) -> Embeddings:
        """Raises `ConfigError`: there is nothing to look at pictures with."""
        raise ConfigError(
            "the recognizer 'given' looks at no picture: it compares embeddings that a data set brings; type "
            "dataset: {name: embeddings, file: /path/to/vectors.parquet}, or name a recognizer such as dlib_resnet"
        )
