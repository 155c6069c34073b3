"""What every kind of estimator in a bundle gives: something that predicts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from molfleet.bundles.features import Matrix

Outputs = NDArray[np.float64]


class Predictor(Protocol):
    """Outputs [n, n_outputs] of features [n, m]: a regression value, or one probability per label."""

    def __call__(self, features: Matrix) -> Outputs: ...


@dataclass(frozen=True)
class EstimatorKind:
    """One row: `load(data, n_features, any_block)` raises ValueError with what is wrong with the part."""

    code: str
    load: Callable[[bytes, int, bool], Predictor]
    aliases: tuple[str, ...] = ()
