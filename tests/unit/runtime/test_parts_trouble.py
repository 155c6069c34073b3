"""Commands in parts when something goes wrong: replays, deaths, expiry, redelivery, shutdown."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from molfleet.errors import Code
from molfleet.ledger.checkpoints import PARTS as PARTS_SHARED
from molfleet.ledger.checkpoints import Checkpoints
from molfleet.ledger.keys import Keys
from molfleet.messages.generated import (
    BlobRef,
    CalculateFeatureVectors,
    CalculateFeatureVectorsChunk,
    CancelCommand,
    CommandProgressed,
    FeatureVectorsCalculated,
    FeatureVectorsCalculationFailed,
    FeatureVectorsChunkCalculated,
    FeatureVectorsChunkFailed,
)
from molfleet.messages.record import Command
from molfleet.runtime.handler import Context, Handler, HandlerTable
from molfleet.runtime.steps import Step
from tests import builders, toy_parts
from tests.harness import Fleet, until
from tests.unit.runtime.commands import TOPIC, failure, settled
from tests.unit.runtime.test_parts import PARTS, Case, joined, shared

pytestmark = pytest.mark.worker

SECOND = (("molfleet-generation", b"2"),)


@pytest.fixture
async def fleet(tmp_path: Path) -> Fleet:
    return Fleet(tmp_path)


def cutter(command: CalculateFeatureVectors, context: Context) -> FeatureVectorsCalculated:
    """Keeps what its part reads, and dies once between the cut and the sending of the part."""
    kept = context.checkpoint("cut")
    if kept is None:
        path = context.scratch / "kept.txt"
        path.write_text("kept")
        ref = context.keep(path)
        cut = context.scratch / "cut"
        cut.write_text(ref.model_dump_json())
        context.put_checkpoint("cut", cut)
        os.kill(os.getpid(), 9)
    source = BlobRef.model_validate_json((kept or Path()).read_text())
    part = toy_parts.part(command, 0, "").model_copy(update={"source": source})
    (event,) = context.spread([part])
    assert isinstance(event, FeatureVectorsChunkCalculated)
    return FeatureVectorsCalculated.answer(
        command,
        output=context.store(context.fetch(event.rows)),
        summary=event.rows,
        records=1,
        structures=1,
        failed=0,
        columns=1,
    )


def reader(command: CalculateFeatureVectorsChunk, context: Context) -> FeatureVectorsChunkCalculated:
    """Copies what it reads, and says how far it is."""
    context.progress("copying", 0.5)
    ref = context.keep(context.fetch(command.source))
    return FeatureVectorsChunkCalculated.answer(command, rows=ref, totals=ref, records=1)


HANDLERS: HandlerTable = {
    CalculateFeatureVectors: Handler(cutter, failure=FeatureVectorsCalculationFailed),
    CalculateFeatureVectorsChunk: Handler(reader, failure=FeatureVectorsChunkFailed),
}
CUTTING = f"{__name__}:HANDLERS"


def progress(fleet: Fleet) -> list[CommandProgressed]:
    records = fleet.broker.records("fleet.progress")
    return [event for event in map(fleet.decoded, records) if isinstance(event, CommandProgressed)]


async def cancel(fleet: Fleet, command: Command) -> None:
    await fleet.send(CancelCommand(**builders.identity(command_id=command.id)))


async def test_a_replay_of_what_was_cancelled_computes_again_what_the_cancellation_removed(
    fleet: Fleet, tmp_path: Path
) -> None:
    case = Case(tmp_path, "store", "wait")
    async with fleet.worker(toy_parts.TABLE, settings={"slots": 2}):
        await fleet.send(case.command)
        await until(lambda: bool(shared(fleet, case.command)) and case.marker(1).exists())
        await settled(fleet, PARTS, 1)
        await cancel(fleet, case.command)
        assert (await failure(fleet, case.command)).code == Code.CANCELLED
        await settled(fleet, PARTS, 2)
        await until(lambda: not shared(fleet, case.command))
        case.log.with_name("go").touch()
        await fleet.send(case.command, SECOND)
        await until(lambda: len(fleet.terminal(case.command)) == 2)
        assert joined(fleet, fleet.terminal(case.command)[1]) == "0;1;"


async def test_a_replay_of_what_succeeded_computes_its_parts_again(fleet: Fleet, tmp_path: Path) -> None:
    case = Case(tmp_path, "store", "store")
    async with fleet.worker(toy_parts.TABLE):
        await fleet.send(case.command)
        assert joined(fleet, await fleet.outcome(case.command)) == "0;1;"
        await until(lambda: not shared(fleet, case.command))
        await fleet.send(case.command, SECOND)
        await until(lambda: len(fleet.terminal(case.command)) == 2)
        assert joined(fleet, fleet.terminal(case.command)[1]) == "0;1;"


async def test_a_death_after_the_cut_leaves_what_the_parts_read(fleet: Fleet, tmp_path: Path) -> None:
    command = builders.calculate_feature_vectors()
    async with fleet.worker(CUTTING):
        await fleet.send(command)
        assert joined(fleet, await fleet.outcome(command)) == "kept"
        await until(lambda: not shared(fleet, command))


async def test_what_was_kept_goes_when_the_command_is_cancelled_before_its_parts_are_sent(
    fleet: Fleet, tmp_path: Path
) -> None:
    command = builders.calculate_feature_vectors()

    async def cancelled(step: Step) -> None:
        if step is Step.RELEASED:
            return
        if step is Step.CHILD_STARTED and shared(fleet, command):
            await cancel(fleet, command)

    async with fleet.worker(CUTTING, hook=cancelled):
        await fleet.send(command)
        assert (await failure(fleet, command)).code == Code.CANCELLED
        await until(lambda: not shared(fleet, command))


async def test_parts_tell_no_progress_of_their_own(fleet: Fleet, tmp_path: Path) -> None:
    command = builders.calculate_feature_vectors()
    async with fleet.worker(CUTTING):
        await fleet.send(command)
        await fleet.outcome(command)
    assert {event.id for event in progress(fleet)} <= {command.id}


async def test_a_command_that_began_in_time_may_expire_while_its_parts_are_computed(
    fleet: Fleet, tmp_path: Path
) -> None:
    case = Case(tmp_path, "wait")
    soon = datetime.now(UTC) + timedelta(seconds=2)
    case.command = case.command.model_copy(update={"expires_at": soon})
    async with fleet.worker(toy_parts.TABLE):
        await fleet.send(case.command)
        await until(lambda: case.marker(0).exists())
        await until(lambda: datetime.now(UTC) > soon)
        case.log.with_name("go").touch()
        assert joined(fleet, await fleet.outcome(case.command)) == "0;"


async def test_progress_is_about_the_whole_whoever_waits_for_the_rest(fleet: Fleet, tmp_path: Path) -> None:
    case = Case(tmp_path, "store", "store", "wait")
    async with fleet.worker(toy_parts.TABLE, settings={"slots": 3}):
        await fleet.send(case.command)
        await until(lambda: case.marker(2).exists())
        await settled(fleet, PARTS, 2)
    before = len(progress(fleet))
    async with fleet.worker(toy_parts.TABLE, settings={"slots": 3}):
        await until(lambda: any(event.id == case.command.id for event in progress(fleet)[before:]))
        case.log.with_name("go").touch()
        await fleet.outcome(case.command)
    told = [event.message for event in progress(fleet)[before:] if event.id == case.command.id]
    assert set(told) <= {"2 of 3 parts are computed", "3 of 3 parts are computed", ""}
    assert all(event.attempt > 0 for event in progress(fleet))


async def test_a_cancelled_command_is_cleared_up_after_by_whoever_repeats_its_answer(
    fleet: Fleet, tmp_path: Path
) -> None:
    case = Case(tmp_path, "store", "hang")

    async def broken(step: Step) -> None:
        if step is Step.PUBLISHED and fleet.terminal(case.command):
            raise RuntimeError("the worker dies here")

    async with fleet.worker(toy_parts.TABLE, settings={"slots": 2}, hook=broken):
        await fleet.send(case.command)
        await until(lambda: case.marker(1).exists())
        await settled(fleet, PARTS, 1)
        await cancel(fleet, case.command)
        await until(lambda: bool(fleet.terminal(case.command)))
    assert shared(fleet, case.command)
    async with fleet.worker(toy_parts.TABLE):
        await settled(fleet, TOPIC, 1)
        await until(lambda: not shared(fleet, case.command), 10)


async def test_the_limit_of_inputs_is_none_of_what_parts_hand_over(tmp_path: Path) -> None:
    fleet, command = (
        Fleet(tmp_path, MOLFLEET_BLOBS_MAX_INPUT_BYTES="3"),
        builders.calculate_feature_vectors(),
    )
    async with fleet.worker(CUTTING):
        await fleet.send(command)
        assert joined(fleet, await fleet.outcome(command)) == "kept"


async def test_a_damaged_receipt_of_a_part_fails_no_command(fleet: Fleet, tmp_path: Path) -> None:
    case = Case(tmp_path, "store", "wait")
    async with fleet.worker(toy_parts.TABLE, settings={"slots": 2}):
        await fleet.send(case.command)
        await until(lambda: case.marker(1).exists())
        await settled(fleet, PARTS, 1)
    keys = fleet.store.list("molfleet-state", "receipts/")
    (receipt,) = (info.key for info in keys if "Chunk" in info.key)
    good = fleet.store.read("molfleet-state", receipt)[0]
    fleet.store.put("molfleet-state", receipt, b"{")
    case.log.with_name("go").touch()
    async with fleet.worker(toy_parts.TABLE):
        await until(lambda: case.runs["whole"] > 3 or bool(fleet.terminal(case.command)))
        assert fleet.terminal(case.command) == []
        fleet.store.put("molfleet-state", receipt, good)
        assert joined(fleet, await fleet.outcome(case.command)) == "0;1;"


def test_clearing_up_takes_what_this_generation_and_earlier_ones_shared(
    fleet: Fleet, tmp_path: Path
) -> None:
    store, keys, whole, kind = fleet.store, Keys(), uuid4(), CalculateFeatureVectors.full_name
    store.ensure_bucket("molfleet-state")
    checkpoints = Checkpoints(store, "molfleet-state")
    (tmp_path / "note").touch()
    for generation in (1, 2, 3):
        checkpoints.put(kind, whole, generation, f"x{PARTS_SHARED}", tmp_path / "note", tmp_path / "no")
        for part in range(100):
            key = keys.kept(whole, generation, uuid4(), uuid4())
            store.put("molfleet-state", f"{key}rows-{part}", b"rows")
    checkpoints.delete_all(kind, whole, 2)
    left = {key.removeprefix(keys.shared(whole)).partition("/")[0] for key in _keys(fleet, whole)}
    assert (left, len(_keys(fleet, whole))) == ({"g3"}, 100)
    assert checkpoints.names(kind, whole, 2) == frozenset()
    assert checkpoints.names(kind, whole, 3)


def _keys(fleet: Fleet, whole: UUID) -> list[str]:
    return [info.key for info in fleet.store.list("molfleet-state", f"shared/{whole}/")]


async def test_what_waits_for_parts_is_handed_back_before_the_grace_period_ends(
    fleet: Fleet, tmp_path: Path
) -> None:
    """Nobody serves the parts; past the harness's patience the test would fail."""
    case = Case(tmp_path, "store", "store")
    async with fleet.worker(toy_parts.TABLE, only=[TOPIC], settings={"grace_s": 3600.0}):
        await fleet.send(case.command)
        await until(lambda: len(fleet.broker.records(PARTS)) == 2)
        await until(lambda: bool(progress(fleet)))
    assert (fleet.terminal(case.command), fleet.committed(TOPIC)) == ([], 0)


async def test_a_file_replaced_while_its_parts_wait_fails_and_a_replay_takes_the_new_one(
    fleet: Fleet,
) -> None:
    store, table = fleet.store, "workers.feature_vectors.handlers:HANDLERS"
    store.ensure_bucket("inputs")
    store.put("inputs", "giant.smi", b"CCO one\nCCN two\nCCC three\n")
    command = builders.calculate_feature_vectors(source=builders.blob("giant.smi"))
    sizes = {"split_records": 1, "part_records": 1}
    async with fleet.worker(table, only=[TOPIC], settings=sizes):
        await fleet.send(command)
        await until(lambda: len(fleet.broker.records(PARTS)) == 3)
        store.put("inputs", "giant.smi", b"CO four\nCN five\n")
        async with fleet.worker(table, only=[PARTS], settings=sizes):
            event = await failure(fleet, command)
            assert (event.code, event.details["parts_failed"]) == (Code.BLOB_CHANGED, "3")
            await fleet.send(command, SECOND)
            await until(lambda: len(fleet.terminal(command)) == 2)
    replayed = fleet.terminal(command)[1]
    assert isinstance(replayed, FeatureVectorsCalculated)
    assert replayed.records == 2
