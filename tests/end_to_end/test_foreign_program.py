"""A program that has nothing of ours but the published schemas is served as well as our own client."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sys
import sysconfig
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4, uuid5

import pytest

from molfleet.messages.generated import ModelRef
from tests import builders
from tests.end_to_end.fleet import RealFleet
from tests.paths import ROOT

pytestmark = pytest.mark.real

PUBLISHED = ROOT / "schemas" / "published"
#: Runs a file with the installed libraries on its path, but neither this repository nor its `.pth`.
BARE = """
import runpy, sys
_, libraries, *sys.argv = sys.argv
sys.path.append(libraries)
runpy.run_path(sys.argv[0], run_name="__main__")
"""


async def bare_python(
    program: Path, *arguments: str, cwd: Path, given: str = "", **variables: str
) -> tuple[int, str]:
    """Exit status and output of a program that cannot import anything of this repository."""
    libraries = sysconfig.get_path("purelib")
    environment = {"PATH": os.environ.get("PATH", ""), **variables}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-I", "-S", "-c", BARE, libraries, str(program), *arguments),
        cwd=cwd,
        env=environment,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    out, _ = await process.communicate(given.encode())
    assert process.returncode is not None
    return process.returncode, out.decode()


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    """A folder that holds the foreign program and a copy of the published schemas."""
    shutil.copytree(PUBLISHED, tmp_path / "schemas")
    shutil.copy(ROOT / "tests" / "end_to_end" / "foreign.py", tmp_path)
    return tmp_path


async def foreign(elsewhere: Path, fleet: RealFleet, **task: Any) -> dict[str, Any]:
    """What the foreign program learns about its command."""
    known = {
        "bootstrap": fleet.settings.kafka.bootstrap,
        "prefix": fleet.settings.topic_prefix,
        "schemas": str(elsewhere / "schemas"),
    }
    status, out = await bare_python(elsewhere / "foreign.py", cwd=elsewhere, given=json.dumps(known | task))
    assert status == 0
    found = json.loads(out)
    assert isinstance(found, dict)
    return found


def identity() -> dict[str, Any]:
    return {"id": str(uuid4()), "correlation_id": str(uuid4()), "user_id": str(uuid4())}


def vectors(fleet: RealFleet, **fields: Any) -> dict[str, Any]:
    """A CalculateFeatureVectors command as plain JSON; what is left out has its schema's default."""
    source = fleet.put(builders.sdf(count=5), "foreign.sdf")
    return {
        "topic": "feature-vectors",
        "command": "CalculateFeatureVectors",
        "fields": {
            **identity(),
            "source": {"bucket": source.bucket, "key": source.key},
            "featurizers": [{"type": "ECFP", "size": 512, "radius": 2}],
            **fields,
        },
    }


async def test_a_command_without_headers_is_answered_with_all_that_the_contract_names(
    local_fleet: RealFleet, elsewhere: Path
) -> None:
    task = vectors(local_fleet)
    sent = task["fields"]
    found = await foreign(elsewhere, local_fleet, **task)
    event, headers = found["event"], found["headers"]
    assert found["type"] == "molfleet.events.FeatureVectorsCalculated"
    assert {name: event[name] for name in identity()} == {name: sent[name] for name in identity()}
    assert (event["records"], event["structures"], event["columns"]) == (5, 5, 512)
    assert found["key"] == sent["correlation_id"]
    event_id = str(uuid5(UUID(sent["id"]), "molfleet.commands.CalculateFeatureVectors:terminal"))
    expected = {
        "content-type": "application/avro",
        "ce_id": event_id,
        "ce_source": "/molfleet/feature-vectors",
        "ce_type": found["type"],
        "ce_specversion": "1.0",
        "ce_subject": sent["id"],
        "ce_dataschema": f"urn:molfleet:schema:{found['fingerprint']}",
        "MessageId": event_id,
        "CorrelationId": sent["correlation_id"],
        "ConversationId": sent["correlation_id"],
        "InitiatorId": sent["id"],
    }
    assert {name: headers.get(name) for name in expected} == expected
    assert {"ce_time", "traceparent"} <= headers.keys()
    assert headers.get("molfleet-generation", "1") == "1"


async def test_a_light_command_without_headers_is_answered_too(
    local_fleet: RealFleet, small_model: ModelRef, elsewhere: Path
) -> None:
    blob = {"bucket": small_model.blob.bucket, "key": small_model.blob.key}
    sent = {**identity(), "structure": "CCO", "models": [{"id": str(small_model.id), "blob": blob}]}
    task = {"topic": "predictions.single", "command": "SingleStructurePredict", "fields": sent}
    found = await foreign(elsewhere, local_fleet, **task)
    (answer,) = found["event"]["models"]
    assert found["type"] == "molfleet.events.SingleStructurePredicted"
    assert answer["id"] == str(small_model.id)
    assert answer["lower"] < answer["value"] < answer["upper"]
    assert found["key"] == sent["correlation_id"]
    event_id = str(uuid5(UUID(sent["id"]), "molfleet.commands.SingleStructurePredict:terminal"))
    assert found["headers"]["ce_id"] == found["headers"]["MessageId"] == event_id


async def test_a_command_of_a_newer_schema_that_only_the_schema_topic_knows_is_understood(
    local_fleet: RealFleet, elsewhere: Path
) -> None:
    newer = {"extra_fields": {"priority_of_next_year": "high"}, "announce": True}
    found = await foreign(elsewhere, local_fleet, **vectors(local_fleet), **newer)
    assert found["type"] == "molfleet.events.FeatureVectorsCalculated"
    assert found["event"]["structures"] == 5
    assert found["sent_as"] not in json.loads((PUBLISHED / "index.json").read_text("utf-8"))


async def test_a_command_of_a_schema_that_nobody_knows_is_a_dead_letter(
    local_fleet: RealFleet, elsewhere: Path
) -> None:
    found = await foreign(elsewhere, local_fleet, **vectors(local_fleet), extra_fields={"unheard_of": "x"})
    assert found["dead_letter"]
    assert found["key"] == "a key of our own"
    assert found["headers"]["kafka_dlt-exception-fqcn"] == "UNKNOWN_SCHEMA"
    assert found["fingerprint"] in found["headers"]["kafka_dlt-exception-message"]


async def test_the_example_of_the_documents_runs(
    local_fleet: RealFleet, small_model: ModelRef, tmp_path: Path
) -> None:
    fields = {"structure": "CCO", "models": [small_model.model_dump(mode="json")]}
    variables = {
        "MOLFLEET_KAFKA_BOOTSTRAP": local_fleet.settings.kafka.bootstrap,
        "MOLFLEET_TOPIC_PREFIX": local_fleet.settings.topic_prefix,
    }
    example = ROOT / "examples" / "python" / "publish_and_wait.py"
    arguments = ("SingleStructurePredict", json.dumps(fields))
    status, out = await bare_python(example, *arguments, cwd=tmp_path, **variables)
    assert status == 0
    assert out.startswith("SingleStructurePredicted ")


async def test_the_history_passes_the_audit(local_fleet: RealFleet) -> None:
    await local_fleet.audit()
    assert local_fleet.dead() == []
