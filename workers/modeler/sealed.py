"""A trained model as a bundle will hold it, apart from all that is said about it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from molfleet.bundles.arrays import pack, unpack
from molfleet.bundles.composition import Group, Member, mean_of
from molfleet.bundles.estimators import ESTIMATORS
from molfleet.bundles.preparation import Preparation
from workers.modeler.algorithms.base import FloatArray, Matrix

_ABOUT = ("kind", "any_block", "weight", "center", "scale")


@dataclass(frozen=True)
class SealedMember:
    """One exported estimator; see manifest.Estimator. `preparation` takes the training's whole matrix."""

    kind: str
    part: bytes
    any_block: bool
    preparation: Preparation
    weight: float = 1.0
    center: float = 0.0
    scale: float = 1.0

    def load(self) -> Member:
        """As a predictor would: by the code of bundles, from bytes alone."""
        predictor = ESTIMATORS.get(self.kind).load(self.part, self.preparation.width, self.any_block)
        return Member(predictor, self.weight, self.center, self.scale, self.preparation)


@dataclass(frozen=True)
class SealedModel:
    """Members and how they become one: a row of bundles.composition.COMBINATIONS with its arrays."""

    members: Sequence[SealedMember]
    combination: str = "mean"
    arrays: Mapping[str, NDArray[Any]] = field(default_factory=dict)

    def load(self, outputs: int) -> Group:
        return Group([member.load() for member in self.members], outputs, self.combination, self.arrays)

    def pack(self) -> dict[str, NDArray[Any]]:
        """As numeric arrays, for a checkpoint; `unpack` is the inverse."""
        about = [{name: getattr(member, name) for name in _ABOUT} for member in self.members]
        told = json.dumps({"combination": self.combination, "members": about}).encode()
        packed: dict[str, NDArray[Any]] = {"about": _bytes(told)}
        packed |= {f"combination:{name}": array for name, array in self.arrays.items()}
        for number, member in enumerate(self.members):
            packed[f"part:{number}"] = _bytes(member.part)
            packed[f"preparation:{number}"] = _bytes(pack(member.preparation.arrays))
        return packed

    @classmethod
    def unpack(cls, packed: Mapping[str, NDArray[Any]], n_features: int) -> SealedModel:
        told = json.loads(packed["about"].tobytes())
        members = [
            SealedMember(
                part=packed[f"part:{number}"].tobytes(),
                preparation=Preparation(unpack(packed[f"preparation:{number}"].tobytes()), n_features),
                **about,
            )
            for number, about in enumerate(told["members"])
        ]
        arrays = {
            name.removeprefix("combination:"): array
            for name, array in packed.items()
            if name.startswith("combination:")
        }
        return cls(members, told["combination"], arrays)


def predict(models: Sequence[SealedModel], features: Matrix, outputs: int) -> FloatArray:
    """What the bundle will say of unprepared features: the models' mean (rows, outputs)."""
    return mean_of([model.load(outputs) for model in models], features)


def _bytes(data: bytes) -> NDArray[np.uint8]:
    return np.frombuffer(data, dtype=np.uint8)
