"""What a reference is, and the molecules that references are made for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from rdkit import Chem

#: Chosen for what fingerprints stumble over: stereo, charge, isotopes, fragments, rings, no bonds.
MOLECULES = (
    "CC(=O)Oc1ccccc1C(=O)O",  # aspirin
    "CN1C=NC2=C1C(=O)N(C(=O)N2C)C",  # caffeine
    "C[C@H](N)C(=O)O",  # L-alanine
    "C[C@@H](N)C(=O)O",  # D-alanine
    "F/C=C/F",
    "F/C=C\\F",
    "[NH3+][C@@H](Cc1c[nH]c2ccccc12)C(=O)[O-]",  # tryptophan, as a zwitterion
    "CC(C)Cc1ccc(cc1)C(C)C(=O)O",  # ibuprofen
    "CN1CCC[C@H]1c1cccnc1",  # nicotine
    "O=C(O)c1cc(-c2ccc(F)cc2F)ccc1O",  # diflunisal
    "C1CC2CCC1CC2",
    "[Na+].[Cl-]",
    "C",
    "[2H]C([2H])([2H])O",
    "CCCCCCCCCCCCCCCC(=O)OC",
    "c1ccc2c(c1)ccc1c2ccc2ccccc21",  # chrysene
    "CS(=O)(=O)Nc1ccc(I)cc1",
    "OC[C@H]1O[C@@H](O)[C@H](O)[C@@H](O)[C@@H]1O",  # glucose
    "C#N",
    "CC1(C)S[C@@H]2[C@H](NC(=O)Cc3ccccc3)C(=O)N2[C@H]1C(=O)O",  # penicillin G
)


class Reference(NamedTuple):
    """`oracle` gives the unpacked vector, [size], of the molecule of `smiles` under `spec`.

    For a row that needs the record, `oracle` takes the record's `properties` instead.
    """

    spec: str
    smiles: str
    oracle: Callable[[Any], Sequence[float]]
    properties: Mapping[str, str] | None = None
    #: Relative tolerance; 0: equal as float32.
    rtol: float = 0.0


def everywhere(
    spec: str, oracle: Callable[[Chem.Mol], Sequence[float]], rtol: float = 0.0
) -> list[Reference]:
    """The oracle's word on each of MOLECULES."""
    return [Reference(spec, smiles, oracle, rtol=rtol) for smiles in MOLECULES]
