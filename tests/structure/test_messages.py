"""Schemas, topics and handler tables tell one story."""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import entry_points

import pytest

from molfleet.broker.topics import load_topics
from molfleet.messages.generated import ALL_RECORDS, CancelCommand
from molfleet.messages.record import Command, Event, FailureEvent, Part, TerminalEvent
from molfleet.runtime.assembly import check_table
from molfleet.runtime.handler import HandlerTable
from tests.paths import ROOT

WORKERS = {entry.name: entry.value for entry in entry_points(group="molfleet.workers")}
TOPICS = load_topics(ROOT / "infra" / "kafka" / "topics.yaml")

#: Cancellations are read by every worker's runtime, not by a handler.
UNHANDLED = {CancelCommand.full_name}


def table(worker: str) -> HandlerTable:
    handlers: HandlerTable = import_module(WORKERS[worker]).HANDLERS
    return handlers


def of_type(kind: type) -> set[str]:
    return {name for name, record in ALL_RECORDS.items() if issubclass(record, kind)}


def test_every_worker_is_found_by_its_entry_point() -> None:
    folders = {path.parent.name for path in (ROOT / "workers").glob("*/__main__.py")}
    assert {name.replace("-", "_") for name in WORKERS} == folders


def test_every_command_has_exactly_one_handler() -> None:
    handled = [command.full_name for worker in WORKERS for command in table(worker)]
    assert sorted(handled) == sorted(of_type(Command) - UNHANDLED)


@pytest.mark.parametrize("worker", WORKERS)
def test_the_runtime_accepts_the_table_of(worker: str) -> None:
    check_table(TOPICS, table(worker))


def test_every_failure_event_answers_one_command() -> None:
    failures = [row.failure.full_name for worker in WORKERS for row in table(worker).values()]
    assert sorted(failures) == sorted(of_type(FailureEvent))


def test_every_message_has_a_topic_and_every_topic_only_messages() -> None:
    placed = [name for topic in TOPICS.all for name in topic.types]
    in_receipts = {
        name
        for part in of_type(Part)
        for name in ALL_RECORDS
        if name.startswith(part.replace(".commands.Calculate", ".events."))
    }
    assert sorted((*placed, *in_receipts)) == sorted(ALL_RECORDS)


def test_only_parts_of_commands_have_no_events() -> None:
    for topic in TOPICS.command_topics:
        types = [ALL_RECORDS[name] for name in TOPICS.types_of(topic)]
        assert TOPICS.has_events(topic) == (not any(issubclass(kind, Part) for kind in types))


def test_the_events_of_a_command_are_in_the_topic_beside_its_own() -> None:
    for topic in filter(TOPICS.has_events, TOPICS.command_topics):
        events = TOPICS.types_of(topic.removesuffix("commands") + "events")
        assert events
        assert all(issubclass(ALL_RECORDS[name], Event) for name in events)
        endings = [name for name in events if issubclass(ALL_RECORDS[name], TerminalEvent)]
        assert len(endings) == 2 * len(TOPICS.types_of(topic))


def test_commands_are_orders_and_events_are_past() -> None:
    past = ("ed", "Generated", "Failed")
    assert all(name.rpartition(".")[2].endswith(past) for name in of_type(Event))
    assert not any(name.rpartition(".")[2].endswith(past) for name in of_type(Command))
