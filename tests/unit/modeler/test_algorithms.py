"""The catalogue of algorithms: names, hyper-parameters, and that each learns what can be learned."""

from __future__ import annotations

import numpy as np
import pytest

from molfleet.errors import Code, Rejected
from tests.unit.modeler.algorithm_problems import BY_HEART, every_algorithm, exported, fitted, known, law
from workers.modeler.algorithms import ALGORITHMS, METHODS
from workers.modeler.algorithms.base import Algorithm, Run
from workers.modeler.metrics import evaluate

#: Log loss or RMSE on 100 rows of the law y = 3 x1 - 2 x2, learned from 300 with all defaults and seed 7.
#: Another value means another model: of new defaults, or of another release of a library.
REFERENCE: dict[str, float] = {
    "naivebayesclassifier": 0.3432,
    "logisticregression": 0.3106,
    "ridgeregression": 0.0365,
    "elasticnetclassifier": 0.2467,
    "elasticnetregressor": 0.0112,
    "adaboostclassifier": 0.4643,
    "adaboostregressor": 0.1980,
    "randomforestclassifier": 0.2452,
    "randomforestregressor": 0.1716,
    "extratreesclassifier": 0.2827,
    "extratreesregressor": 0.0968,
    "gradientboostingclassifier": 0.1507,
    "gradientboostingregressor": 0.1185,
    "extremegradientboostingclassifier": 0.0670,
    "extremegradientboostingregressor": 0.1342,
    "lightgbmclassifier": 0.0842,
    "lightgbmregressor": 0.1380,
    "mlpclassifier": 0.3424,
    "mlpregressor": 0.0774,
    "nearestneighborsclassifier": 0.3871,
    "nearestneighborsregressor": 0.4200,
    "supportvectormachineclassifier": 0.1676,
    "supportvectormachineregressor": 0.1020,
    "kernelridgeregressor": 0.1166,
    "gaussianprocessclassifier": 0.1040,
    "gaussianprocessregressor": 0.0104,
}
#: Which of them must find the law to three digits.
LINEAR = {"ridgeregression": {"alpha": 1e-6}, "elasticnetregressor": {"alpha": 1e-6}}


def judged_on_the_law(algorithm: Algorithm, **given: float) -> dict[str, float]:
    x, continuous, y = law(algorithm, 400)
    model = algorithm.fit(x[:300], y[:300], algorithm.resolve(given), Run(7, 1, continuous))
    return evaluate(algorithm.task, y[300:], algorithm.outputs(model, x[300:]))


def few_trees(algorithm: Algorithm) -> dict[str, int]:
    """Where how many there are does not matter."""
    given = BY_HEART.get(algorithm.code, {})
    return {name: value for name, value in given.items() if name == "n_estimators"}


@every_algorithm
def test_every_algorithm_can_learn_forty_molecules_by_heart(algorithm: Algorithm) -> None:
    estimator, x, y = known(algorithm.code)
    figures = evaluate(algorithm.task, y, algorithm.outputs(estimator, x))
    assert figures.get("AUC", 1.0) > 0.98
    assert figures.get("R2", 1.0) > 0.85


@pytest.mark.slow
@every_algorithm
def test_every_algorithm_finds_a_linear_law_as_well_as_ever_with_its_defaults(algorithm: Algorithm) -> None:
    figures = judged_on_the_law(algorithm)
    assert figures.get("AUC", 1.0) > 0.93
    assert figures.get("R2", 1.0) > 0.78
    found = figures["LOG_LOSS" if algorithm.task == "classification" else "RMSE"]
    assert found == pytest.approx(REFERENCE.get(algorithm.code), abs=0.005), "the value for REFERENCE"


@pytest.mark.parametrize("code", LINEAR)
def test_linear_methods_find_the_coefficients_of_a_linear_law_to_three_digits(code: str) -> None:
    algorithm = ALGORITHMS.get(code)
    x, continuous, y = law(algorithm, 400)
    model = algorithm.fit(x, y, algorithm.resolve(LINEAR[code]), Run(7, 1, continuous))
    unit = np.std(3 * x[:, 1] - 2 * x[:, 2])
    changes = algorithm.outputs(model, np.eye(8, dtype=np.float32)) - algorithm.outputs(
        model, np.zeros((1, 8), dtype=np.float32)
    )
    assert changes[:, 0] * unit == pytest.approx([0, 3, -2, 0, 0, 0, 0, 0], abs=1e-3)


@every_algorithm
def test_no_rows_give_no_outputs_of_the_right_width(algorithm: Algorithm) -> None:
    estimator, x, _ = known(algorithm.code, classes=3)
    assert algorithm.outputs(estimator, x[:0]).shape == (0, 3 if algorithm.task == "classification" else 1)


@every_algorithm
def test_features_that_are_all_the_same_make_a_model_that_says_one_thing(
    algorithm: Algorithm,
) -> None:
    x = np.full((20, 3), 5.0, np.float32)
    y = np.arange(20) % 2 if algorithm.task == "classification" else np.arange(20.0)
    model = algorithm.fit(x, y, algorithm.resolve(few_trees(algorithm)), Run(7, 1, np.ones(3, np.bool_)))
    outputs = algorithm.outputs(model, x)
    assert np.allclose(outputs, outputs[0])
    assert np.allclose(exported(algorithm, model, 3)(x), outputs, atol=1e-5)


@pytest.mark.parametrize("code", [row.code for row in ALGORITHMS if "subsample" in row.resolve({})])
def test_a_share_of_few_rows_is_still_a_row(code: str) -> None:
    estimator, x, _ = fitted(ALGORITHMS.get(code), subsample=0.01)
    assert np.isfinite(ALGORITHMS.get(code).outputs(estimator, x)).all()


@pytest.mark.parametrize(
    "algorithm",
    [row for row in ALGORITHMS if "class_weight" in {parameter.name for parameter in row.parameters}],
    ids=lambda row: row.code,
)
def test_a_rare_class_is_believed_more_where_classes_count_equally(algorithm: Algorithm) -> None:
    x, continuous, _ = law(algorithm, 400)
    noisy = x[:, 1] + np.random.default_rng(5).normal(size=400)
    y = (noisy > np.quantile(noisy, 0.85)).astype(int)
    believed = []
    for weight in ("balanced", "none"):
        parameters = algorithm.resolve({**few_trees(algorithm), "class_weight": weight})
        model = algorithm.fit(x[:300], y[:300], parameters, Run(7, 1, continuous))
        believed.append(algorithm.outputs(model, x[300:])[:, 1].mean())
    assert believed[0] > believed[1]


@every_algorithm
def test_the_defaults_of_every_algorithm_are_allowed_by_its_own_bounds(algorithm: Algorithm) -> None:
    defaults = algorithm.resolve({})
    assert algorithm.resolve(defaults) == defaults


@every_algorithm
def test_every_hyper_parameter_is_explained_and_bounded(algorithm: Algorithm) -> None:
    for parameter in algorithm.parameters:
        assert parameter.doc.endswith(".")
        if parameter.kind in ("integer", "number"):
            assert parameter.minimum is not None
            assert parameter.maximum is not None
        if parameter.kind == "text":
            assert parameter.choices


@every_algorithm
def test_an_unknown_hyper_parameter_is_refused_with_those_that_exist(algorithm: Algorithm) -> None:
    with pytest.raises(Rejected) as caught:
        algorithm.resolve({"nonsense": 1})
    assert caught.value.code == Code.UNKNOWN_NAME
    assert all(parameter.name in caught.value.message for parameter in algorithm.parameters)


@every_algorithm
def test_a_hyper_parameter_that_is_refused_by_name_is_not_one_that_is_taken(algorithm: Algorithm) -> None:
    assert not {parameter.name for parameter in algorithm.parameters} & set(algorithm.refused)
    for name in algorithm.refused:
        with pytest.raises(Rejected, match=name) as caught:
            algorithm.resolve({name: True})
        assert caught.value.code == Code.INVALID_COMMAND


@pytest.mark.parametrize(
    ("method", "given"),
    [
        ("randomforestclassifier", {"n_estimators": 0}),
        ("randomforestclassifier", {"n_estimators": 10.5}),
        ("randomforestclassifier", {"n_estimators": True}),
        ("randomforestclassifier", {"n_estimators": None}),
        ("randomforestclassifier", {"max_features": "all"}),
        ("randomforestclassifier", {"max_features": float("nan")}),
        ("randomforestclassifier", {"class_weight": ["balanced"]}),
        ("lightgbmregressor", {"learning_rate": 2}),
        ("ridgeregression", {"alpha": -1.0}),
        ("mlpclassifier", {"activation": "identity"}),
        ("adaboostregressor", {"loss": "cubic"}),
        ("elasticnet", {"l1_ratio": 1.5}),
    ],
)
def test_a_hyper_parameter_out_of_bounds_is_named(method: str, given: dict) -> None:
    with pytest.raises(Rejected) as caught:
        METHODS.get(method).members[0].resolve(given)
    assert caught.value.code == Code.INVALID_COMMAND
    assert next(iter(given)) in caught.value.message


def test_a_whole_number_given_as_a_double_is_taken_as_an_integer() -> None:
    resolved = ALGORITHMS.get("randomforestregressor").resolve({"n_estimators": 50.0, "max_depth": None})
    assert resolved["n_estimators"] == 50
    assert isinstance(resolved["n_estimators"], int)
    assert resolved["max_depth"] is None


@pytest.mark.parametrize(
    ("name", "task", "code"),
    [
        ("linearregression", "classification", "logisticregression"),
        ("linearregression", "regression", "ridgeregression"),
        ("RandomForest", "regression", "randomforestregressor"),
        ("randomforestclassifier", "classification", "randomforestclassifier"),
        ("lightgbm", "classification", "lightgbmclassifier"),
        ("xgboost", "regression", "extremegradientboostingregressor"),
        ("adaboost", "classification", "adaboostclassifier"),
        ("mlp", "regression", "mlpregressor"),
    ],
)
def test_a_family_takes_its_member_from_the_task(name: str, task: str, code: str) -> None:
    assert METHODS.get(name).algorithm(task).code == code


@pytest.mark.parametrize(
    ("code", "tasks"),
    [
        ("naivebayes", {"classification"}),
        ("linearregression", {"classification", "regression"}),
        ("decisiontree", {"classification", "regression"}),
        ("randomforestclassifier", {"classification"}),
        ("randomforestregressor", {"regression"}),
        ("supportvectormachineclassifier", {"classification"}),
        ("supportvectormachineregressor", {"regression"}),
        ("nearestneighborsclassifier", {"classification"}),
        ("nearestneighborsregressor", {"regression"}),
        ("extremegradientboostingclassifier", {"classification"}),
        ("extremegradientboostingregressor", {"regression"}),
        ("elasticnet", {"classification", "regression"}),
        ("kernelridgeregressor", {"regression"}),
    ],
)
def test_the_codes_of_the_old_services_still_name_a_method(code: str, tasks: set[str]) -> None:
    assert set(METHODS.get(code).tasks) == tasks


def test_a_method_is_not_bent_to_a_task_that_it_does_not_do() -> None:
    with pytest.raises(Rejected) as caught:
        METHODS.get("randomforestclassifier").algorithm("regression")
    assert caught.value.code == Code.INVALID_COMMAND


@pytest.mark.parametrize("code", ["mlpclassifier", "mlpregressor"])
def test_a_network_whose_weights_grow_beyond_bounds_is_refused_in_words(code: str) -> None:
    algorithm = ALGORITHMS.get(code)
    x = (np.arange(-20, 20, dtype=np.float32) * np.float32(1.6e37))[:, np.newaxis]
    y = np.arange(40) % 2 if algorithm.task == "classification" else np.arange(40.0)
    with pytest.raises(Rejected, match="smaller learning_rate_init") as caught:
        algorithm.fit(x, y, algorithm.resolve({"learning_rate_init": 1.0}), Run(7, 1))
    assert caught.value.code == Code.INVALID_COMMAND
