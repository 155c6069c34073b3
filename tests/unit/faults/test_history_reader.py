"""What a real worker did, read back from its topics and its store, keeps every promise."""

from __future__ import annotations

from pathlib import Path

import pytest

from molfleet.messages.directory import SchemaDirectory
from molfleet.operations.audit import check
from molfleet.operations.history import History, SeenCommit
from molfleet.operations.history_reader import read_commits, read_history
from molfleet.runtime.intake import Intake
from tests import builders
from tests.harness import Fleet, until

pytestmark = pytest.mark.worker

FEATURES, TRAINING = "feature-vectors.commands", "training.commands"
SINGLE = "predictions.single.commands"


@pytest.fixture
async def fleet(tmp_path: Path) -> Fleet:
    return Fleet(tmp_path)


def intake(fleet: Fleet) -> Intake:
    directory = SchemaDirectory(fleet.codec, fleet.broker, fleet.topics.schemas)
    types = {topic: fleet.topics.types_of(topic) for topic in fleet.topics.command_topics}
    return Intake(fleet.codec, directory, dict(types))


async def history(fleet: Fleet, earlier: list[SeenCommit] | None = None) -> History:
    return await read_history(
        fleet.broker,
        fleet.store,
        intake(fleet),
        fleet.topics,
        state_bucket=fleet.settings.state_bucket,
        earlier=earlier or [],
    )


async def busy(fleet: Fleet) -> None:
    """One of everything that a worker can meet, and its end."""
    train, again = builders.train_model(), builders.calculate_feature_vectors()
    async with fleet.worker():
        await fleet.send(train)
        await fleet.outcome(train)
        for command in (train, train.model_copy(update={"seed": 7})):
            await fleet.send(command)
        await fleet.send(builders.train_model(options={"do": "reject"}))
        await fleet.send(again)
        await fleet.outcome(again)
        await fleet.send(again, (("molfleet-generation", b"2"),))
        await fleet.send_raw(FEATURES, b"rubbish", (("who", b"me"),))
        await fleet.send_raw(FEATURES, fleet.codec.encode(train))
        single = builders.single_structure_predict()
        for _ in range(3):
            await fleet.send(single)
        sent = {TRAINING: 4, FEATURES: 4, SINGLE: 3}
        await until(lambda: all(fleet.committed(topic) == count for topic, count in sent.items()))


async def test_the_history_of_a_busy_worker_keeps_every_promise(fleet: Fleet) -> None:
    await busy(fleet)
    seen = await history(fleet)
    assert [str(violation) for violation in check(seen, strict=True)] == []
    assert (len(seen.commands), len(seen.letters), len(seen.receipts)) == (11, 3, 4)
    assert sum(command.run is None for command in seen.commands) == 2
    assert sum(event.message.terminal for event in seen.events) == 3 + 2 + 3
    assert len(seen.blobs) > 0


async def test_an_output_that_was_changed_afterwards_is_found(fleet: Fleet) -> None:
    await busy(fleet)
    output = (await history(fleet)).receipts[0].receipt.outputs[0]
    fleet.store.put(output.bucket, output.key, b"something else")
    found = [str(violation) for violation in check(await history(fleet), strict=True)]
    assert len(found) == 1
    assert found[0].startswith("G3: ")
    assert output.key in found[0]


async def test_a_command_that_waits_is_missed_only_when_the_fleet_is_said_to_rest(fleet: Fleet) -> None:
    command = builders.train_model()
    await fleet.send(command)
    seen = await history(fleet)
    assert check(seen, strict=False) == []
    assert [str(v) for v in check(seen, strict=True)] == [
        f"G1: TrainModel {command.id}: it has no terminal event"
    ]


async def test_commits_are_read_without_joining_the_group(fleet: Fleet) -> None:
    command = builders.train_model()
    async with fleet.worker(only=[TRAINING]):
        await fleet.send(command)
        await until(lambda: fleet.committed(TRAINING) == 1)
        partitions = {record.source for record in fleet.broker.records(TRAINING)}
        group = fleet.topics.group_of(TRAINING)
        commits = await read_commits(fleet.broker, group, TRAINING, partitions)
        second = builders.train_model()
        await fleet.send(second)  # the worker still owns its partitions
        await fleet.outcome(second)
    assert [commit.offset for commit in commits] == [1]
