"""Who gives what: whole parts, everybody something where that can be, names, stacks and codes."""

from __future__ import annotations

import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.regions import CLASSES
from generators.mixsyn.assignment import (
    Assignment,
    drawn_assignment,
    gathered,
    named_assignment,
    numbers_wanted,
    only_shown,
    stacked,
)
from generators.mixsyn.settings import PARTS

SMALL = (("a", (0,)), ("b", (1, 2)), ("c", (3,)), ("d", (4, 5)))


@st.composite
def shows(draw, parts=SMALL, most=5):
    """Which classes 1 to `most` sources show, (1, K, R), and numbers to draw by."""
    regions = sum(len(classes) for _, classes in parts)
    sources = draw(st.integers(1, most))
    there = draw(st.lists(st.lists(st.booleans(), min_size=regions, max_size=regions),
                          min_size=sources, max_size=sources))  # fmt: skip
    seed = draw(st.integers(0, 2**31))
    numbers = torch.rand(1, numbers_wanted(parts), generator=torch.Generator().manual_seed(seed))
    return torch.tensor([there]), numbers


def owners(assignment, shown, parts=SMALL):
    """Part to its source, of parts that anybody shows; None of one whose classes do not agree."""
    found = {}
    for name, classes in parts:
        given = {int(assignment.shape[0, one]) for one in classes} - {-1}
        if len(given) > 1:
            found[name] = None
        elif given:
            found[name] = given.pop()
    return found


def most_givers(shown, parts=SMALL):
    """How many sources can give a part of their own at once: by trying everything."""
    able = [[bool(shown[0, source, list(classes)].any()) for _, classes in parts] for source in range(shown.shape[1])]
    best = 0
    for chosen in itertools.product([None, *range(len(parts))], repeat=len(able)):
        taken = [part for part in chosen if part is not None]
        fits = all(part is None or able[source][part] for source, part in enumerate(chosen))
        if fits and len(set(taken)) == len(taken):
            best = max(best, len(taken))
    return best


@settings(max_examples=150, deadline=None)
@given(shows())
def test_parts_move_as_a_whole_and_as_many_sources_as_can_give_something(drawn):
    shown, numbers = drawn
    assignment = drawn_assignment(SMALL, shown, numbers)
    found = owners(assignment, shown)
    assert None not in found.values()
    assert len(set(found.values())) == most_givers(shown)
    for name, classes in SMALL:
        anybody = bool(shown[0, :, list(classes)].any())
        assert (name in found) is anybody, "a part that a source shows is there"
        for one in classes:
            source = int(assignment.shape[0, one])
            assert source == (found[name] if name in found and shown[0, found[name], one] else -1)
    assert assignment.style.min() >= 0
    present = assignment.shape >= 0
    assert torch.equal(assignment.style[present], assignment.shape[present])
    again = drawn_assignment(SMALL, shown, numbers)
    assert all(torch.equal(*pair) for pair in zip(assignment, again, strict=True))


def test_a_faces_draw_does_not_depend_on_its_neighbours():
    draw = torch.Generator().manual_seed(0)
    shown = torch.rand(6, 3, 19, generator=draw) < 0.7
    numbers = torch.rand(6, numbers_wanted(PARTS) + 1, generator=draw)
    whole = drawn_assignment(PARTS, shown, numbers)
    for row in range(6):
        alone = drawn_assignment(PARTS, shown[row : row + 1], numbers[row : row + 1])
        assert torch.equal(alone.shape[0], whole.shape[row])
        assert torch.equal(alone.style[0], whole.style[row])


def test_every_source_is_as_likely_as_the_others():
    count, sources = 1500, 4
    shown = torch.ones(count, sources, 19, dtype=torch.bool)
    numbers = torch.rand(count, numbers_wanted(PARTS), generator=torch.Generator().manual_seed(0))
    found = drawn_assignment(PARTS, shown, numbers).shape
    for _, classes in PARTS:
        shares = torch.bincount(found[:, classes[0]], minlength=sources) / count
        torch.testing.assert_close(shares, torch.full((sources,), 1 / sources), atol=0.05, rtol=0)


def test_others_give_way_to_a_source_that_has_one_part_only():
    # In the order a, b, ... source 1 would take a, which is all that source 3 shows.
    shown = torch.tensor([[[1, 1, 1, 0, 0, 0], [0, 1, 1, 1, 0, 0], [1, 0, 0, 0, 0, 0]]]).bool()
    numbers = torch.tensor([[0.0, 0.1, 0.2, 0.3, 0.0, 0.0, 0.0, 0.0]])
    assert drawn_assignment(SMALL, shown, numbers).shape.tolist() == [[2, 0, 0, 1, -1, -1]]


def test_more_sources_than_parts():
    shown = torch.ones(1, 7, 6, dtype=torch.bool)
    numbers = torch.rand(1, numbers_wanted(SMALL), generator=torch.Generator().manual_seed(0))
    assert len(set(owners(drawn_assignment(SMALL, shown, numbers), shown).values())) == 4


# --------------------------------------------------------------------------------------------------------------- names


def test_by_name_the_rest_stays_with_the_first_source():
    shape, style = named_assignment(PARTS, {"hair": 2, "left_eye": 3}, {"skin": 2, "hat": 1}, 3)
    expected = {"hair": 2, "hat": 2, "left_eye": 3}
    assert shape.tolist() == [[expected.get(name, 1) - 1 for name in CLASSES]]
    expected |= {"skin": 2, "hat": 1}
    assert style.tolist() == [[expected.get(name, 1) - 1 for name in CLASSES]]


@pytest.mark.parametrize("order", [("eyes", "left_eye"), ("left_eye", "eyes")])
def test_a_class_goes_before_its_part_in_any_order(order):
    shape, _ = named_assignment(PARTS, {name: {"eyes": 2, "left_eye": 3}[name] for name in order}, {}, 3)
    assert [int(shape[0, one]) for one in (3, 4, 5)] == [1, 2, 1]


def test_names_and_sources_that_there_are_not():
    with pytest.raises(ValueError, match="shapes: got 'nostril', expected some of background, skin"):
        named_assignment(PARTS, {"nostril": 1}, {}, 2)
    with pytest.raises(ValueError, match=r"styles: got 'left_eyes', .*; did you mean 'left_eye'"):
        named_assignment(PARTS, {}, {"left_eyes": 1}, 2)
    for source in (0, 3):
        with pytest.raises(ValueError, match=f"styles: got source {source} for nose, expected 1 to 2"):
            named_assignment(PARTS, {}, {"nose": source}, 2)


def test_what_is_not_shown_is_absent_and_styles_stay_with_the_shape():
    shown = torch.tensor([[[True, True, False], [True, False, False]]])
    shape, style = only_shown(Assignment(torch.tensor([[0, 1, 0]]), torch.tensor([[1, 1, 1]])), shown)
    assert shape.tolist() == [[0, -1, -1]]
    assert style.tolist() == [[1, 1, 0]]
    shape, style = only_shown(Assignment(torch.tensor([[0, 0, -1]]), torch.tensor([[1, 1, 1]])), shown)
    assert shape.tolist() == [[0, 0, -1]]
    assert style.tolist() == [[1, 0, 1]]


# ------------------------------------------------------------------------------------------------------------- tensors


def test_stacks_and_codes_are_what_the_definition_says():
    draw = torch.Generator().manual_seed(0)
    maps, codes = torch.rand(3, 4, 6, 5, 5, generator=draw), torch.rand(3, 4, 6, 2, generator=draw)
    shape = torch.randint(-1, 4, (3, 6), generator=draw)
    style = torch.randint(0, 4, (3, 6), generator=draw)
    stack, styles = stacked(maps, shape), gathered(codes, style)
    assert stack.is_contiguous(memory_format=torch.channels_last)
    for n, r in itertools.product(range(3), range(6)):
        source = int(shape[n, r])
        assert torch.equal(stack[n, r], maps[n, source, r] if source >= 0 else torch.zeros(5, 5))
        assert torch.equal(styles[n, r], codes[n, style[n, r], r])
    assert torch.equal(stacked(maps[:1].expand(3, *maps.shape[1:]), shape)[1, 0], stacked(maps[:1], shape[1:2])[0, 0])


def test_an_assignment_speaks_of_the_faces_that_sources_are():
    found = Assignment(torch.tensor([[0, -1, 1]]), torch.tensor([[1, 0, 1]])).of_batch(torch.tensor([[4, 7]]))
    assert found.shape.tolist() == [[4, -1, 7]]
    assert found.style.tolist() == [[7, 4, 7]]
