"""Every record of the public files is accounted for; where RDKit's reader is other, the reason is here."""

from __future__ import annotations

import json

import pytest

from molfleet.chemistry.records import Parsed, open_records, parse
from molfleet.errors import Code, Rejected
from tests.paths import SHARED_DATA
from tests.unit.chemistry.samples import shared

INDEX = SHARED_DATA / "malformed" / "index.json"
FILES = json.loads(INDEX.read_text()) if INDEX.exists() else []

FUZZ = "fuzz/rdkit__Code__Fuzz__mol_data_stream_to_mol_fuzzer"

#: Where [records, molecules] differ from ForwardSDMolSupplier's.
DIFFERENT = {
    # Blank lines behind the last record are no record.
    "trailing_blank_phantom_record/rdkit__github2285.sdf": [1, 1],
    "trailing_blank_phantom_record/rdkit__esters_end.sdf": [6, 6],
    # A single impossible molecule is a record that failed, not an empty file.
    "bad_valence/rdkit__Docs__Book__data__invalid.mol": [1, 0],
    "bad_valence/rdkit__ChEBI_50252.mol": [1, 0],
    # A record without atoms is no molecule.
    "fuzz/rdkit__Code__Fuzz__mol_data_stream_to_mol_fuzzer__995555f6824db24a9264a21fc3bbd290b061d15c": [
        1,
        0,
    ],
}
EMPTY = {"empty/rdkit__empty.sdf", "empty/rdkit__empty2.sdf"}

COUNTS = {
    "esol.csv": (1128, 1128),
    "freesolv.csv": (642, 642),
    "lipophilicity.csv": (4200, 4200),
    "bace.csv": (1513, 1513),
    "bbbp.csv": (2050, 2039),
    "test_solubility.sdf": (273, 270),
    "invalid_sdf_with_20_records_where_first_and_second_are_invalid.sdf": (20, 18),
    "solubility.train.sdf": (1025, 1025),
    "solubility.test.sdf": (257, 257),
}


def count(name: str) -> list[int]:
    results = [parse(raw) for raw in open_records(shared(name))]
    return [len(results), sum(isinstance(result, Parsed) for result in results)]


@pytest.mark.skipif(not FILES, reason="../shared/data is absent")
def test_every_malformed_file_is_accounted_for() -> None:
    assert len(FILES) == 62
    for entry in FILES:
        name = entry["file"]
        if name in EMPTY:
            with pytest.raises(Rejected) as refused:
                count(f"malformed/{name}")
            assert refused.value.code is Code.NO_VALID_RECORDS
            continue
        assert count(f"malformed/{name}") == DIFFERENT.get(name, entry["forward"]), name


@pytest.mark.parametrize("name", COUNTS)
def test_every_public_file_has_the_records_and_molecules_that_are_known(name: str) -> None:
    assert tuple(count(name)) == COUNTS[name]
