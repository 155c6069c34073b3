"""From settings to a codec. The registry's client is imported only where one is configured."""

from __future__ import annotations

from molfleet.messages.codec import Codec
from molfleet.settings import Settings


def open_codec(settings: Settings) -> Codec:
    """Single-object encoding, or Confluent framing where `schema_registry_url` is set."""
    if settings.schema_registry_url is None:
        return Codec()
    from molfleet.messages.registry import SchemaRegistry

    return Codec(
        SchemaRegistry(
            settings.schema_registry_url,
            settings.schema_registry_auth,
            register=settings.schema_registry_register,
        )
    )
