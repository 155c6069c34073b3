"""A recorded history, findable by run, by event id and by place."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import TypeVar
from uuid import UUID

from molfleet.broker.port import Headers, Partition
from molfleet.errors import Code
from molfleet.messages.envelope import terminal_event_id
from molfleet.messages.record import Part
from molfleet.operations.history import (
    History,
    Run,
    SeenCommand,
    SeenEvent,
    SeenLetter,
    SeenReceipt,
)

K = TypeVar("K")
V = TypeVar("V")


def terminal_id(run: Run) -> str:
    """The id that every terminal event of a run must have."""
    return str(terminal_event_id(run.type, run.id, run.generation))


def event_id(headers: Headers) -> str:
    """The `ce_id` of an event; empty where it has none."""
    found = next((value for name, value in headers if name == "ce_id"), None)
    return (found or b"").decode("utf-8", "replace")


class HistoryIndex:
    """The history, findable by run, event id and place."""

    def __init__(self, history: History) -> None:
        self.history = history
        self.receipts: dict[Run, list[SeenReceipt]] = _grouped((r.run, r) for r in history.receipts)
        self.commands: dict[Run, list[SeenCommand]] = _grouped(
            (command.run, command) for command in history.commands if command.run
        )
        self.by_event_id: dict[str, list[SeenEvent]] = _grouped((e.event_id, e) for e in history.events)
        self.by_family: dict[tuple[str, UUID, int], list[SeenEvent]] = _grouped(
            ((e.record.topic.removesuffix("events"), e.message.id, e.generation), e) for e in history.events
        )
        self.letters: dict[tuple[Partition, int], list[SeenLetter]] = _grouped(
            ((letter.source, letter.offset), letter) for letter in history.letters
        )
        self.by_partition: dict[Partition, list[SeenCommand]] = _grouped(
            (seen.record.source, seen) for seen in history.commands
        )
        self.at = {(seen.record.source, seen.record.offset): seen for seen in history.commands}

    def is_light(self, run: Run) -> bool:
        return run.type in self.history.light

    def is_part(self, run: Run) -> bool:
        """Whether a run is a part of another command: its receipt is its outcome, it has no events."""
        return any(isinstance(command.identity, Part) for command in self.commands.get(run, ()))

    def receipt(self, run: Run) -> SeenReceipt | None:
        return self.receipts[run][0] if run in self.receipts else None

    def terminals(self, run: Run) -> list[SeenEvent]:
        return [e for e in self.by_event_id.get(terminal_id(run), ()) if e.message.terminal]

    def events_of(self, run: Run, command_topic: str) -> list[SeenEvent]:
        family = command_topic.removesuffix("commands")
        return self.by_family.get((family, run.id, run.generation), [])

    def letters_of(self, command: SeenCommand) -> list[SeenLetter]:
        return self.letters.get((command.record.source, command.record.offset), [])

    def is_refused(self, command: SeenCommand) -> bool:
        """Whether the record is no command to be run: unreadable, foreign, or in conflict."""
        if command.run is None:
            return True
        receipt = self.receipt(command.run)
        return receipt is not None and receipt.content != command.content

    def must_have_letter(self, command: SeenCommand) -> bool:
        receipt = self.receipt(command.run) if command.run else None
        return self.is_refused(command) or (receipt is not None and receipt.receipt.dead_letter)

    def may_have_letter(self, command: SeenCommand) -> bool:
        if command.run is None or not self.is_light(command.run):
            return self.must_have_letter(command)
        return any(event.code == Code.WORKER_CRASHED for event in self.terminals(command.run))


def _grouped(pairs: Iterable[tuple[K, V]]) -> dict[K, list[V]]:
    groups: dict[K, list[V]] = defaultdict(list)
    for key, value in pairs:
        groups[key].append(value)
    return dict(groups)
