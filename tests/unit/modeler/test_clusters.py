from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from rdkit.ML.Cluster import Butina

from molfleet.bundles.similarity import Bits, neighbours
from molfleet.errors import Code, Rejected
from tests.unit.modeler.split_samples import nci
from workers.modeler.splits import Indices
from workers.modeler.splits import clusters as module
from workers.modeler.splits.clusters import clusters


def as_sets(numbers: Indices) -> set[frozenset[int]]:
    return {frozenset(np.flatnonzero(numbers == number).tolist()) for number in np.unique(numbers)}


def similarity_matrix(packed: Bits) -> NDArray[np.float32]:
    found = neighbours(packed, packed, len(packed))
    matrix = np.zeros((len(packed), len(packed)), np.float32)
    np.put_along_axis(matrix, found.rows, found.similarities, axis=1)
    return matrix


def by_rdkit(packed: Bits, threshold: float) -> set[frozenset[int]]:
    """Butina.ClusterData on distances; of a float32 similarity the distance is rounded, so that
    what is exactly at the threshold stays on its side of it."""
    distances = 1.0 - similarity_matrix(packed).astype(np.float64)
    lower = [round(float(distances[a, b]), 6) for a in range(len(packed)) for b in range(a)]
    found = Butina.ClusterData(lower, len(packed), round(1 - threshold, 6), isDistData=True)  # type: ignore[no-untyped-call]
    return {frozenset(cluster) for cluster in found}


@pytest.mark.parametrize("threshold", [0.6, 0.4])
def test_clusters_are_those_of_rdkit(threshold: float) -> None:
    packed = nci().ecfp4
    assert packed is not None
    found = as_sets(clusters(packed[:400], threshold))
    assert found == by_rdkit(packed[:400], threshold)
    assert max(map(len, found)) > 3


@settings(deadline=None, max_examples=50)
@given(seed=st.integers(0, 10_000), count=st.integers(1, 60), share=st.sampled_from([0.1, 0.3, 0.6]))
def test_clusters_of_few_random_bits_are_those_of_rdkit(seed: int, count: int, share: float) -> None:
    """Few bits make many ties, which are broken as RDKit breaks them."""
    bits = np.random.default_rng(seed).random((count, 16)) < share
    bits[:, 0] = True
    packed = np.packbits(bits, axis=1, bitorder="little")
    assert as_sets(clusters(packed)) == by_rdkit(packed, 0.6)


def test_more_molecules_than_can_be_clustered_are_refused_with_the_number_that_can(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "MAX_MOLECULES", 20)
    with pytest.raises(Rejected, match="21 molecules are more than can be clustered, 20") as caught:
        clusters(np.ones((21, 8), np.uint8))
    assert caught.value.code == Code.UNSUITABLE_TARGET
