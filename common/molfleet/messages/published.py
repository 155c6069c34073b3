"""The published schemas that this package carries."""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from types import MappingProxyType


@cache
def published_schemas() -> MappingProxyType[str, str]:
    """Fingerprint (hex) -> self-contained schema JSON of every message of this version."""
    folder = files("molfleet.messages") / "data"
    index: dict[str, str] = json.loads((folder / "index.json").read_text(encoding="utf-8"))
    return MappingProxyType(
        {mark: (folder / name).read_text(encoding="utf-8") for mark, name in index.items()}
    )
