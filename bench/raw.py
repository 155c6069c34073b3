"""`python -m bench.raw MODEL SECONDS BATCH`: one process of the raw loop, the predictor without a fleet.

The same handler that the fleet's resident processes run, on commands that are Python objects already:
no Kafka, no decoding, no headers. Says `ready`, waits for a line, works for SECONDS and prints what it
did as one line of JSON.
"""

from __future__ import annotations

import itertools
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from uuid import uuid4

from bench.site import Measured, RunFailed
from bench.work import nci_structures, singles
from molfleet.bundles.signatures import ANYBODY
from molfleet.messages.generated import BlobRef, ModelRef
from workers.predictor import single


class FileContext:
    """runtime.handler.LightContext over one model file."""

    def __init__(self, model: Path, scratch: Path) -> None:
        self.scratch = scratch
        self.cache_bytes = 1 << 30
        self.trust = ANYBODY
        self.resident: Any = None
        self._model = model
        self._numbers = itertools.count()

    def version(self, ref: BlobRef) -> str:
        return "1"

    def fetch(self, ref: BlobRef) -> Path:
        return Path(shutil.copyfile(self._model, self.scratch / f"model-{next(self._numbers)}"))


def raw_rate(model: Path, processes: int, seconds: float, batch: int) -> float:
    """Predictions per second of so many processes together. Raises RunFailed."""
    command = [sys.executable, "-m", "bench.raw", str(model), str(seconds), str(batch)]
    running = [
        # In a session of its own: a Ctrl-C here is not its own, it is ended below.
        subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
        )
        for _ in range(processes)
    ]
    try:
        for each in running:
            if _line(each) != "ready":
                raise RunFailed("a process of the raw loop does not start")
        for each in running:
            assert each.stdin is not None
            each.stdin.write("go\n")
            each.stdin.flush()
        done = [Measured(**json.loads(_line(each))) for each in running]
    finally:
        for each in running:
            each.kill()
            each.communicate()
    span = max(one.ended for one in done) - min(one.began for one in done)
    return sum(one.count for one in done) / span


def _line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def work(model: Path, seconds: float, batch: int) -> Measured:
    with tempfile.TemporaryDirectory() as scratch:
        context = FileContext(model, Path(scratch))
        context.resident = single.Resident(context)
        ref = ModelRef(id=uuid4(), blob=BlobRef(bucket="models", key="raw.molmodel"))
        commands = singles(nci_structures(), ref)
        batches = [commands[at : at + batch] for at in range(0, len(commands), batch)]
        single.predict(batches[0], context)
        print("ready", flush=True)
        sys.stdin.readline()
        count, began = 0, time.monotonic()
        for some in itertools.cycle(batches):
            count += len(single.predict(some, context))
            ended = time.monotonic()
            if ended - began >= seconds:
                break
        return Measured(count, began, ended)


def main(arguments: Sequence[str]) -> None:
    model, seconds, batch = arguments
    done = work(Path(model), float(seconds), int(batch))
    print(json.dumps({"count": done.count, "began": done.began, "ended": done.ended}))


if __name__ == "__main__":
    main(sys.argv[1:])
