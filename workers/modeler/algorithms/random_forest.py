"""Random forests (Breiman 2001) of scikit-learn."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

from workers.modeler.algorithms.base import CLASSIFICATION, REGRESSION, Algorithm, Parameter, Run
from workers.modeler.algorithms.onnx_graphs import from_sklearn


def _parameters(max_features: str | float) -> tuple[Parameter, ...]:
    return (
        Parameter("n_estimators", "integer", 300, "Trees.", 1, 10_000),
        Parameter("max_depth", "integer", None, "Greatest depth of a tree; null: no limit.", 1, 1_000),
        Parameter("min_samples_split", "integer", 2, "Fewest rows that are split.", 2, 1_000_000),
        Parameter("min_samples_leaf", "integer", 1, "Fewest rows in a leaf.", 1, 1_000_000),
        Parameter(
            "max_features",
            "number",
            max_features,
            "Features tried at each split: a fraction of all, their square root or logarithm.",
            1e-6,
            1.0,
            ("sqrt", "log2"),
        ),
    )


_CLASS_WEIGHT = Parameter(
    "class_weight",
    "text",
    "balanced",
    "balanced: classes count equally, whatever their sizes; none: molecules count equally.",
    choices=("balanced", "balanced_subsample", "none"),
)


def _classifier(parameters: Mapping[str, Any], run: Run) -> RandomForestClassifier:
    weight = parameters["class_weight"]
    return RandomForestClassifier(
        **{**parameters, "class_weight": None if weight == "none" else weight},
        random_state=run.seed,
        n_jobs=run.threads,
    )


def _regressor(parameters: Mapping[str, Any], run: Run) -> RandomForestRegressor:
    return RandomForestRegressor(**parameters, random_state=run.seed, n_jobs=run.threads)


CLASSIFIER = Algorithm(
    code="randomforestclassifier",
    family="randomforest",
    display_name="Random forest classifier",
    task=CLASSIFICATION,
    parameters=(*_parameters("sqrt"), _CLASS_WEIGHT),
    build=_classifier,
    export=from_sklearn,
    any_block=True,
)
# A third of the features is Breiman's own choice for regression; scikit-learn tries all of them.
REGRESSOR = Algorithm(
    code="randomforestregressor",
    family="randomforest",
    display_name="Random forest regressor",
    task=REGRESSION,
    parameters=_parameters(1 / 3),
    build=_regressor,
    export=from_sklearn,
    any_block=True,
)
