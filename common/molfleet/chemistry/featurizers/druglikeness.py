"""QED, the quantitative estimate of drug-likeness, from descriptors that are calculated anyway."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rdkit import Chem
from rdkit.Chem import QED, rdMolDescriptors

from molfleet.chemistry.featurizers.graph import Atoms


def drug_likeness(mol: Chem.Mol, atoms: Atoms, alerts: Iterable[Chem.Mol]) -> float:
    """QED with the paper's mean weights, equal in every bit to rdkit.Chem.QED.qed.

    `alerts` are those of its structural alerts that may match.

    RDKit first takes the hydrogens out of a copy. Where there are none, that copy is the molecule
    itself, and what was calculated on the molecule need not be calculated again.
    """
    untyped: Any = QED
    if (atoms.numbers == 1).any():
        return float(untyped.qed(mol))
    aromatic = Chem.DeleteSubstructs(Chem.Mol(mol), QED.AliphaticRings)
    properties = untyped.QEDproperties(
        MW=rdMolDescriptors._CalcMolWt(mol),
        ALOGP=rdMolDescriptors.CalcCrippenDescriptors(mol)[0],
        HBA=sum(len(mol.GetSubstructMatches(pattern)) for pattern in QED.Acceptors),
        HBD=rdMolDescriptors.CalcNumHBD(mol),
        PSA=rdMolDescriptors.CalcTPSA(mol),
        ROTB=rdMolDescriptors.CalcNumRotatableBonds(mol, rdMolDescriptors.NumRotatableBondsOptions.Strict),
        AROM=len(Chem.GetSSSR(aromatic)),
        ALERTS=sum(mol.HasSubstructMatch(alert) for alert in alerts),
    )
    return float(untyped.qed(mol, qedProperties=properties))
