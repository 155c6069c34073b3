from __future__ import annotations

from typing import Any
from uuid import UUID

import numpy as np
import pytest

from molfleet.chemistry.featurizers import SpecValue
from molfleet.errors import Code, Rejected
from molfleet.messages.generated import BlobRef, EnsembleMember, FeaturizerSpec, ModelRef, Search
from tests.unit.modeler.support import ECFP, command
from workers.modeler.plan import make_plan

SOURCE = BlobRef(bucket="inputs", key="molecules.csv")
COLUMNS = FeaturizerSpec(type="COLUMNS", parameters={"numeric": ["mw"]})


@pytest.mark.parametrize(
    ("fields", "code", "told"),
    [
        ({"k_fold": 1}, Code.INVALID_COMMAND, "from 2 to 10"),
        ({"k_fold": 11}, Code.INVALID_COMMAND, "from 2 to 10"),
        ({"test_set_size": -0.1}, Code.INVALID_COMMAND, "from 0 to 0.5"),
        ({"test_set_size": 0.51}, Code.INVALID_COMMAND, "from 0 to 0.5"),
        ({"test_set_size": float("nan")}, Code.INVALID_COMMAND, "test_set_size"),
        ({"sub_sample_size": 0.09}, Code.INVALID_COMMAND, "from 0.1 to 1"),
        ({"sub_sample_size": 1.1}, Code.INVALID_COMMAND, "from 0.1 to 1"),
        ({"seed": -1}, Code.INVALID_COMMAND, "seed"),
        ({"seed": 2**31}, Code.INVALID_COMMAND, "seed"),
        ({"targets": (" ",)}, Code.INVALID_COMMAND, "targets"),
        ({"targets": ("a", "b")}, Code.INVALID_COMMAND, "one target"),
        ({"featurizers": ()}, Code.INVALID_COMMAND, "featurizer"),
        ({"featurizers": (ECFP, ECFP)}, Code.INVALID_COMMAND, "twice"),
        ({"featurizers": (FeaturizerSpec(type="ECPF"),)}, Code.UNKNOWN_NAME, "ECFP"),
        (
            {"featurizers": (COLUMNS,), "targets": ("mw",)},
            Code.INVALID_COMMAND,
            "'mw', which is the target",
        ),
        (
            {"featurizers": (COLUMNS,), "split": "column:mw"},
            Code.INVALID_COMMAND,
            "'mw', which is what the",
        ),
        ({"search": Search()}, Code.INVALID_COMMAND, "search"),
        ({"members": (EnsembleMember(method="ridge"),)}, Code.INVALID_COMMAND, "members"),
        (
            {"method": "voting", "members": (EnsembleMember(method="ridge"),) * 21},
            Code.INVALID_COMMAND,
            "2 to 20 members",
        ),
        ({"base_model": ModelRef(id=UUID(int=1), blob=SOURCE)}, Code.INVALID_COMMAND, "base_model"),
        ({"options": {"colour": "red"}}, Code.UNKNOWN_NAME, "colour"),
        ({"options": {"bootstrap": "10001"}}, Code.INVALID_COMMAND, "from 0 to 10000"),
        ({"options": {"bootstrap": "9" * 5_000}}, Code.INVALID_COMMAND, "from 0 to 10000"),
        ({"method": "randomforrest"}, Code.UNKNOWN_NAME, "Did you mean randomforest"),
        ({"split": "by-date"}, Code.UNKNOWN_NAME, "stratified, random"),
        ({"scaler": "logarithmic"}, Code.UNKNOWN_NAME, "robust"),
        ({"standardize": "fully"}, Code.UNKNOWN_NAME, "parent-neutral"),
        ({"file_type": "xlsx"}, Code.UNKNOWN_NAME, "sdf"),
        ({"task": "ranking"}, Code.UNKNOWN_NAME, "regression"),
        ({"target_transform": "ln"}, Code.UNKNOWN_NAME, "log10"),
        ({"censored": "keep"}, Code.UNKNOWN_NAME, "bound"),
        ({"replicates": "max"}, Code.UNKNOWN_NAME, "median"),
        ({"refit": "none"}, Code.UNKNOWN_NAME, "folds"),
        ({"method": "ridge", "task": "classification"}, Code.INVALID_COMMAND, "ridgeregression"),
        ({"hyper_parameters": {"trees": 5}}, Code.UNKNOWN_NAME, "n_estimators"),
        ({"hyper_parameters": {"n_estimators": 0}}, Code.INVALID_COMMAND, "from 1 to"),
    ],
)
def test_what_cannot_be_done_is_refused_before_any_work(
    fields: dict[str, Any], code: Code, told: str
) -> None:
    with pytest.raises(Rejected) as caught:
        make_plan(command(SOURCE, **fields))
    assert caught.value.code == code
    assert told in caught.value.message


def test_a_method_of_one_task_decides_it() -> None:
    plan = make_plan(command(SOURCE, method="randomforestregressor"))
    assert plan.rules.task == "regression"
    assert make_plan(command(SOURCE, method="randomforest")).rules.task is None


def test_a_parameter_of_one_member_only_is_good_while_the_task_is_open() -> None:
    plan = make_plan(command(SOURCE, hyper_parameters={"class_weight": "none"}))
    columns = [np.arange(256)]
    (learner,) = plan.choice.recipe("classification", columns, 100).learners
    assert learner.parameters["class_weight"] == "none"
    with pytest.raises(Rejected):
        plan.choice.recipe("regression", columns, 100)


def test_sizes_and_radii_left_out_are_spelt_out_and_zero_means_left_out() -> None:
    given = (FeaturizerSpec(type="ecfp", size=0, radius=0), FeaturizerSpec(type="MACCS", size=0))
    plan = make_plan(command(SOURCE, featurizers=given))
    assert plan.specs[0] == SpecValue("ECFP", 2048, 2)
    assert plan.specs[1].type == "MACCS"


def test_a_radius_of_zero_among_the_parameters_stays_there() -> None:
    atoms = FeaturizerSpec(type="ECFP", size=512, parameters={"radius": 0})
    (spec,) = make_plan(command(SOURCE, featurizers=(atoms,))).specs
    assert spec == SpecValue("ECFP", 512, None, {"radius": 0})


def test_the_model_is_named_after_target_and_method_unless_it_has_a_name() -> None:
    assert make_plan(command(SOURCE)).model_name == "activity randomforest"
    assert make_plan(command(SOURCE, model_name="Mine")).model_name == "Mine"


@pytest.mark.parametrize(
    "fields", [{"k_fold": 2}, {"k_fold": 10}, {"test_set_size": 0.5}, {"sub_sample_size": 0.1}]
)
def test_the_bounds_themselves_are_allowed(fields: dict[str, Any]) -> None:
    make_plan(command(SOURCE, **fields))


def test_a_split_by_the_target_itself_is_refused() -> None:
    with pytest.raises(Rejected) as caught:
        make_plan(command(SOURCE, split="column:activity"))
    assert caught.value.code == Code.INVALID_COMMAND
    assert "column:activity" in caught.value.message
