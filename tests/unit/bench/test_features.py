"""What the benchmark of feature vectors makes of its options, rounds and samples."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from bench.family import LEVELS, Sample, Watched, look, proportional
from bench.features import FIGURES, chosen_of
from bench.gun import together
from bench.race import race
from bench.site import Measured, RunFailed


def test_a_quick_look_takes_few_records_and_one_round() -> None:
    chosen = chosen_of(["--quick"])
    assert (chosen.records, chosen.most_rounds, chosen.only) == (20_000, 1, tuple(FIGURES))


def test_records_rounds_and_figures_can_be_chosen() -> None:
    chosen = chosen_of(["--records", "5000", "--rounds", "2", "--only", "harm", "ecfp", "--json", "f.json"])
    assert (chosen.records, chosen.most_rounds) == (5000, 2)
    assert (chosen.only, chosen.json) == (("harm", "ecfp"), Path("f.json"))


@pytest.mark.parametrize("bad", [["--only", "all"], ["--records", "0"]])
def test_an_option_that_means_nothing_is_refused(bad: list[str]) -> None:
    with pytest.raises(SystemExit):
        chosen_of(bad)


def test_several_processes_are_one_run_from_the_first_beginning_to_the_last_end() -> None:
    assert together([Measured(10, 1.0, 5.0), Measured(20, 2.0, 7.0)]) == Measured(30, 1.0, 7.0)


class _Clock:
    def __init__(self, step: float) -> None:
        self.times: Iterator[float] = iter(range(10_000))
        self.step = step

    def __call__(self) -> float:
        return next(self.times) * self.step


async def test_the_order_turns_around_and_one_that_fails_drops_out() -> None:
    order: list[str] = []

    async def good(name: str) -> float:
        order.append(name)
        return 1.0

    async def bad() -> float:
        order.append("bad")
        raise RunFailed("it died")

    found = await race("t", {"a": lambda: good("a"), "bad": bad, "b": lambda: good("b")}, 2, 1e6)
    assert order == ["a", "bad", "b", "b", "a"]
    assert found == {"a": [1.0, 1.0], "b": [1.0, 1.0]}


async def test_the_first_round_is_always_run_and_no_other_that_would_take_too_long() -> None:
    async def one() -> float:
        return 1.0

    assert await race("t", {"a": one}, 9, 0.0, _Clock(10.0)) == {"a": [1.0]}
    assert len((await race("t", {"a": one}, 9, 75.0, _Clock(10.0)))["a"]) == 4


def test_peaks_are_over_all_processes_and_what_was_used_before_does_not_count() -> None:
    watched = Watched()
    watched.add([Sample(1, 0, 5.0, 100, 300)], first=True)
    watched.add([Sample(1, 0, 6.0, 80, 300), Sample(2, 3, 2.0, 50, 200)], first=False)
    watched.add([Sample(1, 0, 6.5, 90, 300)], first=False)
    assert (watched.peak_pss, watched.peak_rss) == (130, 500)
    assert watched.processor_s() == {LEVELS[0]: 1.5, LEVELS[3]: 2.0}


def test_a_process_is_seen_with_its_memory_shared_pages_by_their_share() -> None:
    me = os.getpid()
    (seen,) = (one for one in look([me], memory=True) if one.pid == me)
    assert seen.level == 0
    assert 0 < seen.pss <= seen.rss * 1.5
    if Path("/proc/self/smaps_rollup").exists():
        full = psutil.Process(me).memory_full_info()
        assert proportional(me) == pytest.approx(full.pss, rel=0.2)
