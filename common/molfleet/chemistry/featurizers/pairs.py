"""Atom pairs and topological torsions, as counts and as bits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rdkit.Chem import rdFingerprintGenerator

from molfleet.chemistry.featurizers.base import Featurizer, FeaturizerRow
from molfleet.chemistry.featurizers.packing import BitVectors, SparseCounts
from molfleet.chemistry.featurizers.spec import Parameter, size_parameter
from molfleet.errors import Code, Rejected

PAIRS_PAPER = "Carhart et al., Atom Pairs as Molecular Features, J. Chem. Inf. Comput. Sci. 25 (1985) 64-73"
TORSIONS_PAPER = "Nilakantan et al., Topological Torsion, J. Chem. Inf. Comput. Sci. 27 (1987) 82-85"

_SIMULATION = Parameter(
    "count_simulation", "boolean", True, "Spend four bits on each hash, set at counts of 1, 2, 4 and 8."
)
_DISTANCES = (
    Parameter("min_distance", "integer", 1, "Bonds between the atoms of the closest pairs.", 1, 30),
    Parameter("max_distance", "integer", 30, "Bonds between the atoms of the farthest pairs.", 1, 30),
)
_LENGTH = Parameter("length", "integer", 4, "Atoms of a torsion.", 2, 7)


def _chirality(default: bool) -> Parameter:
    # RDKit's codes have the stereochemistry in their higher bits, which small sizes fold away.
    return Parameter("chirality", "boolean", default, "Tell stereoisomers apart, given size enough.")


def ordered(code: str, parameters: Mapping[str, Any], low: str, high: str) -> None:
    """Refuses a smallest length above the largest; raises Rejected(INVALID_COMMAND)."""
    if parameters[low] > parameters[high]:
        raise Rejected(
            Code.INVALID_COMMAND,
            f"{code}: {low} must be at most {high} ({parameters[high]}), and is {parameters[low]}.",
            details={"featurizer": code, "parameter": low},
        )


def _pair_generator(code: str, parameters: Mapping[str, Any]) -> Any:
    ordered(code, parameters, "min_distance", "max_distance")
    return rdFingerprintGenerator.GetAtomPairGenerator(
        minDistance=parameters["min_distance"],
        maxDistance=parameters["max_distance"],
        includeChirality=parameters["chirality"],
        countSimulation=parameters.get("count_simulation", False),
        fpSize=parameters["size"],
    )


def _torsion_generator(parameters: Mapping[str, Any]) -> Any:
    return rdFingerprintGenerator.GetTopologicalTorsionGenerator(
        includeChirality=parameters["chirality"],
        torsionAtomCount=parameters["length"],
        countSimulation=parameters.get("count_simulation", False),
        fpSize=parameters["size"],
    )


def _pairs(column: str, parameters: Mapping[str, Any]) -> Featurizer:
    generator = _pair_generator("ATOM_PAIRS", parameters)
    return SparseCounts(
        column, parameters["size"], generator.GetCountFingerprint, stereo=parameters["chirality"]
    )


def _pair_bits(column: str, parameters: Mapping[str, Any]) -> Featurizer:
    generator = _pair_generator("ATOM_PAIRS_BITS", parameters)
    return BitVectors(column, parameters["size"], generator.GetFingerprint, stereo=parameters["chirality"])


def _torsions(column: str, parameters: Mapping[str, Any]) -> Featurizer:
    generator = _torsion_generator(parameters)
    return SparseCounts(
        column, parameters["size"], generator.GetCountFingerprint, stereo=parameters["chirality"]
    )


def _torsion_bits(column: str, parameters: Mapping[str, Any]) -> Featurizer:
    generator = _torsion_generator(parameters)
    return BitVectors(column, parameters["size"], generator.GetFingerprint, stereo=parameters["chirality"])


ROWS = (
    FeaturizerRow(
        code="ATOM_PAIRS",
        kind="counts",
        title="Pairs of atoms by their types and topological distance, counted",
        dimension="size counts",
        paper=PAIRS_PAPER,
        # The fleet's predecessor told stereoisomers apart under this code.
        parameters=(size_parameter(2048), _chirality(True), *_DISTANCES),
        build=_pairs,
        aliases=("ATOM_PAIRS_COUNTS", "ATOM_PAIR_COUNTS"),
    ),
    FeaturizerRow(
        code="ATOM_PAIRS_BITS",
        kind="bits",
        title="Pairs of atoms by their types and topological distance",
        dimension="size bits",
        paper=PAIRS_PAPER,
        parameters=(size_parameter(2048), _chirality(False), *_DISTANCES, _SIMULATION),
        build=_pair_bits,
        aliases=("ATOM_PAIR_BITS",),
    ),
    FeaturizerRow(
        code="TOPOLOGICAL_TORSION",
        kind="counts",
        title="Paths of atoms by their types, counted",
        dimension="size counts",
        paper=TORSIONS_PAPER,
        parameters=(size_parameter(2048), _chirality(False), _LENGTH),
        build=_torsions,
        aliases=("TOPOLOGICAL_TORSION_COUNTS",),
    ),
    FeaturizerRow(
        code="TOPOLOGICAL_TORSION_BITS",
        kind="bits",
        title="Paths of atoms by their types",
        dimension="size bits",
        paper=TORSIONS_PAPER,
        parameters=(size_parameter(2048), _chirality(False), _LENGTH, _SIMULATION),
        build=_torsion_bits,
    ),
)
