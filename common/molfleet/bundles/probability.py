"""From an estimator's outputs to probabilities that come true as often as they say.

p' = softmax(slope x log(p + floor) + biases), one slope for all labels: for two labels Platt's scaling
(Platt, Advances in Large Margin Classifiers, 1999) of the log odds, without biases temperature scaling
(Guo et al., ICML 2017). `floor` keeps the logarithm of an output of 0 finite. A positive slope keeps the
order of two labels' outputs, and so every figure of ranking.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Calibrator:
    """`slope` > 0, one of `biases` for each of k labels, `floor` > 0."""

    slope: float
    biases: tuple[float, ...]
    floor: float

    def __call__(self, outputs: Floats) -> Floats:
        """Probabilities [n, k] from outputs [n, k], row by row; NaN stays NaN."""
        logits = self.slope * logarithms(outputs, self.floor) + np.array(self.biases)
        return softmax(logits)


def softmax(logits: Floats) -> Floats:
    """Probabilities [n, k] of logits [n, k], row by row; NaN stays NaN."""
    raised = np.exp(logits - logits.max(axis=1, keepdims=True, initial=-np.inf))
    return np.asarray(raised / raised.sum(axis=1, keepdims=True))


def logarithms(outputs: Floats, floor: float) -> Floats:
    """log(p + floor) of outputs between 0 and 1."""
    return np.asarray(np.log(np.clip(outputs, 0.0, 1.0) + floor))
