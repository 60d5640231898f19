"""The generator `mixsyn`: what weights that learned nothing mix, by settings and by tensors."""

from __future__ import annotations

import dataclasses
import itertools
import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from bench.api import FaceBatch, Generator, LayoutMaker, MixingMaker
from bench.cli.check import given
from bench.config import parse_sweep, validate_settings
from bench.errors import ConfigError, CorruptFile, MissingFile, ShapeError
from bench.notebook import settings_of
from bench.provenance import file_digest
from bench.regions import CLASSES
from bench.released import read_released
from bench.seeding import stream
from bench.sweep.axes import expand, in_words
from bench.sweep.plan import plan
from generators.crops import grow, shrink
from generators.mixsyn.assignment import numbers_wanted
from generators.mixsyn.copy_paste import copy_paste
from generators.mixsyn.copying import copied
from generators.mixsyn.mixing import RELEASED, Mixer
from generators.mixsyn.networks import Composer, renderer, style_encoder
from generators.mixsyn.plugin import MixSyn
from generators.mixsyn.settings import PARTS, MixSynPreset, MixSynSettings, classes_named
from generators.nets.regions import one_hot
from generators.training.released import write_released

ROOT = Path(__file__).parents[1]
SMALL = MixSynPreset(
    side=32, levels=((8, 8), (16, 8), (32, 4)), style=6, hidden=4, encoder_first=4, encoder_down=(6,),
    stem=2, composer=(8, 16), composer_groups=4, composer_noise=3,
)  # fmt: skip
HAIR, SKIN = CLASSES.index("hair"), CLASSES.index("skin")


def mixsyn_weights(path: Path, preset: MixSynPreset = SMALL, **about: Any) -> Path:
    """Networks that learned nothing, released; nothing in them is zero, so that noise shows in the faces."""
    torch.manual_seed(0)
    networks: dict[str, nn.Module] = {"encoder": style_encoder(preset), "renderer": renderer(preset)}
    if preset.compose:
        networks["composer"] = Composer(preset)
    for network in networks.values():
        for parameter in network.parameters():
            if not parameter.detach().any():
                nn.init.normal_(parameter, std=0.5)
    write_released(path, networks, preset, about)
    return path


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return mixsyn_weights(tmp_path_factory.mktemp("weights") / "small.safetensors")


def mixsyn(file: Path, **settings: Any) -> MixSyn:
    return MixSyn(MixSynSettings(weights=str(file), **{"batch_size": 2, "threads": 1, **settings}))


def labels(count: int, seed: int) -> NDArray[np.uint8]:
    """Squares of 32 pixels; every class is there."""
    rng = np.random.default_rng(seed)
    small = np.stack([rng.permutation(np.arange(64) % 19) for _ in range(count)]).reshape(count, 8, 8)
    return small.astype(np.uint8).repeat(32, 1).repeat(32, 2)


def face_batch(count: int, sources: int = 2) -> FaceBatch:
    rng = np.random.default_rng(1)
    images = rng.random((count, sources, 3, 256, 256), dtype=np.float32)
    masks = np.stack([labels(count, 10 + source) for source in range(sources)], axis=1)
    if sources == 1:
        return FaceBatch(images[:, 0], masks[:, 0])
    return FaceBatch(images[:, 0], masks[:, 0], references=images[:, 1:], reference_masks=masks[:, 1:])


def rows_of(batch: FaceBatch, rows: slice) -> FaceBatch:
    every = {one.name: getattr(batch, one.name) for one in dataclasses.fields(FaceBatch)}
    return FaceBatch(**{name: None if value is None else value[rows] for name, value in every.items()})


def changed(batch: FaceBatch, **arrays: Any) -> FaceBatch:
    """A batch of which some arrays are copies that may be written to."""
    return dataclasses.replace(batch, **{name: np.array(value) for name, value in arrays.items()})


def without(batch: FaceBatch, face: int, source: int, number: int) -> FaceBatch:
    """The batch in which one source of one face shows class 0 where it showed another."""
    assert batch.masks is not None
    assert batch.reference_masks is not None
    copy = changed(batch, masks=batch.masks, reference_masks=batch.reference_masks)
    assert copy.masks is not None
    assert copy.reference_masks is not None
    row = copy.masks[face] if source == 1 else copy.reference_masks[face, source - 2]
    row[row == number] = 0
    return copy


def made(file: Path, batch: FaceBatch, seed: str = "any", **settings: Any) -> Tensor:
    return torch.from_numpy(mixsyn(file, **settings).generate(batch, stream(0, seed)))


class ByHand:
    """The networks of a file, without the plugin."""

    def __init__(self, file: Path, preset: MixSynPreset = SMALL) -> None:
        _, states = read_released(file)
        self.encoder, self.renderer, self.composer = style_encoder(preset), renderer(preset), Composer(preset)
        for name, state in states.items():
            getattr(self, name).load_state_dict(state)

    @torch.no_grad()
    def codes_and_maps(self, batch: FaceBatch) -> tuple[Tensor, Tensor]:
        """(K, N, R, L) and (K, N, R, S, S)."""
        assert batch.masks is not None
        pairs = [(batch.images, batch.masks)]
        if batch.references is not None:
            assert batch.reference_masks is not None
            pairs += list(zip(batch.references.swapaxes(0, 1), batch.reference_masks.swapaxes(0, 1), strict=True))
        maps = [one_hot(torch.from_numpy(np.ascontiguousarray(mask[:, ::8, ::8]))) for _, mask in pairs]
        photos = [shrink(torch.from_numpy(np.ascontiguousarray(image)), 32) for image, _ in pairs]
        return torch.stack([self.encoder(*one) for one in zip(photos, maps, strict=True)]), torch.stack(maps)

    def mixed(self, batch: FaceBatch, shapes: Any, styles: Any) -> tuple[Tensor, Tensor]:
        """The stack (N, R, S, S) and the codes (N, R, L) of sources from 0 for each face and class, -1 for absent."""
        codes, maps = self.codes_and_maps(batch)
        stack, chosen = torch.zeros_like(maps[0]), torch.zeros_like(codes[0])
        for face in range(stack.shape[0]):
            for number in range(19):
                if (source := int(shapes[face][number])) >= 0:
                    stack[face, number] = maps[source, face, number]
                chosen[face, number] = codes[int(styles[face][number]), face, number]
        return stack, chosen

    @torch.no_grad()
    def composed(self, stack: Tensor, temperature: float = 1.0) -> Tensor:
        return self.composer(stack, temperature=temperature).maps

    @torch.no_grad()
    def faces(self, maps: Tensor, codes: Tensor) -> Tensor:
        return grow(self.renderer(maps, codes), 256)


def named(shapes: Mapping[int, int], count: int) -> list[list[int]]:
    """Sources from 0 for each face and class, of class to source from 0; the first where none is said."""
    return [[shapes.get(number, 0) for number in range(19)]] * count


def alike(one: Tensor, other: Tensor) -> None:
    torch.testing.assert_close(one, other, atol=2e-5, rtol=0)


def differ(one: Tensor, other: Tensor) -> bool:
    return not torch.allclose(one, other, atol=2e-5, rtol=0)


# ------------------------------------------------------------------------------------------------------ whole faces


def test_one_source_is_rendered_of_the_composition_of_its_own_stack(file: Path) -> None:
    batch, networks = face_batch(3, sources=1), ByHand(file)
    codes, maps = networks.codes_and_maps(batch)
    faces = made(file, batch, sources=1)
    assert 0 <= faces.min() < faces.max() <= 1
    alike(faces, networks.faces(networks.composed(maps[0]), codes[0]))
    assert differ(faces, networks.faces(maps[0], codes[0]))
    maker = mixsyn(file, sources=1)
    assert isinstance(maker, Generator)
    assert isinstance(maker, MixingMaker)
    assert maker.contributors == 1
    assert maker.conditions == {"masks"}
    assert not maker.draws


def test_named_shapes_and_styles_are_of_their_sources_and_all_else_of_the_first(file: Path) -> None:
    batch, networks = face_batch(3, sources=3), ByHand(file)
    settings = {"sources": 3, "shapes": {"hair": 2, "eyes": 3, "left_eye": 1}, "styles": {"nose": 3, "hair": 1}}
    shapes = {13: 1, 14: 1, 3: 2, 5: 2}  # hair has the hat with it, eyes the glasses; a class goes before its part
    stack, codes = networks.mixed(batch, named(shapes, 3), named({3: 2, 5: 2, 2: 2}, 3))
    alike(made(file, batch, **settings), networks.faces(networks.composed(stack), codes))
    maker = mixsyn(file, **settings)
    assert maker.contributors == 3
    assert maker.conditions == {"masks", "references", "reference_masks"}
    assert not maker.draws


def test_a_style_follows_its_shape_unless_it_is_named(file: Path) -> None:
    batch = face_batch(2)
    shapes = {"shapes": {"hair": 2, "mouth": 2}}
    assert torch.equal(made(file, batch, **shapes), made(file, batch, **shapes, styles={"mouth": 2, "hair": 2}))
    assert differ(made(file, batch, **shapes), made(file, batch, **shapes, styles={"hair": 1}))


def test_styles_alone_leave_the_composition_as_it_is_and_change_the_codes_of_their_regions_only(file: Path) -> None:
    batch, networks = face_batch(2), ByHand(file)
    every = {name: 2 for name, _ in PARTS}
    codes, maps = networks.codes_and_maps(batch)
    alike(made(file, batch, styles=every), networks.faces(networks.composed(maps[0]), codes[1]))
    codes[0][:, SKIN] = codes[1][:, SKIN]
    alike(made(file, batch, styles={"skin": 2}), networks.faces(networks.composed(maps[0]), codes[0]))


def test_a_drawn_face_is_what_its_assignment_says(file: Path) -> None:
    batch, networks, maker = face_batch(3, sources=4), ByHand(file), mixsyn(file, sources=4)
    assert maker.draws
    assignment = maker.assignment(batch, stream(0, "any"))
    assert all(set(row) == {0, 1, 2, 3} for row in assignment.style.tolist())
    assert len({tuple(row) for row in assignment.style.tolist()}) == 3
    stack, codes = networks.mixed(batch, *assignment)
    alike(made(file, batch, sources=4), networks.faces(networks.composed(stack), codes))


@pytest.mark.parametrize(
    "settings",
    [{"sources": 3}, {"sources": 3, "variant": 1, "temperature": 0.5}, {"sources": 3, "composition": "copied"}],
    ids=str,
)
def test_shares_are_those_of_the_very_assignment_and_composition(file: Path, settings: dict[str, Any]) -> None:
    batch, maker = face_batch(3, sources=3), mixsyn(file, **settings)
    shares = maker.shares(batch, stream(0, "any"))
    assert shares.shape == (3, 3, 19)
    assert shares.dtype == np.float32
    np.testing.assert_allclose(shares.sum((1, 2)), 1, atol=1e-5)
    style = maker.assignment(batch, stream(0, "any")).style.numpy()
    taken = np.arange(3)[None, :, None] == style[:, None]
    assert (shares[~taken] == 0).all()
    assert (shares[taken] > 0).any()
    faces = maker.generate(batch, stream(0, "any"))
    # What is somebody's share shows in the face: another skin of whoever gives it gives another face, of nobody else.
    for source in range(3):
        images = np.concatenate([batch.images[:, None], np.asarray(batch.references)], axis=1)
        images[:, source] = 1 - images[:, source]
        other = dataclasses.replace(batch, images=images[:, 0], references=images[:, 1:])
        same = (maker.generate(other, stream(0, "any")) == faces).all((1, 2, 3))
        assert same.tolist() == (shares[:, source].sum(axis=1) == 0).tolist()


def test_shares_of_a_named_mix_are_the_areas_of_its_composition(file: Path) -> None:
    batch, networks = face_batch(2), ByHand(file)
    stack, _ = networks.mixed(batch, named({13: 1, 14: 1}, 2), named({13: 1, 14: 1}, 2))
    area = networks.composed(stack).mean((2, 3))
    shares = torch.from_numpy(mixsyn(file, shapes={"hair": 2}).shares(batch, stream(0, "any")))
    alike(shares.sum(1), area)
    alike(shares[:, 1, 13:15], area[:, 13:15])
    assert not shares[:, 1, :13].any()


def test_a_layout_is_the_likeliest_region_of_the_composition(file: Path) -> None:
    batch, networks = face_batch(3), ByHand(file)
    stack, _ = networks.mixed(batch, named({13: 1, 14: 1}, 3), named({13: 1, 14: 1}, 3))
    maker = mixsyn(file, shapes={"hair": 2})
    assert isinstance(maker, LayoutMaker)
    layouts = torch.from_numpy(maker.layouts(batch, stream(0, "any")))
    assert layouts.shape == (3, 256, 256)
    assert torch.equal(layouts[:, ::8, ::8].long(), networks.composed(stack).argmax(1))
    drawn = {"sources": 2, "composition": "pasted"}
    one, other = (mixsyn(file, **drawn).layouts(batch, stream(0, name)) for name in ("any", "another"))
    assert (one != other).any()


# -------------------------------------------------------------------------------------- what does not change a face


def test_a_source_that_gives_nothing_changes_no_bit(file: Path) -> None:
    batch = face_batch(2, sources=3)
    settings = {"sources": 3, "shapes": {"hair": 2}}
    assert batch.references is not None
    assert batch.reference_masks is not None
    faces = made(file, batch, **settings)
    other = changed(batch, references=batch.references, reference_masks=batch.reference_masks)
    assert other.references is not None
    assert other.reference_masks is not None
    other.references[:, 1] = 0.25
    other.reference_masks[:, 1] = labels(2, 99)
    assert torch.equal(made(file, other, **settings), faces)
    other.reference_masks[:, 0][batch.reference_masks[:, 0] == SKIN] = 0  # of source 2, what it does not give
    assert torch.equal(made(file, other, **settings), faces)
    other.reference_masks[:, 0] = labels(2, 99)
    assert differ(made(file, other, **settings), faces)


@pytest.mark.parametrize(
    "settings",
    [{}, {"shapes": {"hair": 2}, "variant": 2}, {"composition": "copied"}, {"composition": "pasted"}],
    ids=str,
)
def test_a_face_depends_on_its_row_and_its_part_of_the_stream_alone(file: Path, settings: dict[str, Any]) -> None:
    batch = face_batch(3)
    together = made(file, batch, **settings)
    assert torch.equal(together, made(file, batch, **settings))
    assert torch.equal(together[:2], made(file, rows_of(batch, slice(0, 2)), **settings))
    strange = without(batch, 0, 2, HAIR)
    assert torch.equal(together[1:], made(file, strange, **settings)[1:])
    rng = stream(0, "any")
    rng.random((2, numbers_wanted(PARTS) + 1))
    last = rows_of(batch, slice(2, 3))
    assert torch.equal(together[2:], torch.from_numpy(mixsyn(file, **settings).generate(last, rng)))
    assert made(file, rows_of(batch, slice(0, 0)), **settings).shape == (0, 3, 256, 256)


def test_other_seeds_give_other_mixes(file: Path) -> None:
    batch, maker = face_batch(2), mixsyn(file)
    one, other = (maker.assignment(batch, stream(0, seed)) for seed in ("one", "two"))
    assert not torch.equal(one.style, other.style)
    assert differ(made(file, batch, "one"), made(file, batch, "two"))
    assert torch.equal(made(file, batch, "one", shapes={"hair": 2}), made(file, batch, "two", shapes={"hair": 2}))
    assert maker.assignment(rows_of(batch, slice(0, 0)), stream(0, "one")).style.shape == (0, 19)


# ----------------------------------------------------------------------------------------------------- composition


def test_temperature_hardens_the_composition_down_to_one_region_a_pixel(file: Path) -> None:
    batch, networks = face_batch(2), ByHand(file)
    stack, codes = networks.mixed(batch, named({13: 1, 14: 1}, 2), named({13: 1, 14: 1}, 2))
    hair = {"shapes": {"hair": 2}}
    for temperature in (1.0, 0.25, 0.0):
        wanted = networks.faces(networks.composed(stack, temperature), codes)
        alike(made(file, batch, **hair, temperature=temperature), wanted)
    hard = mixsyn(file, **hair, temperature=0).shares(batch, stream(0, "any")) * 32 * 32
    np.testing.assert_allclose(hard, np.rint(hard), atol=1e-3)
    assert differ(made(file, batch, **hair), made(file, batch, **hair, temperature=0.25))


def test_variants_are_compositions_of_the_same_assignment(file: Path) -> None:
    batch, settings = face_batch(2), {"shapes": {"hair": 2}, "variant": 1}
    one = made(file, batch, "one", **settings)
    assert torch.equal(one, made(file, batch, "one", **settings))
    assert differ(one, made(file, batch, "two", **settings))
    assert torch.equal(made(file, batch, shapes={"hair": 2}, variant=0), made(file, batch, shapes={"hair": 2}))
    assert mixsyn(file, **settings).draws
    assert not mixsyn(file, shapes={"hair": 2}).draws
    twice = rows_of(batch, slice(0, 1))
    twice = FaceBatch(**{
        field.name: None if (value := getattr(twice, field.name)) is None else np.repeat(value, 2, axis=0)
        for field in dataclasses.fields(FaceBatch)
    })  # fmt: skip
    first, second = made(file, twice, **settings)
    assert differ(first, second)  # each face has noise of its own
    for named_or_drawn in ({"shapes": {"hair": 2}}, {}):
        makers = [mixsyn(file, variant=number, **named_or_drawn) for number in range(3)]
        assigned = [maker.assignment(batch, stream(0, "any")) for maker in makers]
        faces = [torch.from_numpy(maker.generate(batch, stream(0, "any"))) for maker in makers]
        for one, other in itertools.combinations(range(3), 2):
            assert torch.equal(assigned[one].style, assigned[other].style)
            assert differ(faces[one], faces[other])


def test_pasted_faces_are_copy_paste_of_the_same_assignment_without_a_network(
    tmp_path: Path, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch, learned = face_batch(3, sources=3), mixsyn(file, sources=3)
    maker = mixsyn(file, sources=3, composition="pasted")
    monkeypatch.setattr(Mixer, "_batched", None)
    faces = maker.generate(batch, stream(0, "any"))
    who = maker.assignment(batch, stream(0, "any"))
    assert torch.equal(who.shape, learned.assignment(batch, stream(0, "any")).shape)
    images = np.concatenate([batch.images[:, None], np.asarray(batch.references)], axis=1)
    masks = np.concatenate([np.asarray(batch.masks)[:, None], np.asarray(batch.reference_masks)], axis=1)
    assert np.array_equal(faces, copy_paste(images, masks, who, PARTS))
    assert not np.array_equal(faces[0], images[0, 0])
    for source, value in enumerate((0.25, 0.5, 0.75)):
        images[:, source] = value
    flat = dataclasses.replace(batch, images=images[:, 0], references=images[:, 1:])
    shares, faces = (make(flat, stream(0, "any")) for make in (maker.shares, maker.generate))
    for source, value in enumerate((0.25, 0.5, 0.75)):
        taken = (faces == value).all(axis=1).mean(axis=(1, 2))
        np.testing.assert_allclose(shares[:, source].sum(axis=1), taken, atol=1e-5)
        assert (taken > 0).all()
    taught = mixsyn_weights(tmp_path / "taught.safetensors", taught_by=["dlib_resnet"])
    assert mixsyn(taught, composition="pasted").taught_by == frozenset()


def test_pixels_are_pasted_by_name_and_of_weights_without_a_composer(tmp_path: Path, file: Path) -> None:
    batch = without(face_batch(2), 0, 2, CLASSES.index("nose"))
    faces = made(file, batch, shapes={"nose": 2}, composition="pasted")
    assert faces.isnan().flatten(1).all(1).tolist() == [True, False]
    assert batch.references is not None
    assert batch.reference_masks is not None
    nose = batch.reference_masks[1, 0] == CLASSES.index("nose")
    over = np.isin(np.asarray(batch.masks)[1], [number for _, part in PARTS[3:] for number in part])
    assert np.array_equal(faces[1][:, nose & ~over], batch.references[1, 0][:, nose & ~over])
    still = mixsyn_weights(tmp_path / "styles.safetensors", dataclasses.replace(SMALL, compose=False, compose_steps=0))
    assert torch.equal(made(still, batch, composition="pasted"), made(file, batch, composition="pasted"))
    assert torch.equal(
        made(still, batch, composition="pasted", shapes={"hair": 2})[1],
        made(file, batch, composition="pasted", shapes={"hair": 2})[1],
    )


def test_a_copied_composition_is_the_stack_laid_over_itself(file: Path) -> None:
    own, networks = face_batch(2, sources=1), ByHand(file)
    codes, maps = networks.codes_and_maps(own)
    alike(made(file, own, sources=1, composition="copied"), networks.faces(maps[0], codes[0]))
    batch, shapes = face_batch(2), named({13: 1, 14: 1}, 2)
    stack, codes = networks.mixed(batch, shapes, shapes)
    wanted = networks.faces(copied(stack, PARTS), codes)
    alike(made(file, batch, shapes={"hair": 2}, composition="copied"), wanted)
    assert differ(made(file, batch, shapes={"hair": 2}), wanted)


def test_copied_parts_cover_those_before_them_and_gaps_are_closed() -> None:
    parts = (("ground", (0,)), ("both", (1, 2)), ("top", (3,)))
    stack = torch.zeros(1, 4, 4, 4)
    stack[0, 0, :, :2] = 1
    stack[0, 1, 1, 1:3] = 1
    stack[0, 2, 2, 1] = 1
    stack[0, 3, 1, 1] = 1
    laid = copied(stack, parts)
    assert laid.argmax(1)[0, :, :2].tolist() == [[0, 0], [0, 3], [0, 2], [0, 0]]
    assert laid[0, 1, 1, 2] == 1
    torch.testing.assert_close(laid.sum(1), torch.ones(1, 4, 4))
    assert laid[0, 1, 1, 3] == 1  # the nearest that there is
    whole = one_hot(torch.from_numpy(labels(1, 0)[:, ::32, ::32].copy()))
    assert torch.equal(copied(whole, PARTS), whole)


# ------------------------------------------------------------------------------------------------------ what is missing


def test_a_face_of_which_nobody_shows_skin_is_refused_and_its_neighbour_is_not(file: Path) -> None:
    batch = without(face_batch(2), 0, 1, SKIN)
    assert not made(file, batch).isnan().any()  # source 2 shows some, so that it is drawn
    nobody = without(batch, 0, 2, SKIN)
    for settings in ({}, {"shapes": {"hair": 2}}):
        faces = made(file, nobody, **settings)
        assert faces[0].isnan().all()
        assert not faces[1].isnan().any()
        shares = mixsyn(file, **settings).shares(nobody, stream(0, "any"))
        assert np.isnan(shares[0]).all()
        assert not np.isnan(shares[1]).any()
    assert made(file, batch, shapes={"hair": 2}).isnan().flatten(1).any(1).tolist() == [True, False]
    assert not made(file, batch, shapes={"skin": 2}).isnan().any()


def test_a_face_whose_source_lacks_what_is_named_is_refused(file: Path) -> None:
    batch = without(face_batch(2), 0, 2, HAIR)
    refused = lambda **settings: made(file, batch, **settings).isnan().flatten(1).all(1).tolist()  # noqa: E731
    assert refused(shapes={"hair": 2}) == [False, False]  # a hat is there
    batch = without(batch, 0, 2, CLASSES.index("hat"))
    assert refused(shapes={"hair": 2}) == [True, False]
    assert refused(styles={"hair": 2}) == [True, False]
    assert refused(shapes={"hair": 1}) == [False, False]
    assert refused() == [False, False]
    batch = without(without(face_batch(2), 0, 1, HAIR), 0, 1, CLASSES.index("hat"))
    assert refused(styles={"hair": 2}) == [True, False]  # there is no hair in the result
    assert refused(styles={"hair": 2}, shapes={"hair": 2}) == [False, False]


def test_what_a_styles_source_does_not_show_keeps_its_own(file: Path) -> None:
    batch, networks = without(face_batch(1), 0, 2, CLASSES.index("glasses")), ByHand(file)
    codes, maps = networks.codes_and_maps(batch)
    codes[0][:, [4, 5]] = codes[1][:, [4, 5]]
    alike(made(file, batch, styles={"eyes": 2}), networks.faces(networks.composed(maps[0]), codes[0]))
    shares = mixsyn(file, styles={"eyes": 2}).shares(batch, stream(0, "any"))
    assert shares[0, 0, 3] > 0
    assert shares[0, 1, 3] == 0


def test_a_part_too_small_for_the_networks_is_not_refused(file: Path) -> None:
    batch = without(face_batch(1), 0, 2, CLASSES.index("nose"))
    assert batch.reference_masks is not None
    batch.reference_masks[0, 0, 7, 7] = CLASSES.index("nose")
    assert not made(file, batch, shapes={"nose": 2}).isnan().any()


def test_a_batch_that_does_not_fit_is_refused(file: Path) -> None:
    batch = face_batch(2)
    for change, said in (
        ({"masks": None}, "masks: got None; mixsyn takes masks"),
        ({"references": None}, "references: got None"),
        ({"reference_masks": None}, "reference_masks: got None"),
        ({"reference_masks": np.full((2, 1, 256, 256), 19, np.uint8)}, "reference_masks: got the label 19"),
    ):
        with pytest.raises(ShapeError, match=said):
            mixsyn(file).generate(dataclasses.replace(batch, **change), stream(0, "any"))
    with pytest.raises(ShapeError, match="references: got float32"):
        mixsyn(file, sources=3).generate(batch, stream(0, "any"))


# ----------------------------------------------------------------------------------------------------------- tensors


def test_the_mixer_gives_each_face_the_same_bits_in_any_company(file: Path) -> None:
    mixer, batch = Mixer(str(file), threads=1, batch_size=2), face_batch(3, sources=1)
    noise = torch.randn(3, 3, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        images, maps = torch.from_numpy(batch.images), mixer.maps(batch.masks)
        codes, composed = mixer.encode(images, maps), mixer.compose(maps, noise, 0.5)
        faces = mixer.render(composed, codes)
        for row in (slice(0, 1), slice(2, 3), slice(0, 2)):
            assert torch.equal(mixer.encode(images[row], maps[row]), codes[row])
            assert torch.equal(mixer.compose(maps[row], noise[row], 0.5), composed[row])
            assert torch.equal(mixer.render(composed[row], codes[row]), faces[row])
        assert mixer.render(composed[:0], codes[:0]).shape == (0, 3, 256, 256)
        soft = mixer.maps(torch.from_numpy(np.ascontiguousarray(batch.masks)))
        assert torch.equal(soft, maps)
        assert torch.equal(mixer.maps(maps.repeat_interleave(2, 2).repeat_interleave(2, 3)), maps)


@pytest.mark.parametrize("kind", [np.asarray, torch.from_numpy], ids=["array", "tensor"])
def test_a_label_that_is_no_class_is_refused(file: Path, kind: Callable[[Any], Any]) -> None:
    drawn = labels(1, 0)
    drawn[0, 0, 0] = 19
    with pytest.raises(ShapeError, match=r"got the label 19, expected 0 to 18, .* small\.safetensors; .*numbered"):
        Mixer(str(file), threads=1).maps(kind(drawn))


def test_the_mixer_is_differentiable(file: Path) -> None:
    mixer, batch = Mixer(str(file), threads=1), face_batch(1, sources=1)
    images = torch.from_numpy(batch.images).requires_grad_()
    maps = mixer.maps(batch.masks).requires_grad_()
    mixer.render(mixer.compose(maps), mixer.encode(images, maps)).square().mean().backward()
    for one in (images, maps):
        assert one.grad is not None
        assert one.grad.abs().max() > 0


def test_an_ablation_without_fuzziness_composes_hard(tmp_path: Path) -> None:
    file = mixsyn_weights(tmp_path / "hard.safetensors", dataclasses.replace(SMALL, fuzzy=False))
    batch = face_batch(2)
    assert torch.equal(made(file, batch), made(file, batch, temperature=0))
    with torch.inference_mode():
        maps = Mixer(str(file), threads=1).maps(batch.masks)
        assert set(Mixer(str(file), threads=1).compose(maps).unique().tolist()) == {0.0, 1.0}


# ------------------------------------------------------------------------------------------------- weights and settings


def test_weights_without_a_composer_mix_styles_in_the_first_faces_mask(tmp_path: Path) -> None:
    preset = dataclasses.replace(SMALL, compose=False, compose_steps=0)
    file = mixsyn_weights(tmp_path / "styles.safetensors", preset)
    batch, networks = face_batch(3), ByHand(file)
    assignment = mixsyn(file).assignment(batch, stream(0, "any"))
    assert set(assignment.shape.flatten().tolist()) == {0}
    assert set(assignment.style.flatten().tolist()) == {0, 1}
    stack, codes = networks.mixed(batch, *assignment)
    alike(made(file, batch), networks.faces(stack, codes))
    with pytest.raises(
        ConfigError, match=r"shapes: got hair:2, but styles\.safetensors was trained without a composer"
    ):
        mixsyn(file, shapes={"hair": 2})
    with pytest.raises(ConfigError, match=r"composition: .* was trained without a composer"):
        Mixer(str(file)).compose(stack)


def test_weights_that_take_no_noise_say_so(tmp_path: Path) -> None:
    file = mixsyn_weights(tmp_path / "still.safetensors", dataclasses.replace(SMALL, composer_noise=0))
    with pytest.raises(ConfigError, match=r"variant: got 2, but still\.safetensors was trained without noise"):
        mixsyn(file, variant=2)
    with pytest.raises(ConfigError, match="noise: got some, but"):
        Mixer(str(file)).compose(torch.zeros(1, 19, 32, 32), torch.zeros(1, 3))


def test_weights_of_other_classes_are_for_python(tmp_path: Path) -> None:
    preset = dataclasses.replace(
        SMALL,
        regions=3,
        classes=("sky", "wall", "door"),
        parts=(("sky", (0,)), ("house", (1, 2))),
        compose=False,
        compose_steps=0,
    )
    file = mixsyn_weights(tmp_path / "houses.safetensors", preset)
    with pytest.raises(ConfigError, match=r"houses\.safetensors knows 3 classes, such as door, .*mixing\.Mixer"):
        mixsyn(file)
    mixer, drawn = (
        Mixer(str(file), threads=1),
        np.arange(64, dtype=np.uint8).reshape(1, 8, 8).repeat(8, 1).repeat(8, 2) % 3,
    )
    with torch.inference_mode():
        codes = mixer.encode(torch.rand(1, 3, 64, 64), drawn)
        assert mixer.render(drawn, codes).shape == (1, 3, 256, 256)
    assert classes_named(preset, "house") == (1, 2)
    assert classes_named(preset, "door") == (2,)


def test_weights_that_are_not_there_or_not_its_own_are_refused(tmp_path: Path) -> None:
    with pytest.raises(MissingFile):
        mixsyn(tmp_path / "none.safetensors")
    write_released(tmp_path / "other.safetensors", {"encoder": nn.Linear(2, 2)}, {"width": 3}, {})
    with pytest.raises(CorruptFile, match="not weights of mixsyn"):
        mixsyn(tmp_path / "other.safetensors")
    write_released(tmp_path / "torn.safetensors", {"encoder": style_encoder(SMALL)}, SMALL, {})
    with pytest.raises(CorruptFile, match="do not fit their own settings"):
        made(tmp_path / "torn.safetensors", face_batch(1))


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"sources": 0}, "sources: got 0, expected 1 to 8"),
        ({"sources": 9}, "sources: got 9, expected 1 to 8"),
        ({"shapes": {"hair": 3}}, "shapes: got source 3 of hair, expected 1 to 2"),
        ({"styles": {"hair": 0}}, "styles: got source 0 of hair, expected 1 to 2"),
        ({"shapes": ["hair"]}, r"shapes: got \['hair'\], expected parts with their sources, such as \{hair: 2\}"),
        ({"temperature": 1.5}, "temperature: got 1.5, expected 0 to 1"),
        ({"composition": "glued"}, "composition: got 'glued', expected learned or copied or pasted"),
        ({"composition": "copied", "variant": 3}, "composition: got copied with temperature 1 and variant 3"),
        ({"composition": "pasted", "variant": 1}, "composition: got pasted with temperature 1 and variant 1"),
        ({"composition": "pasted", "styles": {"hair": 2}}, "styles: got some with composition pasted, expected none"),
        ({"variant": -1}, "variant: got -1, expected 0 or more"),
        ({"composition": "copied", "temperature": 0.5}, "composition: got copied with temperature 0.5"),
        ({"batch_size": 0}, "batch_size: got 0"),
    ],
)
def test_settings_say_what_is_wrong_with_them(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        MixSynSettings(**settings)


def test_a_part_that_there_is_not_is_named_with_the_nearest_that_is(file: Path) -> None:
    with pytest.raises(ConfigError, match=r"shapes: got 'hairs', expected some of .*; did you mean 'hair'"):
        mixsyn(file, shapes={"hairs": 2})
    with pytest.raises(ConfigError, match="styles: got 'lip'"):
        mixsyn(file, styles={"lip": 2})


def test_the_fingerprint_has_what_matters_and_no_order_and_no_path(file: Path) -> None:
    plain = mixsyn(file).fingerprint()
    assert not any(str(file.parent) in str(value) for value in plain.values())
    one, other = ({"hair": 2, "nose": 1}, {"nose": 1, "hair": 2})
    for setting in ("shapes", "styles"):
        assert mixsyn(file, **{setting: one}).fingerprint() == mixsyn(file, **{setting: other}).fingerprint()
    changes: tuple[dict[str, Any], ...] = (
        {"sources": 3}, {"shapes": {"hair": 2}}, {"styles": {"hair": 2}}, {"shapes": {"hair": 1}}, {"temperature": 0.5},
        {"composition": "copied"}, {"composition": "pasted"}, {"variant": 1}, {"variant": 2}, {"batch_size": 3},
    )  # fmt: skip
    every = [plain, *(mixsyn(file, **change).fingerprint() for change in changes)]
    assert len({tuple(one.items()) for one in every}) == len(every)


def test_the_command_line_takes_mappings() -> None:
    settings = given(("shapes={hair: 2, mouth: 3}", "sources=3"))
    checked = validate_settings(MixSynSettings, settings, "generator mixsyn")
    assert checked == MixSynSettings(sources=3, shapes={"hair": 2, "mouth": 3})
    with pytest.raises(ConfigError, match="shapes: got source 3 of hair"):
        validate_settings(MixSynSettings, given(("shapes={hair: 3}",)), "generator mixsyn")
    with pytest.raises(ConfigError, match="shapes: "):
        validate_settings(MixSynSettings, given(("shapes=hair",)), "generator mixsyn")


@pytest.fixture
def axes(file: Path) -> Callable[..., list[dict[str, Any]]]:
    def of_sweep(**settings: Any) -> list[dict[str, Any]]:
        """What the figures of each cell are filed under."""
        sweep = parse_sweep({
            "name": "a", "dataset": {"name": "drawn", "people": 6, "images": 2}, "pairs": {"count": 2},
            "recognizers": ["random_projection"],
            "generators": [{"name": "mixsyn", "weights": str(file), **settings}],
        })  # fmt: skip
        (entry,) = sweep.generators
        assert len(plan(sweep).cells) >= len(list(expand("generator", entry)))
        return [found for _, found in expand("generator", entry)]

    return of_sweep


def test_a_mapping_is_one_value_and_a_list_of_mappings_an_axis(axes: Callable[..., list[dict[str, Any]]]) -> None:
    assert axes(shapes={"hair": 2}) == [{}]
    several = [{"hair": 2}, {"hair": 2, "mouth": 2}, {}]
    assert axes(shapes=several) == [{"generator.shapes": one} for one in several]
    assert axes(sources=[2, 3]) == [{"generator.sources": 2}, {"generator.sources": 3}]
    assert axes(styles=[{"hair": 2}], temperature=[0.5, 1.0]) == [
        {"generator.styles": {"hair": 2}, "generator.temperature": temperature} for temperature in (0.5, 1.0)
    ]


def test_mappings_are_shown_in_words() -> None:
    assert [in_words(one) for one in ({"hair": 2, "mouth": 3}, {})] == ["(hair=2, mouth=3)", "none"]
    listed = {one["name"]: one for one in settings_of("generator", "mixsyn")}
    assert listed["shapes"]["default"] == "{}"
    assert listed["shapes"]["type"] == "Mapping[str, int]"


def test_the_weights_that_ship_are_those_of_the_card() -> None:
    mixsyn = MixSyn(MixSynSettings())
    assert mixsyn.preset.classes == CLASSES
    card = (ROOT / "bench" / "weights" / RELEASED).with_suffix(".md").read_text(encoding="utf-8")
    assert file_digest(mixsyn.mixer.released.file) in card


def test_planning_needs_no_torch(file: Path) -> None:
    script = (
        "import sys\n"
        "from generators.mixsyn.plugin import MixSyn\n"
        "from generators.mixsyn.settings import MixSynSettings\n"
        f"maker = MixSyn(MixSynSettings(weights={str(file)!r}, sources=3, shapes={{'hair': 2}}))\n"
        "maker.fingerprint(), maker.conditions, maker.draws, maker.taught_by, maker.runtime()\n"
        "assert 'torch' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True, cwd=ROOT)


def test_the_weights_say_who_taught_them(tmp_path: Path, file: Path) -> None:
    assert mixsyn(file).taught_by == frozenset()
    said = mixsyn_weights(tmp_path / "said.safetensors", taught_by=["dlib_resnet"])
    assert mixsyn(said).taught_by == {"dlib_resnet"}


# -------------------------------------------------------------------------------------------------------- the page


def test_what_the_page_shows_of_python_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mixsyn_weights(tmp_path / "mixsyn.safetensors")
    monkeypatch.chdir(tmp_path)
    batch, new = face_batch(2, sources=3), face_batch(1, sources=1)
    assert batch.references is not None
    assert batch.reference_masks is not None
    assert batch.masks is not None
    assert new.masks is not None
    # What the page says that it stands on: photos of three people with their masks, another photo, a bench's batch.
    known: dict[str, Any] = {
        "images": np.concatenate([batch.images[:1], batch.references[0]]),
        "labels": np.concatenate([batch.masks[:1], batch.reference_masks[0]]),
        "new": new.images[0],
        "new_labels": new.masks[0],
        "batch": batch,
        "stored": batch.masks[0] % 4 + 1,
    }
    (tmp_path / "labels.yaml").write_text("name: four\nclasses: [background, wall, window, door]\nfirst: 1\n")
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "mixsyn.md").read_text(encoding="utf-8"), re.S)
    assert blocks
    for block in blocks:
        exec(block, known)
    assert known["faces"].shape == (1, 3, 256, 256)
    assert known["face"].shape == (3, 256, 256)
    assert known["changed"] == (known["plain"],), "of the faces that were asked for, the one with source 2's hair"
    assert known["grid"].faces.shape == (4, 3, 3, 256, 256)
    assert known["pasted"].shape == (2, 3, 256, 256)
    assert known["numbered"].max() == 3
