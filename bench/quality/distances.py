"""How far a set of made faces is from a set of photos, by features of both.

Both distances are computed on one thread of the linear algebra, so that they are the same to the bit however many
there are.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from bench.errors import InsufficientData, ShapeError

_ROWS = 1024
"""So many rows of kernel values are held at a time."""


def unit_rows(features: NDArray[np.floating]) -> NDArray[np.float64]:
    """Features scaled to length 1.

    Embeddings of a recognizer that compares by cosine have lengths that mean nothing to it, and every network has its
    own scale; at length 1 a distance is of directions, between 0 and 4, for every recognizer.

    Args:
        features: float (N, D).

    Returns:
        float64 (N, D).

    Raises:
        ShapeError: another shape, values that are not finite, or a row of zeros.
    """
    _check(features)
    wide: NDArray[np.float64] = features.astype(np.float64)
    lengths = np.sqrt(np.square(wide).sum(axis=1, keepdims=True))
    if (lengths == 0).any():
        raise ShapeError(f"got only zeros at row {int(np.argmin(lengths))}; an embedding needs a direction")
    wide /= lengths
    return wide


def frechet_distance(features: NDArray[np.floating], others: NDArray[np.floating]) -> float:
    """The squared Fréchet distance of two normal distributions, fitted to two sets of features.

    |μ - ν|² + tr(Σ + Τ - 2·(ΣΤ)^½) with covariances divided by N - 1. With Σ = AᵀA and Τ = BᵀB the trace of the root is
    the sum of the singular values of ABᵀ, which are real and not negative whatever the rank. Few features make it too
    large: by about tr(Σ)·D / 4·(1/N + 1/L) where N and L are far above D.

    Args:
        features: float (N, D), N at least 2, used as they are; `unit_rows` for embeddings.
        others: float (L, D), L at least 2.

    Returns:
        At least 0; 0 for equal sets, within rounding.

    Raises:
        ShapeError: arrays of other shapes, or values that are not finite.
        InsufficientData: fewer than two of either.

    Source:
        Heusel et al., NeurIPS 2017; Dowson and Landau, Journal of Multivariate Analysis 12, 1982.
    """
    ones = np.ones((len(features), 1), np.bool_), np.ones((len(others), 1), np.bool_)
    return float(frechet_distances(features, others, *ones)[0])


def frechet_distances(
    features: NDArray[np.floating],
    others: NDArray[np.floating],
    kept: NDArray[np.bool_],
    kept_others: NDArray[np.bool_],
) -> NDArray[np.float64]:
    """`frechet_distance` of G parts of two sets.

    Args:
        features: float (N, D).
        others: float (L, D).
        kept: bool (N, G), which features each part has, at least 2.
        kept_others: bool (L, G).

    Returns:
        float64 (G,).

    Raises:
        ShapeError: arrays of other shapes, or values that are not finite.
        InsufficientData: a part with fewer than two of either.
    """
    from threadpoolctl import threadpool_limits

    _check_parts(features, others, kept, kept_others)
    first, second = features.astype(np.float64), others.astype(np.float64)
    with threadpool_limits(1, "blas"):
        parts = zip(kept.T, kept_others.T, strict=True)
        return np.array([_frechet(first[keep], second[keep_others]) for keep, keep_others in parts])


def kernel_distance(features: NDArray[np.floating], others: NDArray[np.floating]) -> float:
    """KID: the unbiased squared maximum mean discrepancy of two sets, with the kernel (x·y / D + 1)³.

    The mean of the kernel over pairs of different features, plus that over pairs of others, minus twice the mean over
    pairs across. For rows of length √D the kernel is (cosine + 1)³.

    Args:
        features: float (N, D), N at least 2, used as they are; √D·`unit_rows` for embeddings.
        others: float (L, D), L at least 2.

    Returns:
        About 0, of either sign, where both are drawn from one distribution.

    Raises:
        ShapeError: arrays of other shapes, or values that are not finite.
        InsufficientData: fewer than two of either.

    Source:
        Bińkowski, Sutherland, Arbel and Gretton, ICLR 2018; on all features at once, not on the mean of subsets.
    """
    ones = np.ones((len(features), 1), np.bool_), np.ones((len(others), 1), np.bool_)
    return float(kernel_distances(features, others, *ones)[0])


def kernel_distances(
    features: NDArray[np.floating],
    others: NDArray[np.floating],
    kept: NDArray[np.bool_],
    kept_others: NDArray[np.bool_],
) -> NDArray[np.float64]:
    """`kernel_distance` of G parts of two sets, every kernel value computed once.

    Args:
        features: float (N, D).
        others: float (L, D).
        kept: bool (N, G), which features each part has, at least 2.
        kept_others: bool (L, G).

    Returns:
        float64 (G,).

    Raises:
        ShapeError: arrays of other shapes, or values that are not finite.
        InsufficientData: a part with fewer than two of either.
    """
    from threadpoolctl import threadpool_limits

    _check_parts(features, others, kept, kept_others)
    first, second = features.astype(np.float64), others.astype(np.float64)
    keep, keep_others = kept.astype(np.float64), kept_others.astype(np.float64)
    n, m = keep.sum(axis=0), keep_others.sum(axis=0)
    with threadpool_limits(1, "blas"):
        within = _kernel_sums(first, first, keep, keep, same=True) / (n * (n - 1))
        within_others = _kernel_sums(second, second, keep_others, keep_others, same=True) / (m * (m - 1))
        across = _kernel_sums(first, second, keep, keep_others, same=False) / (n * m)
    distances: NDArray[np.float64] = within + within_others - 2 * across
    return distances


def _frechet(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    means = first.mean(axis=0), second.mean(axis=0)
    one, other = _root(first - means[0]), _root(second - means[1])
    shared = float(np.linalg.svd(one @ other.T, compute_uv=False).sum())
    apart = float(np.square(means[0] - means[1]).sum())
    return max(apart + float(np.square(one).sum()) + float(np.square(other).sum()) - 2 * shared, 0.0)


def _root(centred: NDArray[np.float64]) -> NDArray[np.float64]:
    """A matrix A with AᵀA the covariance, of at most D rows."""
    n, width = centred.shape
    rows: NDArray[np.float64] = np.asarray(np.linalg.qr(centred, mode="r")) if n > width else centred
    return rows / math.sqrt(n - 1)


def _kernel_sums(
    first: NDArray[np.float64],
    second: NDArray[np.float64],
    keep: NDArray[np.float64],
    keep_second: NDArray[np.float64],
    same: bool,
) -> NDArray[np.float64]:
    """The sum of the kernel over all pairs of each part, float64 (G,); without those of a row and itself if `same`."""
    total: NDArray[np.float64] = np.zeros(keep.shape[1])
    for start in range(0, len(first), _ROWS):
        rows = slice(start, min(start + _ROWS, len(first)))
        values = (first[rows] @ second.T / first.shape[1] + 1) ** 3
        if same:
            values[np.arange(len(values)), np.arange(rows.start, rows.stop)] = 0
        total += (keep[rows] * (values @ keep_second)).sum(axis=0)
    return total


def _check(features: NDArray[np.floating]) -> None:
    if features.ndim != 2 or not np.issubdtype(features.dtype, np.floating) or not features.shape[1]:
        raise ShapeError(f"got features {features.dtype} {features.shape}; expected float (N, D)")
    if not np.isfinite(features).all():
        raise ShapeError("got a feature that is not finite; leave out the faces without embedding")


def _check_parts(
    features: NDArray[np.floating],
    others: NDArray[np.floating],
    kept: NDArray[np.bool_],
    kept_others: NDArray[np.bool_],
) -> None:
    _check(features)
    _check(others)
    if features.shape[1] != others.shape[1]:
        raise ShapeError(
            f"got features of {features.shape[1]} and {others.shape[1]} numbers; expected one recognizer's"
        )
    for rows, part in ((features, kept), (others, kept_others)):
        if part.dtype != np.bool_ or part.ndim != 2 or len(part) != len(rows) or part.shape[1] != kept.shape[1]:
            raise ShapeError(f"got parts {part.dtype} {part.shape} of {len(rows)} features; expected bool (N, G)")
        fewest = int(part.sum(axis=0).min()) if part.shape[1] else 2
        if fewest < 2:
            raise InsufficientData(f"got {fewest} features; a distance needs at least 2 of either set")
