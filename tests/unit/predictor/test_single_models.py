"""The models behind single structures: loaded once, told apart by version, explained by their molecules."""

from __future__ import annotations

import hashlib
from pathlib import Path
from uuid import uuid4

import pytest

from molfleet.messages.generated import (
    ModelRef,
)
from tests.builders import blob
from tests.unit.bundles.factory import CHAINS
from tests.unit.predictor.asking import BUTANOL, answered, ask
from tests.unit.predictor.contexts import FilesLightContext
from workers.predictor.single import predict


def test_a_model_is_fetched_once_for_many_commands(context: FilesLightContext) -> None:
    predict([ask(smiles, "forest", "boosted") for smiles in CHAINS[:10]], context)
    predict([ask("CCO", "forest")], context)
    assert context.fetched == {"forest": 1, "boosted": 1}


def test_fetched_files_do_not_stay(context: FilesLightContext) -> None:
    predict([ask(BUTANOL, "forest", "broken")], context)
    assert list(context.scratch.iterdir()) == []


def test_a_new_version_of_a_model_is_loaded_anew(context: FilesLightContext) -> None:
    predict([ask(BUTANOL, "forest")], context)
    context.versions["forest"] = "v2"
    predict([ask(BUTANOL, "forest")], context)
    assert context.fetched == {"forest": 2}


def test_a_cached_model_that_is_not_the_one_named_is_refused(
    context: FilesLightContext, folder: Path
) -> None:
    digest = hashlib.sha256((folder / "forest").read_bytes()).hexdigest()
    right = ModelRef(id=uuid4(), blob=blob("forest", "models", sha256=digest))
    wrong = [
        ModelRef(id=uuid4(), blob=blob("forest", "models", sha256="0" * 64)),
        ModelRef(id=uuid4(), blob=blob("forest", "models", etag="v0")),
        ModelRef(id=uuid4(), blob=blob("forest", "models", size=1)),
    ]
    event = answered(context, ask(BUTANOL, models=[right, *wrong]))
    codes = [found.error.code if found.error else None for found in event.models]
    assert codes == [None, "BLOB_CHANGED", "BLOB_CHANGED", "BLOB_CHANGED"]


def test_the_version_of_a_model_may_stand_in_quotation_marks_as_stores_write_it(
    context: FilesLightContext,
) -> None:
    quoted = ModelRef(id=uuid4(), blob=blob("forest", "models", etag='"v1"'))
    assert answered(context, ask(BUTANOL, models=[quoted])).models[0].error is None


def test_an_explanation_names_the_nearest_training_molecules(context: FilesLightContext) -> None:
    explanation = answered(context, ask(BUTANOL, "broken", "forest", explain=True)).explanation
    assert explanation is not None
    assert explanation.method == "analogues"
    assert explanation.atom_contributions == ()
    assert explanation.svg is None
    assert len(explanation.analogues) == 5
    first = explanation.analogues[0]
    assert (first.smiles, first.similarity) == (BUTANOL, 1.0)
    assert first.measured == pytest.approx(5 * 0.25 - 2.0)


def test_analogues_of_a_classification_have_labels(context: FilesLightContext) -> None:
    explanation = answered(context, ask(BUTANOL, "classes", explain=True)).explanation
    assert explanation is not None
    assert {one.measured for one in explanation.analogues} <= {"active", "inactive"}
