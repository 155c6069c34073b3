"""The fleet's topics by name: which messages they carry, their groups, their dead letters."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files
from pathlib import Path
from typing import Annotated

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

_COMMANDS, _EVENTS, _DEAD_LETTERS = ".commands", ".events", ".dead-letters"
_CONTROL, _PROGRESS, _SCHEMAS = "fleet.control", "fleet.progress", "fleet.schemas"
_UNITS_MS = {"h": 3_600_000, "d": 86_400_000}

UNLIMITED = -1
COMPACT = "compact"


class TopicsError(Exception):
    """The topics file is wrong; the message names the topic and the key."""


def _retention(text: object) -> object:
    """`14 d`, `1 h`, `unlimited` -> milliseconds (-1 = unlimited); `compact` stays."""
    if text == COMPACT:
        return text
    if text == "unlimited":
        return UNLIMITED
    number, _, unit = str(text).partition(" ")
    if number.isdecimal() and unit in _UNITS_MS:
        return int(number) * _UNITS_MS[unit]
    raise ValueError(f"{text!r} is none of `<number> d`, `<number> h`, `unlimited`, `compact`")


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class _Defaults(_Strict):
    replication: int = Field(ge=1)
    max_message_bytes: int = Field(ge=1024)
    dead_letter_headroom: int = Field(ge=0)


class _Entry(_Strict):
    owner: str
    types: tuple[str, ...]
    partitions: int = Field(ge=1, le=10_000)
    retention: Annotated[int | str, BeforeValidator(_retention)]
    replication: int | None = Field(None, ge=1)
    max_message_bytes: int | None = Field(None, ge=1024)


class _File(_Strict):
    defaults: _Defaults
    topics: dict[str, _Entry]


@dataclass(frozen=True, slots=True)
class Topic:
    """One topic as it should be. `retention_ms` is -1 for unlimited, None for a compacted topic."""

    name: str
    owner: str
    types: tuple[str, ...]
    partitions: int
    replication: int
    retention_ms: int | None
    max_message_bytes: int

    @property
    def config(self) -> dict[str, str]:
        """The broker's settings of this topic."""
        config = {"cleanup.policy": "compact", "max.message.bytes": str(self.max_message_bytes)}
        if self.retention_ms is not None:
            config |= {"cleanup.policy": "delete", "retention.ms": str(self.retention_ms)}
        if self.name.endswith((_COMMANDS, _CONTROL)):
            # A cancellation and its target are compared in time: by one clock, not their publishers'.
            config["message.timestamp.type"] = "LogAppendTime"
        return config


@dataclass(frozen=True)
class Topics:
    """All topics; `prefix` is put before the names of topics and groups."""

    entries: tuple[Topic, ...]
    prefix: str = ""

    def with_prefix(self, prefix: str) -> Topics:
        return Topics(self.entries, prefix)

    @cached_property
    def all(self) -> tuple[Topic, ...]:
        """Every topic under its full name."""
        return tuple(
            Topic(
                self.prefix + entry.name,
                entry.owner,
                entry.types,
                entry.partitions,
                entry.replication,
                entry.retention_ms,
                entry.max_message_bytes,
            )
            for entry in self.entries
        )

    @cached_property
    def _of_type(self) -> dict[str, str]:
        return {name: topic.name for topic in self.all for name in topic.types}

    def topic_of(self, message_type: str) -> str:
        """The topic that carries a message, by the full name of its record. Raises KeyError."""
        return self._of_type[message_type]

    command_topic_of = topic_of
    events_topic_of = topic_of

    def types_of(self, topic: str) -> tuple[str, ...]:
        """Full names of the messages that belong to a topic; () for one that is not ours."""
        return next((entry.types for entry in self.all if entry.name == topic), ())

    def dead_letters_of(self, topic: str) -> str:
        return topic + _DEAD_LETTERS

    def group_of(self, topic: str) -> str:
        """The consumer group of a command topic: `molfleet.` and its name without `.commands`."""
        bare = topic.removeprefix(self.prefix).removesuffix(_COMMANDS)
        return f"{self.prefix}molfleet.{bare}"

    @property
    def command_topics(self) -> tuple[str, ...]:
        return tuple(topic.name for topic in self.all if topic.name.endswith(_COMMANDS))

    def has_events(self, command_topic: str) -> bool:
        """Whether events answer the commands of a topic; parts of commands have receipts alone."""
        return command_topic.removesuffix(_COMMANDS) + _EVENTS in self.event_topics

    @property
    def event_topics(self) -> tuple[str, ...]:
        """Topics of events, progress included."""
        return (*(topic.name for topic in self.all if topic.name.endswith(_EVENTS)), self.progress)

    @property
    def control(self) -> str:
        return self.prefix + _CONTROL

    @property
    def progress(self) -> str:
        return self.prefix + _PROGRESS

    @property
    def schemas(self) -> str:
        return self.prefix + _SCHEMAS


def load_topics(path: Path | None = None) -> Topics:
    """The topics of `infra/kafka/topics.yaml` (default: the copy inside the package).

    Raises TopicsError for what is misspelt, out of bounds or said twice.
    """
    text = path.read_text("utf-8") if path else _packaged()
    try:
        file = _File.model_validate(yaml.safe_load(text))
    except (ValidationError, yaml.YAMLError) as error:
        raise TopicsError(f"topics.yaml: {error}") from None
    entries: list[Topic] = []
    for name, entry in file.topics.items():
        topic = _topic(name, entry, file.defaults)
        entries.append(topic)
        if name.endswith(_COMMANDS):
            entries.append(_dead_letters(topic, file.defaults))
    seen: dict[str, str] = {}
    for topic in entries:
        for message_type in topic.types:
            if seen.setdefault(message_type, topic.name) != topic.name:
                raise TopicsError(f"{message_type} is in {seen[message_type]} and in {topic.name}")
    return Topics(tuple(entries))


def _topic(name: str, entry: _Entry, defaults: _Defaults) -> Topic:
    return Topic(
        name,
        entry.owner,
        entry.types,
        entry.partitions,
        entry.replication or defaults.replication,
        entry.retention if isinstance(entry.retention, int) else None,
        entry.max_message_bytes or defaults.max_message_bytes,
    )


def _dead_letters(topic: Topic, defaults: _Defaults) -> Topic:
    return Topic(
        topic.name + _DEAD_LETTERS,
        "operators",
        (),
        min(topic.partitions, 3),
        topic.replication,
        UNLIMITED,
        topic.max_message_bytes + defaults.dead_letter_headroom,
    )


def _packaged() -> str:
    return files("molfleet.broker").joinpath("data", "topics.yaml").read_text("utf-8")
