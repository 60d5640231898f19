"""All pairs of two sets in float32, one tile after the other, as often as need be."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from bench.api import Comparison, Embeddings
from bench.scoring.engines import Tile, block_of, opened
from bench.scoring.margin import margin_of
from bench.scoring.rescoring import ExactScores
from bench.scoring.rows import Float32Rows, check_pair, common_grid

REFERENCE_BLOCKS_KEPT = 8
"""Some threads may still be at the block before."""


class Tiles:
    """The tiles of the rectangle of all probes and all references.

    Float32 rows of `probe_blocks` blocks of probes are held while the references pass by, so that those are made anew
    only for every such run of probes; half as many blocks again may be held for threads that lag behind.

    Args:
        probes: float32 (M, D); may lie on disk.
        references: float32 (N, D), likewise.
        comparison: ``"cosine"`` or ``"neg_l2"``.
        block: rows and columns of a tile; None for what suits the device.
        device: as `engines.opened` takes it.
        probe_blocks: how many blocks of probes pass together.

    Attributes:
        margin: how far products can be from exact ones.
        exact: the exact scores of chosen pairs.
        block: rows and columns of a tile; the last ones may be smaller.

    Raises:
        ShapeError: embeddings that cannot be compared.
        ConfigError: an unknown comparison, a block out of range, or a device that is not there.
    """

    def __init__(
        self,
        probes: Embeddings,
        references: Embeddings,
        comparison: Comparison,
        block: int | None,
        device: str,
        probe_blocks: int,
    ) -> None:
        check_pair(probes, references, comparison)
        self._engine, self._probe_blocks = opened(device), probe_blocks
        self.block = block_of(block, self._engine)
        step, norms = common_grid(probes, references, comparison)
        self.margin = margin_of(comparison, probes.shape[1], step, norms)
        self.exact = ExactScores(probes, references, comparison, step)
        self._left = Float32Rows(
            probes, comparison, step, "left", self.block, probe_blocks + probe_blocks // 2, self._engine.place
        )
        self._right = Float32Rows(
            references, comparison, step, "right", self.block, REFERENCE_BLOCKS_KEPT, self._engine.place
        )

    def each(self, do: Callable[[int, int, Tile], None]) -> None:
        """Calls `do` with the first probe, the first reference and the products of every tile, by several threads.

        Raises:
            ShapeError: a number that is not finite, or a row of zeros for ``cosine``.
        """

        def multiply(start: tuple[int, int]) -> None:
            row, column = start
            do(row, column, self._engine.product(self._left[row], self._right[column]))

        self._engine.work(self._starts(), multiply)

    def _starts(self) -> Iterator[tuple[int, int]]:
        rows = range(0, len(self.exact.probes), self.block)
        for first in range(0, len(rows), self._probe_blocks):
            for column in range(0, len(self.exact.references), self.block):
                for row in rows[first : first + self._probe_blocks]:
                    yield row, column
