"""The estimators of a final model as parts of a bundle."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from molfleet.bundles import manifest
from molfleet.bundles.arrays import pack
from molfleet.bundles.preparation import Preparation
from workers.modeler.fits import Problem
from workers.modeler.fitting import Final
from workers.modeler.preparation import fit_preparation
from workers.modeler.sealed import SealedMember


@dataclass(frozen=True)
class PackedModels:
    """Manifest entries with their parts. `shared` is the whole model's preparation; its domain uses it."""

    estimators: tuple[manifest.Estimator, ...]
    combinations: tuple[manifest.Combination, ...]
    preparation: manifest.Preparation | None
    shared: Preparation
    parts: Mapping[str, bytes]


def pack_models(problem: Problem, final: Final) -> PackedModels:
    """The only estimator's preparation is the whole model's; of several each has its own."""
    parts: dict[str, bytes] = {}
    lone = len(final.models) == 1 and len(final.models[0].members) == 1
    if lone and final.models[0].members[0].preparation.width == problem.data.features.shape[1]:
        shared = final.models[0].members[0].preparation
    else:
        data = problem.data
        shared = fit_preparation(None, data.features, problem.partition.training, data.continuous)
        lone = False
    scalers = [one.scaler.code if one.scaler else None for one in problem.recipe.learners]
    preparation = _packed(shared, "preparation.npz", scalers[0] if lone else None, parts)
    estimators, combinations = [], []
    for group, model in enumerate(final.models):
        part = None
        if model.arrays:
            part = f"combinations/{group}.npz"
            parts[part] = pack(model.arrays)
        combinations.append(manifest.Combination(kind=model.combination, part=part))
        for number, member in enumerate(model.members):
            ending = "onnx" if member.kind == "onnx" else "safetensors"
            name = f"estimators/{group}-{number}.{ending}"
            parts[name] = member.part
            own = None
            if not lone:
                place = f"preparations/{group}-{number}.npz"
                own = _packed(member.preparation, place, scalers[number], parts)
            estimators.append(_estimator(member, name, group, own))
    return PackedModels(tuple(estimators), tuple(combinations), preparation, shared, parts)


def _estimator(
    member: SealedMember, part: str, group: int, preparation: manifest.Preparation | None
) -> manifest.Estimator:
    return manifest.Estimator(
        kind=member.kind,
        part=part,
        weight=member.weight,
        any_block=member.any_block,
        group=group,
        preparation=preparation,
        center=member.center,
        scale=member.scale,
    )


def _packed(
    preparation: Preparation, part: str, scaler: str | None, parts: dict[str, bytes]
) -> manifest.Preparation | None:
    """None where nothing is to be done to the features; then the whole model's does nothing either."""
    if not preparation.arrays:
        return None
    parts[part] = pack(preparation.arrays)
    return manifest.Preparation(scaler=scaler, part=part)
