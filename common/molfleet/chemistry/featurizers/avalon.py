"""Avalon fingerprints, as counts and as bits.

RDKit's function of a molecule counts only the toolkit's classes for substructure search; the bits also
have those for similarity. So a few bits may be set where no count is.
"""

from __future__ import annotations

from functools import partial

from rdkit.Avalon import pyAvalonTools

from molfleet.chemistry.featurizers.base import FeaturizerRow
from molfleet.chemistry.featurizers.packing import BitVectors, SparseCounts
from molfleet.chemistry.featurizers.spec import size_parameter

PAPER = "Gedeck et al., QSAR - How Good Is It in Practice?, J. Chem. Inf. Model. 46 (2006) 1924-1936"

#: The toolkit works in whole bytes.
_SIZE = size_parameter(512, step=8)

ROWS = (
    FeaturizerRow(
        code="AVALON",
        kind="counts",
        title="Atoms, bonds, paths, rings and their environments, as of the Avalon toolkit, counted",
        dimension="size counts",
        paper=PAPER,
        parameters=(_SIZE,),
        build=lambda column, parameters: SparseCounts(
            column, parameters["size"], partial(pyAvalonTools.GetAvalonCountFP, nBits=parameters["size"])
        ),
        aliases=("AVALON_COUNTS",),
    ),
    FeaturizerRow(
        code="AVALON_BITS",
        kind="bits",
        title="Atoms, bonds, paths, rings and their environments, as of the Avalon toolkit",
        dimension="size bits",
        paper=PAPER,
        parameters=(_SIZE,),
        build=lambda column, parameters: BitVectors(
            column, parameters["size"], partial(pyAvalonTools.GetAvalonFP, nBits=parameters["size"])
        ),
    ),
)
