"""The same run measured the same way in every contestant."""

from __future__ import annotations

import json
from pathlib import Path

from bench.meter import CountingStore, Meter
from bench.no_ops import answer
from bench.rivals.events import Answerer
from bench.site import Measured
from bench.work import ASPIRIN, prepared, singles
from molfleet.blobs.memory import MemoryBlobs
from molfleet.blobs.port import BlobStore
from molfleet.messages.codec import Codec
from molfleet.runtime.announce import Announcer, Origin


def test_a_run_is_reported_when_all_is_committed_and_not_before(tmp_path: Path) -> None:
    meter = Meter(10, tmp_path / "result.json")
    meter.records_came()
    meter.committed(9)
    assert not meter.result.exists()
    meter.committed(10)
    said = Measured(**json.loads(meter.result.read_text("utf-8")))
    assert said.count == 10
    assert said.ended >= said.began == meter.began


def test_a_run_begins_with_the_first_records_only(tmp_path: Path) -> None:
    meter = Meter(1, tmp_path / "result.json")
    meter.records_came()
    first = meter.began
    meter.records_came()
    assert meter.began == first


def test_a_rate_is_commands_by_seconds() -> None:
    assert Measured(count=30, began=5.0, ended=8.0).rate == 10.0


def test_requests_before_the_first_command_are_not_counted(tmp_path: Path) -> None:
    counted = CountingStore(MemoryBlobs(), Meter(1, tmp_path / "result.json"))
    store: BlobStore = counted
    store.ensure_bucket("state")
    store.put("state", "before", b"")
    counted.meter.records_came()
    store.put("state", "after", b"")
    list(store.list("state", "probe/none"))
    assert counted.counts == {"put": 1}


def test_a_rival_publishes_what_our_worker_would() -> None:
    """Same key, same headers by name, same event but for times, versions and random span ids."""
    codec = Codec()
    (command,) = singles([ASPIRIN])
    one = prepared(command, codec)
    rival = Answerer()
    key, value, headers = rival.event(rival.command(one.value), one.headers, 0.0)
    topics = {"molfleet.events.SingleStructurePredicted": "events"}
    announcer = Announcer(codec, topics, "predictor", "0")
    ours = announcer.message(Origin.of(command, one.headers), answer(command))
    assert key == ours.key
    assert [name for name, _ in headers] == [name for name, _ in ours.headers]
    same = {"ce_id", "ce_type", "ce_subject", "ce_dataschema", "CorrelationId", "InitiatorId"}
    assert {n: v for n, v in headers if n in same} == {n: v for n, v in ours.headers if n in same}
    varying = {"time_stamp", "worker_version", "elapsed_ms"}
    assert codec.decode(value).model_dump(exclude=varying) == codec.decode(ours.value).model_dump(
        exclude=varying
    )
