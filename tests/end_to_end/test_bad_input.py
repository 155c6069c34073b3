"""Bad input ends as the contract says, and the workers that met it go on serving.

One set of worker processes meets all of it; the last test asks whether they still are the same, and
audits the whole history.
"""

from __future__ import annotations

import asyncio
import csv
import io
import json
from pathlib import Path

import pytest
from rdkit import Chem

from molfleet.errors import Code, RecordCode
from molfleet.messages.generated import (
    BlobRef,
    FeatureVectorsCalculated,
    ModelRef,
    PropertiesPredicted,
    SingleStructurePredicted,
)
from molfleet.messages.record import Command, FailureEvent
from tests import builders
from tests.end_to_end.bad_commands import CASES
from tests.end_to_end.cases import Case, Given, missing_model
from tests.end_to_end.fleet import RealFleet

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def given(local_fleet: RealFleet, small_model: ModelRef) -> Given:
    return Given(local_fleet, small_model)


@pytest.fixture(scope="module")
async def ends(given: Given) -> dict[Case, tuple[Command, FailureEvent | BaseException]]:
    """How all cases ended, sent at once as they would meet in a busy fleet."""
    commands = [case.make(given) for case in CASES]
    events = await asyncio.gather(*map(given.fleet.failure, commands), return_exceptions=True)
    return dict(zip(CASES, zip(commands, events, strict=True), strict=True))


@pytest.mark.parametrize("case", [pytest.param(case, id=f"{case.command} {case.name}") for case in CASES])
def test_a_command_that_cannot_succeed_says_what_is_at_fault(
    case: Case, ends: dict[Case, tuple[Command, FailureEvent | BaseException]]
) -> None:
    command, event = ends[case]
    assert isinstance(event, FailureEvent), repr(event)
    assert (event.code, event.retryable) == (case.code, case.code == Code.DEADLINE_EXCEEDED), event.message
    assert (event.id, event.correlation_id) == (command.id, command.correlation_id)
    assert [name for name in case.names if name not in event.message] == [], event.message
    assert event.message[0].isupper() or event.message.startswith(case.names)
    assert event.message.endswith((".", ":"))
    assert "Traceback" not in event.message


async def test_what_is_no_command_of_its_topic_is_a_dead_letter_as_it_came(local_fleet: RealFleet) -> None:
    """Undecodable, truncated, of an unknown schema, of another topic, without an id: on every topic."""
    fleet = local_fleet
    command = builders.calculate_feature_vectors()
    good, foreign = fleet.codec.encode(command), fleet.codec.encode(builders.cancel_command())
    head, body = good[:10], good[10:]
    nobody = fleet.codec.encode(command.model_copy(update={"correlation_id": command.id}))
    letters = {
        b"\xff\xfe no message": "UNDECODABLE",
        b"": "UNDECODABLE",
        head: "UNDECODABLE",
        good[:-3]: "UNDECODABLE",
        good + b"\0": "UNDECODABLE",
        good[:7]: "UNDECODABLE",
        b"\0\0\0\0\7" + body: "UNDECODABLE",
        b"\xc3\x01" + bytes(8) + body: "UNKNOWN_SCHEMA",
        nobody.replace(
            str(command.id).encode(), b"this is not a UUID, but as long as it"[:36]
        ): "NO_IDENTITY",
        foreign: "WRONG_TYPE",
    }
    headers = (("traceparent", b"00-" + b"1" * 32 + b"-" + b"2" * 16 + b"-01"), ("other", b"\xff\0"))
    for topic in fleet.topics.command_topics:
        belongs = command.full_name in fleet.topics.types_of(topic)
        own = letters if belongs else {v: w for v, w in letters.items() if w != "NO_IDENTITY"}
        await fleet.send_raw(*((topic, value, headers) for value in own))
        await fleet.at_rest()
        found = {letter.value: letter for letter in await fleet.letters(topic) if letter.headers == headers}
        assert {value: letter.reason for value, letter in found.items()} == own
        assert all(letter.source and letter.source.topic == topic for letter in found.values())
        assert all(letter.message for letter in found.values())


async def test_a_record_without_a_value_is_a_dead_letter(local_fleet: RealFleet) -> None:
    for topic in local_fleet.topics.command_topics:
        await local_fleet.send_raw((topic, None, ()))
        await local_fleet.at_rest()
        assert [letter.reason for letter in await local_fleet.letters(topic) if letter.value is None] == [
            "UNDECODABLE"
        ]


async def test_garbage_among_the_cancellations_stops_nobody(given: Given) -> None:
    control = given.fleet.topics.command_topic_of("molfleet.commands.CancelCommand")
    wrong = given.fleet.codec.encode(builders.single_structure_predict())
    await given.fleet.send_raw((control, b"garbage", ()), (control, None, ()), (control, wrong, ()))
    command = builders.single_structure_predict(models=[given.model])
    await given.fleet.success(command, SingleStructurePredicted)


async def test_one_bad_model_among_good_ones_has_an_error_of_its_own(given: Given) -> None:
    models = [given.flipped, given.model, *missing_model(given)]
    command = builders.single_structure_predict(models=models)
    event = await given.fleet.success(command, SingleStructurePredicted)
    assert [answer.error.code if answer.error else None for answer in event.models] == [
        Code.INVALID_MODEL,
        None,
        Code.BLOB_NOT_FOUND,
    ]
    assert event.consensus is not None
    assert (event.consensus.models, event.consensus.value) == (1, event.models[1].value)


def rows_of(fleet: RealFleet, ref: BlobRef | None) -> list[dict[str, str]]:
    """The rows of a CSV output; none where there is no such output."""
    return list(csv.DictReader(io.StringIO(fleet.get(ref).decode()))) if ref else []


async def test_every_record_of_every_malformed_file_is_a_vector_or_a_reject(
    local_fleet: RealFleet, shared_data: Path
) -> None:
    folder = shared_data / "malformed"
    index = json.loads((folder / "index.json").read_text("utf-8"))
    commands = {
        entry["file"]: builders.calculate_feature_vectors(
            source=local_fleet.put((folder / entry["file"]).read_bytes(), f"malformed/{entry['file']}"),
            featurizers=[builders.ecfp(256)],
        )
        for entry in index
    }
    outcomes = await asyncio.gather(*map(local_fleet.run, commands.values()))
    for name, outcome in zip(commands, outcomes, strict=True):
        if isinstance(outcome.event, FailureEvent):
            assert outcome.event.code in (Code.NO_VALID_RECORDS, Code.UNREADABLE_FILE), outcome.why
            assert Path(name).name in outcome.event.message
            continue
        assert isinstance(outcome.event, FeatureVectorsCalculated), outcome.why
        rejects = rows_of(local_fleet, outcome.event.rejects)
        assert outcome.event.structures > 0
        assert outcome.event.records == outcome.event.structures + outcome.event.failed
        assert len(rejects) == outcome.event.failed
        assert {row["code"] for row in rejects} <= set(RecordCode)
        assert all(row["message"] for row in rejects)


async def test_the_bad_records_of_a_file_are_named_and_the_good_ones_used(
    given: Given, shared_data: Path
) -> None:
    name = "invalid_sdf_with_20_records_where_first_and_second_are_invalid.sdf"
    source = given.fleet.put((shared_data / name).read_bytes(), name)
    calculated = await given.fleet.success(
        builders.calculate_feature_vectors(source=source), FeatureVectorsCalculated
    )
    predicted = await given.fleet.success(
        builders.predict_properties(source=source, models=[given.model]), PropertiesPredicted
    )
    assert (calculated.records, calculated.structures, calculated.failed) == (20, 18, 2)
    assert (predicted.records, predicted.predicted, predicted.failed) == (20, 18, 2)
    unread = [
        number for number, mol in enumerate(Chem.SDMolSupplier(str(shared_data / name))) if mol is None
    ]
    for rejects in (calculated.rejects, predicted.rejects):
        assert [int(row["record"]) for row in rows_of(given.fleet, rejects)] == unread
    rows = rows_of(given.fleet, predicted.output)
    assert [int(row["record"]) for row in rows] == list(range(20))
    assert [number for number, row in enumerate(rows) if row["code"]] == unread
    assert [number for number, row in enumerate(rows) if not row["small"]] == unread


async def test_the_same_processes_served_all_of_it_and_the_history_passes_the_audit(given: Given) -> None:
    assert given.fleet.dead() == []
    assert all(worker.ready() for worker in given.fleet.processes.processes)
    await given.fleet.success(
        builders.calculate_feature_vectors(source=given.good), FeatureVectorsCalculated
    )
    await given.fleet.audit()
