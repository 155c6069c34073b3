"""Broker and blob store away for a minute, in the midst of work."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from molfleet.local.broker import LocalBroker
from molfleet.local.s3 import LocalS3
from molfleet.messages.record import FailureEvent
from tests import builders
from tests.faults.fleet import FaultFleet
from tests.harness import until

pytestmark = [pytest.mark.faults, pytest.mark.timeout(400)]

AWAY_S = 60.0
FEATURES = "feature-vectors.commands"


@pytest.fixture
async def s3_fleet(
    tmp_path: Path, s3_credentials: LocalS3
) -> AsyncIterator[tuple[FaultFleet, LocalBroker, LocalS3]]:
    """A fleet on a broker and an S3 server of its own: both will be taken away."""
    with LocalBroker(tmp_path / "kafka") as broker:
        fleet = FaultFleet(
            broker.bootstrap,
            tmp_path,
            {
                "MOLFLEET_BLOBS_URL": "s3://",
                "MOLFLEET_S3_ENDPOINT": s3_credentials.endpoint,
                "MOLFLEET_S3_PATH_STYLE": "true",
                "MOLFLEET_S3_REGION": "us-east-1",
                "MOLFLEET_S3_ATTEMPTS": "2",
            },
        )
        await fleet.create_topics()
        try:
            yield fleet, broker, s3_credentials
        finally:
            fleet.stop()


async def test_nothing_fails_and_everything_goes_on_after_a_minute_without_broker_and_store(
    s3_fleet: tuple[FaultFleet, LocalBroker, LocalS3], tmp_path: Path
) -> None:
    fleet, broker, s3 = s3_fleet
    running = [
        builders.calculate_feature_vectors(
            options={"do": "wait", "marker": str(tmp_path / f"began-{n}"), "until": str(tmp_path / "go")}
        )
        for n in range(2)
    ]
    worker = await fleet.start_worker(worker_slots="2")
    await fleet.send(*running)
    await until(lambda: all((tmp_path / f"began-{n}").exists() for n in range(2)), 30)
    broker.pause()
    s3.pause()
    (tmp_path / "go").touch()
    try:
        await until(lambda: bool(worker.missing()), AWAY_S)
        await asyncio.sleep(AWAY_S)
    finally:
        broker.resume()
        s3.resume()
    later = [builders.calculate_feature_vectors(), builders.single_structure_predict(structure="C")]
    await fleet.send(*later)
    for command in (*running, *later):
        event = await fleet.outcome(command, 120.0)
        assert not isinstance(event, FailureEvent), event
    await until(worker.ready, 60.0)
    await fleet.audit()
