"""What drawn people wear: who wears it, how often, and that detectors still find them."""

from __future__ import annotations

from dataclasses import asdict, replace

import numpy as np
import pytest

from bench.aligners.dlib_hog import DlibHog, DlibHogSettings
from bench.datasets.drawn import Drawn, DrawnSettings, Hat, View, dressed, person_from_seed, render
from bench.datasets.drawn.hair_styles import shows_ears
from bench.datasets.drawn.person import EARRING_STYLES, GLASSES_STYLES, NECKLACE_STYLES
from bench.datasets.drawn.view import HATS, NO_HAT

MANY = DrawnSettings(people=300, images=4, split="all", seed=6)


def test_every_accessory_is_drawn() -> None:
    person = replace(person_from_seed(0, 3), hair=replace(person_from_seed(0, 3).hair, style="buzz"))
    view = View(yaw=14.0, pitch=-5.0, roll=4.0)
    looks = [(person, replace(view, hat=Hat(style))) for style in HATS]
    for part, name, styles in (
        ("glasses", "style", GLASSES_STYLES), ("jewels", "earrings", EARRING_STYLES),
        ("jewels", "necklace", NECKLACE_STYLES),
    ):  # fmt: skip
        for style in styles:
            changed = replace(person, **{part: replace(getattr(person, part), **{name: style})})
            looks.append((changed, replace(view, **{"glasses" if part == "glasses" else name: True})))
    looks.append((person, replace(view, neckline="shirt", tie=(122, 36, 44))))
    pictures = {render(*look, 64).tobytes() for look in looks}
    assert len(pictures) == len(looks)


def test_what_is_owned_shows_only_where_it_is_worn() -> None:
    person = person_from_seed(0, 5)
    other = replace(person, glasses=replace(person.glasses, frame=(1, 2, 3)), jewels=replace(person.jewels, size=1.1))
    assert np.array_equal(render(person, View(), 64), render(other, View(), 64))
    assert not np.array_equal(render(person, View(glasses=True), 64), render(other, View(glasses=True), 64))


def test_odds_are_believable() -> None:
    data = Drawn(MANY)
    shown = [data.parameters(frame.key) for frame in data.frames()]
    share = {
        name: np.mean([bool(value) for value in values])
        for name, values in {
            "glasses": [view.glasses for _, view in shown],
            "dark": [view.glasses and person.glasses.tint > 0.5 for person, view in shown],
            "hat": [view.hat != NO_HAT for _, view in shown],
            "women's earrings": [view.earrings for person, view in shown if person.masculine < 0.5],
            "men's earrings": [view.earrings for person, view in shown if person.masculine > 0.5],
            "necklace": [view.necklace for _, view in shown],
            "tie": [view.tie for _, view in shown],
        }.items()
    }
    assert 0.15 < share["glasses"] < 0.40
    assert 0.01 < share["dark"] < 0.10
    assert 0.08 < share["hat"] < 0.16
    assert share["men's earrings"] < 0.06 < 0.12 < share["women's earrings"]
    assert 0.05 < share["necklace"] < 0.25
    assert 0.01 < share["tie"] < 0.10


def test_some_always_wear_glasses_some_at_times_some_never() -> None:
    data = Drawn(replace(MANY, images=6))
    worn: dict[str, list[bool]] = {}
    for frame in data.frames():
        worn.setdefault(frame.subject, []).append(data.parameters(frame.key)[1].glasses)
    always, never = (sum(rule(list_) for list_ in worn.values()) for rule in (all, lambda list_: not any(list_)))
    assert always > 20
    assert never > 100
    assert len(worn) - always - never > 20


def test_nobody_wears_what_cannot_be_seen() -> None:
    data = Drawn(MANY)
    for frame in data.frames():
        person, view = data.parameters(frame.key)
        assert shows_ears(person) or not view.earrings
        assert view.neckline == "shirt" or view.tie is None


def test_without_accessories_nothing_else_changes() -> None:
    with_them, without = Drawn(MANY), Drawn(replace(MANY, accessories=False))
    assert "accessories" in asdict(MANY)
    for frame in with_them.frames()[:40]:
        (person, view), (same, plain) = with_them.parameters(frame.key), without.parameters(frame.key)
        assert person == same
        assert replace(view, glasses=False, earrings=False, necklace=False, hat=NO_HAT, tie=None) == plain


def test_the_same_stream_dresses_the_same() -> None:
    person = person_from_seed(0, 4)
    first, again = (dressed(View(), person, np.random.default_rng(3)) for _ in range(2))
    assert first == again


@pytest.mark.full
@pytest.mark.parametrize("everybody", ["as they are", "in hats", "in glasses", "in both"])
def test_dlib_finds_frontal_faces_in_hats_and_glasses(everybody: str) -> None:
    aligner = DlibHog(DlibHogSettings())
    data = Drawn(DrawnSettings(people=200, images=1, split="all", seed=11))
    found = 0
    for number, frame in enumerate(data.frames()):
        person, view = data.parameters(frame.key)
        if everybody in ("in hats", "in both"):
            view = replace(view, hat=Hat(HATS[1 + number % (len(HATS) - 1)], view.clothes, (58, 56, 58)))
        if everybody in ("in glasses", "in both"):
            view = replace(view, glasses=True)
        found += len(aligner.detect(render(person, view, 192))) == 1
    assert found >= 190
