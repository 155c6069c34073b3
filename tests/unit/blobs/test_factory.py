from __future__ import annotations

from pathlib import Path

import pytest

from molfleet.blobs.factory import open_store
from molfleet.blobs.local import LocalBlobs
from molfleet.blobs.memory import MemoryBlobs
from molfleet.blobs.s3 import S3Blobs
from molfleet.settings import BlobSettings, S3Settings, Settings, SettingsError

NO_CREDENTIALS = {
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent",
    "AWS_CONFIG_FILE": "/nonexistent",
}


def settings(url: str, **s3: object) -> Settings:
    return Settings(blobs=BlobSettings(url=url), s3=S3Settings.model_validate(s3))


@pytest.fixture
def no_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in NO_CREDENTIALS.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def credentials(no_credentials: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "top-secret-key")


@pytest.mark.parametrize(
    ("url", "directory"),
    [
        ("file:///var/blobs", "/var/blobs"),
        ("file://localhost/var/blobs", "/var/blobs"),
        ("file:///with%20space", "/with space"),
        ("file://./.local/blobs", ".local/blobs"),
        ("file://../blobs", "../blobs"),
    ],
)
def test_a_file_url_is_a_directory(url: str, directory: str) -> None:
    store = open_store(settings(url))
    assert isinstance(store, LocalBlobs)
    assert store.directory == Path(directory).absolute()


def test_memory_is_its_own_scheme() -> None:
    assert isinstance(open_store(settings("memory://")), MemoryBlobs)


@pytest.mark.usefixtures("credentials")
def test_s3_is_opened_without_asking_the_network() -> None:
    store = open_store(settings("s3://", endpoint="http://127.0.0.1:9"))
    assert isinstance(store, S3Blobs)
    assert "127.0.0.1:9" in str(store)


@pytest.mark.parametrize(
    "url", ["", "blobs", "ftp://x", "file://", "file:///", "file://host/x", "s3://bucket"]
)
def test_a_url_that_names_no_store_is_refused_with_the_setting(url: str) -> None:
    with pytest.raises(SettingsError, match="MOLFLEET_BLOBS_URL"):
        open_store(settings(url))


@pytest.mark.usefixtures("credentials")
@pytest.mark.parametrize("endpoint", ["localhost:9000", "http://", "ftp://host", "http://user:pass@host"])
def test_an_endpoint_that_is_no_address_is_refused_with_the_setting(endpoint: str) -> None:
    with pytest.raises(SettingsError, match="MOLFLEET_S3_ENDPOINT") as caught:
        open_store(settings("s3://", endpoint=endpoint))
    assert "pass" not in str(caught.value)


@pytest.mark.usefixtures("no_credentials")
def test_missing_credentials_are_told_at_once_with_what_to_do() -> None:
    with pytest.raises(SettingsError, match="AWS_ACCESS_KEY_ID"):
        open_store(settings("s3://", endpoint="http://127.0.0.1:9"))


@pytest.mark.usefixtures("no_credentials")
def test_half_of_the_credentials_is_told_without_quoting_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    with pytest.raises(SettingsError, match="PartialCredentials") as caught:
        open_store(settings("s3://"))
    assert "AKIDEXAMPLE" not in str(caught.value)


@pytest.mark.usefixtures("credentials")
def test_no_secret_stands_in_what_a_store_says_of_itself() -> None:
    store = open_store(settings("s3://", endpoint="http://127.0.0.1:9"))
    assert "top-secret-key" not in f"{store} {store!r} {vars(store)}"
