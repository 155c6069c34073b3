"""Where the fleet's own state lies in the state bucket: the only file that knows.

Everything about a command is found by its id first, since people and cancellations know the id, not
always the type. Each kind of entry has a folder of its own, for life-cycle rules of the store.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import quote
from uuid import UUID

_RECEIPT = re.compile(r"(?P<id>[0-9a-f-]{36})/(?P<type>[^/]+)/g(?P<generation>[1-9][0-9]*)\.json")


@dataclass(frozen=True, slots=True)
class Keys:
    """Keys below `prefix` (the setting `topic_prefix`)."""

    prefix: str = ""

    def receipt(self, command_type: str, command_id: UUID, generation: int) -> str:
        return f"{self.receipts(command_id)}{command_type}/g{generation}.json"

    def receipts(self, command_id: UUID) -> str:
        """The prefix of all receipts of one id, whatever type and generation."""
        return f"{self.prefix}receipts/{command_id}/"

    def parse_receipt(self, key: str) -> tuple[str, UUID, int] | None:
        """(command type, id, generation) of a receipt's key; None for another key."""
        found = _RECEIPT.fullmatch(key.removeprefix(f"{self.prefix}receipts/"))
        if not found:
            return None
        return found["type"], UUID(found["id"]), int(found["generation"])

    def lease(self, command_type: str, command_id: UUID, generation: int) -> str:
        return f"{self.prefix}leases/{command_id}/{command_type}/g{generation}.json"

    def attempts(self, command_type: str, command_id: UUID, generation: int) -> str:
        return f"{self.prefix}attempts/{command_id}/{command_type}/g{generation}.json"

    def checkpoints(self, command_type: str, command_id: UUID, generation: int) -> str:
        """The prefix of all checkpoints of one command."""
        return f"{self.prefix}checkpoints/{command_id}/{command_type}/g{generation}/"

    def shared(self, command_id: UUID) -> str:
        """The prefix of what a command and its parts hand each other, in any generation."""
        return f"{self.prefix}shared/{command_id}/"

    def kept(self, whole: UUID, generation: int, command_id: UUID, attempt: UUID) -> str:
        """The prefix of what one attempt at the command `whole`, or at a part of it, hands the others."""
        return f"{self.shared(whole)}g{generation}/{command_id}/{attempt}/"

    def generation_of_kept(self, whole: UUID, key: str) -> int:
        """Under which generation something shared lies; 0 where it is none of ours."""
        found = re.match(r"g([1-9][0-9]*)/", key.removeprefix(self.shared(whole)))
        return int(found[1]) if found else 0

    def checkpoint(self, command_type: str, command_id: UUID, generation: int, name: str) -> str:
        return self.checkpoints(command_type, command_id, generation) + quote(name, safe="")
