from __future__ import annotations

import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from molfleet.blobs.memory import MemoryBlobs
from molfleet.blobs.port import BlobInfo, BlobStore, PreconditionFailed
from molfleet.ledger.encoding import UnreadableEntry
from molfleet.ledger.keys import Keys
from molfleet.ledger.receipts import Receipt, Receipts, StoredEvent, StoredOutput

COMMAND = UUID("11111111-2222-4333-8444-555555555555")
TYPE = "molfleet.commands.TrainModel"


def receipt(**fields: object) -> Receipt:
    given_ = {
        "command_type": TYPE,
        "command_id": COMMAND,
        "generation": 1,
        "attempt": uuid4(),
        "command": b"\xc3\x01command",
        "events": (StoredEvent("training.events", b"key", b"\x00value\xff", (("ce_id", b"1"),)),),
        "outcome": "done",
        "created": datetime(2026, 1, 2, 3, 4, 5, 6, UTC),
    }
    return Receipt(**{**given_, **fields})  # type: ignore[arg-type]


headers = st.lists(st.tuples(st.text(max_size=8), st.binary(max_size=8)), max_size=3).map(tuple)
receipts = st.builds(
    Receipt,
    command_type=st.just(TYPE),
    command_id=st.uuids(),
    generation=st.integers(1, 99),
    attempt=st.uuids(),
    command=st.binary(),
    events=st.lists(
        st.builds(
            StoredEvent,
            topic=st.text(max_size=9),
            key=st.none() | st.binary(),
            value=st.binary(),
            headers=headers,
        ),
        max_size=3,
    ).map(tuple),
    outcome=st.sampled_from(["done", "failed"]),
    created=st.datetimes(timezones=st.just(UTC)),
    command_headers=headers,
    outputs=st.lists(
        st.builds(
            StoredOutput, bucket=st.text(max_size=5), key=st.text(max_size=5), sha256=st.text(max_size=5)
        )
    ).map(tuple),
    attempts=st.integers(0, 20),
    timings=st.dictionaries(st.text(max_size=5), st.floats(0, 1e6)),
    versions=st.dictionaries(st.text(max_size=5), st.text(max_size=5)),
    code=st.none() | st.text(max_size=5),
    dead_letter=st.booleans(),
)


@given(receipts)
def test_a_receipt_is_read_back_byte_for_byte(written: Receipt) -> None:
    data = written.encode()
    assert Receipt.decode("k", data) == written
    assert Receipt.decode("k", data).encode() == data


def test_the_first_receipt_counts_and_the_second_writer_gets_it(store: BlobStore) -> None:
    book = Receipts(store, "state")
    first, second = receipt(), receipt(outcome="failed", code="CANCELLED")
    assert book.get(TYPE, COMMAND) is None
    assert book.put_if_absent(first) == first
    assert book.put_if_absent(second) == first
    assert book.get(TYPE, COMMAND) == first


def test_of_racing_receipts_all_writers_learn_the_same_winner(store: BlobStore) -> None:
    book = Receipts(store, "state")
    mine = [receipt() for _ in range(8)]
    barrier = threading.Barrier(8)

    def write(written: Receipt) -> Receipt:
        barrier.wait(30)
        return book.put_if_absent(written)

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(write, mine))
    assert len({answer.attempt for answer in answers}) == 1
    assert answers[0] in mine


class LosingAnswers(MemoryBlobs):
    """A store whose client wrote, heard nothing, wrote again and is told that the key is taken."""

    def put(self, *args: object, **options: object) -> BlobInfo:  # type: ignore[override]
        put: Callable[..., BlobInfo] = super().put
        put(*args, **options)
        raise PreconditionFailed(str(args[0]), str(args[1]), "it is there already")


def test_a_writer_whose_answer_was_lost_learns_that_it_won() -> None:
    store = LosingAnswers()
    store.ensure_bucket("state")
    mine = receipt()
    assert Receipts(store, "state").put_if_absent(mine).attempt == mine.attempt


def test_every_generation_has_its_own_receipt(store: BlobStore) -> None:
    book = Receipts(store, "state", "team-a.")
    assert book.latest_generation(TYPE, COMMAND) == 0
    first, third = receipt(), receipt(generation=3)
    other = receipt(command_type="molfleet.commands.PredictProperties", generation=7)
    for written in (third, first, other, receipt(command_id=uuid4(), generation=9)):
        book.put_if_absent(written)
    assert book.latest_generation(TYPE, COMMAND) == 3
    assert book.find(COMMAND) == [other, first, third]
    assert Receipts(store, "state", "team-b.").find(COMMAND) == []


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"format": 2}, "format 2"),
        ({"kind": "lease"}, "is a lease"),
        ({"outcome": "maybe"}, "damaged"),
        ({"command": "no base64!"}, "damaged"),
        ({"events": [{}]}, "damaged"),
    ],
)
def test_an_entry_that_cannot_be_understood_is_refused_by_name(
    store: BlobStore, change: dict[str, object], reason: str
) -> None:
    key = Keys().receipt(TYPE, COMMAND, 1)
    store.put("state", key, json.dumps({**json.loads(receipt().encode()), **change}).encode())
    with pytest.raises(UnreadableEntry, match=reason) as caught:
        Receipts(store, "state").get(TYPE, COMMAND)
    assert key in str(caught.value)


def test_a_receipt_that_is_no_json_is_refused(store: BlobStore, tmp_path: Path) -> None:
    store.put("state", Keys().receipt(TYPE, COMMAND, 1), receipt().encode()[:-10])
    with pytest.raises(UnreadableEntry, match="damaged"):
        Receipts(store, "state").get(TYPE, COMMAND)


def test_equal_receipts_have_equal_bytes() -> None:
    one = receipt(versions={"a": "1", "b": "2"})
    two = replace(one, versions={"b": "2", "a": "1"})
    assert one.encode() == two.encode()


def test_keys_of_different_things_never_collide() -> None:
    keys, one, two = Keys("p."), uuid4(), uuid4()
    made = [
        make(kind, command, generation)
        for make in (keys.receipt, keys.lease, keys.attempts)
        for kind in (TYPE, "molfleet.commands.PredictProperties")
        for command in (one, two)
        for generation in (1, 2, 12)
    ]
    made += [keys.checkpoint(TYPE, one, 1, name) for name in ("a", "a/b", "a%2Fb", "A")]
    assert len(set(made)) == len(made)
    assert all(key.startswith("p.") for key in made)
    assert keys.parse_receipt(keys.receipt(TYPE, one, 12)) == (TYPE, one, 12)
    assert keys.parse_receipt(keys.lease(TYPE, one, 12)) is None
