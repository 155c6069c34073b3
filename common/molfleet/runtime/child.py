"""The child process of one attempt at a heavy command: run the handler, report one outcome, end."""

from __future__ import annotations

import os
import socket
import tempfile
import traceback

from molfleet.blobs.factory import open_store
from molfleet.errors import Code, Rejected, Unavailable
from molfleet.messages.codec import Codec
from molfleet.messages.record import Record, TerminalEvent
from molfleet.runtime import frames
from molfleet.runtime.child_parts import PartsMissing
from molfleet.runtime.context import ChildContext
from molfleet.runtime.handler import Handler
from molfleet.runtime.job import Job, conceal, load_table, row_of


def main(sock: socket.socket) -> None:
    """Speaks with the worker: job and command in; progress, events, one verdict out."""
    message = frames.receive(sock)
    if message is None:
        return
    job = Job.model_validate_json(message[0])
    settings = conceal(job.settings)
    codec = Codec()
    os.chdir(job.scratch)
    tempfile.tempdir = job.scratch
    context = ChildContext(job, settings, open_store(settings), codec, sock)
    command = codec.decode(message[1])
    row = row_of(load_table(job.table), job.command_type)
    if not isinstance(row, Handler):
        raise TypeError(f"{job.command_type} is not a heavy command")
    try:
        _run(row, command, context)
    except Rejected as verdict:
        context.tell(
            "rejected",
            {
                "code": verdict.code,
                "message": verdict.message,
                "retryable": verdict.retryable,
                "details": verdict.details,
            },
        )
    except Unavailable as error:
        context.tell("unavailable", {"message": str(error)})
    except MemoryError:
        context.tell(
            "rejected",
            {
                "code": Code.OUT_OF_MEMORY,
                "message": "The command needed more memory than this worker may use.",
                "retryable": True,
                "details": {},
            },
        )
    except Exception as error:
        context.tell(
            "error",
            {"type": type(error).__name__, "message": str(error), "traceback": traceback.format_exc()},
        )


def _run(row: Handler, command: Record, context: ChildContext) -> None:
    """Run the handler and tell what it comes to. Raises what it raises, but PartsMissing, and Rejected
    where its input changed under it.
    """
    try:
        try:
            event = row.run(command, context)
        finally:
            context.settle()
    except PartsMissing as missing:
        parts = [context.encoded(part) for part in missing.parts]
        context.tell("parts", {"total": missing.total}, *parts)
        return
    if not isinstance(event, TerminalEvent):
        raise TypeError(f"the handler returned {type(event).__name__}, which is no terminal event")
    context.tell("done", {}, context.encoded(event))
