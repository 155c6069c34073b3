"""The way of light commands, on real resident processes and a broker in memory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from molfleet.broker.port import Committed, Partition
from molfleet.errors import Code
from molfleet.messages.generated import SingleStructurePredict, SingleStructurePredicted
from molfleet.messages.record import FailureEvent
from molfleet.runtime.worker import Worker
from tests import builders
from tests.harness import Fleet, until

pytestmark = pytest.mark.worker

TOPIC = "predictions.single.commands"


@pytest.fixture
async def fleet(tmp_path: Path) -> Fleet:
    return Fleet(tmp_path, MOLFLEET_WORKER_SINGLE_DEADLINE_S="1.0")


@pytest.fixture
async def worker(fleet: Fleet) -> AsyncIterator[Worker]:
    async with fleet.worker(only=[TOPIC]) as running:
        yield running


def toy(structure: str) -> SingleStructurePredict:
    return builders.single_structure_predict(structure=structure)


async def code_of(fleet: Fleet, command: SingleStructurePredict) -> str:
    event = await fleet.outcome(command)
    return event.code if isinstance(event, FailureEvent) else "DONE"


@pytest.mark.usefixtures("worker")
class TestAnswers:
    async def test_every_command_of_a_burst_gets_its_own_answer_and_all_are_committed(
        self, fleet: Fleet
    ) -> None:
        commands = [toy(f"structure {number}") for number in range(200)]
        await asyncio.gather(*(fleet.send(command) for command in commands))
        await until(lambda: fleet.committed(TOPIC) == 200)
        for command in commands:
            (event,) = fleet.terminal(command)
            assert isinstance(event, SingleStructurePredicted)
            assert event.property_name == command.structure

    async def test_a_repeat_is_answered_under_the_same_event_id(self, fleet: Fleet) -> None:
        command = toy("C")
        await fleet.send(command)
        await fleet.send(command)
        await until(lambda: len(fleet.records(command)) == 2)
        first, second = (dict(record.headers) for record in fleet.records(command))
        assert first["ce_id"] == second["ce_id"]

    async def test_a_failure_event_in_a_batch_is_only_that_commands(self, fleet: Fleet) -> None:
        good, bad = toy("C"), toy("bad")
        await fleet.send(good)
        await fleet.send(bad)
        assert await code_of(fleet, bad) == Code.INVALID_STRUCTURE
        assert await code_of(fleet, good) == "DONE"

    async def test_invalid_fields_are_answered_and_cost_the_others_of_their_batch_nothing(
        self, fleet: Fleet
    ) -> None:
        commands = [toy("C"), toy("CC").model_copy(update={"models": ()}), toy("CCC")]
        for command in commands:
            await fleet.send(command)
        codes = [await code_of(fleet, command) for command in commands]
        assert codes == ["DONE", Code.INVALID_COMMAND, "DONE"]

    async def test_an_expired_command_is_not_begun(self, fleet: Fleet) -> None:
        past = datetime.now(UTC) - timedelta(seconds=1)
        command = toy("C").model_copy(update={"expires_at": past})
        await fleet.send(command)
        assert await code_of(fleet, command) == Code.DEADLINE_EXCEEDED

    async def test_undecodable_bytes_go_to_the_dead_letters_and_hold_nothing_up(self, fleet: Fleet) -> None:
        command = toy("C")
        await fleet.send_raw(TOPIC, b"junk")
        await fleet.send(command)
        assert await code_of(fleet, command) == "DONE"
        await until(lambda: len(fleet.dead_letters(TOPIC)) == 1)
        await until(lambda: fleet.committed(TOPIC) == 2)


@pytest.mark.usefixtures("worker")
class TestLethalStructures:
    async def test_a_structure_that_kills_its_process_costs_only_itself(self, fleet: Fleet) -> None:
        commands = [toy("C"), toy("kill"), toy("CC"), toy("CCC")]
        for command in commands:
            await fleet.send(command)
        codes = [await code_of(fleet, command) for command in commands]
        assert codes == ["DONE", Code.PREDICTION_ERROR, "DONE", "DONE"]
        await until(lambda: fleet.committed(TOPIC) == 4)

    async def test_a_structure_that_stalls_its_process_costs_only_itself(self, fleet: Fleet) -> None:
        commands = [toy("C"), toy("stall"), toy("CC")]
        for command in commands:
            await fleet.send(command)
        codes = [await code_of(fleet, command) for command in commands]
        assert codes == ["DONE", Code.DEADLINE_EXCEEDED, "DONE"]

    async def test_a_mistake_of_the_handler_costs_only_the_command_that_meets_it(
        self, fleet: Fleet
    ) -> None:
        commands = [toy("C"), toy("error"), toy("CC")]
        for command in commands:
            await fleet.send(command)
        codes = [await code_of(fleet, command) for command in commands]
        assert codes == ["DONE", Code.INTERNAL, "DONE"]


class TestDeathsOfWorkers:
    """A worker's death leaves a note in the committed offset, nothing else."""

    async def leave_note(self, fleet: Fleet, deaths: int) -> SingleStructurePredict:
        command = toy("C")
        await fleet.send(command)
        (record,) = fleet.broker.records(TOPIC)
        partition = Partition(TOPIC, record.partition)
        note = {partition: Committed(record.offset, f"starts={deaths}")}
        consumer = fleet.broker.consumer([TOPIC], fleet.topics.group_of(TOPIC), _NoListener())
        await consumer.start()
        await consumer.poll(0.1, 1)
        await consumer.commit(note)
        await consumer.stop()
        return command

    async def test_past_the_limit_the_command_fails_and_is_a_dead_letter(self, fleet: Fleet) -> None:
        command = await self.leave_note(fleet, 10)
        async with fleet.worker(only=[TOPIC]):
            assert await code_of(fleet, command) == Code.WORKER_CRASHED
            await until(lambda: fleet.committed(TOPIC) == 1)
        assert len(fleet.dead_letters(TOPIC)) == 1

    async def test_below_the_limit_it_is_tried_again_and_progress_wipes_the_note_out(
        self, fleet: Fleet
    ) -> None:
        command = await self.leave_note(fleet, 5)
        async with fleet.worker(only=[TOPIC]):
            assert await code_of(fleet, command) == "DONE"
            await until(lambda: fleet.committed(TOPIC) == 1)
        notes = {p.metadata for p in fleet.broker.committed(fleet.topics.group_of(TOPIC)).values()}
        assert notes == {""}

    async def test_a_record_is_noted_before_it_runs(self, fleet: Fleet) -> None:
        command = toy("stall")
        async with fleet.worker(only=[TOPIC]):
            await fleet.send(command)
            group = fleet.topics.group_of(TOPIC)
            await until(
                lambda: any(p.metadata == "starts=1" for p in fleet.broker.committed(group).values())
            )


class _NoListener:
    async def revoked(self, partitions: frozenset[Partition]) -> None: ...

    async def assigned(self, partitions: frozenset[Partition]) -> None: ...
