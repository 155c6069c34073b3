"""What all Kafka clients share: options from the settings, security, and our own names for faults."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

from aiokafka import errors
from aiokafka.abc import AbstractTokenProvider
from aiokafka.conn import collect_hosts, create_conn

from molfleet.broker.port import BrokerDenied, BrokerUnavailable, CommitRefused, MessageTooLarge
from molfleet.settings import KafkaSettings, SettingsError

T = TypeVar("T")

_DENIED = (
    errors.AuthenticationFailedError,
    errors.SaslAuthenticationFailed,
    errors.UnsupportedSaslMechanismError,
    errors.IllegalSaslStateError,
    errors.TopicAuthorizationFailedError,
    errors.GroupAuthorizationFailedError,
    errors.ClusterAuthorizationFailedError,
    errors.TransactionalIdAuthorizationFailed,
)
_TOO_LARGE = (errors.MessageSizeTooLargeError, errors.RecordListTooLargeError)


class Connection:
    """The options of every client of one process, from the settings. Its repr shows no secret."""

    def __init__(self, settings: KafkaSettings, client_id: str) -> None:
        self.settings = settings
        self.client_id = client_id
        self._ssl = _ssl_context(settings)

    @property
    def timeout_s(self) -> float:
        return self.settings.request_timeout_ms / 1000

    def options(self) -> dict[str, Any]:
        """Keyword arguments that all aiokafka clients take."""
        return {
            "bootstrap_servers": self.settings.bootstrap,
            "client_id": self.client_id,
            "request_timeout_ms": self.settings.request_timeout_ms,
            "metadata_max_age_ms": 60_000,
            **self._security(),
        }

    def _security(self) -> dict[str, Any]:
        settings = self.settings
        security: dict[str, Any] = {
            "security_protocol": settings.security_protocol,
            "ssl_context": self._ssl,
        }
        if settings.security_protocol.startswith("SASL_"):
            security["sasl_mechanism"] = settings.sasl_mechanism
            if settings.sasl_mechanism == "OAUTHBEARER":
                security["sasl_oauth_token_provider"] = _TokenFile(settings.oauth_token_file)
            else:
                password = settings.sasl_password
                security["sasl_plain_username"] = settings.sasl_username
                security["sasl_plain_password"] = password.get_secret_value() if password else None
        return security

    async def started(self, start: Awaitable[object], doing: str) -> None:
        """Await a client's start within the request timeout.

        aiokafka says only "unable to bootstrap" when no broker would have us; one more attempt finds
        out whether that is an outage (BrokerUnavailable) or a refusal (BrokerDenied).
        """
        try:
            with translated(doing):
                await within(self.timeout_s, start)
        except BrokerUnavailable:
            await self._raise_if_denied(doing)
            raise

    async def _raise_if_denied(self, doing: str) -> None:
        security = self._security()
        for host, port, _ in collect_hosts(self.settings.bootstrap):
            try:
                connection = await within(
                    min(5.0, self.timeout_s),
                    create_conn(host, port, request_timeout_ms=4_000, **security),
                )
            except _DENIED as error:
                raise BrokerDenied(f"{doing}: {_describe(error)}") from None
            except ssl.SSLError as error:
                raise BrokerDenied(f"{doing}: TLS with {host}:{port} failed: {error.reason}") from None
            except (errors.KafkaError, OSError):
                continue
            connection.close()
            return


async def within(seconds: float, work: Awaitable[T]) -> T:
    """`work`, cancelled with TimeoutError after so long. Never for getmany, which must not be cancelled."""
    async with asyncio.timeout(seconds):
        return await work


def cancelled() -> bool:
    """Whether a CancelledError is meant for this task.

    A client that is closed while others wait on it cancels what they wait for; taken for a stop, that
    would end a worker in the midst of an outage.
    """
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


@contextmanager
def translated(doing: str) -> Iterator[None]:
    """Turn aiokafka's errors into the port's; `doing` names topic or group for people."""
    try:
        yield
    except asyncio.CancelledError as error:
        if cancelled():
            raise
        raise BrokerUnavailable(f"{doing}: cut off, since its connection was closed") from error
    except _DENIED as error:
        raise BrokerDenied(f"{doing}: {_describe(error)}") from error
    except _TOO_LARGE as error:
        raise MessageTooLarge(f"{doing}: {_describe(error)}") from error
    except (errors.IllegalStateError, errors.CommitFailedError) as error:
        raise CommitRefused(f"{doing}: {_describe(error)}") from error
    except errors.UnknownTopicOrPartitionError as error:
        raise BrokerUnavailable(
            f"{doing}: the broker has no such topic; `molfleet topics apply` makes those of the fleet"
        ) from error
    except (errors.KafkaError, OSError) as error:
        raise BrokerUnavailable(f"{doing}: {_describe(error)}") from error


def _describe(error: BaseException) -> str:
    text = str(error)
    if isinstance(error, TimeoutError) and not text:
        return "no answer in time"
    return text if type(error).__name__ in text else f"{type(error).__name__}: {text}".rstrip(": ")


class _TokenFile(AbstractTokenProvider):  # type: ignore[misc]
    """An OAuth token that something else renews in a file; read anew for each login."""

    def __init__(self, path: Path | None) -> None:
        if path is None:
            raise SettingsError("OAUTHBEARER needs MOLFLEET_KAFKA_OAUTH_TOKEN_FILE")
        self._path = path

    async def token(self) -> str:
        try:
            text = await asyncio.to_thread(self._path.read_text, "utf-8")
        except OSError as error:
            raise errors.AuthenticationFailedError(f"no token in {self._path}: {error}") from None
        return text.strip()


def _ssl_context(settings: KafkaSettings) -> ssl.SSLContext | None:
    """Raises SettingsError, which names the files, where one cannot be read."""
    if not settings.security_protocol.endswith("SSL"):
        return None
    password = settings.ssl_key_password
    try:
        context = ssl.create_default_context(cafile=settings.ssl_ca_file)
        if settings.ssl_cert_file is not None:
            context.load_cert_chain(
                settings.ssl_cert_file,
                settings.ssl_key_file,
                # Never None: OpenSSL would ask the terminal for the password of an encrypted key.
                password.get_secret_value() if password else "",
            )
    except OSError as error:
        files = [settings.ssl_ca_file, settings.ssl_cert_file, settings.ssl_key_file]
        names = ", ".join(str(file) for file in files if file)
        raise SettingsError(f"MOLFLEET_KAFKA_SSL_*: cannot use {names}: {error.strerror}") from None
    return context


async def closed_quietly(work: Awaitable[object], seconds: float) -> None:
    """Close something whose broker may be gone: what goes wrong then is of no interest."""
    with suppress(BrokerUnavailable, BrokerDenied, CommitRefused, MessageTooLarge), translated("closing"):
        await within(seconds, work)
