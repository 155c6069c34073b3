"""The brokers that the contract is held against."""

from __future__ import annotations

import pytest

from molfleet.broker.kafka import KafkaBroker
from molfleet.broker.kafka_admin import KafkaAdmin
from molfleet.broker.memory import MemoryBroker
from molfleet.broker.port import Broker
from molfleet.settings import KafkaSettings
from tests.conformance.broker.rig import Rig

MAX_REQUEST_BYTES = 200_000


class MemoryRig:
    def __init__(self) -> None:
        self.memory = MemoryBroker(default_partitions=None, max_request_bytes=MAX_REQUEST_BYTES)

    @property
    def broker(self) -> Broker:
        return self.memory

    async def create(self, name: str, partitions: int, max_message_bytes: int | None) -> None:
        self.memory.create_topic(name, partitions, max_message_bytes=max_message_bytes)


class KafkaRig:
    def __init__(self, bootstrap: str) -> None:
        self.settings = KafkaSettings(
            bootstrap=bootstrap,
            session_timeout_ms=6_000,
            heartbeat_interval_ms=200,
            request_timeout_ms=10_000,
            max_request_bytes=MAX_REQUEST_BYTES,
        )
        self.kafka = KafkaBroker(self.settings, "contract")

    @property
    def broker(self) -> Broker:
        return self.kafka

    async def create(self, name: str, partitions: int, max_message_bytes: int | None) -> None:
        config = {} if max_message_bytes is None else {"max.message.bytes": str(max_message_bytes)}
        async with KafkaAdmin(self.settings) as admin:
            await admin.create(name, partitions=partitions, replication=1, config=config)
            await admin.wait_for({name: partitions})


@pytest.fixture(params=["memory", pytest.param("kafka", marks=pytest.mark.real)])
def rig(request: pytest.FixtureRequest) -> Rig:
    if request.param == "memory":
        return MemoryRig()
    return KafkaRig(request.getfixturevalue("kafka_broker"))
