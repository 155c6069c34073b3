"""Whether this machine can work with this fleet, and what to do where it cannot."""

from __future__ import annotations

import asyncio
import importlib.metadata
import platform
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from pydantic import SecretStr

from molfleet.blobs.factory import open_store
from molfleet.blobs.port import BlobError
from molfleet.blobs.proof import UnfitStore, prove_conditions
from molfleet.broker.port import BrokerDenied
from molfleet.broker.topics import load_topics
from molfleet.errors import Unavailable
from molfleet.operations.topics import plan_topics
from molfleet.settings import PREFIX, Settings, SettingsError, variables

_MASK = "**********"
_PATIENCE_S = 20.0
_APPLY = "molfleet topics plan shows what differs, molfleet topics apply mends it."
_LIBRARIES = (
    "aiokafka",
    "fastavro",
    "pydantic",
    "boto3",
    "rdkit",
    "pyarrow",
    "scikit-learn",
    "onnxruntime",
)


class Verdict(StrEnum):
    GOOD = "good"
    NOTE = "note"
    BAD = "bad"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Check:
    """One thing looked at: what was found, and what to do where it is not good."""

    name: str
    verdict: Verdict
    found: str
    advice: str = ""
    unreachable: bool = False

    def plain(self) -> dict[str, Any]:
        return asdict(self)


def shown(settings: Settings) -> list[tuple[str, Any, str]]:
    """(variable, value, description) of every setting, secrets masked."""
    rows = []
    for variable, path, _, text in variables():
        value: Any = settings
        for name in path.split("."):
            value = getattr(value, name)
        if isinstance(value, SecretStr):
            value = _MASK
        rows.append((variable, value if isinstance(value, int | float | None) else str(value), text))
    return rows


async def examine(settings: Settings) -> list[Check]:
    """All checks, in the order in which one depends on the other."""
    checks = [versions(), chosen(settings)]
    broker = await _guarded("broker", lambda: _broker(settings), _broker_advice(settings))
    checks.append(broker)
    if broker.verdict is Verdict.GOOD:
        checks.append(await _guarded("topics", lambda: _topics(settings), _APPLY))
    else:
        checks.append(Check("topics", Verdict.SKIPPED, "not looked at: no broker"))
    checks.append(await _guarded("store", lambda: _store(settings), _store_advice(settings)))
    return checks


def versions() -> Check:
    found = [f"Python {platform.python_version()}", f"molfleet {importlib.metadata.version('molfleet')}"]
    absent = []
    for library in _LIBRARIES:
        try:
            found.append(f"{library} {importlib.metadata.version(library)}")
        except importlib.metadata.PackageNotFoundError:
            absent.append(library)
    text = f"{', '.join(found)}; {platform.system()} {platform.machine()}"
    if absent:
        extras = "Only needed by workers: pip install 'molfleet[modeler]' brings all."
        return Check("versions", Verdict.NOTE, f"{text}; absent: {', '.join(absent)}", extras)
    return Check("versions", Verdict.GOOD, text)


def chosen(settings: Settings) -> Check:
    """Which settings are not at their defaults."""
    defaults = {variable: default for variable, _, default, _ in variables()}
    different = [
        f"{variable.removeprefix(PREFIX)}={value}"
        for variable, value, _ in shown(settings)
        if value != defaults[variable]
    ]
    return Check("settings", Verdict.GOOD, ", ".join(different) or "all at their defaults")


async def _guarded(name: str, look: Callable[[], Awaitable[Check]], advice: str) -> Check:
    """The check, or what kept it from being made."""
    try:
        async with asyncio.timeout(_PATIENCE_S):
            return await look()
    except TimeoutError:
        return Check(name, Verdict.BAD, f"no answer within {_PATIENCE_S:g} s", advice, unreachable=True)
    except (Unavailable, BrokerDenied) as error:
        return Check(name, Verdict.BAD, str(error), advice, unreachable=True)
    except (SettingsError, BlobError, OSError) as error:
        return Check(name, Verdict.BAD, str(error), advice)


async def _broker(settings: Settings) -> Check:
    from molfleet.broker.kafka import KafkaBroker

    await KafkaBroker(settings.kafka, client_id="molfleet-doctor").ping()
    return Check("broker", Verdict.GOOD, f"{settings.kafka.bootstrap} answers")


async def _topics(settings: Settings) -> Check:
    topics = load_topics().with_prefix(settings.topic_prefix)
    diff = await plan_topics(settings.kafka, topics)
    missing = [change for change in diff.to_apply if change.kind == "create"]
    if missing:
        names = ", ".join(change.topic for change in missing)
        return Check("topics", Verdict.BAD, f"missing: {names}", _APPLY)
    if not diff.empty:
        return Check("topics", Verdict.NOTE, str(diff), _APPLY)
    return Check("topics", Verdict.GOOD, f"all {len(topics.all)} are there and as they should be")


def _broker_advice(settings: Settings) -> str:
    protocol = settings.kafka.security_protocol
    return (
        f"Is Kafka running at {settings.kafka.bootstrap}, and does it speak {protocol} there? Set "
        "MOLFLEET_KAFKA_BOOTSTRAP and MOLFLEET_KAFKA_SECURITY_PROTOCOL; make up starts a local fleet."
    )


async def _store(settings: Settings) -> Check:
    return await asyncio.to_thread(_prove_store, settings)


def _prove_store(settings: Settings) -> Check:
    """Buckets that can be written, and conditional writes that hold: receipts rest on them."""
    store = open_store(settings)
    for bucket in (settings.state_bucket, settings.output_bucket):
        store.ensure_bucket(bucket)
    try:
        prove_conditions(store, settings.state_bucket)
    except UnfitStore as error:
        return Check("store", Verdict.BAD, str(error), "This store cannot keep receipts: use another.")
    buckets = f"{settings.state_bucket} and {settings.output_bucket}"
    return Check("store", Verdict.GOOD, f"{settings.blobs.url} keeps its conditions; buckets {buckets}")


def _store_advice(settings: Settings) -> str:
    if settings.blobs.url.startswith("s3"):
        return (
            "Check MOLFLEET_S3_ENDPOINT, MOLFLEET_S3_PATH_STYLE and the credentials (AWS_ACCESS_KEY_ID, "
            "AWS_SECRET_ACCESS_KEY, or another part of the standard chain), and the rights on both buckets."
        )
    return "Set MOLFLEET_BLOBS_URL to a directory that can be written, or to s3://."
