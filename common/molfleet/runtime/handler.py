"""What a worker's author writes: a table of handlers. Everything distributed is the runtime's."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, TypeVar

from molfleet.bundles.signatures import ANYBODY, Trust
from molfleet.messages.generated import BlobRef
from molfleet.messages.record import Command, Event, FailureEvent, Part, TerminalEvent


@dataclass(frozen=True, slots=True)
class ComputeShare:
    """What one command may use: processes (or threads) and, in bytes, memory; None = no limit.

    A file of more than `split_records` records is shared out over the fleet, `part_records` at a time.
    Models that it may use are those that `trust` accepts; those that it makes are signed with the key in
    `signing_key_file`.
    """

    processes: int = 1
    memory_bytes: int | None = None
    record_time_limit_s: float = 5.0
    max_input_bytes: int | None = None
    split_records: int | None = None
    part_records: int = 16_384
    trust: Trust = ANYBODY
    signing_key_file: Path | None = None


class Context(Protocol):
    """What a heavy handler may do with the world. All calls are synchronous.

    Blob errors of the command's own files surface as Rejected with their code; a store that is away
    never surfaces: the command waits and is tried again by the runtime.
    """

    @property
    def scratch(self) -> Path:
        """A private directory, removed after the attempt."""
        ...

    @property
    def share(self) -> ComputeShare: ...

    def fetch(self, ref: BlobRef) -> Path:
        """The blob as a local file with the key's own file name; size, sha256 and etag verified.

        Raises Rejected: BLOB_NOT_FOUND, BLOB_ACCESS_DENIED, BLOB_CHANGED, BLOB_TOO_LARGE.
        """
        ...

    def borrow(self, ref: BlobRef) -> Path:
        """As `fetch`, for large files that are only read: not copied where the store can help it.

        Should the blob be rewritten in place meanwhile, the command ends in BLOB_CHANGED instead of what
        the handler comes to, be that an event or an error.
        """
        ...

    def pinned(self, ref: BlobRef) -> BlobRef:
        """`ref` with the etag and size of the version that was fetched, for later reads of it."""
        ...

    def fetch_range(self, ref: BlobRef, start: int, end: int) -> Path:
        """The bytes from `start` up to `end` of a pinned blob. Raises Rejected as `fetch` does."""
        ...

    def store(
        self,
        path: Path,
        *,
        name: str | None = None,
        content_type: str | None = None,
        bucket: str | None = None,
    ) -> BlobRef:
        """Upload a file as an output of this attempt, under `name` (default: the file's own).

        `bucket` is the command's output_bucket; None means the setting's.
        """
        ...

    def progress(self, stage: str, fraction: float, message: str = "", eta_s: float | None = None) -> None:
        """Report progress, `fraction` of the whole command in 0-1. Cheap: call it as often as you like."""
        ...

    def emit(self, event: Event) -> None:
        """Hand over a non-terminal event, published before the terminal one, in order, exactly once."""
        ...

    def checkpoint(self, name: str) -> Path | None:
        """The file that an earlier attempt (or this one) put under `name`, if any."""
        ...

    def put_checkpoint(self, name: str, path: Path) -> Path:
        """Keep a file for later attempts; returns the one that is kept (an earlier winner's, maybe)."""
        ...

    def keep(self, path: Path) -> BlobRef:
        """Keep a file in the fleet's own bucket, for this command's parts or, from a part, its whole.

        Only they can fetch it. It goes when the whole command has succeeded or was cancelled.
        """
        ...

    def spread(self, parts: Sequence[Part]) -> list[TerminalEvent]:
        """The success events of `parts`, in order, computed by whichever workers are free.

        Where some have no outcome yet, this call does not return: the command waits outside the
        compute slots, then its handler is run anew and must come to the same parts. Raises Rejected
        with the code of a part that failed, when the others are done.
        """
        ...


class LightContext(Protocol):
    """What a light handler may use, within its resident process."""

    @property
    def scratch(self) -> Path: ...

    @property
    def cache_bytes(self) -> int:
        """How many bytes of loaded models this process may keep."""
        ...

    @property
    def trust(self) -> Trust:
        """Which models may be used."""
        ...

    @property
    def resident(self) -> Any:
        """What the row's `resident` factory built in this process; lives as long as the process."""
        ...

    def version(self, ref: BlobRef) -> str:
        """The blob's current version (its etag), without fetching it; remembered for a moment.

        Raises Rejected as `fetch` does.
        """
        ...

    def fetch(self, ref: BlobRef) -> Path:
        """As Context.fetch; the caller removes the file when done."""
        ...


C = TypeVar("C", bound=Command)
Failed = Callable[[Any, FailureEvent, Sequence[Event]], FailureEvent]


@dataclass(frozen=True)
class Handler:
    """One row of a worker's table: a heavy command.

    `run(command, context)` returns the success event or raises Rejected. `failed(command, failure,
    emitted)` may complete the failure event from what was durably emitted; it must be pure. `early`
    names the event types that `emit` publishes at once, before the receipt (ModelTrainingStarted);
    all others are kept in the receipt and published from it.
    """

    run: Callable[[Any, Context], TerminalEvent]
    failure: type[FailureEvent]
    failed: Failed | None = None
    early: tuple[type[Event], ...] = ()


@dataclass(frozen=True)
class LightHandler:
    """One row of a worker's table: a light command, run in micro-batches in resident processes.

    `run(commands, context)` returns one event per command, in order; a command that cannot be
    answered gets its failure event in its place. `group(fields)` says which commands are worth one
    batch, from their plain fields, before these are held against their rules.
    """

    run: Callable[[Sequence[Any], LightContext], Sequence[TerminalEvent]]
    failure: type[FailureEvent]
    resident: Callable[[LightContext], Any] = field(default=lambda context: None)
    group: Callable[[Mapping[str, Any]], Hashable] = field(default=lambda fields: None)


HandlerTable = Mapping[type[Command], Handler | LightHandler]
