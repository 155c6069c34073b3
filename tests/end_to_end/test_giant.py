"""One file over the fleet, on S3, and the same file in one piece, on a directory: the same bytes."""

from __future__ import annotations

import gzip

import pytest

from molfleet.messages.generated import CalculateFeatureVectors, FeatureVectorsCalculated, FeaturizerSpec
from tests import builders
from tests.end_to_end.conftest import SPLIT_RECORDS
from tests.end_to_end.fleet import RealFleet

pytestmark = pytest.mark.real


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzipped"])
async def test_a_giant_file_gives_what_it_gives_in_one_piece(
    local_fleet: RealFleet, s3_fleet: RealFleet, packed: bool
) -> None:
    broken = b"no molecule\n\n\n  1  0\nM  END\n$$$$\n"
    data = broken + builders.sdf() + broken
    assert data.count(b"$$$$") > SPLIT_RECORDS
    key, data = ("big.sdf.gz", gzip.compress(data)) if packed else ("big.sdf", data)
    results = []
    for fleet in (local_fleet, s3_fleet):
        command = builders.calculate_feature_vectors(
            source=fleet.put(data, key),
            featurizers=[FeaturizerSpec(type="ECFP", size=512), FeaturizerSpec(type="MACCS")],
            identifiers=["smiles"],
            carry_properties=["*"],
        )
        event = await fleet.success(command, FeatureVectorsCalculated)
        assert event.failed == 2
        assert event.rejects is not None
        results.append((fleet.get(event.output), fleet.get(event.rejects), await parts_of(fleet, command)))
        await nothing_is_left(fleet, command)
    (whole, rejects, none), (joined, joined_rejects, parts) = results
    assert (none, parts) == (0, 4)
    assert joined == whole
    assert joined_rejects == rejects


async def parts_of(fleet: RealFleet, command: CalculateFeatureVectors) -> int:
    records = await fleet.read(fleet.settings.topic_prefix + "feature-vectors.chunks.commands")
    return sum(str(command.id).encode() in (record.value or b"") for record in records)


async def nothing_is_left(fleet: RealFleet, command: CalculateFeatureVectors) -> None:
    await fleet.at_rest()
    prefix = f"{fleet.settings.topic_prefix}shared/{command.id}/"
    assert list(fleet.store.list(fleet.settings.state_bucket, prefix)) == []
