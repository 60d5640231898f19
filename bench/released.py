"""Released weights, as everybody reads them: float16 tensors called ``NETWORK/KEY``, settings in the metadata.

`generators.training.released` writes them and says more. What reads them must run where only torch and safetensors are.
"""

from __future__ import annotations

import json
import os
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
    from safetensors import SafetensorError, safe_open

    if not Path(path).is_file():
        raise MissingFile(f"no weight file at {path}")
    networks: dict[str, dict[str, torch.Tensor]] = {}
    try:
        with safe_open(os.fspath(path), framework="pt") as file:
            metadata = file.metadata() or {}
            if metadata.get("format") != FORMAT:
                raise CorruptFile(f"{path}: got format {metadata.get('format')!r}, expected {FORMAT!r}")
            settings = json.loads(metadata["settings"])
            for name in file.keys():  # noqa: SIM118  not a mapping
                network, slash, key = name.partition("/")
                if not slash:
                    raise CorruptFile(f"{path}: got a tensor {name!r}, expected NETWORK/KEY")
                value = file.get_tensor(name)
                networks.setdefault(network, {})[key] = value.float() if value.is_floating_point() else value
    except (SafetensorError, KeyError, ValueError) as error:
        raise CorruptFile(f"{path}: not released weights ({error}); copy the file again") from error
    return settings, networks
