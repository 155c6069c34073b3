"""RDKit standardizing by itself: its convenience functions, and the best loop over its objects.

python -m bench.rivals.standardization < smiles.smi
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence

from rdkit import Chem
from rdkit.Chem.MolStandardize import rdMolStandardize

from molfleet.chemistry.rdkit_log import silence
from molfleet.chemistry.standardize import STANDARDIZE

Standardize = Callable[[Chem.Mol], Chem.Mol]
LEVELS = ("parent", "parent-neutral", "tautomer")


def convenience(level: str) -> Standardize:
    """The functions that everybody uses; they build all their objects for each molecule."""
    functions: dict[str, Standardize] = {
        "none": lambda mol: mol,
        "parent": rdMolStandardize.FragmentParent,
        "parent-neutral": rdMolStandardize.ChargeParent,
        "tautomer": lambda mol: rdMolStandardize.CanonicalTautomer(rdMolStandardize.ChargeParent(mol)),
    }
    return functions[level]


def by_hand(level: str) -> Standardize:
    """The same steps over objects built once, in place, as somebody in a hurry for speed writes them."""
    metals, normalizer = rdMolStandardize.MetalDisconnector(), rdMolStandardize.Normalizer()
    reionizer, uncharger = rdMolStandardize.Reionizer(), rdMolStandardize.Uncharger()
    largest, tautomers = rdMolStandardize.LargestFragmentChooser(), rdMolStandardize.TautomerEnumerator()

    def clean(mol: Chem.Mol) -> Chem.Mol:
        mol = Chem.RemoveHs(mol)
        metals.DisconnectInPlace(mol)
        normalizer.normalizeInPlace(mol)
        reionizer.reionizeInPlace(mol)
        Chem.AssignStereochemistry(mol, cleanIt=True, force=True)
        return mol

    def parent(mol: Chem.Mol) -> Chem.Mol:
        mol = clean(mol)
        largest.chooseInPlace(mol)
        Chem.GetSymmSSSR(mol)
        return mol

    def neutral(mol: Chem.Mol) -> Chem.Mol:
        mol = parent(mol)
        uncharger.unchargeInPlace(mol)
        return clean(mol)

    functions: dict[str, Standardize] = {
        "none": lambda mol: mol,
        "parent": parent,
        "parent-neutral": neutral,
        "tautomer": lambda mol: tautomers.Canonicalize(neutral(mol)),
    }
    return functions[level]


def compare(mols: Sequence[Chem.Mol], level: str, rounds: int = 3) -> dict[str, float]:
    """Processor microseconds for a molecule, the best of alternating rounds, of us and each rival."""
    contenders: dict[str, Standardize] = {
        "molfleet": STANDARDIZE.get(level).build(),
        "by hand": by_hand(level),
        "convenience": convenience(level),
    }
    best = dict.fromkeys(contenders, float("inf"))
    for _ in range(rounds):
        for name, standardize in contenders.items():
            copies = [Chem.Mol(mol) for mol in mols]
            began = time.process_time()
            for mol in copies:
                standardize(mol)
            best[name] = min(best[name], (time.process_time() - began) / len(mols) * 1e6)
    return best


def main() -> None:
    """A line a level for the SMILES of the standard input."""
    silence()
    mols = [mol for line in sys.stdin if line.strip() and (mol := Chem.MolFromSmiles(line.split()[0]))]
    for level in LEVELS:
        times = compare(mols[:100] if level == "tautomer" else mols, level)
        text = ", ".join(f"{name} {time:,.0f} us" for name, time in times.items())
        ratios = [times[name] / times["molfleet"] for name in ("convenience", "by hand")]
        print(f"{level}: {text}: {ratios[0]:.1f} x, {ratios[1]:.1f} x", flush=True)


if __name__ == "__main__":
    main()
