"""From what RDKit gives to packed rows, many molecules at once.

RDKit hands a fingerprint to Python bit by bit or count by count. Its own serializations are far
quicker to get and, of many molecules together, as quick to read by numpy.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from rdkit import Chem
from rdkit.DataStructs import BitVectToBinaryText

from molfleet.chemistry.featurizers.base import Featurizer, Packed

#: The largest count that a packed row holds.
MAX_COUNT = int(np.iinfo(np.uint16).max)

#: SparseIntVect.ToBinary begins with: version, bytes of an index, length, number of entries.
_HEADER = np.dtype([("version", "<i4"), ("index_bytes", "<u4"), ("length", "<u4"), ("entries", "<u4")])
_PAIR = 8  # an entry: index and count, of four bytes each


def bits_of_sparse(raws: Sequence[bytes], size: int) -> npt.NDArray[np.uint8]:
    """Packed rows [n, ceil(size / 8)]: a bit for each entry of each UIntSparseIntVect.ToBinary."""
    dense = np.zeros((len(raws), size), np.uint8)
    places, _ = _entries(raws, size)
    dense.ravel()[places] = 1
    return np.packbits(dense, axis=1, bitorder="little")


def counts_of_sparse(raws: Sequence[bytes], size: int) -> tuple[npt.NDArray[np.uint16], int]:
    """Packed rows [n, size] of n UIntSparseIntVect.ToBinary, and how many counts were above MAX_COUNT."""
    rows = np.zeros((len(raws), size), "<u2")
    places, counts = _entries(raws, size)
    overflows = int(np.count_nonzero(counts > MAX_COUNT))
    rows.ravel()[places] = np.minimum(counts, MAX_COUNT) if overflows else counts
    return rows, overflows


def _entries(raws: Sequence[bytes], size: int) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.int32]]:
    """Places in a flat [n * size] array, and the count at each, of all entries of all vectors."""
    head = np.frombuffer(raws[0], _HEADER, 1)[0]
    if (head["version"], head["index_bytes"], head["length"]) != (1, 4, size):
        raise RuntimeError(f"this RDKit writes sparse vectors in another way: {raws[0][:16]!r}")
    pairs = np.frombuffer(b"".join(raws), "<i4").reshape(-1, 2)
    lengths = np.fromiter(map(len, raws), np.intp, len(raws)) // _PAIR
    ends = np.cumsum(lengths)
    entry = np.ones(len(pairs), bool)
    for header_pair in range(_HEADER.itemsize // _PAIR):
        entry[ends - lengths + header_pair] = False
    rows = np.repeat(np.arange(len(raws)) * size, lengths - _HEADER.itemsize // _PAIR)
    chosen = pairs[entry]
    return rows + chosen[:, 0], chosen[:, 1]


class BitVectors(Featurizer):
    """Bits from a function of a molecule that gives an RDKit ExplicitBitVect."""

    kind = "bits"

    def __init__(self, column: str, size: int, function: Callable[[Chem.Mol], Any]) -> None:
        super().__init__(column, size)
        self._function = function

    def raw(self, mol: Chem.Mol) -> bytes:
        raw: bytes = BitVectToBinaryText(self._function(mol))
        return raw

    def pack(self, raws: Sequence[bytes]) -> Packed:
        return np.frombuffer(b"".join(raws), np.uint8).reshape(len(raws), self.width)


class _Sparse(Featurizer):
    """From a function of a molecule that gives an RDKit UIntSparseIntVect."""

    def __init__(self, column: str, size: int, function: Callable[[Chem.Mol], Any]) -> None:
        super().__init__(column, size)
        self._function = function

    def raw(self, mol: Chem.Mol) -> bytes:
        raw: bytes = self._function(mol).ToBinary()
        return raw


class SparseCounts(_Sparse):
    """Counts of an RDKit UIntSparseIntVect."""

    kind = "counts"

    def pack(self, raws: Sequence[bytes]) -> Packed:
        rows, overflows = counts_of_sparse(raws, self.size)
        self.losses["overflows"] += overflows
        return rows


class SparseBits(_Sparse):
    """A bit for each count above 0 of an RDKit UIntSparseIntVect: with few, quicker than BitVectors."""

    kind = "bits"

    def pack(self, raws: Sequence[bytes]) -> Packed:
        return bits_of_sparse(raws, self.size)
