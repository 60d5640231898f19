"""What a trainable is made of: networks, layers, parameter counts, floating-point operations.

All of it is built, and run, on the device ``meta``, which has shapes and no memory. An operation is a multiplication or
an addition, of convolutions and matrix products; what is done for each number once, such as norms, is not counted.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from bench.aligners.templates import DLIB150
from bench.parsers.labels import LABELS
from bench.parsers.network import read_network
from bench.recognizers.dlib_weights import EMBEDDING, FEATURES, STAGES, STEM, block_convolutions
from generators.training.batches import TrainingBatch
from generators.training.card import parameter_count
from generators.training.choice import preset_of
from generators.training.encoder import DLIB
from generators.training.frozen import PARSER, parser_weights
from generators.training.recipe import Frozen, Recipe, Staged, Step, Trainable

_DEPTHS = 5
"""Of the features that a perceptual network gives."""


def description_of(name: str, trainable: Trainable, preset: str) -> dict[str, Any]:
    """A trainable in plain values.

    Args:
        name: its full name.
        trainable: what to describe.
        preset: the name of its settings.

    Returns:
        ``side``, ``conditions``, ``batch_size``, ``networks`` (each with its parameter count, the operations of one
        face forward or None, whether it is averaged and released, and its layers), the counts ``trained``, ``released``
        and ``frozen``, and why operations were ``not_counted``, or nothing.

    Raises:
        UnknownName: there is no such preset.
    """
    settings = preset_of(trainable, preset)
    with torch.device("meta"):
        recipe = trainable.build(settings, Frozen())
    costs, why = operations_of(trainable, settings)
    counts = {key: parameter_count(network) for key, network in recipe.networks.items()}
    networks = {
        key: {
            "parameters": counts[key],
            "operations": costs.get(key),
            "released": key in recipe.averaged,
            "layers": layers_of(network),
        }
        for key, network in recipe.networks.items()
    }
    teachers = {role: PARSER if role == "parser" else DLIB for role in sorted(trainable.needs)}
    counted = {DLIB: dlib_parameters, PARSER: _parser_parameters}
    frozen = {name: counted[name]() for name in sorted(set(teachers.values()))}
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
        "not_counted": why,
        "taught_by": teachers,
    }


def operations_of(trainable: Trainable, settings: Any) -> tuple[dict[str, int], str]:
    """Floating-point operations of each network's forward pass, for one face.

    The recipe makes its samples, and its losses at each of its beginnings, with faces of no content; of each network
    its first pass counts.

    Args:
        trainable: what is counted.
        settings: of the recipe.

    Returns:
        Network to operations, and why some network was not reached; an empty text where all were.
    """
    blank = SimpleNamespace(
        embed_tensor=lambda crops: crops.flatten(1)[:, : _numbers(recipe)], comparison="neg_l2", template=DLIB150
    )
    frozen = Frozen(
        identity=blank,
        perceptual=lambda images: (images,) * _DEPTHS,
        parser=lambda images: images.new_empty(len(images), len(LABELS), *images.shape[2:]),
    )
    found: dict[str, int] = {}
    why = ""
    recipe: Recipe
    try:
        with torch.device("meta"):
            recipe = trainable.build(settings, frozen)
            batch = _blank_batch(recipe)
        with torch.no_grad(), FlopCounterMode(display=False) as counter:
            for name, network in recipe.networks.items():
                _count_first_pass(name, network, counter, found)
            recipe.samples(recipe.networks, batch)
            for number in recipe.beginnings if isinstance(recipe, Staged) else (0,):
                step = Step(number, batch, torch.Generator())
                for phase in recipe.phases(number):
                    recipe.losses(phase, step)
    except Exception as error:  # whatever a recipe of anybody's does that cannot be done without numbers
        why = f"{type(error).__name__}: {error}".splitlines()[0]
    if missing := sorted(set(recipe.networks) - set(found) if not why else ()):
        why = f"{', '.join(missing)}: not called in the first step"
    return found, why


def _blank_batch(recipe: Recipe) -> TrainingBatch:
    number, side = recipe.batch_size, recipe.side
    fields = {
        "masks": torch.empty(number, side, side, dtype=torch.uint8),
        "landmarks": torch.empty(number, 68, 2),
        "identity": torch.empty(number, _numbers(recipe)),
        "attributes": torch.empty(number, len(getattr(recipe, "attributes", range(40)))),
        "subjects": torch.empty(number, dtype=torch.int64),
    }
    given = {name: values for name, values in fields.items() if name in recipe.wanted}
    return TrainingBatch(torch.empty(number, 3, side, side), torch.empty(number, dtype=torch.int64), **given)


def _numbers(recipe: Recipe) -> int:
    """Of an embedding: as many as a recipe says that it was built for, or as dlib_resnet gives."""
    return getattr(recipe, "embedding", 0) or EMBEDDING


def _count_first_pass(name: str, network: nn.Module, counter: FlopCounterMode, found: dict[str, int]) -> None:
    before: list[int] = []

    def begin(_module: nn.Module, _given: Any) -> None:
        before.append(counter.get_total_flops())

    def end(_module: nn.Module, given: Any, _made: Any) -> None:
        spent = counter.get_total_flops() - before.pop()
        found.setdefault(name, spent // len(given[0]))

    network.register_forward_pre_hook(begin)
    network.register_forward_hook(end)


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


def _parser_parameters() -> int:
    return parameter_count(read_network(parser_weights(Path())))


def as_text(found: Mapping[str, Any]) -> str:
    """A description for people, one network a block and one line a part of it."""
    lines = [
        f"{found['name']}, preset {found['preset']}: images of {found['side']} pixels, {found['batch_size']} a step",
        f"conditions  {', '.join(found['conditions']) or 'none'}",
        f"trained     {found['trained']:,} parameters",
        f"released    {found['released']:,} parameters, averaged with decay {found['ema_decay']}",
        f"operations  {_operations(found)}",
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


def _operations(found: Mapping[str, Any]) -> str:
    counted = {name: one["operations"] for name, one in found["networks"].items() if one["operations"] is not None}
    parts = [f"{name} {count / 1e9:.3g}" for name, count in counted.items()]
    said = f"of one face forward, 1e9: {', '.join(parts)}" if parts else "none"
    return f"{said} (not counted: {found['not_counted']})" if found["not_counted"] else said
