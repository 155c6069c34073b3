"""The loaded models of one resident process."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path

from molfleet.bundles.features import Toolbox
from molfleet.bundles.predict import Model, load_model
from molfleet.errors import Code, Rejected
from molfleet.messages.generated import BlobRef
from molfleet.runtime.handler import LightContext

#: No model, however small its zip, may unpack to more.
MAX_MODEL_BYTES = 4 << 30
_REFUSAL_BYTES = 1 << 10

Key = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class _Entry:
    model: Model | None
    refusal: Rejected | None
    sha256: str
    size: int

    @property
    def nbytes(self) -> int:
        return self.model.nbytes if self.model else _REFUSAL_BYTES


class ModelCache:
    """Models by blob version, least recently used first out, bounded by their bytes in memory.

    The latest model stays even where it alone is over the bound: it would be loaded for every batch
    otherwise. That a blob is no usable model is remembered as well. For one thread.
    """

    def __init__(self, tools: Toolbox, max_bytes: int) -> None:
        self._tools = tools
        self._max_bytes = max_bytes
        self._entries: OrderedDict[Key, _Entry] = OrderedDict()
        self.nbytes = 0

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, ref: BlobRef, context: LightContext) -> Model:
        """The model of a blob. Raises Rejected: as `fetch` does, and INVALID_MODEL."""
        version = context.version(ref)
        if ref.etag is not None and ref.etag.strip('"') != version:
            raise _changed(ref, "etag")
        key = (ref.bucket, ref.key, version)
        entry = self._entries.get(key)
        if entry is None:
            entry = self._load(ref, context)
            self._keep(key, entry)
        else:
            self._entries.move_to_end(key)
        if ref.sha256 is not None and ref.sha256.lower() != entry.sha256:
            raise _changed(ref, "sha256")
        if ref.size is not None and ref.size != entry.size:
            raise _changed(ref, "size")
        if entry.model is None:
            assert entry.refusal is not None
            raise entry.refusal
        return entry.model

    def _load(self, ref: BlobRef, context: LightContext) -> _Entry:
        path = context.fetch(ref)
        try:
            sha256, size = _digest(path), path.stat().st_size
            try:
                model = load_model(path, max_bytes=MAX_MODEL_BYTES, tools=self._tools, trust=context.trust)
            except Rejected as refusal:
                return _Entry(None, refusal, sha256, size)
            return _Entry(model, None, sha256, size)
        finally:
            path.unlink(missing_ok=True)

    def _keep(self, key: Key, entry: _Entry) -> None:
        self._entries[key] = entry
        self.nbytes += entry.nbytes
        while self.nbytes > self._max_bytes and len(self._entries) > 1:
            _, oldest = self._entries.popitem(last=False)
            self.nbytes -= oldest.nbytes


def _digest(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _changed(ref: BlobRef, what: str) -> Rejected:
    return Rejected(
        Code.BLOB_CHANGED,
        f"The model {ref.bucket}/{ref.key} is not the one that the command names: its {what} differs.",
        details={"bucket": ref.bucket, "key": ref.key},
    )
