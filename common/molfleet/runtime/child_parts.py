"""What became of a command's parts, as its handler's process finds it in their receipts."""

from __future__ import annotations

from collections.abc import Sequence

from molfleet.errors import Code, Rejected
from molfleet.ledger.receipts import Receipt, Receipts
from molfleet.messages.codec import Codec
from molfleet.messages.record import FailureEvent, Part, TerminalEvent


class PartsMissing(BaseException):
    """Ends the handler's process until these parts have outcomes; no handler should catch it."""

    def __init__(self, parts: Sequence[Part]) -> None:
        super().__init__(f"{len(parts)} parts have no outcome yet")
        self.parts = tuple(parts)


class PartOutcomes:
    """Looks up outcomes for generation `generation` of the whole command.

    A part that succeeded in an earlier generation is not computed again; one that failed there is.
    """

    def __init__(self, receipts: Receipts, codec: Codec, generation: int) -> None:
        self._receipts = receipts
        self._codec = codec
        self._generation = generation

    def of(self, parts: Sequence[Part]) -> list[TerminalEvent]:
        """The success events in order. Raises PartsMissing; Rejected when all are done, some in vain."""
        found = [self._event(part) for part in parts]
        missing = [part for part, event in zip(parts, found, strict=True) if event is None]
        if missing:
            raise PartsMissing(missing)
        done = [event for event in found if event is not None]
        failed = [(number, event) for number, event in enumerate(done) if isinstance(event, FailureEvent)]
        if failed:
            number, first = failed[0]
            raise Rejected(
                Code(first.code),
                f"{len(failed)} of {len(parts)} parts failed; what the others computed is kept for a "
                f"replay. Part {number + 1}: {first.message}",
                retryable=first.retryable,
                details={**first.details, "part": str(number + 1), "parts_failed": str(len(failed))},
            )
        return done

    def _event(self, part: Part) -> TerminalEvent | None:
        for generation in range(self._generation, 0, -1):
            receipt = self._receipts.get(part.full_name, part.id, generation)
            if receipt is not None and (receipt.code is None or generation == self._generation):
                return self._terminal(receipt)
        return None

    def _terminal(self, receipt: Receipt) -> TerminalEvent:
        event = self._codec.decode(receipt.events[-1].value)
        if not isinstance(event, TerminalEvent):
            raise TypeError(f"the receipt of part {receipt.command_id} ends in {event.full_name}")
        return event
