"""S3 over a bad line: lost answers, storms of 503, broken streams, wrong credentials, nobody there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from random import Random

import pytest

from molfleet.blobs.factory import open_store
from molfleet.blobs.port import (
    BlobDenied,
    BlobStore,
    BlobsUnavailable,
    PreconditionFailed,
)
from molfleet.ledger.leases import Lease, Leases
from molfleet.local.node import free_ports
from molfleet.local.s3 import LocalS3
from tests.conformance.blobs.faulty_proxy import FaultyProxy
from tests.fixtures_s3 import s3_settings

pytestmark = pytest.mark.real

ATTEMPTS = 3


@pytest.fixture
def proxy(s3_credentials: LocalS3) -> Iterator[FaultyProxy]:
    with FaultyProxy(s3_credentials.port) as proxy:
        yield proxy
        assert proxy.unspent() == 0


@pytest.fixture
def direct(s3_store: BlobStore, bucket: str) -> BlobStore:
    s3_store.ensure_bucket(bucket)
    return s3_store


@pytest.fixture
def store(proxy: FaultyProxy, s3_server: LocalS3, direct: BlobStore) -> BlobStore:
    return open_store(s3_settings(s3_server, proxy.endpoint, attempts=ATTEMPTS))


def large(path: Path, seed: int, megabytes: int = 12) -> Path:
    path.write_bytes(Random(seed).randbytes(1 << 20) * megabytes)
    return path


def test_a_plain_write_whose_answer_is_lost_is_written_again(
    store: BlobStore, bucket: str, proxy: FaultyProxy
) -> None:
    proxy.plan("PUT", "lose")
    store.put(bucket, "k", b"data")
    assert proxy.seen == ["PUT", "PUT"]
    assert store.read(bucket, "k")[0] == b"data"


@pytest.mark.parametrize("condition", ["if_absent", "if_match"])
def test_a_conditional_write_whose_answer_is_lost_looks_refused_and_is_there(
    store: BlobStore, direct: BlobStore, bucket: str, proxy: FaultyProxy, condition: str
) -> None:
    first = None if condition == "if_absent" else direct.put(bucket, "k", b"before").etag
    proxy.plan("PUT", "lose")
    with pytest.raises(PreconditionFailed):
        store.put(bucket, "k", b"mine", if_absent=first is None, if_match=first)
    assert direct.read(bucket, "k")[0] == b"mine"


def test_a_lease_survives_that_every_answer_to_its_writes_is_lost_once(
    store: BlobStore, bucket: str, proxy: FaultyProxy
) -> None:
    leases = Leases(store, bucket, 30)
    proxy.plan("PUT", "lose")
    lease = leases.acquire("lease", "a")
    assert isinstance(lease, Lease)
    proxy.plan("PUT", "lose")
    lease = leases.renew(lease)
    proxy.plan("PUT", "lose")
    leases.release(lease)
    assert isinstance(leases.acquire("lease", "b"), Lease)


def test_a_part_whose_answer_is_lost_is_sent_again(
    store: BlobStore, bucket: str, proxy: FaultyProxy, tmp_path: Path
) -> None:
    source = large(tmp_path / "large", 1)
    proxy.plan("PUT", "lose", "503")
    put = store.put(bucket, "large", source, if_absent=True)
    store.fetch(bucket, "large", tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == source.read_bytes()
    assert store.stat(bucket, "large").etag == put.etag


def test_a_completed_upload_whose_answer_is_lost_is_there_whole(
    store: BlobStore, direct: BlobStore, bucket: str, proxy: FaultyProxy, tmp_path: Path
) -> None:
    source = large(tmp_path / "large", 2)
    proxy.plan("POST", "", "lose")  # one POST begins an upload, the other completes it
    with suppress(PreconditionFailed):  # the port allows it: read before you believe it
        store.put(bucket, "large", source, if_absent=True)
    direct.fetch(bucket, "large", tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == source.read_bytes()


@pytest.mark.parametrize("conditions", [{}, {"if_absent": True}])
def test_a_conflict_is_tried_again(
    store: BlobStore, bucket: str, proxy: FaultyProxy, tmp_path: Path, conditions: dict[str, bool]
) -> None:
    proxy.plan("PUT", "409", "409")
    store.put(bucket, "small", b"1", **conditions)  # type: ignore[arg-type]
    proxy.plan("POST", "", "409")
    store.put(bucket, "large", large(tmp_path / "large", 3), **conditions)  # type: ignore[arg-type]
    assert store.stat(bucket, "large").size == 12 << 20
    assert proxy.seen.count("POST") == 4


def requests(store: BlobStore, bucket: str, to: Path) -> dict[str, Callable[[], object]]:
    return {
        "GET": lambda: store.fetch(bucket, "k", to),
        "PUT": lambda: store.put(bucket, "k", b"new"),
        "HEAD": lambda: store.stat(bucket, "k"),
        "DELETE": lambda: store.delete(bucket, "k"),
    }


@pytest.mark.parametrize("method", ["GET", "PUT", "HEAD", "DELETE"])
def test_a_storm_of_503_is_weathered_within_the_bound_and_told_past_it(
    store: BlobStore, direct: BlobStore, bucket: str, proxy: FaultyProxy, tmp_path: Path, method: str
) -> None:
    direct.put(bucket, "k", b"data")
    proxy.plan(method, *["503"] * ATTEMPTS)
    with pytest.raises(BlobsUnavailable, match="503"):
        requests(store, bucket, tmp_path / "x")[method]()
    assert proxy.seen.count(method) == ATTEMPTS
    assert list(tmp_path.iterdir()) == []
    proxy.plan(method, *["503"] * (ATTEMPTS - 1))
    requests(store, bucket, tmp_path / "x")[method]()


@pytest.mark.parametrize("method", ["GET", "PUT", "HEAD", "DELETE"])
def test_a_refusal_of_the_account_is_told_at_once(
    store: BlobStore, bucket: str, proxy: FaultyProxy, tmp_path: Path, method: str
) -> None:
    proxy.plan(method, "403")
    with pytest.raises(BlobDenied):
        requests(store, bucket, tmp_path / "x")[method]()
    assert proxy.seen == [method]


def test_a_fetch_goes_on_where_its_stream_broke(
    store: BlobStore, direct: BlobStore, bucket: str, proxy: FaultyProxy, tmp_path: Path
) -> None:
    source = large(tmp_path / "large", 4)
    direct.put(bucket, "large", source)
    # More breaks than attempts: each that brought something on is none of them.
    proxy.plan("GET", *[f"cut:{2 << 20}"] * (ATTEMPTS + 1))
    info = store.fetch(bucket, "large", tmp_path / "back")
    assert info.size == 12 << 20
    assert (tmp_path / "back").read_bytes() == source.read_bytes()


def test_a_fetch_whose_object_is_replaced_meanwhile_begins_anew(
    store: BlobStore, direct: BlobStore, bucket: str, proxy: FaultyProxy, tmp_path: Path
) -> None:
    direct.put(bucket, "large", large(tmp_path / "old", 5))
    newer = large(tmp_path / "new", 6, megabytes=10)

    def replace(method: str) -> None:
        if proxy.seen == ["GET", "GET"]:
            direct.put(bucket, "large", newer)

    proxy.plan("GET", f"cut:{2 << 20}")
    proxy.before = replace
    info = store.fetch(bucket, "large", tmp_path / "back")
    assert info.size == 10 << 20
    assert (tmp_path / "back").read_bytes() == newer.read_bytes()


def test_a_stream_that_brings_nothing_at_all_ends_in_a_bounded_number_of_tries(
    store: BlobStore, direct: BlobStore, bucket: str, proxy: FaultyProxy, tmp_path: Path
) -> None:
    direct.put(bucket, "k", b"data")
    proxy.plan("GET", *["cut:0"] * ATTEMPTS)
    with pytest.raises(BlobsUnavailable):
        store.fetch(bucket, "k", tmp_path / "x")
    assert list(tmp_path.iterdir()) == []


def test_nobody_there_is_unavailable_by_name(s3_credentials: LocalS3, tmp_path: Path) -> None:
    (port,) = free_ports(1)
    store = open_store(s3_settings(s3_credentials, f"http://127.0.0.1:{port}", attempts=2))
    calls = [
        *requests(store, "some-bucket", tmp_path / "x").values(),
        lambda: list(store.list("some-bucket")),
    ]
    for call in calls:
        with pytest.raises(BlobsUnavailable, match=f"127.0.0.1:{port}"):
            call()


def test_wrong_credentials_are_denied_and_not_quoted(
    s3_credentials: LocalS3, direct: BlobStore, bucket: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    if s3_credentials.kind == "moto":
        pytest.xfail("moto lets everybody in")
    direct.put(bucket, "k", b"data")
    for access, secret in (
        ("AKIAWRONGWRONG", s3_credentials.secret_key),
        (s3_credentials.access_key, "wrongsecretwrong"),
    ):
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", access)
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", secret)
        store = open_store(s3_settings(s3_credentials))
        calls = requests(store, bucket, tmp_path / "x")
        if secret == s3_credentials.secret_key:
            del calls["HEAD"]  # the gateway says 404 to a key it does not know, and HEAD has no body
        for call in calls.values():
            with pytest.raises(BlobDenied) as caught:
                call()
            assert access not in str(caught.value)
            assert secret not in str(caught.value)
    assert direct.read(bucket, "k")[0] == b"data"


def test_an_upload_that_fails_leaves_no_parts_behind(
    store: BlobStore, direct: BlobStore, bucket: str, proxy: FaultyProxy, tmp_path: Path
) -> None:
    direct.put(bucket, "large", b"here first")
    with pytest.raises(PreconditionFailed):
        store.put(bucket, "large", large(tmp_path / "large", 7), if_absent=True)
    assert "DELETE" in proxy.seen
    assert direct.read(bucket, "large")[0] == b"here first"


def test_a_store_that_stops_and_comes_back_is_used_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with LocalS3(tmp_path / "own") as server:
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", server.access_key)
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", server.secret_key)
        store = open_store(s3_settings(server, attempts=2))
        store.ensure_bucket("bucket")
        server.stop()
        with pytest.raises(BlobsUnavailable):
            store.put("bucket", "k", b"1")
        server.start()
        store.ensure_bucket("bucket")  # moto forgot it
        store.put("bucket", "k", b"1")
        assert store.read("bucket", "k")[0] == b"1"
