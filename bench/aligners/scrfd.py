"""SCRFD: InsightFace's face detector, five landmarks, run by InsightFace's own class over our session."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

import numpy as np

from bench.aligners.choice import Choice, check_choice, order_faces
from bench.aligners.templates import crop_by_landmarks
from bench.api import Face, Fingerprint, FrameImage, Template
from bench.errors import ConfigError, MissingDependency, PluginError
from bench.images import check_frame
from bench.insightface_packs import ROOT, ModelSource
from bench.insightface_packs import what_is_missing as _nothing_found
from bench.onnx_runtime import installed_version, open_session, provider_name
from bench.provenance import THREADS, thread_count, version_of

REVISION = 1


@dataclass(frozen=True, kw_only=True)
class ScrfdSettings:
    """What a sweep file may say about `scrfd`; `model` or `pack` must be given.

    Attributes:
        model: an ONNX file: a path, or a bare name in the folder that `IMPERSONA_MODELS` names.
        pack: an InsightFace pack, such as ``buffalo_l``; downloaded on first use.
        root: where InsightFace keeps its packs.
        sha256: the digest that the file must have; empty for the pinned one of a known pack, any for a file.
        det_size: width and height, in pixels, of the black canvas that the frame is scaled into; multiples of 32.
        threshold: confidence below which a face is none, in [0, 1].
        nms: overlap (intersection over union) above which the less sure of two boxes goes, in [0, 1].
        provider: ``cpu``, ``cuda``, ``auto`` or another name of `bench.onnx_runtime.PROVIDERS`.
        threads: threads of the CPU provider; 0 for every core.
        choose: which of several faces comes first.
    """

    model: str = ""
    pack: str = ""
    root: str = ROOT
    sha256: str = ""
    det_size: tuple[int, int] = (640, 640)
    threshold: float = 0.5
    nms: float = 0.4
    provider: str = "cpu"
    threads: int = THREADS
    choose: Choice = "size_and_centre"

    def __post_init__(self) -> None:
        """Raises ValueError for a value out of range."""
        self.source()
        if any(length < 32 or length % 32 for length in self.det_size):
            raise ValueError(f"det_size: got {list(self.det_size)}, expected two multiples of 32, such as [640, 640]")
        for name in ("threshold", "nms"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name}: got {getattr(self, name)}, expected a number in [0, 1]")
        provider_name(self.provider)
        thread_count(self.threads)
        check_choice(self.choose)

    def source(self) -> ModelSource:
        """Where the network comes from."""
        return ModelSource("detection", self.model, self.pack, self.root, self.sha256)


class Scrfd:
    """Finds faces and gives each the field's five points."""

    def __init__(self, settings: ScrfdSettings) -> None:
        self.settings = settings
        self._source = settings.source()

    def fingerprint(self) -> Fingerprint:
        """What determines the faces: the network's digest, the settings, the provider and the libraries."""
        settings = self.settings
        return {
            "revision": REVISION,
            **self._source.digests(),
            "det_size": "{}x{}".format(*settings.det_size),
            "threshold": settings.threshold,
            "nms": settings.nms,
            "choose": settings.choose,
            "provider": provider_name(settings.provider),
            "threads": thread_count(settings.threads),
            "onnxruntime": installed_version(),
            "insightface": version_of("insightface"),
            "opencv": version_of("opencv-python"),
        }

    def detect(self, frame: FrameImage) -> list[Face]:
        """The faces of a frame, the one to use first."""
        bgr = np.ascontiguousarray(check_frame(frame)[:, :, ::-1])
        boxes, points = self._network.detect(bgr)
        faces = [
            Face(
                box=box[:4].astype(np.float32),
                landmarks={"field5": five.astype(np.float32)},  # InsightFace: the eye at the left of the picture first
                confidence=float(box[4]),
            )
            for box, five in zip(boxes, points, strict=True)
        ]
        return order_faces(faces, frame.shape, self.settings.choose)

    def crop(self, frame: FrameImage, face: Face, template: Template) -> FrameImage:
        """uint8 (S, S, 3): the face, warped to the template."""
        return crop_by_landmarks(frame, face, template)

    @functools.cached_property
    def _network(self) -> Any:
        """InsightFace's `SCRFD`, checked and set up."""
        settings = self.settings
        path = self._source.path()
        session = open_session(path, settings.provider, settings.threads)
        outputs = len(session.get_outputs())
        if outputs not in (9, 15):  # with landmarks, at three strides or five
            raise PluginError(f"{path}: got {outputs} outputs; SCRFD with landmarks has 9 or 15 (boxes alone: 6 or 10)")
        try:
            from insightface.model_zoo import SCRFD
        except ImportError as error:
            raise MissingDependency(f"insightface cannot be imported ({error}); pip install insightface") from error
        network = SCRFD(model_file=str(path), session=session)
        fixed = network.static_input_size
        if fixed is not None and tuple(fixed) != tuple(settings.det_size):
            raise ConfigError(
                f"{path} takes {fixed[0]} x {fixed[1]} pixels only, got det_size: {list(settings.det_size)}; set"
                f" det_size: {list(fixed)}"
            )
        network.prepare(0, input_size=settings.det_size, det_thresh=settings.threshold, nms_thresh=settings.nms)
        normalisation = self._source.normalisation()
        if normalisation is not None:
            network.input_mean, network.input_std = normalisation
        return network


def what_is_missing() -> str:
    """One line if no SCRFD network is at hand on this machine, empty otherwise."""
    return _nothing_found("detection")
