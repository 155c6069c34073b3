"""The context of a heavy handler, inside its child process."""

from __future__ import annotations

import itertools
import json
import socket
import time
from pathlib import Path
from typing import Any

from molfleet.blobs.port import BlobStore
from molfleet.ledger.checkpoints import Checkpoints
from molfleet.ledger.transfer import refuse_state_bucket, resolve, upload
from molfleet.messages.codec import Codec
from molfleet.messages.generated import BlobRef
from molfleet.messages.record import Event
from molfleet.runtime import frames
from molfleet.runtime.handler import ComputeShare
from molfleet.runtime.job import Job
from molfleet.settings import Settings

_PROGRESS_PAUSE_S = 0.1


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
        self._reported = 0.0
        self._stage = ""
        self._checkpoints = Checkpoints(store, settings.state_bucket, settings.topic_prefix)
        self.scratch = Path(job.scratch)
        self.share: ComputeShare = job.share

    def tell(self, kind: str, fields: dict[str, Any] | None = None, *payload: bytes) -> None:
        """One message to the worker."""
        frames.send(self._sock, [kind.encode(), json.dumps(fields or {}).encode(), *payload])

    def fetch(self, ref: BlobRef) -> Path:
        folder = self.scratch / f"input-{next(self._fetched)}"
        folder.mkdir()
        return resolve(
            self._store,
            ref,
            folder / (Path(ref.key).name or "blob"),
            self._settings.blobs.max_input_bytes,
            state_bucket=self._settings.state_bucket,
        )

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
        self.tell("storing", {"bucket": target, "key": key})
        ref = upload(self._store, path, target, key, content_type)
        self.tell("stored", {"bucket": target, "key": key, "sha256": ref.sha256 or ""})
        return ref

    def progress(self, stage: str, fraction: float, message: str = "", eta_s: float | None = None) -> None:
        now = time.monotonic()
        if stage == self._stage and fraction < 1 and now - self._reported < _PROGRESS_PAUSE_S:
            return
        self._stage, self._reported = stage, now
        fraction = min(1.0, max(0.0, fraction))
        self.tell("progress", {"stage": stage, "fraction": fraction, "message": message, "eta_s": eta_s})

    def emit(self, event: Event) -> None:
        self.tell("emit", {}, self._codec.encode_single_object(event))

    def checkpoint(self, name: str) -> Path | None:
        job = self._job
        target = self._checkpoint_file(name)
        return self._checkpoints.get(
            job.command_type, job.command_id, job.generation, self._checkpoint_name(name), target
        )

    def put_checkpoint(self, name: str, path: Path) -> Path:
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
