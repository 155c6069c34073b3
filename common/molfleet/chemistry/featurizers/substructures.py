"""Fingerprints of paths and of patterns, made for substructure search: RDK, LAYERED, PATTERN."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from rdkit import Chem
from rdkit.Chem import rdFingerprintGenerator

from molfleet.chemistry.featurizers.base import Featurizer, FeaturizerRow
from molfleet.chemistry.featurizers.packing import BitVectors
from molfleet.chemistry.featurizers.pairs import ordered
from molfleet.chemistry.featurizers.spec import Parameter, size_parameter

_BOOK = "Landrum et al., The RDKit Book, https://www.rdkit.org/docs/RDKit_Book.html"

_PATHS = (
    size_parameter(2048),
    Parameter("min_path", "integer", 1, "Bonds of the shortest paths.", 1, 10),
    Parameter(
        "max_path", "integer", 7, "Bonds of the longest paths; each more takes several times longer.", 1, 10
    ),
)


def _rdk(column: str, parameters: Mapping[str, Any]) -> Featurizer:
    ordered("RDK", parameters, "min_path", "max_path")
    generator = rdFingerprintGenerator.GetRDKitFPGenerator(
        minPath=parameters["min_path"],
        maxPath=parameters["max_path"],
        branchedPaths=parameters["branched"],
        useBondOrder=parameters["bond_order"],
        numBitsPerFeature=parameters["bits_per_path"],
        fpSize=parameters["size"],
    )
    return BitVectors(column, parameters["size"], generator.GetFingerprint, stereo=False)


def _layered(column: str, parameters: Mapping[str, Any]) -> Featurizer:
    # Without branched paths RDKit's function ends the process on small molecules (its issue 1793).
    ordered("LAYERED", parameters, "min_path", "max_path")
    function = partial(
        Chem.LayeredFingerprint,
        minPath=parameters["min_path"],
        maxPath=parameters["max_path"],
        fpSize=parameters["size"],
    )
    return BitVectors(column, parameters["size"], function, stereo=False)


def _pattern(column: str, parameters: Mapping[str, Any]) -> Featurizer:
    function = partial(
        Chem.PatternFingerprint,
        fpSize=parameters["size"],
        tautomerFingerprints=parameters["tautomers"],
    )
    return BitVectors(column, parameters["size"], function, stereo=False)


ROWS = (
    FeaturizerRow(
        code="RDK",
        kind="bits",
        title="RDKit's topological fingerprint: paths, as Daylight's",
        dimension="size bits",
        paper=f"{_BOOK}, RDKit Fingerprints; after Daylight Theory Manual, 6. Fingerprints",
        parameters=(
            *_PATHS,
            Parameter("branched", "boolean", True, "Take branched subgraphs as well as unbranched paths."),
            Parameter("bond_order", "boolean", True, "Tell paths apart by the orders of their bonds."),
            Parameter("bits_per_path", "integer", 2, "Bits that each path sets.", 1, 8),
        ),
        build=_rdk,
        aliases=("RDKIT",),
    ),
    FeaturizerRow(
        code="LAYERED",
        kind="bits",
        title="Paths, hashed in several layers from bare topology to ring sizes and aromaticity",
        dimension="size bits",
        paper=f"{_BOOK}, Layered Fingerprints",
        parameters=_PATHS,
        build=_layered,
    ),
    FeaturizerRow(
        code="PATTERN",
        kind="bits",
        title="Matches of a few generic patterns, hashed with their atoms and bonds",
        dimension="size bits",
        paper=f"{_BOOK}, Pattern Fingerprints",
        parameters=(
            size_parameter(2048),
            Parameter(
                "tautomers",
                "boolean",
                False,
                "For substructure search with tautomer queries: leave bond orders out where they move.",
            ),
        ),
        build=_pattern,
    ),
)
