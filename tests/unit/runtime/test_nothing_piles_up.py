"""A worker that has answered many commands holds no more than one that has answered a few."""

from __future__ import annotations

import asyncio
import gc
from pathlib import Path

import psutil
import pytest

from tests import builders
from tests.harness import Fleet, until

pytestmark = pytest.mark.worker

TOPICS = ["feature-vectors.commands", "training.commands", "predictions.single.commands"]


async def _work(fleet: Fleet, rounds: int) -> None:
    for _ in range(rounds):
        commands = [
            builders.calculate_feature_vectors(),
            builders.calculate_feature_vectors(options={"do": "reject"}),
            builders.train_model(),
            builders.single_structure_predict(structure="C"),
            builders.single_structure_predict(structure="kill"),
        ]
        for command in commands:
            await fleet.send(command)
        for command in commands:
            await fleet.outcome(command)


def _held(fleet: Fleet) -> tuple[int, int, int]:
    """File descriptors, tasks, and files in scratch directories."""
    gc.collect()
    files = sum(path.is_file() for path in (fleet.directory / "scratch").rglob("*"))
    return psutil.Process().num_fds(), len(asyncio.all_tasks()), files


async def test_descriptors_tasks_and_scratch_files_do_not_grow_with_the_commands(tmp_path: Path) -> None:
    (tmp_path / "scratch").mkdir()
    fleet = Fleet(tmp_path, MOLFLEET_WORKER_SCRATCH=str(tmp_path / "scratch"))
    async with fleet.worker(only=TOPICS):
        await _work(fleet, 1)
        await until(lambda: sum(fleet.committed(topic) for topic in TOPICS) == 5)
        after_few = _held(fleet)
        await _work(fleet, 4)
        await until(lambda: all(now <= then for now, then in zip(_held(fleet), after_few, strict=True)))
