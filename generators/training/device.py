"""Where a run computes: Lightning Fabric for the device, the precision and several processes; the CPU's settings.

The networks are not wrapped: a recipe calls them as it likes, several times a phase and part by part, which DDP's
wrapper does not stand. Instead the loop averages the gradients of all processes once a phase.
"""

from __future__ import annotations

import contextlib
import logging
import warnings
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, cast

import torch

from bench.errors import MissingDependency, ProviderError
from generators.training.options import Options

if TYPE_CHECKING:
    from lightning.fabric import Fabric


def start_fabric(options: Options) -> Fabric:
    """Fabric, launched: from here on there are `options.devices` processes.

    Raises:
        MissingDependency: Lightning is not installed.
        ProviderError: CUDA is asked for and not here.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of Lightning's own imports, which are none of the user's business
            from lightning.fabric import Fabric
    except ModuleNotFoundError as error:
        raise MissingDependency(f"training needs Lightning ({error}); pip install lightning") from error
    device = "cpu" if options.device == "auto" and not torch.cuda.is_available() else options.device
    if device in ("auto", "cuda") and not torch.cuda.is_available():
        raise ProviderError(
            f"device: got cuda, but torch {torch.__version__} finds no CUDA device; type --device cpu,"
            " or see `impersona doctor`"
        )
    logging.getLogger("lightning.fabric").setLevel(logging.WARNING)
    fabric = Fabric(
        accelerator="cpu" if device == "cpu" else "cuda",
        devices=options.devices,
        strategy="ddp" if options.devices > 1 else "auto",
        precision=options.precision,
    )
    fabric.launch()
    return fabric


@contextlib.contextmanager
def computing(options: Options, device: torch.device) -> Iterator[None]:
    """Settings of torch for training, and those of before afterwards: threads on the CPU, TF32 on a GPU."""
    threads, precision = torch.get_num_threads(), torch.get_float32_matmul_precision()
    if device.type == "cuda":
        torch.set_float32_matmul_precision("high")
    if threads != options.cpu_threads:
        torch.set_num_threads(options.cpu_threads)
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(precision)
        if torch.get_num_threads() != threads:
            torch.set_num_threads(threads)


def average_gradients(fabric: Fabric, gradients: Sequence[torch.Tensor]) -> None:
    """Each gradient becomes its mean over all processes; one message for all of them."""
    if fabric.world_size == 1:
        return
    flat = torch.cat([gradient.reshape(-1) for gradient in gradients])
    means = cast(torch.Tensor, fabric.all_reduce(flat, reduce_op="mean"))
    for gradient, mean in zip(gradients, torch.split(means, [one.numel() for one in gradients]), strict=True):
        gradient.copy_(mean.view_as(gradient))


def largest_of(fabric: Fabric, value: int) -> int:
    """The largest value that any process gives."""
    if fabric.world_size == 1:
        return value
    return int(fabric.all_reduce(torch.tensor(value, device=fabric.device), reduce_op="max").item())  # type: ignore[union-attr]
