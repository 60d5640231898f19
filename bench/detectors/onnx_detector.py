"""Any ONNX network as a detector of attacks: a settings file says how it is fed and which of its numbers means attack.

What a network gets and what its answer becomes, in this order:

    crop in [0, 1]  x  scale, - mean, / std, channels as `colour` and axes as `layout` have them
    output (N, C), (N,) or (N, 1)  ->  activation  ->  column `attack`, or 1 - column `bona_fide`  ->  score
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import numpy as np
from numpy.typing import NDArray

from bench.aligners.templates import template_digest
from bench.api import Crops, Fingerprint, Template
from bench.detectors.onnx_network import Network
from bench.detectors.onnx_settings import TEMPLATES, Description, OnnxDetectorSettings, describe
from bench.errors import ShapeError
from bench.onnx_runtime import (
    GRAPH_OPTIMISATION,
    installed_version,
    model_digests,
    open_session,
    provider_name,
    session_runtime,
)
from bench.provenance import thread_count

REVISION = 1


class OnnxDetector:
    """A `bench.api.Detector` that is an ONNX file."""

    def __init__(self, settings: OnnxDetectorSettings) -> None:
        self.description: Description = describe(settings)
        self.batch_size = self.description.batch_size
        self.species = self.description.species
        self.differential = self.description.differential

    @functools.cached_property
    def template(self) -> Template:
        """The crop. Opens the network where nobody but itself says how large it wants one."""
        return self.description.crop(self.description.side or self._network.side)

    def default_aligner(self) -> Mapping[str, Any]:
        """What the settings name, or an aligner that finds the landmarks of the template."""
        return self.description.aligner_entry()

    def fingerprint(self) -> Fingerprint:
        """What determines the scores: the network's digest, how it is fed and read, and what runs it."""
        said = self.description
        return {
            "revision": REVISION,
            **model_digests(said.path, said.sha256),
            "template": template_digest(TEMPLATES[said.template]),
            **{name: getattr(said, name) for name in ("side", "margin", "scale", "colour", "layout", "activation")},
            **{name: getattr(said, name) for name in ("attack", "bona_fide", "differential", "batch_size")},
            **{name: _in_words(getattr(said, name)) for name in ("mean", "std", "inputs", "output")},
            "provider": provider_name(said.provider),
            "threads": thread_count(said.threads),
            "graph_optimisation": GRAPH_OPTIMISATION,
            "onnxruntime": installed_version(),
        }

    def runtime(self) -> Mapping[str, str]:
        """The provider really used, threads and versions; empty before `attack_scores`."""
        if "_network" not in self.__dict__:
            return {}
        return session_runtime(self._network.session, self.description.threads)

    def attack_scores(self, crops: Crops, references: Crops | None = None) -> NDArray[np.float32]:
        """float32 (N,), higher is more likely an attack; every batch is padded to one size.

        Args:
            crops: float32 (N, 3, S, S) RGB in [0, 1].
            references: likewise, for a differential detector; ignored by others.

        Raises:
            ShapeError: the crops are not of the template's size, or references are missing.
            PluginError: the network takes something else, or does not give one finite score a crop.
        """
        given = [crops]
        if self.differential:
            if references is None:
                raise ShapeError("got no references; a differential detector needs a trusted photo beside each suspect")
            given.append(references)
        side = self.template.side
        for photos in given:
            if photos.dtype != np.float32 or photos.shape != (len(crops), 3, side, side):
                wanted = f"float32 ({len(crops)}, 3, {side}, {side}) RGB in [0, 1]"
                raise ShapeError(f"got {photos.dtype} {photos.shape}; detector onnx takes {wanted}")
        network = self._network
        size = network.fixed_batch or self.batch_size
        scores = [
            network.scores([photos[at : at + size] for photos in given], size) for at in range(0, len(crops), size)
        ]
        return np.concatenate(scores) if scores else np.zeros(0, dtype=np.float32)

    @functools.cached_property
    def _network(self) -> Network:
        model_digests(self.description.path, self.description.sha256)
        session = open_session(self.description.path, self.description.provider, self.description.threads)
        return Network(session, self.description)


def _in_words(value: Any) -> str:
    """A setting as one text; slashes in the names of tensors are escaped, so that they are no paths."""
    parts = value if isinstance(value, tuple) else (value,)
    return ", ".join(quote(part, safe="") if isinstance(part, str) else f"{part}" for part in parts)
