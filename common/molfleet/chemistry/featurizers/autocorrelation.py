"""Autocorrelation of atomic properties over the bonds between atoms."""

from __future__ import annotations

from rdkit.Chem import rdMolDescriptors

from molfleet.chemistry.featurizers.vectors import numbered, vector_row

ROWS = (
    vector_row(
        "AUTOCORR2D",
        "Two-dimensional autocorrelation: Moreau-Broto, centred Moreau-Broto, Moran and Geary, "
        "each of six atomic properties over 1 to 8 bonds",
        "Todeschini and Consonni, Molecular Descriptors for Chemoinformatics, Wiley-VCH (2009); "
        "Moreau and Broto, The Autocorrelation of a Topological Structure: A New Molecular Descriptor, "
        "Nouv. J. Chim. 4 (1980) 359-360",
        numbered("AUTOCORR2D", 192),
        rdMolDescriptors.CalcAUTOCORR2D,
    ),
)
