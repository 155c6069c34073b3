"""From settings to a store. Each adapter is imported only where it is asked for."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote, urlsplit

from molfleet.blobs.port import BlobStore
from molfleet.settings import Settings, SettingsError

_VARIABLE = "MOLFLEET_BLOBS_URL"


def open_store(settings: Settings) -> BlobStore:
    """The store that `blobs.url` names; raises SettingsError that names the setting at fault."""
    url = urlsplit(settings.blobs.url)
    match url.scheme:
        case "file":
            from molfleet.blobs.local import LocalBlobs

            return LocalBlobs(_directory(url.netloc, url.path))
        case "s3":
            if url.netloc or url.path.strip("/"):
                raise SettingsError(
                    f"{_VARIABLE}: s3:// takes no bucket or path; every blob is named with its own bucket"
                )
            from molfleet.blobs.s3 import connect

            return connect(settings.s3)
        case "memory":
            from molfleet.blobs.memory import MemoryBlobs

            return MemoryBlobs()
        case other:
            raise SettingsError(
                f"{_VARIABLE}: {other or 'no'} scheme; use file:///directory, s3:// or memory://"
            )


def _directory(host: str, path: str) -> Path:
    """file:///absolute, and file://./relative to where the process was started."""
    if host not in ("", "localhost", ".", ".."):
        raise SettingsError(f"{_VARIABLE}: file:// on host {host!r}; write file:///directory")
    if not path.strip("/"):
        raise SettingsError(f"{_VARIABLE}: file:// without a directory; write file:///directory")
    return Path(host + unquote(path)) if host.startswith(".") else Path(unquote(path))
