"""From the conditions of a face to what it is rendered from, as the settings of `sis` say."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from bench.errors import ShapeError
from generators.sis.mixing import exchanged_maps, exchanged_parts, mixed_identity, mixed_styles, present, taken
from generators.sis.rendering import Ingredients, SisRenderer, expect_width
from generators.sis.settings import SisPreset, SisSettings


def given_ingredients(renderer: SisRenderer, conditions: Mapping[str, Tensor]) -> Ingredients:
    """Masks, styles and, where the weights have a token, an identity, as they are given; images for the detail branch.

    Raises:
        ShapeError: one is missing, of another length, or something else is there.
    """
    wanted = {"masks", "styles", *(["identity"] if renderer.preset.identity else [])}
    _check(conditions, wanted, {"images"}, renderer.preset)
    masks = renderer.maps(conditions["masks"])
    return Ingredients(
        masks,
        conditions["styles"].to(renderer.device),
        _every(masks),
        _identity(renderer, conditions),
        detail=renderer.detail(conditions["images"]) if "images" in conditions else None,
    )


def mixed_ingredients(renderer: SisRenderer, settings: SisSettings, conditions: Mapping[str, Tensor]) -> Ingredients:
    """The first contributor's masks, styles and identity, with what the settings take from the reference or draw.

    Raises:
        ShapeError: a condition is missing, of another length, or one is there that is not asked for.
    """
    wanted = {"images", *settings.wanted(renderer.preset), *(["noise"] if settings.noise else [])}
    _check(conditions, wanted, {"references"} if not settings.styles else set(), renderer.preset)
    images, masks = conditions["images"], renderer.maps(conditions["masks"])
    styles, identity = renderer.encode(images, masks), _identity(renderer, conditions)
    own = Ingredients(masks, styles, _every(masks), identity, detail=renderer.detail(images))
    mixed = _with_noise(own, renderer, settings, conditions) if settings.noise else own
    if settings.identity == "reference":
        assert mixed.identity is not None
        theirs = conditions["reference_identity"][:, 0].to(renderer.device)
        mixed = mixed._replace(identity=mixed_identity(mixed.identity, theirs, settings.strength))
    if settings.styles or settings.shapes:
        mixed = _with_regions(mixed, renderer, settings, conditions)
    return mixed


def _with_noise(
    own: Ingredients, renderer: SisRenderer, settings: SisSettings, conditions: Mapping[str, Tensor]
) -> Ingredients:
    drawn = taken(settings.noise, present(conditions["masks"]).to(own.masks.device), present(own.masks))
    styles = mixed_styles(own.styles, renderer.drawn_styles(conditions["noise"], own.masks), drawn.classes)
    return own._replace(styles=styles, possible=own.possible & drawn.possible)


def _with_regions(
    own: Ingredients, renderer: SisRenderer, settings: SisSettings, conditions: Mapping[str, Tensor]
) -> Ingredients:
    masks = renderer.maps(conditions["reference_masks"][:, 0])
    given = present(conditions["masks"]) & present(conditions["reference_masks"][:, 0])
    there = present(own.masks) & present(masks)
    by_style, by_shape = (taken(names, given.to(there.device), there) for names in (settings.styles, settings.shapes))
    styles, embedded = own.styles, own.embedded
    if settings.styles:
        styles = mixed_styles(styles, renderer.encode(conditions["references"][:, 0], masks), by_style.classes)
    if settings.shapes:
        exchanged = exchanged_parts if renderer.preset.layout == "embedded" else exchanged_maps
        parts = renderer.embed(own.masks), renderer.embed(masks)
        embedded = exchanged(*parts, by_shape.classes, settings.shape_strength)
    possible = own.possible & by_style.possible & by_shape.possible
    return own._replace(styles=styles, embedded=embedded, possible=possible)


def exchanged_layout(renderer: SisRenderer, settings: SisSettings, conditions: Mapping[str, Tensor]) -> Tensor:
    """Region maps of what is meant to be shown, with the shapes that are exchanged, float32 (N, R, S, S).

    In the layout ``"embedded"`` the network decides what exchanged parts mean where they overlap; these maps are then
    what the rules of ``"modulated"`` make of them.
    """
    own, maps = conditions["masks"], renderer.maps(conditions["masks"])
    if not settings.shapes:
        return maps
    other = conditions["reference_masks"][:, 0]
    theirs = renderer.maps(other)
    given, there = present(own) & present(other), present(maps) & present(theirs)
    classes = taken(settings.shapes, given.to(there.device), there).classes
    return exchanged_maps(maps, theirs, classes, settings.shape_strength)


def _every(masks: Tensor) -> Tensor:
    return torch.ones(len(masks), dtype=torch.bool, device=masks.device)


def _identity(renderer: SisRenderer, conditions: Mapping[str, Tensor]) -> Tensor | None:
    return conditions["identity"].to(renderer.device) if renderer.preset.identity else None


def _check(conditions: Mapping[str, Tensor], wanted: set[str], spare: set[str], preset: SisPreset) -> None:
    got = set(conditions)
    if wanted - spare - got or got - wanted - spare:
        raise ShapeError(
            f"got the conditions {', '.join(sorted(got)) or 'nothing'}; sis takes {', '.join(sorted(wanted))} with"
            " these settings and weights, and one of styles and images"
        )
    for name in got & {"identity", "reference_identity"}:
        expect_width(name, conditions[name], preset.identity)
