"""Whether a recorded history keeps what docs/CONTRACT.md promises under "One command, one outcome".

G1  every accepted command reaches exactly one distinct terminal event; what cannot be decoded, does not
    belong or conflicts reaches a dead letter only; a command past the crash limit both. A part of a
    command reaches a receipt instead of an event.
G2  no committed offset passes an unfinished command.
G3  one receipt per heavy command, whose digests match its blobs.
G4  repeated terminal events are byte-identical (heavy commands), or carry the same id and the same
    predictions within 1e-4 relative (light ones).
G5  first occurrences come in order: what is published early, what the receipt holds, the terminal event.
All of it holds per generation. Pure: nothing is read here.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from molfleet.operations.history import History, Run, SeenCommand, SeenCommit, SeenEvent, SeenLetter
from molfleet.operations.history_index import HistoryIndex, event_id, terminal_id
from molfleet.runtime.dead_letters import without_reasons

Invariant = Literal["G1", "G2", "G3", "G4", "G5"]

#: Largest relative difference between two answers to one light command.
TOLERANCE = 1e-4
#: Parts of an answer that are not the prediction itself.
_INCIDENTAL = frozenset({"time_stamp", "worker_version", "elapsed_ms", "explanation", "message", "details"})


@dataclass(frozen=True, slots=True)
class Violation:
    """One broken promise: which, about what, and what was seen."""

    invariant: Invariant
    about: str
    what: str

    def __str__(self) -> str:
        return f"{self.invariant}: {self.about}: {self.what}"


def check(history: History, *, strict: bool) -> list[Violation]:
    """Every way in which the history breaks the invariants.

    `strict` takes the history as complete and the fleet as at rest: every command must have ended and
    nothing may come from nowhere. Otherwise commands may be under way, and old records forgotten.
    """
    index = HistoryIndex(history)
    found = [*_ends(index, strict), *_letters(index, strict), *_commits(index)]
    found += [*_receipts(index, strict), *_repeats(index), *_order(index)]
    return list(dict.fromkeys(found))


def _ends(index: HistoryIndex, strict: bool) -> Iterator[Violation]:
    for run, commands in index.commands.items():
        accepted = [command for command in commands if not index.is_refused(command)]
        if not accepted:
            continue
        ends = index.terminals(run)
        if index.is_part(run):
            if strict and run not in index.receipts:
                yield Violation("G1", str(run), "it is a part of a command and has no receipt")
            if ends:
                yield Violation("G1", str(run), "it is a part of a command, but its event was published")
        elif strict and not ends:
            yield Violation("G1", str(run), "it has no terminal event")
        kinds = sorted({event.message.full_name for event in ends})
        if len(kinds) > 1:
            yield Violation("G1", str(run), f"it ended in {' and in '.join(kinds)}")
        sent = accepted[0].identity
        for event in ends:
            for name in ("id", "correlation_id", "user_id"):
                if getattr(event.message, name) != getattr(sent, name):
                    yield Violation("G1", str(run), f"its terminal event does not echo its {name}")
    known: dict[tuple[UUID, int], set[str]] = defaultdict(set)
    for run in index.commands:
        known[run.id, run.generation].add(terminal_id(run))
    for event in index.history.events:
        ids = known.get((event.message.id, event.generation))
        about = f"{event.message.full_name} of {event.message.id}"
        if ids is None and strict:
            yield Violation("G1", about, "nobody sent the command that it answers")
        elif ids is not None and event.message.terminal and event.event_id not in ids:
            yield Violation("G1", about, f"a terminal event under the foreign id {event.event_id}")


def _letters(index: HistoryIndex, strict: bool) -> Iterator[Violation]:
    for command in index.history.commands:
        has_letter = bool(index.letters_of(command))
        has_ended = command.run is not None and bool(index.terminals(command.run))
        refused = index.is_refused(command)
        if not has_letter and index.must_have_letter(command) and (strict or (has_ended and not refused)):
            why = "it was refused" if refused else "it was given up after too many crashes"
            yield Violation("G1", command.about, f"{why}, but there is no dead letter of it")
        if has_letter and not index.may_have_letter(command):
            yield Violation("G1", command.about, "it was accepted, but there is a dead letter of it")
        for letter in index.letters_of(command):
            for part in ("key", "value"):
                if getattr(letter.record, part) != getattr(command.record, part):
                    yield Violation("G1", command.about, f"its dead letter has another {part}")
            if without_reasons(letter.record.headers) != without_reasons(command.record.headers):
                yield Violation("G1", command.about, "its dead letter has other headers")
    if strict:
        for (source, offset), letters in index.letters.items():
            if (source, offset) not in index.at:
                place = f"record {source.topic}/{source.number}@{offset}"
                topic = letters[0].record.topic
                yield Violation(
                    "G1", place, f"a dead letter in {topic} comes from it, but it does not exist"
                )


def _commits(index: HistoryIndex) -> Iterator[Violation]:
    for commit in index.history.commits:
        for command in index.by_partition.get(commit.partition, ()):
            if command.record.offset < commit.offset and (missing := _unfinished(index, command, commit)):
                yield Violation("G2", command.about, f"{commit.offset} was committed before its {missing}")


def _unfinished(index: HistoryIndex, command: SeenCommand, commit: SeenCommit) -> str | None:
    """What the command still lacked at the commit."""

    def was_there(seen: SeenEvent | SeenLetter) -> bool:
        end = None if commit.ends is None else commit.ends.get(seen.record.source, 0)
        return end is None or seen.record.offset < end

    if index.must_have_letter(command) and not any(map(was_there, index.letters_of(command))):
        return "dead letter"
    if index.is_refused(command) or command.run is None:
        return None
    if index.is_part(command.run):
        return None if command.run in index.receipts else "receipt"
    return None if any(map(was_there, index.terminals(command.run))) else "terminal event"


def _receipts(index: HistoryIndex, strict: bool) -> Iterator[Violation]:
    for run, commands in index.commands.items():
        ended = bool(index.terminals(run))
        if not index.is_light(run) and run not in index.receipts and ended:
            yield Violation("G3", str(run), "it ended without a receipt")
        if index.is_light(run) and run in index.receipts:
            yield Violation("G3", str(run), "it keeps a receipt, which a light command does not")
        if run in index.receipts and all(index.is_refused(command) for command in commands):
            yield Violation("G3", str(run), "its receipt holds a command that was never sent")
    for run, receipts in index.receipts.items():
        if len(receipts) > 1:
            yield Violation("G3", str(run), f"it has {len(receipts)} receipts")
        if strict and run not in index.commands:
            yield Violation("G3", str(run), "there is a receipt, but nobody sent the command")
        for seen in receipts:
            ids = [event_id(event.headers) for event in seen.receipt.events]
            if ids.count(terminal_id(run)) != 1 or ids[-1] != terminal_id(run):
                yield Violation("G3", str(run), "its receipt does not end in its one terminal event")
            for output in seen.receipt.outputs:
                held = index.history.blobs.get((output.bucket, output.key))
                gone_with_the_whole = held is None and index.is_part(run)
                if held != output.sha256 and not gone_with_the_whole:
                    what = "does not exist" if held is None else f"has the digest {held}"
                    blob = f"{output.bucket}/{output.key}"
                    yield Violation("G3", str(run), f"{blob} of its receipt {what}, not {output.sha256}")


def _repeats(index: HistoryIndex) -> Iterator[Violation]:
    for run in index.commands.keys() | index.receipts.keys():
        if index.is_light(run):
            yield from _light_repeats(index, run)
            continue
        seen = index.receipt(run)
        held = {
            event_id(event.headers): (event.key, event.value, event.headers)
            for event in (seen.receipt.events if seen else ())
        }
        for name in {terminal_id(run), *held}:
            published = {event.bytes for event in index.by_event_id.get(name, ())}
            if len(published) > 1:
                yield Violation("G4", str(run), f"event {name} was published in different bytes")
            elif published and name in held and published != {held[name]}:
                yield Violation("G4", str(run), f"event {name} differs from the receipt's")


def _light_repeats(index: HistoryIndex, run: Run) -> Iterator[Violation]:
    ends = index.terminals(run)
    contents = {command.content for command in index.commands.get(run, ())}
    if not ends or len(contents) > 1:  # the publisher's own mistake: either answer may stand
        return
    answers = [event.message.model_dump(mode="json", exclude=set(_INCIDENTAL)) for event in ends]
    if not all(same_answer(answers[0], other) for other in answers[1:]):
        yield Violation("G4", str(run), "its repeats predict differently")


def same_answer(one: object, other: object) -> bool:
    """Equal, but for what is no prediction and for numbers within the tolerance."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        keys = (one.keys() | other.keys()) - _INCIDENTAL
        return all(key in one and key in other and same_answer(one[key], other[key]) for key in keys)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same_answer, one, other))
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=TOLERANCE) or (math.isnan(one) and math.isnan(other))
    return one == other


def _order(index: HistoryIndex) -> Iterator[Violation]:
    foreign = {terminal_id(run) for run in index.commands}
    for run, commands in index.commands.items():
        own = terminal_id(run)
        first: dict[str, SeenEvent] = {}
        for event in index.events_of(run, commands[0].record.topic):
            if event.event_id == own or event.event_id not in foreign:
                first.setdefault(event.event_id, event)
            if event.record.key != str(event.message.correlation_id).encode():
                yield Violation("G5", str(run), "an event's key is not its correlation id, which orders it")
        if own not in first:
            continue
        seen = index.receipt(run)
        held = [event_id(event.headers) for event in (seen.receipt.events if seen else ())]
        missing = [name for name in held if name not in first]
        if missing:
            yield Violation("G5", str(run), f"it ended without event {missing[0]} of its receipt")
        rank = {name: number for number, name in enumerate(held)} | {own: len(held)}
        if list(first) != sorted(first, key=lambda name: rank.get(name, -1)):
            names = ", ".join(event.message.full_name.rpartition(".")[2] for event in first.values())
            yield Violation("G5", str(run), f"its events first came in the order {names}")
