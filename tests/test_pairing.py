"""Who contributes to a made face: drawn by the seed, read from a list, look-alikes by a given similarity."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.api import Frame
from bench.errors import CorruptFile, InsufficientData, MissingFile
from bench.sweep.pair_files import listed, read_list
from bench.sweep.pairing import Album, photograph
from bench.sweep.partners import different_people, genders_of, look_alikes


def frames(people: int, photos: int = 4) -> list[Frame]:
    return [Frame(f"p{person:03d}/{photo}", f"p{person:03d}") for person in range(people) for photo in range(photos)]


@settings(max_examples=60, deadline=None)
@given(people=st.integers(3, 25), count=st.integers(1, 400), contributors=st.integers(1, 3), seed=st.integers(0, 9))
def test_people_differ_within_a_face_and_pairs_come_round(
    people: int, count: int, contributors: int, seed: int
) -> None:
    album = Album(frames(people), "toy", contributors)
    drawn = different_people(album, count, contributors, seed, "toy")
    assert drawn.shape == (count, contributors)
    assert drawn.min() >= 0
    assert drawn.max() < people
    assert all(len(set(row)) == contributors for row in drawn.tolist())
    if contributors > 1:
        pairs = [tuple(sorted(row[:2])) for row in drawn.tolist()]
        times = [pairs.count(pair) for pair in itertools.combinations(range(people), 2)]
        assert max(times) - min(times) <= 1, "a pair came again before every pair had come"


def test_the_first_two_do_not_depend_on_how_many_there_are() -> None:
    album = Album(frames(30), "toy", 4)
    two, four = (different_people(album, 100, k, 7, "toy") for k in (2, 4))
    assert (two == four[:, :2]).all()
    pairs, quads = (photograph(album, people, 2, 7, "toy") for people in (two, four))
    assert [pairs.frames[i].key for i in pairs.photo.ravel()] == [
        quads.frames[i].key for i in quads.photo[:, :2].ravel()
    ]
    assert (different_people(album, 100, 2, 8, "toy") != two).any()


def test_who_comes_first_is_drawn_too() -> None:
    drawn = different_people(Album(frames(40), "toy", 2), 500, 2, 1, "toy")
    assert 0.4 < (drawn[:, 0] < drawn[:, 1]).mean() < 0.6


def test_photos_are_their_own_and_never_the_one_that_the_maker_sees() -> None:
    album = Album([*frames(5, 2), *frames(1, 1)[:0], Frame("lonely", "lonely")], "toy", 2)
    pairing = photograph(album, different_people(album, 10, 2, 3, "toy"), 3, 3, "toy")
    assert "lonely" not in {frame.subject for frame in pairing.frames}
    for face, contributor in np.ndindex(pairing.photo.shape):
        seen = pairing.frames[pairing.photo[face, contributor]]
        others = [pairing.frames[i] for i in pairing.reference[face, contributor] if i >= 0]
        assert [one.subject for one in others] == [seen.subject]
        assert seen not in others
    assert (pairing.reference[:, :, 1:] == -1).all()


def test_too_few_people_are_refused() -> None:
    with pytest.raises(InsufficientData, match="1 of 2 people have two photos or more; a face of 2 contributors"):
        Album([*frames(1, 2), Frame("x", "x")], "toy", 2)


def test_look_alikes_are_the_nearest_of_the_same_gender() -> None:
    album = Album(frames(5), "toy", 2)
    place = np.array([0.0, 1.0, 2.1, 10.0, 11.5])
    similarity = -np.abs(place[:, None] - place[None, :])
    plain = look_alikes(album, similarity, {}, 3, 2, 0, "toy")
    assert {tuple(sorted(row)) for row in plain.tolist()} == {(0, 1), (1, 2), (3, 4)}
    genders = {"p000": "1.0", "p001": "-1.0", "p002": "1.0"}
    parted = look_alikes(album, similarity, genders, 200, 2, 0, "toy")
    found = {tuple(sorted(row)) for row in parted.tolist()}
    assert (0, 1) not in found
    assert (1, 2) not in found
    assert (0, 2) in found
    assert (1, 3) in found, "people of unknown gender may be put together with anybody"


def test_look_alikes_come_nearest_first() -> None:
    rng = np.random.default_rng(0)
    place = rng.random(40)
    similarity = -np.abs(place[:, None] - place[None, :])
    rows = look_alikes(Album(frames(40), "toy", 2), similarity, {}, 300, 2, 0, "toy")
    distance = np.abs(place[rows[:, 0]] - place[rows[:, 1]])
    assert distance[:30].mean() < 0.3 * distance[-60:].mean()
    nearest = {tuple(sorted((i, int(np.argsort(-similarity[i])[1])))) for i in range(40)}
    assert nearest == {tuple(sorted(row)) for row in rows[: len(nearest)].tolist()}
    assert len({tuple(sorted(row)) for row in rows.tolist()}) == 300, "no pair twice"


def test_people_who_were_not_acquired_look_like_nobody() -> None:
    similarity = np.array([[0, 1, np.nan], [1, 0, np.nan], [np.nan, np.nan, np.nan]])
    rows = look_alikes(Album(frames(3), "toy", 2), similarity, {}, 4, 2, 0, "toy")
    assert {tuple(sorted(row)) for row in rows.tolist()} == {(0, 1)}
    with pytest.raises(InsufficientData, match="different_people"):
        look_alikes(Album(frames(3), "toy", 2), np.full((3, 3), np.nan), {}, 4, 2, 0, "toy")


def test_gender_is_that_of_most_photos_that_say_one() -> None:
    some = [Frame(str(i), person) for i, person in enumerate("aaabbc")]
    male = np.array([1, 1, -1, np.nan, -1, np.nan], dtype=np.float32)
    assert genders_of(some, {"Male": male}) == {"a": "1.0", "b": "-1.0"}
    assert genders_of(some, {"gender": np.array(["Woman"] * 5 + [""])}) == {"a": "Woman", "b": "Woman"}
    assert genders_of(some, {"Young": male}) == {}


def test_a_list_gives_back_the_pairs_that_it_names(tmp_path: Path) -> None:
    album = Album(frames(6), "toy", 2)
    drawn = photograph(album, different_people(album, 9, 2, 0, "toy"), 2, 0, "toy")
    rows = [
        f"{face},{k + 1},{drawn.frames[photo].key}"
        for face, photos in enumerate(drawn.photo)
        for k, photo in enumerate(photos)
    ]
    path = tmp_path / "pairs.csv"
    path.write_text("face,contributor,photo\n" + "\n".join(rows))
    again = listed(album, path, 2, 2, 0, "toy")
    assert [again.frames[i].key for i in again.photo.ravel()] == [drawn.frames[i].key for i in drawn.photo.ravel()]
    for face, contributor in np.ndindex(again.photo.shape):
        assert again.photo[face, contributor] not in again.reference[face, contributor]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("face,photo\n0,a", "no column contributor"),
        ("face,contributor,photo\n", "no pairs"),
        ("face,contributor,photo\n0,one,a", "line 2"),
        ("face,contributor,photo\n0,1,a\n0,1,b", "line 3"),
        ("face,contributor,photo\n0,1,a\n0,3,b", r"\[1, 3\]; expected 1 to K"),
        ("face,contributor,photo\n0,1,p000/0", "face 0 has 1 contributors; expected 2"),
        ("face,contributor,photo\n0,1,p000/0\n0,2,nobody", "'nobody'"),
        ("face,contributor,photo\n0,1,p000/0\n0,2,p000/1", "one person contributes twice to face 0"),
    ],
)
def test_a_wrong_list_is_named(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "pairs.csv"
    path.write_text(text)
    with pytest.raises(CorruptFile, match=message):
        listed(Album(frames(3), "toy", 2), path, 2, 2, 0, "toy")


def test_no_list_is_named(tmp_path: Path) -> None:
    with pytest.raises(MissingFile, match="no list of pairs"):
        read_list(tmp_path / "nothing.csv")
