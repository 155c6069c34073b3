"""References for descriptors of the graph that come as one vector."""

from __future__ import annotations

import math

import numpy as np
from rdkit import Chem
from rdkit.Chem import Crippen, Descriptors, rdPartialCharges
from rdkit.Chem.EState import Fingerprinter

from molfleet.chemistry.featurizers import mqn
from tests.unit.chemistry.references.cases import Reference, everywhere

#: Counted by hand from the definitions of Nguyen et al. (2009).
QUANTUM_NUMBERS = {
    "CCO": "c=2 ao=1 hac=3 asb=2 hbam=2 hba=1 hbdm=1 hbd=1 asv=2 adv=1",
    "c1ccccc1": "c=6 hac=6 csb=3 cdb=3 cdv=6 r6=1",
    "FC(Cl)(Br)I": "c=1 f=1 cl=1 br=1 i=1 hac=5 asb=4 asv=4 aqv=1",
    "N#Cc1ccsc1": "c=5 s=1 an=1 hac=7 asb=1 atb=1 csb=3 cdb=2 hbam=1 hba=1 asv=1 adv=1 cdv=4 ctv=1 r5=1",
    "CC1CO1": "c=3 co=1 hac=4 asb=1 csb=3 hbam=2 hba=1 asv=1 cdv=2 ctv=1 r3=1",
}


def _counted(text: str) -> list[float]:
    counts = dict(pair.split("=") for pair in text.split())
    assert set(counts) <= set(mqn.NAMES)
    return [float(counts.get(name, 0)) for name in mqn.NAMES]


def estate(mol: Chem.Mol) -> list[float]:
    """RDKit's own fingerprint: counts, and sums of indices added up in Python, atom by atom."""
    counts, sums = Fingerprinter.FingerprintMol(mol)
    return [*map(float, counts), *sums]


def burden_eigenvalues(mol: Chem.Mol) -> list[float]:
    """The Burden matrix as Pearlman and Smith define it, solved by LAPACK instead of Eigen."""
    mol = Chem.RemoveAllHs(mol)
    try:
        rdPartialCharges.ComputeGasteigerCharges(mol, throwOnParamFailure=True)
    except ValueError:
        return [math.nan] * 8
    charges = [atom.GetDoubleProp("_GasteigerCharge") for atom in mol.GetAtoms()]
    contributions = np.array(Crippen._GetAtomContribs(mol))
    matrix = np.full((mol.GetNumAtoms(),) * 2, 0.001)
    for bond in mol.GetBonds():
        ends = bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()
        matrix[ends] = matrix[ends[::-1]] = 1 / math.sqrt(bond.GetBondTypeAsDouble())
    values = []
    masses = [atom.GetMass() for atom in mol.GetAtoms()]
    for diagonal in (masses, charges, contributions[:, 0], contributions[:, 1]):
        np.fill_diagonal(matrix, diagonal)
        found = np.linalg.eigvalsh(matrix)
        values += [found[-1], found[0]]
    return values


def autocorrelation(mol: Chem.Mol) -> list[float]:
    """RDKit's list of single descriptors, one call for each of the 192."""
    functions = Descriptors.autocorr.namespace
    return [functions[f"AUTOCORR2D_{number}"](mol) for number in range(1, 193)]


REFERENCES: dict[str, list[Reference]] = {
    "MQN": [
        Reference("MQN", smiles, lambda mol, text=text: _counted(text))
        for smiles, text in QUANTUM_NUMBERS.items()
    ],
    "ESTATE": everywhere("ESTATE", estate),
    "BCUT2D": everywhere("BCUT2D", burden_eigenvalues, rtol=1e-5),
    "AUTOCORR2D": everywhere("AUTOCORR2D", autocorrelation),
}
