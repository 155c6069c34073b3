"""One real S3 server for the whole test run, started by the first test that asks for it."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import uuid4

import pytest

from molfleet.blobs.factory import open_store
from molfleet.blobs.port import BlobStore
from molfleet.local.s3 import LocalS3
from molfleet.settings import BlobSettings, S3Settings, Settings


def s3_settings(server: LocalS3, endpoint: str | None = None, attempts: int = 6) -> Settings:
    """Settings for a server, or for a proxy before it; with the smallest parts S3 takes."""
    return Settings(
        blobs=BlobSettings(url="s3://"),
        s3=S3Settings(
            endpoint=endpoint or server.endpoint,
            path_style=True,
            region="us-east-1",
            part_bytes=5 << 20,
            attempts=attempts,
        ),
    )


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalS3]:
    with LocalS3(tmp_path_factory.mktemp("s3"), tell=print) as server:
        yield server


@pytest.fixture
def s3_credentials(s3_server: LocalS3, monkeypatch: pytest.MonkeyPatch) -> LocalS3:
    """The server, its credentials being those of AWS's standard chain."""
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", s3_server.access_key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", s3_server.secret_key)
    return s3_server


@pytest.fixture
def s3_store(s3_credentials: LocalS3) -> BlobStore:
    return open_store(s3_settings(s3_credentials))


@pytest.fixture
def fresh_bucket() -> str:
    """A name that no other test uses: tests share the server."""
    return f"b-{uuid4().hex[:20]}"
