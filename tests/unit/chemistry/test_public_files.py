"""Every record of the public files is accounted for; where RDKit's reader is other, the reason is here."""

from __future__ import annotations

import json
from typing import NamedTuple

import pytest

from molfleet.chemistry.records import Parsed, Reject, open_records, parse
from molfleet.errors import Code, Rejected
from tests.paths import SHARED_DATA
from tests.unit.chemistry.samples import shared

INDEX = SHARED_DATA / "malformed" / "index.json"
FILES = {entry["file"]: entry for entry in json.loads(INDEX.read_text())} if INDEX.exists() else {}


class Difference(NamedTuple):
    """Our [records, molecules] where they are not those of RDKit's ForwardSDMolSupplier, and why."""

    counts: tuple[int, int]
    reason: str


_FUZZ = "fuzz/rdkit__Code__Fuzz__mol_data_stream_to_mol_fuzzer__995555f6824db24a9264a21fc3bbd290b061d15c"
DIFFERENT = {
    "trailing_blank_phantom_record/rdkit__github2285.sdf": Difference(
        (1, 1), "Blank lines behind the last record are no record; RDKit yields None for them (trap 1)."
    ),
    "trailing_blank_phantom_record/rdkit__esters_end.sdf": Difference(
        (6, 6), "Blank lines behind the last record are no record; RDKit yields None for them (trap 1)."
    ),
    "bad_valence/rdkit__Docs__Book__data__invalid.mol": Difference(
        (1, 0), "One impossible molecule is a rejected record; RDKit yields nothing at all (trap 2)."
    ),
    "bad_valence/rdkit__ChEBI_50252.mol": Difference(
        (1, 0), "One impossible molecule is a rejected record; RDKit yields nothing at all (trap 2)."
    ),
    _FUZZ: Difference(
        (1, 0), "A record without atoms is rejected as EMPTY_MOLECULE; RDKit gives a molecule (trap 6)."
    ),
}
#: Refused as files (NO_VALID_RECORDS): nothing but white space, which RDKit takes for a bad record.
EMPTY = {"empty/rdkit__empty.sdf", "empty/rdkit__empty2.sdf"}
#: What the sentence about the first reject of a file must say; every file with rejects is here.
SAID = {
    "bad_lines/leanda__invalid_sdf_with_20_records_where_first_and_second_are_invalid.sdf": "line 5",
    "bad_lines/leanda__test_solubility.sdf": "counts line stands on line 5",
    "bad_lines/rdkit__Issue3525673.sdf": "'foo'",
    "bad_lines/rdkit__sdErrors3.sdf": "9 atoms and 6 bonds; 7 lines of atoms and 6 lines of bonds",
    "bad_valence/rdkit__ChEBI_50252.mol": "atom # 0 B, 5",
    "bad_valence/rdkit__Docs__Book__data__invalid.mol": "atom # 6 N, 4",
    "bad_valence/rdkit__good_bad_good_bad.sdf": "atom # 0 F, 2",
    "encoding/leanda__wikiAspirin.mol": "counts line stands on line 3",
    _FUZZ: "no atoms",
    "macromolecule_scsr/rdkit__MarvinParse__rnaTest.mol": "(SCSR)",
    "macromolecule_scsr/rdkit__macromols__DNASlurpErrorImport.mol": "(SCSR)",
    "macromolecule_scsr/rdkit__macromols__DnaBadPairs.mol": "(SCSR)",
    "macromolecule_scsr/rdkit__macromols__ValenceErrorScsr.mol": "(SCSR)",
    "macromolecule_scsr/rdkit__macromols__ValenceErrorScsr2.mol": "(SCSR)",
    "other_rejected/leanda__Sds.Osdr.WebApi.JMeter__scripts__Resources__aspirin.mol": "no M  END line",
    "reaction/leanda__10001.rxn": "reaction (RXN)",
    "reaction/rdkit__ChemReactions__testData__rxn2.mol": "reaction (RXN)",
    "reaction/rdkit__MarvinParse__BadRxn.rxn": "reaction (RXN)",
    "reaction/rdkit__rdkit__Chem__SimpleEnum__bad_value2.rxn": "reaction (RXN)",
}

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


def results_of(name: str) -> list[Parsed | Reject]:
    results = []
    for at, raw in enumerate(open_records(shared(name))):
        assert raw.record == at
        assert isinstance(raw.properties, dict)
        results.append(parse(raw))
    return results


def counts_of(results: list[Parsed | Reject]) -> tuple[int, int]:
    return len(results), sum(isinstance(result, Parsed) for result in results)


@pytest.mark.skipif(not FILES, reason="../shared/data is absent")
def test_every_malformed_file_is_accounted_for_and_its_first_reject_says_why() -> None:
    assert len(FILES) == 62
    said = dict(SAID)
    for name, entry in FILES.items():
        if name in EMPTY:
            with pytest.raises(Rejected, match="is empty") as refused:
                results_of(f"malformed/{name}")
            assert refused.value.code is Code.NO_VALID_RECORDS
            continue
        results = results_of(f"malformed/{name}")
        expected = DIFFERENT[name].counts if name in DIFFERENT else tuple(entry["forward"])
        assert counts_of(results) == expected, name
        assert (name not in DIFFERENT) == (counts_of(results) == tuple(entry["forward"])), name
        rejects = [result for result in results if isinstance(result, Reject)]
        assert bool(rejects) == (name in said), name
        if rejects:
            assert said.pop(name) in rejects[0].message
    assert not said


@pytest.mark.slow
@pytest.mark.parametrize("name", COUNTS)
def test_every_public_file_has_the_records_and_molecules_that_are_known(name: str) -> None:
    assert counts_of(results_of(name)) == COUNTS[name]
