"""What a worker does with the lease of the command that it computes."""

from __future__ import annotations

from pathlib import Path

import pytest

from molfleet.ledger.keys import Keys
from molfleet.ledger.leases import Lease, Leases
from molfleet.messages.generated import CalculateFeatureVectors, FeatureVectorsCalculated
from tests import builders
from tests.harness import Fleet, until

pytestmark = pytest.mark.worker

TOPIC = "feature-vectors.commands"
TTL_S = 2.0


@pytest.fixture
async def fleet(tmp_path: Path) -> Fleet:
    return Fleet(tmp_path)


def waiting(tmp_path: Path) -> CalculateFeatureVectors:
    files = {"marker": tmp_path / "began", "until": tmp_path / "go", "log": tmp_path / "log"}
    return builders.calculate_feature_vectors(
        options={"do": "wait", **{name: str(path) for name, path in files.items()}}
    )


def key_of(command: CalculateFeatureVectors) -> str:
    return Keys().lease(command.full_name, command.id, 1)


def leases(fleet: Fleet) -> Leases:
    return Leases(fleet.store, fleet.settings.state_bucket, TTL_S)


def counter(fleet: Fleet, command: CalculateFeatureVectors) -> bytes:
    return fleet.store.read(fleet.settings.state_bucket, key_of(command))[0]


async def test_a_lease_is_renewed_while_the_command_computes_and_free_afterwards(
    fleet: Fleet, tmp_path: Path
) -> None:
    command = waiting(tmp_path)
    async with fleet.worker(only=[TOPIC]):
        await fleet.send(command)
        await until((tmp_path / "began").exists)
        first = counter(fleet, command)
        await until(lambda: counter(fleet, command) != first)
        assert not isinstance(leases(fleet).acquire(key_of(command), "another"), Lease)
        (tmp_path / "go").touch()
        await fleet.outcome(command)
    assert isinstance(leases(fleet).acquire(key_of(command), "another"), Lease)


async def test_a_lease_seen_taken_ends_the_attempt_and_its_command_waits_for_the_taker(
    fleet: Fleet, tmp_path: Path
) -> None:
    command = waiting(tmp_path)
    async with fleet.worker(only=[TOPIC]):
        await fleet.send(command)
        await until((tmp_path / "began").exists)
        (tmp_path / "began").unlink()
        fleet.store.delete(fleet.settings.state_bucket, key_of(command))
        thief = leases(fleet).acquire(key_of(command), "thief")
        assert isinstance(thief, Lease)
        await until((tmp_path / "began").exists)
        assert len((tmp_path / "log").read_text().split()) == 2
        (tmp_path / "go").touch()
        assert isinstance(await fleet.outcome(command), FeatureVectorsCalculated)
    assert len(fleet.terminal(command)) == 1


async def test_a_lease_that_cannot_be_read_is_not_lost(fleet: Fleet, tmp_path: Path) -> None:
    command = waiting(tmp_path)
    async with fleet.worker(only=[TOPIC]) as worker:
        await fleet.send(command)
        await until((tmp_path / "began").exists)
        fleet.store.put(fleet.settings.state_bucket, key_of(command), b"damaged")
        (tmp_path / "go").touch()
        assert isinstance(await fleet.outcome(command), FeatureVectorsCalculated)
        await until(lambda: fleet.committed(TOPIC) == 1)
        assert not worker.not_ready()
    assert len((tmp_path / "log").read_text().split()) == 1
