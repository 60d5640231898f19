"""What a checkpoint holds of a run: networks, averages and optimizers, taken apart into tensors and plain values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from bench.errors import CorruptFile
from generators.training.average import Average
from generators.training.phases import Phase

_KERNEL = ("foreach", "fused", "capturable", "differentiable")
"""How an optimizer computes, which is this machine's business and not the checkpoint's."""


def tensors_of(
    networks: Mapping[str, nn.Module], average: Average, phases: Mapping[str, Phase]
) -> dict[str, torch.Tensor]:
    """Every tensor of a run by name: ``network/NAME/KEY``, ``average/NAME/KEY``, ``optimizer/PHASE/INDEX/KEY``."""
    found = {
        f"network/{name}/{key}": value for name, one in networks.items() for key, value in one.state_dict().items()
    }
    found |= {
        f"average/{name}/{key}": value
        for name, one in average.networks.items()
        for key, value in one.state_dict().items()
    }
    for name, phase in phases.items():
        for index, values in phase.optimizer.state_dict()["state"].items():
            tensors = {key: value for key, value in values.items() if isinstance(value, torch.Tensor)}
            found |= {f"optimizer/{name}/{index}/{key}": value for key, value in tensors.items()}
    # A clone each: safetensors refuses tensors that share memory, as tied weights do.
    return {
        name: value.detach().to("cpu", copy=True, memory_format=torch.contiguous_format)
        for name, value in found.items()
    }


def spoilt(tensors: Mapping[str, torch.Tensor]) -> str:
    """The name of a tensor with a value that is not finite; empty if there is none."""
    return next((name for name, value in tensors.items() if not bool(torch.isfinite(value).all())), "")


def optimizer_facts(phases: Mapping[str, Phase]) -> dict[str, Any]:
    """What the optimizers hold besides tensors: hyperparameters of each group, and numbers of each parameter."""
    found = {}
    for name, phase in phases.items():
        state = phase.optimizer.state_dict()
        numbers = {
            str(index): {key: value for key, value in values.items() if not isinstance(value, torch.Tensor)}
            for index, values in state["state"].items()
        }
        groups = [
            {key: _plain(value) for key, value in group.items() if key not in _KERNEL}
            for group in state["param_groups"]
        ]
        found[name] = {"groups": groups, "numbers": numbers}
    return found


def restore(
    networks: Mapping[str, nn.Module],
    average: Average,
    phases: Mapping[str, Phase],
    tensors: Mapping[str, torch.Tensor],
    facts: Mapping[str, Any],
) -> None:
    """Puts everything back where `tensors_of` and `optimizer_facts` found it.

    Args:
        networks: freshly built, on their device.
        average: of these networks.
        phases: of these networks, before their first step.
        tensors: of a checkpoint.
        facts: its optimizer facts.

    Raises:
        CorruptFile: the checkpoint is of other networks.
    """
    try:
        for kind, those in (("network", networks), ("average", average.networks)):
            for name, network in those.items():
                network.load_state_dict(_under(tensors, f"{kind}/{name}/"))
        for name, phase in phases.items():
            _restore_optimizer(phase, _under(tensors, f"optimizer/{name}/"), facts[name])
    except (RuntimeError, KeyError, ValueError) as error:
        raise CorruptFile(
            f"the checkpoint does not fit these networks ({error}); train with the version that wrote"
            " it, or into a new folder"
        ) from error


def _restore_optimizer(phase: Phase, tensors: Mapping[str, torch.Tensor], facts: Mapping[str, Any]) -> None:
    optimizer = phase.optimizer
    state: dict[int, dict[str, Any]] = {int(index): dict(values) for index, values in facts["numbers"].items()}
    for name, value in tensors.items():
        index, _, key = name.partition("/")
        state.setdefault(int(index), {})[key] = _like(value, phase.parameters[int(index)])
    groups = []
    for saved, own in zip(facts["groups"], optimizer.state_dict()["param_groups"], strict=True):
        group = {**own, **saved}
        groups.append({key: tuple(value) if isinstance(own.get(key), tuple) else value for key, value in group.items()})
    optimizer.load_state_dict({"state": state, "param_groups": groups})


def _like(value: torch.Tensor, parameter: torch.Tensor) -> torch.Tensor:
    """The value with the parameter's strides: other strides take another kernel, which rounds otherwise."""
    if value.shape != parameter.shape:
        return value
    return torch.empty_like(parameter, dtype=value.dtype, device=value.device, requires_grad=False).copy_(value)


def _under(tensors: Mapping[str, torch.Tensor], prefix: str) -> dict[str, torch.Tensor]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
