"""Loaded models stay within their bytes, and leave in the order in which they were last used."""

from __future__ import annotations

from pathlib import Path

import pytest

from molfleet.bundles.features import Toolbox
from molfleet.bundles.predict import load_model
from molfleet.errors import Rejected
from tests.builders import blob
from tests.unit.bundles.factory import make
from tests.unit.predictor.contexts import FilesLightContext
from workers.predictor.cache import ModelCache


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("models")
    for name in "abc":
        make(path / name, "linear", name=name)
    (path / "broken").write_bytes(b"no model")
    return path


@pytest.fixture
def context(folder: Path, tmp_path: Path) -> FilesLightContext:
    return FilesLightContext(folder, tmp_path)


def cache_for(folder: Path, models: float) -> ModelCache:
    one = load_model(folder / "a", max_bytes=1 << 26).nbytes
    return ModelCache(Toolbox(), int(one * models))


def test_the_least_recently_used_model_leaves_first(folder: Path, context: FilesLightContext) -> None:
    cache = cache_for(folder, 2.5)
    for key in ("a", "b", "a", "c", "a", "b"):
        assert cache.get(blob(key), context).manifest.name == key
    assert context.fetched == {"a": 1, "b": 2, "c": 1}
    assert len(cache) == 2


def test_the_latest_model_stays_even_where_it_is_too_large(
    folder: Path, context: FilesLightContext
) -> None:
    cache = cache_for(folder, 0.5)
    first = cache.get(blob("a"), context)
    assert cache.get(blob("a"), context) is first
    cache.get(blob("b"), context)
    assert len(cache) == 1


def test_bytes_are_given_back_when_a_model_leaves(folder: Path, context: FilesLightContext) -> None:
    cache = cache_for(folder, 1.5)
    cache.get(blob("a"), context)
    before = cache.nbytes
    cache.get(blob("b"), context)
    assert cache.nbytes == before


def test_a_blob_that_is_no_model_is_refused_again_without_being_fetched_again(
    folder: Path, context: FilesLightContext
) -> None:
    cache = cache_for(folder, 2)
    messages = set()
    for _ in range(3):
        with pytest.raises(Rejected) as caught:
            cache.get(blob("broken"), context)
        messages.add(caught.value.message)
    assert len(messages) == 1
    assert context.fetched == {"broken": 1}


def test_the_same_key_in_two_buckets_is_two_models(folder: Path, context: FilesLightContext) -> None:
    cache = cache_for(folder, 3)
    assert cache.get(blob("a", "one"), context) is not cache.get(blob("a", "two"), context)
