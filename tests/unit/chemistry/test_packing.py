"""RDKit's serializations read many at once, against RDKit's own way bit by bit."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rdkit.DataStructs import BitVectToBinaryText, ExplicitBitVect, UIntSparseIntVect

from molfleet.chemistry.featurizers.packing import bits_of_gaps, counts_of_sparse


def vector(size: int, bits: set[int]) -> ExplicitBitVect:
    made = ExplicitBitVect(size)
    made.SetBitsFromList(sorted(bits))
    return made


def exact(size: int, vectors: list[ExplicitBitVect]) -> list[bytes]:
    return [BitVectToBinaryText(one) for one in vectors]


#: Gaps whose texts are one byte, two, and the border between; 255 and 383 end in odd second bytes.
GAPS = st.one_of(
    st.integers(0, 5), st.integers(120, 140), st.integers(0, 4000), st.sampled_from([127, 128])
)


@given(rows=st.lists(st.lists(GAPS, max_size=30), min_size=1, max_size=8), size=st.integers(1, 16_384))
def test_bits_read_from_gaps_are_rdkits_own(rows: list[list[int]], size: int) -> None:
    vectors = []
    for gaps in rows:
        places = np.cumsum(np.array(gaps, np.int64) + 1) - 1
        vectors.append(vector(size, {int(place) for place in places if place < size}))
    packed = bits_of_gaps([one.ToBinary() for one in vectors], size)
    assert [row.tobytes() for row in packed] == exact(size, vectors)


@pytest.mark.parametrize("bits", [set(), {0}, {16_383}, set(range(16_384)), set(range(0, 16_384, 2))])
def test_empty_full_and_lonely_bits_are_read(bits: set[int]) -> None:
    vectors = [vector(16_384, bits), vector(16_384, {16_383}), vector(16_384, bits)]
    packed = bits_of_gaps([one.ToBinary() for one in vectors], 16_384)
    assert [row.tobytes() for row in packed] == exact(16_384, vectors)


@pytest.mark.slow
def test_each_gap_that_there_can_be_is_read_between_odd_neighbours() -> None:
    size = 16_384
    vectors = [vector(size, {128, 128 + gap, size - 1}) for gap in range(1, size - 129)]
    packed = bits_of_gaps([one.ToBinary() for one in vectors], size)
    assert [row.tobytes() for row in packed] == exact(size, vectors)


def test_vectors_of_another_size_or_writing_are_refused() -> None:
    raw = vector(64, {3}).ToBinary()
    for bad in (vector(128, {3}).ToBinary(), b"\x01" + raw[1:]):
        with pytest.raises(RuntimeError, match="another way"):
            bits_of_gaps([bad], 64)


@given(st.lists(st.dictionaries(st.integers(0, 99), st.integers(1, 100_000)), min_size=1, max_size=6))
def test_counts_are_rdkits_own_and_saturate(rows: list[dict[int, int]]) -> None:
    vectors = []
    for row in rows:
        made = UIntSparseIntVect(100)
        for place, count in row.items():
            made[place] = count
        vectors.append(made)
    packed, overflows = counts_of_sparse([one.ToBinary() for one in vectors], 100)
    expected = [[min(row.get(place, 0), 65_535) for place in range(100)] for row in rows]
    assert packed.tolist() == expected
    assert overflows == sum(count > 65_535 for row in rows for count in row.values())
