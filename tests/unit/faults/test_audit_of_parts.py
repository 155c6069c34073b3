"""The audit of commands in parts: a part's receipt is its outcome, and nobody hears of it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from molfleet.messages.generated import CalculateFeatureVectorsChunk, FeatureVectorsChunkCalculated
from molfleet.operations.audit import check
from molfleet.operations.history import SeenCommand
from tests import builders
from tests.toy_parts import part
from tests.unit.faults.story import Story

CHUNKS = "feature-vectors.chunks.commands"


def calculated(command: CalculateFeatureVectorsChunk) -> FeatureVectorsChunkCalculated:
    ref = builders.blob("shared/x/rows.arrow", "state")
    return FeatureVectorsChunkCalculated.answer(command, rows=ref, totals=ref, records=1)


@pytest.fixture
def told() -> tuple[Story, SeenCommand, CalculateFeatureVectorsChunk]:
    """A part delivered twice, with its receipt, whose results went with the whole."""
    story = Story()
    command = part(builders.calculate_feature_vectors(), 0, "store")
    sent = story.sends(command, CHUNKS)
    story.sends(command, CHUNKS)
    result = story.writes("state", "shared/x/rows.arrow", b"rows")
    story.receipts_for(sent, [calculated(command)], result)
    story.commits_all(CHUNKS)
    del story.blobs["state", "shared/x/rows.arrow"]
    return story, sent, command


Told = tuple[Story, SeenCommand, CalculateFeatureVectorsChunk]


def broken(story: Story) -> list[str]:
    return [str(violation) for violation in check(story.history, strict=True)]


def test_a_part_with_a_receipt_and_no_event_keeps_every_promise(told: Told) -> None:
    assert broken(told[0]) == []


def test_a_part_without_a_receipt_is_found(told: Told) -> None:
    story, _, _ = told
    story.receipts.clear()
    found = broken(story)
    assert [line for line in found if line.startswith("G1") and "has no receipt" in line]
    assert [line for line in found if line.startswith("G2") and "before its receipt" in line]


def test_a_part_whose_event_was_published_is_found(told: Told) -> None:
    story, sent, command = told
    story.publishes(sent, calculated(command))
    assert [line for line in broken(story) if line.startswith("G1") and "its event was published" in line]


def test_a_result_of_a_part_that_is_there_must_be_the_receipts(told: Told) -> None:
    story, _, _ = told
    story.writes("state", "shared/x/rows.arrow", b"others")
    assert [line for line in broken(story) if line.startswith("G3") and "has the digest" in line]


def test_two_receipts_of_a_part_are_found(told: Told) -> None:
    story, _, _ = told
    seen = story.receipts[0]
    story.receipts.append(replace(seen, receipt=replace(seen.receipt, attempt=builders.identity()["id"])))
    assert [line for line in broken(story) if line.startswith("G3") and "2 receipts" in line]
