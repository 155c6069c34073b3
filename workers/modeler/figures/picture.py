"""One row of the table of pictures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from workers.modeler.algorithms.base import Task
from workers.modeler.figures.outcome import Outcome


def _always(outcome: Outcome) -> bool:
    return True


@dataclass(frozen=True)
class Picture:
    """A PNG that comes with every model of these tasks whose outcome has what it shows."""

    code: str
    title: str
    tasks: tuple[Task, ...]
    draw: Callable[[Outcome], bytes]
    applies: Callable[[Outcome], bool] = _always
