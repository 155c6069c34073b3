from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from molfleet.blobs.port import (
    BlobChanged,
    BlobDenied,
    BlobError,
    BlobInfo,
    BlobStore,
    PreconditionFailed,
)
from molfleet.errors import Code, Rejected
from molfleet.ledger.transfer import rejection, resolve, upload, version
from molfleet.messages.generated import BlobRef

DATA = b"CCO ethanol\n"


@pytest.fixture
def stored(store: BlobStore) -> BlobInfo:
    store.ensure_bucket("inputs")
    return store.put("inputs", "runs/in.smi", DATA)


def refused(store: BlobStore, to: Path, max_bytes: int | None = None, **fields: object) -> Rejected:
    ref = BlobRef.model_validate({"bucket": "inputs", "key": "runs/in.smi", **fields})
    with pytest.raises(Rejected) as caught:
        resolve(store, ref, to, max_bytes, state_bucket="state")
    assert not to.exists()
    assert ref.bucket in caught.value.message
    return caught.value


def test_a_blob_that_is_what_its_reference_says_is_fetched(
    store: BlobStore, stored: BlobInfo, tmp_path: Path
) -> None:
    digest = hashlib.sha256(DATA).hexdigest()
    for etag in (stored.etag, f'"{stored.etag}"', None):
        ref = BlobRef(bucket="inputs", key="runs/in.smi", size=len(DATA), sha256=digest.upper(), etag=etag)
        resolve(store, ref, tmp_path / "in.smi", len(DATA))
        assert (tmp_path / "in.smi").read_bytes() == DATA
        assert version(store, ref) == stored.etag


@pytest.mark.parametrize("field", [{"size": 5}, {"sha256": "0" * 64}, {"etag": "other"}])
@pytest.mark.usefixtures("stored")
def test_a_blob_that_differs_from_its_reference_has_changed(
    store: BlobStore, tmp_path: Path, field: dict[str, object]
) -> None:
    verdict = refused(store, tmp_path / "x", **field)
    assert verdict.code is Code.BLOB_CHANGED
    assert next(iter(field)) in verdict.message


@pytest.mark.usefixtures("stored")
@pytest.mark.parametrize(
    ("fields", "max_bytes", "code"),
    [
        ({"key": "runs/none.smi"}, None, Code.BLOB_NOT_FOUND),
        ({"bucket": "nowhere"}, None, Code.BLOB_NOT_FOUND),
        ({}, len(DATA) - 1, Code.BLOB_TOO_LARGE),
        ({"key": "../state/receipt"}, None, Code.INVALID_COMMAND),
        ({"key": "/etc/passwd"}, None, Code.INVALID_COMMAND),
        ({"bucket": "../inputs"}, None, Code.INVALID_COMMAND),
        ({"bucket": "state", "key": "receipts/x"}, None, Code.INVALID_COMMAND),
    ],
)
def test_every_fault_of_a_named_blob_is_a_verdict_that_names_it(
    store: BlobStore, tmp_path: Path, fields: dict[str, object], max_bytes: int | None, code: Code
) -> None:
    verdict = refused(store, tmp_path / "x", max_bytes, **fields)
    assert verdict.code is code
    assert not verdict.retryable


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (BlobDenied("b", "k", "403"), Code.BLOB_ACCESS_DENIED),
        (BlobChanged("b", "k", "moving"), Code.BLOB_CHANGED),
        (PreconditionFailed("b", "k", "other version"), Code.INTERNAL),
    ],
)
def test_answers_of_the_store_have_their_codes(error: BlobError, code: Code) -> None:
    assert rejection(error).code is code
    assert "b/k" in rejection(error).message


def test_an_upload_is_described_so_that_resolving_it_verifies(store: BlobStore, tmp_path: Path) -> None:
    (tmp_path / "out.csv").write_bytes(DATA)
    ref = upload(store, tmp_path / "out.csv", "new-bucket", "molfleet/out.csv", "text/csv")
    assert (ref.size, ref.content_type) == (len(DATA), "text/csv")
    assert ref.sha256 == hashlib.sha256(DATA).hexdigest()
    assert ref.etag == store.stat("new-bucket", "molfleet/out.csv").etag
    resolve(store, ref, tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == DATA


def test_an_output_bucket_that_is_no_name_is_refused(store: BlobStore, tmp_path: Path) -> None:
    (tmp_path / "out").write_bytes(DATA)
    with pytest.raises(Rejected) as caught:
        upload(store, tmp_path / "out", "../etc", "k")
    assert caught.value.code is Code.INVALID_COMMAND
