"""The algorithms that TrainModel can name, and the names under which they answer."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from molfleet.catalogue import Catalogue
from molfleet.errors import Code, Rejected
from workers.modeler.algorithms import (
    ada_boost,
    elastic_net,
    extra_trees,
    extreme_gradient_boosting,
    gaussian_process,
    gradient_boosting,
    kernel_ridge,
    light_gbm,
    linear,
    mlp,
    naive_bayes,
    nearest_neighbors,
    random_forest,
    support_vector_machine,
)
from workers.modeler.algorithms.base import Algorithm, Task

#: One row per algorithm and task. A new algorithm is its file and its rows here.
ALGORITHMS: Catalogue[Algorithm] = Catalogue(
    "method",
    (
        naive_bayes.CLASSIFIER,
        linear.LOGISTIC,
        linear.RIDGE,
        elastic_net.CLASSIFIER,
        elastic_net.REGRESSOR,
        ada_boost.CLASSIFIER,
        ada_boost.REGRESSOR,
        random_forest.CLASSIFIER,
        random_forest.REGRESSOR,
        extra_trees.CLASSIFIER,
        extra_trees.REGRESSOR,
        gradient_boosting.CLASSIFIER,
        gradient_boosting.REGRESSOR,
        extreme_gradient_boosting.CLASSIFIER,
        extreme_gradient_boosting.REGRESSOR,
        light_gbm.CLASSIFIER,
        light_gbm.REGRESSOR,
        mlp.CLASSIFIER,
        mlp.REGRESSOR,
        nearest_neighbors.CLASSIFIER,
        nearest_neighbors.REGRESSOR,
        support_vector_machine.CLASSIFIER,
        support_vector_machine.REGRESSOR,
        kernel_ridge.REGRESSOR,
        gaussian_process.CLASSIFIER,
        gaussian_process.REGRESSOR,
    ),
)


@dataclass(frozen=True)
class Method:
    """A name that a command may give: of one algorithm, or of a family whose member the task decides."""

    code: str
    members: tuple[Algorithm, ...]
    aliases: tuple[str, ...] = ()

    @property
    def tasks(self) -> tuple[Task, ...]:
        return tuple(member.task for member in self.members)

    def algorithm(self, task: Task) -> Algorithm:
        """The member for `task`; raises Rejected(INVALID_COMMAND) where there is none."""
        for member in self.members:
            if member.task == task:
                return member
        raise Rejected(
            Code.INVALID_COMMAND,
            f"The method {self.code} does {' and '.join(self.tasks)}, not {task}.",
            details={"method": self.code, "task": task},
        )


#: Other names of families.
_ALSO = {"decisiontree": ("adaboost",), "extremegradientboosting": ("xgboost",)}


def _methods(algorithms: Iterable[Algorithm]) -> Iterable[Method]:
    families: dict[str, list[Algorithm]] = {}
    for row in algorithms:
        yield Method(row.code, (row,), row.aliases)
        families.setdefault(row.family, []).append(row)
    for family, members in families.items():
        yield Method(family, tuple(members), _ALSO.get(family, ()))


#: Every name: `randomforestclassifier` is one algorithm, `randomforest` the one that fits the task.
METHODS: Catalogue[Method] = Catalogue("method", _methods(ALGORITHMS))
