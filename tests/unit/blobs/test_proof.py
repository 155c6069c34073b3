"""The proof can fail: a store that ignores one condition is refused, and the condition is named."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from molfleet.blobs.memory import MemoryBlobs
from molfleet.blobs.port import BlobInfo, BlobsUnavailable, PreconditionFailed
from molfleet.blobs.proof import UnfitStore, prove_conditions

Put = Callable[..., BlobInfo]


@dataclass
class Careless(MemoryBlobs):
    """Honours everything but the condition called `ignores`."""

    ignores: str = ""

    def put(
        self,
        bucket: str,
        key: str,
        source: Path | bytes,
        *,
        if_absent: bool = False,
        if_match: str | None = None,
        content_type: str | None = None,
    ) -> BlobInfo:
        present = any(info.key == key for info in self.list(bucket, key))
        if self.ignores == "if-none-match" or (self.ignores == "all" and present):
            if_absent = False
        if self.ignores in ("if-match", "all") and present:
            if_match = None
        if self.ignores == "if-match on absent" and not present:
            if_match = None
        if self.ignores == "refusals are true" and if_absent and present:
            super().put(bucket, key, source)
        if self.ignores == "current tags match" and if_match:
            if_match = "never"
        if self.ignores == "overwrites" and present and not if_absent and not if_match:
            return self.stat(bucket, key)
        return super().put(
            bucket, key, source, if_absent=if_absent, if_match=if_match, content_type=content_type
        )

    def delete(self, bucket: str, key: str) -> None:
        if self.ignores != "deletes":
            super().delete(bucket, key)

    def stat(self, bucket: str, key: str) -> BlobInfo:
        info = super().stat(bucket, key)
        if self.ignores != "clocks":
            return info
        return BlobInfo(bucket, key, info.size, info.etag, info.modified, info.now + timedelta(hours=1))


@pytest.mark.parametrize(
    ("ignores", "named"),
    [
        ("if-none-match", "ignores If-None-Match"),
        ("all", "ignores If-None-Match"),
        ("refusals are true", "ignores If-None-Match"),
        ("current tags match", "refuses If-Match with the current tag"),
        ("if-match", "ignores If-Match with a stale tag"),
        ("if-match on absent", "ignores If-Match on an absent key"),
        ("overwrites", "overwritten object's new content"),
        ("deletes", "deleted"),
        ("clocks", "clocks differ"),
    ],
)
def test_a_store_that_ignores_a_condition_is_refused_by_name(ignores: str, named: str) -> None:
    with pytest.raises(UnfitStore, match=named) as caught:
        prove_conditions(Careless(ignores=ignores), "state")
    assert "The memory store" in str(caught.value)


class LosingAnswers(MemoryBlobs):
    """Writes, loses the answer, writes again and is refused: S3's own way of a lost answer."""

    def put(self, *args: object, **options: object) -> BlobInfo:  # type: ignore[override]
        put: Put = super().put
        put(*args, **options)
        raise PreconditionFailed(str(args[0]), str(args[1]), "it is there already")


def test_lost_answers_are_not_held_against_a_store() -> None:
    prove_conditions(LosingAnswers(), "state")


def test_a_store_that_is_away_is_not_called_unfit() -> None:
    with pytest.raises(BlobsUnavailable):
        prove_conditions(MemoryBlobs(away=True), "state")
