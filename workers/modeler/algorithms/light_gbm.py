"""Gradient-boosted trees of LightGBM (Ke et al., NeurIPS 2017)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import lightgbm
import numpy as np
from numpy.typing import NDArray

from workers.modeler.algorithms import onnx_trees
from workers.modeler.algorithms.base import CLASSIFICATION, REGRESSION, Algorithm, Parameter, Run
from workers.modeler.algorithms.class_weights import CLASS_WEIGHT, class_weight
from workers.modeler.algorithms.column_shares import COLUMN_SHARE, column_share

_PARAMETERS = (
    Parameter("n_estimators", "integer", 400, "Boosting rounds.", 1, 20_000),
    Parameter("learning_rate", "number", 0.05, "Weight of each round.", 1e-5, 1.0),
    Parameter("num_leaves", "integer", 20, "Most leaves of a tree.", 2, 4_096),
    Parameter("max_depth", "integer", None, "Greatest depth of a tree; null: no limit.", 1, 1_000),
    Parameter("min_child_samples", "integer", 5, "Fewest rows in a leaf.", 1, 1_000_000),
    Parameter("subsample", "number", 0.8, "Part of the rows that each round sees.", 0.01, 1.0),
    COLUMN_SHARE,
    Parameter("reg_alpha", "number", 0.0, "Strength of the L1 penalty.", 0.0, 1e6),
    Parameter("reg_lambda", "number", 1.0, "Strength of the L2 penalty.", 0.0, 1e6),
)
# Measured: these convert to ONNX without an error and predict wrongly by 1 to 20 standard deviations.
_REFUSED = {
    "linear_tree": "its trees do not survive the conversion to ONNX",
    "zero_as_missing": "its handling of zeros does not survive the conversion to ONNX",
    "boosting": "only gradient boosting (gbdt) survives the conversion to ONNX",
    "boosting_type": "only gradient boosting (gbdt) survives the conversion to ONNX",
}


def _arguments(parameters: Mapping[str, Any], run: Run) -> dict[str, Any]:
    depth = parameters["max_depth"]
    return {
        **parameters,
        **column_share(parameters["colsample_bytree"], run),
        "max_depth": -1 if depth is None else depth,
        "subsample_freq": 1 if parameters["subsample"] < 1 else 0,
        "random_state": run.seed,
        "n_jobs": run.threads,
        "deterministic": True,
        "force_row_wise": True,
        "verbosity": -1,
    }


class _AtLeastOneRow:
    """What ours add: a share of few rows is still one row, where LightGBM ends the training."""

    subsample: float

    def fit(self, x: Any, y: Any, **arguments: Any) -> Any:
        self.subsample = max(self.subsample, 1.5 / len(y))
        return super().fit(x, y, **arguments)  # type: ignore[misc]


class _Classifier(_AtLeastOneRow, lightgbm.LGBMClassifier):  # type: ignore[misc]
    pass


class _Regressor(_AtLeastOneRow, lightgbm.LGBMRegressor):  # type: ignore[misc]
    pass


def _classifier(parameters: Mapping[str, Any], run: Run) -> Any:
    arguments = _arguments(parameters, run)
    return _Classifier(**{**arguments, "class_weight": class_weight(parameters)})


def _regressor(parameters: Mapping[str, Any], run: Run) -> Any:
    return _Regressor(**_arguments(parameters, run))


def _trees(model: Any) -> list[onnx_trees.Tree]:
    """The trees as LightGBM's own text of a model has them: branches and leaves numbered apart."""
    texts = model.booster_.model_to_string().partition("end of trees")[0].split("\nTree=")[1:]
    classes = model.booster_.num_model_per_iteration()
    return [_tree(text, number % classes) for number, text in enumerate(texts)]


def _tree(text: str, target: int) -> onnx_trees.Tree:
    lines = dict(line.split("=", 1) for line in text.splitlines()[1:] if "=" in line)
    leaves = np.array(lines["leaf_value"].split(), dtype=np.float64)
    branches = len(leaves) - 1

    def column(name: str, dtype: type[np.generic]) -> NDArray[Any]:
        return np.array(lines[name].split() if branches else [], dtype=dtype)

    def nodes(name: str) -> NDArray[np.int64]:
        child = column(name, np.int64)
        of_branches = np.where(child < 0, branches + ~child, child)
        return np.concatenate([of_branches, np.full(len(leaves), -1)])

    padding = np.zeros(len(leaves))
    return onnx_trees.Tree(
        left=nodes("left_child"),
        right=nodes("right_child"),
        feature=np.concatenate([column("split_feature", np.int64), padding.astype(np.int64)]),
        threshold=np.concatenate([column("threshold", np.float64), padding]),
        values=np.concatenate([np.zeros(branches), leaves]),
        targets=target,
    )


def _export_classifier(model: Any, n_features: int) -> bytes:
    base = np.zeros(model.booster_.num_model_per_iteration())
    return onnx_trees.boosted_classes(_trees(model), n_features, base)


def _export_regressor(model: Any, n_features: int) -> bytes:
    return onnx_trees.regression(_trees(model), n_features)


CLASSIFIER = Algorithm(
    code="lightgbmclassifier",
    family="lightgbm",
    display_name="LightGBM classifier",
    task=CLASSIFICATION,
    parameters=(*_PARAMETERS, CLASS_WEIGHT),
    build=_classifier,
    export=_export_classifier,
    any_block=True,
    refused=_REFUSED,
)
REGRESSOR = Algorithm(
    code="lightgbmregressor",
    family="lightgbm",
    display_name="LightGBM regressor",
    task=REGRESSION,
    parameters=_PARAMETERS,
    build=_regressor,
    export=_export_regressor,
    any_block=True,
    refused=_REFUSED,
)
