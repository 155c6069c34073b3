"""Similarity of a molecule to many, fast and exact: the part that kernels and neighbours share."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from molfleet.bundles.estimators.space import Encoded
from molfleet.bundles.estimators.tensors import Array, Tensors

Floats = NDArray[np.float64]

_WORD = 64
#: A model with more is no model of molecules: 2,048 counts have a few thousand levels.
_MAX_LEVELS = 1 << 18
#: Levels may take so many times the room of the counts themselves; below the other figure they always may.
_MAX_GROWTH, _HARMLESS_BYTES = 8, 1 << 28


@dataclass(frozen=True)
class Mixture:
    """Similarity of two molecules, a weighted sum of four terms.

    tanimoto: sum of the smaller over sum of the larger counts (Ralaivola et al., Neural Networks 2005);
    0 where neither has any. gaussian: exp(-gamma d2), d2 being the squared distance on the grid.
    product: of these two. linear: the inner product on the grid.
    """

    tanimoto: float
    gaussian: float
    product: float
    linear: float
    gamma: float

    def arrays(self) -> dict[str, Array]:
        terms = [self.tanimoto, self.gaussian, self.product, self.linear]
        return {"terms": np.array(terms, np.float64), "gamma": np.array([self.gamma], np.float64)}

    @classmethod
    def taken(cls, tensors: Tensors) -> Mixture:
        """Raises ValueError for terms that are negative or not finite."""
        terms = tensors.take("terms", np.float64, (4,))
        if not (terms >= 0).all():
            raise ValueError("the array terms has negative values")
        tanimoto, gaussian, product, linear = terms.tolist()
        return cls(tanimoto, gaussian, product, linear, tensors.take_number("gamma", 0.0, 1e9))

    def times(self, factor: float) -> Mixture:
        """The same similarity, `factor` times as large."""
        terms = (factor * term for term in (self.tanimoto, self.gaussian, self.product, self.linear))
        tanimoto, gaussian, product, linear = terms
        return Mixture(tanimoto, gaussian, product, linear, self.gamma)

    def of(self, tanimoto: Floats, distance: Floats, inner: Floats) -> Floats:
        """Similarities from the three figures that two molecules have, all of one shape."""
        mixed = self.tanimoto * tanimoto
        if self.gaussian or self.product:
            gaussian = np.exp(distance * -self.gamma)
            mixed += self.gaussian * gaussian
            mixed += self.product * (tanimoto * gaussian)
        if self.linear:
            mixed += self.linear * inner
        return mixed


class References:
    """n rows to be compared with, ready for queries.

    A count is held as levels: level (column, t) is on where the count is at least t, so that the sum
    of the smaller counts is the number of levels that two rows share. Levels are sorted by how many
    rows have them and packed into words of 64: a row's own levels then lie in few words.
    """

    def __init__(self, rows: Encoded) -> None:
        """Raises ValueError where counts have too many levels."""
        columns, thresholds = _levels(rows)
        self._columns, self._thresholds = columns, thresholds
        shape = -(-len(columns) // _WORD), len(rows)
        if 8 * shape[0] * shape[1] > max(_HARMLESS_BYTES, _MAX_GROWTH * rows.counts.nbytes):
            raise ValueError(f"its counts have {len(columns)} levels, too many for its columns")
        self._words = np.zeros(shape, np.uint64)
        for place, (column, threshold) in enumerate(zip(columns, thresholds, strict=True)):
            on = (rows.counts[:, column] >= threshold).astype(np.uint64)
            self._words[place // _WORD] |= on << np.uint64(place % _WORD)
        self._totals = rows.counts.sum(axis=1, dtype=np.int64)
        self._grid = rows.grid.astype(np.float32)
        self._norms = np.einsum("ij,ij->i", self._grid, self._grid, dtype=np.float64)

    def __len__(self) -> int:
        return len(self._totals)

    @property
    def nbytes(self) -> int:
        return sum(part.nbytes for part in (self._words, self._totals, self._grid, self._norms))

    def similarities(self, queries: Encoded, mixture: Mixture) -> Floats:
        """[queries, n]. Each row is the same bit for bit whatever the other queries are."""
        grid = queries.grid.astype(np.float32)
        inner = (grid @ self._grid.T).astype(np.float64)
        norms = np.einsum("ij,ij->i", grid, grid, dtype=np.float64)
        distance = norms[:, np.newaxis] + self._norms - 2.0 * inner
        tanimoto = np.stack([self._tanimoto(row) for row in queries.counts])
        return mixture.of(tanimoto, distance, inner)

    def _tanimoto(self, counts: NDArray[np.uint8]) -> Floats:
        levels = np.packbits(counts[self._columns] >= self._thresholds, bitorder="little")
        padded = np.zeros(len(self._words) * 8, np.uint8)
        padded[: len(levels)] = levels
        query = padded.view("<u8")
        shared = np.zeros(len(self), np.int32)
        for place in np.flatnonzero(query):
            shared += np.bitwise_count(self._words[place] & query[place])
        total = self._totals + int(counts.sum(dtype=np.int64)) - shared
        return np.asarray(shared / np.maximum(total, 1), np.float64)


def _levels(rows: Encoded) -> tuple[NDArray[np.int64], NDArray[np.uint8]]:
    """Column and threshold of each level that any row has, those of most rows first."""
    counts = rows.counts
    columns, thresholds, popularity = [], [], []
    left = np.arange(counts.shape[1])
    for threshold in range(1, 256):
        having = np.count_nonzero(counts[:, left] >= threshold, axis=0)
        left, having = left[having > 0], having[having > 0]
        if not len(left):
            break
        columns.append(left)
        thresholds.append(np.full(len(left), threshold, np.uint8))
        popularity.append(having)
        if sum(map(len, columns)) > _MAX_LEVELS:
            raise ValueError(f"its counts have more than {_MAX_LEVELS} levels")
    if not columns:
        return np.empty(0, np.int64), np.empty(0, np.uint8)
    order = np.argsort(-np.concatenate(popularity), kind="stable")
    return np.concatenate(columns)[order], np.concatenate(thresholds)[order]
