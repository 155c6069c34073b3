"""Golden molecules: proof, at every load, that a model still says what it said when it was made.

Stored features first: another prediction from the very same numbers means that the model (or what
runs it) is damaged. Then the molecules anew: other features mean that the chemistry has changed, as
RDKit's descriptors do between releases, and the model must be trained again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from rdkit import Chem, rdBase

from molfleet.bundles.archive import OpenBundle, refuse
from molfleet.bundles.features import Matrix, Molecule, Toolbox

if TYPE_CHECKING:
    from molfleet.bundles.predict import Model

#: Relative tolerance of outputs and features, as the contract has it for repeated predictions.
TOLERANCE = 1e-4


def verify(model: Model, bundle: OpenBundle, tools: Toolbox) -> None:
    """Raises Rejected(INVALID_MODEL); `details.reason` is `golden` or `features`."""
    manifest = model.manifest
    golden = manifest.golden
    arrays = bundle.arrays(golden.part)
    features, outputs = arrays.get("features"), arrays.get("outputs")
    count = len(golden.smiles)
    if (
        features is None
        or outputs is None
        or features.shape != (count, manifest.n_features)
        or features.dtype != np.float32
        or outputs.shape != (count, manifest.n_outputs)
    ):
        refuse(f"part {golden.part} does not hold features and outputs of {count} golden molecules")
    now = model.outputs(features)
    wrong = ~np.isclose(now, outputs, rtol=TOLERANCE, atol=TOLERANCE * max(1e-6, float(np.std(outputs))))
    if wrong.any():
        row, column = np.argwhere(wrong)[0]
        refuse(
            f"it predicts {now[row, column]:.6g} for the golden molecule {golden.smiles[row]}, "
            f"and {outputs[row, column]:.6g} when it was made",
            reason="golden",
        )
    properties: Sequence[Mapping[str, str]] = golden.properties or [{} for _ in golden.smiles]
    for smiles, said, row in zip(golden.smiles, properties, features, strict=True):
        _compare(model, smiles, said, row, tools)


def _compare(
    model: Model, smiles: str, properties: Mapping[str, str], stored: Matrix, tools: Toolbox
) -> None:
    made_with = model.manifest.library_versions.get("rdkit", "an unknown version")
    versions = f"made with RDKit {made_with}, this worker has {rdBase.rdkitVersion}"
    mol = Chem.MolFromSmiles(smiles)
    if mol is None:
        refuse(f"RDKit no longer reads the golden molecule {smiles} ({versions})", reason="features")
    molecule = Molecule(mol, tools, properties)
    start = 0
    for entry, spec in zip(model.manifest.featurizers, model.featurization.specs, strict=True):
        featurizer = tools.featurizer(spec)
        try:
            packed = molecule.packed(model.featurization.level, spec)
        except Exception as error:  # RDKit raises RuntimeError, ValueError, ... from its invariants
            refuse(
                f"{entry.type} fails for the golden molecule {smiles}: {error} ({versions})",
                reason="features",
            )
        now = featurizer.unpack(packed[np.newaxis])[0]
        before = stored[start : start + entry.n_features]
        start += entry.n_features
        other = ~np.isclose(now, before, rtol=TOLERANCE, atol=1e-6, equal_nan=True)
        if other.any():
            place = int(np.flatnonzero(other)[0])
            column = entry.names[place] if entry.names else f"column {place}"
            refuse(
                f"{featurizer.column} gives other features for the golden molecule {smiles} "
                f"({column}: {now[place]:g}, was {before[place]:g}; {int(other.sum())} columns in all); "
                f"{versions}: train the model again",
                reason="features",
                featurizer=featurizer.column,
                rdkit_then=made_with,
                rdkit_now=rdBase.rdkitVersion,
            )
