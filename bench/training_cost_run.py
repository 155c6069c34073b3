"""`python -m bench.training_cost_run FILE TARGET TASK FAMILY FEATURES FOLDS THREADS`: one training, timed.

All that the command does on a worker is in it, by the offline handler. Prints one line of JSON: seconds
in all, inside the estimators (fit and predict), and by stage of the progress.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import wraps
from pathlib import Path
from typing import Any
from uuid import uuid4

from bench.training_sets import FEATURES
from molfleet.local.offline import Files, run_offline
from molfleet.messages.generated import FeaturizerSpec, ModelTrained, TrainModel
from molfleet.runtime.handler import ComputeShare
from workers.modeler.algorithms.base import Algorithm
from workers.modeler.handlers import HANDLERS


class Stopwatch:
    """Seconds inside calls that may be nested, each second once."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.seconds = 0.0
        self._clock, self._depth, self._began = clock, 0, 0.0

    def timed(self, function: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            if not self._depth:
                self._began = self._clock()
            self._depth += 1
            try:
                return function(*args, **kwargs)
            finally:
                self._depth -= 1
                if not self._depth:
                    self.seconds += self._clock() - self._began

        return call


class Stages:
    """How long each stage of the progress lasted: a stage goes on until another is named."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self._clock, self._last, self._stage = clock, clock(), "start"

    def __call__(self, stage: str, fraction: float, message: str, eta_s: float | None) -> None:
        self.end()
        self._stage = stage

    def end(self) -> None:
        now = self._clock()
        self.seconds[self._stage] += now - self._last
        self._last = now


def main(arguments: Sequence[str]) -> int:
    source, target, task, family, features, folds, threads = arguments
    files = Files()
    command = TrainModel(
        id=uuid4(),
        correlation_id=uuid4(),
        time_stamp=datetime.now(UTC),
        source=files.ref(Path(source)),
        targets=(target,),
        task=task,
        method=family,
        featurizers=tuple(
            FeaturizerSpec(type=spec.type, size=spec.size, radius=spec.radius)
            for spec in FEATURES[features]
        ),
        k_fold=int(folds),
    )
    inside, stages = Stopwatch(), Stages()
    for name in ("fit", "outputs"):
        setattr(Algorithm, name, inside.timed(getattr(Algorithm, name)))
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="molfleet-bench-") as outputs:
        event = run_offline(
            command,
            HANDLERS[TrainModel],
            files,
            Path(outputs),
            share=ComputeShare(processes=int(threads)),
            on_progress=stages,
        )
    seconds = time.monotonic() - began
    stages.end()
    if not isinstance(event, ModelTrained):
        print(getattr(event, "message", repr(event)), file=sys.stderr)
        return 1
    told = {"seconds": seconds, "inside": inside.seconds, "stages": dict(stages.seconds)}
    print(json.dumps({**told, "model_bytes": event.model.size, "records": event.records_used}))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
