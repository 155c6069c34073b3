"""Reads a history from the fleet's topics, its state bucket and the blobs that its receipts name."""

from __future__ import annotations

import asyncio
import hashlib
import tempfile
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

from molfleet.blobs.port import BlobNotFound, BlobStore
from molfleet.broker.port import Broker, Incoming, Partition
from molfleet.broker.topics import Topics
from molfleet.ledger.keys import Keys
from molfleet.ledger.receipts import Receipt, StoredOutput
from molfleet.messages.envelope import generation_of
from molfleet.messages.record import Command, Event
from molfleet.operations.history import (
    LIGHT,
    History,
    Run,
    SeenCommand,
    SeenCommit,
    SeenEvent,
    SeenLetter,
    SeenReceipt,
)
from molfleet.operations.history_index import event_id
from molfleet.runtime import letters
from molfleet.runtime.intake import Intake, Unreadable

_POLL_S = 0.2


class _Nobody:
    """A listener of a consumer that never joins its group."""

    async def revoked(self, partitions: frozenset[Partition]) -> None: ...

    async def assigned(self, partitions: frozenset[Partition]) -> None: ...


async def read_history(
    broker: Broker,
    store: BlobStore,
    intake: Intake,
    topics: Topics,
    *,
    state_bucket: str,
    state_prefix: str = "",
    light: frozenset[str] = LIGHT,
    earlier: Iterable[SeenCommit] = (),
) -> History:
    """All that the topics hold now, with the receipts and the digests of their blobs.

    `earlier` holds positions that were committed while the fleet ran (see `read_commits`). The
    positions of now are read before the logs, so that whatever they rely on is in the history. Raises
    BrokerUnavailable, BlobsUnavailable.
    """
    commands = await _read(broker, topics.command_topics)
    commits = [*earlier]
    for topic in topics.command_topics:
        partitions = {record.source for record in commands if record.topic == topic}
        commits += await read_commits(broker, topics.group_of(topic), topic, partitions)
    receipts = await asyncio.to_thread(lambda: [*_receipts(store, state_bucket, Keys(state_prefix))])
    dead = {topics.dead_letters_of(topic) for topic in topics.command_topics}
    events = {*topics.event_topics} - {topics.progress}
    records = await _read(broker, [*dead, *events])
    outputs = {output for receipt in receipts for output in receipt.outputs}
    return History(
        commands=tuple([await _command(intake, record) for record in commands]),
        letters=tuple(seen for record in records if record.topic in dead for seen in _letter(record)),
        events=tuple(
            [
                seen
                for record in records
                if record.topic not in dead
                for seen in await _event(intake, record)
            ]
        ),
        commits=tuple(commits),
        receipts=tuple(SeenReceipt(receipt, intake.digest(receipt.command)) for receipt in receipts),
        blobs=dict(await asyncio.to_thread(lambda: [*_digests(store, outputs)])),
        light=light,
    )


async def read_commits(
    broker: Broker, group: str, topic: str, partitions: Collection[Partition]
) -> list[SeenCommit]:
    """The positions that the group has committed by now; the group notices nothing."""
    found = await broker.consumer([topic], group, _Nobody()).committed(partitions)
    return [SeenCommit(partition, committed.offset) for partition, committed in found.items()]


async def _read(broker: Broker, topics: Collection[str]) -> list[Incoming]:
    """Every record that the topics hold now, those of one partition in order."""
    reader = broker.reader(topics)
    records: list[Incoming] = []
    await reader.start()
    try:
        done = False
        while not done:
            # Asked before the poll: what is handed over by then is all that there was.
            done = await reader.caught_up()
            records += await reader.poll(0.0 if done else _POLL_S)
    finally:
        await reader.stop()
    return sorted(records, key=lambda record: (record.topic, record.partition, record.offset))


async def _command(intake: Intake, record: Incoming) -> SeenCommand:
    taken = await intake.read(record)
    if isinstance(taken, Unreadable):
        return SeenCommand(record)
    run = Run(taken.command_type, taken.identity.id, taken.generation)
    return SeenCommand(record, run, taken.identity, intake.digest(taken.value))


async def _event(intake: Intake, record: Incoming) -> list[SeenEvent]:
    message = await intake.decode(record)
    if not isinstance(message, Event) or isinstance(message, Command):
        return []
    return [SeenEvent(record, message, event_id(record.headers), generation_of(record.headers))]


def _letter(record: Incoming) -> list[SeenLetter]:
    letter = letters.read(record)
    if letter.source is None or letter.offset is None:
        return []
    return [SeenLetter(record, letter.source, letter.offset)]


def _receipts(store: BlobStore, bucket: str, keys: Keys) -> Iterator[Receipt]:
    for info in store.list(bucket, f"{keys.prefix}receipts/"):
        data, _ = store.read(bucket, info.key)
        yield Receipt.decode(info.key, data)


def _digests(store: BlobStore, outputs: Iterable[StoredOutput]) -> Iterator[tuple[tuple[str, str], str]]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "blob")
        for output in outputs:
            try:
                store.fetch(output.bucket, output.key, path)
            except BlobNotFound:
                continue
            with path.open("rb") as file:
                yield (output.bucket, output.key), hashlib.file_digest(file, "sha256").hexdigest()
            path.unlink()
