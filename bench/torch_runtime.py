"""What every plugin on torch shares: its device, its threads, bits that repeat, and batches of one size.

Importing this module imports no torch: settings and fingerprints need the first half of it while a sweep is planned.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from bench.errors import ProviderError
from bench.provenance import has_nvidia_driver, thread_count, version_of

if TYPE_CHECKING:
    import torch

Device = Literal["cpu", "cuda", "auto"]
"""``"auto"`` is CUDA where this torch and this machine seem to have it, else the CPU."""


def check_settings(device: str, threads: int, batch_size: int) -> None:
    """Makes sure that the settings that all of them have are in range.

    Raises:
        ValueError: one is not.
    """
    if device not in get_args(Device):
        raise ValueError(f"device: got {device!r}, expected one of {', '.join(get_args(Device))}")
    thread_count(threads)
    if batch_size < 1:
        raise ValueError(f"batch_size: got {batch_size}, expected at least 1")


def planned_device(device: Device) -> str:
    """``"cpu"`` or ``"cuda"``: where a plugin will run, told without torch.

    Where this guesses CUDA and torch disagrees, `opened_device` raises: what a fingerprint says is what runs.
    """
    if device != "auto":
        return device
    return "cuda" if has_nvidia_driver() and not version_of("torch").endswith("+cpu") else "cpu"


def opened_device(device: Device) -> torch.device:
    """The device itself.

    Raises:
        ProviderError: torch finds no CUDA device, and one was asked for or expected.
    """
    import torch

    name = planned_device(device)
    if name == "cuda" and not torch.cuda.is_available():
        raise ProviderError(
            f"device: got {device}, but torch {torch.__version__} finds no CUDA device;"
            " set device: cpu, or take a torch with CUDA (pip uninstall -y torch, then pip install torch; on Linux"
            " the default index has it) and see `impersona doctor`"
        )
    return torch.device(name)


@contextlib.contextmanager
def repeatable(device: torch.device, threads: int) -> Iterator[None]:
    """On the CPU as many threads as the settings say; on CUDA full float32 and one algorithm, so that bits repeat.

    Args:
        device: where the networks are.
        threads: as set, 0 for every core.
    """
    import torch

    if device.type == "cuda":
        with torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=False):
            yield
        return
    if torch.get_num_threads() != (wanted := thread_count(threads)):
        torch.set_num_threads(wanted)
    yield


def runtime_of(device: torch.device) -> Mapping[str, str]:
    """``device``, ``torch`` and ``threads`` as they really are."""
    import torch

    name = torch.cuda.get_device_name(device) if device.type == "cuda" else ""
    return {
        "device": f"{device.type} {name}".strip(),
        "torch": torch.__version__,
        "threads": str(torch.get_num_threads()),
    }


def padded(rows: NDArray[Any], size: int) -> Iterator[tuple[slice, NDArray[Any]]]:
    """Batches of one size: the places of the rows in each, and `size` rows, those that are missing zeros.

    Args:
        rows: (N, ...); N may be 0.
        size: rows a batch.
    """
    for start in range(0, len(rows), size):
        part = rows[start : start + size]
        batch = np.zeros((size, *rows.shape[1:]), dtype=rows.dtype)
        batch[: len(part)] = part
        yield slice(start, start + len(part)), batch
