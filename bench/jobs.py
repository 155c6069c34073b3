"""CalculateFeatureVectors through the fleet, timed from the publish call to the terminal event seen."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.site import RunFailed, Stage
from bench.work import prepared
from molfleet.blobs.factory import open_store
from molfleet.blobs.port import BlobStore
from molfleet.broker.port import Outgoing, Reader
from molfleet.chemistry.featurizers import parse_spec
from molfleet.client.build import new
from molfleet.messages.codec import Codec
from molfleet.messages.generated import (
    BlobRef,
    CalculateFeatureVectors,
    FeatureVectorsCalculated,
    FeaturizerSpec,
)

_COMMANDS, _EVENTS = "feature-vectors.commands", "feature-vectors.events"
_BUCKET = "inputs"
_PATIENCE_S = 900.0


@dataclass(frozen=True, slots=True)
class Done:
    """One job: what its event said, how long it took, its summary."""

    event: FeatureVectorsCalculated
    seconds: float
    summary: Mapping[str, Any]

    @property
    def rate(self) -> float:
        """Records per second."""
        return self.event.records / self.seconds


@dataclass
class Jobs:
    """Files in the stage's store, commands to its topic, and the events about them, decoded."""

    stage: Stage
    reader: Reader
    store: BlobStore
    codec: Codec = field(default_factory=Codec)
    _stored: set[Path] = field(default_factory=set)

    async def run(self, source: Path, featurizers: Sequence[str], **fields: Any) -> Done:
        """One command over a file. Raises RunFailed where it fails, and TimeoutError."""
        key = await self._store(source)
        specs = [parse_spec(text) for text in featurizers]
        command = new(
            CalculateFeatureVectors,
            source=BlobRef(bucket=_BUCKET, key=key),
            featurizers=[
                FeaturizerSpec(type=s.type, size=s.size, radius=s.radius, parameters=dict(s.parameters))
                for s in specs
            ],
            **fields,
        )
        one = prepared(command, self.codec)
        topic = self.stage.settings.topic_prefix + _COMMANDS
        producer = self.stage.broker.producer()
        await producer.start()
        try:
            began = time.monotonic()
            await producer.publish([Outgoing(topic, one.key, one.value, one.headers)])
            event, ended = await self._answer(one.subject)
        finally:
            await producer.stop()
        if not isinstance(event, FeatureVectorsCalculated):
            raise RunFailed(f"{event.full_name}: {getattr(event, 'message', '')}")
        summary, _ = await asyncio.to_thread(self.store.read, event.summary.bucket, event.summary.key)
        await asyncio.to_thread(self.store.delete, event.output.bucket, event.output.key)
        return Done(event, ended - began, json.loads(summary))

    async def _store(self, source: Path) -> str:
        if source not in self._stored:
            await asyncio.to_thread(self.store.put, _BUCKET, source.name, source)
            self._stored.add(source)
        return source.name

    async def _answer(self, subject: bytes) -> tuple[Any, float]:
        async with asyncio.timeout(_PATIENCE_S):
            while True:
                for record in await self.reader.poll(0.2):
                    if dict(record.headers)["ce_subject"] == subject:
                        ended = time.monotonic()
                        return self.codec.decode(record.value), ended


@asynccontextmanager
async def open_jobs(stage: Stage) -> AsyncIterator[Jobs]:
    store = open_store(stage.settings)
    store.ensure_bucket(_BUCKET)
    reader = stage.broker.reader([stage.settings.topic_prefix + _EVENTS], from_beginning=False)
    await reader.start()
    try:
        yield Jobs(stage, reader, store)
    finally:
        await reader.stop()
