"""Rows through networks in batches of one size, so that a face's bits do not depend on how many are given at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


def in_batches(work: Callable[..., torch.Tensor], size: int, *given: torch.Tensor) -> torch.Tensor:
    """What networks make of some rows.

    Args:
        work: `size` rows of everything that is given to as many rows.
        size: faces that the networks see at once; those that are missing are zeros.
        given: (N, ...) each; pictures are handed over channels last.

    Returns:
        (N, ...).
    """
    import torch

    count = len(given[0])
    made = [
        work(*(_filled(rows[start : start + size], size) for rows in given)) for start in range(0, max(count, 1), size)
    ]
    return torch.cat(made)[:count]


def _filled(rows: torch.Tensor, size: int) -> torch.Tensor:
    """(size, ...): the rows and then zeros, images channels last."""
    import torch

    if len(rows) < size:
        rows = torch.cat([rows, rows.new_zeros(size - len(rows), *rows.shape[1:])])
    return rows.contiguous(memory_format=torch.channels_last) if rows.dim() == 4 else rows.contiguous()
