"""The S3 adapter against moto within this process; tests/conformance holds it against a real server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest
from botocore import exceptions as boto
from moto.server import ThreadedMotoServer

from molfleet.blobs.factory import open_store
from molfleet.blobs.names import may_begin_keys
from molfleet.blobs.port import (
    BlobDenied,
    BlobError,
    BlobNotFound,
    BlobStore,
    BlobsUnavailable,
    BlobTooLarge,
    InvalidBlobName,
    PreconditionFailed,
)
from molfleet.blobs.proof import prove_conditions
from molfleet.blobs.s3_multipart import FileSlice, part_size
from molfleet.blobs.s3_requests import Requests, answered_at
from molfleet.settings import BlobSettings, S3Settings, Settings

BUCKET = "bucket"


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def store(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> BlobStore:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "access")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    store = open_store(
        Settings(
            blobs=BlobSettings(url="s3://"),
            s3=S3Settings(
                endpoint=endpoint, path_style=True, region="eu-west-1", part_bytes=5 << 20, attempts=1
            ),
        )
    )
    store.ensure_bucket(BUCKET)
    return store


def test_objects_come_back_as_they_went(store: BlobStore, tmp_path: Path) -> None:
    put = store.put(BUCKET, "a/é.txt", b"data", content_type="text/plain")
    info = store.fetch(BUCKET, "a/é.txt", tmp_path / "x")
    assert (tmp_path / "x").read_bytes() == b"data"
    assert (info.etag, info.content_type) == (put.etag, "text/plain")
    assert store.stat(BUCKET, "a/é.txt").size == 4
    assert [found.key for found in store.list(BUCKET, "a/")] == ["a/é.txt"]
    store.delete(BUCKET, "a/é.txt")
    assert list(store.list(BUCKET, "a/")) == []


def test_a_file_of_many_parts_is_one_object(store: BlobStore, tmp_path: Path) -> None:
    (tmp_path / "large").write_bytes(Random(1).randbytes((11 << 20) + 1))
    store.put(BUCKET, "large", tmp_path / "large", if_absent=True)
    store.fetch(BUCKET, "large", tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == (tmp_path / "large").read_bytes()
    with pytest.raises(PreconditionFailed):
        store.put(BUCKET, "large", tmp_path / "large", if_absent=True)
    with pytest.raises(BlobTooLarge):
        store.fetch(BUCKET, "large", tmp_path / "x", max_bytes=11 << 20)


def test_a_long_list_is_followed_to_its_end(store: BlobStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOTO_S3_DEFAULT_MAX_KEYS", "3")
    store.ensure_bucket("many")
    wanted = [f"{number:02}" for number in range(11)]
    for key in wanted:
        store.put("many", key, b"")
    assert [found.key for found in store.list("many")] == wanted


def test_it_passes_the_proof(store: BlobStore) -> None:
    prove_conditions(store, "proof-bucket")


def test_a_bucket_that_is_not_there_is_said_to_be_so(store: BlobStore) -> None:
    with pytest.raises(BlobNotFound, match="bucket does not exist"):
        store.put("nowhere", "k", b"1")
    assert list(store.list("nowhere")) == []


def client_error(status: int, code: str = "") -> boto.ClientError:
    answer = {"Error": {"Code": code, "Message": "secret"}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return boto.ClientError(answer, "PutObject")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (client_error(404, "NoSuchKey"), BlobNotFound),
        (client_error(404, "NoSuchBucket"), BlobNotFound),
        (client_error(404, "404"), BlobNotFound),
        (client_error(403, "AccessDenied"), BlobDenied),
        (client_error(403, "SignatureDoesNotMatch"), BlobDenied),
        (client_error(400, "ExpiredToken"), BlobDenied),
        (client_error(412, "PreconditionFailed"), PreconditionFailed),
        (client_error(400, "KeyTooLongError"), InvalidBlobName),
        (client_error(409, "ConditionalRequestConflict"), BlobsUnavailable),
        (client_error(500, "InternalError"), BlobsUnavailable),
        (client_error(503, "SlowDown"), BlobsUnavailable),
        (client_error(429), BlobsUnavailable),
        (client_error(400, "RequestTimeout"), BlobsUnavailable),
        (client_error(400, "InvalidRequest"), BlobError),
        (boto.EndpointConnectionError(endpoint_url="http://user:secret@x"), BlobsUnavailable),
        (boto.ReadTimeoutError(endpoint_url="http://user:secret@x"), BlobsUnavailable),
        (boto.ConnectTimeoutError(endpoint_url="http://user:secret@x"), BlobsUnavailable),
        (boto.SSLError(endpoint_url="http://user:secret@x", error="secret"), BlobsUnavailable),
        (boto.NoCredentialsError(), BlobsUnavailable),
        (boto.CredentialRetrievalError(provider="p", error_msg="secret"), BlobsUnavailable),
        (boto.ParamValidationError(report="secret"), InvalidBlobName),
        (boto.UnknownEndpointError(service_name="s3", region_name="x"), BlobsUnavailable),
    ],
)
def test_each_failure_of_the_library_has_its_word_in_the_port(
    error: Exception, expected: type[Exception]
) -> None:
    translated = Requests("store:9000", 1).translate(error, "b", "k")
    assert type(translated) is expected
    assert "secret" not in str(translated)


def test_only_what_may_pass_is_tried_again() -> None:
    tries: list[int] = []

    def fail(error: Exception) -> None:
        tries.append(1)
        raise error

    with pytest.raises(BlobsUnavailable):
        Requests("x", 3)("b", "k", lambda: fail(client_error(503)))
    assert len(tries) == 3
    with pytest.raises(BlobDenied):
        Requests("x", 3)("b", "k", lambda: fail(client_error(403)))
    assert len(tries) == 4


@pytest.mark.parametrize("date", [{}, {"date": "yesterday"}])
def test_an_answer_without_a_time_is_not_given_one(date: dict[str, str]) -> None:
    with pytest.raises(BlobsUnavailable, match="Date"):
        answered_at({"ResponseMetadata": {"HTTPHeaders": date}})


def test_no_file_has_more_parts_than_s3_takes() -> None:
    assert part_size(100, 5 << 20) == 5 << 20
    huge = 5 << 40
    step = part_size(huge, 5 << 20)
    assert -(-huge // step) <= 10_000


def test_a_slice_reads_as_the_file_that_it_is(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"0123456789")
    with FileSlice(tmp_path / "f", 2, 5) as part:
        assert (len(part), part.readable(), part.seekable()) == (5, True, True)
        assert part.read() == b"23456"
        assert part.read() == b""
        assert part.seek(-2, 2) == 3
        assert part.read(10) == b"56"
        assert part.seek(1) == part.tell() == 1
        assert part.seek(1, 1) == 2
        assert part.read(1) == b"4"


@pytest.mark.parametrize(
    ("prefix", "possible"),
    [("", True), ("a", True), ("a/", True), ("a/b", True), ("../", False), ("/", False), ("a//b", False)],
)
def test_a_prefix_that_no_key_can_have_is_known(prefix: str, possible: bool) -> None:
    assert may_begin_keys(prefix) is possible
