"""The stores that the contract is held against."""

from __future__ import annotations

import pytest

from molfleet.blobs.local import LocalBlobs
from molfleet.blobs.memory import MemoryBlobs
from molfleet.blobs.port import BlobStore


@pytest.fixture(params=["memory", "local", pytest.param("s3", marks=pytest.mark.real)])
def store(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> BlobStore:
    """An empty store with the bucket `contract`."""
    store: BlobStore
    if request.param == "memory":
        store = MemoryBlobs()
    elif request.param == "local":
        store = LocalBlobs(tmp_path_factory.mktemp("blobs"))
    else:
        store = request.getfixturevalue("s3_store")
    store.ensure_bucket("contract")
    return store
