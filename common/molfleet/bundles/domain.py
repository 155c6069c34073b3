"""Applicability domain: how near a molecule lies to those that a model was trained on.

similarity: highest Tanimoto to the training molecules (ECFP4, 2048 bits). distance: Mahalanobis
distance, covariance shrunk after Ledoit and Wolf (2004), in at most 50 principal components of the
model's features. density: log of a Gaussian kernel density there (kernel covariance = shrunk
covariance x Scott's factor squared, Scott 1992). inside: similarity at or above the 5 % quantile of
the training molecules' leave-one-out similarities.

Rows are evaluated one by one, without BLAS: a row's figures never depend on its neighbours.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from molfleet.bundles.arrays import Array, pack

ECFP4_BITS = 2048
MAX_MOLECULES = 20_000
MAX_COMPONENTS = 50

Bits = NDArray[np.uint8]
Floats = NDArray[np.float64]


class Neighbour(NamedTuple):
    row: int
    similarity: float


@dataclass(frozen=True)
class DomainFit:
    """What goes into the bundle: manifest fields, the npz part, the text part of the molecules."""

    similarity_threshold: float
    quantile: float
    components: int
    bandwidth: float
    part: bytes
    molecules: bytes


def fit(
    features: NDArray[Any],
    packed_ecfp4: Bits,
    smiles: Sequence[str],
    measured: Sequence[str],
    *,
    seed: int,
    quantile: float = 0.05,
) -> DomainFit:
    """The domain of a training set of n molecules. Needs scikit-learn (training only).

    `features` [n, m] are the model's features after its own preparation; bits are taken as they are,
    all other columns in standard deviations, NaN as the column's mean. `packed_ecfp4` is uint8 [n, 256],
    bitorder little. `measured` is the target as text (value or label). Of more than 20,000 molecules
    a sample drawn with `seed` is kept.
    """
    count = len(features)
    if not (count == len(packed_ecfp4) == len(smiles) == len(measured)) or count == 0:
        raise ValueError("features, fingerprints, smiles and measured values must be of one length > 0")
    kept = np.arange(count)
    if count > MAX_MOLECULES:
        kept = np.sort(np.random.default_rng(seed).choice(count, MAX_MOLECULES, replace=False))
    bits = np.ascontiguousarray(packed_ecfp4[kept], np.uint8)
    space, points = _fit_space(np.asarray(features[kept], np.float64), seed)
    index = SimilarityIndex(bits)
    alone = [index.best(row, without=number).similarity for number, row in enumerate(bits)]
    components = points.shape[1]
    return DomainFit(
        similarity_threshold=float(np.quantile(alone, quantile)) if len(alone) > 1 else 0.0,
        quantile=quantile,
        components=components,
        bandwidth=len(kept) ** (-1.0 / (components + 4)) if components else 0.0,
        part=pack({"fingerprints": bits, **space, "points": points.astype(np.float32)}),
        molecules="".join(
            f"{_field(smiles[row])}\t{_field(measured[row])}\n" for row in kept.tolist()
        ).encode(),
    )


def _field(text: str) -> str:
    return " ".join(text.split())


def _fit_space(features: Floats, seed: int) -> tuple[dict[str, Array], Floats]:
    """Center, scale and the map [components, m] into the whitened space; the training points there."""
    from sklearn.covariance import ledoit_wolf
    from sklearn.decomposition import PCA

    finite = np.isfinite(features)
    counts = np.maximum(finite.sum(axis=0), 1)
    center = np.where(finite, features, 0.0).sum(axis=0) / counts
    centered = np.where(finite, features - center, 0.0)
    is_bit = (np.where(finite, features, 0.0) % 1 == 0).all(axis=0) & (features.min(axis=0) >= 0)
    is_bit &= features.max(axis=0) <= 1
    deviation = np.sqrt((centered**2).mean(axis=0))
    scale = np.where(is_bit | (deviation == 0), 1.0, deviation)
    centered /= scale
    most = min(MAX_COMPONENTS, len(features) - 1, features.shape[1])
    projection, points = np.zeros((0, features.shape[1])), np.zeros((len(features), 0))
    log_volume = 0.0
    if most > 0 and centered.any():
        pca = PCA(most, random_state=seed).fit(centered)
        used = pca.explained_variance_ > 1e-9 * pca.explained_variance_[0]
        axes = pca.components_[used]
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


class SimilarityIndex:
    """Highest Tanimoto similarity to n packed fingerprints; one byte per bit and molecule in memory.

    Bits are kept by column: the intersections of a query with all molecules are the sum of the columns
    of its own few bits, four times as fast as counting the bits of all rows.
    """

    def __init__(self, packed: Bits) -> None:
        """`packed` is uint8 [n, bytes], bitorder little."""
        self._columns = np.ascontiguousarray(np.unpackbits(packed, axis=1, bitorder="little").T)
        self._counts = self._columns.sum(axis=0, dtype=np.int32)

    def __len__(self) -> int:
        return len(self._counts)

    @property
    def nbytes(self) -> int:
        return self._columns.nbytes + self._counts.nbytes

    def all(self, query: Bits) -> Floats:
        """Similarity of one packed fingerprint to every molecule, [n]; 0 where both are empty."""
        on = np.flatnonzero(np.unpackbits(query, bitorder="little"))
        width = np.dtype(np.uint8 if len(on) < 256 else np.uint16)
        common = self._columns[on].sum(axis=0, dtype=width)
        union = self._counts + np.int32(len(on)) - common
        return np.asarray(common / np.maximum(union, 1), np.float64)

    def best(self, query: Bits, *, without: int | None = None) -> Neighbour:
        """The nearest molecule (of equals the first); (-1, 0.0) where there is none."""
        similarities = self.all(query)
        if without is not None:
            similarities[without] = -1.0
        row = int(np.argmax(similarities))
        if similarities[row] < 0:
            return Neighbour(-1, 0.0)
        return Neighbour(row, float(similarities[row]))

    def nearest(self, query: Bits, count: int) -> list[Neighbour]:
        """The `count` nearest molecules, nearest first, equals in their order in the training set."""
        similarities = self.all(query)
        order = np.argsort(-similarities, kind="stable")[:count]
        return [Neighbour(int(row), float(similarities[row])) for row in order]


@dataclass(frozen=True)
class DomainFigures:
    """One row per molecule, all [n]; distance and density are NaN where the model has no components."""

    inside: NDArray[np.bool_]
    similarity: Floats
    distance: Floats
    density: Floats
    nearest: NDArray[np.int64]


class Domain:
    """A fitted domain, ready to evaluate. Raises ValueError where arrays do not fit together."""

    def __init__(self, arrays: dict[str, Array], threshold: float, bandwidth: float) -> None:
        try:
            bits, center, scale = arrays["fingerprints"], arrays["center"], arrays["scale"]
            projection, points = arrays["projection"], arrays["points"]
            log_volume = float(arrays["log_volume"][0])
        except (KeyError, IndexError) as error:
            raise ValueError(f"the array {error} is missing") from None
        components, width = projection.shape if projection.ndim == 2 else (-1, -1)
        if (
            bits.ndim != 2
            or bits.shape[1] * 8 != ECFP4_BITS
            or bits.dtype != np.uint8
            or center.shape != (width,)
            or scale.shape != (width,)
            or points.shape != (len(bits), components)
            or not 1 <= len(bits) <= MAX_MOLECULES
            or not (scale > 0).all()
            or (components > 0 and not bandwidth > 0)
        ):
            raise ValueError("the arrays of the applicability domain do not fit together")
        self.index = SimilarityIndex(bits)
        self.n_features = width
        self._threshold, self._bandwidth = threshold, bandwidth
        self._center, self._inverse_scale = center.astype(np.float64), 1.0 / scale.astype(np.float64)
        self._projection = np.ascontiguousarray(projection, np.float64)
        self._points = np.ascontiguousarray(points, np.float32)
        self._half_norms = 0.5 * np.einsum("ij,ij->i", self._points, self._points, dtype=np.float64)
        self._log_norm = (
            math.log(len(bits))
            + log_volume
            + components * (0.5 * math.log(2 * math.pi) + (math.log(bandwidth) if components else 0.0))
        )

    @property
    def nbytes(self) -> int:
        arrays = self._center, self._inverse_scale, self._projection, self._points, self._half_norms
        return self.index.nbytes + sum(array.nbytes for array in arrays)

    def evaluate(self, prepared: NDArray[Any], packed_ecfp4: Bits) -> DomainFigures:
        """`prepared` [n, m] are the model's prepared features, `packed_ecfp4` uint8 [n, 256]."""
        best = [self.index.best(row) for row in packed_ecfp4]
        similarity = np.array([neighbour.similarity for neighbour in best], np.float64)
        place = np.array([self._place(row) for row in prepared], np.float64).reshape(-1, 2)
        return DomainFigures(
            inside=similarity >= self._threshold,
            similarity=similarity,
            distance=place[:, 0],
            density=place[:, 1],
            nearest=np.array([neighbour.row for neighbour in best], np.int64),
        )

    def _place(self, row: NDArray[Any]) -> tuple[float, float]:
        """Mahalanobis distance and log density of one row of prepared features."""
        if not len(self._projection):
            return math.nan, math.nan
        centered = row - self._center
        centered *= self._inverse_scale
        if not np.isfinite(centered).all():
            centered[~np.isfinite(centered)] = 0.0
        point = np.einsum("ij,j->i", self._projection, centered)
        norm = float(point @ point)
        exponents = np.einsum("ij,j->i", self._points, point.astype(np.float32)) - self._half_norms
        exponents -= 0.5 * norm
        exponents /= self._bandwidth**2
        highest = float(exponents.max())
        density = highest + math.log(float(np.exp(exponents - highest).sum())) - self._log_norm
        return math.sqrt(norm), density
