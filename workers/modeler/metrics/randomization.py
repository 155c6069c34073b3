"""y-randomization: training again with values that belong to other molecules.

A model that scores as well on scrambled values has found nothing (Rücker, Rücker and Meringer, J. Chem.
Inf. Model. 47 (2007) 2345; Tropsha, Gramatica and Gombar, QSAR Comb. Sci. 22 (2003) 69).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workers.modeler.metrics.catalogue import METRICS


def y_randomization(
    values: NDArray[Any], molecules: NDArray[np.int64], seed: int, round: int
) -> NDArray[Any]:
    """The values of all records in an order of its own for each round, 0-based.

    Molecules are shuffled, not records, so that replicates of one (equal numbers in `molecules`) get
    values that were measured together as far as the counts allow.
    """
    rng = np.random.default_rng((seed, round, 2))
    given, taken = (_by_shuffled_molecule(molecules, rng) for _ in range(2))
    scrambled = np.empty_like(values)
    scrambled[taken] = values[given]
    return scrambled


def _by_shuffled_molecule(molecules: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.int64]:
    """Positions of the records, molecule by molecule, the molecules in random order."""
    distinct, molecule = np.unique(molecules, return_inverse=True)
    return np.argsort(rng.permutation(len(distinct))[molecule], kind="stable")


def randomization_section(metric: str, score: float, scrambled: Sequence[float]) -> dict[str, Any]:
    """What is said of the rounds: JSON-able, None where it takes more rounds to say.

    `z` is how many standard deviations (sample) the score is better than the mean of the scrambled ones;
    `p_value` (k + 1) / (n + 1), k of n scrambled scores being as good or better, which is never 0 (Phipson
    and Smyth, Stat. Appl. Genet. Mol. Biol. 9 (2010) 39). Scores that are not finite count as better.
    """
    row = METRICS.get(metric)
    sign = 1 if row.greater_is_better else -1
    scores = np.asarray(scrambled, dtype=np.float64)
    defined = scores[np.isfinite(scores)]
    mean = float(defined.mean()) if len(defined) else None
    std = float(defined.std(ddof=1)) if len(defined) > 1 else None
    worse = int(np.sum(sign * defined < sign * score))
    return {
        "metric": row.code,
        "score": score,
        "rounds": len(scores),
        "scrambled_mean": mean,
        "scrambled_std": std,
        "z": sign * (score - mean) / std if mean is not None and std else None,
        "p_value": (len(scores) - worse + 1) / (len(scores) + 1),
    }
