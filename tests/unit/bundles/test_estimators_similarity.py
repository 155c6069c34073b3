from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rdkit import DataStructs
from sklearn.metrics.pairwise import linear_kernel, rbf_kernel

from molfleet.bundles.estimators.references import Mixture, References
from molfleet.bundles.estimators.space import (
    MAX_COUNT,
    Encoded,
    Space,
    grid_limit,
    pack_rows,
    take_rows,
)
from molfleet.bundles.estimators.tensors import Tensors, pack
from tests.unit.bundles.estimator_rows import COUNTED, NUMBERS, WIDTH, encoded, features, space

TANIMOTO = Mixture(1.0, 0.0, 0.0, 0.0, 0.0)
ALL_TERMS = Mixture(0.7, 0.4, 0.3, 0.001, 0.0004)


def rdkit_tanimoto(one: np.ndarray, other: np.ndarray) -> float:
    vectors = []
    for row in (one, other):
        vector = DataStructs.UIntSparseIntVect(len(row))
        for place in np.flatnonzero(row):
            vector[int(place)] = int(row[place])
        vectors.append(vector)
    return float(DataStructs.TanimotoSimilarity(*vectors))


@pytest.mark.parametrize("most", [1, 2, 200])
def test_similarity_of_counts_is_that_of_rdkit(most: int) -> None:
    references, queries = encoded(30, 1, most), encoded(10, 2, most)
    found = References(references).similarities(queries, TANIMOTO)
    wanted = [[rdkit_tanimoto(q, r) for r in references.counts] for q in queries.counts]
    assert np.allclose(found, wanted, rtol=0, atol=1e-15)


def test_bits_are_compared_as_rdkits_bit_vectors_are() -> None:
    references, queries = encoded(30, 1, most=1), encoded(10, 2, most=1)
    as_vectors = [
        [DataStructs.CreateFromBitString("".join(map(str, row))) for row in side.counts]
        for side in (queries, references)
    ]
    wanted = [DataStructs.BulkTanimotoSimilarity(query, as_vectors[1]) for query in as_vectors[0]]
    assert np.array_equal(References(references).similarities(queries, TANIMOTO), wanted)


def test_counts_that_no_reference_has_make_a_query_less_similar() -> None:
    query = encoded(1, 2)
    fewer = Encoded(np.where(query.counts > 1, 1, query.counts).astype(np.uint8), query.grid)
    (similarity,) = References(fewer).similarities(query, TANIMOTO)
    assert similarity == pytest.approx(fewer.counts.sum() / query.counts.sum())


def test_molecules_without_any_pattern_are_similar_to_nothing() -> None:
    empty = Encoded(np.zeros((2, COUNTED), np.uint8), np.zeros((2, NUMBERS), np.int8))
    assert not References(empty).similarities(empty, TANIMOTO).any()


def test_numbers_are_compared_as_scikit_learn_compares_them() -> None:
    references, queries = encoded(30, 1), encoded(10, 2)
    index = References(references)
    grids = queries.grid.astype(float), references.grid.astype(float)
    gaussian = index.similarities(queries, Mixture(0.0, 1.0, 0.0, 0.0, 3e-4))
    assert np.allclose(gaussian, rbf_kernel(*grids, gamma=3e-4), rtol=1e-12)
    linear = index.similarities(queries, Mixture(0.0, 0.0, 0.0, 1.0, 0.0))
    assert np.array_equal(linear, linear_kernel(*grids))


def test_a_mixture_is_the_weighted_sum_of_its_terms() -> None:
    index, queries = References(encoded(30, 1)), encoded(10, 2)
    tanimoto = index.similarities(queries, TANIMOTO)
    gaussian = index.similarities(queries, Mixture(0.0, 1.0, 0.0, 0.0, 0.0004))
    linear = index.similarities(queries, Mixture(0.0, 0.0, 0.0, 1.0, 0.0))
    wanted = 0.7 * tanimoto + 0.4 * gaussian + 0.3 * tanimoto * gaussian + 0.001 * linear
    assert np.allclose(index.similarities(queries, ALL_TERMS), wanted, rtol=1e-14)


@given(st.integers(1, 40), st.integers(0, 39))
def test_similarities_are_the_same_bit_for_bit_alone_and_among_others(count: int, row: int) -> None:
    index, queries = References(encoded(50, 1)), encoded(count, 2)
    row %= count
    alone = index.similarities(queries[row : row + 1], ALL_TERMS)[0]
    assert np.array_equal(index.similarities(queries, ALL_TERMS)[row], alone)


@given(st.integers(1, 1 << 20))
def test_no_sum_on_the_grid_is_more_than_float32_holds_exactly(columns: int) -> None:
    assert 1 <= grid_limit(columns) <= 127
    assert columns * grid_limit(columns) ** 2 <= 2**24


def test_values_out_of_range_stand_at_the_ends() -> None:
    row = features(1, 3)
    row[0, :3], row[0, -2:] = (1e9, -4.0, np.inf), (np.inf, -np.inf)
    found = space().encode(row)
    limit = grid_limit(NUMBERS)
    assert found.counts[0, :3].tolist() == [MAX_COUNT, 0, MAX_COUNT]
    assert found.grid[0, -2:].tolist() == [limit, -limit]


@pytest.mark.parametrize(("most", "kept_as"), [(1, "bits"), (3, "counts")])
def test_rows_come_back_as_they_were_kept(most: int, kept_as: str) -> None:
    rows = encoded(7, 1, most)
    arrays = pack_rows(rows)
    assert set(arrays) == {kept_as, "grid"}
    back = take_rows(Tensors(pack(arrays)), space())
    assert np.array_equal(back.counts, rows.counts)
    assert np.array_equal(back.grid, rows.grid)


@pytest.mark.parametrize("sort", ["fingerprint", "continuous"])
def test_a_space_may_have_columns_of_one_sort_only(sort: str) -> None:
    both = space()
    none = np.empty(0, np.int32)
    if sort == "fingerprint":
        only = Space(WIDTH, both.fingerprint, none, np.empty(0), np.empty(0))
    else:
        only = Space(WIDTH, none, both.continuous, both.center, both.scale)
    rows = only.encode(features(6, 1))
    back = take_rows(Tensors(pack(pack_rows(rows))), only)
    (similarities,) = References(back).similarities(rows[:1], ALL_TERMS)
    assert np.isfinite(similarities).all()
    assert similarities[0] == similarities.max()
