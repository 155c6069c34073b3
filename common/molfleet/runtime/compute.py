"""The worker's side of one attempt: a child process watched until it has an outcome or must die."""

from __future__ import annotations

import asyncio
import json
import struct
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import psutil

from molfleet.errors import Code, Rejected, Unavailable
from molfleet.messages.codec import DecodingError
from molfleet.runtime import child, frames
from molfleet.runtime.forkserver import Child, ForkServer
from molfleet.runtime.job import Job
from molfleet.runtime.steps import Hook, Step, no_hook
from molfleet.telemetry.logs import get_logger

log = get_logger(__name__)

_MEMORY_PAUSE_S = 0.25


@dataclass(frozen=True, slots=True)
class Done:
    """The handler returned its success event, encoded."""

    event: bytes


@dataclass(frozen=True, slots=True)
class PartsWanted:
    """The handler goes on when these commands, encoded, have their outcomes: what is open of `total`."""

    parts: tuple[bytes, ...]
    total: int
    attempt: int = 1


@dataclass(frozen=True, slots=True)
class Refused:
    """A definite verdict: the handler's own, or a limit that was reached."""

    verdict: Rejected
    traceback: str = ""


@dataclass(frozen=True, slots=True)
class Away:
    """Something that the attempt needs cannot be reached; nothing is said of the command."""

    message: str


@dataclass(frozen=True, slots=True)
class Died:
    """The child ended without a verdict."""

    exit_code: int | None


@dataclass(frozen=True, slots=True)
class Stopped:
    """The worker itself ended the attempt: its lease was taken, or it is shutting down."""

    reason: str


Outcome = Done | PartsWanted | Refused | Away | Died | Stopped


@dataclass
class Report:
    """What the child told while it ran."""

    emitted: list[bytes] = field(default_factory=list)
    outputs: dict[tuple[str, str], str] = field(default_factory=dict)
    checkpoints: int = 0


Progress = Callable[[dict[str, Any]], None]
Emitted = Callable[[bytes], Awaitable[None]]


class Attempt:
    """Runs one job to an outcome. `stop` ends it from outside with the outcome given."""

    def __init__(
        self,
        server: ForkServer,
        *,
        deadline_s: float,
        on_progress: Progress,
        on_emitted: Emitted,
    ) -> None:
        self._server = server
        self._deadline_s = deadline_s
        self._on_progress = on_progress
        self._on_emitted = on_emitted
        self._forced: asyncio.Future[Outcome | None] = asyncio.get_running_loop().create_future()
        self.report = Report()

    def stop(self, outcome: Outcome) -> None:
        if not self._forced.done():
            self._forced.set_result(outcome)

    async def run(self, job: Job, command: bytes, hook: Hook = no_hook) -> Outcome:
        try:
            process = await self._server.start(child.main)
        except Unavailable as error:
            return Away(str(error))
        talk = asyncio.ensure_future(self._converse(process))
        limits = asyncio.ensure_future(self._watch_memory(process.pid, job.share.memory_bytes))
        watched: set[asyncio.Future[Outcome | None]] = {talk, limits, self._forced}
        try:
            process.writer.write(frames.pack([job.model_dump_json().encode(), command]))
            await hook(Step.CHILD_STARTED)
            done, _ = await asyncio.wait(
                watched, timeout=self._deadline_s, return_when=asyncio.FIRST_COMPLETED
            )
            if talk in done:
                verdict = talk.result()
            elif limits in done:
                verdict = limits.result()
            elif self._forced in done:
                verdict = self._forced.result()
            else:
                verdict = Refused(
                    Rejected(
                        Code.DEADLINE_EXCEEDED,
                        f"The command computed longer than {self._deadline_s:g} s, the worker's limit.",
                    )
                )
        finally:
            for task in (talk, limits):
                task.cancel()
            process.kill()
            exit_code = await process.exited()
            await asyncio.gather(talk, limits, return_exceptions=True)
        return verdict or Died(exit_code)

    async def _converse(self, process: Child) -> Outcome | None:
        """Relay what the child tells; None when it is gone, or out of its mind, without a verdict."""
        try:
            return await self._relay(process)
        except (ValueError, KeyError, IndexError, TypeError, DecodingError, struct.error) as error:
            log.error("the computing process said what makes no sense", reason=repr(error))
            return None

    async def _relay(self, process: Child) -> Outcome | None:
        while (message := await frames.receive_async(process.reader)) is not None:
            kind, fields = message[0].decode(), json.loads(message[1])
            match kind:
                case "progress":
                    self._on_progress(fields)
                case "emit":
                    self.report.emitted.append(message[2])
                    await self._on_emitted(message[2])
                case "storing":
                    self.report.outputs.setdefault((fields["bucket"], fields["key"]), "")
                case "stored":
                    self.report.outputs[fields["bucket"], fields["key"]] = fields["sha256"]
                case "checkpoint":
                    self.report.checkpoints += 1
                case "done":
                    return Done(message[2])
                case "parts":
                    return PartsWanted(tuple(message[2:]), int(fields["total"]))
                case "rejected":
                    return Refused(
                        Rejected(
                            Code(fields["code"]),
                            fields["message"],
                            retryable=fields["retryable"],
                            details=fields["details"],
                        )
                    )
                case "unavailable":
                    return Away(fields["message"])
                case "error":
                    return Refused(
                        Rejected(
                            Code.INTERNAL,
                            f"Unexpected {fields['type']} in the worker: {fields['message']}",
                        ),
                        fields["traceback"],
                    )
        return None

    async def _watch_memory(self, pid: int, limit: int | None) -> Outcome | None:
        """Returns when the child's processes together hold more resident bytes than `limit`."""
        if limit is None:
            await asyncio.Event().wait()
        while (used := await asyncio.to_thread(_resident_bytes, pid)) <= (limit or 0):
            await asyncio.sleep(_MEMORY_PAUSE_S)
        return Refused(
            Rejected(
                Code.OUT_OF_MEMORY,
                f"The command's processes used {used >> 20} MiB, more than the limit of "
                f"{(limit or 0) >> 20} MiB.",
            )
        )


def _resident_bytes(pid: int) -> int:
    """Resident bytes of a process and all that it started."""
    total = 0
    with suppress(psutil.Error):
        root = psutil.Process(pid)
        for process in (root, *root.children(recursive=True)):
            with suppress(psutil.Error):
                total += process.memory_info().rss
    return total
