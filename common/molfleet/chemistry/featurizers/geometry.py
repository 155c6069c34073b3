"""Descriptors of a three-dimensional conformer. Nothing else in the catalogue makes conformers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rdkit import Chem
from rdkit.Chem import Descriptors3D, rdMolDescriptors

from molfleet.chemistry.featurizers.base import FeaturizerRow
from molfleet.chemistry.featurizers.conformers import PAPER, PARAMETERS, conformers
from molfleet.chemistry.featurizers.vectors import DescriptorFeaturizer, Vector, numbered

_SHAPES = tuple(name for name, _ in Descriptors3D.descList)


class ConformerDescriptors(DescriptorFeaturizer):
    """Descriptors of a molecule's conformer; where there is none, the record has no row."""

    def __init__(
        self, column: str, names: tuple[str, ...], function: Vector, parameters: Mapping[str, Any]
    ) -> None:
        super().__init__(column, names)
        self._function = function
        self._conformers = conformers(parameters)

    def raw(self, mol: Chem.Mol) -> Sequence[float]:
        return self._function(self._conformers.of(mol))


def _shape(mol: Chem.Mol) -> Sequence[float]:
    return [function(mol) for _, function in Descriptors3D.descList]


def _getaway(mol: Chem.Mol) -> Sequence[float]:
    """Refuses what RDKit would count to a hundred million for: the bonds from fragment to fragment."""
    fragments = len(Chem.GetMolFrags(mol))
    if fragments > 1:
        raise ValueError(
            f"GETAWAY is of connected atoms, and the molecule has {fragments} fragments; "
            f"standardized to its parent it has one"
        )
    values: list[float] = rdMolDescriptors.CalcGETAWAY(mol)
    return values


def _row(code: str, title: str, names: tuple[str, ...], function: Vector, paper: str) -> FeaturizerRow:
    def build(column: str, parameters: Mapping[str, Any]) -> ConformerDescriptors:
        return ConformerDescriptors(column, names, function, parameters)

    return FeaturizerRow(
        code=code,
        kind="descriptors",
        title=title,
        dimension=f"{len(names)} descriptors of one conformer",
        paper=f"{paper}; {PAPER}",
        build=build,
        parameters=PARAMETERS,
    )


ROWS = (
    _row(
        "DESC3D",
        "RDKit's descriptors of shape: moments of inertia, radius of gyration, plane of best fit, ...",
        _SHAPES,
        _shape,
        "Sauer and Schwarz, J. Chem. Inf. Comput. Sci. 43 (2003) 987-1003; Firth et al., "
        "J. Chem. Inf. Model. 52 (2012) 2516-2525; rdkit.Chem.Descriptors3D",
    ),
    _row(
        "AUTOCORR3D",
        "Three-dimensional autocorrelation",
        numbered("AUTOCORR3D", 80),
        rdMolDescriptors.CalcAUTOCORR3D,
        "Todeschini and Consonni, Molecular Descriptors for Chemoinformatics, Wiley-VCH (2009)",
    ),
    _row(
        "RDF",
        "Radial distribution function",
        numbered("RDF", 210),
        rdMolDescriptors.CalcRDF,
        "Hemmer, Steinhauer and Gasteiger, Vib. Spectrosc. 19 (1999) 151-164",
    ),
    _row(
        "MORSE",
        "3D-MoRSE: molecule representation of structures based on electron diffraction",
        numbered("MORSE", 224),
        rdMolDescriptors.CalcMORSE,
        "Schuur, Selzer and Gasteiger, J. Chem. Inf. Comput. Sci. 36 (1996) 334-344",
    ),
    _row(
        "WHIM",
        "Weighted holistic invariant molecular descriptors",
        numbered("WHIM", 114),
        rdMolDescriptors.CalcWHIM,
        "Todeschini and Gramatica, Perspect. Drug Discov. Des. 9-11 (1998) 355-380",
    ),
    _row(
        "GETAWAY",
        "Geometry, topology and atom weights assembly; of one fragment",
        numbered("GETAWAY", 273),
        _getaway,
        "Consonni, Todeschini and Pavan, J. Chem. Inf. Comput. Sci. 42 (2002) 682-692",
    ),
    _row(
        "USR",
        "Ultrafast shape recognition; at least three atoms, hydrogens counted",
        numbered("USR", 12),
        rdMolDescriptors.GetUSR,
        "Ballester and Richards, J. Comput. Chem. 28 (2007) 1711-1723",
    ),
    _row(
        "USRCAT",
        "Ultrafast shape recognition with CREDO atom types; at least three atoms, hydrogens counted",
        numbered("USRCAT", 60),
        rdMolDescriptors.GetUSRCAT,
        "Schreyer and Blundell, J. Cheminform. 4 (2012) 27",
    ),
)
