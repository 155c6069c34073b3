"""What became of a command's parts, as its handler's process finds it in their receipts."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from uuid import UUID

from molfleet.blobs.port import BlobError
from molfleet.errors import Code, Rejected, Unavailable
from molfleet.ledger.encoding import UnreadableEntry
from molfleet.ledger.receipts import Receipt, Receipts
from molfleet.messages.codec import Codec
from molfleet.messages.record import FailureEvent, Part, TerminalEvent

#: Receipts looked up at once.
_AT_ONCE = 16


class PartsMissing(BaseException):
    """Ends the handler's process until these parts, of `total`, have outcomes; no handler catches it."""

    def __init__(self, parts: Sequence[Part], total: int) -> None:
        super().__init__(f"{len(parts)} of {total} parts have no outcome yet")
        self.parts = tuple(parts)
        self.total = total


class PartOutcomes:
    """Looks up outcomes for generation `generation` of the whole command.

    A part that succeeded in an earlier generation is not computed again, one that failed there is; all
    are after a generation that took what was shared with it, by its success or cancellation.
    """

    def __init__(
        self, receipts: Receipts, codec: Codec, command_type: str, command_id: UUID, generation: int
    ) -> None:
        self._receipts = receipts
        self._codec = codec
        self._whole = command_type, command_id
        self._generation = generation

    def of(self, parts: Sequence[Part]) -> list[TerminalEvent]:
        """The success events in order. Raises PartsMissing; Rejected when all are done, some in vain.

        Raises Unavailable where receipts cannot be read: that is no fault of the command's.
        """
        try:
            event_of = partial(self._event, self._earlier())
            with ThreadPoolExecutor(_AT_ONCE) as threads:
                found = list(threads.map(event_of, parts))
        except (BlobError, UnreadableEntry) as error:
            raise Unavailable(str(error)) from error
        missing = [part for part, event in zip(parts, found, strict=True) if event is None]
        if missing:
            raise PartsMissing(missing, len(parts))
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

    def _earlier(self) -> list[int]:
        """Earlier generations whose parts' results are still there, the latest first."""
        command_type, command_id = self._whole
        kept: list[int] = []
        if self._generation > 1:
            for receipt in reversed(self._receipts.find(command_id)):
                if receipt.command_type == command_type and receipt.generation < self._generation:
                    if receipt.code in (None, Code.CANCELLED):
                        break
                    kept.append(receipt.generation)
        return kept

    def _event(self, earlier: Sequence[int], part: Part) -> TerminalEvent | None:
        for generation in (self._generation, *earlier):
            receipt = self._receipts.get(part.full_name, part.id, generation)
            if receipt is not None and (receipt.code is None or generation == self._generation):
                return self._terminal(receipt)
        return None

    def _terminal(self, receipt: Receipt) -> TerminalEvent:
        event = self._codec.decode(receipt.events[-1].value)
        if not isinstance(event, TerminalEvent):
            raise TypeError(f"the receipt of part {receipt.command_id} ends in {event.full_name}")
        return event
