"""The space in which the domain measures distance: principal components of the training set, whitened."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from molfleet.bundles.arrays import Array

MAX_COMPONENTS = 50
#: Where molecules and features are both more than this, principal components come from the features'
#: covariance: a fourth of the time.
_EXACT = 500
#: Where features are more than this too, its eigenvectors would take longer than a seeded random projection
#: (Halko et al., SIAM Review 2011, 53, 217), which is not quite exact.
_COVARIANCE = 4_096
#: Columns standardized, and rows multiplied, at a time.
_COLUMNS, _ROWS = 256, 2_048

Floats = NDArray[np.float64]


def whitened(features: NDArray[Any], seed: int) -> tuple[dict[str, Array], Floats]:
    """Center, scale and the map [components, m] into the whitened space, and the training points there.

    Of `features` [n, m] with gaps; needs scikit-learn. The covariance is shrunk as Ledoit and Wolf have it
    (J. Multivariate Analysis 88 (2004) 365).
    """
    from sklearn.covariance import ledoit_wolf

    count, width = features.shape
    exact = min(count, width) <= _EXACT
    centered, center, scale = _standardized(features, np.dtype(np.float64 if exact else np.float32))
    most = min(MAX_COMPONENTS, count - 1, width)
    projection, points = np.zeros((0, width)), np.zeros((count, 0))
    log_volume = 0.0
    if most > 0 and centered.any():
        axes = _principal_axes(centered, most, seed).astype(np.float64)
        scores = centered @ axes.T
        covariance, _ = ledoit_wolf(scores, assume_centered=True)
        root = np.linalg.cholesky(covariance)
        projection = np.linalg.solve(root, axes)
        points = np.linalg.solve(root, scores.T).T
        log_volume = float(np.log(np.diag(root)).sum())
    return {
        "center": center,
        "scale": scale,
        "projection": projection,
        "log_volume": np.array([log_volume]),
    }, points


def _principal_axes(centered: NDArray[Any], most: int, seed: int) -> NDArray[Any]:
    """The first principal axes [components, m] of [n, m], at most `most`, that explain anything."""
    from scipy.linalg import eigh
    from sklearn.utils.extmath import randomized_svd

    if min(centered.shape) <= _EXACT:
        _, values, axes = np.linalg.svd(centered, full_matrices=False)
        squares = values[:most] ** 2
    elif centered.shape[1] <= _COVARIANCE:
        width = centered.shape[1]
        squares, found = eigh(
            _products(centered), subset_by_index=[width - most, width - 1], overwrite_a=True
        )
        squares, axes = squares[::-1], found[:, ::-1].T
    else:
        _, values, axes = randomized_svd(centered, most, n_iter=4, random_state=seed)
        squares = values**2
    return np.asarray(axes[:most][squares > 1e-9 * squares[0]])


def _products(centered: NDArray[Any]) -> Floats:
    """The columns' products with each other [m, m], in float64: small eigenvalues are lost in float32."""
    width = centered.shape[1]
    products = np.zeros((width, width))
    for start in range(0, len(centered), _ROWS):
        block = centered[start : start + _ROWS].astype(np.float64)
        products += block.T @ block
    return products


def _standardized(features: NDArray[Any], dtype: np.dtype[Any]) -> tuple[NDArray[Any], Floats, Floats]:
    """Features as deviations from the mean, those that are not bits in standard deviations; gaps as 0."""
    count, width = features.shape
    out, center, scale = np.empty((count, width), dtype), np.zeros(width), np.ones(width)
    for start in range(0, width, _COLUMNS):
        part = slice(start, start + _COLUMNS)
        block = features[:, part].astype(np.float64)
        finite = np.isfinite(block)
        is_bit = ((block == 0) | (block == 1)).all(axis=0)
        block[~finite] = 0.0
        center[part] = block.sum(axis=0) / np.maximum(finite.sum(axis=0), 1)
        block -= center[part]
        block[~finite] = 0.0
        deviation = np.sqrt(np.einsum("ij,ij->j", block, block) / count)
        scale[part] = np.where(is_bit | (deviation == 0), 1.0, deviation)
        block /= scale[part]
        out[:, part] = block
    return out, center, scale
