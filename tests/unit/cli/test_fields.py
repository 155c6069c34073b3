from __future__ import annotations

import pytest
from pydantic import ValidationError

from molfleet.chemistry.featurizers.spec import parse_spec
from molfleet.cli import fields
from molfleet.cli.frame import Usage
from molfleet.client.build import new
from molfleet.messages.generated import BlobRef, FeaturizerSpec, PredictProperties, Search, TrainModel

BASE = ("source=data/a.sdf", "featurizers=ECFP:2048:2", "targets=logD", "method=lightgbm")


def order(*assignments: str) -> TrainModel:
    return new(TrainModel, **fields.parse(TrainModel, (*BASE, *assignments)))


def test_a_blob_and_a_featurizer_have_a_short_form() -> None:
    made = order()
    assert made.source == BlobRef(bucket="data", key="a.sdf")
    assert made.featurizers == (FeaturizerSpec(type="ECFP", size=2048, radius=2),)


def test_a_model_has_a_short_form_with_an_id_that_stays() -> None:
    first, again = (fields.parse(PredictProperties, ["models=m/a.molmodel,m/b.molmodel"]) for _ in range(2))
    assert first == again
    assert [model["blob"]["key"] for model in first["models"]] == ["a.molmodel", "b.molmodel"]
    assert first["models"][0]["id"] != first["models"][1]["id"]


def test_a_list_takes_commas_json_or_several_settings() -> None:
    assert order("targets=a,b").targets == ("logD", "a", "b")
    assert order('targets=["a, b"]').targets == ("logD", "a, b")
    assert [spec.type for spec in order("featurizers=MACCS,DESC").featurizers] == ["ECFP", "MACCS", "DESC"]
    made = order('featurizers={"type": "ECFP", "parameters": {"chirality": true}}')
    assert made.featurizers[1].parameters == {"chirality": True}


def test_numbers_are_read_for_the_type_of_their_field() -> None:
    made = order("k_fold=3", "sub_sample_size=0.5", "task=1", "seed=7")
    assert (made.k_fold, made.sub_sample_size, made.task, made.seed) == (3, 0.5, "1", 7)


def test_dots_reach_inner_fields_and_free_maps() -> None:
    made = order(
        "search.iterations=20",
        "hyper_parameters.n_estimators=500",
        "hyper_parameters.kind=gini",
        "hyper_parameters.deep=true",
        "options.a=1",
    )
    assert made.search == Search(iterations=20)
    assert made.hyper_parameters == {"n_estimators": 500, "kind": "gini", "deep": True}
    assert made.options == {"a": "1"}


def test_null_is_nothing_and_text_may_hold_an_equals_sign() -> None:
    assert order("model_name=null").model_name is None
    assert order("model_name=a=b").model_name == "a=b"


@pytest.mark.parametrize(
    "text",
    [
        "ECFP",
        "ECFP:2048",
        "ECFP:2048:2",
        "ECFP::2",
        "MACCS:0:0",
        "DESC:names=MolWt,TPSA",
        "ECFP:1024:3:chirality=true",
    ],
)
def test_the_text_of_a_featurizer_means_what_the_chemistry_says(text: str) -> None:
    ours = FeaturizerSpec.model_validate(fields.featurizer(text))
    theirs = parse_spec(text)
    assert (ours.type, ours.size, ours.radius) == (theirs.type, theirs.size or None, theirs.radius or None)
    assert {name: _tupled(value) for name, value in ours.parameters.items()} == {
        name: _tupled(value) for name, value in theirs.parameters.items()
    }


def _tupled(value: object) -> object:
    return tuple(value) if isinstance(value, list) else value


@pytest.mark.parametrize(
    ("assignment", "says"),
    [
        ("featurisers=ECFP", "Did you mean featurizers?"),
        ("search.iteration=3", "Did you mean iterations?"),
        ("k_fold", "expected field=value"),
        ("source=nothing", "expected bucket/key"),
        ("featurizers=ECFP:many", "TYPE:SIZE:RADIUS"),
        ("targets=[1", "is not JSON"),
        ("k_fold.inner=1", "no inner fields"),
        ("search=20", "iterations"),
    ],
)
def test_what_cannot_be_says_what_could(assignment: str, says: str) -> None:
    with pytest.raises(Usage) as caught:
        fields.parse(TrainModel, [assignment])
    assert says in str(caught.value)


def test_an_invalid_command_is_explained_by_field() -> None:
    with pytest.raises(ValidationError) as caught:
        new(TrainModel, **fields.parse(TrainModel, ["source=a/b", "k_fold=many"]))
    text = fields.explain(caught.value, TrainModel)
    assert "k_fold: " in text
    assert "featurizers is missing (--set featurizers=...)" in text


def test_what_is_set_wins_over_the_file_and_inner_fields_are_merged() -> None:
    assert fields.merged({"a": 1, "b": {"c": 1, "d": 1}}, {"b": {"c": 2}}) == {
        "a": 1,
        "b": {"c": 2, "d": 1},
    }
