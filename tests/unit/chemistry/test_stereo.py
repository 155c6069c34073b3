"""Molecules whose stereochemistry nobody asked for are the same molecules in every other respect."""

from __future__ import annotations

import json
from collections.abc import Iterable
from contextlib import suppress
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from rdkit import Chem

from molfleet.chemistry.featurizers import FEATURIZERS, Featurizer, parse_spec
from molfleet.chemistry.records import RawRecord, Reject, molecule_of, open_records
from molfleet.chemistry.structures import NotAMolecule, Notation, molecule
from molfleet.errors import Rejected
from tests.unit.chemistry.samples import NCI_SDF, nci_smiles, shared

#: Stereochemistry of every kind, and what decides whether RDKit removes a hydrogen.
STEREO = (
    "C[C@H](N)C(=O)O",
    "C[C@@H](N)C(=O)O",
    "F/C=C/F",
    "F/C=C\\F",
    "C/C=C/C=C\\C",
    "CC=[C@]=CC",
    "C[C@]12CC[C@H](O)CC1CC[C@@H]1[C@@H]2CC[C@]2(C)[C@@H](O)CC[C@@H]12",
    "Cl[Pt@SP1](Cl)([NH3])[NH3]",
    "[H]/N=C/C",
    "[H]\\C(C)=C(/F)[H]",
    "[2H]C([3H])(C)O",
    "[H][H]",
    "[H]O[H]",
    "[H+]",
    "*C(C)=O",
    "[*:1]C[C@H](F)Cl",
    "C[S@](=O)c1ccccc1",
    "Cc1cccc(Br)c1-c1c(C)cccc1Br |wU:8.9|",
    "[Na+].[O-]C(=O)[C@H](O)[C@@H](O)C(=O)O",
    "CC1=CC=CC=C1[N+]([O-])=O",
)
ELEMENTS = [Chem.GetPeriodicTable().GetElementSymbol(number) for number in range(2, 119)]
#: Stereocentres that are none, of which RDKit's reader takes a metal's hydrogen away.
CENTRES = [text for e in ELEMENTS for text in (f"C[{e}@H](C)C", f"C[{e}@H](N)", f"C[{e}@H]", f"[{e}@H]")]


_PAIRS = "ATOM_PAIRS:chirality=false"


def featurizers() -> list[Featurizer]:
    """Of every row at its defaults, those that say that stereochemistry cannot change them."""
    rows = [row for row in FEATURIZERS if row.fit is None]
    built = [FEATURIZERS.build(parse_spec(spec)) for spec in (*(row.code for row in rows), _PAIRS)]
    return [one for one in built if not one.stereo]


def _malformed(scratch: Path) -> Iterable[RawRecord]:
    directory = shared("malformed")
    for entry in json.loads((directory / "index.json").read_text("utf-8")):
        with suppress(Rejected):
            yield from open_records(directory / entry["file"], scratch=scratch)


def _blocks(smiles: Iterable[str]) -> Iterable[str]:
    """Also with the hydrogens drawn, which RDKit's reader mostly takes away again."""
    for text in smiles:
        mol = Chem.MolFromSmiles(text)
        for drawn in (mol, Chem.AddHs(mol)):
            yield Chem.MolToMolBlock(drawn)
            yield Chem.MolToV3KMolBlock(drawn)


def _inchi(smiles: str) -> str:
    text: str = Chem.MolToInchi(Chem.MolFromSmiles(smiles))  # type: ignore[no-untyped-call]
    return text


def _structures() -> Iterable[tuple[str, Notation]]:
    smiles = (*STEREO, *nci_smiles(60))
    yield from ((text, "smiles") for text in smiles)
    yield from ((text, "inchi") for text in map(_inchi, STEREO) if text)
    yield from ((text, "molblock") for text in _blocks(STEREO))


def _graph(mol: Chem.Mol) -> list[tuple[object, ...]]:
    """Atoms and bonds without their stereochemistry."""
    atoms = [
        (
            atom.GetAtomicNum(),
            atom.GetFormalCharge(),
            atom.GetIsotope(),
            atom.GetTotalNumHs(),
            atom.GetNumRadicalElectrons(),
            atom.GetIsAromatic(),
            atom.GetHybridization(),
            atom.IsInRing(),
        )
        for atom in mol.GetAtoms()
    ]
    bonds = [
        (bond.GetBeginAtomIdx(), bond.GetEndAtomIdx(), bond.GetBondType(), bond.GetIsConjugated())
        for bond in mol.GetBonds()
    ]
    return [*atoms, *bonds]


def _assert_same(structure: str | bytes, notation: Notation, wanted: list[Featurizer]) -> None:
    whole = molecule(structure, notation)
    flat = molecule(structure, notation, stereo=False)
    if isinstance(whole, NotAMolecule) or isinstance(flat, NotAMolecule):
        assert flat == whole
        return
    assert _graph(flat) == _graph(whole)
    for featurizer in wanted:
        np.testing.assert_array_equal(
            featurizer.calculate(flat), featurizer.calculate(whole), err_msg=featurizer.column
        )


@pytest.mark.slow
def test_without_stereochemistry_the_graph_and_every_vector_that_needs_none_are_the_same() -> None:
    wanted = featurizers()
    for structure, notation in _structures():
        _assert_same(structure, notation, wanted)
    for raw in open_records(NCI_SDF):
        _assert_same(raw.block, raw.notation, wanted)


def test_hydrogens_of_metals_stay_or_go_with_stereochemistry_or_without() -> None:
    for text in CENTRES:
        _assert_same(text, "smiles", [])
        if (mol := Chem.MolFromSmiles(text)) is not None:
            _assert_same(Chem.MolToV3KMolBlock(mol), "molblock", [])


def test_stereochemistry_is_left_out_where_it_may_be() -> None:
    for structure, notation in ((STEREO[0], "smiles"), (next(iter(_blocks(STEREO))), "molblock")):
        told = []
        for stereo in (True, False):
            mol = molecule(structure, notation, stereo=stereo)
            assert isinstance(mol, Chem.Mol)
            told.append(any(atom.HasProp("_CIPCode") for atom in mol.GetAtoms()))
        assert told == [True, False]


@pytest.mark.slow
def test_public_molecules_with_stereocentres_have_the_same_vectors_without() -> None:
    wanted = featurizers()
    table = open_records(shared("bbbp.csv"))
    for raw in islice((raw for raw in table if b"@" in _bytes(raw)), 100):
        _assert_same(raw.block, raw.notation, wanted)


def _bytes(raw: RawRecord) -> bytes:
    return raw.block.encode() if isinstance(raw.block, str) else raw.block


def test_malformed_files_have_the_same_molecules_and_rejects_without_stereochemistry(
    tmp_path: Path,
) -> None:
    wanted = [one for one in featurizers() if one.column.startswith("ECFP")]
    for raw in _malformed(tmp_path):
        whole, flat = molecule_of(raw), molecule_of(raw, stereo=False)
        if isinstance(whole, Reject) or isinstance(flat, Reject):
            assert flat == whole
        else:
            assert _graph(flat) == _graph(whole)
            for featurizer in wanted:
                np.testing.assert_array_equal(featurizer.calculate(flat), featurizer.calculate(whole))


@pytest.mark.parametrize("code", ["ECFP", "FCFC", "ATOM_PAIRS", "TOPOLOGICAL_TORSION_BITS"])
def test_a_featurizer_that_tells_stereoisomers_apart_says_so(code: str) -> None:
    assert FEATURIZERS.build(parse_spec(f"{code}:chirality=true")).stereo
    assert not FEATURIZERS.build(parse_spec(f"{code}:chirality=false")).stereo
