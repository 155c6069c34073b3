"""Kernel expansions: f(x) = sum of coefficient times similarity to each kept training row + intercept.

The form of support vector machines, kernel ridge regression and the mean of Gaussian processes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from molfleet.bundles.estimators.base import Outputs
from molfleet.bundles.estimators.references import Mixture, References
from molfleet.bundles.estimators.space import Encoded, Space, pack_rows, take_rows
from molfleet.bundles.estimators.tensors import Tensors, pack
from molfleet.bundles.features import Matrix

Floats = NDArray[np.float64]

#: Similarities that are held at once: bounds the memory of a call with many rows.
_SIMILARITIES = 1 << 20


@dataclass(frozen=True)
class Link:
    """From decision values [n, d] to probabilities: 1 / (1 + exp(-(slope f + offset))), Platt (1999).

    One decision value: the second of two classes against the first. More: each class against the
    others, and the probabilities are divided by their sum.
    """

    slope: Floats
    offset: Floats

    def __call__(self, decisions: Floats) -> Outputs:
        steps = np.clip(decisions * self.slope + self.offset, -700.0, 700.0)
        positive = 1.0 / (1.0 + np.exp(-steps))
        if positive.shape[1] == 1:
            return np.concatenate([1.0 - positive, positive], axis=1)
        return np.asarray(positive / positive.sum(axis=1, keepdims=True))


@dataclass(frozen=True)
class Expansion:
    """`rows`: n training rows; `coefficients` [d, n]; `intercept` [d]. No link: a regression, d = 1."""

    space: Space
    rows: Encoded
    mixture: Mixture
    coefficients: Floats
    intercept: Floats
    link: Link | None = None

    def pack(self) -> bytes:
        """The bundle part (safetensors)."""
        link = {"slope": self.link.slope, "offset": self.link.offset} if self.link else {}
        return pack(
            {
                **self.space.arrays(),
                **pack_rows(self.rows),
                **self.mixture.arrays(),
                "coefficients": self.coefficients,
                "intercept": self.intercept,
                **link,
            }
        )

    @classmethod
    def unpack(cls, data: bytes, n_features: int) -> Expansion:
        """Raises ValueError with what is wrong with the part."""
        tensors = Tensors(data)
        space = Space.taken(tensors, n_features)
        rows = take_rows(tensors, space)
        mixture = Mixture.taken(tensors)
        coefficients = tensors.take("coefficients", np.float64, (None, len(rows)))
        width = len(coefficients)
        intercept = tensors.take("intercept", np.float64, (width,))
        link = None
        if "slope" in tensors or "offset" in tensors:
            shape = (width,)
            link = Link(tensors.take("slope", np.float64, shape), tensors.take("offset", np.float64, shape))
        tensors.done()
        if width == 0 or (link is None and width != 1) or (link and width == 2):
            raise ValueError(f"{width} decision values make no regression and no classes")
        return cls(space, rows, mixture, coefficients, intercept, link)


class KernelPredictor:
    """An expansion, ready to predict. A row's outputs do not depend on the other rows of a call."""

    def __init__(self, data: bytes, n_features: int, any_block: bool) -> None:
        """`any_block` makes no difference here. Raises ValueError with what is wrong with the part."""
        expansion = Expansion.unpack(data, n_features)
        self._space, self._mixture, self._link = expansion.space, expansion.mixture, expansion.link
        self._coefficients, self._intercept = expansion.coefficients, expansion.intercept
        self._references = References(expansion.rows)
        self._block = max(1, _SIMILARITIES // len(self._references))

    def __call__(self, features: Matrix) -> Outputs:
        """Rows with NaN give NaN."""
        decisions = np.empty((len(features), len(self._intercept)))
        unknown = np.isnan(features).any(axis=1)
        for start in range(0, len(features), self._block):
            block = slice(start, start + self._block)
            queries = self._space.encode(np.nan_to_num(features[block], posinf=np.inf, neginf=-np.inf))
            similarities = self._references.similarities(queries, self._mixture)
            for row, similarity in enumerate(similarities, start):
                decisions[row] = (self._coefficients * similarity).sum(axis=1) + self._intercept
        outputs = decisions if self._link is None else self._link(decisions)
        outputs[unknown] = np.nan
        return outputs
