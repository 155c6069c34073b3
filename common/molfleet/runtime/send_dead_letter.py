"""Moving one record of a lane to its dead-letter topic, for good."""

from __future__ import annotations

from molfleet.broker.port import Incoming
from molfleet.runtime.dead_letters import dead_letter
from molfleet.runtime.lane import Lane
from molfleet.runtime.services import Services
from molfleet.telemetry.logs import get_logger

log = get_logger(__name__)


async def send_dead_letter(
    services: Services, lane: Lane, record: Incoming, reason: str, message: str
) -> None:
    """Returns when the brokers have acknowledged it: only then may the record's offset be committed."""
    topic = services.topics.dead_letters_of(record.topic)
    letter = dead_letter(record, topic, lane.group, reason, message)
    await lane.patience(lambda: services.producer.publish([letter]))
    services.metrics.dead_lettered(record.topic, reason)
    log.warning("dead letter", topic=record.topic, offset=record.offset, code=reason, reason=message)
