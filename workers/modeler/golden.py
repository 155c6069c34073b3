"""The molecules by which a bundle proves at every load that it still says what it said when it was made."""

from __future__ import annotations

import numpy as np
from rdkit import Chem

from molfleet.bundles import manifest
from molfleet.bundles.arrays import pack
from molfleet.bundles.features import Featurization, Molecule, Toolbox
from molfleet.bundles.similarity import Bits, neighbours
from molfleet.errors import Code, Rejected
from workers.modeler.learning import Learned
from workers.modeler.plan import Plan
from workers.modeler.sealed import predict
from workers.modeler.splits import Indices

GOLDEN_MOLECULES = 8
#: They are picked from so many training molecules.
_CANDIDATES = 1_000


def golden_molecules(plan: Plan, learned: Learned, tools: Toolbox) -> tuple[manifest.Golden, bytes]:
    """Diverse training molecules with the features that their SMILES give and what the bundle predicts."""
    names = tuple(tools.add(spec) for spec in plan.specs)
    featurization = Featurization(plan.standardize, names)
    samples = learned.problem.samples
    smiles, rows, properties = [], [], []
    columns = tools.columns(featurization)
    for row in _diverse(samples.fingerprints, learned.problem.partition.training, plan.seed):
        mol = Chem.MolFromSmiles(samples.smiles[row])
        if mol is None:
            continue
        record = learned.dataset.measured[learned.curated.rows[row]]
        said = dict(zip(columns, record.said, strict=True))
        try:
            rows.append(Molecule(mol, tools, said).features(featurization))
        except Exception:  # noqa: S112  a molecule that does not survive its own SMILES proves nothing
            continue
        smiles.append(samples.smiles[row])
        properties.append(said)
    if not rows:
        raise Rejected(
            Code.INTERNAL,
            "No training molecule can be read back from its own SMILES, so the model cannot be verified.",
            retryable=False,
        )
    features = np.stack(rows)
    outputs = predict(learned.final.models, features, learned.problem.outputs)
    golden = manifest.Golden(
        smiles=tuple(smiles), part="golden.npz", properties=tuple(properties) if columns else ()
    )
    return golden, pack({"features": features, "outputs": outputs})


def _diverse(ecfp4: Bits, training: Indices, seed: int) -> list[int]:
    """Each the molecule that is least similar to those before it (MaxMin), from a seeded start."""
    rows = np.random.default_rng((seed, 3)).permutation(training)[:_CANDIDATES]
    bits = ecfp4[rows]
    chosen = [0]
    nearest = _similarity_to(bits, 0)
    while len(chosen) < min(GOLDEN_MOLECULES, len(rows)) and np.min(nearest) < 1:
        chosen.append(int(np.argmin(nearest)))
        nearest = np.maximum(nearest, _similarity_to(bits, chosen[-1]))
    return [int(rows[place]) for place in chosen]


def _similarity_to(bits: Bits, place: int) -> np.ndarray:
    return neighbours(bits, bits[place : place + 1], 1).similarities[:, 0]
