"""Whether probes come nearer to the people of one gallery than to those of another, by exchanging people in pairs.

Two galleries of P people each are paired person by person. If who is in which gallery has nothing to do with the
probes, then person j of the first might as well have been person j of the second: exchanging the two, for all probes
at once, gives data that were as likely as those seen. So a statistic is compared with what it is after each pair was
exchanged or not by the toss of a coin. It stays valid whatever the probes have to do with each other and however much
more attractive to faces some people are than others, because people are what is exchanged, with all of their scores.

For a probe, let ``first`` be whether it reaches anybody of the first gallery and ``second`` likewise. The statistic is
the sum over probes of first - second. Only the cells that were reached matter, and few are: a person reached in both
galleries is so after any exchange, and the probe then adds 0; of the others a cell is +1 if its person stands in the
first gallery and -1 if in the second, and the probe adds 1 if all of its cells are +1, -1 if all are -1, else 0.

Source: Fisher's randomization test; Phipson and Smyth, Statistical Applications in Genetics and Molecular Biology 9,
2010, for counting the data themselves among the draws.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from bench.errors import ShapeError

_DRAWS_AT_ONCE = 1024


class SwapTest(NamedTuple):
    """What exchanging people says.

    Attributes:
        difference: the sum over probes of first - second, of the galleries as they are.
        p_value: (1 + draws with a difference at least as far from 0) / (1 + draws), two-sided.
        draws: how many exchanges were drawn.
    """

    difference: int
    p_value: float
    draws: int


def swap_test(first: NDArray[np.bool_], second: NDArray[np.bool_], draws: int, rng: np.random.Generator) -> SwapTest:
    """Whether probes reach one gallery more often than the other, for a reason other than who happens to be in which.

    Args:
        first: bool (M, P), which probe reaches which person of the first gallery.
        second: bool (M, P), of the second; person j is exchanged with person j of the first.
        draws: B, how many exchanges are drawn.
        rng: where chance comes from.

    Raises:
        ShapeError: arrays of different shapes.
    """
    differences = swapped_differences(first, second, draws, rng)
    difference = int(np.count_nonzero(first.any(axis=1))) - int(np.count_nonzero(second.any(axis=1)))
    as_far = int(np.count_nonzero(np.abs(differences) >= abs(difference)))
    return SwapTest(difference, (1 + as_far) / (1 + draws), draws)


def swapped_differences(
    first: NDArray[np.bool_], second: NDArray[np.bool_], draws: int, rng: np.random.Generator
) -> NDArray[np.int64]:
    """The statistic after each of B random exchanges, int64 (B,).

    Args:
        first: bool (M, P).
        second: bool (M, P).
        draws: B.
        rng: where chance comes from: B times P coins, draw after draw.

    Raises:
        ShapeError: arrays of different shapes.
    """
    if first.shape != second.shape or first.ndim != 2 or first.dtype != np.bool_ or second.dtype != np.bool_:
        raise ShapeError(f"got {first.dtype} {first.shape} and {second.dtype} {second.shape}; expected bool (M, P)")
    undecided = ~(first & second).any(axis=1)
    cells = first[undecided].astype(np.int8) - second[undecided].astype(np.int8)
    cells = cells[(cells != 0).any(axis=1)]
    reached = np.count_nonzero(cells, axis=1)[:, np.newaxis]
    table = sparse.csr_array(cells.astype(np.float32))
    differences = np.zeros(draws, np.int64)
    for start in range(0, draws, _DRAWS_AT_ONCE):
        coins = rng.integers(0, 2, (min(_DRAWS_AT_ONCE, draws - start), first.shape[1]), dtype=np.int8)
        # Sums of a few times plus or minus one: exact.
        sums = table @ (2 * coins.T - 1).astype(np.float32)
        found = np.count_nonzero(sums == reached, axis=0) - np.count_nonzero(sums == -reached, axis=0)
        differences[start : start + coins.shape[0]] = found
    return differences
