"""The offline commands on real molecules, through the same handlers as the fleet's."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from rdkit import Chem
from rdkit.Chem import rdFingerprintGenerator
from typer.testing import CliRunner, Result

from molfleet.cli.app import app
from molfleet.cli.frame import Exit
from tests import builders


def molfleet(*arguments: str | Path) -> Result:
    return CliRunner(env={"COLUMNS": "200", "NO_COLOR": "1"}).invoke(app, [str(word) for word in arguments])


@pytest.fixture
def smiles(tmp_path: Path) -> Path:
    path = tmp_path / "mols.smi"
    path.write_text("CCO ethanol\nnot_a_molecule bad\nCC(=O)Oc1ccccc1C(=O)O aspirin\n")
    return path


def test_features_writes_the_three_files_that_are_promised(smiles: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    result = molfleet(
        *("features", smiles, "--featurizer", "ECFP:1024:2", "-f", "MACCS", "--output", out, "--json"),
        *("--processes", "1"),
    )
    assert result.exit_code == Exit.SUCCESS, result.output
    summary = json.loads((out / "summary.json").read_text())
    assert (summary["records"], summary["structures"], summary["failed"]) == (3, 2, 1)
    table = pq.read_table(out / "features.parquet")
    assert table["record"].to_pylist() == [0, 2]
    generator = rdFingerprintGenerator.GetMorganGenerator(radius=2, fpSize=1024)
    aspirin = generator.GetFingerprint(Chem.MolFromSmiles(builders.ASPIRIN))
    packed = table["ECFP_1024_2"].to_pylist()[1]
    on = {8 * byte + bit for byte, value in enumerate(packed) for bit in range(8) if value >> bit & 1}
    assert on == set(aspirin.GetOnBits())
    (reject,) = csv.DictReader((out / "rejects.csv").open())
    assert (reject["record"], reject["title"], reject["code"]) == ("1", "bad", "UNPARSABLE")
    said = json.loads(result.stdout)
    assert [Path(path).name for path in said["files"]] == [
        "features.parquet",
        "rejects.csv",
        "summary.json",
    ]


def test_a_file_without_rejects_still_has_a_rejects_file(tmp_path: Path) -> None:
    (tmp_path / "one.smi").write_text("CCO\n")
    options = ("--featurizer", "MACCS", "--output", tmp_path / "out", "--set", "output_format=csv")
    result = molfleet("features", tmp_path / "one.smi", *options)
    assert result.exit_code == Exit.SUCCESS, result.output
    assert (tmp_path / "out" / "features.csv").is_file()
    assert (tmp_path / "out" / "rejects.csv").read_text().strip() == "record,line,title,code,message"


@pytest.mark.parametrize(
    ("options", "code", "says"),
    [
        (("--featurizer", "ECPF:1024:2"), Exit.FAILED, "Did you mean ECFP?"),
        (("--featurizer", "ECFP:x"), Exit.USAGE, "TYPE:SIZE:RADIUS"),
        (("--featurizer", "MACCS", "--set", "standardise=none"), Exit.USAGE, "Did you mean standardize?"),
        (
            ("--featurizer", "MACCS", "--set", "record_time_limit_ms=soon"),
            Exit.USAGE,
            "record_time_limit_ms",
        ),
    ],
)
def test_what_is_wrong_with_a_request_is_said_in_a_sentence(
    smiles: Path, tmp_path: Path, options: tuple[str, ...], code: Exit, says: str
) -> None:
    result = molfleet("features", smiles, "--output", tmp_path / "out", *options)
    assert result.exit_code == code
    assert says in result.output
    assert "Traceback" not in result.output


def test_a_file_without_a_molecule_is_a_failure_with_its_code(tmp_path: Path) -> None:
    (tmp_path / "empty.sdf").write_text("")
    options = ("--featurizer", "MACCS", "--output", tmp_path / "out", "--json")
    result = molfleet("features", tmp_path / "empty.sdf", *options)
    assert result.exit_code == Exit.FAILED
    event = json.loads(result.stdout)
    assert (event["type"], event["code"]) == ("FeatureVectorsCalculationFailed", "NO_VALID_RECORDS")


@pytest.mark.worker
def test_a_model_is_trained_inspected_and_predicts(smiles: Path, tmp_path: Path) -> None:
    data, model = tmp_path / "measured.sdf", tmp_path / "model"
    data.write_bytes(builders.sdf(count=80))
    trained = molfleet(
        *("train", data, "--target", "activity", "--method", "ridgeregression", "--featurizer", "MACCS"),
        *("--output", model, "--set", "k_fold=2", "--json"),
    )
    assert trained.exit_code == Exit.SUCCESS, trained.output
    metrics = json.loads((model / "metrics.json").read_text())
    assert {"name", "target", "subset", "value"} <= metrics[0].keys()
    assert all(Path(path).is_file() for path in json.loads(trained.stdout)["files"])

    seen = molfleet("model", "inspect", model / "model.molmodel")
    assert seen.exit_code == Exit.SUCCESS, seen.output
    assert "ridgeregression" in seen.output
    assert "MACCS" in seen.output

    predictions = tmp_path / "predictions.csv"
    done = molfleet("predict", smiles, "--model", model / "model.molmodel", "--output", predictions)
    assert done.exit_code == Exit.SUCCESS, done.output
    rows = list(csv.DictReader(predictions.open()))
    assert [row["title"] for row in rows] == ["ethanol", "bad", "aspirin"]
    assert [bool(row["consensus"]) for row in rows] == [True, False, True]


def test_a_model_with_one_flipped_byte_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "no.molmodel"
    path.write_bytes(b"PK\x03\x04 this is not a bundle")
    result = molfleet("model", "inspect", path)
    assert result.exit_code == Exit.FAILED
    assert "INVALID_MODEL" in result.output


def test_predictions_of_an_unknown_form_are_refused(smiles: Path, tmp_path: Path) -> None:
    result = molfleet("predict", smiles, "--model", smiles, "--output", tmp_path / "out.xlsx")
    assert result.exit_code == Exit.USAGE
    assert ".parquet" in result.output
