"""What holds for every test: those without a broker first, only they count as covering, no skips in CI."""

from __future__ import annotations

import logging
import os
import signal
from collections.abc import Generator, Iterator
from pathlib import Path

import hypothesis
import pytest
import structlog

from tests.paths import SHARED_DATA

#: Test processes and their children share the cores: threads of BLAS would only get in the way.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # So a shell starts what it puts in the background. Programs that tests interrupt would inherit it.
    signal.signal(signal.SIGINT, signal.default_int_handler)

#: No property fails for the time that it takes: tests share their machine.
hypothesis.settings.register_profile(
    "whole",
    hypothesis.settings(),  # in CI: the same drawings each time
    deadline=None,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.load_profile("whole")
#: Of `make test-fast`: fewer drawings for the properties that do not say how many they need.
hypothesis.settings.register_profile("fast", hypothesis.settings.get_profile("whole"), max_examples=25)

pytest_plugins = ["tests.fixtures_kafka", "tests.fixtures_s3"]

IN_CI = os.environ.get("CI", "").lower() in {"1", "true"}


def _is_slow(item: pytest.Item) -> bool:
    return any(item.get_closest_marker(name) for name in ("real", "faults"))


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=_is_slow)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Coverage is a promise about tests without a broker: what only a real one reaches does not count."""
    cov = item.config.pluginmanager.getplugin("_cov")
    if cov is None or cov.cov_controller is None or not _is_slow(item):
        return (yield)
    cov.cov_controller.pause()
    try:
        return (yield)
    finally:
        cov.cov_controller.resume()


def _forbid_skip(report: pytest.TestReport | pytest.CollectReport) -> None:
    if IN_CI and report.skipped and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome = "failed"
        report.longrepr = f"Nothing may be skipped where CI is true. {reason}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    _forbid_skip(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    _forbid_skip(report)
    return report


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    """Commands and workers that run in this process configure the logging of all of it."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers, root.level = handlers, level
    logging.captureWarnings(False)
    structlog.reset_defaults()


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The public data sets that lie beside the repository, which are not ours to copy into it."""
    if not SHARED_DATA.is_dir():
        pytest.skip(f"the public data sets are not at {SHARED_DATA}")
    return SHARED_DATA
