"""Light commands when processes, workers and brokers come and go."""

from __future__ import annotations

import asyncio
import os
import signal
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil
import pytest

from molfleet.broker.port import Committed, Partition
from molfleet.errors import Code
from molfleet.messages.generated import SingleStructurePredict
from molfleet.messages.record import FailureEvent
from molfleet.runtime.steps import Step
from tests import builders
from tests.harness import Fleet, until

pytestmark = pytest.mark.worker

TOPIC = "predictions.single.commands"


@pytest.fixture
async def fleet(tmp_path: Path) -> Fleet:
    return Fleet(tmp_path, MOLFLEET_WORKER_SINGLE_DEADLINE_S="2.0")


def toy(structure: str = "C", **fields: object) -> SingleStructurePredict:
    return builders.single_structure_predict(structure=structure, **fields)


async def code_of(fleet: Fleet, command: SingleStructurePredict) -> str:
    event = await fleet.outcome(command)
    return event.code if isinstance(event, FailureEvent) else "DONE"


def residents() -> list[int]:
    """Leaders of process groups among what this process started: resident processes."""
    children = psutil.Process().children(recursive=True)
    return [child.pid for child in children if os.getpgid(child.pid) == child.pid]


def notes(fleet: Fleet) -> dict[Partition, Committed]:
    return fleet.broker.committed(fleet.topics.group_of(TOPIC))


async def test_a_process_that_dies_while_it_idles_costs_no_command(fleet: Fleet) -> None:
    async with fleet.worker(only=[TOPIC]):
        for pid in residents():
            os.kill(pid, signal.SIGKILL)
        command = toy()
        await fleet.send(command)
        assert await code_of(fleet, command) == "DONE"


async def test_a_process_that_dies_once_over_a_command_does_not_fail_it(
    fleet: Fleet, tmp_path: Path
) -> None:
    command = toy("kill-once", properties={"marker": str(tmp_path / "marker")})
    async with fleet.worker(only=[TOPIC]):
        await fleet.send(command)
        assert await code_of(fleet, command) == "DONE"
    assert (tmp_path / "marker").exists()


async def test_an_answer_that_nobody_could_read_is_a_result_too_large_and_only_that_one(
    fleet: Fleet,
) -> None:
    commands = [toy(), toy("giant"), toy("CC")]
    async with fleet.worker(only=[TOPIC]) as worker:
        for command in commands:
            await fleet.send(command)
        codes = [await code_of(fleet, command) for command in commands]
        assert codes == ["DONE", Code.RESULT_TOO_LARGE, "DONE"]
        assert not worker.not_ready()


async def test_what_expires_while_it_waits_for_a_process_is_not_begun(fleet: Fleet) -> None:
    began = asyncio.Event()

    async def note(step: Step) -> None:
        if step is Step.LIGHT_STARTED:
            began.set()

    async with fleet.worker(only=[TOPIC], hook=note):
        await fleet.send(toy("stall"))
        await until(began.is_set)
        soon = toy(expires_at=datetime.now(UTC) + timedelta(seconds=1))
        await fleet.send(soon)
        assert await code_of(fleet, soon) == Code.DEADLINE_EXCEEDED


async def test_a_burst_survives_a_worker_that_joins_and_one_that_leaves(fleet: Fleet) -> None:
    commands = [toy(f"C{number}") for number in range(300)]
    async with fleet.worker(only=[TOPIC]):
        async with fleet.worker(only=[TOPIC]):
            await asyncio.gather(*(fleet.send(command) for command in commands[:150]))
        await asyncio.gather(*(fleet.send(command) for command in commands[150:]))
        await until(lambda: fleet.committed(TOPIC) == len(commands))
    for command in commands:
        ids = {dict(record.headers)["ce_id"] for record in fleet.records(command)}
        assert len(ids) == 1


async def test_a_record_handed_back_in_order_counts_as_no_death(fleet: Fleet) -> None:
    command, began = toy(), asyncio.Event()

    async def stand_still(step: Step) -> None:
        if step is Step.LIGHT_STARTED:
            began.set()
            await asyncio.Event().wait()

    async with fleet.worker(only=[TOPIC], settings={"grace_s": 0.0}, hook=stand_still):
        await fleet.send(command)
        await until(began.is_set)
        assert "starts=1" in {position.metadata for position in notes(fleet).values()}
    assert {position.metadata for position in notes(fleet).values()} == {""}
    assert fleet.committed(TOPIC) == 0


@pytest.mark.parametrize("limit", [1, 2])
async def test_nothing_is_given_up_before_it_has_run_alone(fleet: Fleet, limit: int) -> None:
    """A worker that died twice may have died of another command of the same batch."""
    command = toy()
    await fleet.send(command)
    (record,) = fleet.broker.records(TOPIC)
    consumer = fleet.broker.consumer([TOPIC], fleet.topics.group_of(TOPIC), _Nobody())
    await consumer.start()
    await consumer.poll(0.1, 1)
    await consumer.commit({record.source: Committed(record.offset, "starts=2")})
    await consumer.stop()
    async with fleet.worker(only=[TOPIC], settings={"crash_limit": limit}):
        assert await code_of(fleet, command) == "DONE"


async def test_a_broker_that_goes_away_in_a_batch_loses_nothing(fleet: Fleet) -> None:
    commands = [toy(f"C{number}") for number in range(20)]

    away: list[Step] = []

    async def go_away(step: Step) -> None:
        if step is Step.LIGHT_COMPUTED and not away:
            away.append(step)
            fleet.broker.unavailable = True

    async with fleet.worker(only=[TOPIC], hook=go_away) as worker:
        for command in commands:
            await fleet.send(command)
            if fleet.broker.unavailable:
                break
        await until(lambda: bool(worker.not_ready()))
        fleet.broker.unavailable = False
        for command in commands[1:]:
            await fleet.send(command)
        for command in commands:
            assert await code_of(fleet, command) == "DONE"
        await until(lambda: not worker.not_ready())


class _Nobody:
    async def revoked(self, partitions: frozenset[Partition]) -> None: ...

    async def assigned(self, partitions: frozenset[Partition]) -> None: ...
