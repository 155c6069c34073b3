"""A schema registry is asked when a worker starts, not while its commands run."""

from __future__ import annotations

from pathlib import Path

import pytest

from molfleet.messages.codec import Codec
from molfleet.messages.generated import FeatureVectorsCalculated, FeatureVectorsCalculationFailed
from molfleet.messages.registry import SchemaRegistry
from tests import builders
from tests.harness import Fleet, until
from tests.wire.registry_server import Registered, serving

pytestmark = pytest.mark.worker

TOPIC, EVENTS = "feature-vectors.commands", "feature-vectors.events"


async def test_events_that_no_command_needed_before_are_framed_though_the_registry_is_away(
    tmp_path: Path,
) -> None:
    with serving(Registered()) as registry:
        fleet = Fleet(
            tmp_path,
            MOLFLEET_SCHEMA_REGISTRY_URL=registry.url,
            MOLFLEET_SCHEMA_REGISTRY_REGISTER="true",
        )
        async with fleet.worker(only=[TOPIC]) as worker:
            registry.broken = True
            for do in ("store", "reject"):
                await fleet.send(builders.calculate_feature_vectors(options={"do": do}))
            await until(lambda: fleet.committed(TOPIC) == 2)
            assert not worker.not_ready()
        registry.broken = False
        reader = Codec(SchemaRegistry(registry.url))
        values = [record.value or b"" for record in fleet.broker.records(EVENTS)]
        assert all(value.startswith(b"\0") for value in values)
        assert {type(reader.decode(value)) for value in values} == {
            FeatureVectorsCalculated,
            FeatureVectorsCalculationFailed,
        }
