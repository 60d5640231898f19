"""collage: toy faces whose every pixel can be worked out by hand, then drawn and real people."""

from __future__ import annotations

import csv
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from bench import images
from bench.aligners.dlib_hog import DlibHog, DlibHogSettings
from bench.aligners.templates import FFHQ256, similarity
from bench.api import FaceBatch, FrameImage, Generator
from bench.errors import ConfigError, ShapeError
from bench.images import to_crops, to_frames
from bench.regions import CLASSES, MASK_REGIONS
from bench.registry import load
from generators.collage.blending import poisson, put, ramp
from generators.collage.by_landmarks import landmark_patch
from generators.collage.by_masks import mask_patch
from generators.collage.filling import fill
from generators.collage.patches import Photo, alignment, usable
from generators.collage.regions import EYES, LANDMARK_REGIONS, MOUTH, NOSE, WHOLE
from generators.collage.settings import CollageSettings, deal

SIDE = 256
RED, GREEN, BLUE, SKIN = (200, 40, 40), (40, 200, 40), (40, 40, 200), (210, 160, 130)
BLENDS = ("paste", "feather", "poisson")
RNG = np.random.default_rng(0)


def ellipse(x: float, y: float, across: float, down: float, start: float, end: float, count: int) -> NDArray:
    angle = np.radians(np.linspace(start, end, count))
    return np.stack([x + across * np.cos(angle), y + down * np.sin(angle)], axis=1)


def toy_points() -> NDArray[np.float32]:
    """68 landmarks of a face in the middle of the crop, symmetric about x = 128."""
    eye = [ellipse(x, 120, 14, 6, 180, 480, 6) for x in (97, 159)]
    brow = [ellipse(x, 108, 20, 8, 200, 340, 5) for x in (97, 159)]
    nose = [[128, 122], [128, 132], [128, 142], [128, 152], [114, 160], [121, 163], [128, 164], [135, 163], [142, 160]]
    mouth = [ellipse(128, 192, 26, 11, 180, 510, 12), ellipse(128, 192, 19, 4, 180, 495, 8)]
    parts = [ellipse(128, 130, 84, 106, 180, 0, 17), *brow, np.array(nose, np.float64), *eye, *mouth]
    return np.concatenate(parts).astype(np.float32)


POINTS = toy_points()


def flat(colour: tuple[int, int, int]) -> FrameImage:
    return np.full((SIDE, SIDE, 3), colour, np.uint8)


def smooth() -> FrameImage:
    """A picture that changes slowly, so that resampling it costs little."""
    y, x = np.mgrid[:SIDE, :SIDE]
    waves = [np.sin(x / 31 + y / 47), np.sin(x / 53 - y / 29 + 1), np.cos(x / 41 + 2)]
    return (127 + 60 * np.stack(waves, axis=2)).astype(np.uint8)


def toy_labels(eye_width: int = 14) -> NDArray[np.uint8]:
    """Skin, nose, eyes, brows, mouth where `POINTS` has them; hair above, neck below, background around."""
    labels = np.zeros((SIDE, SIDE), np.uint8)
    cv2.rectangle(labels, (90, 200), (166, 255), 17, -1)
    cv2.ellipse(labels, (128, 130), (84, 106), 0, 0, 360, 1, -1)
    labels[:70][labels[:70] == 1] = 13
    cv2.ellipse(labels, (128, 148), (12, 18), 0, 0, 360, 2, -1)
    for number, x in ((4, 97), (5, 159)):
        cv2.ellipse(labels, (x, 120), (eye_width, 6), 0, 0, 360, number, -1)
        cv2.ellipse(labels, (x, 103), (20, 3), 0, 0, 360, number + 2, -1)
    cv2.ellipse(labels, (128, 192), (26, 11), 0, 0, 360, 11, -1)
    cv2.ellipse(labels, (128, 192), (19, 4), 0, 0, 360, 10, -1)
    return labels


def painted(labels: NDArray[np.uint8], eye: tuple[int, int, int], skin: tuple[int, int, int] = SKIN) -> FrameImage:
    palette = np.array([np.full(3, 10 * number) for number in range(19)], np.uint8)
    palette[[1, 2]], palette[[4, 5]] = skin, eye
    return palette[labels]


def batch(
    base: FrameImage,
    *others: FrameImage,
    points: NDArray[np.float32] = POINTS,
    other_points: NDArray[np.float32] | None = None,
    masks: tuple[NDArray[np.uint8], ...] = (),
) -> FaceBatch:
    """One face of a base and its references, all with the same landmarks unless said otherwise."""
    theirs = points if other_points is None else other_points
    return FaceBatch(
        images=to_crops(base[None]),
        references=to_crops(np.stack(others))[None],
        landmarks=points[None],
        reference_landmarks=np.stack([theirs] * len(others))[None],
        masks=masks[0][None] if masks else None,
        reference_masks=np.stack(masks[1:])[None] if masks else None,
    )


def made(faces: FaceBatch, **settings: object) -> NDArray[np.float32]:
    """The first face, float32 (S, S, 3)."""
    return load("generator", "collage", **settings).generate(faces, RNG)[0].transpose(1, 2, 0)


def photo(frame: FrameImage, points: NDArray[np.float32] = POINTS, labels: NDArray[np.uint8] | None = None) -> Photo:
    return Photo(to_crops(frame[None])[0].transpose(1, 2, 0).copy(), points.astype(np.float64), labels)


def level(colour: tuple[int, int, int]) -> NDArray[np.float32]:
    return np.array(colour, np.float32) / np.float32(255)


def test_it_is_a_generator() -> None:
    for by, conditions in (("landmarks", 3), ("masks", 5)):
        generator = load("generator", "collage", regions_by=by, sources=3, regions=["eyes", "mouth"])
        assert isinstance(generator, Generator)
        assert len(generator.conditions) == conditions
        assert generator.contributors == 3
        assert generator.template is FFHQ256
        assert generator.default_aligner() == {"name": "dlib_hog", "points": 68}


@pytest.mark.parametrize("blend", BLENDS)
@pytest.mark.parametrize("name", LANDMARK_REGIONS)
def test_flat_colours_by_landmarks(name: str, blend: str) -> None:
    patch = landmark_patch(photo(flat(RED)), photo(flat(BLUE)), name, whole_face=False)
    assert patch is not None
    face = made(batch(flat(RED), flat(BLUE)), regions=[name], blend=blend, colour="none", feather=0.03)
    for part in LANDMARK_REGIONS[name].parts:
        assert patch.core[tuple(POINTS[list(part)].mean(axis=0).round().astype(int)[::-1])]
    if blend != "poisson":
        np.testing.assert_allclose(face[patch.core], np.broadcast_to(level(BLUE), (patch.core.sum(), 3)), atol=1e-6)
    else:
        # Flat colour has no gradients: what is continued from the base is the base.
        np.testing.assert_allclose(face, to_crops(flat(RED)[None])[0].transpose(1, 2, 0), atol=1 / 255)
    width = 0 if blend == "paste" else 0.03 * SIDE + 1
    far = cv2.distanceTransform((~patch.core).astype(np.uint8), cv2.DIST_L2, 5) > width
    assert far.sum() > SIDE**2 / 4
    np.testing.assert_array_equal(face[far], np.broadcast_to(level(RED), (far.sum(), 3)))
    if blend == "feather":
        edge = ~far & ~patch.core
        assert (np.abs(face[edge] - level(RED)).max(axis=1) > 0.02).sum() > 50


@pytest.mark.parametrize("name", ["eyes", "brows", "eyes_brows", "nose", "mouth", "left_eye", "hair", "background"])
def test_flat_colours_by_masks(name: str) -> None:
    labels = toy_labels()
    faces = batch(flat(RED), flat(BLUE), masks=(labels, labels))
    face = made(faces, regions=[name], regions_by="masks", blend="paste", colour="none")
    own = np.isin(labels, sorted(MASK_REGIONS[name]))
    np.testing.assert_allclose(face[own], np.broadcast_to(level(BLUE), (own.sum(), 3)), atol=1e-6)
    far = cv2.distanceTransform((~own).astype(np.uint8), cv2.DIST_L2, 5) > 4
    np.testing.assert_array_equal(face[far], np.broadcast_to(level(RED), (far.sum(), 3)))


@pytest.mark.parametrize("anchors", [WHOLE, LANDMARK_REGIONS["mouth"].anchors], ids=["face", "mouth"])
def test_a_known_rotation_and_scale_is_recovered(anchors: tuple[int, ...]) -> None:
    turn = cv2.getRotationMatrix2D((120, 140), 12, 0.9)
    turn[:, 2] += [5, -3]
    points = (POINTS @ turn[:, :2].T + turn[:, 2]).astype(np.float32)
    back = alignment(photo(flat(RED)), photo(flat(BLUE), points), anchors)
    assert back is not None
    np.testing.assert_allclose(back, cv2.invertAffineTransform(turn), atol=1e-4)
    picture = smooth()
    turned = cv2.warpAffine(picture, turn, (SIDE, SIDE), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    faces = batch(picture, turned, other_points=points)
    for blend in BLENDS:
        for align in ("face", "region"):
            face = made(faces, regions=["face"], blend=blend, colour="none", align=align)
            np.testing.assert_allclose(face, to_crops(picture[None])[0].transpose(1, 2, 0), atol=3 / 255)


@pytest.mark.parametrize(("scale", "there"), [(0.2, False), (0.3, True), (1.0, True)])
def test_a_face_of_quite_another_size_is_not_aligned(scale: float, there: bool) -> None:
    small = ((POINTS - 128) * scale + 128).astype(np.float32)
    pair = photo(flat(RED)), photo(flat(BLUE), small)
    assert [alignment(*order, WHOLE) is not None for order in (pair, pair[::-1])] == [there] * 2


@pytest.mark.parametrize(("shift", "there"), [(0, True), (350, True), (600, False)])
def test_a_face_far_outside_of_the_crop_is_none(shift: int, there: bool) -> None:
    assert usable(POINTS + np.array([shift, 0.0]), SIDE) is there
    assert usable(POINTS - np.array([0.0, shift]), SIDE) is there


@pytest.mark.parametrize("colour", ["none", "transfer"])
@pytest.mark.parametrize("by", ["landmarks", "masks"])
def test_a_face_put_on_itself_is_itself(by: str, colour: str) -> None:
    labels = toy_labels()
    noise = np.random.default_rng(3).integers(0, 40, (SIDE, SIDE, 3), dtype=np.uint8)
    frame = painted(labels, BLUE) // 2 + noise + 20
    faces = batch(frame, frame, masks=(labels, labels))
    for name in LANDMARK_REGIONS if by == "landmarks" else ("eyes", "nose", "mouth", "face", "skin", "hair"):
        for blend, allowed in (("paste", 0), ("feather", 2 / 255), ("poisson", 2 / 255)):
            face = made(faces, regions=[name], regions_by=by, blend=blend, colour=colour)
            assert np.abs(face - faces.images[0].transpose(1, 2, 0)).max() <= allowed, (name, blend)


@pytest.mark.parametrize("blend", BLENDS)
@pytest.mark.parametrize("align", ["face", "region"])
def test_a_region_lands_where_its_landmarks_say(blend: str, align: str) -> None:
    """A source that is the base shifted by whole pixels, with a dot on its nose: the dot comes back unshifted."""
    shift = np.array([7, -5], np.float32)
    source = np.roll(flat(SKIN), 0)
    x, y = (POINTS[30] + shift).round().astype(int)
    source[y, x] = 0
    faces = batch(flat(SKIN), source, other_points=POINTS + shift)
    face = made(faces, regions=["nose"], blend=blend, align=align, colour="none")
    dark = np.argwhere(face.sum(axis=2) < face.sum(axis=2).max() - 0.5)
    np.testing.assert_array_equal(dark, [[y - shift[1], x - shift[0]]])


@pytest.mark.parametrize("shape", ["one pixel", "corner", "border", "ring", "all but one"])
def test_poisson_holds_for_every_core(shape: str) -> None:
    """Ours and theirs differ by a constant, so that cloning gives ours back with the dots of theirs."""
    core = np.zeros((40, 50), np.bool_)
    places = {
        "one pixel": np.s_[20, 20],
        "corner": np.s_[:9, :9],
        "border": np.s_[10:30, 40:],
        "ring": np.s_[5:35, 5:45],
    }
    core[places.get(shape, np.s_[:])] = True
    if shape == "ring":
        core[10:30, 10:40] = False
    if shape == "all but one":
        core[0, 0] = False
    ours = np.full((40, 50, 3), 0.5, np.float32)
    theirs = ours + np.float32(0.2)
    cloned = poisson(ours, theirs, core)
    np.testing.assert_allclose(cloned, ours, atol=2 / 255)
    y, x = np.argwhere(core)[core.sum() // 2]
    theirs[y, x] = 0.1
    darkest = poisson(ours, theirs, core).sum(axis=2)
    assert np.unravel_index(darkest.argmin(), darkest.shape) == (y, x)
    assert darkest.min() < 1.2


def test_three_sources_each_give_their_own() -> None:
    faces = batch(flat(RED), flat(BLUE), flat(GREEN))
    kind = {"sources": 3, "blend": "paste", "colour": "none"}
    face = made(faces, regions=["eyes", "mouth"], **kind)
    for part, colour in ((EYES[0], BLUE), (EYES[1], BLUE), (MOUTH, GREEN), (NOSE, RED)):
        x, y = POINTS[list(part)].mean(axis=0).round().astype(int)
        np.testing.assert_allclose(face[y, x], level(colour), atol=1e-6)
    # Exchanging the two sources exchanges what they give, and nothing else.
    exchanged = batch(flat(RED), flat(GREEN), flat(BLUE))
    np.testing.assert_array_equal(face, made(exchanged, regions=["eyes:3", "mouth:2"], **kind))


def test_a_later_region_leaves_no_ghost_of_an_earlier_one() -> None:
    """A whole face whose eyes lie lower, then other eyes: they cover those eyes, wherever they came to lie."""
    low = POINTS.copy()
    low[list(EYES[0] + EYES[1])] += [0, 12]
    second = flat(SKIN)
    for part in EYES:
        cv2.fillPoly(second, [low[list(part)].round().astype(np.int32)], RED)
    faces = FaceBatch(
        images=to_crops(flat(SKIN)[None]),
        references=to_crops(np.stack([second, flat(SKIN)]))[None],
        landmarks=POINTS[None],
        reference_landmarks=np.stack([low, POINTS])[None],
    )
    kind = {"sources": 3, "colour": "none", "align": "face"}
    assert (made(faces, regions=["face:2", "mouth:3"], **kind)[..., 1] < 0.3).sum() > 100
    for blend in BLENDS:
        face = made(faces, regions=["face:2", "eyes:3"], blend=blend, **kind)
        np.testing.assert_allclose(face, to_crops(flat(SKIN)[None])[0].transpose(1, 2, 0), atol=2 / 255)


@pytest.mark.parametrize("blend", BLENDS)
def test_holes_keep_nothing_of_the_old_region(blend: str) -> None:
    """Wide green eyes replaced by narrow blue ones: no green stays, and the holes are skin."""
    wide, narrow = toy_labels(18), toy_labels(6)
    faces = batch(painted(wide, GREEN), painted(narrow, BLUE), masks=(wide, narrow))
    face = made(faces, regions=["eyes"], regions_by="masks", blend=blend, colour="none")
    green = face[..., 1] > face[..., [0, 2]].max(axis=2) + 0.05
    assert not green.any()
    hole = np.isin(wide, (4, 5)) & ~np.isin(narrow, (4, 5))
    hole &= cv2.distanceTransform((~np.isin(narrow, (4, 5))).astype(np.uint8), cv2.DIST_L2, 5) > 2
    assert hole.sum() > 20
    np.testing.assert_allclose(face[hole], np.broadcast_to(level(SKIN), (hole.sum(), 3)), atol=2 / 255)
    np.testing.assert_allclose(face[120, 97], level(BLUE), atol=1e-6 if blend != "poisson" else 0.3)


def test_filling_mixes_donors_only() -> None:
    pixels = np.zeros((20, 20, 3), np.float32)
    pixels[:, :8], pixels[:, 12:] = 0.2, 0.8
    hole, donors = np.zeros((2, 20, 20), np.bool_)
    hole[:, 8:12] = True
    donors[:, :8] = donors[:, 12:] = True
    before = pixels.copy()
    filled = fill(pixels, hole, donors)
    assert filled[hole].min() >= 0.2 - 1e-6
    assert filled[hole].max() <= 0.8 + 1e-6
    np.testing.assert_array_equal(filled[~hole], pixels[~hole])
    np.testing.assert_array_equal(pixels, before)


def test_what_lies_on_top_stays_on_top() -> None:
    """A fringe of the base's hair over one eye: the pasted eye goes under it."""
    fringed = toy_labels()
    fringed[110:130, 80:97] = 13
    faces = batch(painted(fringed, GREEN), flat(BLUE), masks=(fringed, toy_labels()))
    face = made(faces, regions=["eyes"], regions_by="masks", blend="paste", colour="none")
    np.testing.assert_allclose(face[120, 90], level((130, 130, 130)), atol=1e-6)
    np.testing.assert_allclose(face[120, 102], level(BLUE), atol=1e-6)


def test_hair_that_goes_leaves_background_or_skin() -> None:
    labels, short = toy_labels(), toy_labels()
    short[:50][short[:50] == 13] = 0
    faces = batch(painted(labels, GREEN), painted(short, GREEN), masks=(labels, short))
    base, source = (photo(flat(RED), POINTS, mask) for mask in (labels, short))
    patch = mask_patch(base, source, "hair", whole_face=True)
    assert patch is not None
    bared = (labels == 13) & (short != 13)
    assert bared.sum() > 100
    assert patch.hole[bared].all()
    assert patch.labels is not None
    assert set(np.unique(patch.labels[patch.hole])) <= {0, 1}
    face = made(faces, regions=["hair"], regions_by="masks", blend="paste")
    assert not np.isclose(face[patch.hole], 130 / 255, atol=1 / 255).all(axis=1).any()


def test_a_layout_by_masks_has_the_labels_of_what_was_pasted() -> None:
    labels, short = toy_labels(), toy_labels()
    short[:50][short[:50] == 13] = 0
    faces = batch(painted(labels, GREEN), painted(short, GREEN), masks=(labels, short))
    maker = load("generator", "collage", regions=["hair"], regions_by="masks")
    assert maker.has_layout
    (layout,) = maker.layouts(faces, RNG)
    patch = mask_patch(photo(flat(RED), POINTS, labels), photo(flat(RED), POINTS, short), "hair", whole_face=False)
    assert patch is not None
    np.testing.assert_array_equal(layout, patch.labels)
    assert not load("generator", "collage").has_layout
    with pytest.raises(ShapeError, match="a collage knows its layout with regions_by: masks"):
        load("generator", "collage").layouts(batch(painted(labels, GREEN), painted(short, GREEN)), RNG)


@pytest.mark.parametrize("by", ["landmarks", "masks"])
def test_colours_are_those_of_the_bases_skin(by: str) -> None:
    labels = toy_labels()
    light, dark = (230, 190, 170), (150, 105, 80)
    faces = batch(painted(labels, (0, 0, 0), dark), painted(labels, (0, 0, 0), light), masks=(labels, labels))
    kind = {"regions": ["eyes", "nose"], "regions_by": by, "blend": "paste"}
    x, y = POINTS[30].round().astype(int)
    np.testing.assert_allclose(made(faces, **kind)[y, x], level(dark), atol=3 / 255)
    np.testing.assert_allclose(made(faces, **kind, colour="none")[y, x], level(light), atol=1e-6)
    np.testing.assert_allclose(made(faces, **kind)[120, 97], 0, atol=2 / 255)


def test_a_soft_edge_ends_at_what_is_barred() -> None:
    core, barred = np.zeros((2, 1, 40), np.bool_)
    core[:, :10], barred[:, 14:] = True, True
    alpha = ramp(core, barred, 10.0)[0]
    np.testing.assert_array_equal(alpha[:10], 1)
    np.testing.assert_array_equal(alpha[14:], 0)
    assert (np.diff(alpha[9:15]) < 0).all()
    open_end = ramp(core, np.zeros_like(core), 10.0)[0]
    assert open_end[15] > 0
    np.testing.assert_array_equal(open_end[20:], 0)


def test_the_brows_stay_when_the_eyes_go() -> None:
    base, source = flat(SKIN), flat(BLUE)
    patch = landmark_patch(photo(base), photo(source), "eyes", whole_face=False)
    assert patch is not None
    brows = POINTS[17:27].round().astype(int)
    assert not patch.core[brows[:, 1], brows[:, 0]].any()
    face = made(batch(base, source), regions=["eyes"], colour="none", feather=0.2)
    np.testing.assert_array_equal(face[brows[:, 1], brows[:, 0]], np.broadcast_to(level(SKIN), (10, 3)))


def spoilt_points(kind: str) -> NDArray[np.float32]:
    points = POINTS.copy()
    if kind == "nan":
        points[5, 0] = np.nan
    elif kind == "infinite":
        points[40, 1] = np.inf
    elif kind == "one place":
        points[:] = 128
    elif kind == "one line":
        points[:, 1] = 100
    elif kind == "eyes in one place":
        points[list(LANDMARK_REGIONS["eyes"].anchors)] = 120
    elif kind == "far away":
        points += 5000
    elif kind == "zeros":
        points[:] = 0
    return points


@pytest.mark.parametrize("kind", ["nan", "infinite", "one place", "one line", "eyes in one place", "far away", "zeros"])
@pytest.mark.parametrize("whose", ["landmarks", "reference_landmarks"])
def test_what_cannot_be_made_is_a_row_of_nan(kind: str, whose: str) -> None:
    generator = load("generator", "collage", regions=["eyes"])
    good = np.stack([POINTS] * 3)
    bad = good.copy()
    bad[1] = spoilt_points(kind)
    frames = to_crops(np.stack([smooth()] * 3))
    ours, theirs = (bad, good) if whose == "landmarks" else (good, bad)
    faces = FaceBatch(images=frames, references=frames[:, None], landmarks=ours, reference_landmarks=theirs[:, None])
    found = generator.generate(faces, RNG)
    np.testing.assert_array_equal(np.isnan(found).all(axis=(1, 2, 3)), [False, True, False])
    assert np.isfinite(found[[0, 2]]).all()


@pytest.mark.parametrize("kind", ["absent in base", "absent in source", "one eye absent", "no skin", "black"])
def test_a_region_that_is_absent_is_a_row_of_nan(kind: str) -> None:
    base, source = toy_labels(), toy_labels()
    if kind == "absent in base":
        base[np.isin(base, (4, 5))] = 1
    elif kind == "absent in source":
        source[np.isin(source, (4, 5))] = 1
    elif kind == "one eye absent":
        source[source == 5] = 3
    elif kind == "no skin":
        base, source = toy_labels(18), toy_labels(6)
        base[base == 1], source[source == 1] = 0, 0
    else:
        base[:], source[:] = 0, 0
    faces = batch(smooth(), smooth(), masks=(base, source))
    assert np.isnan(made(faces, regions=["eyes"], regions_by="masks")).all()


def test_a_photo_that_does_not_show_enough_is_refused() -> None:
    """A source whose eyes lie at the border cannot cover wider ones of the base."""
    outside = POINTS - np.array([0, 128], np.float32)
    assert usable(outside.astype(np.float64), SIDE)
    assert np.isnan(made(batch(flat(RED), flat(BLUE), other_points=outside), regions=["eyes"])).all()


def test_faces_depend_on_their_own_row_only() -> None:
    draws = np.random.default_rng(5)
    frames = to_crops(draws.integers(0, 256, (4, SIDE, SIDE, 3), dtype=np.uint8))
    points = POINTS + draws.normal(0, 2, (4, 68, 2)).astype(np.float32)
    order = np.array([2, 0, 3, 1])

    def faces(index: NDArray[np.intp]) -> FaceBatch:
        other = (index + 1) % 4
        return FaceBatch(
            images=frames[index],
            references=frames[other][:, None],
            landmarks=points[index],
            reference_landmarks=points[other][:, None],
        )

    for blend in BLENDS:
        generator = load("generator", "collage", blend=blend)
        together = generator.generate(faces(np.arange(4)), RNG)
        np.testing.assert_array_equal(generator.generate(faces(order), RNG), together[order])
        for index in range(4):
            np.testing.assert_array_equal(generator.generate(faces(np.array([index])), RNG)[0], together[index])
        empty = generator.generate(faces(np.arange(0)), RNG)
        assert empty.shape == (0, 3, SIDE, SIDE)


@pytest.mark.parametrize("blend", BLENDS)
def test_the_number_of_threads_changes_nothing(blend: str) -> None:
    faces = batch(smooth(), np.ascontiguousarray(smooth()[:, ::-1]), masks=(toy_labels(18), toy_labels(6)))
    before = cv2.getNumThreads()
    try:
        for by in ("landmarks", "masks"):
            found = []
            for threads in (1, 2, 5):
                cv2.setNumThreads(threads)
                found.append(made(faces, regions=["face"], regions_by=by, blend=blend))
            assert np.isfinite(found[0]).all()
            for other in found[1:]:
                np.testing.assert_array_equal(found[0], other)
    finally:
        cv2.setNumThreads(before)


def test_inputs_are_left_alone_and_nothing_is_drawn() -> None:
    faces = batch(smooth(), flat(BLUE), masks=(toy_labels(18), toy_labels(6)))
    fields = ("images", "references", "landmarks", "reference_landmarks", "masks", "reference_masks")
    for name in fields:
        getattr(faces, name).setflags(write=False)
    before = {name: getattr(faces, name).copy() for name in fields}
    rng = np.random.default_rng(1)
    for by in ("landmarks", "masks"):
        load("generator", "collage", regions_by=by).generate(faces, rng)
    for name in fields:
        np.testing.assert_array_equal(getattr(faces, name), before[name])
    assert rng.integers(1 << 30) == np.random.default_rng(1).integers(1 << 30)


@hypothesis_settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**31),
    by=st.sampled_from(["landmarks", "masks"]),
    blend=st.sampled_from(BLENDS),
    colour=st.sampled_from(["none", "transfer"]),
    align=st.sampled_from(["face", "region"]),
    feather=st.floats(0, 0.25),
    jitter=st.floats(0, 60),
    data=st.data(),
)
def test_every_face_is_finite_and_in_range_or_nan(
    seed: int, by: str, blend: str, colour: str, align: str, feather: float, jitter: float, data: st.DataObject
) -> None:
    known = LANDMARK_REGIONS if by == "landmarks" else MASK_REGIONS
    names = data.draw(st.lists(st.sampled_from(sorted(known)), min_size=1, max_size=3, unique=True))
    draws = np.random.default_rng(seed)
    frames = to_crops(draws.integers(0, 256, (3, SIDE, SIDE, 3), dtype=np.uint8))
    turn = similarity([[0, 0], [1, 0]], draws.normal([[0, 0], [1, 0]], 0.1) * draws.uniform(0.5, 1.5))
    points = ((POINTS - 128) @ turn[:, :2].T + 128 + draws.normal(0, jitter, (3, 68, 2))).astype(np.float32)
    blocks = draws.integers(0, 19, (3, 16, 16), dtype=np.uint8).repeat(16, axis=1).repeat(16, axis=2)
    masks = np.where(draws.random((3, 1, 1)) < 0.5, toy_labels(), blocks)
    faces = FaceBatch(
        images=frames[:2],
        references=frames[1:, None],
        landmarks=points[:2],
        reference_landmarks=points[1:, None],
        masks=masks[:2],
        reference_masks=masks[1:, None],
    )
    generator = load(
        "generator", "collage", regions=names, regions_by=by, blend=blend, colour=colour, align=align, feather=feather
    )
    found = generator.generate(faces, RNG)
    assert (found.shape, found.dtype) == ((2, 3, SIDE, SIDE), np.float32)
    for face in found:
        assert np.isnan(face).all() or (np.isfinite(face).all() and face.min() >= 0 and face.max() <= 1)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"sources": 1}, "sources: got 1, expected 2 to 8"),
        ({"sources": 9}, "sources: got 9, expected 2 to 8"),
        ({"regions": ("eyse",)}, "regions: got 'eyse', expected one of eyes, brows.*did you mean 'eyes'"),
        ({"regions": ("hair",)}, "hair needs regions_by: masks"),
        ({"regions": ("lower_face",), "regions_by": "masks"}, "'lower_face', expected one of eyes, .*background"),
        ({"regions": ()}, "source 2 gives nothing; expected a region of each, such as eyes:2"),
        ({"regions": ("eyes",), "sources": 3}, "source 3 gives nothing; .*brows:3, or fewer sources"),
        ({"regions": ("eyes:2", "mouth:2"), "sources": 4}, "source 3 and 4 gives nothing"),
        ({"regions": ("eyes:1",)}, r"'eyes:1', expected source 2 after the colon \(1 is the base\)"),
        ({"regions": ("eyes:4",), "sources": 3}, "'eyes:4', expected source 2 to 3"),
        ({"regions": ("eyes:two",)}, "'eyes:two', expected source 2"),
        ({"regions": ("eyes:",)}, "'eyes:', expected source 2"),
        ({"regions": ("eyes", "eyes:2")}, "got eyes twice"),
        ({"regions": "eyes"}, r"got 'eyes', expected a list, such as \[eyes\]"),
        ({"regions_by": "mask"}, "regions_by: got 'mask', expected landmarks or masks"),
        ({"align": "eyes"}, "align: got 'eyes', expected region or face"),
        ({"colour": "lab"}, "colour: got 'lab', expected transfer or none"),
        ({"blend": "soft"}, "blend: got 'soft', expected paste or feather or poisson"),
        ({"feather": -0.1}, "feather: got -0.1, expected 0 to 0.25"),
        ({"feather": 0.3}, "feather: got 0.3, expected 0 to 0.25"),
        ({"feather": float("nan")}, "feather: got nan"),
        ({"batch_size": 0}, "batch_size: got 0, expected at least 1"),
    ],
)
def test_settings_out_of_range_are_refused(settings: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        CollageSettings(**settings)  # type: ignore[arg-type]
    with pytest.raises(ConfigError):
        load("generator", "collage", **settings)


def test_regions_are_dealt_out_in_turn() -> None:
    assert deal(["eyes", "mouth"], 2, "landmarks") == (("eyes", 2), ("mouth", 2))
    assert deal(["eyes", "mouth", "nose"], 3, "landmarks") == (("eyes", 2), ("mouth", 3), ("nose", 2))
    named = deal(["eyes", "mouth:3", "nose: 2", "brows"], 3, "landmarks")
    assert named == (("eyes", 2), ("mouth", 3), ("nose", 2), ("brows", 3))
    everything = deal([*MASK_REGIONS], 2, "masks")
    assert {name for name, _ in everything} == set(MASK_REGIONS) >= set(CLASSES) - {"ears"}


def test_the_fingerprint_follows_the_settings() -> None:
    changes: tuple[dict[str, object], ...] = (
        {},
        {"regions": ["mouth", "eyes"]},
        {"regions": ["eyes", "mouth"], "sources": 3},
        {"regions_by": "masks"},
        {"align": "face"},
        {"colour": "none"},
        {"blend": "poisson"},
        {"feather": 0.05},
    )
    prints = [load("generator", "collage", **change).fingerprint() for change in changes]
    assert all(one != other for index, one in enumerate(prints) for other in prints[:index])
    assert load("generator", "collage", batch_size=3).fingerprint() == prints[0]
    assert load("generator", "collage", regions=["eyes:2", "mouth"]).fingerprint() == prints[0]


def test_wrong_batches_are_refused() -> None:
    faces = batch(flat(RED), flat(BLUE))
    with pytest.raises(ShapeError, match=r"masks: got None; collage with regions_by: masks takes landmarks, masks"):
        load("generator", "collage", regions_by="masks").generate(faces, RNG)
    with pytest.raises(ShapeError, match=r"references: got float32 \(1, 1, 3, 256, 256\), expected .*\(1, 2, 3"):
        load("generator", "collage", sources=3).generate(faces, RNG)
    wrong = FaceBatch(images=faces.images.astype(np.float64), references=faces.references)  # type: ignore[arg-type]
    with pytest.raises(ShapeError, match=r"images: got float64"):
        load("generator", "collage").generate(wrong, RNG)
    with pytest.raises(ShapeError, match="without labels"):
        mask_patch(photo(flat(RED)), photo(flat(BLUE)), "eyes", whole_face=False)


def test_put_leaves_its_arguments_alone() -> None:
    base, source = photo(flat(RED)), photo(flat(BLUE))
    patch = landmark_patch(base, source, "mouth", whole_face=False)
    assert patch is not None
    for blend in BLENDS:
        result = put(base, source, patch, blend, 0.05, True)  # type: ignore[arg-type]
        assert result.pixels is not base.pixels
    np.testing.assert_array_equal(base.pixels, photo(flat(RED)).pixels)
    np.testing.assert_array_equal(source.pixels, photo(flat(BLUE)).pixels)


# ------------------------------------------------------------------------------------------------------------- people


@pytest.fixture(scope="module")
def aligner() -> DlibHog:
    return DlibHog(DlibHogSettings(points=68))


def sighted(aligner: DlibHog, frames: list[FrameImage]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Crops and landmarks of those frames where a face is found."""
    crops, points = [], []
    for frame in frames:
        for face in aligner.detect(frame)[:1]:
            matrix = similarity(face.landmarks["field5"], FFHQ256.targets["field5"])
            crops.append(aligner.crop(frame, face, FFHQ256))
            points.append(face.landmarks["dlib68"] @ matrix[:, :2].T + matrix[:, 2])
    return to_crops(np.stack(crops)), np.stack(points).astype(np.float32)


def share_found(aligner: DlibHog, seen: tuple[NDArray[np.float32], NDArray[np.float32]], **settings: object) -> float:
    """How many collages of neighbours among sighted people have a face that dlib finds."""
    crops, points = seen
    others = np.roll(np.arange(len(crops)), -1)
    faces = FaceBatch(
        images=crops, references=crops[others][:, None], landmarks=points, reference_landmarks=points[others][:, None]
    )
    found = load("generator", "collage", **settings).generate(faces, RNG)
    good = np.isfinite(found).all(axis=(1, 2, 3))
    return sum(bool(aligner.detect(frame)) for frame in to_frames(found[good])) / len(crops)


@pytest.fixture(scope="module")
def drawn_people(aligner: DlibHog) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    people = load("dataset", "drawn", people=30, images=1)
    return sighted(aligner, [people.image(frame.key) for frame in people.frames()])


@pytest.fixture(scope="module")
def real_people(aligner: DlibHog, real_data: Path) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """One photo of each of 60 people."""
    with (real_data / "celeba299" / "labels.csv").open(newline="") as file:
        first = {row["identity"]: row["image"] for row in csv.DictReader(file)}
    names = sorted(first.values())[:60]
    return sighted(aligner, [images.read(real_data / "celeba299" / "images" / name) for name in names])


@pytest.mark.full
@pytest.mark.parametrize("blend", ["feather", "poisson"])
def test_drawn_people_still_have_faces(
    aligner: DlibHog, drawn_people: tuple[NDArray[np.float32], NDArray[np.float32]], blend: str
) -> None:
    for regions in (["eyes"], ["eyes", "mouth"], ["face"]):
        assert share_found(aligner, drawn_people, regions=regions, blend=blend) >= 0.9, regions


@pytest.mark.real
@pytest.mark.full
@pytest.mark.parametrize("blend", ["feather", "poisson"])
def test_real_people_still_have_faces(
    aligner: DlibHog, real_people: tuple[NDArray[np.float32], NDArray[np.float32]], blend: str
) -> None:
    for regions in (["eyes"], ["eyes", "mouth"], ["nose"], ["face"], ["upper_face", "lower_face"]):
        share = share_found(aligner, real_people, regions=regions, blend=blend)
        print(f"{blend} {' '.join(regions)}: a face in {share:.1%}")
        assert share >= 0.9, regions
