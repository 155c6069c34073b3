"""The way of heavy commands, on real child processes, real blobs in a directory and a broker in memory."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from molfleet.errors import Code
from molfleet.messages.generated import (
    FeatureVectorsCalculated,
    FeatureVectorsCalculationFailed,
    ModelThumbnailGenerated,
    ModelTrained,
    ModelTrainingStarted,
    TrainingFailed,
)
from molfleet.runtime.worker import Worker
from tests import builders
from tests.harness import Fleet, until
from tests.unit.runtime.commands import TOPIC, failure, settled, toy

pytestmark = pytest.mark.worker


@pytest.fixture
async def fleet(tmp_path: Path) -> Fleet:
    return Fleet(tmp_path)


@pytest.fixture
async def worker(fleet: Fleet) -> AsyncIterator[Worker]:
    async with fleet.worker(only=[TOPIC, "training.commands"]) as running:
        yield running


@pytest.mark.usefixtures("worker")
class TestOneCommandOneOutcome:
    async def test_a_command_ends_in_its_success_event_and_is_committed(self, fleet: Fleet) -> None:
        command = toy()
        await fleet.send(command)
        event = await fleet.outcome(command)
        assert isinstance(event, FeatureVectorsCalculated)
        assert (event.id, event.correlation_id) == (command.id, command.correlation_id)
        assert fleet.store.read(event.output.bucket, event.output.key)[0] == b"a result"
        await settled(fleet, TOPIC, 1)

    async def test_a_rejection_becomes_the_failure_event_word_by_word(self, fleet: Fleet) -> None:
        command = toy("reject")
        await fleet.send(command)
        event = await failure(fleet, command)
        assert isinstance(event, FeatureVectorsCalculationFailed)
        assert (event.code, event.message, event.details) == (
            "UNREADABLE_FILE",
            "The file input.sdf is no SD file.",
            {"file": "input.sdf"},
        )
        assert not event.retryable

    async def test_a_mistake_in_a_handler_is_an_internal_failure_without_its_traceback(
        self, fleet: Fleet
    ) -> None:
        command = toy("error")
        await fleet.send(command)
        event = await failure(fleet, command)
        assert event.code == Code.INTERNAL
        assert "KeyError" in event.message
        assert "Traceback" not in event.model_dump_json()

    async def test_a_hundred_deliveries_compute_once_and_publish_the_same_bytes(
        self, fleet: Fleet, tmp_path: Path
    ) -> None:
        command = toy(log=tmp_path / "log")
        for _ in range(100):
            await fleet.send(command)
        await settled(fleet, TOPIC, 100)
        assert (tmp_path / "log").read_text().splitlines() == [str(command.id)]
        records = fleet.records(command)
        assert len(records) == 100
        assert len({(record.key, record.value, record.headers) for record in records}) == 1

    async def test_a_second_command_of_the_same_id_with_other_content_goes_to_the_dead_letters_only(
        self, fleet: Fleet
    ) -> None:
        first = toy()
        await fleet.send(first)
        await fleet.outcome(first)
        await fleet.send(first.model_copy(update={"options": {"do": "reject"}}), (("a", b"\xff"),))
        await until(lambda: len(fleet.dead_letters(TOPIC)) == 1)
        letter = fleet.dead_letters(TOPIC)[0]
        assert ("a", b"\xff") in letter.headers
        assert dict(letter.headers)["kafka_dlt-exception-fqcn"] == b"CONFLICT"
        assert len(fleet.terminal(first)) == 1

    async def test_the_same_command_with_another_time_stamp_is_no_conflict(self, fleet: Fleet) -> None:
        first = toy()
        await fleet.send(first)
        await fleet.outcome(first)
        await fleet.send(first.model_copy(update={"time_stamp": datetime(2020, 1, 1, tzinfo=UTC)}))
        await until(lambda: len(fleet.records(first)) == 2)
        assert fleet.dead_letters(TOPIC) == []

    async def test_a_new_generation_has_an_outcome_of_its_own(self, fleet: Fleet, tmp_path: Path) -> None:
        command = toy(log=tmp_path / "log")
        await fleet.send(command)
        await fleet.outcome(command)
        await fleet.send(command, (("molfleet-generation", b"2"),))
        await until(lambda: len(fleet.records(command)) == 2)
        first, second = (dict(record.headers)["ce_id"] for record in fleet.records(command))
        assert first != second
        assert len((tmp_path / "log").read_text().splitlines()) == 2

    async def test_an_event_that_is_too_large_becomes_a_failure_that_says_so(self, fleet: Fleet) -> None:
        command = builders.train_model(options={"name_length": "3000000"})
        await fleet.send(command)
        event = await failure(fleet, command)
        assert event.code == Code.RESULT_TOO_LARGE


@pytest.mark.usefixtures("worker")
class TestBadRecords:
    async def test_undecodable_bytes_go_to_the_dead_letters_unchanged(self, fleet: Fleet) -> None:
        await fleet.send_raw(TOPIC, b"no avro at all", (("x", b"y"),))
        await fleet.send_raw(TOPIC, None)
        await fleet.send_raw(TOPIC, fleet.codec.encode(toy())[:-3])
        await until(lambda: len(fleet.dead_letters(TOPIC)) == 3)
        values = {letter.value for letter in fleet.dead_letters(TOPIC)}
        assert {b"no avro at all", None} < values
        await settled(fleet, TOPIC, 3)

    async def test_an_unknown_schema_fingerprint_goes_to_the_dead_letters(self, fleet: Fleet) -> None:
        await fleet.send_raw(TOPIC, b"\xc3\x01" + b"12345678" + b"data")
        await until(lambda: len(fleet.dead_letters(TOPIC)) == 1)

    async def test_a_command_of_another_topic_goes_to_the_dead_letters(self, fleet: Fleet) -> None:
        await fleet.send_raw(TOPIC, fleet.codec.encode(builders.train_model()))
        await until(lambda: len(fleet.dead_letters(TOPIC)) == 1)

    async def test_an_expired_command_is_not_begun(self, fleet: Fleet, tmp_path: Path) -> None:
        past = datetime.now(UTC) - timedelta(seconds=1)
        command = toy(log=tmp_path / "log").model_copy(update={"expires_at": past})
        await fleet.send(command)
        assert (await failure(fleet, command)).code == Code.DEADLINE_EXCEEDED
        assert not (tmp_path / "log").exists()


@pytest.mark.usefixtures("worker")
class TestChildren:
    async def test_a_child_that_dies_once_is_tried_again(self, fleet: Fleet, tmp_path: Path) -> None:
        command = toy("kill-child-once", marker=tmp_path / "marker")
        await fleet.send(command)
        assert isinstance(await fleet.outcome(command), FeatureVectorsCalculated)

    async def test_a_command_that_kills_every_child_fails_and_is_a_dead_letter(self, fleet: Fleet) -> None:
        command = toy("kill-child")
        await fleet.send(command)
        event = await failure(fleet, command)
        assert event.code == Code.WORKER_CRASHED
        assert "3 times" in event.message
        assert len(fleet.dead_letters(TOPIC)) == 1
        await settled(fleet, TOPIC, 1)

    async def test_a_redelivery_of_a_given_up_command_repeats_dead_letter_and_event(
        self, fleet: Fleet
    ) -> None:
        command = toy("kill-child")
        await fleet.send(command)
        await fleet.send(command)
        await settled(fleet, TOPIC, 2)
        assert len(fleet.dead_letters(TOPIC)) == 2
        assert len({record.value for record in fleet.records(command)}) == 1

    async def test_a_memory_error_of_the_handler_is_out_of_memory(self, fleet: Fleet) -> None:
        command = toy("memory-error")
        await fleet.send(command)
        assert (await failure(fleet, command)).code == Code.OUT_OF_MEMORY

    async def test_a_store_that_is_away_for_the_child_fails_nothing(
        self, fleet: Fleet, tmp_path: Path
    ) -> None:
        command = toy("away-once", marker=tmp_path / "marker")
        await fleet.send(command)
        assert isinstance(await fleet.outcome(command), FeatureVectorsCalculated)


@pytest.mark.usefixtures("worker")
class TestEvents:
    async def test_started_comes_first_then_what_names_blobs_then_the_terminal_event(
        self, fleet: Fleet
    ) -> None:
        command = builders.train_model()
        await fleet.send(command)
        await fleet.outcome(command)
        assert [type(event) for event in fleet.events(command)] == [
            ModelTrainingStarted,
            *[ModelThumbnailGenerated] * 3,
            ModelTrained,
        ]

    async def test_a_failure_tells_the_truth_about_what_was_emitted(self, fleet: Fleet) -> None:
        command = builders.train_model(options={"do": "reject"})
        await fleet.send(command)
        event = await fleet.outcome(command)
        assert isinstance(event, TrainingFailed)
        assert event.is_thumbnail_generated
        assert not event.is_model_trained
        assert len(fleet.outputs(command.id)) == 3

    async def test_events_carry_the_trace_and_the_ids_of_their_command(self, fleet: Fleet) -> None:
        command = toy()
        trace = "0af7651916cd43dd8448eb211c80319c"
        await fleet.send(command, (("traceparent", f"00-{trace}-b7ad6b7169203331-01".encode()),))
        await fleet.outcome(command)
        (record,) = fleet.records(command)
        headers = dict(record.headers)
        assert record.key == str(command.correlation_id).encode()
        assert headers["InitiatorId"] == headers["ce_subject"] == str(command.id).encode()
        assert headers["CorrelationId"] == str(command.correlation_id).encode()
        assert headers["traceparent"].decode().split("-")[1] == trace
        assert headers["ce_source"] == b"/molfleet/toy"

    async def test_progress_is_published_while_the_command_computes(
        self, fleet: Fleet, tmp_path: Path
    ) -> None:
        command = toy("wait", marker=tmp_path / "began", until=tmp_path / "go")
        await fleet.send(command)
        await until(lambda: bool(fleet.broker.records(fleet.topics.progress)))
        (tmp_path / "go").touch()
        await fleet.outcome(command)
        event = fleet.decoded(fleet.broker.records(fleet.topics.progress)[0])
        assert (event.id, getattr(event, "stage", "")) == (command.id, "working")
