"""One real broker for the whole test run, started by the first test that asks for it.

Import `kafka_broker` (and `local_broker`, which it needs) into a conftest; however many do, there is one
broker. Every test names its own topics. A test that stops or pauses a broker starts one of its own.
"""

from __future__ import annotations

import pytest

from molfleet.local.broker import LocalBroker

_BROKER = pytest.StashKey[LocalBroker]()


@pytest.fixture(scope="session")
def local_broker(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> LocalBroker:
    stash = request.config.stash
    if _BROKER not in stash:
        broker = LocalBroker(tmp_path_factory.mktemp("kafka"))
        request.config.add_cleanup(broker.stop)
        stash[_BROKER] = broker.start()
    return stash[_BROKER]


@pytest.fixture(scope="session")
def kafka_broker(local_broker: LocalBroker) -> str:
    """The bootstrap address of the run's broker."""
    return local_broker.bootstrap
