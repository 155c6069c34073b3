"""The published schemas, as they travel with the package."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from molfleet.messages.published import published_schemas
from molfleet.settings import Settings


@dataclass(frozen=True, slots=True)
class Published:
    """One self-contained schema: `text` is its file as committed."""

    fingerprint: str
    file: str
    text: str

    @property
    def schema(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.text)
        return found

    @property
    def name(self) -> str:
        return self.file.removesuffix(".avsc")


def published() -> list[Published]:
    """All published schemas, by name."""
    found = []
    for fingerprint, text in published_schemas().items():
        found.append(Published(fingerprint, f"{json.loads(text)['name']}.avsc", text))
    return sorted(found, key=lambda one: one.file)


def export(to: Path) -> list[Path]:
    """Write every schema and `index.json` (fingerprint -> file) into a directory."""
    to.mkdir(parents=True, exist_ok=True)
    schemas = published()
    for one in schemas:
        (to / one.file).write_text(one.text, "utf-8")
    index = {one.fingerprint: one.file for one in schemas}
    (to / "index.json").write_text(json.dumps(index, indent=2) + "\n", "utf-8")
    return [*(to / one.file for one in schemas), to / "index.json"]


async def register(settings: Settings) -> None:
    """Register every schema where a registry is configured and settings say so; else nothing.

    Raises Unavailable.
    """
    if settings.schema_registry_url is None or not settings.schema_registry_register:
        return
    from molfleet.messages.registry import SchemaRegistry

    registry = SchemaRegistry(settings.schema_registry_url, settings.schema_registry_auth, register=True)
    for one in published():
        subject = f"{one.schema['namespace']}.{one.name}"
        await asyncio.to_thread(registry.schema_id, subject, one.text)
