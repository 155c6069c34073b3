"""A molecule has one vector, whatever file, order, chunk or process it comes through."""

from __future__ import annotations

import csv
import gzip
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rdkit import Chem
from rdkit.Chem import rdDepictor

from molfleet.chemistry.featurizers import FEATURIZERS
from molfleet.chemistry.rdkit_log import silence
from molfleet.messages.generated import FeaturizerSpec
from tests.unit.chemistry.samples import ASPIRIN
from tests.unit.feature_vectors.conftest import Calculate
from workers.feature_vectors import chunks, table

#: One of each kind: bits of whole and of broken bytes, counts, descriptors with and without values.
SPECS = [
    FeaturizerSpec(type="ECFP", size=128, parameters={"chirality": True}),
    FeaturizerSpec(type="MACCS"),
    FeaturizerSpec(type="ECFC", size=64),
    FeaturizerSpec(type="DESC", parameters={"names": ["MolWt", "TPSA", "Ipc", "MaxPartialCharge"]}),
]
#: These keep every atom and bond in each notation, InChI among them.
MOLECULES = (
    "CCO",
    ASPIRIN,
    "c1ccncc1",
    "C[C@H](N)C(=O)O",
    "C[C@@H](N)C(=O)O",
    "F/C=C/F",
    "F/C=C\\F",
    "C[N+](=O)[O-]",
    "[13CH3]CO",
    "CC(C)(C)c1ccc(O)cc1",
    "CS(C)(=O)=O",
    "[2H]C(Cl)(Cl)Cl",
)


def drawn(smiles: str) -> Chem.Mol:
    """A molecule with coordinates, so that a mol block can hold its stereo."""
    mol = Chem.MolFromSmiles(smiles)
    rdDepictor.Compute2DCoords(mol)
    return mol


@cache
def expected(smiles: str) -> bytes:
    """All vectors of a molecule, calculated without any file."""
    mol = Chem.MolFromSmiles(smiles)
    built = FEATURIZERS.build_all(SPECS)
    return np.hstack([f.unpack(f.calculate(mol)[np.newaxis])[0] for f in built]).tobytes()


def inchi(mol: Chem.Mol) -> str:
    write: Callable[[Chem.Mol], str] = Chem.MolToInchi
    return write(mol)


def v2000(molecules: Sequence[str]) -> bytes:
    return "".join(f"{Chem.MolToMolBlock(drawn(smiles))}$$$$\n" for smiles in molecules).encode()


def v3000(molecules: Sequence[str]) -> bytes:
    return "".join(f"{Chem.MolToV3KMolBlock(drawn(smiles))}$$$$\n" for smiles in molecules).encode()


def crlf(molecules: Sequence[str]) -> bytes:
    return v2000(molecules).replace(b"\n", b"\r\n")


def smi(molecules: Sequence[str]) -> bytes:
    return "".join(f"{smiles} molecule {index}\n" for index, smiles in enumerate(molecules)).encode()


def csv_of_smiles(molecules: Sequence[str]) -> bytes:
    return ("number,smiles\n" + "".join(f'1,"{smiles}"\n' for smiles in molecules)).encode()


def tsv_of_smiles(molecules: Sequence[str]) -> bytes:
    return ("smiles\tnote\n" + "".join(f"{smiles}\tx\n" for smiles in molecules)).encode()


def csv_of_inchi(molecules: Sequence[str]) -> bytes:
    return ("inchi\n" + "".join(f'"{inchi(drawn(m))}"\n' for m in molecules)).encode()


def csv_of_mol_blocks(molecules: Sequence[str]) -> bytes:
    return ("molblock\n" + "".join(f'"{Chem.MolToMolBlock(drawn(m))}"\n' for m in molecules)).encode()


def parquet(molecules: Sequence[str]) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table({"smiles": list(molecules)}), sink, row_group_size=5)
    return bytes(sink.getvalue())


WRITERS: dict[str, tuple[str, Callable[[Sequence[str]], bytes]]] = {
    "V2000": ("a.sdf", v2000),
    "V3000": ("a.sdf", v3000),
    "CRLF": ("a.sdf", crlf),
    "SMILES": ("a.smi", smi),
    "CSV": ("a.csv", csv_of_smiles),
    "TSV": ("a.tsv", tsv_of_smiles),
    "InChI": ("a.csv", csv_of_inchi),
    "mol blocks": ("a.csv", csv_of_mol_blocks),
    "Parquet": ("a.parquet", parquet),
}


def vectors(found: Any) -> list[bytes]:
    return [row.tobytes() for row in found.matrix()]


@pytest.mark.parametrize("name", WRITERS)
def test_a_molecule_has_one_vector_whatever_file_it_comes_in(
    calculate: Calculate, tmp_path: Path, name: str
) -> None:
    silence()
    file_name, write = WRITERS[name]
    content = write(MOLECULES)
    (tmp_path / file_name).write_bytes(content)
    (tmp_path / f"{file_name}.gz").write_bytes(gzip.compress(content))
    for path in (tmp_path / file_name, tmp_path / f"{file_name}.gz"):
        assert vectors(calculate(path, featurizers=SPECS).table) == [expected(m) for m in MOLECULES]


@pytest.mark.parametrize("smiles", MOLECULES[1:5])
def test_a_mol_file_gives_the_vector_of_its_molecule(
    calculate: Calculate, tmp_path: Path, smiles: str
) -> None:
    path = tmp_path / "a.mol"
    path.write_text(Chem.MolToMolBlock(drawn(smiles)))
    assert vectors(calculate(path, featurizers=SPECS).table) == [expected(smiles)]


@pytest.mark.slow
@given(
    molecules=st.lists(st.sampled_from([*MOLECULES, "broken"]), min_size=1, max_size=20),
    per_chunk=st.integers(1, 20),
    group_rows=st.integers(1, 20),
    processes=st.sampled_from([1, 1, 1, 2]),
    source=st.sampled_from(["SMILES", "CSV", "Parquet"]),
    output_format=st.sampled_from(["parquet", "csv", "npz"]),
)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_neither_order_nor_cut_nor_processes_nor_format_change_a_vector(
    calculate: Calculate,
    tmp_path: Path,
    molecules: list[str],
    per_chunk: int,
    group_rows: int,
    processes: int,
    source: str,
    output_format: str,
) -> None:
    molecules = [*molecules, MOLECULES[0]]
    file_name, write = WRITERS[source]
    path = tmp_path / file_name
    path.write_bytes(write(molecules))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(chunks, "RECORDS_PER_CHUNK", per_chunk)
        patch.setattr(table.Layout, "group_rows", group_rows)
        found = calculate(path, processes, featurizers=SPECS, output_format=output_format).table
    good = [index for index, smiles in enumerate(molecules) if smiles != "broken"]
    assert found.records.tolist() == good
    assert vectors(found) == [expected(molecules[index]) for index in good]


def test_what_the_three_formats_hold_reads_back_equal(calculate: Calculate, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["smiles", "note"])
        writer.writerows((smiles, f'of, "{smiles}"\n') for smiles in MOLECULES)
    parquet, text, arrays = (
        calculate(
            path,
            featurizers=SPECS,
            identifiers=["inchikey"],
            carry_properties=["note"],
            output_format=output_format,
        ).table
        for output_format in ("parquet", "csv", "npz")
    )
    for other in (text, arrays):
        assert other.records.tolist() == parquet.records.tolist()
        assert other.texts == parquet.texts
        assert [(c.name, c.kind, c.size, c.names) for c in other.columns.values()] == [
            (c.name, c.kind, c.size, c.names) for c in parquet.columns.values()
        ]
        for name, array in parquet.arrays.items():
            np.testing.assert_array_equal(other.arrays[name], array)
