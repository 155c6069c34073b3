"""Nearest neighbours: the similarity-weighted mean of what was measured for the most similar molecules."""

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

_SIMILARITIES = 1 << 20
_MAX_NEIGHBOURS = 100_000


@dataclass(frozen=True)
class Voting:
    """What the nearest say. `targets` [n, d] are values, or votes for classes. The `count` most similar
    rows (of equals the first) weigh similarity ** `power` each. `prior` [d] is what is said where nothing
    is similar, and has the part `shrinkage` of what is said elsewhere."""

    targets: Floats
    prior: Floats
    count: int
    power: float
    shrinkage: float
    probabilities: bool

    def __call__(self, similarities: Floats) -> Floats:
        """Outputs [d] of one query from its similarities [n]."""
        nearest = self.nearest(similarities)
        weights = np.maximum(similarities[nearest], 0.0) ** self.power
        votes = (weights[:, np.newaxis] * self.targets[nearest]).sum(axis=0)
        total = float((votes if self.probabilities else weights).sum())
        if total <= 0.0:
            return self.prior
        return np.asarray((1.0 - self.shrinkage) * (votes / total) + self.shrinkage * self.prior)

    def nearest(self, similarities: Floats) -> NDArray[np.int64]:
        """The rows of the `count` highest similarities, highest first, equals in their order."""
        last = len(similarities) - min(self.count, len(similarities))
        least = np.partition(similarities, last)[last]
        candidates = np.flatnonzero(similarities >= least)
        order = np.argsort(-similarities[candidates], kind="stable")
        return np.asarray(candidates[order[: self.count]])


@dataclass(frozen=True)
class Neighbourhood:
    """All that a nearest-neighbour model is: `rows` n encoded training rows, and how they vote."""

    space: Space
    rows: Encoded
    mixture: Mixture
    voting: Voting

    def pack(self) -> bytes:
        """The bundle part (safetensors)."""
        voting = self.voting
        return pack(
            {
                **self.space.arrays(),
                **pack_rows(self.rows),
                **self.mixture.arrays(),
                "targets": voting.targets,
                "prior": voting.prior,
                "count": np.array([float(voting.count)]),
                "power": np.array([voting.power]),
                "shrinkage": np.array([voting.shrinkage]),
            }
        )

    @classmethod
    def unpack(cls, data: bytes, n_features: int) -> Neighbourhood:
        """Raises ValueError with what is wrong with the part."""
        tensors = Tensors(data)
        space = Space.taken(tensors, n_features)
        rows = take_rows(tensors, space)
        mixture = Mixture.taken(tensors)
        targets = tensors.take("targets", np.float64, (len(rows), None))
        width = targets.shape[1]
        if width == 0:
            raise ValueError("the array targets is empty")
        voting = Voting(
            targets=targets,
            prior=tensors.take("prior", np.float64, (width,)),
            count=int(tensors.take_number("count", 1, _MAX_NEIGHBOURS)),
            power=tensors.take_number("power", 0.0, 1e3),
            shrinkage=tensors.take_number("shrinkage", 0.0, 1.0),
            probabilities=width > 1,
        )
        tensors.done()
        if width > 1 and ((targets < 0).any() or (voting.prior < 0).any()):
            raise ValueError("votes for classes are negative")
        return cls(space, rows, mixture, voting)


class NeighboursPredictor:
    """A neighbourhood, ready to predict. A row's outputs do not depend on the other rows of a call."""

    def __init__(self, data: bytes, n_features: int, any_block: bool) -> None:
        """`any_block` makes no difference here. Raises ValueError with what is wrong with the part."""
        model = Neighbourhood.unpack(data, n_features)
        self._space, self._mixture, self._voting = model.space, model.mixture, model.voting
        self._references = References(model.rows)
        self._block = max(1, _SIMILARITIES // len(self._references))

    def __call__(self, features: Matrix) -> Outputs:
        """Rows with NaN give NaN."""
        outputs = np.empty((len(features), len(self._voting.prior)))
        unknown = np.isnan(features).any(axis=1)
        for start in range(0, len(features), self._block):
            block = slice(start, start + self._block)
            queries = self._space.encode(np.nan_to_num(features[block], posinf=np.inf, neginf=-np.inf))
            similarities = self._references.similarities(queries, self._mixture)
            for row, similarity in enumerate(similarities, start):
                outputs[row] = self._voting(similarity)
        outputs[unknown] = np.nan
        return outputs
