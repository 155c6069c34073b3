"""The outputs of a command, from its receipts: no topic needs to be read for them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass

from pydantic import BaseModel

from molfleet.ledger.receipts import Receipt, StoredEvent
from molfleet.messages.generated import BlobRef
from molfleet.messages.record import Event

#: Decodes an event as it lies in a receipt.
Decode = Callable[[StoredEvent], Awaitable[Event | None]]


@dataclass(frozen=True, slots=True)
class Output:
    """One blob that a command's events name, and what they call it (`output`, `artifacts.roc`, ...)."""

    command_type: str
    generation: int
    name: str
    ref: BlobRef


@dataclass(frozen=True, slots=True)
class Recorded:
    """How one generation of a command ended."""

    receipt: Receipt
    events: tuple[Event, ...]
    outputs: tuple[Output, ...]


async def recorded(receipts: list[Receipt], decode: Decode) -> list[Recorded]:
    """The events of each receipt, and the blobs that they name, in order."""
    return [await _one(receipt, decode) for receipt in receipts]


async def _one(receipt: Receipt, decode: Decode) -> Recorded:
    decoded = [await decode(event) for event in receipt.events]
    events = tuple(event for event in decoded if event is not None)
    outputs = [
        Output(receipt.command_type, receipt.generation, name, ref)
        for event in events
        for name, ref in blobs_of(event)
    ]
    return Recorded(receipt, events, tuple(dict.fromkeys(outputs)))


def blobs_of(record: BaseModel, name: str = "") -> Iterator[tuple[str, BlobRef]]:
    """Every BlobRef within a record, under the names of the fields that lead to it."""
    own = str(getattr(record, "name", "") or getattr(record, "width", ""))
    for field in type(record).model_fields:
        value = getattr(record, field)
        path = ".".join(part for part in (name, own if field == "blob" else field) if part)
        for item in value if isinstance(value, list | tuple) else (value,):
            if isinstance(item, BlobRef):
                yield path or field, item
            elif isinstance(item, BaseModel):
                yield from blobs_of(item, path)


def newest(records: list[Recorded]) -> Recorded | None:
    """The last generation that ended."""
    return max(records, key=lambda r: (r.receipt.generation, r.receipt.created), default=None)
