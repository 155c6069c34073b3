"""Checkpoints: what one attempt of a command leaves to the next."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from urllib.parse import unquote
from uuid import UUID

from molfleet.blobs.port import BlobInfo, BlobNotFound, BlobStore, PreconditionFailed
from molfleet.ledger.keys import Keys

#: Ends the name of the checkpoint of a command that shares something with parts.
PARTS = "-parts"

#: Deleted at once: thousands of parts leave tens of thousands of blobs.
_AT_ONCE = 16


class Checkpoints:
    """Files by name for each generation of a command. Every method may raise BlobsUnavailable."""

    def __init__(self, store: BlobStore, bucket: str, prefix: str = "") -> None:
        self._store = store
        self._bucket = bucket
        self._keys = Keys(prefix)

    def get(self, command_type: str, command_id: UUID, generation: int, name: str, to: Path) -> Path | None:
        """Fetch a checkpoint into the file `to`; None (and no file) where there is none."""
        key = self._keys.checkpoint(command_type, command_id, generation, name)
        try:
            self._store.fetch(self._bucket, key, to)
        except BlobNotFound:
            return None
        return to

    def put(
        self, command_type: str, command_id: UUID, generation: int, name: str, path: Path, adopted: Path
    ) -> Path:
        """Keep the file `path` if there is none of that name, and return the one that is kept.

        Whoever comes second gets the first one's, fetched into `adopted`; so two workers on one
        command go on from the same state.
        """
        key = self._keys.checkpoint(command_type, command_id, generation, name)
        try:
            self._store.put(self._bucket, key, path, if_absent=True)
        except PreconditionFailed:
            # Removed in between: somebody finished the command, and ours is as good as any.
            return self.get(command_type, command_id, generation, name, adopted) or path
        return path

    def names(self, command_type: str, command_id: UUID, generation: int) -> frozenset[str]:
        prefix = self._keys.checkpoints(command_type, command_id, generation)
        return frozenset(
            unquote(info.key.removeprefix(prefix)) for info in self._store.list(self._bucket, prefix)
        )

    def delete_all(
        self, command_type: str, command_id: UUID, generation: int, *, shared: bool = True
    ) -> None:
        """Delete the checkpoints and, if `shared`, what the command and its parts handed each other.

        What a later generation shares stays. What is shared goes first: whoever is interrupted here
        finds the checkpoints again.
        """
        prefix = self._keys.checkpoints(command_type, command_id, generation)
        found = list(self._store.list(self._bucket, prefix))
        if shared and any(unquote(info.key).endswith(PARTS) for info in found):
            handed = self._store.list(self._bucket, self._keys.shared(command_id))
            of = self._keys.generation_of_kept
            self._delete(info for info in handed if of(command_id, info.key) <= generation)
        self._delete(found)

    def _delete(self, found: Iterable[BlobInfo]) -> None:
        keys = [info.key for info in found]
        if len(keys) > 1:
            with ThreadPoolExecutor(min(_AT_ONCE, len(keys))) as threads:
                for _ in threads.map(partial(self._store.delete, self._bucket), keys):
                    pass
        elif keys:
            self._store.delete(self._bucket, keys[0])
