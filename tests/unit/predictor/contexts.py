"""A light context over files, with versions that tests can change and calls that they can count."""

from __future__ import annotations

import shutil
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from molfleet.bundles.signatures import ANYBODY, Trust
from molfleet.errors import Code, Rejected
from molfleet.messages.generated import BlobRef


@dataclass
class FilesLightContext:
    """Implements runtime.handler.LightContext; a key is the name of a file in `folder`."""

    folder: Path
    scratch: Path
    cache_bytes: int = 1 << 30
    resident: Any = None
    trust: Trust = ANYBODY
    versions: dict[str, str] = field(default_factory=dict)
    fetched: Counter[str] = field(default_factory=Counter)

    def version(self, ref: BlobRef) -> str:
        if not (self.folder / ref.key).exists():
            raise Rejected(Code.BLOB_NOT_FOUND, f"{ref.bucket}/{ref.key} does not exist.")
        return self.versions.get(ref.key, "v1")

    def fetch(self, ref: BlobRef) -> Path:
        self.version(ref)
        self.fetched[ref.key] += 1
        copy = self.scratch / f"fetched-{self.fetched.total()}"
        shutil.copyfile(self.folder / ref.key, copy)
        return copy
