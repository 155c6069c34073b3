"""A hundred real molecules with their fingerprints and values made up of them, curated."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rdkit import Chem, DataStructs
from rdkit.Chem import Descriptors
from rdkit.Chem.rdFingerprintGenerator import GetMorganGenerator

from workers.modeler.curation import Curated, Measured, Rules, curate, curation_section

_CHAINS = ("C", "CC", "CCC", "CCCC", "CCCCC", "CCCCCC", "CCCCCCC", "CCCCCCCC", "CCCCCCCCC", "CCCCCCCCCC")
_ENDS = ("O", "N", "C(=O)O", "c1ccccc1", "C1CCCCC1", "C(F)(F)F", "S(=O)(=O)N", "c1ccncc1", "OC", "N(C)C")


@cache
def smiles() -> tuple[str, ...]:
    made = (Chem.CanonSmiles(chain + end) for chain in _CHAINS for end in _ENDS)
    return tuple(dict.fromkeys(made))


def fingerprints(molecules: Sequence[str]) -> NDArray[np.uint8]:
    generator = GetMorganGenerator(radius=2, fpSize=2048)
    rows = []
    for text in molecules:
        bits = np.zeros(2048, dtype=np.uint8)
        DataStructs.ConvertToNumpyArray(generator.GetFingerprint(Chem.MolFromSmiles(text)), bits)
        rows.append(np.packbits(bits, bitorder="little"))
    return np.stack(rows)


def weight(text: str) -> str:
    return f"{Descriptors.MolWt(Chem.MolFromSmiles(text)):.1f}"


@dataclass(frozen=True)
class Made:
    measured: list[Measured]
    curated: Curated
    ecfp4: NDArray[np.uint8]

    def section(self, **options: Any) -> dict[str, Any]:
        return curation_section(self.curated, self.measured, self.ecfp4, **options)


def make(
    molecules: Sequence[str] | None = None,
    value: Callable[[str], str] = weight,
    extra: Sequence[tuple[str, str]] = (),
    **rules: Any,
) -> Made:
    """`molecules` with their values, then the `extra` (molecule, text) records; record n is at line n."""
    pairs = [(text, value(text)) for text in (smiles() if molecules is None else molecules)]
    measured = [
        Measured(record, record, f"title {record}", molecule, text)
        for record, (molecule, text) in enumerate([*pairs, *extra])
    ]
    curated = curate(measured, Rules("y", **rules))
    return Made(measured, curated, fingerprints([measured[row].molecule for row in curated.rows]))
