"""Float32 products by NumPy's own BLAS, looked through by compiled loops; a tile a thread.

Every thread multiplies tiles of its own, and the BLAS has one thread meanwhile: nobody waits for another's half of a
product, which on a busy machine is most of the time. NumPy's OpenBLAS was within 6 % of torch's MKL (1,024 x 512 by
512 x 1,024, one thread), and needs no torch.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.provenance import available_cores
from bench.scoring import compiled
from bench.scoring.engines import Bins, Candidates

BLOCK = 1536
"""A product of 9 MB: large enough for the BLAS, and looked through before it leaves the last cache."""


class CpuEngine:
    """As many threads as the BLAS may use at the time; `threadpoolctl.threadpool_limits` is heeded."""

    block = BLOCK

    def __init__(self) -> None:
        self._threads = _blas_threads()
        self._buffers = threading.local()

    def place(self, rows: NDArray[np.float32]) -> NDArray[np.float32]:
        """The rows themselves."""
        return rows

    def product(self, left: NDArray[np.float32], right: NDArray[np.float32]) -> CpuTile:
        """The products in this thread's buffer, which is used over and over."""
        size = len(left) * len(right)
        buffer: NDArray[np.float32] = getattr(self._buffers, "products", np.empty(0, np.float32))
        if buffer.size < size:
            buffer = self._buffers.products = np.empty(size, np.float32)
        return CpuTile(np.matmul(left, right.T, out=buffer[:size].reshape(len(left), len(right))))

    def work(self, tasks: Iterable[Any], do: Callable[[Any], None]) -> None:
        """Does the tasks by several threads, each taking the next one when it is done."""
        from threadpoolctl import threadpool_limits

        if self._threads == 1:
            for task in tasks:
                do(task)
            return
        left, lock, stop = iter(tasks), threading.Lock(), threading.Event()

        def take_turns() -> None:
            try:
                while not stop.is_set():
                    with lock:
                        task = next(left, None)
                    if task is None:
                        return
                    do(task)
            except BaseException:
                stop.set()
                raise

        with threadpool_limits(1, "blas"), ThreadPoolExecutor(self._threads) as pool:
            try:
                for turn in [pool.submit(take_turns) for _ in range(self._threads)]:
                    turn.result()
            finally:
                stop.set()


class CpuTile:
    """Products, float32 (m, n)."""

    def __init__(self, products: NDArray[np.float32]) -> None:
        self._products = products

    def leave_out(self, rows: NDArray[np.int64], columns: NDArray[np.int64]) -> None:
        """Makes products minus infinity."""
        self._products[rows, columns] = -np.inf

    def survey(self, bins: Bins, low: np.float32) -> tuple[NDArray[np.int64], Candidates]:
        """How many products fall into each bin, and those of at least `low`."""
        counts = np.zeros((4, bins.count + 2), np.uint32)  # a tile has at most 2^32 products
        found = np.empty(len(self._products), np.int64)
        compiled.survey(self._products, bins.per_unit, bins.offset, bins.root, counts, low, found)
        return counts.sum(axis=0, dtype=np.int64), self._gathered(self._lows(low), np.float32(np.inf), found, 0)

    def candidates(self, low: np.float32 | NDArray[np.float32], high: np.float32) -> Candidates:
        """Products in a window."""
        lows, between = self._lows(low), np.empty(len(self._products), np.int64)
        above = compiled.count_between(self._products, lows, high, between)
        return self._gathered(lows, high, between, int(above))

    def best_of_rows(self, count: int) -> NDArray[np.float32]:
        """The `count`-th largest product of every row."""
        at = self._products.shape[1] - count
        kth: NDArray[np.float32] = np.partition(self._products, at, axis=1)[:, at].copy()
        return kth

    def _lows(self, low: np.float32 | NDArray[np.float32]) -> NDArray[np.float32]:
        return np.ascontiguousarray(np.broadcast_to(low, len(self._products)))

    def _gathered(
        self, lows: NDArray[np.float32], high: np.float32, between: NDArray[np.int64], above: int
    ) -> Candidates:
        found = int(between.sum())
        rows, columns = np.empty(found, np.int32), np.empty(found, np.int32)
        values = np.empty(found, np.float32)
        if found:
            compiled.gather_between(self._products, lows, high, between, rows, columns, values)
        return Candidates(above, rows, columns, values)


def _blas_threads() -> int:
    from threadpoolctl import threadpool_info

    known = [each["num_threads"] for each in threadpool_info() if each["user_api"] == "blas"]
    return max(1, min([available_cores(), *(int(each) for each in known)]))
