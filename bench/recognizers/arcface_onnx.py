"""ArcFace-style networks from any ONNX file or InsightFace pack, run by InsightFace's own class over our session."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from bench.aligners.templates import ARCFACE112, template_digest
from bench.api import Comparison, Crops, Embeddings, Fingerprint, Template
from bench.errors import MissingDependency, PluginError, ShapeError
from bench.insightface_packs import KNOWN_PACKS, ROOT, ModelSource
from bench.insightface_packs import what_is_missing as _nothing_found
from bench.onnx_runtime import GRAPH_OPTIMISATION, installed_version, open_session, provider_name, session_runtime
from bench.provenance import THREADS, thread_count, version_of

REVISION = 1

_INPUT_TYPES = {"tensor(float)": np.float32, "tensor(float16)": np.float16, "tensor(uint8)": np.uint8}


@dataclass(frozen=True, kw_only=True)
class ArcfaceOnnxSettings:
    """What a sweep file may say about `arcface_onnx`; `model` or `pack` must be given.

    Attributes:
        model: an ONNX file: a path, or a bare name in the folder that `IMPERSONA_MODELS` names.
        pack: an InsightFace pack, such as ``buffalo_l``; downloaded on first use.
        root: where InsightFace keeps its packs.
        sha256: the digest that the file must have; empty for the pinned one of a known pack, any for a file.
        provider: ``cpu``, ``cuda``, ``auto`` or another name of `bench.onnx_runtime.PROVIDERS`.
        threads: threads of the CPU provider; 0 for every core.
        batch_size: crops a batch. Measured with MobileFaceNet on 2 cores: 4 to 16 are equally fast, 1 and 64 are 10 to
            15 % slower.
    """

    model: str = ""
    pack: str = ""
    root: str = ROOT
    sha256: str = ""
    provider: str = "cpu"
    threads: int = THREADS
    batch_size: int = 16

    def __post_init__(self) -> None:
        """Raises ValueError for a value out of range."""
        self.source()
        provider_name(self.provider)
        thread_count(self.threads)
        if not 1 <= self.batch_size <= 4096:
            raise ValueError(f"batch_size: got {self.batch_size}, expected 1 to 4096")

    def source(self) -> ModelSource:
        """Where the network comes from."""
        return ModelSource("recognition", self.model, self.pack, self.root, self.sha256)


class ArcfaceOnnx:
    """A recognizer that compares by cosine, such as ArcFace, CosFace, MagFace or AdaFace networks.

    InsightFace's `ArcFaceONNX` reads off the graph whether the network normalises its input by itself.
    """

    comparison: Comparison = "cosine"

    def __init__(self, settings: ArcfaceOnnxSettings) -> None:
        self.settings = settings
        self.batch_size = settings.batch_size
        self._source = settings.source()

    @functools.cached_property
    def template(self) -> Template:
        """ArcFace's crop, at the side that the network wants. Opens a network whose side nobody knows."""
        if self.settings.pack in KNOWN_PACKS:
            return ARCFACE112
        side = int(self._network.input_size[0])
        if side == ARCFACE112.side:
            return ARCFACE112
        scale = np.float32(side / ARCFACE112.side)
        targets = {scheme: points * scale for scheme, points in ARCFACE112.targets.items()}
        return Template(name=f"arcface{side}", side=side, targets=targets)

    def default_aligner(self) -> Mapping[str, Any]:
        """The detector of the same pack; for a file, which has none beside it, dlib's 68 points."""
        if not self.settings.pack:
            return {"name": "dlib_hog", "points": 68}
        shared = {name: getattr(self.settings, name) for name in ("root", "provider", "threads")}
        defaults = ArcfaceOnnxSettings(pack=self.settings.pack)
        changed = {name: value for name, value in shared.items() if value != getattr(defaults, name)}
        return {"name": "scrfd", "pack": self.settings.pack, **changed}

    def fingerprint(self) -> Fingerprint:
        """What determines the embeddings: the network's digest, provider, threads, batch and libraries."""
        return {
            "revision": REVISION,
            "template": template_digest(ARCFACE112),
            **self._source.digests(),
            "provider": provider_name(self.settings.provider),
            "threads": thread_count(self.settings.threads),
            "batch_size": self.batch_size,
            "graph_optimisation": GRAPH_OPTIMISATION,
            "onnxruntime": installed_version(),
            "insightface": version_of("insightface"),
        }

    def runtime(self) -> Mapping[str, str]:
        """The provider really used, threads, versions, and how the input is normalised; empty before `embed`."""
        if "_network" not in self.__dict__:
            return {}
        network = self._network
        mean, deviation = float(network.input_mean), float(network.input_std)
        in_graph = (mean, deviation) == (0.0, 1.0)
        return {
            **session_runtime(network.session, self.settings.threads),
            "insightface": version_of("insightface"),
            "normalisation": "in the graph" if in_graph else f"(levels - {mean:g}) / {deviation:g}",
        }

    def embed(self, crops: Crops) -> Embeddings:
        """float32 (N, D), from float32 (N, 3, S, S) RGB in [0, 1]; every batch is padded to one size.

        Raises:
            ShapeError: the crops are not of the template's size.
            PluginError: the network does not give one finite vector a crop.
        """
        network = self._network
        side = self.template.side
        if crops.dtype != np.float32 or crops.shape[1:] != (3, side, side):
            raise ShapeError(f"got {crops.dtype} {crops.shape}; expected float32 (N, 3, {side}, {side}) in [0, 1]")
        fixed = network.input_shape[0]
        size = fixed if isinstance(fixed, int) else self.batch_size
        found = [self._forward(crops[start : start + size], size) for start in range(0, len(crops), size)]
        if not found:
            width = network.output_shape[-1]
            return np.zeros((0, width if isinstance(width, int) else 0), dtype=np.float32)
        return np.concatenate(found)

    def _forward(self, crops: Crops, size: int) -> Embeddings:
        padded = np.zeros((size, *crops.shape[1:]), dtype=np.float32)
        # k/255*255 gives back k in float32 for all 256 levels; nothing is rounded, so attacks see a smooth network.
        padded[: len(crops)] = crops * np.float32(255)
        if self._network.input_dtype == np.uint8:
            np.rint(padded, out=padded)
        found = np.asarray(self._network.forward(padded), dtype=np.float32)
        if found.ndim != 2 or len(found) != size:
            raise PluginError(f"{self._label}: got {found.shape} from {size} crops; expected one vector (D,) a crop")
        if not np.isfinite(found[: len(crops)]).all():
            raise PluginError(f"{self._label}: the embeddings are not finite; is this a face recognition network?")
        return found[: len(crops)]

    @property
    def _label(self) -> str:
        return self.settings.model or f"the InsightFace pack {self.settings.pack}"

    @functools.cached_property
    def _network(self) -> Any:
        """InsightFace's `ArcFaceONNX`, checked."""
        path = self._source.path()
        session = open_session(path, self.settings.provider, self.settings.threads)
        _check_graph(session, self._label)
        try:
            from insightface.model_zoo import ArcFaceONNX
        except ImportError as error:
            raise MissingDependency(f"insightface cannot be imported ({error}); pip install insightface") from error
        network = ArcFaceONNX(model_file=str(path), session=session)
        network.input_dtype = _INPUT_TYPES[session.get_inputs()[0].type]
        if not all(isinstance(length, int) for length in network.input_shape[2:4]):
            network.input_size = (ARCFACE112.side, ARCFACE112.side)  # a network that takes any size was trained at 112
        normalisation = self._source.normalisation()
        if normalisation is not None:
            network.input_mean, network.input_std = normalisation
        return network


def what_is_missing() -> str:
    """One line if no recognition network is at hand on this machine, empty otherwise."""
    return _nothing_found("recognition")


def _check_graph(session: Any, label: str) -> None:
    """Refuses a network that is not one image in, one vector out.

    Raises:
        PluginError: and says what it is instead.
    """
    inputs, outputs = session.get_inputs(), session.get_outputs()
    if len(inputs) != 1 or len(outputs) != 1:
        names = ", ".join(output.name for output in outputs)
        raise PluginError(
            f"{label}: got {len(inputs)} inputs and {len(outputs)} outputs ({names}); an ArcFace-style network has one"
            " of each, (N, 3, S, S) to (N, D)"
        )
    shape, kind = list(inputs[0].shape), inputs[0].type
    if len(shape) != 4 or (isinstance(shape[1], int) and shape[1] != 3):
        raise PluginError(f"{label}: got input {shape}; expected (N, 3, S, S), channels first")
    if shape[2] != shape[3] and all(isinstance(length, int) for length in shape[2:]):
        raise PluginError(f"{label}: got input {shape[2]} x {shape[3]}; arcface_onnx makes square crops only")
    if kind not in _INPUT_TYPES:
        raise PluginError(f"{label}: got input type {kind}; expected one of {', '.join(_INPUT_TYPES)}")
