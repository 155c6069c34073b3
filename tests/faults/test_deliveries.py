"""Commands delivered again and again, and cancelled at every moment."""

from __future__ import annotations

from pathlib import Path

import pytest

from molfleet.errors import Code
from molfleet.messages.record import Command, FailureEvent
from tests import builders
from tests.faults.fleet import FaultFleet
from tests.harness import until

pytestmark = pytest.mark.faults

TIMES = 100


async def test_every_kind_of_command_delivered_a_hundred_times_has_one_outcome(
    fleet: FaultFleet, tmp_path: Path
) -> None:
    log = {"log": str(tmp_path / "log")}
    commands: list[Command] = [
        builders.calculate_feature_vectors(options=log),
        builders.calculate_feature_vectors(options={"do": "reject", **log}),
        builders.train_model(options=log),
        builders.predict_properties(),
        builders.single_structure_predict(structure="C"),
        builders.single_structure_predict(structure="bad"),
    ]
    await fleet.start_worker()
    await fleet.send(*(command for _ in range(TIMES) for command in commands))
    await fleet.audit()
    assert sorted((tmp_path / "log").read_text().split()) == sorted(str(c.id) for c in commands[:3])


async def test_cancelled_before_during_and_after(fleet: FaultFleet, tmp_path: Path) -> None:
    def toy(**options: str) -> Command:
        return builders.calculate_feature_vectors(options={"log": str(tmp_path / "log"), **options})

    before, after = toy(), toy()
    during = toy(do="hang", marker=str(tmp_path / "marker"))
    await fleet.send(builders.cancel_command(command_id=before.id))
    await fleet.start_worker()
    await fleet.send(before, after)
    assert await _code(fleet, before) == Code.CANCELLED
    assert await _code(fleet, after) == "DONE"
    await fleet.send(builders.cancel_command(command_id=after.id), after, during)
    await until((tmp_path / "marker").exists, 30)
    await fleet.send(builders.cancel_command(command_id=during.id))
    assert await _code(fleet, during) == Code.CANCELLED
    assert await _code(fleet, after) == "DONE"
    assert str(before.id) not in (tmp_path / "log").read_text()
    await fleet.audit()


async def _code(fleet: FaultFleet, command: Command) -> str:
    event = await fleet.outcome(command)
    return event.code if isinstance(event, FailureEvent) else "DONE"
