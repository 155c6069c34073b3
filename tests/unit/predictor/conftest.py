from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.predictor.runs import Run, make_models


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("models")
    make_models(path)
    return path


@pytest.fixture
def run(models: Path, tmp_path: Path) -> Run:
    return Run(tmp_path, models)
