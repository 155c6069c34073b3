"""PredictProperties over one file: through the fleet, and by the same handler without it.

`python -m bench.batch SOURCE MODEL PROCESSES` is the latter: it prints the seconds it took. Both load
the model, read the file, predict with one process per core and write the CSV.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from uuid import uuid4

from bench.ears import listening
from bench.site import RunFailed, Stage
from bench.work import nci_structures, prepared
from molfleet.blobs.factory import open_store
from molfleet.broker.port import Outgoing
from molfleet.client.build import new
from molfleet.local.offline import Files, run_offline
from molfleet.messages.codec import Codec
from molfleet.messages.generated import BlobRef, ModelRef, PredictProperties, PropertiesPredicted
from molfleet.runtime.handler import ComputeShare

_COMMANDS, _EVENTS = "predictions.batch.commands", "predictions.batch.events"
_PATIENCE_S = 600.0


class Batches:
    """The NCI molecules, `copies` times over, as a SMILES file here and in the fleet's store."""

    def __init__(self, stage: Stage, copies: int) -> None:
        lines = [f"{smiles} {number}" for number, smiles in enumerate(nci_structures() * copies)]
        self.molecules = len(lines)
        self._stage = stage
        self._source = stage.directory / "molecules.smi"
        self._source.write_text("\n".join(lines) + "\n", "utf-8")
        store = open_store(stage.settings)
        store.ensure_bucket("inputs")
        store.put("inputs", self._source.name, self._source)

    async def by_fleet(self, model: ModelRef) -> float:
        """Molecules per second, from the publish call to the event seen. Raises TimeoutError."""
        prefix = self._stage.settings.topic_prefix
        source = BlobRef(bucket="inputs", key=self._source.name)
        command = prepared(new(PredictProperties, source=source, models=[model]), Codec())
        producer = self._stage.broker.producer()
        await producer.start()
        try:
            async with listening(self._stage.broker, prefix + _EVENTS) as ears:
                began = time.monotonic()
                message = Outgoing(prefix + _COMMANDS, command.key, command.value, command.headers)
                await producer.publish([message])
                ended = await ears.heard(command.subject, _PATIENCE_S)
        finally:
            await producer.stop()
        return self.molecules / (ended - began)

    def without_fleet(self, model: Path) -> float:
        """Molecules per second by the handler alone. Raises RunFailed."""
        processes = str(self._stage.settings.processes_per_command)
        done = subprocess.run(
            [sys.executable, "-m", "bench.batch", str(self._source), str(model), processes],
            capture_output=True,
            text=True,
            timeout=_PATIENCE_S,
        )
        if done.returncode != 0:
            raise RunFailed(f"the handler without Kafka failed: {done.stderr.strip()[-500:]}")
        return self.molecules / float(done.stdout)


def main(arguments: Sequence[str]) -> None:
    from workers.predictor.handlers import HANDLERS

    source, model, processes = arguments
    files = Files()
    ref = ModelRef(id=uuid4(), blob=files.ref(Path(model)))
    command = new(PredictProperties, source=files.ref(Path(source)), models=[ref])
    row = HANDLERS[PredictProperties]
    share = ComputeShare(processes=int(processes))
    with tempfile.TemporaryDirectory() as outputs:
        began = time.monotonic()
        event = run_offline(command, row, files, Path(outputs), share=share)  # type: ignore[arg-type]
        took = time.monotonic() - began
    if not isinstance(event, PropertiesPredicted):
        sys.exit(f"{event.full_name}: {getattr(event, 'message', '')}")
    print(took)


if __name__ == "__main__":
    main(sys.argv[1:])
