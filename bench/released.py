"""Released weights, as everybody reads them: float16 tensors called ``NETWORK/KEY``, settings in the metadata.

`generators.training.released` writes them and says more. What reads them must run where only torch and safetensors are.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.errors import CorruptFile, MissingFile

if TYPE_CHECKING:
    import torch

FORMAT = "impersona.weights/1"
"""What the metadata of such a file calls its format."""


def read_released(path: str | os.PathLike[str]) -> tuple[dict[str, Any], dict[str, dict[str, torch.Tensor]]]:
    """The settings and the weights of a released file.

    Returns:
        The settings as plain values (a tuple has become a list), and network name to state dict, floating point tensors
        as float32 on the CPU.

    Raises:
        MissingFile: there is no such file.
        CorruptFile: it is not such a file.
    """
    networks: dict[str, dict[str, torch.Tensor]] = {}
    with _opened(path) as (file, metadata):
        settings = json.loads(metadata["settings"])
        for name in file.keys():  # noqa: SIM118  not a mapping
            network, slash, key = name.partition("/")
            if not slash:
                raise CorruptFile(f"{path}: got a tensor {name!r}, expected NETWORK/KEY")
            value = file.get_tensor(name)
            networks.setdefault(network, {})[key] = value.float() if value.is_floating_point() else value
    return settings, networks


def read_about(path: str | os.PathLike[str]) -> dict[str, Any]:
    """What a released file says of itself besides the settings: steps, data, teachers and the like.

    Raises:
        MissingFile: there is no such file.
        CorruptFile: it is not such a file.
    """
    with _opened(path) as (_, metadata):
        return dict(json.loads(metadata["about"]))


@contextlib.contextmanager
def _opened(path: str | os.PathLike[str]) -> Iterator[tuple[Any, Mapping[str, str]]]:
    """The file, open, and its metadata; what is wrong with it, there or within the block, is a `CorruptFile`."""
    from safetensors import SafetensorError, safe_open

    if not Path(path).is_file():
        raise MissingFile(f"no weight file at {path}")
    try:
        with safe_open(os.fspath(path), framework="pt") as file:
            metadata = file.metadata() or {}
            if metadata.get("format") != FORMAT:
                raise CorruptFile(f"{path}: got format {metadata.get('format')!r}, expected {FORMAT!r}")
            yield file, metadata
    except (SafetensorError, KeyError, ValueError) as error:
        raise CorruptFile(f"{path}: not released weights ({error}); copy the file again") from error
