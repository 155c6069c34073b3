"""A store that refuses one bucket: a verdict on the commands that name it, and on no others."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from molfleet.errors import Code
from molfleet.local.s3 import LocalS3
from molfleet.messages.generated import ModelRef, PropertiesPredicted, SingleStructurePredicted
from tests import builders
from tests.conformance.blobs.faulty_proxy import FaultyProxy
from tests.end_to_end.conftest import s3_connected
from tests.end_to_end.fleet import RealFleet

pytestmark = pytest.mark.real

DENIED = "somebody-elses"
ASPIRIN = f"{builders.ASPIRIN} aspirin\n".encode()


@pytest.fixture(scope="module")
async def denying(
    kafka_broker: str, s3_server: LocalS3, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[tuple[RealFleet, FaultyProxy]]:
    """A predictor whose store refuses it everything in the bucket `DENIED`."""
    with FaultyProxy(s3_server.port) as proxy:
        environment = {**s3_server.environment, "MOLFLEET_S3_ENDPOINT": proxy.endpoint}
        directory = tmp_path_factory.mktemp("denying-fleet")
        fleet = s3_connected(kafka_broker, directory, environment, kinds=["predictor"])
        fleet.put(ASPIRIN, "aspirin.smi", DENIED)
        fleet.put(ASPIRIN, "aspirin.smi")
        try:
            await fleet.start()
            proxy.denied.add(DENIED)
            yield fleet, proxy
        finally:
            proxy.denied.clear()
            await fleet.close()


async def test_only_commands_that_name_the_refused_bucket_fail(
    denying: tuple[RealFleet, FaultyProxy], local_fleet: RealFleet, small_model: ModelRef
) -> None:
    fleet, proxy = denying
    data = local_fleet.get(small_model.blob)
    model = ModelRef(id=small_model.id, blob=fleet.put(data, "small.molmodel"), name="small")
    proxy.denied.clear()
    hidden = ModelRef(id=small_model.id, blob=fleet.put(data, "small.molmodel", DENIED), name="hidden")
    proxy.denied.add(DENIED)
    source, out_of_reach = builders.blob("aspirin.smi"), builders.blob("aspirin.smi", DENIED)
    refused = (
        builders.predict_properties(source=out_of_reach, models=[model]),
        builders.predict_properties(source=source, models=[hidden]),
        builders.predict_properties(source=source, models=[model], output_bucket=DENIED),
        builders.single_structure_predict(models=[hidden]),
    )
    for command in refused:
        event = await fleet.failure(command)
        assert event.code == Code.BLOB_ACCESS_DENIED, event.message
        assert f"{DENIED}/" in event.message
        assert not event.retryable
    both = builders.single_structure_predict(models=[hidden, model])
    answers = (await fleet.success(both, SingleStructurePredicted)).models
    assert [answer.error.code if answer.error else None for answer in answers] == [
        Code.BLOB_ACCESS_DENIED,
        None,
    ]
    good = builders.predict_properties(source=source, models=[model])
    assert (await fleet.success(good, PropertiesPredicted)).predicted == 1
    assert fleet.dead() == []
    await fleet.audit()
