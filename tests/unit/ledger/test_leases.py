from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from molfleet.blobs.memory import MemoryBlobs
from molfleet.blobs.port import BlobInfo, BlobStore, BlobsUnavailable, PreconditionFailed
from molfleet.ledger.leases import CLOCK_GRAIN_S, Held, Lease, LeaseLost, Leases

KEY = "leases/x"
TTL_S = 30.0


@dataclass
class Clock:
    now: datetime = datetime(2026, 1, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@dataclass
class Faulty(MemoryBlobs):
    """Loses the answer of the next puts: `retries` as a client that tries again, else as a dead line."""

    lose: list[str] = field(default_factory=list)

    def put(self, *args: object, **options: object) -> BlobInfo:  # type: ignore[override]
        put: Callable[..., BlobInfo] = super().put
        info = put(*args, **options)
        match self.lose.pop(0) if self.lose else "":
            case "retried":
                raise PreconditionFailed(str(args[0]), str(args[1]), "it is another version")
            case "dead":
                raise BlobsUnavailable("no answer")
        return info


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def faulty(clock: Clock) -> Faulty:
    store = Faulty(clock=clock)
    store.ensure_bucket("state")
    return store


@pytest.fixture
def leases(faulty: Faulty) -> Leases:
    return Leases(faulty, "state", TTL_S)


def taken(answer: Lease | Held) -> Lease:
    assert isinstance(answer, Lease)
    return answer


def test_a_free_lease_is_taken_and_then_held(store: BlobStore) -> None:
    leases = Leases(store, "state", TTL_S)
    lease = taken(leases.acquire(KEY, "a"))
    for owner in ("b", "a"):
        held = leases.acquire(KEY, owner)
        assert isinstance(held, Held)
        assert held.by == "a"
        assert held.age_s + held.expires_in_s == pytest.approx(TTL_S + CLOCK_GRAIN_S)
    leases.release(leases.renew(lease))
    assert taken(leases.acquire(KEY, "b")).owner == "b"


def test_an_expired_lease_is_taken_over_and_its_owner_sees_the_loss(leases: Leases, clock: Clock) -> None:
    lease = taken(leases.acquire(KEY, "a"))
    clock.advance(TTL_S + CLOCK_GRAIN_S - 0.1)
    assert isinstance(leases.acquire(KEY, "b"), Held)
    clock.advance(0.1)
    assert taken(leases.acquire(KEY, "b")).owner == "b"
    with pytest.raises(LeaseLost, match="held by b"):
        leases.renew(lease)


def test_an_expired_lease_that_nobody_took_is_renewed(leases: Leases, clock: Clock) -> None:
    lease = taken(leases.acquire(KEY, "a"))
    clock.advance(10 * TTL_S)
    leases.renew(lease)
    assert isinstance(leases.acquire(KEY, "b"), Held)


def test_a_store_that_is_away_loses_no_lease(leases: Leases, faulty: Faulty, clock: Clock) -> None:
    lease = taken(leases.acquire(KEY, "a"))
    faulty.away = True
    clock.advance(10 * TTL_S)
    with pytest.raises(BlobsUnavailable):
        leases.renew(lease)
    faulty.away = False
    leases.renew(lease)


def test_a_renewal_makes_the_lease_young_even_where_an_earlier_ones_answer_was_lost(
    leases: Leases, faulty: Faulty, clock: Clock
) -> None:
    lease = taken(leases.acquire(KEY, "a"))
    faulty.lose = ["dead"]
    clock.advance(20)
    with pytest.raises(BlobsUnavailable):
        leases.renew(lease)
    clock.advance(20)
    leases.renew(lease)
    held = leases.acquire(KEY, "b")
    assert isinstance(held, Held)
    assert held.age_s == 0


@pytest.mark.parametrize("lost", [1, 2, 3])
def test_answers_that_are_lost_do_not_cost_the_lease(leases: Leases, faulty: Faulty, lost: int) -> None:
    faulty.lose = ["retried"] * lost
    lease = taken(leases.acquire(KEY, "a"))
    faulty.lose = ["retried"] * lost
    lease = leases.renew(lease)
    faulty.lose = ["retried"] * lost
    leases.release(lease)
    assert isinstance(leases.acquire(KEY, "b"), Lease)


def test_no_two_versions_of_a_lease_have_equal_tags(leases: Leases) -> None:
    tags = set()
    lease = taken(leases.acquire(KEY, "a"))
    for _ in range(5):
        tags.add(lease.etag)
        lease = leases.renew(lease)
    leases.release(lease)
    assert len(tags) == 5
    assert taken(leases.acquire(KEY, "a")).etag not in tags


def test_releasing_what_another_holds_leaves_it_alone(leases: Leases, clock: Clock) -> None:
    old = taken(leases.acquire(KEY, "a"))
    clock.advance(2 * TTL_S)
    new = taken(leases.acquire(KEY, "b"))
    leases.release(old)
    leases.release(old)
    leases.renew(new)


def test_a_released_lease_is_not_renewed(leases: Leases) -> None:
    lease = taken(leases.acquire(KEY, "a"))
    leases.release(lease)
    with pytest.raises(LeaseLost):
        leases.renew(lease)


def test_a_lease_that_was_removed_is_lost(leases: Leases, faulty: Faulty) -> None:
    lease = taken(leases.acquire(KEY, "a"))
    faulty.delete("state", KEY)
    with pytest.raises(LeaseLost, match="gone"):
        leases.renew(lease)
    leases.release(lease)


def test_the_holders_own_time_to_live_decides_when_it_expires(faulty: Faulty, clock: Clock) -> None:
    taken(Leases(faulty, "state", 300).acquire(KEY, "patient"))
    clock.advance(100)
    assert isinstance(Leases(faulty, "state", 10).acquire(KEY, "hasty"), Held)


class TwoHolders(RuleBasedStateMachine):
    """Workers acquire, renew, release, lose answers and sleep; the model knows who holds when.

    By the store's clock there is never a moment in which two hold a lease that is within its time.
    """

    @initialize()
    def start(self) -> None:
        self.clock = Clock()
        self.store = Faulty(clock=self.clock)
        self.store.ensure_bucket("state")
        self.leases = Leases(self.store, "state", TTL_S)
        self.believes: dict[str, tuple[Lease, datetime]] = {}

    owners = st.sampled_from(["a", "b", "c"])

    @rule(seconds=st.sampled_from([0, 1, TTL_S / 2, TTL_S, TTL_S + CLOCK_GRAIN_S, 3 * TTL_S]))
    def time_passes(self, seconds: float) -> None:
        self.clock.advance(seconds)

    @rule(how=st.lists(st.sampled_from(["retried", "dead"]), max_size=2))
    def answers_will_be_lost(self, how: list[str]) -> None:
        self.store.lose = how

    @rule(owner=owners)
    def acquire(self, owner: str) -> None:
        try:
            answer = self.leases.acquire(KEY, owner)
        except BlobsUnavailable:
            return
        if isinstance(answer, Lease):
            self.believes[owner] = (answer, self.clock.now)

    @rule(owner=owners)
    def renew(self, owner: str) -> None:
        if owner not in self.believes:
            return
        lease, _ = self.believes[owner]
        try:
            self.believes[owner] = (self.leases.renew(lease), self.clock.now)
        except BlobsUnavailable:
            pass
        except LeaseLost:
            del self.believes[owner]

    @rule(owner=owners)
    def release(self, owner: str) -> None:
        if owner not in self.believes:
            return
        lease, _ = self.believes.pop(owner)
        with contextlib.suppress(BlobsUnavailable):
            self.leases.release(lease)

    @invariant()
    def one_holder_at_most(self) -> None:
        within = [
            owner
            for owner, (_, since) in getattr(self, "believes", {}).items()
            if (self.clock.now - since).total_seconds() < TTL_S
        ]
        assert len(within) <= 1, within


TestTwoHolders = TwoHolders.TestCase
TestTwoHolders.settings = settings(max_examples=120, stateful_step_count=30, deadline=None)
