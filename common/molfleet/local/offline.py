"""The fleet's own handlers on local files, without Kafka or a blob store."""

from __future__ import annotations

import hashlib
import importlib.metadata
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

from molfleet.errors import Code, Rejected
from molfleet.messages.generated import BlobRef
from molfleet.messages.record import Command, Event, FailureEvent, Part, TerminalEvent
from molfleet.processes import share_cores
from molfleet.runtime.handler import ComputeShare, Handler, HandlerTable

WORKERS = "molfleet.workers"
_BUCKET = "local"

#: stage, fraction of the whole in 0-1, message, seconds left where known.
OnProgress = Callable[[str, float, str, float | None], None]


class WorkerMissing(Exception):
    """No installed worker handles the command; the message says which extra brings it."""


def quiet(stage: str, fraction: float, message: str, eta_s: float | None) -> None:
    """A progress callback that tells nobody."""


@dataclass
class Files:
    """Local files under blob names of their own, so that a command can name them."""

    _paths: dict[tuple[str, str], Path] = field(default_factory=dict)

    def ref(self, path: Path) -> BlobRef:
        """A BlobRef that stands for `path`. Raises FileNotFoundError."""
        if not path.is_file():
            raise FileNotFoundError(f"{path}: there is no such file.")
        key = f"{len(self._paths)}/{path.name}"
        self._paths[(_BUCKET, key)] = path.resolve()
        return BlobRef(bucket=_BUCKET, key=key, size=path.stat().st_size)

    def keep(self, path: Path, name: str) -> BlobRef:
        """A BlobRef for an output of ours, with its digest."""
        with path.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
        key = f"{len(self._paths)}/{name}"
        self._paths[(_BUCKET, key)] = path
        return BlobRef(bucket=_BUCKET, key=key, size=path.stat().st_size, sha256=digest)

    def move(self, ref: BlobRef, to: Path) -> BlobRef:
        """Give an output its final name; returns the ref that now stands for it."""
        path = self.path(ref)
        if path != to.resolve():
            to.parent.mkdir(parents=True, exist_ok=True)
            shutil.move(path, to)
        return self.keep(to.resolve(), to.name)

    def path(self, ref: BlobRef) -> Path:
        """The file behind `ref`; raises Rejected(BLOB_NOT_FOUND)."""
        try:
            return self._paths[(ref.bucket, ref.key)]
        except KeyError:
            raise Rejected(
                Code.BLOB_NOT_FOUND,
                f"{ref.bucket}/{ref.key} lies in a blob store; offline commands read local files only.",
            ) from None


class LocalContext:
    """runtime.handler.Context over directories: `outputs` receives what the handler stores."""

    def __init__(
        self,
        files: Files,
        outputs: Path,
        scratch: Path,
        *,
        share: ComputeShare | None = None,
        on_progress: OnProgress = quiet,
    ) -> None:
        self.files = files
        self.emitted: list[Event] = []
        self._outputs = outputs
        self._scratch = scratch
        self._share = share or ComputeShare()
        self._on_progress = on_progress
        self._checkpoints = scratch / ".checkpoints"

    @property
    def scratch(self) -> Path:
        return self._scratch

    @property
    def share(self) -> ComputeShare:
        return self._share

    def fetch(self, ref: BlobRef) -> Path:
        return self.files.path(ref)

    borrow = fetch

    def store(
        self,
        path: Path,
        *,
        name: str | None = None,
        content_type: str | None = None,
        bucket: str | None = None,
    ) -> BlobRef:
        target = (self._outputs / (name or path.name)).resolve()
        if not target.is_relative_to(self._outputs.resolve()):
            raise ValueError(f"an output named {name!r} would leave {self._outputs}")
        target.parent.mkdir(parents=True, exist_ok=True)
        if target != path.resolve():
            _put(path, target)
        return self.files.keep(target, target.name)

    def progress(self, stage: str, fraction: float, message: str = "", eta_s: float | None = None) -> None:
        self._on_progress(stage, fraction, message, eta_s)

    def emit(self, event: Event) -> None:
        self.emitted.append(event)

    def checkpoint(self, name: str) -> Path | None:
        path = self._checkpoints / name
        return path if path.is_file() else None

    def pinned(self, ref: BlobRef) -> BlobRef:
        return ref.model_copy(
            update={"etag": ref.sha256 or "", "size": self.files.path(ref).stat().st_size}
        )

    def fetch_range(self, ref: BlobRef, start: int, end: int) -> Path:
        target = self._scratch / f"range-{uuid4()}"
        with self.files.path(ref).open("rb") as source, target.open("wb") as part:
            source.seek(start)
            while left := end - start - part.tell():
                part.write(source.read(min(left, 1 << 20)))
        return target

    def keep(self, path: Path) -> BlobRef:
        kept = self._scratch / f"kept-{uuid4()}"
        kept.mkdir()
        return self.files.keep(shutil.copyfile(path, kept / path.name), path.name)

    def spread(self, parts: Sequence[Part]) -> list[TerminalEvent]:
        """Computes them here, one after the other."""
        done = []
        for part in parts:
            scratch = self._scratch / f"part-{uuid4()}"
            scratch.mkdir()
            context = LocalContext(self.files, scratch, scratch, share=self._share)
            done.append(find_handler(type(part)).run(part, context))
        return done

    def put_checkpoint(self, name: str, path: Path) -> Path:
        kept = self._checkpoints / name
        if not kept.exists():
            kept.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, kept)
        return kept


def _put(path: Path, target: Path) -> None:
    """Give a finished file its name in one step: half a file is never seen under it."""
    part = target.with_name(f".{target.name}.{uuid4()}")
    try:
        os.link(path, part)  # both are ours and finished: no need for a second copy of a large file
    except OSError:
        shutil.copyfile(path, part)
    part.replace(target)


def find_handler(command_type: type[Command], *, first: str = "") -> Handler:
    """The row of an installed worker's table that handles `command_type`. Raises WorkerMissing.

    The worker called `first` is asked before the others, which saves importing those.
    """
    share_cores()
    failures = []
    entries = importlib.metadata.entry_points(group=WORKERS)
    for entry in sorted(entries, key=lambda entry: entry.name != first):
        try:
            loaded = entry.load()
        except ImportError as error:
            failures.append(f"{entry.name} ({error})")
            continue
        table: HandlerTable = getattr(loaded, "HANDLERS", loaded)
        handler = table.get(command_type)
        if isinstance(handler, Handler):
            return handler
    message = f"No installed worker handles {command_type.__name__}."
    if failures:
        message += f" Not usable: {'; '.join(failures)}. Install one with pip install 'molfleet[modeler]'."
    raise WorkerMissing(message)


def run_offline(
    command: Command,
    handler: Handler,
    files: Files,
    outputs: Path,
    *,
    share: ComputeShare | None = None,
    on_progress: OnProgress = quiet,
    scratch_in: Path | None = None,
) -> TerminalEvent:
    """The terminal event of `command`, as the fleet would publish it; blobs are files in `outputs`.

    Working files are in a directory of their own below `scratch_in` (null: the system's), gone at the end.
    """
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="molfleet-", dir=scratch_in) as scratch:
        context = LocalContext(files, outputs, Path(scratch), share=share, on_progress=on_progress)
        try:
            event: TerminalEvent = handler.run(command, context)
        except Rejected as verdict:
            event = _failure(command, handler, verdict, context.emitted)
    return event.model_copy(
        update={
            "time_stamp": datetime.now(UTC),
            "worker_version": importlib.metadata.version("molfleet"),
            "elapsed_ms": int((time.monotonic() - began) * 1000),
        }
    )


def _failure(command: Command, handler: Handler, verdict: Rejected, emitted: list[Event]) -> FailureEvent:
    failure = handler.failure.answer(
        command,
        code=verdict.code.value,
        message=verdict.message,
        retryable=verdict.retryable,
        details=verdict.details,
    )
    return handler.failed(command, failure, emitted) if handler.failed else failure
