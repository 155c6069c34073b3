"""`expires_at` is about beginning: what has begun goes on, what has not does not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from molfleet.errors import Code
from molfleet.messages.generated import CalculateFeatureVectors, FeatureVectorsCalculated
from molfleet.messages.record import FailureEvent
from tests import builders
from tests.harness import Fleet, until

pytestmark = pytest.mark.worker

TOPIC = "feature-vectors.commands"


@pytest.fixture
async def fleet(tmp_path: Path) -> Fleet:
    return Fleet(tmp_path)


def expiring(seconds: float, do: str = "store", **options: object) -> CalculateFeatureVectors:
    return builders.calculate_feature_vectors(
        options={"do": do, **{name: str(value) for name, value in options.items()}},
        expires_at=datetime.now(UTC) + timedelta(seconds=seconds),
    )


def past(command: CalculateFeatureVectors) -> bool:
    return command.expires_at is not None and datetime.now(UTC) > command.expires_at


async def test_a_command_that_expires_while_it_waits_for_a_slot_is_not_begun(
    fleet: Fleet, tmp_path: Path
) -> None:
    first = expiring(3600, "wait", marker=tmp_path / "began", until=tmp_path / "go")
    async with fleet.worker(only=[TOPIC]):
        await fleet.send(first)
        await until((tmp_path / "began").exists)
        late = expiring(1.0, log=tmp_path / "log")
        await fleet.send(late)
        await until(lambda: past(late))
        (tmp_path / "go").touch()
        event = await fleet.outcome(late)
    assert isinstance(event, FailureEvent)
    assert event.code == Code.DEADLINE_EXCEEDED
    assert not (tmp_path / "log").exists()


async def test_an_expired_command_does_not_wait_for_a_slot_to_be_told_so(
    fleet: Fleet, tmp_path: Path
) -> None:
    first = expiring(3600, "wait", marker=tmp_path / "began", until=tmp_path / "go")
    expired = expiring(-1)
    async with fleet.worker(only=[TOPIC]):
        await fleet.send(first)
        await until((tmp_path / "began").exists)
        await fleet.send(expired)
        await fleet.outcome(expired)
        assert fleet.terminal(first) == []
        (tmp_path / "go").touch()
        await fleet.outcome(first)


async def test_a_command_that_began_in_time_is_not_ended_by_a_delivery_after_its_expiry(
    fleet: Fleet, tmp_path: Path
) -> None:
    """A rebalance gives its partition to another worker while it runs."""
    command = expiring(1.0, "wait", marker=tmp_path / "began", until=tmp_path / "go")
    async with fleet.worker(only=[TOPIC]):
        await fleet.send(command)
        await until((tmp_path / "began").exists)
        await until(lambda: past(command))
        async with fleet.worker(only=[TOPIC]):
            await fleet.send(command)
            after = expiring(3600)
            await fleet.send(after)
            await until(lambda: bool(fleet.terminal(after)) or bool(fleet.terminal(command)))
            assert fleet.terminal(command) == []
            (tmp_path / "go").touch()
            assert isinstance(await fleet.outcome(command), FeatureVectorsCalculated)
