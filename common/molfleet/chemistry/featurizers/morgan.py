"""Circular fingerprints: ECFP, FCFP as bits, ECFC, FCFC as counts, each with a chiral twin."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rdkit.Chem import rdFingerprintGenerator

from molfleet.chemistry.featurizers.base import Featurizer, FeaturizerRow
from molfleet.chemistry.featurizers.packing import BitVectors, SparseCounts
from molfleet.chemistry.featurizers.spec import Parameter, size_parameter

PAPER = "Rogers and Hahn, Extended-Connectivity Fingerprints, J. Chem. Inf. Model. 50 (2010) 742-754"

_RADIUS = Parameter(
    "radius",
    "integer",
    2,
    "Radius of the largest environment in bonds; 2 is ECFP4. For 0, atoms alone, write radius=0.",
    0,
    4,
)
_CHIRALITY = Parameter("chirality", "boolean", False, "Tell stereoisomers apart.")
_OTHERS = (
    Parameter("bond_types", "boolean", True, "Tell environments apart by the orders of their bonds."),
    Parameter("redundant", "boolean", False, "Keep environments that cover the same bonds."),
)

_ALIASES = {"ECFP": ("MORGAN",), "ECFC": ("MORGAN_COUNTS",)}


def generator(code: str, parameters: Mapping[str, Any]) -> Any:
    """RDKit's generator behind a row of this family; it also tells which atoms set a bit."""
    return rdFingerprintGenerator.GetMorganGenerator(
        radius=parameters["radius"],
        fpSize=parameters["size"],
        includeChirality=_tells_stereo(code, parameters),
        useBondTypes=parameters["bond_types"],
        includeRedundantEnvironments=parameters["redundant"],
        atomInvariantsGenerator=(
            rdFingerprintGenerator.GetMorganFeatureAtomInvGen() if code.startswith("FC") else None
        ),
    )


def _tells_stereo(code: str, parameters: Mapping[str, Any]) -> bool:
    return code.endswith("_CHIRALITY") or bool(parameters["chirality"])


def _row(code: str, title: str, *, counts: bool, chiral: bool) -> FeaturizerRow:
    def build(column: str, parameters: Mapping[str, Any]) -> Featurizer:
        made, stereo = generator(code, parameters), _tells_stereo(code, parameters)
        if counts:
            return SparseCounts(column, parameters["size"], made.GetCountFingerprint, stereo=stereo)
        return BitVectors(column, parameters["size"], made.GetFingerprint, stereo=stereo)

    return FeaturizerRow(
        code=code,
        kind="counts" if counts else "bits",
        title=title,
        dimension="size counts" if counts else "size bits",
        paper=PAPER,
        parameters=(size_parameter(2048), _RADIUS, *(() if chiral else (_CHIRALITY,)), *_OTHERS),
        build=build,
        aliases=_ALIASES.get(code, ()),
    )


def _family(chiral: bool) -> tuple[FeaturizerRow, ...]:
    suffix, says = ("_CHIRALITY", ", telling stereoisomers apart") if chiral else ("", "")
    atoms = f"extended-connectivity fingerprint{says}"
    roles = f"functional-class fingerprint (atoms by their pharmacophoric roles){says}"
    return (
        _row(f"ECFP{suffix}", f"Circular {atoms}", counts=False, chiral=chiral),
        _row(f"FCFP{suffix}", f"Circular {roles}", counts=False, chiral=chiral),
        _row(f"ECFC{suffix}", f"Counted {atoms}", counts=True, chiral=chiral),
        _row(f"FCFC{suffix}", f"Counted {roles}", counts=True, chiral=chiral),
    )


ROWS = (*_family(chiral=False), *_family(chiral=True))
