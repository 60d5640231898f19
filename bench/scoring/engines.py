"""Where float32 products are made and looked through: one seam, for the CPU and for torch devices.

An engine only says which pairs stand out; what it says is within `margin` of the truth, and the exact scores of the
pairs that matter are computed in float64 behind it. So two engines may differ in a bin's count, but not in a result.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from bench.errors import ConfigError

BIN_SLACK = 2.0**-21
"""The most by which a score, in units of the bound of norms, is misplaced because its bin is computed in float32."""


@dataclass(frozen=True)
class Bins:
    """Bins of equal width for scores in units of the bound of norms, and one guard bin on either side.

    Attributes:
        count: B, of inner bins, a power of two.
        root: whether products are minus squared distances, so that scores are minus their roots, from -2 to 0; else
            products are scores, from -1 to 1.
    """

    count: int
    root: bool

    @property
    def per_unit(self) -> np.float32:
        """Bins per unit."""
        return np.float32(self.count / 2)

    @property
    def offset(self) -> np.float32:
        """The bin of the score 0."""
        return np.float32(1 + (self.count if self.root else self.count // 2))

    def products_in(self, place: int) -> tuple[float, float]:
        """Between which numbers a product lies that was counted in an inner bin, or beyond it if it is an outer one."""
        low, high = (2 * edge / self.count - (2 if self.root else 1) for edge in (place, place + 1))
        low, high = low - (BIN_SLACK if place else 1), high + (BIN_SLACK if place + 1 < self.count else 1)
        return (-(low**2), -(min(high, 0.0) ** 2)) if self.root else (low, high)


class Candidates(NamedTuple):
    """What stands out in a tile.

    Attributes:
        above: how many products are above the window.
        rows: int (P,), rows of the tile whose product lies in the window, ascending.
        columns: int (P,).
        products: float32 (P,).
    """

    above: int
    rows: NDArray[Any]
    columns: NDArray[Any]
    products: NDArray[np.float32]


CANDIDATE = np.dtype([("row", np.int32), ("column", np.int32), ("product", np.float32)])
"""A pair that is held: rows of either set, or of a part of it, and its product."""


def candidates(found: Candidates, row: int, column: int) -> NDArray[np.void]:
    """What was found in a tile that starts at a row and a column, `CANDIDATE` (P,)."""
    pairs = np.empty(len(found.rows), CANDIDATE)
    pairs["row"], pairs["column"], pairs["product"] = found.rows + row, found.columns + column, found.products
    return pairs


class Tile(Protocol):
    """The products of one block of rows with another, (m, n); gone when its thread asks for the next one."""

    def leave_out(self, rows: NDArray[np.int64], columns: NDArray[np.int64]) -> None:
        """Makes products minus infinity: they are in no window, and in the lower guard bin."""

    def survey(self, bins: Bins, low: np.float32) -> tuple[NDArray[np.int64], Candidates]:
        """How many products fall into each bin, int64 (B + 2,), guards included, and the products of at least `low`."""

    def candidates(self, low: np.float32 | NDArray[np.float32], high: np.float32) -> Candidates:
        """Products in a window, both ends belonging to it; the low may be float32 (m,), one for each row."""

    def best_of_rows(self, count: int) -> NDArray[np.float32]:
        """The `count`-th largest product of every row, float32 (m,); `count` is at most n."""


class Engine(Protocol):
    """Makes float32 products.

    Attributes:
        block: rows of a block that suit it.
    """

    block: int

    def place(self, rows: NDArray[np.float32]) -> Any:
        """A block of rows, float32 (n, K), where products are made."""

    def product(self, left: Any, right: Any) -> Tile:
        """The products of all rows of one block with all rows of another."""

    def work(self, tasks: Iterable[Any], do: Callable[[Any], None]) -> None:
        """Does all tasks, several at once where that is faster; the first error ends the work and is raised."""


def opened(device: str) -> Engine:
    """The engine of a device.

    Args:
        device: ``"cpu"``; ``"cuda"`` or ``"cuda:1"``, by torch; ``"torch-cpu"`` for that engine without a GPU, which
            is slower than ``"cpu"`` and there for tests.

    Raises:
        ConfigError: another name, or a CUDA device that torch does not find.
    """
    if device == "cpu":
        from bench.scoring.on_cpu import CpuEngine

        return CpuEngine()
    if device == "torch-cpu" or device.partition(":")[0] == "cuda":
        from bench.scoring.on_torch import TorchEngine

        return TorchEngine(device)
    raise ConfigError(f"got device {device!r}; expected 'cpu', 'cuda' or 'cuda:N'")


def block_of(block: int | None, engine: Engine) -> int:
    """The block that was asked for, or the engine's own.

    Raises:
        ConfigError: below 1 or above 65,536 rows.
    """
    if block is None:
        return engine.block
    if not 1 <= block <= 2**16:
        raise ConfigError(f"got block {block}; expected 1 to {2**16:,} rows")
    return block
