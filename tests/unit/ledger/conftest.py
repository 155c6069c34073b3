"""A state bucket, in memory and in a directory."""

from __future__ import annotations

from pathlib import Path

import pytest

from molfleet.blobs.local import LocalBlobs
from molfleet.blobs.memory import MemoryBlobs
from molfleet.blobs.port import BlobStore


@pytest.fixture(params=["memory", "local"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> BlobStore:
    store: BlobStore = MemoryBlobs() if request.param == "memory" else LocalBlobs(tmp_path / "blobs")
    store.ensure_bucket("state")
    return store
