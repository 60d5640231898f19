"""Released weights: one safetensors file of float16 tensors, the settings that build the networks in its metadata.

A tensor is called ``NETWORK/KEY``, KEY as in the network's state dict. The metadata holds three texts: ``format``,
``settings`` and ``about``, the last two JSON. Nothing in the file names a class or a module.
"""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from bench.errors import ConfigError
from bench.released import FORMAT, read_about, read_released

__all__ = ["FORMAT", "MAX_BYTES", "read_about", "read_released", "write_released"]

MAX_BYTES = 16_000_000
"""The largest file that is released: what a package index and a git repository carry without pain."""


def write_released(
    path: str | os.PathLike[str], networks: Mapping[str, nn.Module], settings: Any, about: Mapping[str, Any]
) -> int:
    """Writes the weights of networks, floating point ones as float16, and replaces the file at once.

    Args:
        path: of the file, ``.safetensors``.
        networks: name to network; most often the averaged ones of a run.
        settings: the frozen dataclass of plain values from which they are built, or a mapping.
        about: what else a reader should know: recipe, preset, steps, data; plain values.

    Returns:
        The file's bytes.

    Raises:
        ConfigError: it would be larger than `MAX_BYTES`, or a weight is not finite or beyond float16.
    """
    from safetensors.torch import save

    tensors = {
        f"{name}/{key}": _half(value, f"{name}/{key}")
        for name, network in networks.items()
        for key, value in network.state_dict().items()
    }
    plain = dataclasses.asdict(settings) if dataclasses.is_dataclass(settings) else dict(settings)  # type: ignore[arg-type]
    metadata = {"format": FORMAT, "settings": _json(plain), "about": _json(dict(about))}
    data = _ordered(save(tensors, metadata))
    if len(data) > MAX_BYTES:
        raise ConfigError(_too_large(path, len(data)))
    place = Path(path)
    place.parent.mkdir(parents=True, exist_ok=True)
    temporary = place.with_name(f".{place.name}.{os.getpid()}")
    temporary.write_bytes(data)
    os.replace(temporary, place)
    return len(data)


def check_releasable(path: str | os.PathLike[str], networks: Mapping[str, nn.Module]) -> None:
    """Refuses before hours of training what `write_released` would refuse behind them.

    Args:
        path: of the file.
        networks: name to network, trained or not.

    Raises:
        ConfigError: the file would be larger than `MAX_BYTES`, or a folder stands in its place.
    """
    if Path(path).is_dir():
        raise ConfigError(f"{path} is a folder; expected a file to write the weights to, such as {path}.safetensors")
    values = [value for network in networks.values() for value in network.state_dict().values()]
    size = sum(value.numel() * (2 if value.is_floating_point() else value.element_size()) for value in values)
    if size > MAX_BYTES:
        raise ConfigError(_too_large(path, size))


def _ordered(data: bytes) -> bytes:
    """The same file with the keys of its metadata in order: safetensors writes them in another order every time."""
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)  # the tensors begin at a multiple of eight bytes
    return len(text).to_bytes(8, "little") + text + data[8 + length :]


def _too_large(path: str | os.PathLike[str], size: int) -> str:
    return f"{path}: got {size:,} bytes of weights, expected at most {MAX_BYTES:,}; release a smaller preset"


def _half(value: torch.Tensor, name: str) -> torch.Tensor:
    value = value.detach().cpu().contiguous()
    if not value.is_floating_point():
        return value
    half = value.half()
    if not bool(torch.isfinite(half).all()):
        raise ConfigError(f"weight {name}: got values that are not finite or beyond 65,504, the largest of float16")
    return half


def _json(value: Any) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False, allow_nan=False)
