"""Commands whose work is done in parts by whichever workers are free, on real child processes."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from uuid import uuid4

import pytest

from molfleet.errors import Code
from molfleet.messages.generated import CancelCommand, FeatureVectorsCalculated
from molfleet.messages.record import Command
from tests import builders, toy_parts
from tests.harness import Fleet, until
from tests.unit.runtime.commands import TOPIC, failure, settled

pytestmark = pytest.mark.worker

PARTS = "feature-vectors.chunks.commands"


@pytest.fixture
async def fleet(tmp_path: Path) -> Fleet:
    return Fleet(tmp_path)


class Case:
    """A command in parts, and what its handlers noted."""

    def __init__(self, directory: Path, *deeds: str) -> None:
        self.log = directory / f"{uuid4()}" / "log"
        self.log.parent.mkdir()
        self.command = builders.calculate_feature_vectors(
            options={"parts": ",".join(deeds), "log": str(self.log)}
        )

    @property
    def runs(self) -> Counter[str]:
        return Counter(self.log.read_text().splitlines()) if self.log.exists() else Counter()

    def marker(self, number: int) -> Path:
        return self.log.with_name(f"marker-{number}")


def shared(fleet: Fleet, command: Command) -> list[str]:
    return [info.key for info in fleet.store.list("molfleet-state", f"shared/{command.id}/")]


def joined(fleet: Fleet, event: object) -> str:
    assert isinstance(event, FeatureVectorsCalculated)
    return fleet.store.read(event.output.bucket, event.output.key)[0].decode()


async def test_parts_are_joined_in_order_and_leave_nothing_behind(fleet: Fleet, tmp_path: Path) -> None:
    case = Case(tmp_path, *["store"] * 5)
    async with fleet.worker(toy_parts.TABLE):
        await fleet.send(case.command)
        event = await fleet.outcome(case.command)
        assert joined(fleet, event) == "0;1;2;3;4;"
        await settled(fleet, TOPIC, 1)
        await settled(fleet, PARTS, 5)
        await until(lambda: not shared(fleet, case.command))
    assert case.runs == {"whole": 2, **{f"part {number}": 1 for number in range(5)}}
    assert len(fleet.events(case.command)) == 1


async def test_parts_have_no_public_events(fleet: Fleet, tmp_path: Path) -> None:
    case = Case(tmp_path, "store", "store")
    async with fleet.worker(toy_parts.TABLE):
        await fleet.send(case.command)
        await fleet.outcome(case.command)
    ids = {
        fleet.decoded(record).id
        for topic in fleet.topics.event_topics
        for record in fleet.broker.records(topic)
    }
    assert ids == {case.command.id}


async def test_commands_that_wait_for_parts_hold_no_slot(fleet: Fleet, tmp_path: Path) -> None:
    cases = [Case(tmp_path, "store", "store") for _ in range(4)]
    async with fleet.worker(toy_parts.TABLE, settings={"slots": 1}):
        for case in cases:
            await fleet.send(case.command)
        for case in cases:
            assert joined(fleet, await fleet.outcome(case.command)) == "0;1;"


async def test_two_workers_share_the_parts(fleet: Fleet, tmp_path: Path) -> None:
    """Each waits for the other's part to begin: one worker of one slot could not finish."""
    case = Case(tmp_path, "wait", "wait", "wait", "wait", "wait", "wait")
    async with fleet.worker(toy_parts.TABLE), fleet.worker(toy_parts.TABLE):
        await fleet.send(case.command)
        await until(lambda: sum(case.marker(number).exists() for number in range(6)) >= 2)
        case.log.with_name("go").touch()
        assert joined(fleet, await fleet.outcome(case.command)) == "0;1;2;3;4;5;"


async def test_a_cancellation_reaches_the_parts(fleet: Fleet, tmp_path: Path) -> None:
    case = Case(tmp_path, "hang", "store")
    async with fleet.worker(toy_parts.TABLE):
        await fleet.send(case.command)
        await until(lambda: case.marker(0).exists())
        await fleet.send(CancelCommand(**builders.identity(command_id=case.command.id)))
        assert (await failure(fleet, case.command)).code == Code.CANCELLED
        await settled(fleet, PARTS, 2)
        await until(lambda: not shared(fleet, case.command))


async def test_a_part_that_failed_is_computed_again_by_a_replay_and_the_others_are_not(
    fleet: Fleet, tmp_path: Path
) -> None:
    case = Case(tmp_path, "store", "reject-once", "store")
    async with fleet.worker(toy_parts.TABLE):
        await fleet.send(case.command)
        event = await failure(fleet, case.command)
        assert (event.code, event.retryable, event.details["part"]) == (Code.OUT_OF_MEMORY, True, "2")
        assert "Too much" in event.message
        await fleet.send(case.command, (("molfleet-generation", b"2"),))
        await until(lambda: len(fleet.terminal(case.command)) == 2)
        assert joined(fleet, fleet.terminal(case.command)[1]) == "0;1;2;"
        await until(lambda: not shared(fleet, case.command))
    runs = case.runs
    assert (runs["part 0"], runs["part 1"], runs["part 2"]) == (1, 2, 1)


async def test_a_part_whose_processes_die_again_and_again_fails_its_command(
    fleet: Fleet, tmp_path: Path
) -> None:
    case = Case(tmp_path, "die", "store")
    async with fleet.worker(toy_parts.TABLE):
        await fleet.send(case.command)
        assert (await failure(fleet, case.command)).code == Code.WORKER_CRASHED
        await until(lambda: len(fleet.dead_letters(PARTS)) == 1)
    assert case.runs["part 0"] == fleet.settings.worker.child_attempts


async def test_a_part_fetches_nothing_of_the_fleets_own_but_what_was_kept_for_it(
    fleet: Fleet, tmp_path: Path
) -> None:
    case = Case(tmp_path, "pry")
    async with fleet.worker(toy_parts.TABLE):
        await fleet.send(case.command)
        event = await failure(fleet, case.command)
    assert event.code == Code.INVALID_COMMAND
    assert "no command may name it" in event.message


async def test_a_worker_that_stops_gives_back_a_command_that_waits_for_parts(
    fleet: Fleet, tmp_path: Path
) -> None:
    case = Case(tmp_path, "store", "wait")
    async with fleet.worker(toy_parts.TABLE):
        await fleet.send(case.command)
        await until(lambda: case.marker(1).exists())
    assert fleet.terminal(case.command) == []
    case.log.with_name("go").touch()
    async with fleet.worker(toy_parts.TABLE):
        assert joined(fleet, await fleet.outcome(case.command)) == "0;1;"
    assert case.runs["part 0"] == 1
