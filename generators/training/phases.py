"""The phases of a recipe as the loop handles them: an optimizer, its parameters, and who may collect gradients."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import torch

from bench.errors import PluginError
from generators.training.recipe import Recipe


class Phase:
    """One phase.

    Args:
        name: as the recipe calls it.
        optimizer: of its parameters alone.
    """

    def __init__(self, name: str, optimizer: torch.optim.Optimizer) -> None:
        self.name, self.optimizer = name, optimizer
        self.parameters: list[torch.nn.Parameter] = [one for group in optimizer.param_groups for one in group["params"]]
        # Before a checkpoint is restored: a rate that a schedule has changed must not be taken for the whole one.
        self._rates = [float(group["lr"]) for group in optimizer.param_groups]

    def collect(self, wanted: bool) -> None:
        """Whether the parameters collect gradients."""
        for parameter in self.parameters:
            parameter.requires_grad_(wanted)

    def gradients(self) -> list[torch.Tensor]:
        """Those of the parameters that the losses reached.

        Raises:
            PluginError: they reached none.
        """
        found = [parameter.grad for parameter in self.parameters if parameter.grad is not None]
        if not found:
            raise PluginError(
                f"phase {self.name!r}: its losses depend on none of its optimizer's parameters; expected a total with"
                " gradients in them"
            )
        return found

    def gradient_norm(self) -> torch.Tensor:
        """The Euclidean norm of all gradients together, a scalar on the device."""
        return torch.nn.utils.get_total_norm(self.gradients())

    def scale_rates(self, factor: float) -> None:
        """Sets the learning rates to those that the recipe began with, times a factor."""
        for group, rate in zip(self.optimizer.param_groups, self._rates, strict=True):
            group["lr"] = rate * factor

    def learning_rate(self) -> float:
        """Of the first group of parameters."""
        return float(self.optimizer.param_groups[0]["lr"])


def phases_of(recipe: Recipe) -> dict[str, Phase]:
    """The phases of a recipe, asked for their optimizers once, after the networks moved to their device.

    Raises:
        PluginError: a parameter belongs to two optimizers, or to no network of the recipe.
    """
    known = {
        id(weight): f"{name}.{key}" for name, one in recipe.networks.items() for key, weight in one.named_parameters()
    }
    phases = {name: Phase(name, optimizer) for name, optimizer in recipe.optimizers().items()}
    owner: dict[int, str] = {}
    for phase in phases.values():
        for parameter in phase.parameters:
            if id(parameter) not in known:
                raise PluginError(
                    f"phase {phase.name!r}: got an optimizer with a parameter {tuple(parameter.shape)} of no network in"
                    f" Recipe.networks ({', '.join(recipe.networks)}); a checkpoint would miss it"
                )
            if first := owner.get(id(parameter)):
                raise PluginError(
                    f"parameter {known[id(parameter)]} is in the optimizers of {first!r} and {phase.name!r};"
                    " expected one"
                )
            owner[id(parameter)] = phase.name
        _choose_kernel(phase.optimizer)
    for network in recipe.networks.values():
        network.requires_grad_(False)
    return phases


def collect_for(phase: Phase, phases: Iterable[Phase]) -> None:
    """From here on the parameters of one phase collect gradients and no others."""
    for other in phases:
        if other is not phase:
            other.collect(False)
    phase.collect(True)


def check_known(name: str, phases: Mapping[str, Phase]) -> Phase:
    """The phase of a name. Raises `PluginError` where the recipe has no optimizer for it."""
    try:
        return phases[name]
    except KeyError:
        raise PluginError(f"got phase {name!r}, expected one with an optimizer: {', '.join(phases)}") from None


def _choose_kernel(optimizer: torch.optim.Optimizer) -> None:
    # Adam's fused kernel is one pass over the memory where the others make ten; a recipe that chose keeps its choice.
    if type(optimizer) not in (torch.optim.Adam, torch.optim.AdamW):
        return
    for group in optimizer.param_groups:
        plain = all(one.is_floating_point() and one.device.type in ("cpu", "cuda") for one in group["params"])
        if group["fused"] is None and group["foreach"] is None and plain:
            group["fused"] = True
