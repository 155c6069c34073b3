from __future__ import annotations

import pickle
import re
from typing import Any

import numpy as np
import pytest
from rdkit import Chem, DataStructs
from rdkit.Chem import AllChem, Descriptors, rdMolDescriptors

from molfleet.chemistry.featurizers import (
    FEATURIZERS,
    FeaturizerRow,
    SpecValue,
    packing,
    parse_spec,
    text_of,
)
from molfleet.errors import Code, Rejected
from tests.unit.chemistry.references import REFERENCES
from tests.unit.chemistry.samples import ASPIRIN


def _dense(counts: DataStructs.UIntSparseIntVect, size: int) -> list[float]:
    row = [0.0] * size
    for index, count in counts.GetNonzeroElements().items():
        row[index] = count
    return row


@pytest.mark.parametrize("row", list(FEATURIZERS), ids=lambda row: row.code)
def test_every_featurizer_gives_what_its_references_give(row: FeaturizerRow) -> None:
    assert REFERENCES[row.code]
    for reference in REFERENCES[row.code]:
        featurizer = FEATURIZERS.build(parse_spec(reference.spec))
        given: Any = reference.properties
        if featurizer.needs == "record":
            rows = featurizer.pack([featurizer.calculate_record(given)])
        else:
            given = Chem.MolFromSmiles(reference.smiles)
            rows = featurizer.calculate(given)[np.newaxis]
        assert (rows.dtype, rows.shape) == (featurizer.dtype, (1, featurizer.width))
        expected = np.array(reference.oracle(given), np.float64).astype(np.float32)
        np.testing.assert_allclose(
            featurizer.unpack(rows)[0], expected, rtol=reference.rtol, atol=0, err_msg=reference.smiles
        )


@pytest.mark.parametrize("row", list(FEATURIZERS), ids=lambda row: row.code)
def test_every_row_documents_itself(row) -> None:
    assert row.title
    assert row.dimension
    assert row.paper
    assert all(parameter.doc for parameter in row.parameters)
    assert FEATURIZERS.build(SpecValue(row.code)).kind == row.kind


@pytest.mark.parametrize("row", list(FEATURIZERS), ids=lambda row: row.code)
def test_a_row_gives_as_many_values_as_it_says(row: FeaturizerRow) -> None:
    featurizer = FEATURIZERS.build(SpecValue(row.code))
    numbers = [int(number) for number in re.findall(r"\b\d+\b(?!\.)", row.dimension)]
    if row.dimension.startswith("size "):
        (size,) = (parameter for parameter in row.parameters if parameter.name == "size")
        numbers.append(int(str(size.default)))
        assert FEATURIZERS.build(SpecValue(row.code, 128)).size == 128
    if row.fit is None:  # else the input decides
        assert featurizer.size in numbers
        assert featurizer.kind != "descriptors" or len(set(featurizer.names or ())) == featurizer.size


@pytest.mark.parametrize("row", list(FEATURIZERS), ids=lambda row: row.code)
def test_rows_packed_together_are_those_packed_alone(row: FeaturizerRow) -> None:
    featurizer = FEATURIZERS.build(SpecValue(row.code))
    if featurizer.needs == "record" or "conformer" in row.dimension:
        return
    mols = [Chem.MolFromSmiles(smiles) for smiles in (ASPIRIN, "C", "[Na+].[Cl-]", ASPIRIN)]
    rows = featurizer.pack(pickle.loads(pickle.dumps([featurizer.raw(mol) for mol in mols])))
    assert (rows.dtype, rows.shape) == (featurizer.dtype, (4, featurizer.width))
    np.testing.assert_array_equal(rows, np.stack([featurizer.calculate(mol) for mol in mols]))


def test_bits_are_packed_as_rdkits_own_binary_text() -> None:
    featurizer = FEATURIZERS.build(parse_spec("ECFP:100:2"))
    mol = Chem.MolFromSmiles(ASPIRIN)
    vector = AllChem.GetMorganFingerprintAsBitVect(mol, 2, 100)
    assert featurizer.calculate(mol).tobytes() == DataStructs.BitVectToBinaryText(vector)
    assert featurizer.row_bytes == 13


def test_a_column_is_named_by_what_is_not_default() -> None:
    names = {
        "ECFP": "ECFP_2048_2",
        "ecfp:1024:3": "ECFP_1024_3",
        "FCFC:512:0": "FCFC_512_2",
        "FCFC:512:radius=0": "FCFC_512_0",
        "ECFP:2048:2:chirality=true": "ECFP_2048_2_chirality=true",
        "ECFP:2048:2:chirality=false": "ECFP_2048_2",
        "MACCS": "MACCS",
        "DESC": "DESC",
        "DESC:names=MolWt,TPSA": "DESC_names=MolWt+TPSA",
    }
    assert {text: FEATURIZERS.build(parse_spec(text)).column for text in names} == names


def test_the_column_of_many_names_is_short_and_tells_them_apart() -> None:
    names = [name for name, _ in Descriptors.descList]
    columns = {
        FEATURIZERS.build(SpecValue("DESC", parameters={"names": part})).column
        for part in (names[:100], names[1:101], names[:99])
    }
    assert len(columns) == 3
    assert all(len(column) < 64 for column in columns)


@pytest.mark.parametrize(
    ("spec", "code", "said"),
    [
        (SpecValue("ECFPP"), Code.UNKNOWN_NAME, "Did you mean ECFP"),
        (SpecValue("MACCS", 166), Code.UNKNOWN_NAME, "no parameter called 'size'"),
        (SpecValue("ECFP", 8), Code.INVALID_COMMAND, "from 64 to 16384"),
        (SpecValue("ECFP", -1), Code.INVALID_COMMAND, "size"),
        (SpecValue("ECFP", 2048, 99), Code.INVALID_COMMAND, "radius must be a whole number from 0 to 4"),
        (SpecValue("ECFP", parameters={"chiral": True}), Code.UNKNOWN_NAME, "chirality (true or false)"),
        (SpecValue("ECFP", parameters={"chirality": 1}), Code.INVALID_COMMAND, "true or false"),
        (SpecValue("ECFP", parameters={"chirality": "yes"}), Code.INVALID_COMMAND, "chirality"),
        (SpecValue("DESC", parameters={"names": ["MolWeight"]}), Code.UNKNOWN_NAME, "MolWt"),
        (SpecValue("DESC", parameters={"names": ["MolWt", "MolWt"]}), Code.INVALID_COMMAND, "twice"),
        (SpecValue("DESC", parameters={"names": [1.5]}), Code.INVALID_COMMAND, "list of names"),
        (SpecValue("DESC", parameters={"names": []}), Code.INVALID_COMMAND, "list of names"),
    ],
)
def test_a_wrong_spec_is_refused_with_what_is_allowed(spec: SpecValue, code: Code, said: str) -> None:
    with pytest.raises(Rejected) as refused:
        FEATURIZERS.build(spec)
    assert refused.value.code is code
    assert said in refused.value.message


def test_two_featurizers_of_one_column_are_refused() -> None:
    with pytest.raises(Rejected, match="ECFP_2048_2 twice"):
        FEATURIZERS.build_all([parse_spec("ECFP"), parse_spec("ECFP:2048:2")])


def test_no_featurizers_are_refused() -> None:
    with pytest.raises(Rejected, match="at least one"):
        FEATURIZERS.build_all([])


def test_a_radius_is_a_radius() -> None:
    ecfp4 = FEATURIZERS.build(parse_spec("ECFP:2048:2"))
    far = Chem.MolFromSmiles("CCCCCCCCN"), Chem.MolFromSmiles("CCCCCCCCCN")
    assert (ecfp4.calculate(far[0]) == ecfp4.calculate(far[1])).all()


def test_counts_saturate_and_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    # A molecule of 65,536 equal environments takes RDKit many seconds: the limit is lowered instead.
    monkeypatch.setattr(packing, "MAX_COUNT", 100)
    counts = FEATURIZERS.build(parse_spec("ECFC:64:1"))
    chain = Chem.MolFromSmiles("C" * 300)
    exact = np.array(_dense(rdMolDescriptors.GetHashedMorganFingerprint(chain, 1, 64), 64))
    np.testing.assert_array_equal(counts.calculate(chain), np.minimum(exact, 100))
    assert counts.losses["overflows"] == (exact > 100).sum() > 0


def test_a_descriptor_beyond_float32_is_missing_and_counted() -> None:
    ipc = FEATURIZERS.build(parse_spec("DESC:names=MolWt,Ipc"))
    big = Chem.MolFromSmiles("c1ccccc1" * 21)
    assert Descriptors.Ipc(big) > np.finfo(np.float32).max
    row = ipc.calculate(big)
    assert np.isnan(row[1])
    assert np.isfinite(row[0])
    assert ipc.losses["overflows"] == 1


def test_descriptors_come_in_the_order_asked_for() -> None:
    both = FEATURIZERS.build(parse_spec("DESC:names=TPSA,MolWt"))
    mol = Chem.MolFromSmiles(ASPIRIN)
    assert both.names == ("TPSA", "MolWt")
    np.testing.assert_allclose(both.calculate(mol), [63.6, 180.159], rtol=1e-5)


@pytest.mark.parametrize("text", ["ECFP", "ECFP:1024", "ECFP:2048:2", "DESC:names=MolWt,TPSA"])
def test_the_text_of_a_spec_is_written_as_read(text: str) -> None:
    assert text_of(parse_spec(text)) == text


@pytest.mark.parametrize("text", ["", "ECFP:big", "ECFP:1:2:3", ":2048"])
def test_what_is_no_spec_is_refused(text: str) -> None:
    with pytest.raises(Rejected) as refused:
        parse_spec(text)
    assert refused.value.code is Code.INVALID_COMMAND
