"""What every generator does with the arrays of a batch before its networks see them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bench.api import Crops, Embeddings, FaceBatch
from bench.errors import ShapeError
from bench.packs.labels import CLASSES, shrink_labels

if TYPE_CHECKING:
    import torch


def masks_of(batch: FaceBatch, side: int, name: str) -> NDArray[np.uint8]:
    """The masks of a batch whose arrays are as they should be.

    Args:
        batch: what the generator was given.
        side: of its template, pixels.
        name: of the generator, for what is said of a batch without masks.

    Returns:
        uint8 (N, side, side), 19-class labels.

    Raises:
        ShapeError: masks are missing, or an array has another shape, dtype or range.
    """
    count, labels = len(batch.images), batch.masks
    _expect("images", batch.images, np.float32, (count, 3, side, side))
    if labels is None:
        raise ShapeError(f"masks: got None; {name} takes masks: a data set's own, or a parser's")
    _expect_labels("masks", labels, (count, side, side))
    return labels


def images_of(batch: FaceBatch, side: int) -> Crops:
    """The photos of a batch, float32 (N, 3, side, side). Raises `ShapeError` for another shape or dtype."""
    _expect("images", batch.images, np.float32, (len(batch.images), 3, side, side))
    return batch.images


def references_of(batch: FaceBatch, side: int, others: int, name: str) -> Crops:
    """The other contributors of a batch, as they should be.

    Args:
        batch: what the generator was given.
        side: of its template, pixels.
        others: K - 1, how many it takes.
        name: of the generator, for what is said of a batch without them.

    Returns:
        float32 (N, K - 1, 3, side, side).

    Raises:
        ShapeError: they are missing, or have another shape or dtype.
    """
    if batch.references is None:
        raise ShapeError(f"references: got None; {name} takes {others} more of each face with these settings")
    _expect("references", batch.references, np.float32, (len(batch.images), others, 3, side, side))
    return batch.references


def reference_masks_of(batch: FaceBatch, side: int, others: int, name: str) -> NDArray[np.uint8]:
    """The other contributors' masks, uint8 (N, K - 1, side, side), checked as `references_of` checks their photos."""
    if batch.reference_masks is None:
        raise ShapeError(f"reference_masks: got None; {name} takes the masks of its references with these settings")
    _expect_labels("reference_masks", batch.reference_masks, (len(batch.images), others, side, side))
    return batch.reference_masks


def identity_of(batch: FaceBatch, width: int, encoder: str, name: str) -> Embeddings:
    """The first contributors' embeddings in a batch, as they should be.

    Args:
        batch: what the generator was given.
        width: D that it takes.
        encoder: the recognizer whose embeddings it takes, for errors.
        name: of the generator, likewise.

    Returns:
        float32 (N, D).

    Raises:
        ShapeError: they are missing, of another length or dtype.
    """
    return _embeddings("identity", batch.identity, (len(batch.images), width), encoder, name)


def reference_identity_of(batch: FaceBatch, others: int, width: int, encoder: str, name: str) -> Embeddings:
    """The other contributors' embeddings, float32 (N, K - 1, D), as `identity_of` gives the first ones'."""
    shape = (len(batch.images), others, width)
    return _embeddings("reference_identity", batch.reference_identity, shape, encoder, name)


def region_maps(labels: NDArray[np.uint8], side: int, regions: int, device: torch.device) -> torch.Tensor:
    """Labels as a network wants them: halved, by the majority of four pixels, as a pack's are, as often as it takes.

    Args:
        labels: uint8 (N, S, S); S a multiple of `side`.
        side: of the network, pixels.
        regions: R.
        device: of the network.

    Returns:
        float32 (N, R, side, side), one-hot.
    """
    import torch

    from generators.nets.regions import one_hot

    small = labels
    while small.shape[-1] % 2 == 0 and small.shape[-1] // 2 % side == 0:
        small = shrink_labels(small, small.shape[-1] // 2)
    small = np.ascontiguousarray(shrink_labels(small, side))
    return one_hot(torch.from_numpy(small).to(device), regions)


def maps_for(masks: torch.Tensor | NDArray[np.uint8], side: int, regions: int, device: torch.device) -> torch.Tensor:
    """Region maps as a network wants them, of labels or of soft maps.

    Args:
        masks: float32 (N, R, S, S) soft maps, S at least `side`; or uint8 (N, S, S) labels, S a multiple of it.
        side: of the network, pixels.
        regions: R.
        device: of the network.

    Returns:
        float32 (N, R, side, side), differentiable in soft maps.
    """
    if isinstance(masks, np.ndarray):
        return region_maps(masks, side, regions, device)
    if masks.is_floating_point():
        return brought(masks, side, device)
    return region_maps(masks.cpu().numpy(), side, regions, device)


def labels_of(maps: torch.Tensor, side: int) -> NDArray[np.uint8]:
    """The likeliest region of each pixel of soft or hard maps, enlarged: uint8 (N, side, side).

    Args:
        maps: float (N, R, S, S).
        side: of the labels, a multiple of S.
    """
    labels: NDArray[np.uint8] = maps.argmax(dim=1).cpu().numpy().astype(np.uint8)
    times = side // labels.shape[1]
    return labels.repeat(times, axis=1).repeat(times, axis=2)


def brought(maps: torch.Tensor, side: int, device: torch.device) -> torch.Tensor:
    """Pictures or soft region maps as a network wants them: on its device, of its side, channels last; differentiable.

    Args:
        maps: float32 (N, C, S, S), S at least `side`.
        side: of the network, pixels.
        device: of the network.
    """
    import torch

    from generators.crops import shrink

    return shrink(maps.to(device), side).contiguous(memory_format=torch.channels_last)


def _expect(name: str, array: NDArray[Any], dtype: type[np.generic], shape: tuple[int, ...]) -> None:
    if array.dtype != dtype or array.shape != shape:
        raise ShapeError(f"{name}: got {array.dtype} {array.shape}, expected {np.dtype(dtype)} {shape}")


def _expect_labels(name: str, labels: NDArray[np.uint8], shape: tuple[int, ...]) -> None:
    _expect(name, labels, np.uint8, shape)
    if labels.size and int(labels.max()) >= CLASSES:
        raise ShapeError(f"{name}: got the label {int(labels.max())}, expected 0 to {CLASSES - 1}")


def _embeddings(field: str, found: Embeddings | None, shape: tuple[int, ...], encoder: str, name: str) -> Embeddings:
    if found is None:
        raise ShapeError(f"{field}: got None; {name} takes embeddings of {encoder}, {shape[-1]} numbers each")
    if found.dtype != np.float32 or found.shape != shape:
        raise ShapeError(
            f"{field}: got {found.dtype} {found.shape}, expected float32 {shape}: embeddings of {encoder}, which taught"
            f" these weights of {name}"
        )
    return found
