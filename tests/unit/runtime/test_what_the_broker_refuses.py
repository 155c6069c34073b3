"""A record that the broker does not take: the deployment's fault, so it waits, and nothing is committed."""

from __future__ import annotations

from pathlib import Path

import pytest

from molfleet.messages.generated import FeatureVectorsCalculated
from tests import builders
from tests.harness import Fleet, until

pytestmark = pytest.mark.worker

TOPIC = "feature-vectors.commands"


@pytest.fixture
async def fleet(tmp_path: Path) -> Fleet:
    return Fleet(tmp_path)


def limit(fleet: Fleet, topic: str, max_message_bytes: int) -> None:
    """As an operator sets it."""
    fleet.broker._cluster.topic(topic).max_message_bytes = max_message_bytes


async def test_an_event_that_its_topic_does_not_take_waits_with_its_receipt_for_the_operator(
    fleet: Fleet, tmp_path: Path
) -> None:
    command = builders.calculate_feature_vectors(options={"log": str(tmp_path / "log")})
    limit(fleet, "feature-vectors.events", 300)
    async with fleet.worker(only=[TOPIC]) as worker:
        await fleet.send(command)
        await until(lambda: any("over the limit of 300" in reason for reason in worker.not_ready()))
        assert fleet.committed(TOPIC) == 0
        limit(fleet, "feature-vectors.events", 1 << 20)
        assert isinstance(await fleet.outcome(command), FeatureVectorsCalculated)
        await until(lambda: fleet.committed(TOPIC) == 1 and not worker.not_ready())
    assert len((tmp_path / "log").read_text().split()) == 1
    assert len(fleet.records(command)) == 1


@pytest.mark.parametrize("topic", [TOPIC, "predictions.single.commands"])
async def test_a_dead_letter_that_cannot_be_written_is_never_committed_past(
    fleet: Fleet, topic: str
) -> None:
    limit(fleet, fleet.topics.dead_letters_of(topic), 100)
    async with fleet.worker(only=[topic]) as worker:
        await fleet.send_raw(topic, b"junk")
        await until(lambda: any("over the limit of 100" in reason for reason in worker.not_ready()))
        assert fleet.committed(topic) == 0
        limit(fleet, fleet.topics.dead_letters_of(topic), 1 << 20)
        await until(lambda: fleet.committed(topic) == 1 and not worker.not_ready())
    assert [letter.value for letter in fleet.dead_letters(topic)] == [b"junk"]
