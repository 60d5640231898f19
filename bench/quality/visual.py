"""How far a made face is from a photo, pixel by pixel."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bench.errors import ShapeError

MOST_DECIBELS = 100.0
"""What identical pictures get, so that means stay finite. In 256 x 256 pictures one value that differs by one of 256
levels makes 101 dB, two make 98."""

_WINDOW = 11


def structural_similarity(first: NDArray[np.uint8], second: NDArray[np.uint8]) -> NDArray[np.float32]:
    """SSIM of pairs of pictures: Gaussian window of 11 x 11 with σ 1.5, K1 0.01, K2 0.03, on a range of 255.

    Covariances are divided by the sum of the window (population ones). The mean is over the three channels and over
    those pixels whose window lies within the picture; torchmetrics' mean has the border too.

    Args:
        first: uint8 (N, H, W, 3), H and W at least 11.
        second: uint8 of the same shape.

    Returns:
        float32 (N,), from -1 to 1, 1 for identical pictures.

    Raises:
        ShapeError: pictures of another shape or dtype, or too small.

    Source:
        Wang, Bovik, Sheikh and Simoncelli, IEEE TIP 13(4), 2004, per channel, by scikit-image.
    """
    from skimage.metrics import structural_similarity as of_scikit_image

    _check(first, second)
    if min(first.shape[1:3]) < _WINDOW:
        raise ShapeError(f"got pictures {first.shape[1:3]}; SSIM needs at least {_WINDOW} x {_WINDOW} pixels")
    means = [
        of_scikit_image(  # type: ignore[no-untyped-call]
            # In single precision it takes half the time, and differs by 1e-7.
            one.astype(np.float32),
            other.astype(np.float32),
            data_range=255,
            channel_axis=-1,
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
        )
        for one, other in zip(first, second, strict=True)
    ]
    return np.asarray(means, np.float32)


def peak_signal_to_noise_ratio(first: NDArray[np.uint8], second: NDArray[np.uint8]) -> NDArray[np.float32]:
    """PSNR of pairs of pictures: 10·log10(255² / MSE), the mean over pixels and channels, at most 100 dB.

    Args:
        first: uint8 (N, H, W, 3).
        second: uint8 of the same shape.

    Returns:
        float32 (N,), decibels from 0 to `MOST_DECIBELS`, which identical pictures get.

    Raises:
        ShapeError: pictures of another shape or dtype.

    Source:
        As in Wang, Bovik, Sheikh and Simoncelli, IEEE TIP 13(4), 2004.
    """
    _check(first, second)
    # Whole numbers, so that sums are exact; one picture at a time, since they take four bytes a value.
    squares = [
        int(np.square(one.astype(np.int32) - other).sum(dtype=np.int64))
        for one, other in zip(first, second, strict=True)
    ]
    least = 255**2 / 10 ** (MOST_DECIBELS / 10)
    errors = np.maximum(np.asarray(squares, np.float64) / max(first[0].size if len(first) else 1, 1), least)
    return (10 * np.log10(255**2 / errors)).astype(np.float32)


def _check(first: NDArray[np.uint8], second: NDArray[np.uint8]) -> None:
    for name, pictures in (("first", first), ("second", second)):
        if pictures.dtype != np.uint8 or pictures.ndim != 4 or pictures.shape[3] != 3 or not all(pictures.shape[1:]):
            raise ShapeError(f"got {name} {pictures.dtype} {pictures.shape}; expected uint8 (N, H, W, 3)")
    if first.shape != second.shape:
        raise ShapeError(f"got pictures {first.shape} and {second.shape}; expected pairs of one shape")
