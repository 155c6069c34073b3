"""Every fault test has a fleet of its own on the run's one broker."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.faults.fleet import FaultFleet


@pytest.fixture
async def fleet(kafka_broker: str, tmp_path: Path) -> AsyncIterator[FaultFleet]:
    made = FaultFleet(kafka_broker, tmp_path)
    await made.create_topics()
    try:
        yield made
    finally:
        made.stop()
