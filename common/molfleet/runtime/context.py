"""The context of a heavy handler, inside its child process."""

from __future__ import annotations

import itertools
import json
import math
import socket
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from molfleet.blobs.port import BlobInfo, BlobStore, Loan
from molfleet.ledger.checkpoints import PARTS, Checkpoints
from molfleet.ledger.keys import Keys
from molfleet.ledger.receipts import Receipts
from molfleet.ledger.transfer import borrow, refuse_state_bucket, resolve, resolve_range, settle, upload
from molfleet.messages.codec import Codec
from molfleet.messages.generated import BlobRef
from molfleet.messages.record import Command, Event, Part, TerminalEvent
from molfleet.runtime import frames
from molfleet.runtime.child_parts import PartOutcomes
from molfleet.runtime.failures import largest_event, too_large
from molfleet.runtime.handler import ComputeShare
from molfleet.runtime.job import Job
from molfleet.settings import Settings

_PROGRESS_PAUSE_S = 0.1
#: All events of one command lie in one receipt.
_MAX_EMITTED = 16 << 20


class ChildContext:
    """Implements runtime.handler.Context: blobs directly, everything else through the worker."""

    def __init__(
        self, job: Job, settings: Settings, store: BlobStore, codec: Codec, sock: socket.socket
    ) -> None:
        self._job = job
        self._settings = settings
        self._store = store
        self._codec = codec
        self._sock = sock
        self._fetched = itertools.count(1)
        self._telling = threading.Lock()
        self._reported = 0.0
        self._progress = ("", 0.0)
        self._emitted = 0
        self._checkpoints = Checkpoints(store, settings.state_bucket, settings.topic_prefix)
        self._keys = Keys(settings.topic_prefix)
        self._shared = self._keys.shared(job.whole)
        self._shares = False
        self._loans: list[Loan] = []
        self._pinned: dict[tuple[str, str], BlobInfo] = {}
        self.scratch = Path(job.scratch)
        self.share: ComputeShare = job.share

    def tell(self, kind: str, fields: dict[str, Any] | None = None, *payload: bytes) -> None:
        """One message to the worker, whole, whichever thread of the handler it comes from."""
        with self._telling:
            frames.send(self._sock, [kind.encode(), json.dumps(fields or {}).encode(), *payload])

    def encoded(self, message: Command | Event) -> bytes:
        """The message as the worker reads it. Raises Rejected (RESULT_TOO_LARGE)."""
        value, limit = self._codec.encode_single_object(message), largest_event(self._settings)
        if len(value) > limit:
            raise too_large(message.full_name, len(value), limit)
        return value

    def fetch(self, ref: BlobRef) -> Path:
        target, largest, forbidden = self._target(ref), self._largest(ref), self._forbidden(ref)
        info = resolve(self._store, ref, target, largest, state_bucket=forbidden)
        self._pinned[ref.bucket, ref.key] = info
        return target

    def borrow(self, ref: BlobRef) -> Path:
        target, largest, forbidden = self._target(ref), self._largest(ref), self._forbidden(ref)
        loan = borrow(self._store, ref, target, largest, state_bucket=forbidden)
        self._loans.append(loan)
        self._pinned[ref.bucket, ref.key] = loan.info
        return target

    def settle(self) -> None:
        """Raises Rejected where what was borrowed has been rewritten: then nothing made of it may last."""
        for loan in self._loans:
            settle(loan)

    def pinned(self, ref: BlobRef) -> BlobRef:
        info = self._pinned[ref.bucket, ref.key]
        return ref.model_copy(update={"etag": info.etag, "size": info.size})

    def fetch_range(self, ref: BlobRef, start: int, end: int) -> Path:
        target = self._target(ref)
        refuse_state_bucket(ref.bucket, self._forbidden(ref))
        resolve_range(self._store, ref, target, start, end)
        return target

    def store(
        self,
        path: Path,
        *,
        name: str | None = None,
        content_type: str | None = None,
        bucket: str | None = None,
    ) -> BlobRef:
        target = bucket or self._settings.output_bucket
        refuse_state_bucket(target, self._settings.state_bucket)
        job = self._job
        short = job.command_type.rpartition(".")[2]
        key = f"molfleet/{short}/{job.command_id}/{job.attempt}/{name or path.name}"
        return self._upload(path, target, key, content_type)

    def keep(self, path: Path) -> BlobRef:
        job, bucket = self._job, self._settings.state_bucket
        key = f"{self._keys.kept(job.whole, job.generation, job.command_id, job.attempt)}{path.name}"
        if job.command_id != job.whole:
            return self._upload(path, bucket, key, None)
        # No output of this attempt, with which it would go: a checkpoint may already name it.
        self._share()
        return upload(self._store, path, bucket, key)

    def spread(self, parts: Sequence[Part]) -> list[TerminalEvent]:
        self._share()
        job = self._job
        receipts = Receipts(self._store, self._settings.state_bucket, self._settings.topic_prefix)
        outcomes = PartOutcomes(receipts, self._codec, job.command_type, job.command_id, job.generation)
        return outcomes.of(parts)

    def _share(self) -> None:
        """Note that something is shared, before it is: whoever clears up looks for it then."""
        if not self._shares:
            note = self.scratch / "shares"
            note.touch()
            self.put_checkpoint(f"checkpoint{PARTS}", note)
            self._shares = True

    def _upload(self, path: Path, target: str, key: str, content_type: str | None) -> BlobRef:
        self.tell("storing", {"bucket": target, "key": key})
        ref = upload(self._store, path, target, key, content_type)
        self.tell("stored", {"bucket": target, "key": key, "sha256": ref.sha256 or ""})
        return ref

    def _target(self, ref: BlobRef) -> Path:
        folder = self.scratch / f"input-{next(self._fetched)}"
        folder.mkdir()
        return folder / (Path(ref.key).name or "blob")

    def _forbidden(self, ref: BlobRef) -> str | None:
        """The bucket that `ref` must not name: the fleet's own, except for what was kept for this."""
        own = ref.bucket == self._settings.state_bucket and ref.key.startswith(self._shared)
        return None if own else self._settings.state_bucket

    def _largest(self, ref: BlobRef) -> int | None:
        """The limit is for inputs; what parts have computed may be larger."""
        return None if self._forbidden(ref) is None else self._settings.blobs.max_input_bytes

    def progress(self, stage: str, fraction: float, message: str = "", eta_s: float | None = None) -> None:
        now = time.monotonic()
        before, fraction = self._progress, min(1.0, max(0.0, float(fraction)))
        ends = fraction >= 1.0 > before[1]
        if stage == before[0] and not ends and now - self._reported < _PROGRESS_PAUSE_S:
            return
        self._progress, self._reported = (stage, fraction), now
        eta = None if eta_s is None or not math.isfinite(eta_s) else float(eta_s)
        self.tell(
            "progress",
            {"stage": str(stage), "fraction": fraction, "message": str(message), "eta_s": eta},
        )

    def emit(self, event: Event) -> None:
        value = self.encoded(event)
        self._emitted += len(value)
        if self._emitted > _MAX_EMITTED:
            raise too_large("What was emitted in all", self._emitted, _MAX_EMITTED)
        self.tell("emit", {}, value)

    def checkpoint(self, name: str) -> Path | None:
        job = self._job
        target = self._checkpoint_file(name)
        return self._checkpoints.get(
            job.command_type, job.command_id, job.generation, self._checkpoint_name(name), target
        )

    def put_checkpoint(self, name: str, path: Path) -> Path:
        self.settle()
        job = self._job
        kept = self._checkpoints.put(
            job.command_type,
            job.command_id,
            job.generation,
            self._checkpoint_name(name),
            path,
            self._checkpoint_file(name),
        )
        self.tell("checkpoint", {"name": name})
        return kept

    def _checkpoint_name(self, name: str) -> str:
        # Another command may wrongly carry the same id: it must not adopt this one's work.
        return f"{self._job.digest[:16]}-{name}"

    def _checkpoint_file(self, name: str) -> Path:
        folder = self.scratch / "checkpoints"
        folder.mkdir(exist_ok=True)
        return folder / name
