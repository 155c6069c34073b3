"""Slots: first come, first served; one who is suspected computes alone."""

from __future__ import annotations

from molfleet.runtime.slots import Slots


async def test_no_more_than_the_count_hold_a_slot() -> None:
    slots = Slots(2)
    tickets = [slots.ask() for _ in range(3)]
    assert [ticket.granted.done() for ticket in tickets] == [True, True, False]
    tickets[0].give_back()
    assert tickets[2].granted.done()


async def test_one_who_asks_to_be_alone_waits_until_all_others_are_out() -> None:
    slots = Slots(2)
    other = slots.ask()
    alone = slots.ask(alone=True)
    assert not alone.granted.done()
    other.give_back()
    assert alone.granted.done()


async def test_nobody_joins_one_who_is_alone() -> None:
    slots = Slots(2)
    alone = slots.ask(alone=True)
    other = slots.ask()
    assert alone.granted.done()
    assert not other.granted.done()
    alone.give_back()
    assert other.granted.done()


async def test_who_waits_to_be_alone_is_not_overtaken_for_ever() -> None:
    slots = Slots(2)
    first = slots.ask()
    alone = slots.ask(alone=True)
    late = slots.ask()
    first.give_back()
    assert alone.granted.done()
    assert not late.granted.done()


async def test_leaving_the_queue_lets_the_next_one_in() -> None:
    slots = Slots(2)
    slots.ask()
    alone = slots.ask(alone=True)
    late = slots.ask()
    alone.give_back()
    assert late.granted.done()


async def test_giving_back_twice_frees_one_slot() -> None:
    slots = Slots(1)
    first = slots.ask()
    second, third = slots.ask(), slots.ask()
    first.give_back()
    first.give_back()
    assert second.granted.done()
    assert not third.granted.done()
