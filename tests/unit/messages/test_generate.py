from __future__ import annotations

import json
import shutil
import subprocess
import sys
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from molfleet.messages import generate
from tests.paths import ROOT


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of what the generator reads and writes."""
    shutil.copytree(ROOT / "schemas", tmp_path / "schemas")
    package = Path("common") / "molfleet" / "messages"
    shutil.copytree(ROOT / package / "data", tmp_path / package / "data")
    shutil.copy(ROOT / package / "generated.py", tmp_path / package / "generated.py")
    return tmp_path


def edit(path: Path, change: Any) -> None:
    schema = json.loads(path.read_text(encoding="utf-8"))
    change(schema)
    path.write_text(json.dumps(schema), encoding="utf-8")


def test_the_committed_files_are_current() -> None:
    assert generate.stale_files(ROOT) == []


def test_the_module_is_run_as_documented() -> None:
    command = [sys.executable, "-m", "molfleet.messages.generate", "--check"]
    assert subprocess.run(command, cwd=ROOT, check=False).returncode == 0
    assert subprocess.run([*command, "--what"], cwd=ROOT, check=False, capture_output=True).returncode == 2


def test_check_names_what_is_stale_and_writing_mends_it(
    tree: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    edit(tree / "schemas" / "avro" / "commands" / "CancelCommand.avsc", lambda s: s.update(doc="Other."))
    (tree / "schemas" / "published" / "Gone.avsc").write_text("{}", encoding="utf-8")
    assert generate.main(["--check"], tree) == 1
    named = capsys.readouterr().err
    for path in (
        "common/molfleet/messages/generated.py",
        "common/molfleet/messages/data/CancelCommand.avsc",
        "schemas/published/CancelCommand.avsc",
        "schemas/published/Gone.avsc",
    ):
        assert path in named
    assert "TrainModel.avsc" not in named
    assert generate.main([], tree) == 0
    assert generate.main(["--check"], tree) == 0
    assert not (tree / "schemas" / "published" / "Gone.avsc").exists()


def test_an_existing_message_keeps_its_source_when_another_is_added(tree: Path) -> None:
    folder = tree / "schemas" / "avro" / "commands"
    shutil.copy(folder / "CancelCommand.avsc", folder / "Wake.avsc")
    edit(folder / "Wake.avsc", lambda schema: schema.update(name="Wake"))
    generate.write(tree)
    source = (tree / "common" / "molfleet" / "messages" / "generated.py").read_text(encoding="utf-8")
    assert "class Wake(Command):" in source
    assert "class CancelCommand(Command):" in source


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (lambda s: s.update(name="Other"), r"holds molfleet\.commands\.Other"),
        (lambda s: s["fields"][0].pop("doc"), "field id has no doc"),
        (lambda s: s["fields"].pop(0), "lacks id of every Command"),
        (lambda s: s["fields"].append({"name": "x", "type": "null", "doc": "X."}), "no bytes"),
    ],
)
def test_a_faulty_schema_is_refused_and_named(tree: Path, change: Any, fault: str) -> None:
    edit(tree / "schemas" / "avro" / "commands" / "CancelCommand.avsc", change)
    with pytest.raises(ValueError, match=fault):
        generate.expected_files(tree)


def test_a_type_within_itself_is_refused(tree: Path) -> None:
    field = {"name": "more", "type": {"type": "array", "items": "molfleet.types.Search"}, "doc": "X."}
    edit(tree / "schemas" / "avro" / "types" / "Search.avsc", lambda schema: schema["fields"].append(field))
    with pytest.raises(ValueError, match="Search contains itself"):
        generate.expected_files(tree)


def test_the_package_carries_the_published_schemas_and_nothing_else() -> None:
    carried = {item.name: item.read_bytes() for item in (files("molfleet.messages") / "data").iterdir()}
    published = {path.name: path.read_bytes() for path in (ROOT / "schemas" / "published").iterdir()}
    assert carried == published
