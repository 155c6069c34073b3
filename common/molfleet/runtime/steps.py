"""The named steps of the way of one command, and the hook at which tests stop a worker between two."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from enum import StrEnum


class Step(StrEnum):
    """What has just been done when the hook is called."""

    DECODED = "decoded"
    LEASED = "leased"
    ATTEMPT_RECORDED = "attempt-recorded"
    CHILD_STARTED = "child-started"
    PARTS_SENT = "parts-sent"
    COMPUTED = "computed"
    RECEIPT_WRITTEN = "receipt-written"
    DEAD_LETTERED = "dead-lettered"
    PUBLISHED = "published"
    FINISHED = "finished"
    RELEASED = "released"
    LIGHT_STARTED = "light-started"
    LIGHT_COMPUTED = "light-computed"
    LIGHT_PUBLISHED = "light-published"


Hook = Callable[[Step], Awaitable[None]]


async def no_hook(step: Step) -> None:
    """The hook of every real worker."""
