"""How much the measurements themselves scatter, and so how good the best model could look.

Estimated from replicates, before they are merged. No model is measured to be better than the noise of
the values it is measured on allows: Brown, Muchmore and Hajduk, Drug Discov. Today 2009, 14, 420;
Kramer, Kalliokoski, Gedeck and Vulpetti, J. Med. Chem. 2012, 55, 5165; Crusius, Cipcigan and Biggin,
Faraday Discuss. 2025, doi 10.1039/d4fd00091a. Where molecules were measured again in one place only, this
is the scatter within that place; between laboratories it is larger.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaincinv

#: Below so many degrees of freedom the figure is told, but with a warning.
FEW = 10


@dataclass(frozen=True)
class Noise:
    """What `molecules` with `records` records between them, `pairs` pairs within molecules, say.

    `degrees` are the degrees of freedom, records less molecules; `identical` of the pairs are equal to
    the last digit. Regression: `sd` of one measurement in model space, pooled, with its 95 % interval
    (None where every pair is identical: copies tell nothing); `robust_sd` from the median difference,
    which single mistakes do not move; `best_r2` and `best_rmse` of a perfect model, judged on the values
    as they are used. Classification: `disagreement`, the probability that two records of one molecule
    differ; `label_error`, the share of wrong labels that explains it; `best_accuracy` of a perfect
    model.
    """

    molecules: int
    records: int
    pairs: int
    degrees: int
    identical: int
    sd: float | None = None
    sd_interval: tuple[float, float] | None = None
    robust_sd: float | None = None
    best_r2: float | None = None
    best_rmse: float | None = None
    disagreement: float | None = None
    label_error: float | None = None
    best_accuracy: float | None = None


def value_noise(
    groups: Sequence[Sequence[float]], used: NDArray[np.float64], replicates: NDArray[np.int64]
) -> Noise | None:
    """The noise of numbers; None without replicates.

    `groups` are the exact values of each molecule, `used` [n] the values that are learnt from, each made
    of `replicates` [n] measurements. Pooled variance: squares within molecules over their degrees of
    freedom. The mean of k measurements has 1/k of the variance of one; the median of three or more has
    up to 1.57 times as much as the mean, which is neglected.
    """
    groups = [group for group in groups if len(group) > 1]
    if not groups:
        return None
    squares = math.fsum(float(np.sum(np.square(np.subtract(group, np.mean(group))))) for group in groups)
    differences, identical = _differences(groups)
    counted = _counted(groups, identical)
    if identical == counted.pairs:
        return counted
    variance = squares / counted.degrees
    # Quantiles of chi-square.
    low, high = 2.0 * gammaincinv(counted.degrees / 2.0, [0.025, 0.975])
    remaining = variance * float(np.mean(1.0 / replicates))
    spread = float(np.var(used))
    return replace(
        counted,
        sd=math.sqrt(variance),
        sd_interval=(math.sqrt(squares / high), math.sqrt(squares / low)),
        # The difference of two measurements scatters by the square root of 2 more than one.
        robust_sd=1.4826 * float(np.median(differences)) / math.sqrt(2.0),
        best_r2=max(0.0, 1.0 - remaining / spread) if spread > 0 else None,
        best_rmse=math.sqrt(remaining),
    )


def label_noise(groups: Sequence[Sequence[str]], classes: int) -> Noise | None:
    """The noise of labels; None without replicates.

    The rate of disagreement is pooled as a variance is: each molecule's share of unequal pairs, weighted
    by its records less one. If labels go wrong with probability e, to each other class alike, two of
    them agree with probability (1 - e)^2 + e^2 / (classes - 1), which is solved for e.
    """
    groups = [group for group in groups if len(group) > 1]
    if not groups:
        return None
    identical, weighted = 0, 0.0
    for group in groups:
        same = sum(math.comb(count, 2) for count in Counter(group).values())
        identical += same
        weighted += (len(group) - 1) * (1.0 - same / math.comb(len(group), 2))
    counted = _counted(groups, identical)
    disagreement = weighted / counted.degrees
    share = (classes - 1) / classes
    error = share * (1.0 - math.sqrt(max(0.0, 1.0 - disagreement / share)))
    return replace(counted, disagreement=disagreement, label_error=error, best_accuracy=1.0 - error)


def _counted(groups: Sequence[Sequence[Any]], identical: int) -> Noise:
    records = sum(map(len, groups))
    return Noise(
        molecules=len(groups),
        records=records,
        pairs=sum(math.comb(len(group), 2) for group in groups),
        degrees=records - len(groups),
        identical=identical,
    )


def _differences(groups: Sequence[Sequence[float]]) -> tuple[NDArray[np.float64], int]:
    """Of the pairs within molecules (a hundred records of each at most), and how many are identical."""
    found: list[NDArray[np.float64]] = []
    identical = 0
    for group in groups:
        identical += sum(math.comb(count, 2) for count in Counter(group).values())
        some = np.asarray(group[:100], dtype=np.float64)
        rows, columns = np.triu_indices(len(some), 1)
        found.append(np.abs(some[rows] - some[columns]))
    return np.concatenate(found), identical


def told(noise: Noise | None) -> Mapping[str, Any] | None:
    """As the curation report has it: what does not apply is left out."""
    if noise is None:
        return None
    return {name: value for name, value in vars(noise).items() if value is not None}
