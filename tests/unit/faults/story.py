"""Tells small histories, record by record, as a fleet that keeps its promises would leave them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from uuid import uuid4, uuid5

from molfleet.broker.port import Headers, Incoming, Partition
from molfleet.ledger.receipts import Receipt, StoredEvent, StoredOutput
from molfleet.messages.record import Command, Event, FailureEvent
from molfleet.operations.history import (
    History,
    Run,
    SeenCommand,
    SeenCommit,
    SeenEvent,
    SeenLetter,
    SeenReceipt,
)
from molfleet.runtime.dead_letters import dead_letter

GROUP = "molfleet.test"


@dataclass
class Story:
    commands: list[SeenCommand] = field(default_factory=list)
    letters: list[SeenLetter] = field(default_factory=list)
    events: list[SeenEvent] = field(default_factory=list)
    commits: list[SeenCommit] = field(default_factory=list)
    receipts: list[SeenReceipt] = field(default_factory=list)
    blobs: dict[tuple[str, str], str] = field(default_factory=dict)
    _ends: Counter[str] = field(default_factory=Counter)

    def _log(self, topic: str, key: bytes | None, value: bytes | None, headers: Headers) -> Incoming:
        offset = self._ends[topic]
        self._ends[topic] += 1
        return Incoming(topic, 0, offset, key, value, headers, 1_700_000_000_000)

    def sends(self, command: Command, topic: str, generation: int = 1) -> SeenCommand:
        headers = (("molfleet-generation", b"%d" % generation),) if generation > 1 else ()
        record = self._log(topic, command.id.bytes, command.model_dump_json().encode(), headers)
        content = command.model_dump_json(exclude={"time_stamp"})
        run = Run(command.full_name, command.id, generation)
        self.commands.append(SeenCommand(record, run, command, content))
        return self.commands[-1]

    def sends_bytes(self, value: bytes, topic: str) -> SeenCommand:
        self.commands.append(SeenCommand(self._log(topic, b"key", value, (("who", b"me"),))))
        return self.commands[-1]

    def buries(self, command: SeenCommand) -> None:
        topic = f"{command.record.topic}.dead-letters"
        letter = dead_letter(command.record, topic, GROUP, "REASON", "why")
        record = self._log(topic, letter.key, letter.value, letter.headers)
        self.letters.append(SeenLetter(record, command.record.source, command.record.offset))

    def event(self, command: SeenCommand, event: Event, ordinal: int = 1) -> StoredEvent:
        """The event as it is published, its id by the contract's formula."""
        assert command.run
        name = f"{command.run.type}:terminal" if event.terminal else f"{event.full_name}:{ordinal}"
        again = f":g{command.run.generation}" if command.run.generation > 1 else ""
        headers: Headers = (("ce_id", str(uuid5(command.run.id, name + again)).encode()),)
        if again:
            headers = (*headers, ("molfleet-generation", b"%d" % command.run.generation))
        topic = command.record.topic.removesuffix("commands") + "events"
        key = str(event.correlation_id).encode()
        return StoredEvent(topic, key, event.model_dump_json().encode(), headers)

    def publishes(self, command: SeenCommand, event: Event, ordinal: int = 1) -> None:
        assert command.run
        stored = self.event(command, event, ordinal)
        record = self._log(stored.topic, stored.key, stored.value, stored.headers)
        event_id = stored.headers[0][1].decode()
        self.events.append(SeenEvent(record, event, event_id, command.run.generation))

    def writes(self, bucket: str, key: str, data: bytes) -> StoredOutput:
        digest = sha256(data).hexdigest()
        self.blobs[bucket, key] = digest
        return StoredOutput(bucket, key, digest)

    def receipts_for(
        self,
        command: SeenCommand,
        events: list[Event],
        *outputs: StoredOutput,
        dead_letter: bool = False,
    ) -> None:
        assert command.run
        receipt = Receipt(
            command_type=command.run.type,
            command_id=command.run.id,
            generation=command.run.generation,
            attempt=uuid4(),
            command=command.record.value or b"",
            events=tuple(self.event(command, event, n) for n, event in enumerate(events, start=1)),
            outcome="failed" if isinstance(events[-1], FailureEvent) else "done",
            created=datetime(2026, 1, 1, tzinfo=UTC),
            outputs=outputs,
            dead_letter=dead_letter,
        )
        self.receipts.append(SeenReceipt(receipt, command.content))

    def commits_all(self, topic: str) -> None:
        partition = Partition(topic, 0)
        ends = {Partition(name, 0): end for name, end in self._ends.items()}
        self.commits.append(SeenCommit(partition, self._ends[topic], ends))
        self.commits.append(SeenCommit(partition, self._ends[topic]))

    @property
    def history(self) -> History:
        return History(
            commands=tuple(self.commands),
            letters=tuple(self.letters),
            events=tuple(self.events),
            commits=tuple(self.commits),
            receipts=tuple(self.receipts),
            blobs=dict(self.blobs),
        )
