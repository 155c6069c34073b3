"""Every name that TrainModel can give as its method: an algorithm, a family of them, an ensemble."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from molfleet.catalogue import Catalogue
from molfleet.errors import Code, Rejected
from workers.modeler.algorithms import METHODS as SINGLE
from workers.modeler.algorithms import Method
from workers.modeler.algorithms.base import TASKS, Task, Value, resolve
from workers.modeler.ensembles import ENSEMBLES
from workers.modeler.ensembles.base import Ensemble, Recipe
from workers.modeler.learners import Learner
from workers.modeler.preparation import Scaler
from workers.modeler.splits import Indices

METHODS: Catalogue[Method | Ensemble] = Catalogue("method", (*SINGLE, *ENSEMBLES))

#: Of an ensemble that names no members: of three by three, among the best on the public sets, and fast.
DEFAULT_MEMBERS = ("lightgbm", "supportvectormachine", "gaussianprocess")


@dataclass(frozen=True)
class Member:
    """A learner as the command wants it. `specs` are positions among the plan's featurizers."""

    method: Method
    hyper_parameters: Mapping[str, Value]
    specs: tuple[int, ...]
    scaler: Scaler | None
    weight: float = 1.0

    def learner(self, task: Task, columns: Sequence[Indices]) -> Learner:
        """`columns` are those of each of the plan's featurizers. Raises Rejected; see Method, Algorithm."""
        algorithm = self.method.algorithm(task)
        own = [columns[spec] for spec in self.specs]
        return Learner(
            algorithm,
            algorithm.resolve(self.hyper_parameters),
            self.scaler,
            None if len(own) == len(columns) else np.concatenate(own),
            self.weight,
        )


@dataclass(frozen=True)
class Choice:
    """A method with its members; a single algorithm has itself as the one."""

    method: Method | Ensemble
    hyper_parameters: Mapping[str, Value]
    members: tuple[Member, ...]

    def check(self, task: Task | None) -> None:
        """Refuse what no task that is left could bear. Raises Rejected."""
        if isinstance(self.method, Ensemble):
            resolve(self.method.display_name, self.method.parameters, self.hyper_parameters)
        for member in self.members:
            _check(member, task)

    def recipe(self, task: Task, columns: Sequence[Indices], records: int) -> Recipe:
        """What is fitted on at most `records` records. Raises Rejected, also where these are too many."""
        learners = [member.learner(task, columns) for member in self.members]
        for learner in learners:
            algorithm = learner.algorithm
            most = algorithm.max_records
            if most is not None and records > most and not algorithm.beyond:
                raise Rejected(
                    Code.UNSUITABLE_TARGET,
                    f"{algorithm.display_name} learns from at most {most:,} records, and "
                    f"there are {records:,}: choose another method or a smaller sub_sample_size.",
                    details={"method": algorithm.code},
                )
        if isinstance(self.method, Ensemble):
            row = self.method
            parameters = resolve(row.display_name, row.parameters, self.hyper_parameters)
            return Recipe(row.code, row.display_name, task, learners, row, parameters)
        (only,) = learners
        return Recipe(only.algorithm.code, only.algorithm.display_name, task, learners)


def _check(member: Member, task: Task | None) -> None:
    """While the task is open, what any algorithm of the family takes is good."""
    refusals: list[Rejected] = []
    algorithms = [row for row in member.method.members if task is None or row.task == task]
    if not algorithms:
        assert task is not None
        member.method.algorithm(task)
    for algorithm in algorithms:
        try:
            algorithm.resolve(member.hyper_parameters)
        except Rejected as refusal:
            refusals.append(refusal)
    if len(refusals) == len(algorithms):
        raise refusals[0]


def common_task(members: Sequence[Member]) -> Task | None:
    """The task that the members leave, None: more than one. Raises Rejected where they leave none."""
    left = [task for task in TASKS if all(task in member.method.tasks for member in members)]
    if not left:
        raise Rejected(
            Code.INVALID_COMMAND,
            "The members have no task in common: "
            + "; ".join(f"{m.method.code} does {' and '.join(m.method.tasks)}" for m in members)
            + ".",
        )
    return left[0] if len(left) == 1 else None
