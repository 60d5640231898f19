"""Opening an ONNX file: its digests, the execution provider that runs it, and the ONNX Runtime session.

Every plugin that runs an ONNX network opens it here, so that all of them refuse the same things: a provider that is not
there, a provider that gives way to the CPU without saying so, a file whose bytes are not those that were asked for.

Measured on the CPU with ONNX Runtime 1.31: convolutions, matrix products, pooling and softmax give the same bits with
any number of threads and any batch; ReduceMean over an inner axis, as transformers have it, does not (differences of
3e-9). So a session has a fixed number of threads, two wherever nobody says otherwise, and its fingerprint names it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench.errors import CorruptFile, MissingDependency, PluginError, ProviderError
from bench.provenance import THREADS, file_digest, has_nvidia_driver, thread_count, version_of

CPU, CUDA = "CPUExecutionProvider", "CUDAExecutionProvider"

PROVIDERS: Mapping[str, str] = {
    "cpu": CPU,
    "cuda": CUDA,
    "tensorrt": "TensorrtExecutionProvider",
    "coreml": "CoreMLExecutionProvider",
    "directml": "DmlExecutionProvider",
    "openvino": "OpenVINOExecutionProvider",
    "migraphx": "MIGraphXExecutionProvider",
}
"""The short names that a sweep file may use; ONNX Runtime's own names are understood too."""

GRAPH_OPTIMISATION = "all"

# TF32 keeps 10 bits of a factor's fraction, and cuDNN's exhaustive search may settle on another algorithm next time.
_CUDA_OPTIONS = {"use_tf32": "0", "cudnn_conv_algo_search": "HEURISTIC"}

_MEND_CUDA = (
    "for CUDA type `pip uninstall -y onnxruntime onnxruntime-gpu`, then `pip install onnxruntime-gpu`;"
    " `impersona doctor` shows what is installed"
)


def provider_name(provider: str) -> str:
    """ONNX Runtime's name of a provider.

    Args:
        provider: ``"auto"``, a short name from `PROVIDERS`, or a name that ends in ``ExecutionProvider``. ``"auto"`` is
            CUDA where onnxruntime-gpu is installed and the machine has an NVIDIA driver, and the CPU elsewhere; it is
            settled without importing ONNX Runtime, so that a fingerprint can name it.

    Raises:
        ValueError: no such name.
    """
    if provider == "auto":
        return CUDA if has_nvidia_driver() and version_of("onnxruntime-gpu") != "absent" else CPU
    if provider.endswith("ExecutionProvider"):
        return provider
    if provider not in PROVIDERS:
        known = ", ".join(["auto", *PROVIDERS])
        raise ValueError(f"provider: got {provider!r}, expected one of {known}, or ONNX Runtime's own name")
    return PROVIDERS[provider]


def installed_version() -> str:
    """ONNX Runtime's version, ``gpu`` before it where the CUDA build is the one installed; imports nothing."""
    gpu = version_of("onnxruntime-gpu")
    return f"gpu {gpu}" if gpu != "absent" else version_of("onnxruntime")


def check_sha256(sha256: str) -> None:
    """Refuses a setting that is no digest.

    Raises:
        ValueError: neither empty nor 64 hexadecimal digits.
    """
    if sha256 and not re.fullmatch(r"[0-9a-fA-F]{64}", sha256):
        raise ValueError(f"sha256: got {sha256!r}, expected 64 hexadecimal digits")


def model_digests(path: str | os.PathLike[str], sha256: str = "") -> dict[str, str]:
    """The digests of an ONNX file and, where there is one, of the tensors that torch's exporter puts beside it.

    Args:
        path: the ONNX file.
        sha256: the hex digest that the file must have; empty for any.

    Returns:
        ``model_sha256`` and, if ``FILE.onnx.data`` exists, ``tensors_sha256``.

    Raises:
        MissingFile: there is no such file.
        CorruptFile: the file has another digest.
    """
    digests = {"model_sha256": file_digest(path)}
    if sha256 and digests["model_sha256"] != sha256.lower():
        raise CorruptFile(
            f"{path}: got SHA-256 {digests['model_sha256']}, expected {sha256.lower()}; delete the file and fetch it"
            " again, or, if you trust this one, give its digest as sha256: in the sweep file"
        )
    tensors = _tensor_file(path)
    if tensors.is_file():
        digests["tensors_sha256"] = file_digest(tensors)
    return digests


def open_session(path: str | os.PathLike[str], provider: str = "cpu", threads: int = THREADS) -> Any:
    """A session of an ONNX file, on the provider that was asked for or not at all.

    Args:
        path: the ONNX file.
        provider: as `provider_name` takes it.
        threads: threads within one operator; 0 for every core of this process.

    Returns:
        An ``onnxruntime.InferenceSession``.

    Raises:
        MissingDependency: ONNX Runtime is not installed.
        ProviderError: the provider is not available, or gave way to another.
        CorruptFile: the file cannot be opened as an ONNX network.
        PluginError: the network keeps tensors in a file that no digest covers.
    """
    try:
        import onnxruntime
        from onnxruntime.capi import onnxruntime_pybind11_state as failures
    except ImportError as error:
        raise MissingDependency(f"onnxruntime cannot be imported ({error}); pip install onnxruntime") from error

    wanted = provider_name(provider)
    available = onnxruntime.get_available_providers()
    if wanted not in available:
        raise ProviderError(f"got provider {provider!r}; available here: {', '.join(available)}; {_MEND_CUDA}")
    if wanted == CUDA and hasattr(onnxruntime, "preload_dlls"):
        onnxruntime.preload_dlls()

    file_failures = (
        failures.Fail, failures.InvalidArgument, failures.InvalidGraph, failures.InvalidProtobuf, failures.NoModel,
        failures.NoSuchFile, failures.NotImplemented,
    )  # fmt: skip
    provider_failures = (failures.EPFail, failures.EngineError, failures.RuntimeException, RuntimeError, ValueError)
    chosen: list[Any] = [(wanted, _CUDA_OPTIONS)] if wanted == CUDA else [wanted]
    if wanted != CPU:
        chosen.append(CPU)  # for single operators that the provider lacks
    try:
        session = onnxruntime.InferenceSession(
            os.fspath(path), _session_options(onnxruntime, threads), providers=chosen, enable_fallback=0
        )
    except file_failures as error:
        raise CorruptFile(f"{path}: ONNX Runtime cannot open it as a network ({error})") from error
    except provider_failures as error:
        kind = CorruptFile if wanted == CPU else ProviderError
        raise kind(f"{path}: ONNX Runtime cannot open it on {wanted} ({error})") from error
    session.disable_fallback()
    _check_tensor_files(path)
    used = session.get_providers()[0]
    if used != wanted:
        raise ProviderError(
            f"got provider {provider!r}, but ONNX Runtime fell back to {used}: the libraries of {wanted} did not load;"
            f" available here: {', '.join(available)}; {_MEND_CUDA}"
        )
    return session


def session_runtime(session: Any, threads: int) -> dict[str, str]:
    """What a session really runs on: provider, threads, graph optimisation and ONNX Runtime's version."""
    return {
        "provider": session.get_providers()[0],
        "threads": str(thread_count(threads)),
        "graph_optimisation": GRAPH_OPTIMISATION,
        "onnxruntime": installed_version(),
    }


def _session_options(onnxruntime: Any, threads: int) -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = thread_count(threads)
    options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.use_deterministic_compute = True
    options.log_severity_level = 3  # errors: what they say is raised anyway, warnings are about the graph
    return options


def _tensor_file(path: str | os.PathLike[str]) -> Path:
    return Path(f"{os.fspath(path)}.data")


def _check_tensor_files(path: str | os.PathLike[str]) -> None:
    """Refuses a network whose tensors lie in files that `model_digests` does not look at."""
    import onnx
    from onnx.external_data_helper import ExternalDataInfo, uses_external_data

    graph = onnx.load(os.fspath(path), load_external_data=False).graph
    outside = {ExternalDataInfo(tensor).location for tensor in graph.initializer if uses_external_data(tensor)}
    strange = outside - {_tensor_file(path).name}
    if strange:
        raise PluginError(
            f"{path} keeps tensors in {', '.join(sorted(strange))}; expected all in the file itself or in"
            f" {_tensor_file(path).name}; join them with onnx.save(onnx.load(FILE), NEW_FILE)"
        )
