"""What this machine has and lacks: versions, cores, GPU, providers, name clashes, where weights and data are."""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from bench.errors import ConfigError, ImpersonaError
from bench.places import DATA_VARIABLE, MODELS_VARIABLE, cache_root, folder_of, lfw_roots
from bench.provenance import machine, version_of, versions
from bench.version import __version__
from bench.weights import RELEASED, dlib_model

PACKAGES = ("bench", "attacks", "generators", "reports")
DISTRIBUTION = "impersona"
MARK = f'__distribution__ = "{DISTRIBUTION}"'
DLIB_FILES = (
    "dlib_face_recognition_resnet_model_v1.dat",
    "shape_predictor_5_face_landmarks.dat",
    "shape_predictor_68_face_landmarks.dat",
)

Level = Literal["ok", "note", "problem"]


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        topic: what.
        level: ``ok``, ``note`` (works, but worth knowing) or ``problem``.
        text: what was found.
        remedy: commands or settings that mend it; empty for none.
    """

    topic: str
    level: Level
    text: str
    remedy: tuple[str, ...] = ()


def refuse_shadowed_packages() -> None:
    """Makes sure that the four packages that Python would import are impersona's own; imports none of them.

    Raises:
        ConfigError: another distribution's package, or a folder, stands in the way; names its path.
    """
    for finding in _packages():
        if finding.level == "problem":
            raise ConfigError(f"{finding.text}; {finding.remedy[0]}")


def examine() -> list[Finding]:
    """Everything that the doctor looks at, in order; one thing that cannot be examined does not stop the others."""
    findings: list[Finding] = []
    for look in (_versions, _machine, _torch, _onnxruntime, _packages, _weights, _models, _data, _cache):
        findings += _guarded(look)
    return findings


def _guarded(look: Callable[[], Iterator[Finding]]) -> list[Finding]:
    findings = []
    try:
        for finding in look():
            findings.append(finding)  # noqa: PERF402 - what was found before an error must not be lost
    except (ImportError, AttributeError, RuntimeError, OSError, ImpersonaError) as error:
        findings.append(Finding(look.__name__.strip("_"), "problem", f"{type(error).__name__}: {error}"))
    return findings


def _versions() -> Iterator[Finding]:
    yield Finding("versions", "ok", f"impersona {__version__}; " + ", ".join(f"{k} {v}" for k, v in versions().items()))


def _machine() -> Iterator[Finding]:
    facts = machine()
    yield Finding("machine", "ok", f"{facts['processor']}, {facts['cores']} cores, {facts['system']}")


def _torch() -> Iterator[Finding]:
    if version_of("torch") == "absent":
        yield Finding("torch", "problem", "torch is not installed", ("pip install impersona",))
        return
    import torch

    gpus = [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]
    built = f"torch {torch.__version__}, CUDA {torch.version.cuda or 'not built in'}"
    yield Finding("torch", "ok", f"{built}; GPU: {', '.join(gpus) or 'none'}")


def _onnxruntime() -> Iterator[Finding]:
    installed = [name for name in ("onnxruntime", "onnxruntime-gpu") if version_of(name) != "absent"]
    if len(installed) == 2:
        wanted = "onnxruntime-gpu" if shutil.which("nvidia-smi") else "onnxruntime"
        yield Finding(
            "onnxruntime",
            "problem",
            "onnxruntime and onnxruntime-gpu are both installed; they share one folder and overwrite each other",
            ("pip uninstall -y onnxruntime onnxruntime-gpu", f"pip install {wanted}"),
        )
    elif not installed:
        yield Finding("onnxruntime", "problem", "no onnxruntime is installed", ("pip install onnxruntime",))
    import onnxruntime

    providers = [name.removesuffix("ExecutionProvider") for name in onnxruntime.get_available_providers()]
    text = f"{' and '.join(installed)} {onnxruntime.__version__}; providers: {', '.join(providers)}"
    if shutil.which("nvidia-smi") and "CUDA" not in providers:
        remedy = ("pip uninstall -y onnxruntime onnxruntime-gpu", "pip install onnxruntime-gpu")
        yield Finding("onnxruntime", "note", f"{text}; there is an NVIDIA driver, but no CUDA provider", remedy)
    else:
        yield Finding("onnxruntime", "ok", text)


def _packages() -> Iterator[Finding]:
    homes = {}
    for name in PACKAGES:
        spec = importlib.util.find_spec(name)
        places = [Path(place) for place in (spec.submodule_search_locations or [])] if spec else []
        homes[name] = places[0] if places else None
        init = places[0] / "__init__.py" if places else None
        if init is None or not init.is_file() or MARK not in init.read_text(encoding="utf-8"):
            where = homes[name] or (spec.origin if spec else "nowhere")
            remedy = f"remove or rename {where}, or run from another folder" if spec else "reinstall impersona"
            yield Finding("packages", "problem", f"the package {name!r} is not impersona's: {where}", (remedy,))
    parents = {home.parent for home in homes.values() if home}
    if len(parents) > 1:
        listed = ", ".join(f"{name}: {home}" for name, home in homes.items())
        yield Finding("packages", "note", f"the packages come from several places: {listed}", ("reinstall impersona",))
    else:
        yield Finding("packages", "ok", f"{', '.join(PACKAGES)} in {next(iter(parents), 'nowhere')}")


def _weights() -> Iterator[Finding]:
    for path in sorted(RELEASED.glob("*.safetensors")):
        card = path.with_suffix(".md")
        size = f"{path.stat().st_size / 2**20:.1f} MB"
        if card.is_file():
            yield Finding("weights", "ok", f"{path.name} ({size}) in {RELEASED}")
        else:
            yield Finding("weights", "problem", f"{path.name} ({size}) has no model card", ("reinstall impersona",))
    for name in DLIB_FILES:
        path = dlib_model(name)
        yield Finding("weights", "ok", f"{name} ({path.stat().st_size / 2**20:.1f} MB) in {path.parent}")


def _models() -> Iterator[Finding]:
    yield _folder("models", MODELS_VARIABLE, "ONNX models are found by the path that a sweep gives", "*.onnx")
    packs = Path("~/.insightface/models").expanduser()
    found = sorted(path.name for path in packs.iterdir() if path.is_dir()) if packs.is_dir() else []
    yield Finding("models", "ok", f"InsightFace packs in {packs}: {', '.join(found) or 'none'}")


def _data() -> Iterator[Finding]:
    yield _folder("data", DATA_VARIABLE, "data sets are found by the root that a sweep gives", "*/")
    places = ", ".join(f"{root} ({'found' if (root / 'pairs.txt').is_file() else 'not there'})" for root in lfw_roots())
    yield Finding("data", "ok", f"LFW is looked for in {places}")


def _folder(topic: str, variable: str, otherwise: str, pattern: str) -> Finding:
    folder = folder_of(variable)
    if folder is None:
        return Finding(topic, "note", f"{variable} is not set: {otherwise}", (f"export {variable}=/path/to/{topic}",))
    if not folder.is_dir():
        return Finding(topic, "problem", f"{variable}={folder} is no folder", (f"mkdir -p {folder}",))
    found = sorted(path.name for path in folder.glob(pattern))
    return Finding(topic, "ok", f"{variable}={folder}: {', '.join(found) or f'no {pattern}'}")


def _cache() -> Iterator[Finding]:
    folder = cache_root()
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) if folder.is_dir() else 0
    text = f"embeddings (biometric data, if the faces are real) lie in {folder}: {size / 2**20:.1f} MB"
    yield Finding("cache", "ok", text)
