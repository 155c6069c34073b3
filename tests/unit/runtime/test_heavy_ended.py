"""Heavy commands that do not run to their end: limits, cancellations, stops, and what is away."""

from __future__ import annotations

import hashlib
from pathlib import Path

import psutil
import pytest

from molfleet.errors import Code
from molfleet.messages.generated import BlobRef, CalculateFeatureVectors, FeatureVectorsCalculated
from tests import builders
from tests.harness import Fleet, until
from tests.unit.runtime.commands import TOPIC, failure, settled, toy

pytestmark = pytest.mark.worker

_LARGE = b"large" * 500_000


@pytest.fixture
async def fleet(tmp_path: Path) -> Fleet:
    return Fleet(tmp_path)


class TestLimits:
    async def test_a_command_past_its_deadline_is_killed_with_all_that_it_started(
        self, fleet: Fleet, tmp_path: Path
    ) -> None:
        async with fleet.worker(only=[TOPIC], settings={"deadline_s": 0.5}):
            command = toy("hang", marker=tmp_path / "marker")
            await fleet.send(command)
            event = await failure(fleet, command)
        assert event.code == Code.DEADLINE_EXCEEDED
        assert event.retryable
        assert not psutil.pid_exists(int((tmp_path / "marker").read_text()))

    async def test_a_command_over_its_memory_is_killed_and_says_both_numbers(self, fleet: Fleet) -> None:
        async with fleet.worker(only=[TOPIC], settings={"memory_bytes": 400 << 20}):
            command = toy("hog", bytes=800 << 20)
            await fleet.send(command)
            event = await failure(fleet, command)
        assert event.code == Code.OUT_OF_MEMORY
        assert "400 MiB" in event.message

    async def test_outputs_of_an_attempt_that_failed_are_removed(self, fleet: Fleet) -> None:
        async with fleet.worker(only=["training.commands"]):
            command = builders.train_model(options={"name_length": "3000000"})
            await fleet.send(command)
            await failure(fleet, command)
            await settled(fleet, "training.commands", 1)
            assert [key.rpartition("/")[2] for key in fleet.outputs(command.id)] == [
                "thumbnail-1200.png",
                "thumbnail-300.png",
                "thumbnail-600.png",
            ]


class TestLoans:
    @pytest.mark.parametrize("then", ["succeed", "reject", "away", "checkpoint"])
    async def test_an_input_rewritten_while_it_is_read_fails_the_command_whatever_it_came_to(
        self, fleet: Fleet, then: str
    ) -> None:
        command = self._borrowing(fleet, then=then, rewrite=fleet.directory / "blobs/in/large.sdf")
        async with fleet.worker(only=[TOPIC]):
            await fleet.send(command)
            event = await failure(fleet, command)
            await settled(fleet, TOPIC, 1)
        assert event.code == Code.BLOB_CHANGED
        assert "in/large.sdf" in event.message
        assert fleet.outputs(command.id) == []
        assert not [info for info in fleet.store.list(fleet.settings.state_bucket) if "of what" in info.key]

    async def test_an_input_whose_bytes_were_verified_cannot_change(self, fleet: Fleet) -> None:
        command = self._borrowing(
            fleet, hashlib.sha256(_LARGE).hexdigest(), rewrite=fleet.directory / "blobs/in/large.sdf"
        )
        async with fleet.worker(only=[TOPIC]):
            await fleet.send(command)
            assert isinstance(await fleet.outcome(command), FeatureVectorsCalculated)

    async def test_an_input_that_nobody_rewrites_does_no_harm(self, fleet: Fleet) -> None:
        command = self._borrowing(fleet)
        async with fleet.worker(only=[TOPIC]):
            await fleet.send(command)
            assert isinstance(await fleet.outcome(command), FeatureVectorsCalculated)
        assert fleet.store.read("in", "large.sdf")[0] == _LARGE

    def _borrowing(
        self, fleet: Fleet, sha256: str | None = None, **options: object
    ) -> CalculateFeatureVectors:
        fleet.store.ensure_bucket("in")
        fleet.store.put("in", "large.sdf", _LARGE)
        return toy("borrow", **options).model_copy(
            update={"source": BlobRef(bucket="in", key="large.sdf", sha256=sha256)}
        )


class TestCancellation:
    async def test_a_command_cancelled_before_it_comes_is_not_begun(
        self, fleet: Fleet, tmp_path: Path
    ) -> None:
        command = toy(log=tmp_path / "log")
        await fleet.send(builders.cancel_command(command_id=command.id, reason="not needed"))
        async with fleet.worker(only=[TOPIC]):
            await fleet.send(command)
            event = await failure(fleet, command)
        assert (event.code, "not needed" in event.message) == (Code.CANCELLED, True)
        assert not (tmp_path / "log").exists()

    async def test_a_command_cancelled_while_it_computes_is_killed(
        self, fleet: Fleet, tmp_path: Path
    ) -> None:
        async with fleet.worker(only=[TOPIC]):
            command = toy("hang", marker=tmp_path / "marker")
            await fleet.send(command)
            await until((tmp_path / "marker").exists)
            await fleet.send(builders.cancel_command(command_id=command.id))
            assert (await failure(fleet, command)).code == Code.CANCELLED
            assert fleet.outputs(command.id) == []

    async def test_a_command_cancelled_while_it_waits_for_a_slot_does_not_wait_on(
        self, fleet: Fleet, tmp_path: Path
    ) -> None:
        async with fleet.worker(only=[TOPIC]):
            first = toy("wait", marker=tmp_path / "began", until=tmp_path / "go")
            waiting = toy()
            await fleet.send(first)
            await until((tmp_path / "began").exists)
            await fleet.send(waiting)
            await fleet.send(builders.cancel_command(command_id=waiting.id))
            assert (await failure(fleet, waiting)).code == Code.CANCELLED
            assert fleet.terminal(first) == []
            (tmp_path / "go").touch()
            await fleet.outcome(first)

    async def test_a_cancellation_after_the_outcome_changes_nothing(self, fleet: Fleet) -> None:
        async with fleet.worker(only=[TOPIC]):
            command = toy()
            await fleet.send(command)
            await fleet.outcome(command)
            await fleet.send(builders.cancel_command(command_id=command.id))
            await fleet.send(command)
            await until(lambda: len(fleet.records(command)) == 2)
            assert len({record.value for record in fleet.records(command)}) == 1


class TestHandingBack:
    async def test_a_stopped_worker_finishes_what_fits_in_the_grace_period(
        self, fleet: Fleet, tmp_path: Path
    ) -> None:
        async with fleet.worker(only=[TOPIC], settings={"grace_s": 20.0}) as worker:
            command = toy("wait", marker=tmp_path / "began", until=tmp_path / "go")
            await fleet.send(command)
            await until((tmp_path / "began").exists)
            worker.stop()
            (tmp_path / "go").touch()
        assert isinstance(await fleet.outcome(command), FeatureVectorsCalculated)
        assert fleet.committed(TOPIC) == 1

    async def test_what_does_not_fit_is_handed_back_uncommitted_and_counts_no_death(
        self, fleet: Fleet, tmp_path: Path
    ) -> None:
        command = toy("wait", marker=tmp_path / "began", until=tmp_path / "go")
        async with fleet.worker(only=[TOPIC]):
            await fleet.send(command)
            await until((tmp_path / "began").exists)
        assert fleet.terminal(command) == []
        assert fleet.committed(TOPIC) == 0
        (tmp_path / "go").touch()
        async with fleet.worker(only=[TOPIC]):
            assert isinstance(await fleet.outcome(command), FeatureVectorsCalculated)

    async def test_two_workers_on_one_command_give_one_outcome(self, fleet: Fleet, tmp_path: Path) -> None:
        commands = [toy(log=tmp_path / "log") for _ in range(6)]
        async with fleet.worker(only=[TOPIC]):
            for command in commands:
                await fleet.send(command)
            async with fleet.worker(only=[TOPIC]):
                for command in commands:
                    await fleet.outcome(command)
        for command in commands:
            assert len({record.value for record in fleet.records(command)}) == 1


class TestWhatIsAway:
    async def test_a_broker_that_goes_away_and_comes_back_fails_nothing(
        self, fleet: Fleet, tmp_path: Path
    ) -> None:
        async with fleet.worker(only=[TOPIC]) as worker:
            command = toy("wait", marker=tmp_path / "began", until=tmp_path / "go")
            await fleet.send(command)
            await until((tmp_path / "began").exists)
            fleet.broker.unavailable = True
            (tmp_path / "go").touch()
            await until(lambda: bool(worker.not_ready()))
            fleet.broker.unavailable = False
            assert isinstance(await fleet.outcome(command), FeatureVectorsCalculated)
            await settled(fleet, TOPIC, 1)
            await until(lambda: not worker.not_ready())
