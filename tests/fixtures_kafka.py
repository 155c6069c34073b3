"""One real broker for the whole test run, started by the first test that asks for it.

Its directories are below pytest's own temporary directory. Every test names its own topics.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from molfleet.local.broker import LocalBroker


@pytest.fixture(scope="session")
def local_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalBroker]:
    with LocalBroker(tmp_path_factory.mktemp("kafka")) as broker:
        yield broker


@pytest.fixture(scope="session")
def kafka_broker(local_broker: LocalBroker) -> str:
    """The bootstrap address of the run's broker."""
    return local_broker.bootstrap
