"""Workers that stand still, join, or lose a partition while a command runs."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from molfleet.messages.generated import CalculateFeatureVectors, FeatureVectorsCalculated
from molfleet.runtime.steps import Step
from tests import builders
from tests.faults.fleet import FaultFleet, gone
from tests.harness import until

pytestmark = pytest.mark.faults

FEATURES = "feature-vectors.commands"
SINGLE = "predictions.single.commands"


def toy(do: str = "store", **options: object) -> CalculateFeatureVectors:
    return builders.calculate_feature_vectors(
        options={"do": do, **{name: str(value) for name, value in options.items()}}
    )


@pytest.mark.parametrize("step", [Step.CHILD_STARTED, Step.COMPUTED, Step.RECEIPT_WRITTEN])
async def test_a_worker_that_stood_still_while_another_took_over_changes_nothing_when_it_goes_on(
    fleet: FaultFleet, step: Step
) -> None:
    command = toy()
    sleeper = await fleet.start_worker(pause_at=step, only=[FEATURES])
    await fleet.send(command)
    await until(sleeper.stood_still.exists, 30)
    sleeper.signal(signal.SIGSTOP)
    await fleet.start_worker(only=[FEATURES])
    assert isinstance(await fleet.outcome(command), FeatureVectorsCalculated)
    sleeper.signal(signal.SIGCONT)
    await fleet.audit()


async def test_a_worker_that_computed_while_it_was_thought_dead_adopts_the_others_outcome(
    fleet: FaultFleet, tmp_path: Path
) -> None:
    command = toy("wait", marker=tmp_path / "began", until=tmp_path / "go", log=tmp_path / "log")
    sleeper = await fleet.start_worker(only=[FEATURES])
    await fleet.send(command)
    await until((tmp_path / "began").exists, 30)
    sleeper.signal(signal.SIGSTOP)
    (tmp_path / "go").touch()
    await fleet.start_worker(only=[FEATURES])
    await fleet.outcome(command)
    sleeper.signal(signal.SIGCONT)
    after = toy()
    await fleet.send(after)
    await fleet.outcome(after)
    assert len((tmp_path / "log").read_text().splitlines()) == 2
    await fleet.audit()


async def test_a_command_whose_partition_is_revoked_runs_on_and_is_not_computed_twice(
    fleet: FaultFleet, tmp_path: Path
) -> None:
    commands = [
        toy("wait", marker=tmp_path / f"began-{n}", until=tmp_path / "go", log=tmp_path / "log")
        for n in range(4)
    ]
    await fleet.start_worker(only=[FEATURES], worker_slots="4")
    await fleet.send(*commands)
    await until(lambda: all((tmp_path / f"began-{n}").exists() for n in range(4)), 30)
    # One more member: with two partitions and eager rebalances at least one is revoked here.
    await fleet.start_worker(only=[FEATURES], worker_slots="4")
    (tmp_path / "go").touch()
    for command in commands:
        assert isinstance(await fleet.outcome(command), FeatureVectorsCalculated)
    assert len((tmp_path / "log").read_text().splitlines()) == 4
    await fleet.audit()


async def test_workers_that_join_and_leave_in_the_midst_lose_and_repeat_nothing(
    fleet: FaultFleet,
) -> None:
    heavy = [toy() for _ in range(20)]
    light = [builders.single_structure_predict(structure=f"C{n}") for n in range(300)]
    first = await fleet.start_worker(only=[FEATURES, SINGLE])
    await fleet.send(*heavy[:10], *light[:150])
    await fleet.start_worker(only=[FEATURES, SINGLE])
    await fleet.send(*heavy[10:], *light[150:])
    first.signal(signal.SIGTERM)
    await until(lambda: first.process.poll() is not None, 30)
    assert first.process.returncode == 0
    await fleet.audit()


async def test_a_stopped_worker_hands_back_what_it_cannot_finish_and_ends_in_order(
    fleet: FaultFleet, tmp_path: Path
) -> None:
    command = toy("wait", marker=tmp_path / "began", until=tmp_path / "go")
    first = await fleet.start_worker(only=[FEATURES], worker_grace_s="0.5")
    await fleet.send(command)
    await until((tmp_path / "began").exists, 30)
    family = first.family()
    first.signal(signal.SIGTERM)
    await until(lambda: first.process.poll() is not None, 30)
    assert first.process.returncode == 0
    await gone(family)
    (tmp_path / "go").touch()
    await fleet.start_worker(only=[FEATURES])
    assert isinstance(await fleet.outcome(command), FeatureVectorsCalculated)
    await fleet.audit()
