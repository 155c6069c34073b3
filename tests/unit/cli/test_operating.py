"""Seeing and mending what happened, from the command line: receipts, dead letters, events."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal
from uuid import uuid4

import pytest
from typer.testing import CliRunner, Result

from molfleet.blobs.local import LocalBlobs
from molfleet.broker.memory import MemoryBroker
from molfleet.broker.port import Incoming, Outgoing
from molfleet.broker.topics import load_topics
from molfleet.cli.app import app
from molfleet.cli.frame import Exit
from molfleet.ledger.receipts import Receipt, Receipts, StoredEvent
from molfleet.messages.codec import Codec
from molfleet.messages.generated import FeatureVectorsCalculated, FeatureVectorsCalculationFailed
from molfleet.messages.record import Event
from molfleet.runtime.dead_letters import dead_letter
from molfleet.settings import Settings
from tests import builders

BURIED = "feature-vectors.commands.dead-letters"
EVENTS = "feature-vectors.events"
COMMAND = builders.calculate_feature_vectors()


class House:
    """A fleet's topics in memory and its blobs in a directory, and the command line that looks at them."""

    def __init__(self, directory: Path) -> None:
        self.broker = MemoryBroker()
        for topic in load_topics().all:
            self.broker.create_topic(topic.name, 2)
        self.store = LocalBlobs(directory)
        self.codec = Codec()
        self._environment = {
            "MOLFLEET_BLOBS_URL": f"file://{directory}",
            "COLUMNS": "200",
            "NO_COLOR": "1",
        }

    def molfleet(self, *words: str) -> Result:
        return CliRunner(env=self._environment).invoke(app, words)

    def send(self, *messages: Outgoing) -> None:
        async def publish() -> None:
            producer = self.broker.producer()
            await producer.start()
            await producer.publish(list(messages))
            await producer.stop()

        asyncio.run(publish())

    def bury(self, value: bytes | None) -> None:
        record = Incoming("feature-vectors.commands", 3, 17, b"k", value, (("x", b"y"),), 1_000)
        self.send(dead_letter(record, BURIED, "molfleet.feature-vectors", "UNDECODABLE", "it is [broken]"))

    def end(self, event: Event, outcome: Literal["done", "failed"], code: str | None = None) -> None:
        bucket = Settings().state_bucket
        self.store.ensure_bucket(bucket)
        stored = StoredEvent(EVENTS, b"k", self.codec.encode(event))
        Receipts(self.store, bucket).put_if_absent(
            Receipt(
                *(COMMAND.full_name, COMMAND.id, 1, uuid4(), b"", (stored,), outcome, datetime.now(UTC)),
                code=code,
            )
        )


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> House:
    house = House(tmp_path / "blobs")
    monkeypatch.setattr("molfleet.broker.kafka.KafkaBroker", lambda *_, **__: house.broker)
    return house


def calculated(house: House, tmp_path: Path) -> FeatureVectorsCalculated:
    house.store.ensure_bucket("out")
    (tmp_path / "table").write_bytes(b"a table")
    house.store.put("out", "a/features.parquet", tmp_path / "table")
    ref = builders.blob("a/features.parquet", "out")
    return FeatureVectorsCalculated.answer(
        COMMAND, output=ref, summary=ref, records=5, structures=5, failed=0, columns=1
    )


def failed() -> FeatureVectorsCalculationFailed:
    return FeatureVectorsCalculationFailed.answer(
        COMMAND, code="UNREADABLE_FILE", message="a.sdf is no SD file.", retryable=False
    )


class TestOutputs:
    def test_what_a_command_gave_is_listed_and_downloaded(self, house: House, tmp_path: Path) -> None:
        house.end(calculated(house, tmp_path), "done")
        listed = house.molfleet("outputs", str(COMMAND.id))
        assert listed.exit_code == Exit.SUCCESS, listed.stderr
        assert "CalculateFeatureVectors" in listed.stdout
        assert "out/a/features.parquet" in listed.stdout
        house.molfleet("outputs", str(COMMAND.id), "--to", str(tmp_path / "got"))
        assert (tmp_path / "got" / "features.parquet").read_bytes() == b"a table"

    def test_a_command_that_failed_says_why_and_exits_with_one(self, house: House) -> None:
        house.end(failed(), "failed", "UNREADABLE_FILE")
        said = house.molfleet("outputs", str(COMMAND.id), "--json")
        assert said.exit_code == Exit.FAILED
        assert json.loads(said.stdout)["code"] == "UNREADABLE_FILE"
        assert "a.sdf is no SD file." in said.stderr

    def test_a_command_without_a_receipt_is_told_from_one_without_outputs(self, house: House) -> None:
        said = house.molfleet("outputs", str(uuid4()))
        assert said.exit_code == Exit.USAGE
        assert "has no receipt" in said.stderr


class TestDeadLetters:
    def test_each_is_listed_with_command_reason_and_place(self, house: House) -> None:
        assert house.molfleet("dead-letters", "list").stdout == "no dead letters\n"
        house.bury(house.codec.encode(COMMAND))
        said = house.molfleet("dead-letters", "list", "--topic", "feature-vectors.commands")
        for word in (BURIED, "CalculateFeatureVectors", str(COMMAND.id), "UNDECODABLE", "it is [broken]"):
            assert word in said.stdout

    def test_one_is_shown_whole_decoded_or_in_hexadecimal(self, house: House) -> None:
        house.bury(house.codec.encode(COMMAND))
        house.bury(b"junk")
        listed = json.loads(house.molfleet("dead-letters", "list", "--json").stdout)
        shown = [house.molfleet("dead-letters", "show", row["place"]).stdout for row in listed]
        (good,) = (text for text in shown if str(COMMAND.id) in text)
        (junk,) = (text for text in shown if "cannot be decoded: 6a 75 6e 6b" in text)
        for text in (good, junk):
            assert "came from  feature-vectors.commands:3:17" in text
            assert "header     x: y" in text

    def test_one_is_sent_again_as_it_was(self, house: House) -> None:
        value = house.codec.encode(COMMAND)
        house.bury(value)
        (row,) = json.loads(house.molfleet("dead-letters", "list", "--json").stdout)
        said = house.molfleet("dead-letters", "resend", row["place"])
        assert f"{row['place']} sent to feature-vectors.commands:" in said.stdout
        (record,) = house.broker.records("feature-vectors.commands")
        assert (record.key, record.value, record.headers) == (b"k", value, (("x", b"y"),))

    @pytest.mark.parametrize(
        ("words", "said"),
        [
            (("show", "nowhere"), "expected topic:partition:offset"),
            (("show", "training.commands:0:0"), "is no dead-letter topic"),
            (("show", f"{BURIED}:0:0"), "nothing lies there"),
            (("list", "--topic", "training.event"), "is no command topic"),
            (("resend",), "--all"),
        ],
    )
    def test_what_makes_no_sense_is_refused(self, house: House, words: tuple[str, ...], said: str) -> None:
        result = house.molfleet("dead-letters", *words)
        assert result.exit_code == Exit.USAGE
        assert said in result.stderr


class TestWatch:
    def test_events_and_dead_letters_are_told_a_line_each(self, house: House, tmp_path: Path) -> None:
        for event in (calculated(house, tmp_path), failed()):
            house.send(Outgoing(EVENTS, b"k", house.codec.encode(event)))
        house.bury(house.codec.encode(COMMAND))
        words = ("watch", "--from-beginning", "--count", "3", "--timeout", "20")
        said = house.molfleet(*words)
        assert said.exit_code == Exit.SUCCESS, said.stderr
        lines = said.stdout.splitlines()
        assert len(lines) == 3
        for name in ("FeatureVectorsCalculated ", "FeatureVectorsCalculationFailed ", "DEAD LETTER "):
            assert sum(name in line for line in lines) == 1
        rows = [json.loads(line) for line in house.molfleet(*words, "--json").stdout.splitlines()]
        assert sorted(row["type"] for row in rows) == [
            *("DeadLetter", "FeatureVectorsCalculated", "FeatureVectorsCalculationFailed"),
        ]

    def test_another_saga_is_not_shown(self, house: House) -> None:
        house.send(Outgoing(EVENTS, b"k", house.codec.encode(failed())))
        said = house.molfleet(
            *("watch", "--from-beginning", "--correlation", str(uuid4()), "--timeout", "0.2")
        )
        assert said.exit_code == Exit.TIMEOUT
        assert said.stdout == ""
