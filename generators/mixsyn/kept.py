"""What was made last, so that nothing is made twice."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable
from typing import Generic, TypeVar

Made = TypeVar("Made")


class Kept(Generic[Made]):
    """What was made last, by what determines its bits.

    Args:
        most: how much of it; None for all.
    """

    def __init__(self, most: int | None) -> None:
        self._most = most
        self._made: OrderedDict[Hashable, Made] = OrderedDict()

    def __contains__(self, key: Hashable) -> bool:
        return key in self._made

    def of(self, key: Hashable, make: Callable[[], Made]) -> Made:
        """What is kept under a key; made, where there is nothing."""
        if key not in self._made:
            self._made[key] = make()
            if self._most is not None and len(self._made) > self._most:
                self._made.popitem(last=False)
        self._made.move_to_end(key)
        return self._made[key]

    def drop_all_but(self, keys: Iterable[Hashable]) -> None:
        """Forgets what is under other keys."""
        wanted = set(keys)
        for key in [one for one in self._made if one not in wanted]:
            del self._made[key]
