"""The stores that the contract is held against."""

from __future__ import annotations

from uuid import uuid4

import pytest

from molfleet.blobs.local import LocalBlobs
from molfleet.blobs.memory import MemoryBlobs
from molfleet.blobs.port import BlobStore


@pytest.fixture
def bucket() -> str:
    """Its own for each test, since tests share the S3 server."""
    return f"contract-{uuid4().hex[:12]}"


@pytest.fixture(params=["memory", "local", pytest.param("s3", marks=pytest.mark.real)])
def store(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> BlobStore:
    """A store with an empty bucket, whose name is the fixture `bucket`."""
    store: BlobStore
    if request.param == "memory":
        store = MemoryBlobs()
    elif request.param == "local":
        store = LocalBlobs(tmp_path_factory.mktemp("blobs"))
    else:
        store = request.getfixturevalue("s3_store")
    store.ensure_bucket(request.getfixturevalue("bucket"))
    return store
