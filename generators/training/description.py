"""What a trainable is made of: networks, layers, parameter counts, built without memory on the device ``meta``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from bench.recognizers.dlib_weights import EMBEDDING, FEATURES, STAGES, STEM, block_convolutions
from generators.training.card import parameter_count
from generators.training.recipe import Frozen, Trainable


def description_of(name: str, trainable: Trainable, preset: str) -> dict[str, Any]:
    """A trainable in plain values.

    Args:
        name: its full name.
        trainable: what to describe.
        preset: the name of its settings.

    Returns:
        ``side``, ``conditions``, ``batch_size``, ``networks`` (each with its parameter count, whether it is averaged
        and released, and its layers), and the counts ``trained``, ``released`` and ``frozen``.

    Raises:
        UnknownName: there is no such preset.
    """
    from generators.training.loop import preset_of

    settings = preset_of(trainable, preset)
    with torch.device("meta"):
        recipe = trainable.build(settings, Frozen())
    counts = {key: parameter_count(network) for key, network in recipe.networks.items()}
    networks = {
        key: {
            "parameters": counts[key],
            "released": key in recipe.averaged,
            "layers": layers_of(network),
        }
        for key, network in recipe.networks.items()
    }
    frozen = {"dlib_resnet": dlib_parameters()} if trainable.needs else {}
    return {
        "name": name,
        "preset": preset,
        "side": recipe.side,
        "conditions": sorted(trainable.conditions),
        "batch_size": recipe.batch_size,
        "ema_decay": recipe.ema_decay,
        "networks": networks,
        "trained": sum(counts.values()),
        "released": sum(counts[key] for key in recipe.averaged),
        "frozen": frozen,
        "taught_by": {role: "dlib_resnet" for role in sorted(trainable.needs)},
    }


def layers_of(network: nn.Module) -> list[dict[str, Any]]:
    """Every module with parameters of its own, in the order of declaration: name, type, parameters, shapes."""
    found = []
    seen: set[int] = set()
    for name, module in network.named_modules():
        own = {key: one for key, one in module.named_parameters(recurse=False) if id(one) not in seen}
        if own:
            seen |= {id(one) for one in own.values()}
            shapes = {key: list(one.shape) for key, one in own.items()}
            found.append({"name": name, "type": type(module).__name__, "shapes": shapes,
                          "parameters": sum(one.numel() for one in own.values())})  # fmt: skip
    return found


def dlib_parameters() -> int:
    """How many numbers dlib's ResNet has in torch, its affine layers folded into the convolutions."""
    blocks = (block for stage in STAGES for block in stage)
    shapes = [STEM, *(shape for block in blocks for shape in block_convolutions(*block))]
    return sum(out * into * kernel * kernel + out for into, out, kernel, _, _ in shapes) + FEATURES * EMBEDDING


def as_text(found: Mapping[str, Any]) -> str:
    """A description for people, one network a block and one line a part of it."""
    lines = [
        f"{found['name']}, preset {found['preset']}: images of {found['side']} pixels, {found['batch_size']} a step",
        f"conditions  {', '.join(found['conditions']) or 'none'}",
        f"trained     {found['trained']:,} parameters",
        f"released    {found['released']:,} parameters, averaged with decay {found['ema_decay']}",
    ]
    for name, count in found["frozen"].items():
        roles = [role for role, who in found["taught_by"].items() if who == name]
        lines.append(f"frozen      {count:,} parameters of {name} ({', '.join(roles)})")
    for name, network in found["networks"].items():
        lines += ["", f"{name}: {network['parameters']:,} parameters" + (", released" if network["released"] else "")]
        parts: dict[str, int] = {}
        for layer in network["layers"]:
            part = ".".join(layer["name"].split(".")[:2]) or layer["type"]
            parts[part] = parts.get(part, 0) + layer["parameters"]
        lines += [f"  {part:<40}{count:>12,}" for part, count in parts.items()]
    return "\n".join(lines)
