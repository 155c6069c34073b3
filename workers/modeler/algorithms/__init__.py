"""The algorithms that TrainModel can name, and the names under which they answer."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from molfleet.catalogue import Catalogue
from molfleet.errors import Code, Rejected
from workers.modeler.algorithms import light_gbm, linear, random_forest
from workers.modeler.algorithms.base import Algorithm, Task

#: One row per algorithm and task. A new algorithm is its file and its rows here.
ALGORITHMS: Catalogue[Algorithm] = Catalogue(
    "method",
    (
        random_forest.CLASSIFIER,
        random_forest.REGRESSOR,
        light_gbm.CLASSIFIER,
        light_gbm.REGRESSOR,
        linear.LOGISTIC,
        linear.RIDGE,
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


def _methods(algorithms: Iterable[Algorithm]) -> Iterable[Method]:
    families: dict[str, list[Algorithm]] = {}
    for row in algorithms:
        yield Method(row.code, (row,), row.aliases)
        families.setdefault(row.family, []).append(row)
    for family, members in families.items():
        yield Method(family, tuple(members))


#: Every name: `randomforestclassifier` is one algorithm, `randomforest` the one that fits the task.
METHODS: Catalogue[Method] = Catalogue("method", _methods(ALGORITHMS))
