"""The worker's side of its resident processes: who is idle, who died, who must be replaced."""

from __future__ import annotations

import asyncio
import json
import shutil
import struct
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from pathlib import Path

from molfleet.broker.port import Headers, Outgoing
from molfleet.errors import Code, Rejected, Unavailable
from molfleet.messages.envelope import CARRIED
from molfleet.runtime import frames, resident
from molfleet.runtime.forkserver import Child, ForkServer
from molfleet.runtime.job import Residence
from molfleet.telemetry.logs import get_logger

log = get_logger(__name__)

_START_S = 60.0


@dataclass(frozen=True, slots=True)
class Answer:
    """One command's event, ready to publish."""

    code: str
    message: Outgoing


class ProcessLost(Exception):
    """The process died or stalled over a batch; `stalled` says which."""

    def __init__(self, stalled: bool) -> None:
        super().__init__("the process did not answer in time" if stalled else "the process died")
        self.stalled = stalled


class HandlerFailed(Exception):
    """The handler raised what it should not."""

    def __init__(self, message: str, traceback: str) -> None:
        super().__init__(message)
        self.traceback = traceback


def verdict_of(error: ProcessLost | HandlerFailed, deadline_s: float) -> Rejected:
    """What a loss over a single command means for it."""
    if isinstance(error, HandlerFailed):
        log.error("the handler failed unexpectedly", reason=str(error), traceback=error.traceback)
        return Rejected(Code.INTERNAL, f"Unexpected {error}")
    if error.stalled:
        return Rejected(Code.DEADLINE_EXCEEDED, f"The prediction took longer than {deadline_s:g} s.")
    return Rejected(Code.PREDICTION_ERROR, "The process that computed the prediction died of it.")


class ResidentProcess:
    """One process; runs one batch at a time. Replaced by a new one after each loss."""

    def __init__(self, forks: ForkServer, residence: Residence) -> None:
        self._forks = forks
        self._residence = residence
        self._child: Child | None = None
        self.last_group: Hashable = None

    @property
    def pid(self) -> int | None:
        return self._child.pid if self._child else None

    async def start(self) -> None:
        if self._child is not None and not self._child.reader.at_eof():
            return
        await self.stop()
        Path(self._residence.scratch).mkdir(parents=True, exist_ok=True)
        self._child = await self._forks.start(resident.main)
        try:
            ready = await self._exchange([self._residence.model_dump_json().encode()], _START_S)
        except ProcessLost as error:
            raise Unavailable(f"a resident process does not start: {error}") from error
        if ready != [b"ready"]:
            await self.stop()
            raise Unavailable("a resident process did not say that it is ready")

    async def run(self, commands: Sequence[tuple[bytes, Headers]], deadline_s: float) -> list[Answer]:
        """The answers to (value, headers) pairs, in order.

        Raises ProcessLost, HandlerFailed, Unavailable.
        """
        await self.start()
        request = [b"batch"]
        for value, headers in commands:
            carried = tuple(header for header in headers if header[0] in CARRIED)
            request += (value, frames.pack_headers(carried))
        reply = await self._exchange(request, deadline_s)
        match reply[0]:
            case b"answers":
                parts = reply[1:]
                return [
                    Answer(
                        code.decode(), Outgoing(topic.decode(), key, value, frames.headers_from(headers))
                    )
                    for code, topic, key, value, headers in zip(*[iter(parts)] * 5, strict=True)
                ]
            case b"unavailable":
                raise Unavailable(reply[1].decode())
            case _:
                fields = json.loads(reply[1])
                raise HandlerFailed(fields["message"], fields["traceback"])

    async def stop(self) -> None:
        child, self._child = self._child, None
        if child is not None:
            child.kill()
            code = await child.exited()
            await asyncio.to_thread(shutil.rmtree, self._residence.scratch, ignore_errors=True)
            log.debug("resident process ended", exit_code=code)

    async def _exchange(self, message: Sequence[bytes], deadline_s: float) -> list[bytes]:
        if self._child is None:
            raise ProcessLost(stalled=False)
        stalled = False
        reply: list[bytes] | None = None
        try:
            async with asyncio.timeout(deadline_s):
                self._child.writer.write(frames.pack(message))
                await self._child.writer.drain()
                reply = await frames.receive_async(self._child.reader)
        except TimeoutError:
            stalled = True
        except (ConnectionError, ValueError, struct.error) as error:
            log.warning("a resident process is lost", reason=repr(error))
        except asyncio.CancelledError:
            await self.stop()
            raise
        if reply is None:
            await self.stop()
            raise ProcessLost(stalled)
        return reply
