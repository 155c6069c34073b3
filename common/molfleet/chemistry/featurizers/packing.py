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
#: ExplicitBitVect.ToBinary begins with: version, number of bits, number of them that are set.
_BITS_HEADER = np.dtype([("version", "<i4"), ("size", "<u4"), ("set", "<u4")])
#: Longer gaps than such vectors can have would be written in three bytes.
_MOST_GAPPED = 16_384
_PAIR = 8  # an entry: index and count, of four bytes each


def bits_of_gaps(raws: Sequence[bytes], size: int) -> npt.NDArray[np.uint8]:
    """Packed rows [n, ceil(size / 8)] of n ExplicitBitVect.ToBinary of at most 16,384 bits.

    Behind a header these hold the gaps before each bit that is set, and the one behind the last: in a
    byte, twice the gap, where it is below 128; otherwise in two, its distance from 128 above the bits 01.
    """
    head = np.frombuffer(raws[0], _BITS_HEADER, 1)[0]
    if (head["version"], head["size"]) != (-32, size):
        raise RuntimeError(f"this RDKit writes bit vectors in another way: {raws[0][:16]!r}")
    lengths = np.fromiter(map(len, raws), np.intp, len(raws))
    first = np.cumsum(lengths) - lengths
    data = np.frombuffer(b"".join(raws), np.uint8)
    own = np.ones(len(data), bool)
    for header_byte in range(_BITS_HEADER.itemsize):
        own[first + header_byte] = False
    data, first = data[own], first - _BITS_HEADER.itemsize * np.arange(len(raws))
    # An odd byte begins a gap of two bytes, unless it is the second of one: in a row of odd bytes
    # each other one is. A vector's first byte begins a gap in any case.
    odd = (data & 1).astype(bool)
    row_begins = odd.copy()
    row_begins[1:] &= ~odd[:-1]
    row_begins[first] = odd[first]
    at = np.arange(len(data))
    double = odd & ((at - np.maximum.accumulate(np.where(row_begins, at, 0))) & 1 == 0)
    begins = np.ones(len(data), bool)
    begins[1:] = ~double[:-1]
    gaps = (data >> 1).astype(np.intp)
    of_two = np.flatnonzero(double)
    gaps[of_two] = ((data[of_two] | data[of_two + 1].astype(np.intp) << 8) >> 2) + 128
    # With a bit more behind each vector, which the gap behind the last bit sets, all are one long one.
    dense = np.zeros((len(raws), size + 1), np.uint8)
    dense.ravel()[np.cumsum(gaps[begins] + 1) - 1] = 1
    return np.packbits(dense[:, :size], axis=1, bitorder="little")


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

    def __init__(
        self, column: str, size: int, function: Callable[[Chem.Mol], Any], *, stereo: bool = True
    ) -> None:
        super().__init__(column, size, stereo=stereo)
        self._function = function
        self._by_gaps = size <= _MOST_GAPPED

    def raw(self, mol: Chem.Mol) -> bytes:
        vector = self._function(mol)
        raw: bytes = vector.ToBinary() if self._by_gaps else BitVectToBinaryText(vector)
        return raw

    def pack(self, raws: Sequence[bytes]) -> Packed:
        if self._by_gaps:
            return bits_of_gaps(raws, self.size)
        return np.frombuffer(b"".join(raws), np.uint8).reshape(len(raws), self.width)


class SparseCounts(Featurizer):
    """Counts from a function of a molecule that gives an RDKit UIntSparseIntVect."""

    kind = "counts"

    def __init__(
        self, column: str, size: int, function: Callable[[Chem.Mol], Any], *, stereo: bool = True
    ) -> None:
        super().__init__(column, size, stereo=stereo)
        self._function = function

    def raw(self, mol: Chem.Mol) -> bytes:
        raw: bytes = self._function(mol).ToBinary()
        return raw

    def pack(self, raws: Sequence[bytes]) -> Packed:
        rows, overflows = counts_of_sparse(raws, self.size)
        self.losses["overflows"] += overflows
        return rows
