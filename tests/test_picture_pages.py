"""The pictures of the pages of sis, mixsyn and translation: drawn people, sheets, files that say what they are."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from bench.aligners.templates import FFHQ256
from bench.images import png_text, read, to_crops
from bench.regions import CLASSES
from generators.mixsyn import pictures as mixsyn_pictures
from generators.mixsyn.mixing import Mixer
from generators.picture_sheets import (
    GAP,
    SHOWN,
    difference,
    drawn_crops,
    enlarged,
    grey,
    sheet,
    shown_small,
    spotlight,
    write_sheet,
)
from generators.sis import pictures as sis_pictures
from generators.sis.plugin import Sis
from generators.sis.settings import SisSettings
from generators.translation import pictures as translation_pictures
from generators.translation.editing import Translator
from tests.test_mixsyn import mixsyn_weights
from tests.test_sis import SMALL, sis_weights
from tests.test_translation import translation_weights

SMALL_PLAIN, SMALL_IDENTITY = (dataclasses.replace(SMALL, identity=length) for length in (0, 128))
STEP = SHOWN + GAP
EYES = [CLASSES.index("left_eye"), CLASSES.index("right_eye")]


def tile(page, row, column):
    return page[row * STEP : row * STEP + SHOWN, column * STEP : column * STEP + SHOWN]


def flat(value):
    return np.full((256, 256, 3), value, np.uint8)


def test_a_sheet_has_its_pictures_in_place_and_free_places_white():
    page = sheet([[flat(10), None], [flat(20), flat(30), flat(40)]])
    assert page.shape == (2 * STEP - GAP, 3 * STEP - GAP, 3)
    assert (tile(page, 0, 0) == 10).all()
    assert (tile(page, 0, 1) == 255).all()
    assert (tile(page, 1, 2) == 40).all()
    assert (page[SHOWN:STEP] == 255).all()


def test_numbers_differences_and_parts_as_pictures():
    assert grey(np.array([[0.0, 1.0], [2.0, 4.0]]), 2.0)[..., 0].tolist() == [[0, 128], [255, 255]]
    assert (difference(flat(10), flat(20)) == 30).all()
    assert (difference(flat(200), flat(0)) == 255).all()
    where = np.zeros((256, 256), bool)
    where[:128] = True
    lit = spotlight(flat(55), where)
    assert (lit[:128] == 55).all()
    assert (lit[128:] == 205).all()
    squares = enlarged(np.arange(12, dtype=np.uint8).reshape(2, 2, 3), 8)
    assert squares.shape == (8, 8, 3)
    assert (squares[4:, :4] == [6, 7, 8]).all()


def test_a_file_says_that_it_is_synthetic_and_is_the_same_every_time(tmp_path):
    page = sheet([[flat(10), flat(200)]])
    for name in ("one.png", "two.png"):
        write_sheet(tmp_path / "new" / name, page, "generator/any", "0123", "docs/any.md")
    data = (tmp_path / "new" / "one.png").read_bytes()
    assert data == (tmp_path / "new" / "two.png").read_bytes()
    text = png_text(data)
    assert text["impersona.synthetic"] == "true"
    assert (text["impersona.made_by"], text["impersona.weights"]) == ("generator/any", "0123")
    assert "docs/any.md" in text.values()
    assert np.array_equal(read(tmp_path / "new" / "one.png"), page)
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == ["one.png", "two.png"]


def test_drawn_people_lie_in_the_template_with_their_masks_and_points():
    drawn = drawn_crops(3, seed=2, accessories=False)
    assert drawn.crops.shape == (3, FFHQ256.side, FFHQ256.side, 3)
    assert [frame.shape for frame in drawn.frames] == [(320, 320, 3)] * 3
    for labels, points in zip(drawn.maps, drawn.points, strict=True):
        for eye, outline in zip(EYES, (points[36:42], points[42:48]), strict=True):
            rows, columns = np.nonzero(labels == eye)
            assert np.hypot(*(outline.mean(axis=0) - (columns.mean(), rows.mean()))) < 3


@pytest.fixture(scope="module")
def people():
    return mixsyn_pictures.chosen_people(3)


@pytest.fixture(scope="module")
def mixer(tmp_path_factory):
    return Mixer(str(mixsyn_weights(tmp_path_factory.mktemp("weights") / "small.safetensors")), threads=1)


def test_parts_of_the_donor_stand_above_what_is_made_of_them(mixer, people):
    page = mixsyn_pictures.match_sheet(mixer, people)
    columns = 3 + len(mixsyn_pictures.GIVEN)
    assert page.shape == (3 * STEP - GAP, columns * STEP - GAP, 3)
    assert np.array_equal(tile(page, 0, 1), shown_small(people.crops[2]))
    assert np.array_equal(tile(page, 1, 0), shown_small(people.crops[0]))
    made = [tile(page, 1, column) for column in range(1, columns)]
    assert all(not np.array_equal(made[0], other) for other in made[1:])


def test_an_edit_shows_where_its_source_is_used_and_nowhere_else(mixer, people):
    page = mixsyn_pictures.edit_sheet(mixer, people)
    for column, used in enumerate([True, *("hair" in mix for mix in mixsyn_pictures.OUTPUTS)]):
        assert np.array_equal(tile(page, 0, column), tile(page, 1, column)) is not used
        assert bool(tile(page, 2, column).any()) is used


def test_entropy_ends_with_temperature(mixer, people):
    page = mixsyn_pictures.temperature_sheet(mixer, people, mixes=1)
    bright = [int(tile(page, 1, column).astype(int).sum()) for column in range(1, 5)]
    assert bright == sorted(bright, reverse=True)
    assert bright[0] > bright[-1] == 0


def test_a_collage_stands_beside_copy_paste_and_mix(mixer, people):
    page = mixsyn_pictures.collage_sheet(mixer, people)
    for row in range(len(mixsyn_pictures.MIXES)):
        shown = [tile(page, row, column) for column in range(6)]
        for number, one in enumerate(shown):
            assert not any(np.array_equal(one, other) for other in shown[:number])
            assert (one != 255).any()


def test_too_few_people_are_refused_before_anything_is_drawn(tmp_path, capsys):
    with pytest.raises(SystemExit):
        mixsyn_pictures.main(["--people", "2", "--weights", str(tmp_path / "none.safetensors")])
    assert "--people: got 2, expected at least 3" in capsys.readouterr().err


def test_weights_without_an_identity_have_no_sheet_of_identities(tmp_path):
    plain = Sis(SisSettings(weights=str(sis_weights(tmp_path / "plain.safetensors", SMALL_PLAIN))))
    assert sis_pictures.sheets_of(plain) == ["sis-regions"]
    whose = Sis(SisSettings(weights=str(sis_weights(tmp_path / "whose.safetensors", SMALL_IDENTITY))))
    assert sis_pictures.sheets_of(whose) == sorted(sis_pictures.SHEETS)


@pytest.mark.full
def test_mixsyn_s_pictures_are_written(tmp_path, mixer):
    arguments = ["--out", str(tmp_path), "--weights", str(mixer.released.file), "--people", "3"]
    assert mixsyn_pictures.main([*arguments, "--only", "mixsyn-edit", "--only", "mixsyn-collage"]) == 0
    _check_files(tmp_path, {"mixsyn-edit", "mixsyn-collage"}, "generator/mixsyn", "docs/mixsyn.md")


@pytest.mark.full
def test_sis_s_pictures_are_written_with_identities_of_drawn_people(tmp_path, capsys):
    preset = dataclasses.replace(SMALL, identity=128)
    weights = sis_weights(tmp_path / "small.safetensors", preset, identity_encoder={"name": "dlib_resnet"})
    assert sis_pictures.main(["--out", str(tmp_path / "out"), "--weights", str(weights), "--people", "2"]) == 0
    assert "6 drawn people" in capsys.readouterr().out
    names = {"sis-identity", "sis-regions", "sis-attention", "sis-three"}
    _check_files(tmp_path / "out", names, "generator/sis", "docs/sis.md")
    swaps = read(tmp_path / "out" / "sis-identity.png")
    assert swaps.shape == (2 * STEP - GAP, 7 * STEP - GAP, 3)
    apart = [np.abs(tile(swaps, 0, 1).astype(int) - tile(swaps, 0, column)).mean() for column in (2, 5)]
    assert 0 < apart[0] < apart[1]


def _check_files(folder: Path, names: set[str], made_by: str, page: str) -> None:
    assert {path.stem for path in folder.iterdir()} == names
    for path in folder.iterdir():
        text = png_text(path.read_bytes())
        assert text["impersona.synthetic"] == "true"
        assert text["impersona.made_by"] == made_by
        assert page in text.values()
        with Image.open(path) as image:
            assert image.mode == "P"


@pytest.fixture(scope="module")
def translator(tmp_path_factory):
    return Translator(str(translation_weights(tmp_path_factory.mktemp("weights") / "small.safetensors")), threads=1)


def test_edits_stand_in_rows_of_people(translator):
    drawn = drawn_crops(4, seed=translation_pictures.SEED)
    with torch.inference_mode():
        pages = {name: make(translator, drawn) for name, make in translation_pictures.SHEETS.items()}
    names = translator.preset.attributes
    flips = pages["translation-flips"]
    assert flips.shape == (2 * translation_pictures.FLIPPED * STEP - GAP, (2 + len(names)) * STEP - GAP, 3)
    assert np.array_equal(tile(flips, 2, 0), shown_small(drawn.crops[1]))
    assert (tile(flips, 1, 1) == 255).all()
    assert len({tile(flips, 0, column).tobytes() for column in range(1, 2 + len(names))}) > 2
    strengths = pages["translation-strengths"]
    nothing = 1 + translation_pictures.STRENGTHS.index(0.0)
    assert np.array_equal(tile(strengths, 0, nothing), tile(flips, 0, 1)), "no strength makes the face again"
    bands = pages["translation-bands"]
    assert bands.shape == (STEP - GAP, 8 * STEP - GAP, 3)
    assert np.array_equal(tile(bands, 0, 3), shown_small(drawn.crops[3]))
    looks = pages["translation-looks"]
    assert np.array_equal(tile(looks, 0, 1 + translation_pictures.LOOKS), shown_small(drawn.crops[1]))
    with torch.inference_mode():
        own = translator.read(torch.from_numpy(to_crops(drawn.crops[:1])))
        asked = {"Smiling": None}
        there = translation_pictures.edited(translator, torch.from_numpy(to_crops(drawn.crops[:1])), asked)
        same = {"Smiling": bool(own[0, 0])}
        again = translation_pictures.edited(translator, torch.from_numpy(to_crops(drawn.crops[:1])), same)
    assert not torch.equal(there, again)
