from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from rdkit import DataStructs

from molfleet.errors import Rejected
from tests.unit.modeler.split_samples import ecfp4, nci, scaffolds
from workers.modeler import audit as module
from workers.modeler.audit import HEADER, audit, scaffold_partition
from workers.modeler.splits import SPLITS, Partition, Samples

#: A molecule and its mirror image have one fingerprint.
SMILES = ["C[C@H](N)C(=O)O", "C[C@@H](N)C(=O)O", "CCCCCC", "CCCCCCC", "c1ccccc1", "Clc1ccccc1"]


def few() -> Samples:
    return Samples("regression", np.arange(6.0), np.arange(6), SMILES, ecfp4(SMILES))


def test_the_nearest_training_record_is_told_for_each_test_record_and_between_the_folds() -> None:
    partition = Partition(np.array([-1, 0, -1, 1, 0, 1]), 2)
    found = audit(few(), partition, 1)
    rows = list(found.rows([10, 11, 12, 13, 14, 15]))
    assert [dict(zip(HEADER, row, strict=True))["nearest_training_record"] for row in rows[:2]] == [
        "11",
        "13",
    ]
    assert [row[:3] for row in rows if row[0] == "15"] == [("15", "fold 2", "14")]
    assert [row[1] for row in rows] == ["test", "test", "fold 1", "fold 2", "fold 1", "fold 2"]
    assert rows[0] == ("10", "test", "11", "1.0000")
    section = found.section()
    assert section["test"]["records"] == 2
    assert section["test"]["identical_fingerprint"] == 1
    assert section["folds"]["identical_fingerprint"] == 0
    assert json.loads(json.dumps(section)) == section


def test_the_counts_are_those_of_a_plain_loop_with_rdkit() -> None:
    samples = nci()
    assert samples.ecfp4 is not None
    partition = SPLITS.get("random").partition(samples, 0.2, 5, 1)
    vectors = [DataStructs.CreateFromBinaryText(row.tobytes()) for row in samples.ecfp4]
    training = [vectors[row] for row in partition.training]
    best = [max(DataStructs.BulkTanimotoSimilarity(vectors[row], training)) for row in partition.test]
    section = audit(samples, partition, 1).section()["test"]
    for name, least in (("identical_fingerprint", 1), ("near_duplicate", 0.9), ("close", 0.8)):
        assert section[name] == sum(value >= least for value in best)
    assert section["close"] > 0
    assert section["mean_similarity"] == pytest.approx(np.mean(best), abs=1e-4)
    assert section["similarity_quantiles"][2] == pytest.approx(np.median(best), abs=1e-4)


def test_a_butina_split_leaves_no_identical_fingerprint_on_both_sides() -> None:
    samples = nci()
    dealt, kept = (
        audit(samples, SPLITS.get(code).partition(samples, 0.2, 5, 1), 1).section()
        for code in ("stratified", "butina")
    )
    assert kept["test"]["identical_fingerprint"] == kept["folds"]["identical_fingerprint"] == 0
    assert dealt["test"]["mean_similarity"] > kept["test"]["mean_similarity"]
    assert dealt["folds"]["identical_fingerprint"] > 0


def test_without_a_test_set_only_the_folds_are_told_about() -> None:
    found = audit(few(), Partition(np.array([0, 1, 0, 1, 0, 1]), 2), 1)
    assert found.section()["test"] == {
        "records": 0,
        "looked_at": 0,
        "identical_fingerprint": 0,
        "near_duplicate": 0,
        "close": 0,
    }
    assert len(list(found.rows(range(6)))) == 6


def test_of_many_records_a_seeded_sample_is_looked_at_and_the_section_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "MAX_RECORDS", 50)
    samples = nci()
    partition = SPLITS.get("random").partition(samples, 0.2, 5, 1)
    found, again, other = (audit(samples, partition, seed) for seed in (1, 1, 2))
    assert found.section()["test"]["looked_at"] == 50
    assert found.section()["test"]["records"] == len(partition.test)
    assert set(found.test.records) <= set(partition.test)
    assert np.array_equal(found.test.records, again.test.records)
    assert not np.array_equal(found.test.records, other.test.records)


@pytest.mark.parametrize("share", [0.1, 0.3])
def test_the_scaffold_hold_out_is_of_the_size_of_the_chosen_test_set(share: float) -> None:
    samples = nci()
    chosen = SPLITS.get("stratified").partition(samples, share, 5, 1)
    held_out = scaffold_partition(samples, chosen, 1)
    assert held_out.k_fold == 1
    assert len(held_out.test) == pytest.approx(len(chosen.test), abs=2)
    known = np.array(samples.scaffolds)
    of_test = set(known[held_out.test]) - {""}
    assert of_test
    assert not of_test & set(known[held_out.training])


def test_beside_folds_without_a_test_set_the_scaffold_hold_out_is_of_the_size_of_a_fold() -> None:
    samples = nci()
    chosen = SPLITS.get("stratified").partition(samples, 0.0, 4, 1)
    assert len(scaffold_partition(samples, chosen, 1).test) == pytest.approx(len(samples.values) / 4, abs=2)


def test_a_series_of_one_scaffold_has_no_scaffold_hold_out() -> None:
    smiles = [f"c1ccccc1{'C' * count}" for count in range(1, 21)]
    samples = replace(nci().at(np.arange(20)), ecfp4=ecfp4(smiles), scaffolds=scaffolds(smiles))
    chosen = SPLITS.get("stratified").partition(samples, 0.2, 5, 1)
    with pytest.raises(Rejected, match="c1ccccc1, has 20 of 20 molecules"):
        scaffold_partition(samples, chosen, 1)


def test_samples_without_fingerprints_are_the_callers_error() -> None:
    with pytest.raises(ValueError, match="the audit needs the ECFP4 fingerprints"):
        audit(replace(few(), ecfp4=None), Partition(np.zeros(6, np.int64), 2), 1)
