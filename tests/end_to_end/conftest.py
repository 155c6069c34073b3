"""Two fleets for the whole run, started by the first test that asks: blobs in a directory, and in S3."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path

import pytest

from molfleet.local.s3 import LocalS3
from molfleet.local.workers import KINDS
from molfleet.messages.generated import ModelRef, ModelTrained
from tests import builders
from tests.end_to_end.fleet import RealFleet

#: How the model is trained that tests share.
SMALL = {
    "method": "randomforestregressor",
    "featurizers": [builders.ecfp(256)],
    "hyper_parameters": {"n_estimators": 20},
    "k_fold": 2,
}

#: A file of more records is shared out, in the fleet on S3 only.
SPLIT_RECORDS = 1000


def s3_connected(
    bootstrap: str, directory: Path, environment: Mapping[str, str], kinds: Sequence[str] = KINDS
) -> RealFleet:
    """A fleet on an S3 store, whose credentials stay out of this process's environment."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            patch.setenv(name, environment[name])
        for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN"):
            patch.delenv(name, raising=False)
        return RealFleet(bootstrap, directory, environment, kinds)


@pytest.fixture(scope="session")
async def local_fleet(
    kafka_broker: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[RealFleet]:
    fleet = RealFleet(kafka_broker, tmp_path_factory.mktemp("local-fleet"))
    try:
        await fleet.start()
        yield fleet
    finally:
        await fleet.close()


@pytest.fixture(scope="session")
async def s3_fleet(
    kafka_broker: str, s3_server: LocalS3, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[RealFleet]:
    environment = {
        **s3_server.environment,
        "MOLFLEET_OUTPUT_BUCKET": "end-to-end-outputs",
        "MOLFLEET_STATE_BUCKET": "end-to-end-state",
        "MOLFLEET_WORKER_SPLIT_RECORDS": str(SPLIT_RECORDS),
        "MOLFLEET_WORKER_PART_RECORDS": "300",
    }
    fleet = s3_connected(kafka_broker, tmp_path_factory.mktemp("s3-fleet"), environment)
    try:
        await fleet.start()
        yield fleet
    finally:
        await fleet.close()


@pytest.fixture(scope="session")
async def small_model(local_fleet: RealFleet) -> ModelRef:
    """A model of 120 measured molecules, trained by the fleet."""
    source = local_fleet.put(builders.sdf(count=120), "small.sdf")
    trained = await local_fleet.success(builders.train_model(source=source, **SMALL), ModelTrained)
    return ModelRef(id=trained.id, blob=trained.model, name="small")
