"""FleetClient on the ports' fakes: a small fleet in this process answers as the contract says."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest

from molfleet.broker.port import BrokerUnavailable, Incoming, Outgoing
from molfleet.client import FleetClient, Outcome
from molfleet.errors import Code, Rejected
from molfleet.messages.envelope import event_key, generation_of
from molfleet.messages.generated import (
    CancelCommand,
    FeatureVectorsCalculated,
)
from molfleet.messages.record import Command
from molfleet.settings import Settings
from tests.unit.client.world import PATIENCE_S, World, command, done, failed, progressed


@pytest.fixture
def world() -> World:
    return World()


async def running(client: FleetClient, order: Command, **options: object) -> asyncio.Task[Outcome]:
    return asyncio.create_task(client.run(order, timeout_s=PATIENCE_S, **options))  # type: ignore[arg-type]


async def test_a_command_is_published_as_the_contract_says(world: World) -> None:
    order = command()
    async with world.client(listen=False) as client:
        assert await client.publish(order, headers={"traceparent": "mine"}, generation=2) == order.id
    record = await world.taken(order)
    assert record.topic == "feature-vectors.commands"
    assert record.key == str(order.id).encode()
    headers = dict(record.headers)
    assert headers["ce_id"] == headers["MessageId"] == str(order.id).encode()
    assert headers["CorrelationId"] == str(order.correlation_id).encode()
    assert headers["ce_type"] == b"molfleet.commands.CalculateFeatureVectors"
    assert headers["traceparent"] == b"mine"
    assert len(headers) == len(record.headers)
    assert generation_of(record.headers) == 2


async def test_run_gives_the_success_event_and_the_progress_before_it(world: World) -> None:
    order, seen = command(), list[float]()
    async with world.client() as client:
        task = await running(client, order, on_progress=lambda event: seen.append(event.fraction))
        await world.taken(order)
        await world.say(order, progressed(order, 0.25))
        async with asyncio.timeout(PATIENCE_S):
            while not seen:
                await asyncio.sleep(0.005)
        await world.say(order, done(order))
        outcome = await task
    assert outcome.succeeded
    assert isinstance(outcome.event, FeatureVectorsCalculated)
    assert (outcome.event.records, outcome.why, seen) == (3, "", [0.25])


async def test_a_failure_event_says_why(world: World) -> None:
    order = command()
    async with world.client() as client:
        task = await running(client, order)
        await world.taken(order)
        await world.say(order, failed(order))
        outcome = await task
    assert not outcome.succeeded
    assert outcome.why == "BLOB_NOT_FOUND: a.sdf is not there."


async def test_of_two_commands_each_hears_its_own_outcome(world: World) -> None:
    orders = [command(), command()]
    async with world.client() as client:
        tasks = [await running(client, order) for order in orders]
        for number, order in reversed(list(enumerate(orders))):
            await world.taken(order)
            await world.say(order, done(order, records=number))
        outcomes = [await task for task in tasks]
    assert [outcome.event.records for outcome in outcomes] == [0, 1]  # type: ignore[union-attr]


async def test_an_outcome_that_came_before_anybody_waited_is_remembered(world: World) -> None:
    order, other = command(), command()
    async with world.client() as client:
        await client.publish(order)
        await world.say(order, done(order))
        task = await running(client, other)
        await world.taken(other)
        await world.say(other, done(other))
        await task
        outcome = await client.wait(order, timeout_s=PATIENCE_S)
    assert outcome.succeeded


async def test_a_dead_letter_is_the_outcome_of_a_command_that_gets_no_event(world: World) -> None:
    order = command()
    async with world.client() as client:
        task = await running(client, order)
        await world.bury(await world.taken(order), "CONFLICT", "the id was used before")
        outcome = await task
    assert outcome.event is None
    assert outcome.dead_letter is not None
    assert outcome.dead_letter.reason == "CONFLICT"
    assert "the id was used before" in outcome.why
    assert "feature-vectors.commands.dead-letters" in outcome.why


async def test_a_dead_letter_that_nobody_can_decode_is_known_by_where_it_lay(world: World) -> None:
    order = command()
    async with world.client() as client:
        task = await running(client, order)
        record = await world.taken(order)
        broken = Incoming(record.topic, record.partition, record.offset, record.key, b"\x00junk", (), 0)
        await world.bury(broken, "UNDECODABLE")
        outcome = await task
    assert outcome.dead_letter is not None
    assert outcome.dead_letter.reason == "UNDECODABLE"


async def test_a_dead_letter_of_another_record_is_nobodys_outcome_here(world: World) -> None:
    order = command()
    async with world.client() as client:
        task = await running(client, order)
        record = await world.taken(order)
        other = Incoming(record.topic, record.partition, record.offset + 1, None, b"junk", (), 0)
        await world.bury(other, "UNDECODABLE")
        await world.say(order, done(order))
        assert (await task).succeeded


async def test_after_a_crash_past_the_limit_both_the_letter_and_the_event_are_told(world: World) -> None:
    order = command()
    async with world.client() as client:
        task = await running(client, order)
        await world.bury(await world.taken(order), Code.WORKER_CRASHED)
        await world.say(order, failed(order, Code.WORKER_CRASHED))
        outcome = await task
    assert outcome.event is not None
    assert outcome.dead_letter is not None
    assert outcome.why.startswith("WORKER_CRASHED")


async def test_a_new_generation_is_not_answered_by_the_old_one(world: World) -> None:
    order = command()
    async with world.client() as client:
        task = await running(client, order, generation=2)
        await world.taken(order)
        await world.say(order, failed(order))
        await world.say(order, done(order), generation=2)
        assert (await task).succeeded


async def test_an_event_without_headers_is_understood_by_its_value(world: World) -> None:
    order = command()
    async with world.client() as client:
        task = await running(client, order)
        await world.taken(order)
        event = done(order).model_copy(update={"time_stamp": datetime.now(UTC), "worker_version": "x"})
        key = event_key(order.correlation_id)
        await world.send(Outgoing("feature-vectors.events", key, world.codec.encode(event)))
        assert (await task).succeeded


async def test_what_cannot_be_understood_does_not_stop_the_listening(world: World) -> None:
    order = command()
    async with world.client() as client:
        task = await running(client, order)
        await world.taken(order)
        await world.send(Outgoing("feature-vectors.events", None, b"junk"))
        await world.say(order, done(order))
        assert (await task).succeeded


async def test_waiting_ends_in_time_and_says_for_what(world: World) -> None:
    async with world.client() as client:
        with pytest.raises(TimeoutError, match="no outcome within"):
            await client.run(command(), timeout_s=0.05)


@pytest.mark.slow
async def test_a_broker_that_goes_away_and_comes_back_costs_nothing(world: World) -> None:
    order = command()
    async with world.client() as client:
        task = await running(client, order)
        await world.taken(order)
        world.broker.unavailable = True
        await asyncio.sleep(0)
        world.broker.unavailable = False
        await world.say(order, done(order))
        assert (await task).succeeded


async def test_entering_without_a_broker_says_so(world: World) -> None:
    world.broker.unavailable = True
    with pytest.raises(BrokerUnavailable):
        async with world.client():
            pass


async def test_progress_ends_with_the_command(world: World) -> None:
    order = command()
    async with world.client() as client:
        fractions = list[float]()

        async def follow() -> None:
            async for event in client.progress(order.id):
                fractions.append(event.fraction)

        task = asyncio.create_task(follow())
        await asyncio.sleep(0)
        await world.say(order, progressed(order, 0.5))
        async with asyncio.timeout(PATIENCE_S):
            while not fractions:
                await asyncio.sleep(0.005)
            await world.say(order, done(order))
            await task
    assert fractions == [0.5]


async def test_the_past_is_told_to_whoever_follows_first(world: World) -> None:
    order = command()
    await world.say(order, done(order))
    async with world.client(from_beginning=True) as client:
        await asyncio.sleep(0.05)  # long enough for a listener that does not wait to have read it all
        async with asyncio.timeout(PATIENCE_S):
            heard = [heard async for heard in client.watch(order.id)]
    assert [type(one.event) for one in heard] == [FeatureVectorsCalculated]


async def test_a_cancellation_goes_to_the_control_topic(world: World) -> None:
    target = uuid4()
    async with world.client(listen=False) as client:
        await client.cancel(target, "wrong file")
    (record,) = world.broker.records("fleet.control")
    cancel = world.codec.decode(record.value)
    assert isinstance(cancel, CancelCommand)
    assert (cancel.command_id, cancel.reason) == (target, "wrong file")


async def test_a_file_goes_up_and_comes_down_the_same_and_twice_is_once(
    world: World, tmp_path: Path
) -> None:
    path = tmp_path / "mols.smi"
    path.write_text("CCO\n")
    async with world.client(listen=False) as client:
        first, second = await client.upload(path), await client.upload(path)
        assert first == second
        assert first.bucket == Settings().output_bucket
        (tmp_path / "down").mkdir()
        down = await client.download(first, tmp_path / "down")
        assert down == tmp_path / "down" / "mols.smi"
        assert down.read_text() == "CCO\n"
        world.store.put(first.bucket, first.key, b"other")
        with pytest.raises(Rejected) as caught:
            await client.download(first, tmp_path / "again.smi")
    assert caught.value.code == Code.BLOB_CHANGED


async def test_a_client_that_only_publishes_cannot_wait(world: World) -> None:
    async with world.client(listen=False) as client:
        with pytest.raises(RuntimeError, match="does not listen"):
            await client.wait(uuid4())
