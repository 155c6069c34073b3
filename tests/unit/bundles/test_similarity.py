"""Held against RDKit's TanimotoSimilarity on real molecules, and a plain loop on random bits."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rdkit import Chem, DataStructs, RDConfig
from rdkit.Chem import rdFingerprintGenerator

from molfleet.bundles import similarity
from molfleet.bundles.similarity import Bits, comparer, near_rows, neighbours


@cache
def real(count: int) -> tuple[list[DataStructs.ExplicitBitVect], Bits]:
    generator = rdFingerprintGenerator.GetMorganGenerator(radius=2, fpSize=2048)
    lines = (Path(RDConfig.RDDataDir) / "NCI" / "first_200.props.sdf").open("rb")
    with lines as stream:
        mols = [mol for mol in Chem.ForwardSDMolSupplier(stream) if mol is not None][:count]
    vectors = [generator.GetFingerprint(mol) for mol in mols]
    packed = [np.frombuffer(DataStructs.BitVectToBinaryText(vector), np.uint8) for vector in vectors]
    return vectors, np.stack(packed)


@pytest.mark.parametrize("few", [True, False])
def test_similarities_are_those_of_rdkit(few: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(similarity, "_FEW", 10_000 if few else 0)
    vectors, packed = real(150)
    found = neighbours(packed, packed, len(packed))
    for query, vector in enumerate(vectors):
        expected = np.array(DataStructs.BulkTanimotoSimilarity(vector, vectors))
        np.testing.assert_allclose(found.similarities[query], expected[found.rows[query]], atol=1e-7)
        assert list(found.rows[query]) == list(np.argsort(-expected, kind="stable"))


fingerprints = (
    st.integers(0, 2**31)
    .map(np.random.default_rng)
    .flatmap(
        lambda rng: st.builds(
            lambda count, share: np.packbits(rng.random((count, 64)) < share, axis=1, bitorder="little"),
            st.integers(1, 40),
            st.sampled_from([0.02, 0.1, 0.5]),
        )
    )
)


def by_loop(query: Bits, reference: Bits) -> np.float32:
    a, b = (set(np.flatnonzero(np.unpackbits(bits))) for bits in (query, reference))
    return np.float32(len(a & b) / len(a | b)) if a | b else np.float32(0)


@pytest.mark.slow
@settings(deadline=None, max_examples=60)
@given(queries=fingerprints, references=fingerprints, count=st.integers(1, 12), data=st.data())
def test_the_nearest_of_other_groups_are_found_in_the_order_of_a_plain_loop(
    queries: Bits, references: Bits, count: int, data: st.DataObject
) -> None:
    groups = st.integers(0, 2)
    of_query = np.array(data.draw(st.lists(groups, min_size=len(queries), max_size=len(queries))))
    of_reference = np.array(data.draw(st.lists(groups, min_size=len(references), max_size=len(references))))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(similarity, "BLOCK", data.draw(st.integers(1, 50)))
        patch.setattr(similarity, "_FEW", data.draw(st.sampled_from([0, 1000])))
        found = neighbours(queries, references, count, query_groups=of_query, reference_groups=of_reference)
    for number, query in enumerate(queries):
        allowed = [row for row in range(len(references)) if of_reference[row] != of_query[number]]
        values = {row: by_loop(query, references[row]) for row in allowed}
        best = sorted(allowed, key=lambda row: (-values[row], row))[:count]
        missing = count - len(best)
        assert found.rows[number].tolist() == best + [-1] * missing
        assert found.similarities[number].tolist() == [values[row] for row in best] + [0.0] * missing


def pairs(packed: Bits, threshold: float) -> list[tuple[int, int, float]]:
    """What `near_rows` finds: (a, b, similarity) with a < b, in order."""
    return sorted(
        (min(row, other), max(row, other), value)
        for row, others, values in near_rows(packed, threshold)
        for other, value in zip(others.tolist(), values.tolist(), strict=True)
    )


@settings(deadline=None, max_examples=60)
@given(packed=fingerprints, threshold=st.sampled_from([0.05, 0.3, 0.5, 1.0]), block=st.integers(1, 50))
def test_each_near_pair_is_found_once(packed: Bits, threshold: float, block: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(similarity, "BLOCK", block)
        found = pairs(packed, threshold)
    expected = [
        (a, b, value)
        for a in range(len(packed))
        for b in range(a + 1, len(packed))
        if (value := by_loop(packed[a], packed[b])) >= np.float32(threshold)
    ]
    assert found == expected


def test_near_pairs_of_real_molecules_are_those_of_rdkit() -> None:
    vectors, packed = real(150)
    found = {(a, b) for a, b, _ in pairs(packed, 0.4)}
    expected = {
        (a, b)
        for a in range(len(vectors))
        for b in range(a + 1, len(vectors))
        if DataStructs.TanimotoSimilarity(vectors[a], vectors[b]) >= 0.4
    }
    assert found == expected
    assert len(expected) > 20


def test_more_bits_than_a_byte_counts_are_not_lost() -> None:
    dense = np.full((100, 256), 255, dtype=np.uint8)
    assert (neighbours(dense, dense, 1).similarities == 1).all()
    assert comparer(dense)(dense[0]).tolist() == [1.0] * 100


def test_no_references_give_no_neighbours() -> None:
    found = neighbours(np.ones((3, 8), np.uint8), np.ones((0, 8), np.uint8), 2)
    assert found.rows.tolist() == [[-1, -1]] * 3
    assert found.similarities.tolist() == [[0.0, 0.0]] * 3


@pytest.mark.parametrize("threshold", [0.0, -1.0, 1.1, float("nan")])
def test_a_threshold_that_is_none_is_refused(threshold: float) -> None:
    with pytest.raises(ValueError, match="threshold must be above 0"):
        list(near_rows(np.ones((3, 8), np.uint8), threshold))


def test_fingerprints_of_different_widths_are_refused() -> None:
    with pytest.raises(ValueError, match="8 and 16 bytes cannot be compared"):
        neighbours(np.ones((3, 8), np.uint8), np.ones((3, 16), np.uint8), 1)
