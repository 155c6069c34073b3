"""A Confluent-compatible schema registry as the codec needs it (RecordNameStrategy)."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TypeVar
from urllib.parse import unquote, urlsplit, urlunsplit

import httpx
from pydantic import SecretStr
from schema_registry.client import SchemaRegistryClient
from schema_registry.client.errors import ClientError

from molfleet.errors import Unavailable

T = TypeVar("T")


class SchemaRegistry:
    """Looks schemas up, and registers ours only where `register` says so.

    `auth` is user:password; it may also stand in the URL. Calls block for at most `timeout_s`.
    """

    def __init__(
        self,
        url: str,
        auth: SecretStr | None = None,
        *,
        register: bool = False,
        timeout_s: float = 10.0,
    ) -> None:
        self._url, credentials = _split_credentials(url)
        if auth is not None:
            user, _, password = auth.get_secret_value().partition(":")
            credentials = (user, password)
        self._register = register
        self._client = SchemaRegistryClient(
            self._url, timeout=httpx.Timeout(timeout_s), auth=httpx.BasicAuth(*credentials)
        )

    def schema(self, schema_id: int) -> str | None:
        """See molfleet.messages.codec.Registry."""
        found = self._ask(lambda: self._client.get_by_id(schema_id))
        if found is None:
            return None
        if found.schema_type != "AVRO":
            raise ValueError(f"it is a schema of type {found.schema_type}")
        return json.dumps(found.raw_schema)

    def schema_id(self, subject: str, schema_json: str) -> int:
        """See molfleet.messages.codec.Registry. A schema that is missing counts as Unavailable: once it
        is registered, everything goes on.
        """
        if self._register:
            return int(self._ask(lambda: self._client.register(subject, schema_json)))
        found = self._ask(lambda: self._client.check_version(subject, schema_json))
        if found is None:
            raise Unavailable(
                f"the schema registry {self._url} lacks our schema for the subject {subject}; "
                "register it, or set MOLFLEET_SCHEMA_REGISTRY_REGISTER=true"
            )
        return int(found.schema_id)

    def _ask(self, call: Callable[[], T]) -> T:
        try:
            return call()
        except (httpx.HTTPError, httpx.InvalidURL, json.JSONDecodeError) as error:
            raise Unavailable(
                f"the schema registry {self._url} does not answer ({type(error).__name__})"
            ) from error
        except ClientError as error:
            raise Unavailable(
                f"the schema registry {self._url} answered {error.http_code}: {error.message}"
            ) from error
        except ValueError:
            raise
        # What the client's own parsing of a registered schema happens to meet, such as a reference.
        except Exception as error:
            raise ValueError(f"{type(error).__name__}: {error}") from error


def _split_credentials(url: str) -> tuple[str, tuple[str, str]]:
    """The URL without credentials, so that no log can show them, and the credentials."""
    parts = urlsplit(url)
    bare = urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
    return bare, (unquote(parts.username or ""), unquote(parts.password or ""))
