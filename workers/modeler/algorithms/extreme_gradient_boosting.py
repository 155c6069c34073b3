"""Gradient-boosted trees of XGBoost (Chen and Guestrin, KDD 2016)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import xgboost

from workers.modeler.algorithms import onnx_trees
from workers.modeler.algorithms.base import CLASSIFICATION, REGRESSION, Algorithm, Parameter, Run
from workers.modeler.algorithms.class_weights import CLASS_WEIGHT, weighted
from workers.modeler.algorithms.column_shares import COLUMN_SHARE, column_share

_PARAMETERS = (
    Parameter("n_estimators", "integer", 400, "Boosting rounds.", 1, 20_000),
    Parameter("learning_rate", "number", 0.05, "Weight of each round.", 1e-5, 1.0),
    Parameter("max_depth", "integer", 6, "Greatest depth of a tree.", 1, 100),
    Parameter("min_child_weight", "number", 1.0, "Least weight (sum of hessians) of a leaf.", 0.0, 1e9),
    Parameter("gamma", "number", 0.0, "Least gain of a split.", 0.0, 1e9),
    Parameter("subsample", "number", 0.8, "Part of the rows that each round sees.", 0.01, 1.0),
    COLUMN_SHARE,
    Parameter("reg_alpha", "number", 0.0, "Strength of the L1 penalty.", 0.0, 1e6),
    Parameter("reg_lambda", "number", 1.0, "Strength of the L2 penalty.", 0.0, 1e6),
)
# Measured: dart converts without an error and predicts wrongly by up to 22 standard deviations.
_REFUSED = {
    "booster": "only boosted trees (gbtree) are exported exactly",
    "base_score": "the first guess is the prior or the mean",
    "enable_categorical": "features are numbers here",
    "missing": "missing values are filled before any algorithm sees them",
    "multi_strategy": "each class has its own trees",
    "num_parallel_tree": "forests are the method randomforest",
    "objective": "it follows from the task",
    "scale_pos_weight": "class_weight does this, for any number of classes",
}


def _arguments(parameters: Mapping[str, Any], run: Run) -> dict[str, Any]:
    given = {name: value for name, value in parameters.items() if name != "class_weight"}
    return {
        **given,
        **column_share(parameters["colsample_bytree"], run),
        "tree_method": "hist",
        "random_state": run.seed,
        "n_jobs": run.threads,
        "verbosity": 0,
    }


def _classifier(parameters: Mapping[str, Any], run: Run) -> Any:
    return weighted(xgboost.XGBClassifier, parameters)(**_arguments(parameters, run))


def _regressor(parameters: Mapping[str, Any], run: Run) -> Any:
    return xgboost.XGBRegressor(**_arguments(parameters, run))


def _trees(model: Any) -> tuple[list[onnx_trees.Tree], np.ndarray[Any, np.dtype[np.float64]]]:
    """The trees, and what is added to their sums, before the softmax: XGBoost's own JSON tells."""
    learner = json.loads(model.get_booster().save_raw("json"))["learner"]
    boosted = learner["gradient_booster"]["model"]
    trees = [
        onnx_trees.Tree(
            left=np.array(tree["left_children"]),
            right=np.array(tree["right_children"]),
            feature=np.array(tree["split_indices"]),
            threshold=np.array(tree["split_conditions"], dtype=np.float32),
            # A leaf has its value where a branch has its threshold.
            values=np.array(tree["split_conditions"], dtype=np.float32),
            targets=group,
        )
        for tree, group in zip(boosted["trees"], boosted["tree_info"], strict=True)
    ]
    base = np.atleast_1d(json.loads(learner["learner_model_param"]["base_score"])).astype(np.float64)
    return trees, base


def _export_classifier(model: Any, n_features: int) -> bytes:
    trees, base = _trees(model)
    classes = len(model.classes_)
    if classes == 2:
        base = np.log(base / (1 - base))
    width = 1 if classes == 2 else classes
    return onnx_trees.boosted_classes(trees, n_features, np.broadcast_to(base, width), branch="<")


def _export_regressor(model: Any, n_features: int) -> bytes:
    trees, base = _trees(model)
    return onnx_trees.regression(trees, n_features, base=float(base[0]), branch="<")


CLASSIFIER = Algorithm(
    code="extremegradientboostingclassifier",
    family="extremegradientboosting",
    display_name="XGBoost classifier",
    task=CLASSIFICATION,
    parameters=(*_PARAMETERS, CLASS_WEIGHT),
    build=_classifier,
    export=_export_classifier,
    refused=_REFUSED,
    any_block=True,
    aliases=("xgboostclassifier",),
)
REGRESSOR = Algorithm(
    code="extremegradientboostingregressor",
    family="extremegradientboosting",
    display_name="XGBoost regressor",
    task=REGRESSION,
    parameters=_PARAMETERS,
    build=_regressor,
    export=_export_regressor,
    refused=_REFUSED,
    any_block=True,
    aliases=("xgboostregressor",),
)
