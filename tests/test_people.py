"""Which people of a data set take part."""

from __future__ import annotations

import numpy as np
import pytest

from bench.api import Frame
from bench.datasets.people import check_at_least_one, frames_of_some, is_in
from bench.seeding import split_of, stream

FRAMES = [Frame(f"{who}/{number}", who) for who in "abcd" for number in (0, 1)]


@pytest.mark.parametrize("most", [None, 4, 9])
def test_nothing_is_drawn_where_all_take_part(most: int | None) -> None:
    rng = stream(0, "people")
    before = rng.bit_generator.state
    assert list(frames_of_some(FRAMES, rng, most)) == FRAMES
    assert rng.bit_generator.state == before


def test_people_are_drawn_whole_and_stay_in_order() -> None:
    drawn = {tuple(frames_of_some(FRAMES, np.random.default_rng(seed), 2)) for seed in range(40)}
    assert len(drawn) == 6
    for frames in drawn:
        assert len({frame.subject for frame in frames}) == 2
        assert [frame for frame in FRAMES if frame in frames] == list(frames)
        assert len(frames) == 4


def test_everybody_is_in_all_and_in_one_part() -> None:
    for name in ("ann", "bob", "cem", "dee"):
        assert is_in(name, "all")
        assert [part for part in ("train", "dev", "eval") if is_in(name, part)] == [split_of(name)]


def test_limits_leave_somebody() -> None:
    check_at_least_one(max_people=1, max_images=None)
    with pytest.raises(ValueError, match="max_images: got 0, expected at least 1"):
        check_at_least_one(max_people=1, max_images=0)
