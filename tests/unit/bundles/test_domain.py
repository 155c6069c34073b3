"""The applicability domain agrees with RDKit, SciPy and scikit-learn, row by row."""

from __future__ import annotations

import numpy as np
import pytest
from rdkit import Chem, DataStructs
from rdkit.Chem import rdFingerprintGenerator
from scipy.special import logsumexp
from scipy.stats import multivariate_normal
from sklearn.covariance import LedoitWolf
from sklearn.decomposition import PCA

from molfleet.bundles import domain, whitening
from molfleet.bundles.arrays import unpack
from molfleet.bundles.domain import Domain, DomainFit, SimilarityIndex
from tests.builders import measured_molecules

SMILES = [one.smiles for one in measured_molecules()[:160]]
COUNT = 120


@pytest.fixture(scope="module")
def fingerprints() -> list[DataStructs.ExplicitBitVect]:
    generator = rdFingerprintGenerator.GetMorganGenerator(radius=2, fpSize=2048)
    return [generator.GetFingerprint(Chem.MolFromSmiles(smiles)) for smiles in SMILES]


@pytest.fixture(scope="module")
def packed(fingerprints: list[DataStructs.ExplicitBitVect]) -> np.ndarray:
    rows = [np.frombuffer(DataStructs.BitVectToBinaryText(one), np.uint8) for one in fingerprints]
    return np.stack(rows)


@pytest.fixture(scope="module")
def features() -> np.ndarray:
    rng = np.random.default_rng(4)
    mixed = rng.normal(size=(len(SMILES), 12)) @ rng.normal(size=(12, 12))
    bits = (rng.random((len(SMILES), 4)) < 0.3).astype(float)
    return np.column_stack([mixed * 10.0 ** rng.integers(-3, 6, 12), bits])


@pytest.fixture(scope="module")
def fitted(features: np.ndarray, packed: np.ndarray) -> DomainFit:
    return domain.fit(features[:COUNT], packed[:COUNT], SMILES[:COUNT], ["1"] * COUNT, seed=1)


def loaded(fit: DomainFit) -> Domain:
    return Domain(unpack(fit.part), fit.similarity_threshold, fit.bandwidth)


def scaled(features: np.ndarray, of: np.ndarray) -> np.ndarray:
    scale = np.where(np.isin(of, (0, 1)).all(axis=0), 1.0, of.std(axis=0))
    return (features - of.mean(axis=0)) / scale


def test_similarities_are_those_of_rdkit(
    fingerprints: list[DataStructs.ExplicitBitVect], packed: np.ndarray
) -> None:
    index = SimilarityIndex(packed[:COUNT])
    for query, row in zip(fingerprints, packed, strict=True):
        expected = DataStructs.BulkTanimotoSimilarity(query, fingerprints[:COUNT])
        assert index.all(row) == pytest.approx(expected, abs=1e-12)
        assert index.best(row) == (int(np.argmax(expected)), pytest.approx(max(expected)))


def test_the_nearest_come_nearest_first_and_equals_in_training_order(packed: np.ndarray) -> None:
    index = SimilarityIndex(np.concatenate([packed[:20], packed[:20]]))
    found = index.nearest(packed[3], 4)
    assert [one.row for one in found[:2]] == [3, 23]
    assert [one.similarity for one in found] == sorted((one.similarity for one in found), reverse=True)


def test_a_fingerprint_without_bits_is_similar_to_nothing(packed: np.ndarray) -> None:
    assert SimilarityIndex(packed[:5]).best(np.zeros(256, np.uint8)).similarity == 0.0


def test_more_than_255_common_bits_are_counted_right() -> None:
    full = np.full((2, 256), 255, np.uint8)
    full[1, :100] = 0
    assert SimilarityIndex(full).all(full[0]) == pytest.approx([1.0, 1248 / 2048])


def test_inside_means_at_or_above_the_quantile_of_leave_one_out_similarities(
    fingerprints: list[DataStructs.ExplicitBitVect],
    packed: np.ndarray,
    features: np.ndarray,
    fitted: DomainFit,
) -> None:
    known = fingerprints[:COUNT]
    alone = [
        max(DataStructs.BulkTanimotoSimilarity(one, known[:number] + known[number + 1 :]))
        for number, one in enumerate(known)
    ]
    assert fitted.similarity_threshold == pytest.approx(np.quantile(alone, 0.05))
    figures = loaded(fitted).evaluate(features, packed)
    assert figures.inside.tolist() == (figures.similarity >= fitted.similarity_threshold).tolist()
    far = loaded(fitted).evaluate(features[:1], np.zeros((1, 256), np.uint8))
    assert not far.inside[0]


def test_distance_is_mahalanobis_with_the_shrunk_covariance_of_the_components(
    features: np.ndarray, packed: np.ndarray, fitted: DomainFit
) -> None:
    known = scaled(features[:COUNT], features[:COUNT])
    pca = PCA(16).fit(known)
    shrunk = LedoitWolf(assume_centered=True).fit(pca.transform(known))
    expected = np.sqrt(shrunk.mahalanobis(pca.transform(scaled(features, features[:COUNT]))))
    figures = loaded(fitted).evaluate(features, packed)
    assert figures.distance == pytest.approx(expected, rel=1e-9)


def test_density_is_the_log_of_a_mixture_of_gaussians_of_scotts_width(
    features: np.ndarray, packed: np.ndarray, fitted: DomainFit
) -> None:
    known = scaled(features[:COUNT], features[:COUNT])
    pca = PCA(16).fit(known)
    centres = pca.transform(known)
    shrunk = LedoitWolf(assume_centered=True).fit(centres).covariance_
    scott = COUNT ** (-1 / (16 + 4))
    kernel = multivariate_normal(np.zeros(16), shrunk * scott**2)
    points = pca.transform(scaled(features, features[:COUNT]))
    expected = [logsumexp(kernel.logpdf(point - centres)) - np.log(COUNT) for point in points]
    assert loaded(fitted).evaluate(features, packed).density == pytest.approx(expected, rel=1e-5, abs=1e-4)


def test_a_rows_figures_do_not_depend_on_its_neighbours(
    features: np.ndarray, packed: np.ndarray, fitted: DomainFit
) -> None:
    known = loaded(fitted)
    together = known.evaluate(features, packed)
    for row in range(0, len(features), 7):
        alone = known.evaluate(features[row : row + 1], packed[row : row + 1])
        assert alone.distance[0] == together.distance[row]
        assert alone.density[0] == together.density[row]
        assert alone.similarity[0] == together.similarity[row]


def test_the_nearest_neighbours_come_with_the_figures(
    fingerprints: list[DataStructs.ExplicitBitVect],
    packed: np.ndarray,
    features: np.ndarray,
    fitted: DomainFit,
) -> None:
    figures = loaded(fitted).evaluate(features, packed)
    for row in range(COUNT, len(SMILES)):
        known = np.array(DataStructs.BulkTanimotoSimilarity(fingerprints[row], fingerprints[:COUNT]))
        order = np.argsort(-known, kind="stable")[: domain.NEIGHBOURS]
        assert figures.rows[row].tolist() == order.tolist()
        assert figures.similarities[row] == pytest.approx(known[order], abs=1e-12)
    assert (figures.nearest == figures.rows[:, 0]).all()
    assert (figures.similarity == figures.similarities[:, 0]).all()


def test_neighbours_that_a_small_set_does_not_have_are_told_as_none(
    packed: np.ndarray, features: np.ndarray
) -> None:
    few = domain.fit(features[:3], packed[:3], SMILES[:3], ["1"] * 3, seed=1)
    figures = loaded(few).evaluate(features[5:6], packed[5:6])
    assert sorted(figures.rows[0, :3].tolist()) == [0, 1, 2]
    assert set(figures.rows[0, 3:].tolist()) == {-1}
    assert not figures.similarities[0, 3:].any()


def test_a_molecule_as_far_from_the_others_as_the_threshold_is_inside() -> None:
    third = np.zeros((2, 256), np.uint8)
    third[0, 0], third[1, 0] = 0b011, 0b110
    fit = domain.fit(np.eye(2), third, ["C", "N"], ["1", "2"], seed=1)
    assert fit.similarity_threshold == 1 / 3
    query = np.zeros((1, 256), np.uint8)
    query[0, 0] = 0b1010
    assert loaded(fit).evaluate(np.ones((1, 2)), query).inside.tolist() == [True]


@pytest.mark.parametrize("covariance", [0, 4096])
def test_many_features_are_decomposed_as_well_as_few(
    monkeypatch: pytest.MonkeyPatch, packed: np.ndarray, covariance: int
) -> None:
    bits = np.unpackbits(packed, axis=1, bitorder="little")
    rng = np.random.default_rng(2)
    features = bits @ rng.normal(size=(2048, 30)) @ rng.normal(size=(30, 100))
    exact = loaded(domain.fit(features, packed, SMILES, SMILES, seed=1)).evaluate(features, packed)
    monkeypatch.setattr(whitening, "_EXACT", 0)
    monkeypatch.setattr(whitening, "_COVARIANCE", covariance)
    quick = loaded(domain.fit(features, packed, SMILES, SMILES, seed=1)).evaluate(features, packed)
    assert quick.distance == pytest.approx(exact.distance, rel=1e-2)
    assert quick.density == pytest.approx(exact.density, rel=1e-2)
    again = domain.fit(features, packed, SMILES, SMILES, seed=1)
    assert again == domain.fit(features, packed, SMILES, SMILES, seed=1)


def test_a_missing_value_counts_as_the_mean(
    features: np.ndarray, packed: np.ndarray, fitted: DomainFit
) -> None:
    with_gap, with_mean = features[:1].copy(), features[:1].copy()
    with_gap[0, 2] = np.nan
    with_mean[0, 2] = features[:COUNT, 2].mean()
    known = loaded(fitted)
    assert known.evaluate(with_gap, packed[:1]).distance == pytest.approx(
        known.evaluate(with_mean, packed[:1]).distance
    )


def test_at_most_fifty_components_are_used(packed: np.ndarray) -> None:
    bits = np.unpackbits(packed, axis=1, bitorder="little")
    assert domain.fit(bits, packed, SMILES, ["1"] * len(SMILES), seed=1).components == 50


def test_one_molecule_has_a_similarity_but_no_distance(packed: np.ndarray, features: np.ndarray) -> None:
    fit = domain.fit(features[:1], packed[:1], SMILES[:1], ["1"], seed=1)
    figures = loaded(fit).evaluate(features[:1], packed[:1])
    assert figures.similarity[0] == 1.0
    assert np.isnan(figures.distance[0])
    assert np.isnan(figures.density[0])


def test_a_large_training_set_is_sampled_the_same_way_for_the_same_seed(
    monkeypatch: pytest.MonkeyPatch, packed: np.ndarray, features: np.ndarray
) -> None:
    monkeypatch.setattr(domain, "MAX_MOLECULES", 30)
    names = [f"C{number}" for number in range(len(SMILES))]
    one, same, other = (domain.fit(features, packed, names, names, seed=seed) for seed in (1, 1, 2))
    assert one == same
    assert one.molecules != other.molecules
    kept = [int(line.split(b"\t")[0][1:]) for line in one.molecules.splitlines()]
    assert len(kept) == 30
    assert (unpack(one.part)["fingerprints"] == packed[kept]).all()


@pytest.mark.parametrize("name", ["fingerprints", "center", "scale", "projection", "points", "log_volume"])
def test_arrays_that_do_not_fit_together_are_refused(fitted: DomainFit, name: str) -> None:
    for broken in (None, np.zeros((3, 3))):
        arrays = unpack(fitted.part)
        if broken is None:
            del arrays[name]
        elif name != "log_volume":
            arrays[name] = broken
        else:
            arrays[name] = np.zeros(0)
        with pytest.raises(ValueError, match=r"missing|fit together"):
            Domain(arrays, 0.1, fitted.bandwidth)
