"""Molecular quantum numbers: 42 counts of atoms, bonds, polar groups and rings."""

from __future__ import annotations

from collections.abc import Sequence

from rdkit import Chem
from rdkit.Chem import rdMolDescriptors

from molfleet.chemistry.featurizers.vectors import vector_row

#: The paper's abbreviations, in its order: a is acyclic, c cyclic; s, d, t, q are single, double,
#: triple, and one to four neighbours; hba and hbd are acceptor and donor atoms, with m their sites.
NAMES = (
    *("c", "f", "cl", "br", "i", "s", "p", "an", "cn", "ao", "co", "hac"),
    *("asb", "adb", "atb", "csb", "cdb", "ctb", "rbc"),
    *("hbam", "hba", "hbdm", "hbd", "neg", "pos"),
    *("asv", "adv", "atv", "aqv", "cdv", "ctv", "cqv"),
    *("r3", "r4", "r5", "r6", "r7", "r8", "r9", "rg10", "afrc", "bfrc"),
)


def quantum_numbers(mol: Chem.Mol) -> Sequence[float]:
    """The 42 counts in the paper's order."""
    # Without force RDKit returns what an earlier call left on the molecule, changed or not since.
    numbers: list[float] = rdMolDescriptors.MQNs_(mol, force=True)
    return numbers


ROWS = (
    vector_row(
        "MQN",
        "Molecular quantum numbers",
        "Nguyen et al., Classification of Organic Molecules by Molecular Quantum Numbers, "
        "ChemMedChem 4 (2009) 1803-1805",
        NAMES,
        quantum_numbers,
    ),
)
