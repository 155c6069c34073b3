"""The Bemis-Murcko scaffold of a molecule."""

from __future__ import annotations

from rdkit import Chem


def scaffold_of(smiles: str) -> str:
    """SMILES of the scaffold, without stereochemistry; empty for an acyclic molecule.

    Rings, the chains between them, and what is bound to either by a double bond (Bemis and Murcko,
    J. Med. Chem. 1996, 39, 2887, as RDKit has it). `smiles` is RDKit's own, so that reading it needs no
    sanitizing, which would take most of the time. Raises ValueError where it cannot be read.
    """
    parameters = Chem.SmilesParserParams()
    parameters.sanitize = False  # type: ignore[assignment]
    parameters.removeHs = False  # type: ignore[assignment]
    mol = Chem.MolFromSmiles(smiles, parameters)
    if mol is None:
        raise ValueError(f"a scaffold is made of RDKit's own SMILES; it cannot read {smiles!r}")
    Chem.FastFindRings(mol)
    if not mol.GetRingInfo().NumRings():
        return ""
    mol.UpdatePropertyCache(strict=False)
    return str(Chem.MolToSmiles(Chem.MurckoDecompose(mol), isomericSmiles=False))
