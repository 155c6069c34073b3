"""Identifiers are written for several records together; each record stands for itself all the same."""

from __future__ import annotations

import ctypes
from pathlib import Path

import pytest
from rdkit import Chem

from molfleet.messages.generated import FeaturizerSpec
from tests.unit.chemistry.samples import write
from tests.unit.feature_vectors.conftest import Calculate
from workers.feature_vectors import chunks

ATOMS = [FeaturizerSpec(type="DESC", parameters={"names": ["HeavyAtomCount"]})]
FAIL, HANG, UNREADABLE = {2, 17, 18, 63}, {33}, {5, 31, 62}


def key(mol: Chem.Mol) -> str:
    """Stands for the InChIKey; record n has n + 1 atoms."""
    record = mol.GetNumAtoms() - 1
    if record in FAIL:
        raise RuntimeError(f"no key for {record}")
    if record in HANG:
        ctypes.PyDLL(None).pause()
    return f"key {record}"


@pytest.mark.parametrize(
    "identifiers", [["inchikey"], ["smiles", "inchikey"], ["inchikey", "smiles", "title"]]
)
def test_a_record_whose_identifier_fails_takes_nothing_of_another_with_it(
    calculate: Calculate, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, identifiers: list[str]
) -> None:
    monkeypatch.setattr(chunks, "inchikey", key)
    count = 64
    smiles = ["nonsense" if record in UNREADABLE else "C" * (record + 1) for record in range(count)]
    path = write(tmp_path, "a.smi", "".join(f"{text} t{record}\n" for record, text in enumerate(smiles)))
    outcome = calculate(path, featurizers=ATOMS, identifiers=identifiers, record_time_limit_ms=400)
    lost = FAIL | HANG | UNREADABLE
    kept = [record for record in range(count) if record not in lost]
    table = outcome.table
    assert table.records.tolist() == kept
    assert table.matrix()[:, 0].tolist() == [record + 1 for record in kept]
    wanted = {
        "inchikey": [f"key {record}" for record in kept],
        "smiles": [smiles[record] for record in kept],
        "title": [f"t{record}" for record in kept],
    }
    assert {name: list(texts) for name, texts in table.texts.items()} == {n: wanted[n] for n in identifiers}
    assert [int(row["record"]) for row in outcome.rejects] == sorted(lost)
    codes = {int(row["record"]): row["code"] for row in outcome.rejects}
    assert {codes[record] for record in FAIL} == {"FEATURIZATION_FAILED"}
    assert {codes[record] for record in HANG} == {"TIMEOUT"}
    assert {codes[record] for record in UNREADABLE} == {"UNPARSABLE"}
    messages = [row["message"] for row in outcome.rejects if int(row["record"]) in FAIL]
    assert all("write the identifiers: no key for" in message for message in messages)


def test_a_record_without_properties_carries_none(calculate: Calculate, tmp_path: Path) -> None:
    block = Chem.MolToMolBlock(Chem.MolFromSmiles("CCO"))
    text = f"{block}>  <note>\nyes\n\n$$$$\n{block}$$$$\n"
    table = calculate(write(tmp_path, "a.sdf", text), featurizers=ATOMS, carry_properties=["note"]).table
    assert list(table.texts["note"]) == ["yes", None]
