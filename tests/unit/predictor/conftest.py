from __future__ import annotations

from pathlib import Path

import pytest

from molfleet.runtime.handler import LightContext
from tests.unit.bundles.factory import make
from tests.unit.predictor.contexts import FilesLightContext
from tests.unit.predictor.runs import Run, make_models
from workers.predictor.single import Resident


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("models")
    make_models(path)
    return path


@pytest.fixture
def run(models: Path, tmp_path: Path) -> Run:
    return Run(tmp_path, models)


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("models")
    make(path / "forest")
    make(path / "boosted", "boosted")
    make(path / "other units", "linear", units="mg/L")
    make(path / "classes", task="classification")
    make(path / "more classes", "boosted", "classification")
    make(path / "three", task="classification", labels=("low", "middle", "high"))
    make(path / "descriptors", "linear", featurizer="DESC", level="none")
    (path / "broken").write_bytes((path / "forest").read_bytes()[:-100])
    return path


@pytest.fixture
def context(folder: Path, tmp_path: Path) -> FilesLightContext:
    context = FilesLightContext(folder, tmp_path)
    context.resident = Resident(context)
    protocol: LightContext = context
    assert protocol.cache_bytes
    return context
