"""What a plain file cannot say of itself: the content type it was put with."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from uuid import uuid4


class ContentTypes:
    """Notes beside a directory of blobs, each about one version of one object."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def keep(self, bucket: str, key: str, etag: str, content_type: str) -> None:
        """Note the type of the version `etag`, before it takes its place."""
        note = self._note(bucket, key)
        note.parent.mkdir(parents=True, exist_ok=True)
        temporary = note.with_name(f".{uuid4().hex}")
        temporary.write_text(json.dumps({"etag": etag, "content_type": content_type}))
        temporary.replace(note)

    def of(self, bucket: str, key: str, etag: str) -> str | None:
        """The type of this very version; a file that another program wrote has none."""
        try:
            kept = json.loads(self._note(bucket, key).read_text())
        except (FileNotFoundError, NotADirectoryError, ValueError):
            return None
        return str(kept["content_type"]) if kept.get("etag") == etag else None

    def forget(self, bucket: str, key: str) -> None:
        self._note(bucket, key).unlink(missing_ok=True)

    def _note(self, bucket: str, key: str) -> Path:
        return self._directory / bucket / hashlib.sha256(key.encode()).hexdigest()
