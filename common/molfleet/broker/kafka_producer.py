"""An idempotent Kafka producer that outlives its own fatal states.

aiokafka's producer retries for ever while a broker is away, and is of no more use after a sequence
fault (#1017) or a batch that the broker refused, whose sequence numbers are missing then. So every call
has a bound, and a producer that has failed is thrown away with what it still holds; what failed by its
state alone is sent again by a new one. Doubles are possible then, as after any lost acknowledgement.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterable, Sequence
from typing import Any, TypeAlias

from aiokafka import AIOKafkaProducer, errors
from aiokafka.record.default_records import DefaultRecordBatchBuilder

from molfleet.broker.kafka_connection import Connection, cancelled, closed_quietly, translated
from molfleet.broker.port import BrokerUnavailable, MessageTooLarge, Outgoing, Placed, partition_of_turn

_CLOSE_S = 10.0
_ROUNDS = 3
_BATCH_BYTES = 128 << 10
#: The producer's state is at fault, neither the broker nor the record.
_LOST_STATE = (
    errors.OutOfOrderSequenceNumber,
    errors.UnknownProducerId,
    errors.InvalidProducerEpoch,
    errors.InvalidProducerIdMapping,
    errors.ProducerFenced,
    errors.ProducerClosed,
)

# A RecordMetadata, which aiokafka leaves untyped, or the exception that came instead.
Outcome: TypeAlias = Any


class KafkaProducer:
    def __init__(self, connection: Connection, max_bytes: int | None = None) -> None:
        self._connection = connection
        self._max_bytes = max_bytes or connection.settings.max_request_bytes
        self._client: AIOKafkaProducer | None = None
        self._lock = asyncio.Lock()
        self._closing: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        await self._ready()

    async def stop(self) -> None:
        client = self._client
        if client is not None:
            await closed_quietly(client.flush(), _CLOSE_S)
            self._abandon(client)
        if self._closing:
            await asyncio.wait(self._closing)

    async def publish(self, messages: Sequence[Outgoing]) -> list[Placed]:
        self._refuse_large(messages)
        outcomes: dict[int, Outcome] = {}
        left = list(range(len(messages)))
        for _ in range(_ROUNDS):
            client = await self._ready()
            outcomes.update(zip(left, await self._send(client, [messages[n] for n in left]), strict=True))
            if any(isinstance(outcome, Exception) for outcome in outcomes.values()):
                self._abandon(client)
            for number in left:
                self._raise_if_hopeless(messages[number], outcomes[number])
            left = [number for number in left if _lost_state(outcomes[number])]
            if not left:
                return self._placed(messages, outcomes)
        raise BrokerUnavailable(f"publishing to {_topics(messages)}: the producer lost its state again")

    def _refuse_large(self, messages: Iterable[Outgoing]) -> None:
        for message in messages:
            size = _size(message)
            if size > self._max_bytes:
                raise MessageTooLarge(
                    f"a record of {size} bytes for {message.topic} is over the limit of "
                    f"{self._max_bytes} bytes"
                )

    @staticmethod
    def _raise_if_hopeless(message: Outgoing, outcome: Outcome) -> None:
        if isinstance(outcome, Exception) and not (_lost_state(outcome) or _too_large(outcome)):
            with translated(f"publishing to {message.topic}"):
                raise outcome

    @staticmethod
    def _placed(messages: Sequence[Outgoing], outcomes: dict[int, Outcome]) -> list[Placed]:
        placed: list[Placed] = []
        for number, message in enumerate(messages):
            outcome = outcomes[number]
            if isinstance(outcome, Exception):
                raise MessageTooLarge(
                    f"a record of {_size(message)} bytes is over the limit of topic {message.topic}"
                ) from outcome
            placed.append(Placed(outcome.topic, outcome.partition, outcome.offset))
        return placed

    async def _send(self, client: AIOKafkaProducer, messages: Sequence[Outgoing]) -> list[Outcome]:
        """Hand all over, then await all acknowledgements together: far faster than one by one."""
        sent: list[asyncio.Future[Any]] = []
        fault: Exception = errors.KafkaTimeoutError("not acknowledged in time")
        loop = asyncio.get_running_loop()
        # A second more than aiokafka waits for an unknown topic, so that it can say so.
        deadline = loop.time() + self._connection.timeout_s + 1.0
        try:
            try:
                async with asyncio.timeout_at(deadline):
                    for message in messages:
                        sent.append(await _enqueue(client, message))  # noqa: PERF401 - kept when cut short
            except (errors.KafkaError, TimeoutError) as error:
                fault = error if isinstance(error, errors.KafkaError) else fault
            except asyncio.CancelledError:
                if cancelled():
                    raise
                fault = errors.ProducerClosed()
            if sent:
                await asyncio.wait(sent, timeout=max(0.0, deadline - loop.time()))
            unsent = [fault] * (len(messages) - len(sent))
            return [_outcome(future) if future.done() else fault for future in sent] + unsent
        finally:
            for future in sent:
                if not future.done():
                    future.add_done_callback(_outcome)
                elif not future.cancelled():
                    future.exception()

    async def _ready(self) -> AIOKafkaProducer:
        async with self._lock:
            if self._client is None:
                client = AIOKafkaProducer(
                    **self._connection.options(),
                    acks="all",
                    enable_idempotence=True,
                    max_request_size=self._max_bytes,
                    max_batch_size=min(_BATCH_BYTES, self._max_bytes),
                )
                try:
                    await self._connection.started(client.start(), "starting a producer")
                except BaseException:
                    await closed_quietly(client.stop(), _CLOSE_S)
                    raise
                self._client = client
            return self._client

    def _abandon(self, client: AIOKafkaProducer) -> None:
        """Throw a producer away at once; concurrent calls on it find their records unsent."""
        if self._client is client:
            self._client = None
            task = asyncio.get_running_loop().create_task(_discard(client))
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)


async def _enqueue(client: AIOKafkaProducer, message: Outgoing) -> asyncio.Future[Any]:
    partition = None
    if message.turn is not None:
        there = sorted(await client.partitions_for(message.topic))
        partition = there[partition_of_turn(message.turn, len(there))]
    if message.key is not None or message.value is not None:
        headers = list(message.headers)
        return await client.send(  # type: ignore[no-any-return]
            message.topic, message.value, message.key, partition=partition, headers=headers
        )
    # `send` refuses what has neither key nor value, though Kafka takes it: somebody's dead letter, say.
    batch = client.create_batch()
    batch.append(timestamp=None, key=None, value=None, headers=list(message.headers))
    partition = random.choice(sorted(await client.partitions_for(message.topic)))  # noqa: S311
    return await client.send_batch(batch, message.topic, partition=partition)  # type: ignore[no-any-return]


async def _discard(client: AIOKafkaProducer) -> None:
    """aiokafka has no abort: `stop` would wait until a broker is there to take what is left."""
    client._message_accumulator.fail_all(errors.ProducerClosed())
    await closed_quietly(client.client.close(), _CLOSE_S)
    if (sender := client._sender.sender_task) is not None:
        sender.cancel()
    await closed_quietly(client.stop(), _CLOSE_S)


def _outcome(future: asyncio.Future[Any]) -> Outcome:
    """Its result or exception; asked for in any case, lest asyncio complains of one never retrieved."""
    return errors.ProducerClosed() if future.cancelled() else future.exception() or future.result()


def _lost_state(outcome: Outcome) -> bool:
    # A bare KafkaError is how the sender task says that it has died.
    return isinstance(outcome, _LOST_STATE) or type(outcome) is errors.KafkaError


def _too_large(outcome: Outcome) -> bool:
    return isinstance(outcome, (errors.MessageSizeTooLargeError, errors.RecordListTooLargeError))


def _size(message: Outgoing) -> int:
    return int(
        DefaultRecordBatchBuilder.estimate_size_in_bytes(message.key, message.value, list(message.headers))
    )


def _topics(messages: Iterable[Outgoing]) -> str:
    return ", ".join(sorted({message.topic for message in messages}))
