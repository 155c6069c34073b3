"""A command's outputs are found through its receipt."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from molfleet.ledger.receipts import Receipt, StoredEvent
from molfleet.messages.codec import Codec
from molfleet.messages.generated import Artifact, BlobRef, ModelThumbnailGenerated, ModelTrained
from molfleet.messages.record import Event
from molfleet.operations.outputs import blobs_of, newest, recorded
from tests import builders

CODEC = Codec()
COMMAND = builders.train_model()


def blob(key: str) -> BlobRef:
    return BlobRef(bucket="out", key=key)


def trained(**fields: Any) -> ModelTrained:
    defaults: dict[str, Any] = {
        "model": blob("model.molmodel"),
        "model_name": "m",
        "method": "lightgbm",
        "method_display_name": "LightGBM",
        "task": "regression",
        "artifacts": [Artifact(name="roc.png", kind="roc", blob=blob("roc.png"))],
        "number_of_generic_files": 1,
        "records_used": 10,
        "records_skipped": 0,
    }
    return ModelTrained.answer(COMMAND, **{**defaults, **fields})


async def decode(stored: StoredEvent) -> Event | None:
    record = CODEC.decode(stored.value)
    return record if isinstance(record, Event) else None


def receipt(*events: Event, generation: int = 1) -> Receipt:
    stored = tuple(StoredEvent("training.events", None, CODEC.encode(event)) for event in events)
    return Receipt(
        COMMAND.full_name, COMMAND.id, generation, uuid4(), b"", stored, "done", datetime.now(UTC)
    )


def test_every_blob_of_an_event_is_named_by_what_leads_to_it() -> None:
    thumbnail = ModelThumbnailGenerated.answer(COMMAND, blob=blob("t.png"), width=300)
    assert list(blobs_of(trained())) == [
        ("model", blob("model.molmodel")),
        ("artifacts.roc.png", blob("roc.png")),
    ]
    assert list(blobs_of(thumbnail)) == [("300", blob("t.png"))]


async def test_the_events_of_a_receipt_name_the_outputs_once_and_in_order() -> None:
    thumbnail = ModelThumbnailGenerated.answer(COMMAND, blob=blob("t.png"), width=300)
    (one,) = await recorded([receipt(thumbnail, thumbnail, trained())], decode)
    assert [output.ref.key for output in one.outputs] == ["t.png", "model.molmodel", "roc.png"]
    assert [type(event) for event in one.events] == [
        ModelThumbnailGenerated,
        ModelThumbnailGenerated,
        ModelTrained,
    ]


async def test_the_newest_generation_counts() -> None:
    both = await recorded([receipt(trained(), generation=2), receipt(trained())], decode)
    found = newest(both)
    assert found is not None
    assert found.receipt.generation == 2
    assert newest([]) is None
