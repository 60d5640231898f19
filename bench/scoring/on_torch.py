"""Float32 products and what is looked for in them on a torch device; TF32 and bfloat16 off."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from bench.errors import ConfigError
from bench.scoring.engines import Bins, Candidates

BLOCK = 4096
"""A product of 64 MB; with what is made of it, a tile needs about 300 MB of the device's memory."""


class TorchEngine:
    """One tile after the other on one device.

    Args:
        device: ``"cuda"``, ``"cuda:N"`` or ``"torch-cpu"``.

    Raises:
        ConfigError: torch finds no such device, or it multiplies float32 numbers with fewer bits.
    """

    block = BLOCK

    def __init__(self, device: str) -> None:
        self._device = _opened(device)
        with _full_float32():
            ones = torch.full((64, 64), 1 + 2.0**-12, dtype=torch.float32, device=self._device)
            off = float((ones @ ones - 64 * (1 + 2.0**-12) ** 2).abs().max())
        if off > 2.0**-10:  # TF32 and bfloat16 lose the 2^-12, which makes 2^-5
            raise ConfigError(
                f"device {device!r} multiplies float32 numbers with fewer bits; unset NVIDIA_TF32_OVERRIDE, or take "
                "device 'cpu'"
            )

    def place(self, rows: NDArray[np.float32]) -> torch.Tensor:
        """The rows on the device."""
        return torch.from_numpy(rows).to(self._device)

    def product(self, left: torch.Tensor, right: torch.Tensor) -> TorchTile:
        """The products on the device."""
        return TorchTile(left @ right.T)

    def work(self, tasks: Iterable[Any], do: Callable[[Any], None]) -> None:
        """Does one task after the other."""
        with _full_float32(), torch.no_grad():
            for task in tasks:
                do(task)


class TorchTile:
    """Products, float32 (m, n), on a device."""

    def __init__(self, products: torch.Tensor) -> None:
        self._products = products

    def leave_out(self, rows: NDArray[np.int64], columns: NDArray[np.int64]) -> None:
        """Makes products minus infinity."""
        self._products[self._here(rows), self._here(columns)] = -torch.inf

    def survey(self, bins: Bins, low: np.float32) -> tuple[NDArray[np.int64], Candidates]:
        """How many products fall into each bin, and those of at least `low`."""
        places = self._products.neg().clamp_(min=0).sqrt_().neg_() if bins.root else self._products.clone()
        places.mul_(float(bins.per_unit)).add_(float(bins.offset)).clamp_(0, bins.count + 1)
        counts = torch.bincount(places.flatten().to(torch.int32), minlength=bins.count + 2)
        return counts.cpu().numpy(), self.candidates(low, np.float32(np.inf))

    def candidates(self, low: np.float32 | NDArray[np.float32], high: np.float32) -> Candidates:
        """Products in a window."""
        found = self._products >= self._here(np.broadcast_to(low, len(self._products)))[:, None]
        above = 0
        if high < np.inf:
            higher = self._products > float(high)
            above = int(higher.sum())
            found &= ~higher
        rows, columns = found.nonzero(as_tuple=True)
        values = self._products[rows, columns]
        return Candidates(above, rows.cpu().numpy(), columns.cpu().numpy(), values.cpu().numpy())

    def best_of_rows(self, count: int) -> NDArray[np.float32]:
        """The `count`-th largest product of every row."""
        return self._products.topk(count, dim=1, sorted=True).values[:, -1].cpu().numpy()

    def _here(self, array: NDArray[Any]) -> torch.Tensor:
        return torch.from_numpy(np.array(array)).to(self._products.device)


def _opened(device: str) -> torch.device:
    if device == "torch-cpu":
        return torch.device("cpu")
    try:
        found = torch.device(device)
    except RuntimeError as error:
        raise ConfigError(f"got device {device!r}; expected 'cpu', 'cuda' or 'cuda:N'") from error
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if (found.index or 0) >= count:
        raise ConfigError(
            f"got device {device!r}, but torch {torch.__version__} finds {count or 'no'} CUDA devices; take device "
            "'cpu', or see `impersona doctor`"
        )
    return found


@contextlib.contextmanager
def _full_float32() -> Iterator[None]:
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("highest")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)
