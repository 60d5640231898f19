"""Attribute translation: attributes and conflicts, sizes as published, the latent step, edits of released networks."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import bench
from bench.api import EditingGenerator, FaceBatch, Generator
from bench.datasets.attributes import ATTRIBUTES
from bench.errors import ConfigError, ShapeError
from bench.registry import load
from generators.crops import shrink
from generators.training.released import write_released
from generators.translation import networks as nets
from generators.translation.attributes import CONFLICTS, PUBLISHED, SHIPPED, edited_labels
from generators.translation.editing import RELEASED, Translator, averaged, bands, by_place
from generators.translation.settings import PRESETS, TranslationPreset, TranslationSettings

NAMES = ("Smiling", "Black_Hair", "Blond_Hair", "Bangs", "Receding_Hairline")
SMALL = TranslationPreset(
    side=16, attributes=NAMES, noise=4, code=8, stem=8, widths=(8, 12), hidden=8, encoder_stem=4, encoder_blocks=1,
    mapping_start=8, reader=(4, 8), judge_widths=(4, 8, 8), judge_head=8, batch_size=4, judge_steps=2, bank=64,
)  # fmt: skip


def translation_weights(path: Path, preset: TranslationPreset = SMALL, **about: Any) -> Path:
    """Networks that learned nothing, released."""
    torch.manual_seed(0)
    made: dict[str, nn.Module] = {
        "generator": nets.generator(preset), "encoder": nets.code_encoder(preset),
        "mapping": nets.label_mapping(preset), "reader": nets.label_reader(preset),
    }  # fmt: skip
    write_released(path, made, preset, about)
    return path


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return translation_weights(tmp_path / "small.safetensors")


def faces(count: int, seed: int = 0) -> np.ndarray[Any, np.dtype[np.float32]]:
    coarse = np.random.default_rng(seed).random((count, 3, 16, 16), dtype=np.float32)
    return coarse.repeat(16, axis=2).repeat(16, axis=3)


def made(file: Path, batch: FaceBatch, seed: int = 0, **settings: Any) -> np.ndarray[Any, np.dtype[np.float32]]:
    maker: Any = load("generator", "translation", weights=str(file), **{"batch_size": 2, "threads": 1, **settings})
    found: np.ndarray[Any, np.dtype[np.float32]] = maker.generate(batch, np.random.default_rng(seed))
    return found


# ---------------------------------------------------------------------------------------------------------- attributes


def test_attributes_are_celebas() -> None:
    assert len(PUBLISHED) == 14
    assert set(SHIPPED) <= set(ATTRIBUTES)
    assert all(group <= set(ATTRIBUTES) for group in CONFLICTS)


def test_what_excludes_an_attribute_goes() -> None:
    labels = np.array([[0, 1, 0, 0, 1], [1, 0, 1, 1, 0], [0, 1, 0, 0, 0]], np.float32)
    nan = np.nan
    asked = np.array([[nan, nan, 1, 1, nan], [nan, 0, nan, nan, nan], [nan, 1, 1, nan, nan]], np.float32)
    found, possible = edited_labels(labels, NAMES, asked)
    np.testing.assert_array_equal(found[:2], [[0, 0, 1, 1, 0], [1, 0, 1, 1, 0]])
    np.testing.assert_array_equal(possible, [True, True, False])
    np.testing.assert_array_equal(labels[0], [0, 1, 0, 0, 1])
    with pytest.raises(ValueError, match="edits: got Black_Hair and Blond_Hair, expected one at most"):
        TranslationSettings(edits={"Black_Hair": True, "Blond_Hair": True})


# -------------------------------------------------------------------------------------------------------------- sizes


def test_the_paper_preset_has_the_published_sizes() -> None:
    preset = PRESETS["paper"]
    with torch.device("meta"):
        built = [nets.generator(preset), nets.code_encoder(preset), nets.label_mapping(preset)]
        built.append(nets.discriminator(preset))
    counts = [sum(one.numel() for one in network.parameters()) for network in built]
    assert counts == [7_219_011, 71_808, 121_888, 9_613_039]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"attributes": ()}, "attributes: got none"),
        ({"attributes": ("Smiling", "Smiling")}, "expected each name once"),
        ({"attributes": ("Smile",)}, "did you mean 'Smiling'"),
        ({"side": 48}, "side: got 48, expected a power of two"),
        ({"widths": (8,) * 5}, "that can be halved 5 times"),
        ({"latent_sign": 2}, "latent_sign: got 2, expected one of -1, 0, 1"),
        ({"judge_steps": 0}, "judge_steps: got 0"),
        ({"cycle": -1.0}, "cycle: got -1"),
        ({"decay_from": 3}, "decay_from: got 3"),
    ],
)
def test_a_preset_says_what_is_wrong_with_it(change: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        dataclasses.replace(SMALL, **change)


def test_a_code_steers_and_a_norm_lies_between_two() -> None:
    torch.manual_seed(0)
    network = nets.generator(SMALL)
    images, (one, other) = torch.rand(3, 3, 16, 16), torch.rand(2, 3, 8, 8, 8)
    own, theirs = network(images, one), network(images, other)
    assert (own - theirs).abs().max() > 1e-3
    for share, expected in ((1.0, own), (0.0, theirs)):
        torch.testing.assert_close(network(images, one, other, torch.full((3,), share)), expected)
    between = network(images, one, other, torch.full((3,), 0.5))
    assert not torch.allclose(between, own)
    assert not torch.allclose(between, theirs)
    torch.testing.assert_close(network.paint(network.look(images), one), own)


def test_a_bank_keeps_what_it_is_given() -> None:
    bank = nets.NoiseBank(5, 3)
    before = bank.rows.clone()
    bank.put(torch.tensor([6, 3]), torch.ones(2, 3))
    torch.testing.assert_close(bank(torch.tensor([1, 3, 11])), torch.ones(3, 3))
    torch.testing.assert_close(bank.rows[[0, 2, 4]], before[[0, 2, 4]])
    assert "rows" in bank.state_dict(), "a run that resumes goes on with it"


# ------------------------------------------------------------------------------------------------------------- editing


def test_it_is_a_generator(file: Path) -> None:
    for settings, contributors in (({}, 1), ({"by": "reference"}, 2), ({"by": "both", "sources": 4}, 4)):
        maker = load("generator", "translation", weights=str(file), **settings)
        assert isinstance(maker, Generator)
        assert maker.contributors == contributors
        assert maker.conditions == ({"references"} if contributors > 1 else set())


def test_what_ships_edits_what_its_card_says() -> None:
    maker: Any = load("generator", "translation", edits={"Smiling": "flip"}, detail=True, threads=1, batch_size=2)
    assert maker.attributes == SHIPPED
    card = (Path(bench.__file__).parent / "weights" / RELEASED).with_suffix(".md").read_text(encoding="utf-8")
    assert maker.fingerprint()["weights"] in card
    images = faces(2)
    found = maker.generate(FaceBatch(images=images), np.random.default_rng(0))
    assert found.shape == images.shape
    assert np.abs(found - images).mean() > 1e-3


def test_no_change_is_a_reconstruction(file: Path) -> None:
    images = faces(3)
    translator = Translator(str(file), threads=1, batch_size=2)
    again = made(file, FaceBatch(images=images))
    np.testing.assert_array_equal(again, translator.reconstruct(torch.from_numpy(images)).numpy())
    own = translator.read(torch.from_numpy(images)).numpy()
    asked = {name: bool(there) for name, there in zip(NAMES, own[0], strict=True) if there or "Hair" not in name}
    if sum(asked.get(name, False) for name in ("Black_Hair", "Blond_Hair")) < 2 and not (
        asked.get("Bangs") and asked.get("Receding_Hairline")
    ):
        same = made(file, FaceBatch(images=images), edits=asked)
        np.testing.assert_array_equal(same[0], again[0], "what is there already changes nothing")


def test_an_edit_by_label_is_its_difference(file: Path) -> None:
    images = faces(3)
    translator = Translator(str(file), threads=1, batch_size=2)
    pictures = torch.from_numpy(images)
    own = translator.read(pictures).numpy()
    for strength in (1.0, 1.5):
        found = made(file, FaceBatch(images=images), edits={"Smiling": "flip"}, strength=strength)
        difference = torch.zeros(3, 5)
        difference[:, 0] = torch.from_numpy(1 - 2 * own[:, 0]) * strength
        expected = translator.edit(pictures, difference, translator.label_code(difference)).numpy()
        np.testing.assert_array_equal(found, expected)
    assert np.abs(found - made(file, FaceBatch(images=images))).max() > 1e-4


def test_detail_is_the_photo_and_what_the_edit_changes(file: Path) -> None:
    fine = np.clip(faces(3) + np.random.default_rng(5).normal(0, 0.1, (3, 3, 256, 256)), 0, 1).astype(np.float32)
    images = FaceBatch(images=fine)
    np.testing.assert_allclose(made(file, images, detail=True), fine, atol=1e-6)  # nothing is edited: the photo
    coarse, again = made(file, images, edits={"Smiling": "flip"}), made(file, images)
    expected = np.clip(fine + coarse - again, 0, 1)
    np.testing.assert_allclose(made(file, images, edits={"Smiling": "flip"}, detail=True), expected, atol=1e-6)


@pytest.mark.parametrize("detail", [False, True])
def test_one_attribute_is_changed_by_degrees_for_attacks(file: Path, detail: bool) -> None:
    images = faces(3)
    maker: Any = load("generator", "translation", weights=str(file), batch_size=2, threads=1, detail=detail)
    assert isinstance(maker, EditingGenerator)
    found = maker.edit_tensor(torch.from_numpy(images), "Bangs", 1.5).numpy()
    expected = made(file, FaceBatch(images=images), edits={"Bangs": "flip"}, strength=1.5, detail=detail)
    np.testing.assert_array_equal(found, expected)
    with pytest.raises(ConfigError, match="attribute: got Bald, expected one of Smiling"):
        maker.edit_tensor(torch.from_numpy(images), "Bald", 1.0)


def test_looks_differ_by_noise_and_follow_from_the_stream(file: Path) -> None:
    batch = FaceBatch(images=faces(3))
    one, again, other = (made(file, batch, edits={"Smiling": "flip"}, variant=n) for n in (1, 1, 2))
    np.testing.assert_array_equal(one, again)
    assert np.abs(one - other).max() > 1e-5
    first = made(file, FaceBatch(images=faces(3)[:1]), edits={"Smiling": "flip"}, variant=1)
    np.testing.assert_array_equal(first, one[:1])
    assert np.abs(made(file, batch, seed=1, edits={"Smiling": "flip"}, variant=1) - one).max() > 1e-5


def test_an_edit_by_reference_is_the_mean_of_its_codes(file: Path) -> None:
    images, others = faces(8), np.stack([faces(8, 1), faces(8, 2)], axis=1)
    batch = FaceBatch(images=images, references=others)
    translator = Translator(str(file), threads=1, batch_size=2)
    pictures, references = torch.from_numpy(images), torch.from_numpy(others)
    own = translator.read(pictures)
    shown = torch.stack([translator.read(one) for one in references.unbind(1)]).mean(dim=0) > 0.5
    # An attribute that some of the references show otherwise than their faces, and some do not.
    column = next(one for one in range(5) if 0 < (shown[:, one] != own[:, one].bool()).sum() < 8)
    possible = (shown[:, column] != own[:, column].bool()).numpy()
    asked = np.full((8, 5), np.nan, np.float32)
    asked[:, column] = 1 - own[:, column]
    wanted, _ = edited_labels(own.numpy(), NAMES, asked)
    difference = torch.from_numpy(wanted) - own
    codes = torch.stack([translator.reference_code(one, difference) for one in references.unbind(1)], dim=1)
    expected = translator.edit(pictures, difference, averaged(codes)).numpy()
    flip = {"edits": {NAMES[column]: "flip"}, "sources": 3}
    found = made(file, batch, by="reference", **flip)
    np.testing.assert_array_equal(found[possible], expected[possible])
    assert np.isnan(found[~possible]).all(), "a reference that does not show it cannot say how it looks"
    shares = torch.full((8,), 0.25)
    between = translator.edit(pictures, difference, translator.label_code(difference), averaged(codes), shares).numpy()
    np.testing.assert_array_equal(made(file, batch, by="both", share=0.25, **flip)[possible], between[possible])


def test_a_face_that_would_show_what_excludes_each_other_is_not_made(file: Path) -> None:
    images = faces(12)
    own = Translator(str(file), threads=1, batch_size=2).read(torch.from_numpy(images)).numpy()
    found = made(file, FaceBatch(images=images), edits={"Blond_Hair": True, "Black_Hair": "flip"})
    np.testing.assert_array_equal(np.isnan(found).all(axis=(1, 2, 3)), own[:, NAMES.index("Black_Hair")] == 0)


def test_attributes_are_taken_of_the_reference(file: Path) -> None:
    images, others = faces(6), faces(6, 1)[:, None]
    translator = Translator(str(file), threads=1, batch_size=2)
    pictures, references = torch.from_numpy(images), torch.from_numpy(others[:, 0])
    own, theirs = translator.read(pictures), translator.read(references)
    assert (own != theirs).any()
    batch = FaceBatch(images=images, references=others)
    for take, columns in (((), range(5)), (("Bangs", "Smiling"), (0, 3))):
        asked = np.full((6, 5), np.nan, np.float32)
        asked[:, list(columns)] = theirs[:, list(columns)]
        wanted, _ = edited_labels(own.numpy(), NAMES, asked)  # what is taken excludes what the face had
        difference = torch.from_numpy(wanted) - own
        expected = translator.edit(pictures, difference, translator.reference_code(references, difference)).numpy()
        np.testing.assert_array_equal(made(file, batch, by="reference", take=list(take)), expected)


def test_codes_are_mixed_by_place() -> None:
    codes = torch.rand(2, 3, 4, 8, 8)
    mixed = by_place(codes, bands(3, (0.25, 0.5), side=32))
    torch.testing.assert_close(mixed[:, :, :2], codes[:, 0, :, :2])
    torch.testing.assert_close(mixed[:, :, 2:4], codes[:, 1, :, 2:4])
    torch.testing.assert_close(mixed[:, :, 4:], codes[:, 2, :, 4:])
    with pytest.raises(ValueError, match=r"edges: got \[0.5, 0.5\], expected 2 rising numbers"):
        bands(3, (0.5, 0.5))


def test_edits_are_differentiable(file: Path) -> None:
    translator = Translator(str(file), threads=1)
    images = torch.from_numpy(faces(1)).requires_grad_()
    difference = torch.zeros(1, 5).index_fill_(1, torch.tensor([0]), 0.5).requires_grad_()
    translator.edit(images, difference, translator.label_code(difference)).sum().backward()
    assert images.grad is not None
    assert difference.grad is not None
    assert images.grad.abs().sum() > 0
    assert difference.grad.abs().sum() > 0


def test_a_picture_is_seen_at_the_networks_side(file: Path) -> None:
    translator = Translator(str(file), threads=1)
    small = shrink(torch.from_numpy(faces(1)), 16)
    torch.testing.assert_close(translator.reconstruct(small), translator.reconstruct(torch.from_numpy(faces(1))))


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"edits": {"Smile": True}}, "edits: got 'Smile', .*did you mean 'Smiling'"),
        ({"edits": {"Smiling": "maybe"}}, "edits: got 'maybe' for Smiling, expected true, false or flip"),
        ({"edits": {"Young": True}}, "edits: got Young, expected what small.safetensors knows: Smiling, Black"),
        ({"take": ["Smiling"]}, r"take: got .* by label, expected by: reference"),
        ({"sources": 3}, "sources: got 3 by label, expected by: reference"),
        ({"share": 0.1}, "share: got 0.1 by label, expected by: both"),
        ({"by": "reference", "variant": 1}, "variant: got 1 by reference, which draws nothing"),
        ({"by": "name"}, "by: .*'label', 'reference' or 'both'"),
        ({"strength": -1.0}, "strength: got -1.0"),
    ],
)
def test_settings_that_mean_nothing_are_refused(file: Path, settings: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        load("generator", "translation", weights=str(file), **settings)


def test_what_a_face_was_asked_to_show(file: Path) -> None:
    images = faces(5)
    maker: Any = load("generator", "translation", weights=str(file), edits={"Blond_Hair": True, "Smiling": False})
    own = maker.translator.read(torch.from_numpy(images)).numpy()
    asked = maker.wanted_attributes(FaceBatch(images=images), np.random.default_rng(0))
    assert maker.attributes == NAMES
    np.testing.assert_array_equal(asked[:, 0], 0)
    np.testing.assert_array_equal(asked[:, 2], 1)
    np.testing.assert_array_equal(asked[:, 1], np.where(own[:, 1] == 1, 0, np.nan), "black hair has to go")
    assert np.isnan(asked[:, 3:]).all()


def test_wrong_arrays_are_refused(file: Path) -> None:
    translator = Translator(str(file), threads=1)
    with pytest.raises(ShapeError, match="got one of other and share"):
        translator.edit(torch.zeros(1, 3, 16, 16), torch.zeros(1, 5), torch.zeros(1, 8, 8, 8), torch.zeros(1, 8, 8, 8))
    with pytest.raises(ShapeError, match=r"difference: got \(1, 3\), expected \(N, 5\)"):
        translator.label_code(torch.zeros(1, 3))
    with pytest.raises(ShapeError, match=r"noise: got \(1, 2\), expected \(1, 4\)"):
        translator.label_code(torch.zeros(1, 5), torch.zeros(1, 2))
    with pytest.raises(ShapeError, match="references: got None; translation takes 1 more"):
        made(file, FaceBatch(images=faces(1)), by="reference")
    with pytest.raises(ShapeError, match="images: got float32"):
        made(file, FaceBatch(images=faces(1)[:, :, :128]))


def test_the_fingerprint_names_what_determines_the_faces(file: Path) -> None:
    changes: list[dict[str, Any]] = [
        {}, {"edits": {"Smiling": True}}, {"edits": {"Smiling": "flip"}}, {"strength": 1.5}, {"variant": 1},
        {"by": "reference"}, {"by": "both"}, {"by": "both", "share": 0.1}, {"by": "reference", "take": ["Bangs"]},
        {"by": "reference", "sources": 3},
    ]  # fmt: skip
    prints = [load("generator", "translation", weights=str(file), **one).fingerprint() for one in changes]
    assert len({str(sorted(one.items())) for one in prints}) == len(changes)
    assert TranslationSettings().sources == 2
