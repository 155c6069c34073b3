from __future__ import annotations

import ctypes
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from rdkit import Chem, DataStructs
from rdkit.Chem import AllChem, Descriptors

from molfleet import features
from molfleet.chemistry import records
from molfleet.chemistry.featurizers import FEATURIZERS, parse_spec
from molfleet.messages.generated import FeatureVectorsCalculationFailed, FeaturizerSpec
from tests.unit.chemistry.samples import ASPIRIN, NCI_SDF, nci_smiles, sdf_of
from tests.unit.feature_vectors.conftest import Calculate
from workers.feature_vectors import chunks, table

SPECS = [
    FeaturizerSpec(type="ECFP"),
    FeaturizerSpec(type="MACCS"),
    FeaturizerSpec(type="ECFC", size=64),
    FeaturizerSpec(type="DESC", parameters={"names": ["MolWt", "Ipc"]}),
]
COLUMNS = ["ECFP_2048_2", "MACCS", "ECFC_64_2", "DESC_names=MolWt+Ipc"]
#: Its Ipc is beyond float32.
BIG = "c1ccccc1" * 21
BROKEN = "title\n\n\nfoo\n$$$$\n"


def write(directory: Path, name: str, text: str) -> Path:
    path = directory / name
    path.write_text(text)
    return path


def test_vectors_of_real_molecules_are_rdkits_own(calculate: Calculate) -> None:
    weight = FeaturizerSpec(type="DESC", parameters={"names": ["MolWt"]})
    outcome = calculate(NCI_SDF, featurizers=[*SPECS[:3], weight])
    found = outcome.table
    mols = list(Chem.SDMolSupplier(str(NCI_SDF)))
    assert found.records.tolist() == list(range(200))
    bits = np.array([list(AllChem.GetMorganFingerprintAsBitVect(mol, 2, 2048)) for mol in mols])
    np.testing.assert_array_equal(found.arrays["ECFP_2048_2"], bits)
    weights = np.array([Descriptors.MolWt(mol) for mol in mols], np.float32)
    np.testing.assert_array_equal(found.arrays["DESC_names=MolWt"][:, 0], weights)
    event = outcome.event
    assert (event.records, event.structures, event.failed) == (200, 200, 0)
    assert event.columns == 2048 + 167 + 64 + 1
    assert event.rejects is None


def test_records_in_are_rows_out_and_rejects(calculate: Calculate, tmp_path: Path) -> None:
    text = BROKEN + sdf_of("CCO") + "\n\n\n\n$$$$\n" + sdf_of("CCN") + BROKEN
    outcome = calculate(write(tmp_path, "a.sdf", text))
    assert outcome.table.records.tolist() == [1, 3]
    assert [(row["record"], row["code"]) for row in outcome.rejects] == [
        ("0", "UNPARSABLE"),
        ("2", "UNPARSABLE"),
        ("4", "UNPARSABLE"),
    ]
    first = outcome.rejects[0]
    assert first["line"] == "1"
    assert first["title"] == "title"
    assert "foo" in first["message"]
    assert (outcome.event.records, outcome.event.structures, outcome.event.failed) == (5, 2, 3)
    assert outcome.summary["codes"] == {"UNPARSABLE": 3}
    assert outcome.summary["records"] == 5


@pytest.mark.parametrize("output_format", ["parquet", "csv", "npz"])
def test_the_bytes_do_not_depend_on_chunks_or_processes(
    calculate: Calculate, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, output_format: str
) -> None:
    text = sdf_of(*nci_smiles(40)) + BROKEN + sdf_of("CCO", ASPIRIN)
    path = write(tmp_path, "a.sdf", text)
    monkeypatch.setattr(table.Layout, "group_rows", 16)
    written = set()
    for size, processes in [(128, 1), (5, 2), (1, 1)]:
        monkeypatch.setattr(chunks, "RECORDS_PER_CHUNK", size)
        outcome = calculate(
            path,
            processes,
            featurizers=SPECS,
            identifiers=["smiles"],
            output_format=output_format,
        )
        written.add(outcome.output.read_bytes())
    assert len(written) == 1


def test_one_molecule_has_one_vector_whatever_file_it_comes_in(
    calculate: Calculate, tmp_path: Path
) -> None:
    molecules = ["CCO", ASPIRIN, "c1ccncc1"]
    sources = {
        "a.sdf": sdf_of(*molecules),
        "a.smi": "\n".join(molecules),
        "a.csv": "name,smiles\n" + "".join(f"x,{text}\n" for text in molecules),
        "a.tsv": "smiles\tname\n" + "".join(f"{text}\tx\n" for text in molecules),
    }
    vectors = {
        calculate(write(tmp_path, name, text), featurizers=SPECS).table.matrix().tobytes()
        for name, text in sources.items()
    }
    assert len(vectors) == 1


def test_a_parquet_source_is_read_by_many_processes(calculate: Calculate, tmp_path: Path) -> None:
    smiles = list(nci_smiles(300))
    source = tmp_path / "a.parquet"
    pq.write_table(pa.table({"smiles": smiles}), source, row_group_size=100)
    outcome = calculate(source, processes=2)
    plain = calculate(write(tmp_path, "a.smi", "\n".join(smiles)))
    assert outcome.output.read_bytes() == plain.output.read_bytes()


def test_all_formats_hold_the_same_table(calculate: Calculate, tmp_path: Path) -> None:
    # Ipc of the big molecule is beyond float32; the quoted title holds what CSV must escape.
    path = write(tmp_path, "a.csv", f'smiles,note\n{BIG},"a, ""b"""\nfoo,\nCCO,\n')
    options = {"featurizers": SPECS, "identifiers": ["inchikey", "smiles"], "carry_properties": ["note"]}
    tables = [calculate(path, output_format=name, **options).table for name in ("parquet", "csv", "npz")]
    for found in tables:
        assert found.records.tolist() == [0, 2]
        assert list(found.columns) == COLUMNS
        assert [column.kind for column in found.columns.values()] == [
            "bits",
            "bits",
            "counts",
            "descriptors",
        ]
        assert found.columns[COLUMNS[3]].names == ("MolWt", "Ipc")
        np.testing.assert_array_equal(found.matrix(), tables[0].matrix())
        assert np.isnan(found.arrays[COLUMNS[3]][0, 1])
        assert found.texts["smiles"] == [Chem.CanonSmiles(BIG), "CCO"]
        assert found.texts["inchikey"][1] == "LFQSCWFLJHTTHZ-UHFFFAOYSA-N"
        assert found.texts["note"][0] == 'a, "b"'


def test_a_parquet_file_needs_no_code_of_ours_to_be_read(calculate: Calculate, tmp_path: Path) -> None:
    outcome = calculate(write(tmp_path, "a.smi", ASPIRIN), featurizers=SPECS)
    raw = pq.read_table(outcome.output)
    vector = AllChem.GetMorganFingerprintAsBitVect(Chem.MolFromSmiles(ASPIRIN), 2, 2048)
    assert raw["ECFP_2048_2"][0].as_py() == DataStructs.BitVectToBinaryText(vector)
    assert raw.schema.field("MACCS").metadata[b"n_bits"] == b"167"
    assert raw.schema.field("MACCS").type.byte_width == 21
    assert raw["ECFC_64_2"].type.list_size == 64
    assert raw.schema.field(COLUMNS[3]).metadata[b"names"] == b'["MolWt", "Ipc"]'


def test_a_csv_file_has_a_column_for_each_bit(calculate: Calculate, tmp_path: Path) -> None:
    specs = [
        FeaturizerSpec(type="ECFP", size=64),
        FeaturizerSpec(type="DESC", parameters={"names": ["TPSA"]}),
    ]
    outcome = calculate(write(tmp_path, "a.smi", "C"), featurizers=specs, output_format="csv")
    header, row = outcome.output.read_text().splitlines()
    assert header.split(",") == ["record", *(f"ECFP_64_2:{i}" for i in range(64)), "DESC_names=TPSA:TPSA"]
    assert row.split(",")[0] == "0"
    assert row.split(",")[1:65].count("1") == 1
    assert row.endswith(",0.0")


def test_parts_of_a_table_can_be_read(calculate: Calculate, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table.Layout, "group_rows", 32)
    for output_format in ("parquet", "csv", "npz"):
        outcome = calculate(NCI_SDF, featurizers=SPECS[:3], output_format=output_format)
        whole = outcome.table
        part = features.read(outcome.output, ["MACCS"], (30, 70))
        assert part.records.tolist() == list(range(30, 70))
        assert list(part.columns) == ["MACCS"]
        np.testing.assert_array_equal(part.matrix(), whole.matrix("MACCS")[30:70])
        assert len(features.read(outcome.output, None, (200, None))) == 0
        with pytest.raises(KeyError, match="it has ECFP_2048_2, MACCS"):
            features.read(outcome.output, ["ECFP_1024_2"], None)


def test_a_table_becomes_a_frame_and_a_sparse_matrix(calculate: Calculate, tmp_path: Path) -> None:
    outcome = calculate(
        write(tmp_path, "a.smi", "CCO\nfoo\nCCN"), featurizers=SPECS[1:2], identifiers=["smiles"]
    )
    frame = outcome.table.frame()
    assert frame.index.tolist() == [0, 2]
    assert frame.columns[:2].tolist() == ["smiles", "MACCS:0"]
    assert frame.shape == (2, 168)
    np.testing.assert_array_equal(outcome.table.csr().toarray(), outcome.table.matrix())


def test_standardizing_and_identifiers_go_together(calculate: Calculate, tmp_path: Path) -> None:
    path = write(tmp_path, "a.smi", "CC(=O)[O-].[Na+]")
    outcome = calculate(path, standardize="parent-neutral", identifiers=["smiles"])
    assert outcome.table.texts["smiles"] == ["CC(=O)O"]
    neutral = FEATURIZERS.build(parse_spec("ECFP")).calculate(Chem.MolFromSmiles("CC(=O)O"))
    assert outcome.table.columns["ECFP_2048_2"].packed[0].tobytes() == neutral.tobytes()


def test_all_properties_can_be_carried_and_a_taken_name_gets_a_number(
    calculate: Calculate, tmp_path: Path
) -> None:
    text = sdf_of("CCO", fields={"smiles": "mine", "record": "7"}) + sdf_of("CCN", fields={"late": "x"})
    outcome = calculate(write(tmp_path, "a.sdf", text), carry_properties=["*"], identifiers=["smiles"])
    assert outcome.table.texts == {
        "smiles": ["CCO", "CCN"],
        "smiles#2": ["mine", None],
        "record#2": ["7", None],
        "late": [None, "x"],
    }


def test_a_record_that_hangs_or_kills_its_process_is_a_row_of_the_rejects(
    calculate: Calculate, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    real = records.molecule_of

    def molecule_of(raw: records.RawRecord, *, stereo: bool) -> Chem.Mol | records.Reject:
        if raw.title == "hangs":
            ctypes.PyDLL(None).pause()
        if raw.title == "dies":
            ctypes.CDLL(None)._exit(9)
        return real(raw, stereo=stereo)

    monkeypatch.setattr(chunks, "molecule_of", molecule_of)
    path = write(tmp_path, "a.smi", "CCO\nCCN hangs\nCCC\nCCF dies\nCCCl\n")
    outcome = calculate(path, record_time_limit_ms=300)
    assert outcome.table.records.tolist() == [0, 2, 4]
    assert [(row["record"], row["line"], row["title"], row["code"]) for row in outcome.rejects] == [
        ("1", "2", "hangs", "TIMEOUT"),
        ("3", "4", "dies", "FEATURIZATION_FAILED"),
    ]


def test_progress_grows_to_the_end(calculate: Calculate) -> None:
    fractions = [fraction for _, fraction in calculate(NCI_SDF).progress]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 0.95


def test_the_summary_tells_density_missing_values_and_versions(
    calculate: Calculate, tmp_path: Path
) -> None:
    path = write(tmp_path, "a.smi", f"{BIG}\nCCO\n")
    summary = calculate(path, featurizers=SPECS).summary
    ecfp, _, _, desc = summary["columns"]
    expected = calculate(path, featurizers=SPECS[:1]).table.matrix().mean()
    assert ecfp["density"] == pytest.approx(float(expected))
    assert [numbers["missing"] for numbers in desc["descriptors"].values()] == [0, 1]
    assert desc["overflows"] == 1
    assert summary["versions"]["rdkit"]


def test_a_file_without_any_good_record_fails_with_how_many_and_the_first_reason(
    calculate: Calculate, tmp_path: Path
) -> None:
    event = calculate(write(tmp_path, "a.sdf", BROKEN * 3)).event
    assert isinstance(event, FeatureVectorsCalculationFailed)
    assert event.code == "NO_VALID_RECORDS"
    assert event.message.startswith("None of the 3 records of a.sdf gave a vector. The first, at line 1:")
    assert event.details == {"records": "3", "UNPARSABLE": "3"}


@pytest.mark.parametrize(
    ("fields", "code", "said"),
    [
        ({"output_format": "xlsx"}, "UNKNOWN_NAME", "Known: parquet, csv, npz"),
        ({"standardize": "full"}, "UNKNOWN_NAME", "none, parent, parent-neutral, tautomer"),
        ({"identifiers": ["inchi"]}, "UNKNOWN_NAME", "Known: smiles, inchikey"),
        ({"file_type": "cif"}, "UNKNOWN_NAME", "sdf, mol"),
        ({"options": {"fast": "yes"}}, "UNKNOWN_NAME", "no option called 'fast'"),
        ({"record_time_limit_ms": 0}, "INVALID_COMMAND", "above 0"),
        ({"featurizers": [FeaturizerSpec(type="ECFP", size=3)]}, "INVALID_COMMAND", "from 64 to 16384"),
        (
            {"featurizers": [SPECS[0], FeaturizerSpec(type="ecfp")]},
            "INVALID_COMMAND",
            "twice",
        ),
        ({"carry_properties": ["activity"]}, "UNKNOWN_NAME", "Its columns: y"),
        ({"structure_column": "mol"}, "UNREADABLE_FILE", "Its columns: smiles, y"),
    ],
)
def test_a_wrong_command_fails_with_what_is_allowed(
    calculate: Calculate, tmp_path: Path, fields: dict[str, object], code: str, said: str
) -> None:
    event = calculate(write(tmp_path, "a.csv", "smiles,y\nCCO,1\n"), **fields).event
    assert isinstance(event, FeatureVectorsCalculationFailed)
    assert event.code == code
    assert said in event.message
    assert not event.retryable


def test_a_records_own_title_is_an_identifier(calculate: Calculate, tmp_path: Path) -> None:
    path = write(tmp_path, "a.smi", "CCO ethanol\nC1CC broken\nCCN\n")
    outcome = calculate(path, identifiers=["title", "smiles"])
    assert outcome.table.texts == {"title": ["ethanol", ""], "smiles": ["CCO", "CCN"]}
    sdf = write(tmp_path, "a.sdf", sdf_of("CCO").replace("\n", "aspirin?\n", 1))
    only = [FeaturizerSpec(type="COLUMNS", parameters={"numeric": ["dose"]})]
    table = write(tmp_path, "a.csv", "name,dose\nx-1,2\n")
    assert calculate(sdf, identifiers=["title"]).table.texts["title"][0].endswith("aspirin?")
    assert calculate(table, identifiers=["title"], featurizers=only).table.texts == {"title": ["x-1"]}
