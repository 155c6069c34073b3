"""Deaths of whole workers on heavy commands, as the attempt record tells them to the next worker."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from uuid import uuid4

import pytest

from molfleet.errors import Code
from molfleet.ledger.attempts import AttemptRecord, Attempts
from molfleet.ledger.checkpoints import Checkpoints
from molfleet.messages.generated import CalculateFeatureVectors, FeatureVectorsCalculated
from molfleet.messages.record import FailureEvent
from molfleet.runtime.steps import Step
from tests import builders
from tests.harness import Fleet, until

pytestmark = pytest.mark.worker

TOPIC = "feature-vectors.commands"


@pytest.fixture
async def fleet(tmp_path: Path) -> Fleet:
    return Fleet(tmp_path)


def toy(do: str = "store", **options: object) -> CalculateFeatureVectors:
    return builders.calculate_feature_vectors(
        options={"do": do, **{name: str(value) for name, value in options.items()}}
    )


def attempts(fleet: Fleet) -> Attempts:
    return Attempts(fleet.store, fleet.settings.state_bucket)


def begun_and_died(fleet: Fleet, command: CalculateFeatureVectors, times: int) -> None:
    """What `times` workers leave that die while they compute it."""
    fleet.store.ensure_bucket(fleet.settings.state_bucket)
    for _ in range(times):
        attempts(fleet).begin(command.full_name, command.id, 1, uuid4(), "a dead worker")


def record_of(fleet: Fleet, command: CalculateFeatureVectors) -> AttemptRecord:
    return attempts(fleet).get(command.full_name, command.id, 1)


async def test_past_the_limit_a_command_is_given_up_without_another_attempt(
    fleet: Fleet, tmp_path: Path
) -> None:
    command = toy(log=tmp_path / "log")
    begun_and_died(fleet, command, 10)
    async with fleet.worker(only=[TOPIC]):
        await fleet.send(command)
        event = await fleet.outcome(command)
    assert isinstance(event, FailureEvent)
    assert (event.code, event.details) == (Code.WORKER_CRASHED, {"deaths": "10"})
    assert not (tmp_path / "log").exists()
    assert len(fleet.dead_letters(TOPIC)) == 1


async def test_one_death_below_the_limit_it_is_tried_once_more(fleet: Fleet) -> None:
    command = toy()
    begun_and_died(fleet, command, 9)
    async with fleet.worker(only=[TOPIC]):
        await fleet.send(command)
        assert isinstance(await fleet.outcome(command), FeatureVectorsCalculated)


async def test_a_new_checkpoint_resets_the_count(fleet: Fleet, tmp_path: Path) -> None:
    command = toy()
    begun_and_died(fleet, command, 10)
    (tmp_path / "c").write_text("state")
    Checkpoints(fleet.store, fleet.settings.state_bucket).put(
        command.full_name, command.id, 1, "half", tmp_path / "c", tmp_path / "d"
    )
    async with fleet.worker(only=[TOPIC]):
        await fleet.send(command)
        assert isinstance(await fleet.outcome(command), FeatureVectorsCalculated)


async def test_the_attempt_after_the_first_death_runs_alone_in_its_worker(
    fleet: Fleet, tmp_path: Path
) -> None:
    suspect = toy("wait", marker=tmp_path / "suspect", until=tmp_path / "go")
    begun_and_died(fleet, suspect, 1)
    other = toy("wait", marker=tmp_path / "other", until=tmp_path / "other-go")
    behind = toy("wait", marker=tmp_path / "behind", until=tmp_path / "go")
    steps: list[Step] = []

    async def note(step: Step) -> None:
        steps.append(step)

    async with fleet.worker(only=[TOPIC], settings={"slots": 3}, hook=note):
        await fleet.send(other)
        await until((tmp_path / "other").exists)
        await fleet.send(suspect)
        await until(lambda: Step.RELEASED in steps)
        assert not (tmp_path / "suspect").exists()
        (tmp_path / "other-go").touch()
        await until((tmp_path / "suspect").exists)
        await fleet.send(behind)
        await until(lambda: steps.count(Step.DECODED) == 3)
        assert not (tmp_path / "behind").exists()
        (tmp_path / "go").touch()
        for command in (suspect, behind, other):
            await fleet.outcome(command)


async def test_a_running_command_of_another_worker_does_not_make_this_one_wait_alone(
    fleet: Fleet, tmp_path: Path
) -> None:
    """Its attempt is open as a dead worker's is; only the lease tells them apart."""
    shared = toy("wait", marker=tmp_path / "began", until=tmp_path / "go", log=tmp_path / "log")
    async with fleet.worker(only=[TOPIC], settings={"slots": 2}):
        await fleet.send(shared)
        await until((tmp_path / "began").exists)
        async with fleet.worker(only=[TOPIC], settings={"slots": 2}):
            innocents = [toy() for _ in range(4)]
            for command in (shared, *innocents):
                await fleet.send(command)
            for command in innocents:
                await fleet.outcome(command)
            (tmp_path / "go").touch()
            await fleet.outcome(shared)
    assert (tmp_path / "log").read_text().split() == [str(shared.id)]


STEPS_OF_AN_ATTEMPT: Sequence[Step] = (Step.ATTEMPT_RECORDED, Step.CHILD_STARTED, Step.COMPUTED)


@pytest.mark.parametrize("step", STEPS_OF_AN_ATTEMPT)
async def test_a_stop_at_any_step_of_an_attempt_counts_no_death(fleet: Fleet, step: Step) -> None:
    command, reached = toy(), asyncio.Event()

    async def stand_still(now: Step) -> None:
        if now == step:
            reached.set()
            await asyncio.Event().wait()

    async with fleet.worker(only=[TOPIC], settings={"grace_s": 0.0}, hook=stand_still):
        await fleet.send(command)
        await until(reached.is_set)
    record = record_of(fleet, command)
    assert (record.begun, record.handed_back) == (1, 1)
    assert record.buried(frozenset()).worker_deaths == 0
    async with fleet.worker(only=[TOPIC]):
        assert isinstance(await fleet.outcome(command), FeatureVectorsCalculated)
