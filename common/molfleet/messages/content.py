"""What a command asks for, as one name: two of one id with other content are two commands."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from molfleet.messages.record import Command


def content_of(command: Command) -> str:
    """Names type and fields of a command, `time_stamp` aside. Types of values count; NaN equals itself."""
    return content_of_fields(command.full_name, command.model_dump(mode="json"))


def content_of_fields(name: str, fields: Mapping[str, Any]) -> str:
    """The same for a command that decoded, but whose fields break the rules of its type."""
    said = {field: value for field, value in fields.items() if field != "time_stamp"}
    text = json.dumps([name, said], sort_keys=True, default=repr)
    return hashlib.sha256(text.encode()).hexdigest()
