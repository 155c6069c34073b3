"""Columns that say what the target says: the same measurement in other units, its logarithm, its class.

A model that takes one has been told the answer, and its figures are worth nothing. Nobody but the user
can tell that from a strong effect, so it is a warning. So is a column, or a category of one, that never
changes among the training records: test records alone may have it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.stats import rankdata

from molfleet.bundles.features import Toolbox
from workers.modeler.algorithms.base import REGRESSION, FloatArray
from workers.modeler.fits import Problem
from workers.modeler.importance import columns_of
from workers.modeler.plan import Plan

#: From here on a column and the target are in one order, but for rounding and slips of the pen.
AGREEMENT = 0.98
#: So many records must say something there, and no more are looked at.
_LEAST, _MOST = 10, 20_000
#: So many features of which nothing is learned are named.
_NAMED = 10


def columns_section(problem: Problem, plan: Plan, tools: Toolbox) -> dict[str, Any]:
    """What the model takes besides structures: `properties` by name, their features, each with its
    `agreement`, and `warnings`; {} where it takes none."""
    built = [tools.featurizer(tools.add(spec)) for spec in plan.specs]
    taken = np.concatenate([np.full(one.size, one.needs == "record") for one in built])
    if not taken.any():
        return {}
    training = problem.partition.training
    rows = training[:: max(1, -(-len(training) // _MOST))]
    values, names = problem.values[rows].astype(np.float64), columns_of(built)
    told, warnings, still = [], [], []
    for place in np.flatnonzero(taken).tolist():
        column = problem.data.features[rows, place].astype(np.float64)
        known = ~np.isnan(column)
        whole = problem.data.features[training, place]
        if not len(seen := whole[~np.isnan(whole)]) or np.ptp(seen) == 0:
            still.append(names[place].name)
        found = agreement(column[known], values[known], classes=problem.recipe.task != REGRESSION)
        told.append({"name": names[place].name, "records": int(known.sum()), "agreement": found})
        if found >= AGREEMENT:
            warnings.append(
                f"The column {names[place].name!r} goes with {plan.rules.target!r} all but exactly "
                f"({found:.3f} in {int(known.sum()):,} records): if it is the target in other words, the "
                "model has been told the answers."
            )
    if still:
        warnings.append(
            "Nothing is learned of what is the same in all training records: "
            f"{', '.join(map(repr, still[:_NAMED]))}{' and more' if len(still) > _NAMED else ''}."
        )
    properties = list(dict.fromkeys(name for one in built for name in one.reads))
    return {"columns": {"properties": properties, "taken": told, "warnings": warnings}}


def agreement(column: FloatArray, values: FloatArray, *, classes: bool) -> float:
    """How far a column orders records as the target does, 0 to 1, whichever way; 0 of too few records.

    Numbers: Spearman's correlation. Classes: Somers' D (2 AUC - 1) of the class that is told best.
    """
    if len(column) < _LEAST or np.ptp(column) == 0 or np.ptp(values) == 0:
        return 0.0
    ranks = rankdata(column)
    if not classes:
        return float(abs(np.corrcoef(ranks, rankdata(values))[0, 1]))
    best = 0.0
    for label in np.unique(values):
        inside = values == label
        count, others = int(inside.sum()), int((~inside).sum())
        area = (ranks[inside].sum() - count * (count + 1) / 2) / (count * others)
        best = max(best, abs(2 * area - 1))
    return float(best)
