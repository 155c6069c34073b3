"""molfleet features: its options, its files, what it prints, and what an interruption leaves."""

from __future__ import annotations

import json
import multiprocessing
import os
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from molfleet import features
from molfleet.cli import running
from molfleet.cli.frame import Exit
from molfleet.local.offline import LocalContext
from tests.unit.cli.test_offline import molfleet

SMILES = "CCO ethanol\nnot_a_molecule bad\nCC(=O)[O-].[Na+] salt\n"
FILES = ["features.parquet", "rejects.csv", "summary.json"]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "mols.smi"
    path.write_text(SMILES)
    return path


def run(source: Path, out: Path, *options: str | Path) -> str:
    result = molfleet("features", source, "-f", "MACCS", "-o", out, "--processes", "1", *options)
    assert result.exit_code == Exit.SUCCESS, result.output
    return result.stdout


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def test_the_options_are_fields_of_the_command(tmp_path: Path) -> None:
    source, out = tmp_path / "table.txt", tmp_path / "out"
    source.write_text("name,drawn,note\nsalt,CC(=O)[O-].[Na+],x\n")
    options = ("--file-type", "csv", "--structure-column", "drawn", "--standardize", "parent-neutral")
    more = ("--identifiers", "smiles,inchikey", "--carry", "note", "--format", "csv")
    run(source, out, *options, *more, "--record-time-limit", "2.5")
    table = features.read(out / "features.csv")
    assert table.texts == {
        "smiles": ["CC(=O)O"],
        "inchikey": ["QTBSBXVTEAMEQO-UHFFFAOYSA-N"],
        "note": ["x"],
    }
    assert json.loads((out / "summary.json").read_text())["standardize"] == "parent-neutral"


@pytest.mark.parametrize(
    ("options", "code", "says"),
    [
        (("--standardize", "full"), Exit.FAILED, "none, parent, parent-neutral, tautomer"),
        (("--identifiers", "inchi"), Exit.FAILED, "Known: smiles, inchikey"),
        (("--format", "xlsx"), Exit.FAILED, "Known: parquet, csv, npz"),
        (("--record-time-limit", "0"), Exit.USAGE, "record-time-limit"),
        (("--processes", "0"), Exit.USAGE, "processes"),
    ],
)
def test_a_wrong_option_is_refused_with_what_is_allowed_and_leaves_nothing(
    source: Path, tmp_path: Path, options: tuple[str, ...], code: Exit, says: str
) -> None:
    result = molfleet("features", source, "-f", "MACCS", "-o", tmp_path / "out", *options)
    assert (result.exit_code, result.stdout) == (code, "")
    assert says in result.stderr
    assert names(tmp_path) == ["mols.smi"]


@pytest.mark.slow
def test_what_is_printed_tells_the_counts_the_files_and_how_to_read_them(
    source: Path, tmp_path: Path
) -> None:
    said = run(source, tmp_path / "it's out")
    assert said.splitlines()[:4] == [
        "records     3",
        "structures  2",
        "failed      1  (UNPARSABLE 1)",
        "columns     167  (MACCS)",
    ]
    assert "records/s" in said
    assert all(str(tmp_path / "it's out" / name) in said for name in FILES)
    command = shlex.split(said.splitlines()[-1])
    assert command[0] == sys.executable
    read = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "MACCS:0" in read.stdout


def test_json_is_one_document_and_nothing_else(source: Path, tmp_path: Path) -> None:
    said = json.loads(run(source, tmp_path / "out", "--json"))
    assert {name: said[name] for name in ("records", "structures", "failed", "columns", "codes")} == {
        "records": 3,
        "structures": 2,
        "failed": 1,
        "columns": 167,
        "codes": {"UNPARSABLE": 1},
    }
    assert said["seconds"] > 0
    assert said["files"] == [str(tmp_path / "out" / name) for name in FILES]


def test_a_second_run_replaces_the_files_of_the_first(source: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    run(source, out)
    (out / "rejects.sdf").write_text("of a run before")
    (out / "mine.txt").write_text("somebody's")
    source.write_text("CCC\n")
    run(source, out)
    assert names(out) == ["features.parquet", "mine.txt", "rejects.csv", "summary.json"]
    assert len(features.read(out / "features.parquet")) == 1
    assert (out / "rejects.csv").read_text().count("\n") == 1


def test_a_run_that_fails_touches_nothing_of_an_earlier_one(source: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    run(source, out)
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    source.write_text("rubbish\n")
    result = molfleet("features", source, "-f", "MACCS", "-o", out)
    assert result.exit_code == Exit.FAILED
    assert "NO_VALID_RECORDS" in result.stderr
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interruption_leaves_no_process_and_no_file(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    working: list[int] = []

    def progress(self: LocalContext, stage: str, *rest: object) -> None:
        working.append(len(multiprocessing.active_children()))
        os.kill(os.getpid(), number)

    monkeypatch.setattr(LocalContext, "progress", progress)
    result = molfleet("features", source, "-f", "MACCS", "-o", tmp_path / "out")
    assert result.exit_code == Exit.INTERRUPTED
    assert "Interrupted" in result.stderr
    assert working[0] > 0
    assert multiprocessing.active_children() == []
    assert names(tmp_path) == ["mols.smi"]


def test_the_number_of_processes_changes_no_byte(source: Path, tmp_path: Path) -> None:
    first, second = tmp_path / "a", tmp_path / "b"
    run(source, first)
    run(source, second, "--processes", "2")
    assert (first / "features.parquet").read_bytes() == (second / "features.parquet").read_bytes()


def test_without_a_terminal_progress_is_a_line_every_few_seconds(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now = [100.0]
    monkeypatch.setattr("molfleet.cli.running.time.monotonic", lambda: now[0])
    lines = running._Lines()
    for seconds, fraction in ((1, 0.1), (4, 0.34), (1, 0.4), (3700, 0.9)):
        now[0] += seconds
        lines("featurize", fraction, "1,000 records, 200/s", 3725.0 if fraction < 0.5 else 0.2)
    assert capsys.readouterr().err.splitlines() == [
        "molfleet: 34% featurize: 1,000 records, 200/s, 1:02:05 left",
        "molfleet: 90% featurize: 1,000 records, 200/s",
    ]
