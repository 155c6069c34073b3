from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID, uuid4

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from molfleet.blobs.memory import MemoryBlobs
from molfleet.blobs.port import BlobStore
from molfleet.ledger.attempts import Attempt, AttemptRecord, Attempts, Ending
from molfleet.ledger.checkpoints import Checkpoints

TYPE = "molfleet.commands.TrainModel"
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def book(store: BlobStore) -> Attempts:
    return Attempts(store, "state", clock=lambda: NOW)


def test_an_attempt_that_never_ended_is_a_dead_worker(store: BlobStore) -> None:
    attempts, command = book(store), uuid4()
    assert attempts.get(TYPE, command, 1) == AttemptRecord()
    assert attempts.begin(TYPE, command, 1, uuid4(), "w1").worker_deaths == 0
    record = attempts.begin(TYPE, command, 1, uuid4(), "w2")
    assert (record.worker_deaths, record.begun) == (1, 2)
    assert [known.ended for known in record.attempts] == [Ending.WORKER_DIED, None]
    assert attempts.begin(TYPE, command, 2, uuid4(), "w2").worker_deaths == 0


def test_a_death_counts_as_soon_as_the_next_holder_of_the_lease_looks(store: BlobStore) -> None:
    attempts, command, attempt = book(store), uuid4(), uuid4()
    assert attempts.bury(TYPE, command, 1) == AttemptRecord()
    attempts.begin(TYPE, command, 1, attempt, "w1")
    record = attempts.bury(TYPE, command, 1)
    assert (record.worker_deaths, record.begun) == (1, 1)
    assert attempts.bury(TYPE, command, 1) == record
    assert attempts.end(TYPE, command, 1, attempt, Ending.HANDED_BACK) == record
    assert attempts.begin(TYPE, command, 1, uuid4(), "w2").worker_deaths == 1


def test_burying_forgives_what_came_before_a_new_checkpoint(store: BlobStore, tmp_path: Path) -> None:
    attempts, checkpoints, command = book(store), Checkpoints(store, "state"), uuid4()
    (tmp_path / "c").write_text("state")
    for _ in range(3):
        attempts.begin(TYPE, command, 1, uuid4(), "w")
    checkpoints.put(TYPE, command, 1, "half", tmp_path / "c", tmp_path / "d")
    assert attempts.bury(TYPE, command, 1).worker_deaths == 1
    assert attempts.bury(TYPE, command, 1).worker_deaths == 1


def test_neither_a_hand_back_nor_an_outage_counts(store: BlobStore) -> None:
    attempts, command = book(store), uuid4()
    for how in (Ending.HANDED_BACK, Ending.NOT_COUNTED, Ending.HANDED_BACK):
        attempt = uuid4()
        attempts.begin(TYPE, command, 1, attempt, "w")
        attempts.end(TYPE, command, 1, attempt, how)
    record = attempts.begin(TYPE, command, 1, uuid4(), "w")
    assert (record.worker_deaths, record.child_deaths, record.handed_back) == (0, 0, 2)


def test_a_dead_child_counts_apart_from_dead_workers(store: BlobStore) -> None:
    attempts, command = book(store), uuid4()
    for _ in range(3):
        attempt = uuid4()
        attempts.begin(TYPE, command, 1, attempt, "w")
        record = attempts.end(TYPE, command, 1, attempt, Ending.CHILD_DIED)
    assert (record.child_deaths, record.worker_deaths) == (3, 0)


def test_a_new_checkpoint_forgives_the_deaths_before_it_but_not_the_one_after(
    store: BlobStore, tmp_path: Path
) -> None:
    attempts, checkpoints, command = book(store), Checkpoints(store, "state"), uuid4()
    (tmp_path / "c").write_text("state")
    for _ in range(4):
        record = attempts.begin(TYPE, command, 1, uuid4(), "w")
    assert record.worker_deaths == 3
    checkpoints.put(TYPE, command, 1, "fold-1", tmp_path / "c", tmp_path / "kept")
    assert attempts.begin(TYPE, command, 1, uuid4(), "w").worker_deaths == 1
    checkpoints.put(TYPE, command, 1, "fold-1", tmp_path / "c", tmp_path / "kept")
    assert attempts.begin(TYPE, command, 1, uuid4(), "w").worker_deaths == 2


def test_repeating_a_call_whose_answer_was_lost_changes_nothing(store: BlobStore) -> None:
    attempts, command, attempt = book(store), uuid4(), uuid4()
    begun = attempts.begin(TYPE, command, 1, attempt, "w")
    assert attempts.begin(TYPE, command, 1, attempt, "w") == begun
    ended = attempts.end(TYPE, command, 1, attempt, Ending.CHILD_DIED)
    assert attempts.end(TYPE, command, 1, attempt, Ending.CHILD_DIED) == ended
    assert attempts.end(TYPE, command, 1, uuid4(), Ending.CHILD_DIED) == ended


def test_concurrent_changes_are_all_kept(store: BlobStore) -> None:
    attempts, command = book(store), uuid4()
    barrier = threading.Barrier(4)

    def begin(_: int) -> None:
        barrier.wait(30)
        attempts.begin(TYPE, command, 1, uuid4(), "w")

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(begin, range(4)))
    record = attempts.get(TYPE, command, 1)
    assert (record.begun, record.worker_deaths) == (4, 3)


def test_a_record_stays_small_however_often_a_command_is_tried() -> None:
    record = AttemptRecord()
    for _ in range(300):
        record = record.begin(uuid4(), "w", NOW, frozenset())
    assert (record.begun, record.worker_deaths) == (300, 299)
    assert len(record.encode()) < 20_000


attempt_records = st.builds(
    AttemptRecord,
    begun=st.integers(0, 99),
    child_deaths=st.integers(0, 99),
    worker_deaths=st.integers(0, 99),
    handed_back=st.integers(0, 99),
    checkpoints=st.frozensets(st.text(max_size=5), max_size=3),
    attempts=st.lists(
        st.builds(
            Attempt,
            st.uuids(),
            st.text(max_size=5),
            st.datetimes(timezones=st.just(UTC)),
            st.none() | st.sampled_from(Ending),
        ),
        max_size=3,
    ).map(tuple),
)


@given(attempt_records)
def test_a_record_is_read_back_as_it_was_written(record: AttemptRecord) -> None:
    assert AttemptRecord.decode("k", record.encode()) == record


class Counting(RuleBasedStateMachine):
    """One command from worker to worker; a plain count beside it is the oracle."""

    @initialize()
    def start(self) -> None:
        store = MemoryBlobs()
        store.ensure_bucket("state")
        self.store = store
        self.attempts = book(store)
        self.command = uuid4()
        self.running: UUID | None = None
        self.made = 0
        self.begun = self.child_deaths = self.handed_back = 0
        self.deaths = 0
        self.progressed = False

    @rule()
    def begin(self) -> None:
        if self.progressed:
            self.deaths, self.progressed = 0, False
        self.deaths += self.running is not None
        self.running = uuid4()
        self.begun += 1
        record = self.attempts.begin(TYPE, self.command, 1, self.running, "w")
        assert record.worker_deaths == self.deaths

    @rule(how=st.sampled_from([Ending.FINISHED, Ending.HANDED_BACK, Ending.NOT_COUNTED, Ending.CHILD_DIED]))
    def end(self, how: Ending) -> None:
        if self.running is None:
            return
        self.attempts.end(TYPE, self.command, 1, self.running, how)
        self.running = None
        self.child_deaths += how is Ending.CHILD_DIED
        self.handed_back += how is Ending.HANDED_BACK

    @rule(new=st.booleans())
    def checkpoint(self, new: bool) -> None:
        if self.running is None or not (new or self.made):
            return
        self.made += new
        self.progressed |= new
        self.store.put("state", f"checkpoints/{self.command}/{TYPE}/g1/c{self.made}", b"c")

    @invariant()
    def counts_agree(self) -> None:
        if not hasattr(self, "attempts"):
            return
        record = self.attempts.get(TYPE, self.command, 1)
        assert record.begun == self.begun
        assert record.child_deaths == self.child_deaths
        assert record.handed_back == self.handed_back


TestCounting = Counting.TestCase
TestCounting.settings = settings(max_examples=50, stateful_step_count=30, deadline=None)
