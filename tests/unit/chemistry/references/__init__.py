"""What every row of the featurizer catalogue must give, from somewhere else than its own code.

One module per family, each with its REFERENCES: by code, some (spec, SMILES, oracle). The oracle takes
the molecule and gives its vector unpacked, [size]: calculated in another way (RDKit's older functions,
another program), or published. `tests/unit/chemistry/test_featurizers.py` fails for a row without one.
"""

from __future__ import annotations

from collections.abc import Iterable

from tests.unit.chemistry.references import columns, conformers, descriptors, fingerprints, keys, vectors
from tests.unit.chemistry.references.cases import Reference

FAMILIES = (
    fingerprints.REFERENCES,
    keys.REFERENCES,
    descriptors.REFERENCES,
    vectors.REFERENCES,
    conformers.REFERENCES,
    columns.REFERENCES,
)


def _merged(families: Iterable[dict[str, list[Reference]]]) -> dict[str, list[Reference]]:
    merged: dict[str, list[Reference]] = {}
    for family in families:
        for code, references in family.items():
            merged.setdefault(code, []).extend(references)
    return merged


REFERENCES = _merged(FAMILIES)
