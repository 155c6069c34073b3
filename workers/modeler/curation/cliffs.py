"""Activity cliffs: molecules that look alike and measure differently, where every model errs.

Two molecules are alike from an ECFP4 Tanimoto similarity of 0.9 on, and a cliff where they are more than
tenfold apart (van Tilborg, Alenicheva and Grisoni, J. Chem. Inf. Model. 2022, 62, 5938): by one, where
logarithms are modelled, which the transform says or the name of the target (pIC50, logD). Elsewhere it
takes two standard deviations of the values, close to the mean plus two standard deviations of the
differences of all pairs (a criterion reviewed by Stumpfe, Hu and Bajorath, J. Comput. Aided Mol. Des.
2020, 34, 929). Classes: any other class.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from rdkit import Chem

from molfleet.bundles.similarity import near_rows
from workers.modeler.algorithms.base import CLASSIFICATION
from workers.modeler.curation.records import Curated, Measured

SIMILARITY = 0.9
_DECADE = 1.0
#: pIC50, pKi, pChEMBL; logS, LogD74, exp_logBB, -log(LC50), log10 Kd; but no analogue.
_LOGARITHM = re.compile(
    r"(?:^|[^A-Za-z])(?:p(?:[A-Z]|(?i:chembl|ic50|ec50|ki\b|kd\b))|(?i:[cs]?log(?!i|o|g)))"
)
_DEVIATIONS = 2.0
#: All pairs among so many molecules take seconds; of larger sets a seeded sample is looked at.
MOLECULES = 20_000
#: So many cliffs are listed, the worst ones.
LISTED = 10
#: Molecules with one fingerprint are compared without their stereochemistry, so many of them.
_PARSED = 5_000


class Pairs(NamedTuple):
    """Unordered pairs: `a` < `b` are positions (int64), `similarity` float32."""

    a: NDArray[np.int64]
    b: NDArray[np.int64]
    similarity: NDArray[np.float32]


def threshold_of(curated: Curated) -> float:
    """The difference in model space that makes a cliff; 0 for classes."""
    if curated.task == CLASSIFICATION:
        return 0.0
    if curated.rules.transform != "none" or _LOGARITHM.search(curated.rules.target):
        return _DECADE
    return _DEVIATIONS * float(np.std(curated.values))


def cliffs(
    curated: Curated, measured: Sequence[Measured], ecfp4: NDArray[np.uint8], seed: int
) -> dict[str, Any]:
    """Counts of cliffs among the used records (`ecfp4` uint8 [used, 256]), and the worst of them.

    `share_of_molecules` is that of the molecules looked at which are on a cliff.
    """
    looked_at = np.arange(len(curated.rows))
    if len(looked_at) > MOLECULES:
        chosen = np.random.default_rng((seed, 5)).choice(len(looked_at), MOLECULES, replace=False)
        looked_at = np.sort(chosen)
    found, pairs = _found(curated, ecfp4, looked_at)
    order = np.lexsort((-found.similarity, -_difference(curated, found.a, found.b)))[:LISTED]
    on_a_cliff = len(np.unique(np.concatenate([found.a, found.b])))
    return {
        "similarity": SIMILARITY,
        "difference": threshold_of(curated),
        "molecules": len(looked_at),
        "sampled": len(looked_at) < len(curated.rows),
        "similar_pairs": pairs,
        "cliffs": len(found.a),
        "molecules_on_cliffs": on_a_cliff,
        "share_of_molecules": on_a_cliff / len(looked_at),
        "worst": [_told(curated, measured, found, int(place)) for place in order],
    }


def _found(curated: Curated, ecfp4: NDArray[np.uint8], looked_at: NDArray[np.int64]) -> tuple[Pairs, int]:
    """The cliffs, as positions in the used records, and how many pairs are similar at all."""
    threshold, pairs = threshold_of(curated), 0
    parts = [Pairs(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0, np.float32))]
    for row, others, similarities in near_rows(ecfp4[looked_at], SIMILARITY):
        a, b = np.full(len(others), looked_at[row]), looked_at[others]
        apart = curated.molecules[a] != curated.molecules[b]
        pairs += int(np.sum(apart))
        steep = apart & (_difference(curated, a, b) > threshold)
        if np.any(steep):
            a, b = a[steep], b[steep]
            parts.append(Pairs(np.minimum(a, b), np.maximum(a, b), similarities[steep]))
    a, b, similarity = (np.concatenate(column) for column in zip(*parts, strict=True))
    order = np.lexsort((b, a))
    return Pairs(a[order], b[order], similarity[order]), pairs


def _difference(curated: Curated, a: NDArray[np.int64], b: NDArray[np.int64]) -> NDArray[np.float64]:
    values = curated.values
    apart = values[a] != values[b] if curated.task == CLASSIFICATION else np.abs(values[a] - values[b])
    return np.asarray(apart, dtype=np.float64)


def _told(curated: Curated, measured: Sequence[Measured], found: Pairs, place: int) -> dict[str, Any]:
    items = [measured[int(curated.rows[side[place]])] for side in (found.a, found.b)]
    told: dict[str, Any] = {
        "records": [item.record for item in items],
        "smiles": [item.molecule for item in items],
        "measured": [item.text for item in items],
        "similarity": float(found.similarity[place]),
    }
    if curated.task != CLASSIFICATION:
        told["difference"] = float(_difference(curated, found.a[[place]], found.b[[place]])[0])
    return told


def flat_structures(
    curated: Curated, measured: Sequence[Measured], ecfp4: NDArray[np.uint8]
) -> dict[str, Any]:
    """Molecules that are one without their stereochemistry, which 2D features cannot tell apart.

    Only those with a fingerprint in common are looked at: `structures` so shared by several
    `molecules`, of which `disagreeing` have different classes or are a cliff apart.
    """
    whole = np.ascontiguousarray(ecfp4).view(f"V{ecfp4.shape[1]}").ravel()
    _, kind = np.unique(whole, return_inverse=True)
    _, distinct = np.unique(curated.molecules, return_index=True)
    counts = np.bincount(kind[distinct], minlength=len(kind))
    shared = [int(place) for place in distinct if counts[kind[place]] > 1]
    groups: dict[str, list[int]] = {}
    for place in shared[:_PARSED]:
        mol = Chem.MolFromSmiles(measured[int(curated.rows[place])].molecule)
        if mol is not None:
            groups.setdefault(Chem.MolToSmiles(mol, isomericSmiles=False), []).append(place)
    several = [curated.values[places] for places in groups.values() if len(places) > 1]
    threshold = threshold_of(curated)
    return {
        "structures": len(several),
        "molecules": sum(map(len, several)),
        "disagreeing": sum(float(np.ptp(values)) > threshold for values in several),
        "complete": len(shared) <= _PARSED,
    }
