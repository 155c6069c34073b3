"""kill -9 of a worker, at each point of a command's way, and of what it started."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import psutil
import pytest

from molfleet.errors import Code
from molfleet.messages.generated import CalculateFeatureVectors, FeatureVectorsCalculated
from molfleet.messages.record import Command, FailureEvent
from molfleet.runtime.steps import Step
from tests import builders
from tests.faults.fleet import FaultFleet, FaultWorker, gone
from tests.harness import until

pytestmark = pytest.mark.faults

FEATURES = "feature-vectors.commands"
SINGLE = "predictions.single.commands"
HEAVY_STEPS = (
    Step.DECODED,
    Step.LEASED,
    Step.ATTEMPT_RECORDED,
    Step.CHILD_STARTED,
    Step.COMPUTED,
    Step.RECEIPT_WRITTEN,
    Step.PUBLISHED,
    Step.FINISHED,
    Step.RELEASED,
)
LIGHT_STEPS = (Step.LIGHT_STARTED, Step.LIGHT_COMPUTED, Step.LIGHT_PUBLISHED)


def toy(do: str = "store", **options: object) -> CalculateFeatureVectors:
    return builders.calculate_feature_vectors(
        options={"do": do, **{name: str(value) for name, value in options.items()}}
    )


@pytest.mark.parametrize("step", HEAVY_STEPS)
async def test_after_a_kill_between_two_steps_a_redelivery_finishes_correctly(
    fleet: FaultFleet, step: Step
) -> None:
    command = toy()
    worker = await fleet.start_worker(pause_at=step, only=[FEATURES])
    await fleet.send(command)
    await until(worker.stood_still.exists, 30)
    await gone(worker.kill())
    await fleet.start_worker(only=[FEATURES])
    assert isinstance(await fleet.outcome(command), FeatureVectorsCalculated)
    await fleet.audit()


async def test_after_a_kill_behind_the_dead_letter_the_event_still_comes(fleet: FaultFleet) -> None:
    command = toy("kill-child")
    worker = await fleet.start_worker(pause_at=Step.DEAD_LETTERED, only=[FEATURES])
    await fleet.send(command)
    await until(worker.stood_still.exists, 30)
    await gone(worker.kill())
    await fleet.start_worker(only=[FEATURES])
    event = await fleet.outcome(command)
    assert isinstance(event, FailureEvent)
    assert event.code == Code.WORKER_CRASHED
    await fleet.audit()


@pytest.mark.parametrize("step", LIGHT_STEPS)
async def test_a_light_command_is_answered_after_a_kill_between_two_steps(
    fleet: FaultFleet, step: Step
) -> None:
    command = builders.single_structure_predict(structure="C")
    worker = await fleet.start_worker(pause_at=step, only=[SINGLE])
    await fleet.send(command)
    await until(worker.stood_still.exists, 30)
    await gone(worker.kill())
    await fleet.start_worker(only=[SINGLE])
    await fleet.outcome(command)
    await fleet.audit()


async def test_a_killed_job_process_is_tried_again(fleet: FaultFleet, tmp_path: Path) -> None:
    command = toy("hang", marker=tmp_path / "pid")
    await fleet.start_worker(only=[FEATURES])
    await fleet.send(command)
    for _ in range(2):
        await until(lambda: (tmp_path / "pid").exists() and bool((tmp_path / "pid").read_text()), 30)
        pid = int((tmp_path / "pid").read_text())
        (tmp_path / "pid").unlink()
        os.kill(pid, signal.SIGKILL)
    await until((tmp_path / "pid").exists, 30)
    await fleet.send(builders.cancel_command(command_id=command.id))
    event = await fleet.outcome(command)
    assert isinstance(event, FailureEvent)
    assert event.code == Code.CANCELLED
    await fleet.audit()


async def test_a_command_that_kills_every_worker_is_given_up_and_the_others_are_not(
    fleet: FaultFleet,
) -> None:
    killer, innocents = toy("kill-worker"), [toy() for _ in range(4)]
    await fleet.send(killer, *innocents)
    settings = {"worker_crash_limit": "2", "kafka_session_timeout_ms": "6000"}
    for _ in range(4):
        worker = await fleet.start_worker(only=[FEATURES], may_die=True, **settings)
        await until(lambda worker=worker: worker.process.poll() is not None or _ended(fleet), 40)
        if worker.process.poll() is None:
            break
    event = await fleet.outcome(killer)
    assert isinstance(event, FailureEvent)
    assert event.code == Code.WORKER_CRASHED
    for innocent in innocents:
        assert isinstance(await fleet.outcome(innocent), FeatureVectorsCalculated)
    await fleet.audit()


def _ended(fleet: FaultFleet) -> bool:
    receipts = fleet.store.list(fleet.settings.state_bucket, f"{fleet.settings.topic_prefix}receipts/")
    return len(list(receipts)) == 5


async def test_a_structure_that_kills_every_worker_is_given_up_and_the_others_are_not(
    fleet: FaultFleet,
) -> None:
    killer = builders.single_structure_predict(structure="kill-worker")
    innocents = [builders.single_structure_predict(structure="C") for _ in range(4)]
    await fleet.send(killer, *innocents)
    for _ in range(6):
        worker = await fleet.start_worker(only=[SINGLE], may_die=True, worker_crash_limit="3")
        if await _survives(fleet, worker, killer):
            break
    event = await fleet.outcome(killer)
    assert isinstance(event, FailureEvent)
    assert event.code == Code.WORKER_CRASHED
    for innocent in innocents:
        assert not isinstance(await fleet.outcome(innocent), FailureEvent)
    await fleet.audit()


async def _survives(fleet: FaultFleet, worker: FaultWorker, command: Command) -> bool:
    """Whether the worker lives to answer the command, rather than die of it."""
    while worker.process.poll() is None:
        if await fleet.events(command):
            return True
    return False


async def test_nothing_of_a_worker_survives_its_kill_while_a_pool_computes(
    fleet: FaultFleet, tmp_path: Path
) -> None:
    worker = await fleet.start_worker(only=[FEATURES])
    await fleet.send(toy("hang", marker=tmp_path / "pid"))
    await until(lambda: (tmp_path / "pid").exists() and bool((tmp_path / "pid").read_text()), 30)
    job = psutil.Process(int((tmp_path / "pid").read_text()))
    family = worker.kill()
    assert job in family
    await gone(family)
