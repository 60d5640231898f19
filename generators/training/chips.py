"""The differentiable way from a crop to a recognizer's template, for networks that teach: a warp by known landmarks.

Task: what `bench.aligners.templates.crop_by_landmarks` does to a frame, done to a batch of crops whose 68 points are
known, so that gradients flow back into the pixels. The similarity is the same least-squares one; the crop is read
bilinearly, and is black where it ends. As there, the first scheme of the template counts that the points have.

    seen = Views(frozen, images, batch.landmarks)
    frozen.perceptual(seen.perceptual)              # one tensor for both,
    frozen.identity.embed_tensor(seen.identity)     # where both want the same

Source: Umeyama, TPAMI 1991, in the plane, where the closed form needs no decomposition.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping

import torch
from torch import Tensor
from torch.nn import functional

from bench.aligners.templates import DLIB150
from bench.api import Template
from bench.errors import PluginError, ShapeError
from generators.training.recipe import Frozen

DLIB5_OF_68 = (45, 42, 36, 39, 33)
"""dlib's five points among its 68: the corners of the eye at the right of the picture, outer then inner, of the eye at
the left, outer then inner, the base of the nose."""


def _dlib5(points: Tensor) -> Tensor:
    return points[:, list(DLIB5_OF_68)].double()


def _field5(points: Tensor) -> Tensor:
    """The five of `bench.aligners.dlib_hog.field5_of_68`, in float64."""
    whole = points.double()
    eyes = torch.stack([whole[:, 36:42].mean(dim=1), whole[:, 42:48].mean(dim=1)], dim=1)
    return torch.cat([eyes, whole[:, [30, 48, 54]]], dim=1)


SCHEMES: Mapping[str, Callable[[Tensor], Tensor]] = {"dlib5": _dlib5, "field5": _field5, "dlib68": Tensor.double}
"""Landmark scheme to how its points follow from dlib's 68: float (N, 68, 2) to float64 (N, P, 2)."""


class Views:
    """Faces as the networks that teach want to see them, each view made when it is first asked for.

    Args:
        frozen: the networks.
        images: float32 (N, 3, S, S) RGB in [0, 1].
        landmarks: float32 (N, 68, 2), as `chip` takes them; None will do where no chip is asked for.
    """

    def __init__(self, frozen: Frozen, images: Tensor, landmarks: Tensor | None) -> None:
        self._frozen, self._images, self._landmarks = frozen, images, landmarks
        self._chips: dict[tuple[int, bool], Tensor] = {}

    @property
    def identity(self) -> Tensor:
        """What the identity network takes, in its own template; the very same tensor each time."""
        if self._frozen.identity is None:
            raise PluginError(
                'the recipe has no identity network; name the role in its Trainable: needs=frozenset({"identity"})'
            )
        return self._chip(self._frozen.identity.template)

    @property
    def perceptual(self) -> Tensor:
        """What the perceptual network takes, as `Frozen.perceptual_view` says; the very same tensor each time."""
        return self._images if self._frozen.perceptual_view == "crop" else self._chip(DLIB150)

    def _chip(self, template: Template) -> Tensor:
        if self._landmarks is None:
            raise ShapeError(
                f"got no landmarks for the template {template.name}, expected (N, 68, 2); put landmarks into"
                " Recipe.wanted"
            )
        # By the template itself: who wants the same one names the same object. A chip that was first asked for without
        # gradients does not serve one who needs them.
        key = id(template), self._images.requires_grad and torch.is_grad_enabled()
        if key not in self._chips:
            self._chips[key] = chip(self._images, self._landmarks, template)
        return self._chips[key]


def chip(images: Tensor, landmarks: Tensor, template: Template = DLIB150) -> Tensor:
    """The faces of crops as a recognizer wants them.

    Args:
        images: float32 (N, 3, S, S) RGB in [0, 1].
        landmarks: float32 (N, 68, 2), x then y in pixels of side S, the centre of the first pixel at (0, 0).
        template: the recognizer's; by default dlib's.

    Returns:
        float32 (N, 3, T, T), T the template's side, channels last in memory, differentiable in `images`.

    Raises:
        ShapeError: other shapes.
        PluginError: the template wants landmarks that do not follow from dlib's 68.
    """
    if images.ndim != 4 or landmarks.shape != (len(images), 68, 2):
        raise ShapeError(
            f"got images {tuple(images.shape)} and landmarks {tuple(landmarks.shape)}; expected (N, 3, S, S) and"
            " (N, 68, 2)"
        )
    grid = chip_grid(landmarks, images.shape[-1], template)
    chips = functional.grid_sample(images, grid, mode="bilinear", padding_mode="zeros", align_corners=False)
    return chips.contiguous(memory_format=torch.channels_last)


@torch.no_grad()
def chip_grid(landmarks: Tensor, side: int, template: Template = DLIB150) -> Tensor:
    """Where each pixel of the chips lies in the crops, float32 (N, T, T, 2), as `grid_sample` wants it.

    Args:
        landmarks: float32 (N, 68, 2) in pixels of the crops.
        side: S, pixels of the crops.
        template: whose side is T.

    Raises:
        PluginError: as `chip`.
    """
    device, scheme = landmarks.device, scheme_of(template)
    points = SCHEMES[scheme](landmarks)
    target = torch.tensor(template.targets[scheme].tolist(), dtype=torch.float64, device="cpu")
    # Fitted from the crop to the chip, as the aligner does, and inverted: the other way round is another least squares.
    a, b, move = similarity_of(points, target.to(device).expand(len(points), -1, -1))
    squared = a**2 + b**2
    back = torch.stack([torch.stack([a, b], dim=1), torch.stack([-b, a], dim=1)], dim=1) / squared[:, None, None]
    # From pixels of the chip to grid_sample's units of the crop, -1 and 1 at its edges: small in float64, then one
    # product in float32 for all pixels.
    linear = back * (2 / side)
    shift = (1 - 2 * (back @ move[..., None])) / side - 1
    affine = torch.cat([linear, shift], dim=2).float()
    grid = _pixels(template.side).to(device) @ affine.transpose(1, 2)
    return grid.view(-1, template.side, template.side, 2)


def scheme_of(template: Template) -> str:
    """The first landmark scheme of a template that follows from dlib's 68 points.

    Raises:
        PluginError: there is none.
    """
    for scheme in template.targets:
        if scheme in SCHEMES:
            return scheme
    raise PluginError(
        f"the template {template.name} wants landmarks {' or '.join(template.targets) or 'none'}; training knows dlib's"
        f" 68 points and gives {', '.join(SCHEMES)}: take another recognizer (--identity)"
    )


def similarity_of(points: Tensor, target: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The least-squares similarities, without reflection, that bring points to targets.

    Args:
        points: float (N, P, 2).
        target: float (N, P, 2).

    Returns:
        a (N,), b (N,) and t (N, 2): the map is ``x' = a x - b y + t_x`` and ``y' = b x + a y + t_y``.
    """
    middle, target_middle = points.mean(dim=1), target.mean(dim=1)
    p, q = points - middle[:, None], target - target_middle[:, None]
    spread = p.square().sum(dim=(1, 2)).clamp_min(1e-12)
    a = (p * q).sum(dim=(1, 2)) / spread
    b = (p[..., 0] * q[..., 1] - p[..., 1] * q[..., 0]).sum(dim=1) / spread
    turned = torch.stack([a * middle[:, 0] - b * middle[:, 1], b * middle[:, 0] + a * middle[:, 1]], dim=1)
    return a, b, target_middle - turned


@functools.cache
def _pixels(side: int) -> Tensor:
    """Column and row of each pixel of a chip, and 1: float32 (T * T, 3)."""
    rows, columns = torch.meshgrid(*[torch.arange(side, dtype=torch.float32, device="cpu")] * 2, indexing="ij")
    return torch.stack([columns.reshape(-1), rows.reshape(-1), torch.ones(side**2, device="cpu")], dim=1)
