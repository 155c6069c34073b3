"""From the parts of a verified bundle to what predicts; a part that does not fit is refused by name."""

from __future__ import annotations

from molfleet.bundles import manifest
from molfleet.bundles.archive import OpenBundle, refuse
from molfleet.bundles.composition import Group, Member
from molfleet.bundles.estimators import ESTIMATORS
from molfleet.bundles.features import Featurization, Toolbox
from molfleet.bundles.preparation import Preparation
from molfleet.chemistry.featurizers import FEATURIZERS, SpecValue
from molfleet.errors import Rejected


def featurization_of(bundle: OpenBundle, tools: Toolbox) -> Featurization:
    made = bundle.manifest
    specs = []
    for featurizer in made.featurizers:
        try:
            text = tools.add(_spec(featurizer))
        except Rejected as error:
            refuse(f"this worker cannot compute its features: {error.message.rstrip('.')}")
        size = tools.featurizer(text).size
        if size != featurizer.n_features:
            refuse(f"its {featurizer.type} has {featurizer.n_features} columns, here it has {size}")
        if featurizer.names and tools.featurizer(text).names != featurizer.names:
            refuse(f"the columns of its {featurizer.type} have other names here")
        specs.append(text)
    return Featurization(made.standardize, tuple(specs))


def _spec(featurizer: manifest.Featurizer) -> SpecValue:
    """The spec that gives exactly these columns. Raises Rejected(UNKNOWN_NAME) for its type."""
    parameters = dict(featurizer.parameters)
    row = FEATURIZERS.get(featurizer.type)
    if featurizer.names and any(parameter.name == "names" for parameter in row.parameters):
        parameters["names"] = list(featurizer.names)
    return SpecValue(featurizer.type, featurizer.size, featurizer.radius, parameters)


def preparation_of(bundle: OpenBundle) -> Preparation:
    return _preparation(bundle, bundle.manifest.preparation)


def _preparation(bundle: OpenBundle, entry: manifest.Preparation | None) -> Preparation:
    width = bundle.manifest.n_features
    if entry is None:
        return Preparation({}, width)
    try:
        return Preparation(bundle.arrays(entry.part), width)
    except ValueError as error:
        refuse(f"part {entry.part}: {error}")


def groups_of(bundle: OpenBundle, shared: Preparation) -> list[Group]:
    entries, combinations = bundle.manifest.estimators, bundle.manifest.combinations
    members: dict[int, list[Member]] = {}
    for entry in entries:
        members.setdefault(entry.group, []).append(_member(bundle, entry, shared))
    return [
        _group(bundle, members[number], combinations[number] if combinations else manifest.Combination())
        for number in range(len(members))
    ]


def _member(bundle: OpenBundle, entry: manifest.Estimator, shared: Preparation) -> Member:
    preparation = _preparation(bundle, entry.preparation) if entry.preparation else None
    try:
        kind = ESTIMATORS.get(entry.kind)
        predictor = kind.load(bundle.parts[entry.part], (preparation or shared).width, entry.any_block)
    except ValueError as error:
        refuse(f"part {entry.part}: {error}")
    except Rejected as error:
        refuse(f"part {entry.part}: {error.message.rstrip('.')}")
    return Member(predictor, entry.weight, entry.center, entry.scale, preparation)


def _group(bundle: OpenBundle, members: list[Member], entry: manifest.Combination) -> Group:
    try:
        arrays = bundle.arrays(entry.part) if entry.part else {}
        return Group(members, bundle.manifest.n_outputs, entry.kind, arrays)
    except ValueError as error:
        refuse(f"part {entry.part}: {error}")
    except Rejected as error:
        refuse(f"its estimators cannot be combined: {error.message.rstrip('.')}")
