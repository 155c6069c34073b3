"""Circular fingerprints: ECFP, FCFP as bits, ECFC, FCFC as counts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rdkit import Chem
from rdkit.Chem import rdFingerprintGenerator

from molfleet.chemistry.featurizers.base import Featurizer, FeaturizerRow, Packed
from molfleet.chemistry.featurizers.packing import bits_of_sparse, counts_of_sparse
from molfleet.chemistry.featurizers.spec import Parameter

PAPER = "Rogers and Hahn, Extended-Connectivity Fingerprints, J. Chem. Inf. Model. 50 (2010) 742-754"

_COMMON = (
    Parameter("size", "integer", 2048, "Length of the folded vector.", 16, 65536),
    Parameter("radius", "integer", 2, "Radius of the largest environment; 2 is ECFP4.", 1, 16),
    Parameter("chirality", "boolean", False, "Tell stereoisomers apart."),
    Parameter("bond_types", "boolean", True, "Tell environments apart by the orders of their bonds."),
    Parameter("redundant", "boolean", False, "Keep environments that cover the same bonds."),
)


def _generator(parameters: Mapping[str, Any], features: bool) -> Any:
    invariants = rdFingerprintGenerator.GetMorganFeatureAtomInvGen() if features else None
    return rdFingerprintGenerator.GetMorganGenerator(
        radius=parameters["radius"],
        fpSize=parameters["size"],
        includeChirality=parameters["chirality"],
        useBondTypes=parameters["bond_types"],
        includeRedundantEnvironments=parameters["redundant"],
        atomInvariantsGenerator=invariants,
    )


class MorganBits(Featurizer):
    """A folded circular fingerprint: bit i tells whether an environment hashed to i occurs."""

    kind = "bits"

    def __init__(self, column: str, parameters: Mapping[str, Any], *, features: bool) -> None:
        super().__init__(column, parameters["size"])
        self._generator = _generator(parameters, features)

    def raw(self, mol: Chem.Mol) -> bytes:
        return self._generator.GetCountFingerprint(mol).ToBinary()  # type: ignore[no-any-return]

    def pack(self, raws: Sequence[bytes]) -> Packed:
        return bits_of_sparse(raws, self.size)


class MorganCounts(Featurizer):
    """A folded circular fingerprint: element i tells how many environments hash to i, up to 65,535."""

    kind = "counts"

    def __init__(self, column: str, parameters: Mapping[str, Any], *, features: bool) -> None:
        super().__init__(column, parameters["size"])
        self._generator = _generator(parameters, features)

    def raw(self, mol: Chem.Mol) -> bytes:
        return self._generator.GetCountFingerprint(mol).ToBinary()  # type: ignore[no-any-return]

    def pack(self, raws: Sequence[bytes]) -> Packed:
        rows, overflows = counts_of_sparse(raws, self.size)
        self.overflows += overflows
        return rows


ROWS = (
    FeaturizerRow(
        code="ECFP",
        kind="bits",
        title="Extended-connectivity fingerprint",
        dimension="size bits",
        paper=PAPER,
        parameters=_COMMON,
        build=lambda column, parameters: MorganBits(column, parameters, features=False),
    ),
    FeaturizerRow(
        code="FCFP",
        kind="bits",
        title="Functional-class fingerprint: atoms by their pharmacophoric roles",
        dimension="size bits",
        paper=PAPER,
        parameters=_COMMON,
        build=lambda column, parameters: MorganBits(column, parameters, features=True),
    ),
    FeaturizerRow(
        code="ECFC",
        kind="counts",
        title="Extended-connectivity fingerprint, counted",
        dimension="size counts",
        paper=PAPER,
        parameters=_COMMON,
        build=lambda column, parameters: MorganCounts(column, parameters, features=False),
    ),
    FeaturizerRow(
        code="FCFC",
        kind="counts",
        title="Functional-class fingerprint, counted",
        dimension="size counts",
        paper=PAPER,
        parameters=_COMMON,
        build=lambda column, parameters: MorganCounts(column, parameters, features=True),
    ),
)
