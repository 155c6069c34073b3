"""The examples know nothing of ours, and understand what the published schemas describe."""

from __future__ import annotations

import ast
import importlib.util
import re
import sys
from datetime import UTC, datetime
from types import ModuleType
from uuid import uuid4

import pytest

from tests.paths import ROOT
from tests.structure.sources import python_files, text, tracked

PUBLISHED = ROOT / "schemas" / "published"


def load(name: str) -> ModuleType:
    path = ROOT / "examples" / "python" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(f"example_{name}", path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_examples_import_nothing_of_ours() -> None:
    allowed = {*sys.stdlib_module_names, "aiokafka", "fastavro", "numpy", "pyarrow"}
    for path in python_files("examples"):
        for node in ast.walk(ast.parse(text(path) or "")):
            if isinstance(node, ast.Import):
                assert {alias.name.split(".")[0] for alias in node.names} <= allowed, path
            elif isinstance(node, ast.ImportFrom):
                assert str(node.module).split(".")[0] in allowed, path


def command_fields() -> dict[str, object]:
    model = {"id": str(uuid4()), "blob": {"bucket": "models", "key": "m.molmodel"}}
    identity = {"id": uuid4(), "correlation_id": uuid4(), "time_stamp": datetime.now(UTC)}
    return {**identity, "structure": "CCO", "models": [model]}


def test_the_publisher_reads_what_it_writes_and_defaults_are_filled_in() -> None:
    example = load("publish_and_wait")
    sent = command_fields()
    name, fields = example.decode(example.encode("SingleStructurePredict", sent))
    assert name == "SingleStructurePredict"
    assert (fields["id"], fields["structure"], fields["confidence"]) == (sent["id"], "CCO", 0.9)


def test_the_subscriber_understands_a_schema_as_soon_as_it_has_seen_it() -> None:
    value = load("publish_and_wait").encode("SingleStructurePredict", command_fields())
    subscriber = load("subscribe")
    schemas: dict[bytes, object] = {}
    assert subscriber.decode(schemas, value) is None
    schema = (PUBLISHED / "SingleStructurePredict.avsc").read_bytes()
    subscriber.learn(schemas, value[2:10].hex().encode(), schema)
    name, fields = subscriber.decode(schemas, value)
    assert (name, fields["structure"]) == ("molfleet.commands.SingleStructurePredict", "CCO")


@pytest.mark.parametrize("event", ["ModelTrainingStarted", "ModelThumbnailGenerated", "ModelTrained"])
def test_the_dotnet_example_names_fields_that_its_events_have(event: str) -> None:
    source = (ROOT / "examples/dotnet/FleetSerializers.cs").read_text("utf-8")
    case = source.split(f'case "{event}":')[1].split("case ")[0].split("default:")[0]
    schema = (PUBLISHED / f"{event}.avsc").read_text("utf-8")
    fields = re.findall(r'record\["(\w+)"\]', case)
    assert fields
    assert all(f'"name": "{field}"' in schema for field in fields)


def test_every_file_of_the_dotnet_example_is_explained_in_its_readme() -> None:
    readme = (ROOT / "examples/dotnet/README.md").read_text("utf-8")
    sources = [p.name for p in tracked() if p.suffix == ".cs" and p.parts[:2] == ("examples", "dotnet")]
    assert sources
    assert all(f"`{name}`" in readme for name in sources)
