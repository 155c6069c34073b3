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
from molfleet.bundles.similarity import neighbours
from molfleet.bundles.whitening import whitened

ECFP4_BITS = 2048
MAX_MOLECULES = 20_000
#: So many training molecules next to each molecule are told with its figures.
NEIGHBOURS = 8

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


def kept_rows(count: int, seed: int) -> NDArray[np.int64]:
    """Which of `count` training molecules a domain keeps, ascending: all, or 20,000 drawn with `seed`."""
    if count <= MAX_MOLECULES:
        return np.arange(count)
    return np.sort(np.random.default_rng(seed).choice(count, MAX_MOLECULES, replace=False))


def fit(
    features: NDArray[Any],
    packed_ecfp4: Bits,
    smiles: Sequence[str],
    measured: Sequence[str],
    *,
    seed: int,
    quantile: float = 0.05,
    molecules: NDArray[np.int64] | None = None,
) -> DomainFit:
    """The domain of a training set of n records. Needs scikit-learn (training only).

    `features` [n, m] are the model's features after its own preparation; bits are taken as they are,
    all other columns in standard deviations, NaN as the column's mean. `packed_ecfp4` is uint8 [n, 256],
    bitorder little. `measured` is the target as text (value or label). `molecules` [n] are numbers:
    records of one are no neighbours of each other. Of more than 20,000 a sample drawn with `seed` is kept.
    """
    count = len(features)
    if not (count == len(packed_ecfp4) == len(smiles) == len(measured)) or count == 0:
        raise ValueError("features, fingerprints, smiles and measured values must be of one length > 0")
    kept = kept_rows(count, seed)
    bits = np.ascontiguousarray(packed_ecfp4[kept], np.uint8)
    space, points = whitened(features if len(kept) == count else features[kept], seed)
    own = np.arange(count) if molecules is None else molecules
    alone = _leave_one_out(bits, own[kept])
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


def _leave_one_out(bits: Bits, own: NDArray[np.int64]) -> Floats:
    """Highest similarity of each fingerprint to others', with all the digits that `evaluate` has."""
    if len(np.unique(own)) < 2:
        return np.empty(0)
    nearest = bits[neighbours(bits, bits, 1, query_groups=own, reference_groups=own).rows[:, 0]]
    common = np.bitwise_count(bits & nearest).sum(axis=1, dtype=np.int64)
    union = np.bitwise_count(bits | nearest).sum(axis=1, dtype=np.int64)
    return np.asarray(common / np.maximum(union, 1), np.float64)


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

    def best(self, query: Bits) -> Neighbour:
        """The nearest molecule, of equals the first."""
        return self.nearest(query, 1)[0]

    def nearest(self, query: Bits, count: int) -> list[Neighbour]:
        """The `count` nearest molecules, nearest first, equals in their order in the training set."""
        similarities = self.all(query)
        near = np.arange(len(similarities))
        if count < len(similarities):
            near = np.flatnonzero(similarities >= np.partition(similarities, -count)[-count])
        order = near[np.argsort(-similarities[near], kind="stable")[:count]]
        return [Neighbour(int(row), float(similarities[row])) for row in order]


@dataclass(frozen=True)
class DomainFigures:
    """One row per molecule, all [n]; distance and density are NaN where the model has no components.

    rows, similarities [n, NEIGHBOURS]: the nearest training molecules, nearest first; -1 and 0 where
    there are fewer. nearest and similarity are the first of them.
    """

    inside: NDArray[np.bool_]
    similarity: Floats
    distance: Floats
    density: Floats
    nearest: NDArray[np.int64]
    rows: NDArray[np.int64]
    similarities: Floats


class Domain:
    """A fitted domain, ready to evaluate. Raises ValueError where arrays do not fit together."""

    def __init__(self, arrays: dict[str, Array], threshold: float, bandwidth: float) -> None:
        try:
            bits, center, scale = arrays["fingerprints"], arrays["center"], arrays["scale"]
            projection, points = arrays["projection"], arrays["points"]
            volume = arrays["log_volume"]
        except KeyError as error:
            raise ValueError(f"the array {error} is missing") from None
        components, width = projection.shape if projection.ndim == 2 else (-1, -1)
        if (
            bits.ndim != 2
            or bits.shape[1] * 8 != ECFP4_BITS
            or bits.dtype != np.uint8
            or not center.shape == scale.shape == (width,)
            or points.shape != (len(bits), components)
            or volume.shape != (1,)
            or not all(np.isfinite(array).all() for array in (center, scale, projection, points, volume))
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
            + float(volume[0])
            + components * (0.5 * math.log(2 * math.pi) + (math.log(bandwidth) if components else 0.0))
        )

    @property
    def nbytes(self) -> int:
        arrays = self._center, self._inverse_scale, self._projection, self._points, self._half_norms
        return self.index.nbytes + sum(array.nbytes for array in arrays)

    def evaluate(self, prepared: NDArray[Any], packed_ecfp4: Bits) -> DomainFigures:
        """`prepared` [n, m] are the model's prepared features, `packed_ecfp4` uint8 [n, 256]."""
        rows = np.full((len(packed_ecfp4), NEIGHBOURS), -1, np.int64)
        similarities = np.zeros(rows.shape)
        for number, fingerprint in enumerate(packed_ecfp4):
            for place, found in enumerate(self.index.nearest(fingerprint, NEIGHBOURS)):
                rows[number, place], similarities[number, place] = found
        place_of = np.array([self._place(row) for row in prepared], np.float64).reshape(-1, 2)
        return DomainFigures(
            inside=similarities[:, 0] >= self._threshold,
            similarity=similarities[:, 0],
            distance=place_of[:, 0],
            density=place_of[:, 1],
            nearest=rows[:, 0],
            rows=rows,
            similarities=similarities,
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
