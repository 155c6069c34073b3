"""A TrainModel command, checked: every name looked up, every bound held, before any work is done."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from molfleet.chemistry.featurizers import FEATURIZERS, Featurizer, Spec, SpecValue
from molfleet.chemistry.featurizers.spec import resolve
from molfleet.chemistry.formats.find import FILE_TYPES
from molfleet.chemistry.standardize import STANDARDIZE
from molfleet.errors import Code, Rejected
from molfleet.messages.generated import TrainModel
from workers.modeler.algorithms import METHODS, Method
from workers.modeler.algorithms.base import Algorithm, Task, Value
from workers.modeler.curation import Rules
from workers.modeler.preparation import SCALERS, Scaler
from workers.modeler.splits import SPLITS, Split

#: What the libraries take as a seed.
MAX_SEED = 2**31 - 1


@dataclass(frozen=True)
class Plan:
    """What is to be trained, and how. `specs` name every size and radius, defaults included."""

    model_name: str
    method: Method
    hyper_parameters: Mapping[str, Value]
    specs: tuple[SpecValue, ...]
    standardize: str
    scaler: Scaler
    rules: Rules
    split: Split
    sub_sample_size: float
    test_set_size: float
    k_fold: int
    keeps_folds: bool
    seed: int

    def algorithm(self, task: Task) -> tuple[Algorithm, dict[str, Value]]:
        """The algorithm for `task` and all of its hyper-parameters; raises Rejected."""
        algorithm = self.method.algorithm(task)
        return algorithm, algorithm.resolve(self.hyper_parameters)


def make_plan(command: TrainModel) -> Plan:
    """Raises Rejected: INVALID_COMMAND (field and bound named), UNKNOWN_NAME (with what exists)."""
    _refuse_what_is_not_here(command)
    if command.file_type is not None:
        FILE_TYPES.get(command.file_type)
    target = command.targets[0]
    method = METHODS.get(command.method)
    task = _task(command.task, method)
    hyper_parameters = cast("Mapping[str, Value]", dict(command.hyper_parameters))
    _check_hyper_parameters(method, task, hyper_parameters)
    specs = cast("Sequence[Spec]", command.featurizers)
    _refuse_columns(FEATURIZERS.build_all(specs))
    return Plan(
        model_name=(command.model_name or "").strip() or f"{target} {method.code}",
        method=method,
        hyper_parameters=hyper_parameters,
        specs=tuple(_in_full(spec) for spec in specs),
        standardize=STANDARDIZE.get(command.standardize).code,
        scaler=SCALERS.get(command.scaler or "none"),
        rules=Rules(
            target=target,
            task=task,
            transform=_one_of("target_transform", command.target_transform, ("none", "log10", "p")),
            positive_class=command.positive_class,
            censored=_one_of("censored", command.censored, ("drop", "bound")),
            replicates=_one_of("replicates", command.replicates, ("median", "mean", "keep")),
            units=command.units,
        ),
        split=SPLITS.get(command.split),
        sub_sample_size=_within("sub_sample_size", command.sub_sample_size, 0.1, 1.0),
        test_set_size=_within("test_set_size", command.test_set_size, 0.0, 0.5),
        k_fold=int(_within("k_fold", command.k_fold, 2, 10)),
        keeps_folds=_one_of("refit", command.refit, ("all", "folds")) == "folds",
        seed=int(_within("seed", command.seed, 0, MAX_SEED)),
    )


def _refuse_what_is_not_here(command: TrainModel) -> None:
    if not command.targets or not command.targets[0].strip():
        raise _invalid("targets must name the field to model")
    if len(command.targets) > 1:
        raise _invalid("This version trains one target per model: send one command for each target")
    for field, what in (
        ("search", "search for hyper-parameters"),
        ("members", "train ensembles of several methods"),
        ("base_model", "go on training from another model"),
    ):
        if getattr(command, field):
            raise _invalid(f"{field} is set, but this version does not {what}")
    for name in command.options:
        raise Rejected(
            Code.UNKNOWN_NAME,
            f"TrainModel has no option called {name!r}. Known: none.",
            details={"kind": "option", "name": name},
        )


def _refuse_columns(featurizers: Sequence[Featurizer]) -> None:
    """A model answers for a structure alone; one that also takes columns would need them each time."""
    for featurizer in featurizers:
        if featurizer.needs == "record":
            raise _invalid(
                f"TrainModel cannot use {featurizer.column} yet: its models predict from structures alone. "
                "CalculateFeatureVectors can write these columns"
            )


def _in_full(spec: Spec) -> SpecValue:
    """The spec with its size and radius spelt out, so that a later default changes no old model."""
    row = FEATURIZERS.get(spec.type)
    values = resolve(spec, row.code, row.parameters)
    defaults = {parameter.name: parameter.default for parameter in row.parameters}
    # As a field, a radius of 0 would mean the default.
    folded = {name: values[name] for name in ("size", "radius") if values.get(name)}
    others = {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in values.items()
        if name not in folded and value != defaults[name]
    }
    return SpecValue(
        row.code,
        cast("int | None", folded.get("size")),
        cast("int | None", folded.get("radius")),
        cast("Mapping[str, Value]", others),
    )


def _task(name: str, method: Method) -> Task | None:
    """The task that is asked for or that the method allows; None: the values decide."""
    found = _one_of("task", name, ("auto", "classification", "regression"))
    if found == "auto":
        return method.tasks[0] if len(method.tasks) == 1 else None
    return method.algorithm(cast("Task", found)).task


def _check_hyper_parameters(method: Method, task: Task | None, given: Mapping[str, Value]) -> None:
    """While the task is open, what any member takes is good; the rest fails now, not after the work."""
    refusals: list[Rejected] = []
    members = [member for member in method.members if task is None or member.task == task]
    for member in members:
        try:
            member.resolve(given)
        except Rejected as refusal:
            refusals.append(refusal)
    if len(refusals) == len(members):
        raise refusals[0]


def _one_of(field: str, value: str, allowed: Sequence[str]) -> Any:
    if value in allowed:
        return value
    raise Rejected(
        Code.UNKNOWN_NAME,
        f"{field} must be one of {', '.join(allowed)}; it is {value!r}.",
        details={"kind": field, "name": value},
    )


def _within(field: str, value: float, low: float, high: float) -> float:
    if math.isfinite(value) and low <= value <= high:
        return value
    raise _invalid(f"{field} must be from {low:g} to {high:g}; it is {value:g}")


def _invalid(sentence: str) -> Rejected:
    return Rejected(Code.INVALID_COMMAND, f"{sentence}.")
