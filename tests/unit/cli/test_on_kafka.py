"""The command line against a real broker and a worker process, as a person would use it."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from molfleet.cli.frame import Exit
from tests import builders
from tests.faults.fleet import FaultFleet

pytestmark = pytest.mark.real

LIMIT_S = 90.0


class Said(NamedTuple):
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@pytest.fixture
async def fleet(kafka_broker: str, tmp_path: Path) -> AsyncIterator[FaultFleet]:
    fleet = FaultFleet(kafka_broker, tmp_path)
    await fleet.create_topics()
    yield fleet
    for worker in fleet.workers:
        if worker.process.poll() is None:
            worker.kill()


@asynccontextmanager
async def started(fleet: FaultFleet, *words: str) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        "from molfleet.cli.app import main; main()",
        *words,
        env={**os.environ, **fleet.environment, "NO_COLOR": "1", "COLUMNS": "200"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def molfleet(fleet: FaultFleet, *words: str) -> Said:
    async with started(fleet, *words) as process, asyncio.timeout(LIMIT_S):
        out, err = await process.communicate()
    assert b"Traceback" not in err, err.decode()
    return Said(process.returncode or 0, out.decode(), err.decode())


PUBLISH = ("publish", "CalculateFeatureVectors", "--set", "source=in/a.smi", "--set", "featurizers=MACCS")


async def test_a_command_is_published_followed_and_its_outputs_come_home(
    fleet: FaultFleet, tmp_path: Path
) -> None:
    await fleet.start_worker()
    done = await molfleet(fleet, *PUBLISH, "--set", "options.text=hello", "--wait", "--json")
    assert (done.code, done.json["type"]) == (Exit.SUCCESS, "FeatureVectorsCalculated"), done.err

    got = await molfleet(fleet, "outputs", done.json["id"], "--to", str(tmp_path / "got"), "--json")
    assert got.code == Exit.SUCCESS
    assert Path(got.json["outputs"][0]["file"]).read_text() == "hello"

    failed = await molfleet(fleet, *PUBLISH, "--set", "options.do=reject", "--wait")
    assert failed.code == Exit.FAILED
    assert "FeatureVectorsCalculationFailed" in failed.out

    seen = await molfleet(
        fleet, "watch", "--from-beginning", "--no-progress", "--count", "2", "--json", "--timeout", "60"
    )
    assert seen.code == Exit.SUCCESS, seen.err
    assert {json.loads(line)["type"] for line in seen.out.splitlines()} == {
        "FeatureVectorsCalculated",
        "FeatureVectorsCalculationFailed",
    }


async def test_a_command_that_nobody_takes_ends_in_a_timeout(fleet: FaultFleet) -> None:
    said = await molfleet(fleet, *PUBLISH, "--wait", "--timeout", "0.5")
    assert said.code == Exit.TIMEOUT
    assert "no outcome within 0.5 s" in said.err


async def test_ctrl_c_while_waiting_ends_at_once_and_says_so(fleet: FaultFleet) -> None:
    async with started(fleet, *PUBLISH, "--wait") as process, asyncio.timeout(LIMIT_S):
        assert process.stderr is not None
        assert b"CalculateFeatureVectors" in await process.stderr.readline()
        process.send_signal(signal.SIGINT)
        _, err = await process.communicate()
    assert process.returncode == Exit.INTERRUPTED
    assert b"Interrupted" in err
    assert b"Traceback" not in err


async def test_a_command_is_cancelled_from_the_command_line(fleet: FaultFleet, tmp_path: Path) -> None:
    await fleet.start_worker()
    hang = ("--set", "options.do=hang", "--set", f"options.marker={tmp_path / 'begun'}")
    published = await molfleet(fleet, *PUBLISH, *hang, "--json")
    command_id = published.json["id"]
    cancelled = await molfleet(fleet, "cancel", command_id, "--reason", "wrong file")
    assert cancelled.code == Exit.SUCCESS
    seen = await molfleet(fleet, "watch", command_id, "--from-beginning", "--timeout", "60", "--json")
    last = json.loads(seen.out.splitlines()[-1])
    assert (last["code"], "wrong file" in last["message"]) == ("CANCELLED", True)


async def test_a_dead_letter_is_listed_shown_and_sent_again(fleet: FaultFleet) -> None:
    await fleet.start_worker()
    topic = fleet.topics.command_topic_of(builders.train_model().full_name)
    await fleet.send_raw((topic, b"junk", ()))
    listed: list[dict[str, Any]] = []
    async with asyncio.timeout(LIMIT_S):
        while not listed:
            listed = (await molfleet(fleet, "dead-letters", "list", "--json")).json
    (letter,) = listed
    assert letter["source"].startswith(topic)
    shown = await molfleet(fleet, "dead-letters", "show", letter["place"])
    assert shown.code == Exit.SUCCESS
    assert b"junk".hex(" ") in shown.out
    sent = await molfleet(fleet, "dead-letters", "resend", letter["place"])
    assert sent.code == Exit.SUCCESS
    assert f"sent to {topic}" in sent.out


async def test_the_doctor_finds_nothing_amiss_and_the_plan_nothing_missing(fleet: FaultFleet) -> None:
    checks = await molfleet(fleet, "doctor", "--json")
    assert checks.code == Exit.SUCCESS, checks.out
    verdicts = {check["name"]: check["verdict"] for check in checks.json}
    assert (verdicts["broker"], verdicts["store"]) == ("good", "good")
    plan = await molfleet(fleet, "topics", "plan", "--replication", "1", "--json")
    assert not [change for change in plan.json["changes"] if change["kind"] == "create"]
