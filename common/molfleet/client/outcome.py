"""How a command ended, as its publisher sees it."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from molfleet.messages.record import FailureEvent, TerminalEvent
from molfleet.runtime.letters import DeadLetter


@dataclass(frozen=True, slots=True)
class Outcome:
    """Exactly one of `event` and `dead_letter` is the verdict; a crash past the limit may bring both."""

    command_id: UUID
    event: TerminalEvent | None
    dead_letter: DeadLetter | None = None

    @property
    def succeeded(self) -> bool:
        return self.event is not None and not isinstance(self.event, FailureEvent)

    @property
    def why(self) -> str:
        """Why it failed, in a sentence; empty after success."""
        if isinstance(self.event, FailureEvent):
            return f"{self.event.code}: {self.event.message}"
        if self.event is None and self.dead_letter is not None:
            reason = self.dead_letter.reason or "no reason given"
            return f"dead letter in {self.dead_letter.place.topic}: {reason}: {self.dead_letter.message}"
        return ""
