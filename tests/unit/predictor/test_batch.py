"""PredictProperties: one row for each record, whatever the records and the models are like."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import pyarrow.parquet as pq
import pytest
from rdkit import Chem

from molfleet.chemistry.featurizers.descriptors import RdkitDescriptors
from molfleet.chemistry.records import open_records
from molfleet.errors import Code, Rejected
from molfleet.local.offline import Files, LocalContext
from molfleet.messages.generated import ModelRef, PropertiesPredicted
from molfleet.runtime.handler import ComputeShare
from tests.builders import measured_molecules, predict_properties, sdf
from tests.paths import SHARED_DATA
from tests.unit.bundles.factory import CHAINS, make
from workers.predictor.batch import predict

SMI = "".join(f"{smiles} mol{number}\n" for number, smiles in enumerate(CHAINS))
MIXED = "CCO ethanol\nC1CC broken\nCCN amine\nnonsense also broken\nCCCCO butanol\n"


@dataclass
class Run:
    """One command over local files, and how to read what it gave."""

    folder: Path
    models: Path
    processes: int = 1

    def __call__(self, source: str | bytes | Path, *names: str, **fields: Any) -> PropertiesPredicted:
        self.files = Files()
        path = source if isinstance(source, Path) else self.folder / "input.smi"
        if isinstance(source, (str, bytes)):
            path.write_bytes(source if isinstance(source, bytes) else source.encode())
        refs = [ModelRef(id=uuid4(), blob=self.files.ref(self.models / name)) for name in names]
        scratch = self.folder / f"scratch-{uuid4()}"
        scratch.mkdir()
        share = ComputeShare(processes=self.processes, record_time_limit_s=30.0)
        self.context = LocalContext(self.files, self.folder / "out", scratch, share=share)
        self.command = predict_properties(source=self.files.ref(path), models=refs, **fields)
        return predict(self.command, self.context)

    def rows(self, event: PropertiesPredicted) -> list[dict[str, str]]:
        with self.files.path(event.output).open(encoding="utf-8", newline="") as stream:
            return list(csv.DictReader(stream))

    def rejects(self, event: PropertiesPredicted) -> list[dict[str, str]]:
        if event.rejects is None:
            return []
        with self.files.path(event.rejects).open(encoding="utf-8", newline="") as stream:
            return list(csv.DictReader(stream))


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("models")
    make(path / "forest", name="solubility")
    make(path / "boosted", "boosted", name="solubility")
    make(path / "classes", task="classification", name="activity")
    make(path / "three", task="classification", labels=("low", "middle", "high"), name="grade")
    make(path / "descriptors", "linear", featurizer="DESC", name="logS")
    make(path / "record", name="record")
    make(path / "unmeasured", name="unmeasured", metrics=())
    make(path / "modi", name="modi", metadata={"modi": "0.81"})
    (path / "broken").write_bytes((path / "forest").read_bytes()[:-9])
    return path


@pytest.fixture
def run(models: Path, tmp_path: Path) -> Run:
    return Run(tmp_path, models)


def test_each_record_is_one_row_in_order(run: Run) -> None:
    event = run(MIXED, "forest")
    rows = run.rows(event)
    assert [row["record"] for row in rows] == ["0", "1", "2", "3", "4"]
    assert [row["title"] for row in rows] == ["ethanol", "broken", "amine", "also broken", "butanol"]
    assert [row["smiles"] for row in rows] == ["CCO", "", "CCN", "", "CCCCO"]
    assert [bool(row["solubility"]) for row in rows] == [True, False, True, False, True]
    assert (event.records, event.predicted, event.failed) == (5, 3, 2)
    assert event.file_name == "input_predictions.csv"


def test_a_failed_record_has_a_code_a_sentence_and_a_row_of_the_rejects(run: Run) -> None:
    event = run(MIXED, "forest")
    failed = [row for row in run.rows(event) if row["code"]]
    rejects = run.rejects(event)
    assert [row["record"] for row in rejects] == ["1", "3"]
    assert [row["line"] for row in rejects] == ["2", "4"]
    for row, reject in zip(failed, rejects, strict=True):
        assert (row["code"], row["message"]) == (reject["code"], reject["message"])
        assert row["code"] == "UNPARSABLE"


def test_no_rejects_file_is_made_where_nothing_failed(run: Run) -> None:
    event = run(SMI, "forest")
    assert event.rejects is None
    assert event.failed == 0


def test_the_columns_of_a_regression_and_of_a_classification(run: Run) -> None:
    head = list(run.rows(run(MIXED, "forest", "classes"))[0])
    assert head == [
        *("record", "title", "smiles", "solubility", "solubility:lower", "solubility:upper"),
        *("solubility:inside_domain", "solubility:similarity", "solubility:distance"),
        *("solubility:density", "activity", "activity:label", "activity:probability", "activity:set"),
        *("activity:inside_domain", "activity:similarity", "activity:distance", "activity:density"),
        *("consensus", "consensus:std", "code", "message"),
    ]


def test_more_than_two_classes_have_a_column_for_each_label(run: Run) -> None:
    row = run.rows(run(SMI, "three"))[0]
    assert "grade" not in row
    each = [float(row[f"grade:probability:{label}"]) for label in ("low", "middle", "high")]
    assert sum(each) == pytest.approx(1.0)
    assert row["grade:label"] == "low"
    assert set(row["grade:set"].split("|")) <= {"low", "middle", "high"}


def test_models_of_one_name_are_told_apart_by_number(run: Run) -> None:
    row = run.rows(run(MIXED, "forest", "boosted", "forest"))[0]
    assert float(row["solubility"]) == float(row["solubility#3"])
    assert "solubility#2:lower" in row
    assert float(row["consensus"]) == pytest.approx(
        (2 * float(row["solubility"]) + float(row["solubility#2"])) / 3, rel=1e-5
    )


def test_a_model_named_like_a_column_of_the_file_gets_another_name(run: Run) -> None:
    row = run.rows(run(MIXED, "record"))[0]
    assert row["record"] == "0"
    assert float(row["record#2"])


def test_the_name_in_the_command_wins_over_the_models_own(run: Run) -> None:
    run(MIXED, "forest")
    named = run.command.models[0].model_copy(update={"name": "mine"})
    event = predict(run.command.model_copy(update={"models": (named,)}), run.context)
    assert "mine:lower" in run.rows(event)[0]


def test_there_is_no_consensus_of_a_value_and_a_probability(run: Run) -> None:
    row = run.rows(run(MIXED, "forest", "classes"))[0]
    assert (row["consensus"], row["consensus:std"]) == ("", "")


def test_a_weighted_consensus_needs_figures_of_validation(run: Run) -> None:
    assert run.rows(run(MIXED, "forest", "boosted", consensus="weighted"))[0]["consensus"]
    with pytest.raises(Rejected, match="unmeasured has no RMSE"):
        run(MIXED, "forest", "unmeasured", consensus="weighted")


def test_confidence_widens_the_intervals(run: Run) -> None:
    narrow, wide = (run.rows(run(MIXED, "forest", confidence=value))[0] for value in (0.5, 0.95))
    assert float(wide["solubility:lower"]) < float(narrow["solubility:lower"])
    assert wide["solubility"] == narrow["solubility"]


@pytest.mark.parametrize("output_format", ["csv", "parquet", "sdf"])
def test_the_bytes_do_not_depend_on_the_number_of_processes(
    models: Path, tmp_path: Path, output_format: str
) -> None:
    source = tmp_path / "input.sdf"
    source.write_bytes(sdf(count=140))
    outputs = []
    for processes in (1, 3):
        run = Run(tmp_path, models, processes)
        event = run(source, "forest", "descriptors", output_format=output_format)
        outputs.append(run.files.path(event.output).read_bytes())
    assert outputs[0] == outputs[1]


def test_parquet_has_types_and_the_same_rows_as_csv(run: Run) -> None:
    expected = run.rows(run(MIXED, "forest", "classes"))
    event = run(MIXED, "forest", "classes", output_format="parquet")
    table = pq.read_table(run.files.path(event.output))
    assert table.column_names == list(expected[0])
    assert [str(table.schema.field(name).type) for name in ("record", "solubility", "title")] == [
        *("int64", "double", "string")
    ]
    assert str(table.schema.field("activity:inside_domain").type) == "bool"
    for row, texts in zip(table.to_pylist(), expected, strict=True):
        assert (row["smiles"] or "", row["code"] or "") == (texts["smiles"], texts["code"])
        if row["solubility"] is not None:
            assert row["solubility"] == pytest.approx(float(texts["solubility"]), rel=1e-6)


def test_sdf_keeps_the_input_records_and_adds_fields(run: Run, tmp_path: Path) -> None:
    source = tmp_path / "input.sdf"
    source.write_bytes(sdf(count=20))
    event = run(source, "forest", output_format="sdf")
    found = list(Chem.SDMolSupplier(str(run.files.path(event.output))))
    assert len(found) == 20
    for mol, known in zip(found, measured_molecules()[:20], strict=True):
        assert mol.GetProp("_Name") == known.name
        assert float(mol.GetProp("activity")) == known.activity
        assert Chem.MolToSmiles(mol) == mol.GetProp("smiles")
        assert mol.GetDoubleProp("solubility:lower") < mol.GetDoubleProp("solubility")
        assert not mol.HasProp("code")


def test_sdf_of_a_smiles_file_holds_drawn_structures_and_empty_ones_for_failed_records(run: Run) -> None:
    event = run(MIXED, "forest", output_format="sdf")
    found = list(Chem.SDMolSupplier(str(run.files.path(event.output))))
    assert [mol.GetNumAtoms() for mol in found] == [3, 0, 3, 0, 5]
    assert [mol.GetProp("_Name") for mol in found][1] == "broken"
    assert found[1].GetProp("code") == "UNPARSABLE"
    assert any(found[4].GetConformer().GetPositions().ravel())


def test_a_field_of_the_input_that_is_named_like_ours_is_kept_beside_it(run: Run, tmp_path: Path) -> None:
    source = tmp_path / "input.sdf"
    block = Chem.MolToMolBlock(Chem.MolFromSmiles("CCO"))
    source.write_text(f"{block}>  <smiles>\ntheirs\n\n>  <note>\ntwo\nlines\n\n$$$$\n", encoding="utf-8")
    event = run(source, "forest", output_format="sdf")
    (mol,) = Chem.SDMolSupplier(str(run.files.path(event.output)))
    assert (mol.GetProp("smiles"), mol.GetProp("input:smiles")) == ("CCO", "theirs")
    assert mol.GetProp("note") == "two\nlines"


def test_legacy_columns_are_named_as_the_old_services_named_them(run: Run) -> None:
    row = run.rows(run(MIXED, "modi", "classes", legacy_columns=True))[0]
    assert list(row) == [
        *("Id", "Compound SMILES", "activity", "Applicability domain distance"),
        *("Applicability domain density", "MODI", "Probability of activity"),
        *("Applicability domain distance#2", "Applicability domain density#2", "MODI#2"),
        *("code", "message"),
    ]
    assert (row["Id"], row["Compound SMILES"], row["MODI"], row["MODI#2"]) == ("0", "CCO", "0.81", "")


def test_a_record_that_one_model_cannot_treat_keeps_the_others_answer(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    calculate = RdkitDescriptors.calculate

    def moody(self: RdkitDescriptors, mol: Chem.Mol) -> Any:
        if mol.GetAtomWithIdx(0).GetSymbol() == "Si":
            raise RuntimeError("no silicon today")
        return calculate(self, mol)

    monkeypatch.setattr(RdkitDescriptors, "calculate", moody)
    event = run("CCO a\n[SiH3]CC b\n", "forest", "descriptors")
    good, bad = run.rows(event)
    assert (event.predicted, event.failed, event.rejects) == (2, 0, None)
    assert good["code"] == ""
    assert bad["code"] == "FEATURIZATION_FAILED"
    assert bad["message"] == "logS: RDKit cannot featurize it: no silicon today."
    assert bad["consensus"] == bad["solubility"] != ""
    assert bad["logS"] == ""
    alone = run("CCO a\n[SiH3]CC b\n", "descriptors")
    assert (alone.predicted, alone.failed) == (1, 1)
    assert [row["record"] for row in run.rejects(alone)] == ["1"]


def test_a_broken_model_fails_the_command_and_is_named(run: Run) -> None:
    with pytest.raises(Rejected) as caught:
        run(MIXED, "forest", "broken")
    assert caught.value.code is Code.INVALID_MODEL
    assert caught.value.message.startswith("Model 1/broken (")
    assert caught.value.details["model"] == str(run.command.models[1].id)


def test_a_file_without_records_is_refused(run: Run) -> None:
    with pytest.raises(Rejected) as caught:
        run("# only a comment\n", "forest")
    assert caught.value.code is Code.NO_VALID_RECORDS


def test_a_file_of_nothing_but_bad_records_has_a_row_for_each(run: Run) -> None:
    event = run("nonsense one\nmore two\n", "forest")
    assert (event.records, event.predicted, event.failed) == (2, 0, 2)
    assert len(run.rows(event)) == 2


@pytest.mark.parametrize(
    ("fields", "code", "word"),
    [
        ({"confidence": 1.0}, Code.INVALID_COMMAND, "confidence"),
        ({"consensus": "vote"}, Code.UNKNOWN_NAME, "Known: mean, weighted"),
        ({"output_format": "xls"}, Code.UNKNOWN_NAME, "Known: csv, parquet, sdf"),
        ({"file_type": "cdx"}, Code.UNKNOWN_NAME, "'cdx'"),
        ({"options": {"fast": "yes"}}, Code.UNKNOWN_NAME, "'fast'"),
    ],
)
def test_a_bad_field_is_refused_before_anything_is_loaded(
    run: Run, fields: dict[str, Any], code: Code, word: str
) -> None:
    with pytest.raises(Rejected, match=word) as caught:
        run(MIXED, "broken", **fields)
    assert caught.value.code is code


def test_a_users_model_file_is_left_where_it_was(run: Run) -> None:
    run(MIXED, "forest")
    assert (run.models / "forest").exists()


@pytest.mark.skipif(not SHARED_DATA.exists(), reason="the public data sets are not beside the repository")
def test_malformed_files_have_as_many_rows_as_records(models: Path, tmp_path: Path) -> None:
    seen = 0
    for path in sorted((SHARED_DATA / "malformed").rglob("*.*")):
        if path.suffix not in (".sdf", ".mol") or path.stat().st_size > 1 << 16:
            continue
        try:
            expected = sum(1 for _ in open_records(path, scratch=tmp_path))
        except Rejected:
            continue
        run = Run(tmp_path, models)
        event = run(path, "forest")
        rows = run.rows(event)
        assert len(rows) == expected == event.records, path
        assert [int(row["record"]) for row in rows] == list(range(expected)), path
        assert sum(not row["solubility"] for row in rows) == event.failed == len(run.rejects(event)), path
        seen += 1
    assert seen >= 30
