"""A TrainModel command, checked: every name looked up, every bound held, before any work is done."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import cast

from molfleet.chemistry.featurizers import FEATURIZERS, Spec, SpecValue, text_of
from molfleet.chemistry.featurizers.spec import resolve
from molfleet.chemistry.formats.find import FILE_TYPES
from molfleet.chemistry.records import Records
from molfleet.chemistry.standardize import STANDARDIZE
from molfleet.errors import Code, Rejected
from molfleet.messages.generated import EnsembleMember, FeaturizerSpec, TrainModel
from workers.modeler.algorithms import METHODS as SINGLE
from workers.modeler.algorithms.base import TASKS, Task, Value
from workers.modeler.curation import Rules
from workers.modeler.dataset import Fields, require_fields
from workers.modeler.ensembles import ENSEMBLES
from workers.modeler.ensembles.base import Ensemble
from workers.modeler.methods import DEFAULT_MEMBERS, METHODS, Choice, Member, common_task
from workers.modeler.options import Options, invalid, one_of, read_options, within
from workers.modeler.preparation import SCALERS
from workers.modeler.splits import Split, find_split

#: What the libraries take as a seed.
MAX_SEED = 2**31 - 1
#: Of each of ten folds, they are as many parts as a bundle may have.
MAX_MEMBERS = 20


@dataclass(frozen=True)
class Plan:
    """What is to be trained, and how. `specs` name every size and radius, defaults included; they are all
    featurizers of all members, each once."""

    model_name: str
    choice: Choice
    specs: tuple[SpecValue, ...]
    standardize: str
    rules: Rules
    split: Split
    sub_sample_size: float
    test_set_size: float
    k_fold: int
    keeps_folds: bool
    seed: int
    options: Options

    def fitted(self, records: Records) -> Plan:
        """The plan with what only the input can tell: the columns that are features, their categories.

        Target and split column are never among them. Raises Rejected: TARGET_NOT_FOUND, UNKNOWN_NAME,
        INVALID_COMMAND, with the fields that there are.
        """
        fields = Fields(self.rules.target, self.split.column)
        require_fields(records, fields)
        names = [name for name in (fields.target, fields.split) if name is not None]
        fitted = FEATURIZERS.fit_all(cast("Sequence[Spec]", self.specs), records, names)
        return replace(self, specs=tuple(_in_full(cast("Spec", spec)) for spec in fitted))


def make_plan(command: TrainModel) -> Plan:
    """Raises Rejected: INVALID_COMMAND (field and bound named), UNKNOWN_NAME (with what exists)."""
    _refuse_what_is_not_here(command)
    if command.file_type is not None:
        FILE_TYPES.get(command.file_type)
    target = command.targets[0]
    choice, specs = _choice(command)
    split = find_split(command.split)
    if split.column == target:
        raise invalid(f"split column:{target} would divide the molecules by what is to be predicted")
    _refuse_answers(specs, target, split.column)
    task = _task(command.task, choice)
    choice.check(task)
    return Plan(
        model_name=(command.model_name or "").strip() or f"{target} {choice.method.code}",
        choice=choice,
        specs=specs,
        standardize=STANDARDIZE.get(command.standardize).code,
        rules=Rules(
            target=target,
            task=task,
            transform=one_of("target_transform", command.target_transform, ("none", "log10", "p")),
            positive_class=command.positive_class,
            censored=one_of("censored", command.censored, ("drop", "bound")),
            replicates=one_of("replicates", command.replicates, ("median", "mean", "keep")),
            units=command.units,
        ),
        split=split,
        sub_sample_size=within("sub_sample_size", command.sub_sample_size, 0.1, 1.0),
        test_set_size=within("test_set_size", command.test_set_size, 0.0, 0.5),
        k_fold=int(within("k_fold", command.k_fold, 2, 10)),
        keeps_folds=one_of("refit", command.refit, ("all", "folds")) == "folds",
        seed=int(within("seed", command.seed, 0, MAX_SEED)),
        options=read_options(command.options),
    )


def _refuse_what_is_not_here(command: TrainModel) -> None:
    if not command.targets or not command.targets[0].strip():
        raise invalid("targets must name the field to model")
    if len(command.targets) > 1:
        raise invalid("This version trains one target per model: send one command for each target")
    for field, what in (
        ("search", "search for hyper-parameters"),
        ("base_model", "go on training from another model"),
    ):
        if getattr(command, field):
            raise invalid(f"{field} is set, but this version does not {what}")


def _choice(command: TrainModel) -> tuple[Choice, tuple[SpecValue, ...]]:
    """The method with its members, and all their featurizers."""
    method = METHODS.get(command.method)
    given = cast("Mapping[str, Value]", dict(command.hyper_parameters))
    specs = _Specs()
    scaler = SCALERS.get(command.scaler) if command.scaler else None
    if not isinstance(method, Ensemble):
        if command.members:
            raise invalid(
                f"members are for the methods {', '.join(row.code for row in ENSEMBLES)}, not {method.code}"
            )
        only = Member(method, given, specs.all_of(command.featurizers), scaler)
        return Choice(method, given, (only,)), specs.found
    members = command.members or [EnsembleMember(method=code) for code in DEFAULT_MEMBERS]
    if not 2 <= len(members) <= MAX_MEMBERS:
        raise invalid(f"An ensemble has 2 to {MAX_MEMBERS} members; these are {len(members)}")
    found = tuple(
        Member(
            SINGLE.get(member.method),
            cast("Mapping[str, Value]", dict(member.hyper_parameters)),
            specs.all_of(member.featurizers or command.featurizers),
            SCALERS.get(member.scaler) if member.scaler else scaler,
            within("members.weight", member.weight, 1e-6, 1e6),
        )
        for member in members
    )
    common_task(found)
    return Choice(method, given, found), specs.found


class _Specs:
    """Featurizers in the order in which they are met, each once; two that collide are refused."""

    def __init__(self) -> None:
        self._found: dict[str, SpecValue] = {}

    def all_of(self, specs: Sequence[FeaturizerSpec]) -> tuple[int, ...]:
        FEATURIZERS.build_all(cast("Sequence[Spec]", specs))
        full = {text_of(spec): spec for spec in map(_in_full, cast("Sequence[Spec]", specs))}
        self._found |= full
        order = list(self._found)
        return tuple(order.index(text) for text in full)

    @property
    def found(self) -> tuple[SpecValue, ...]:
        return tuple(self._found.values())


def _refuse_answers(specs: Sequence[SpecValue], target: str, split: str | None) -> None:
    """A column that says what is asked for, or who is asked, would be learned in place of chemistry."""
    read = {name for spec in specs for name in FEATURIZERS.build(spec).reads}
    for name, what in ((target, "the target"), (split, "what the split is made by")):
        if name in read:
            raise Rejected(
                Code.INVALID_COMMAND,
                f"featurizers take the column {name!r}, which is {what}: a model must not be told that.",
                details={"field": "featurizers", "column": str(name)},
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


def _task(name: str, choice: Choice) -> Task | None:
    """The task that is asked for or that the method allows; None: the values decide."""
    found = one_of("task", name, ("auto", *TASKS))
    return common_task(choice.members) if found == "auto" else cast("Task", found)
