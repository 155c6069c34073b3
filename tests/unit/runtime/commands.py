"""Commands to the toy worker, and what tests wait for."""

from __future__ import annotations

from molfleet.messages.generated import CalculateFeatureVectors
from molfleet.messages.record import Command, FailureEvent
from tests import builders
from tests.harness import Fleet, until

TOPIC = "feature-vectors.commands"


def toy(do: str = "store", **options: object) -> CalculateFeatureVectors:
    return builders.calculate_feature_vectors(
        options={"do": do, **{name: str(value) for name, value in options.items()}}
    )


async def failure(fleet: Fleet, command: Command) -> FailureEvent:
    event = await fleet.outcome(command)
    assert isinstance(event, FailureEvent)
    return event


async def settled(fleet: Fleet, topic: str, records: int) -> None:
    await until(lambda: fleet.committed(topic) >= records)
