"""Gradient boosting (Friedman 2001, 2002) of scikit-learn, with exact splits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from sklearn.ensemble import GradientBoostingClassifier, GradientBoostingRegressor

from workers.modeler.algorithms import onnx_trees
from workers.modeler.algorithms.base import CLASSIFICATION, REGRESSION, Algorithm, Parameter, Run
from workers.modeler.algorithms.class_weights import CLASS_WEIGHT, weighted
from workers.modeler.algorithms.column_shares import SQUARE_ROOT, SplitShare

#: Rows that a round sees at most where the command does not say: of 80,000, the usual part took three
#: times as long. Rounds are many, so that all rows are seen.
ROWS_PER_ROUND = 20_000
_SUBSAMPLE = 0.7
_MAX_RECORDS = int(ROWS_PER_ROUND / _SUBSAMPLE)
_BEYOND = f"beyond, each round sees {ROWS_PER_ROUND:,} of them, drawn anew"
_PARAMETERS = (
    Parameter("n_estimators", "integer", 500, "Boosting rounds.", 1, 20_000),
    Parameter("learning_rate", "number", 0.05, "Weight of each round.", 1e-5, 1.0),
    Parameter("max_depth", "integer", 5, "Greatest depth of a tree.", 1, 100),
    Parameter("min_samples_leaf", "integer", 3, "Fewest rows in a leaf.", 1, 1_000_000),
    Parameter(
        "subsample",
        "number",
        None,
        f"Part of the rows that each round sees; null: {_SUBSAMPLE:g}, but {ROWS_PER_ROUND:,} at most.",
        0.01,
        1.0,
    ),
)
_SHARE = SplitShare(0.1)
_REFUSED = {
    "init": "the first guess is the prior or the mean, as the exported model has it",
    "loss": "it is the log loss or the squared error, as the exported model and its intervals assume",
}


class _Rounds:
    """scikit-learn's gradient boosting; with no `subsample`, its default depends on the rows."""

    subsample: float | None

    def fit(self, x: Any, y: Any, sample_weight: Any = None) -> Any:
        if self.subsample is None:
            self.subsample = min(_SUBSAMPLE, ROWS_PER_ROUND / len(x))
        return super().fit(x, y, sample_weight)  # type: ignore[misc]


class _Classifier(_Rounds, GradientBoostingClassifier):  # type: ignore[misc]
    pass


class _Regressor(_Rounds, GradientBoostingRegressor):  # type: ignore[misc]
    pass


def _arguments(parameters: Mapping[str, Any], run: Run) -> dict[str, Any]:
    given = {name: value for name, value in parameters.items() if name != "class_weight"}
    return {**given, "random_state": run.seed}


def _classifier(parameters: Mapping[str, Any], run: Run) -> Any:
    return weighted(_Classifier, parameters)(**_arguments(parameters, run))


def _regressor(parameters: Mapping[str, Any], run: Run) -> Any:
    arguments = _arguments(parameters, run)
    arguments["max_features"] = _SHARE.tried(arguments["max_features"], run)
    return _Regressor(**arguments)


def _trees(model: Any) -> list[onnx_trees.Tree]:
    return [
        onnx_trees.of_sklearn(tree.tree_, model.learning_rate * tree.tree_.value[:, 0, 0], number)
        for stage in model.estimators_
        for number, tree in enumerate(stage)
    ]


def _export_classifier(model: Any, n_features: int) -> bytes:
    # The first guess does not depend on the row: it is what the model says before any tree.
    base = np.asarray(model._raw_predict_init(np.zeros((1, n_features), dtype=np.float32)))[0]
    return onnx_trees.boosted_classes(_trees(model), n_features, base)


def _export_regressor(model: Any, n_features: int) -> bytes:
    return onnx_trees.regression(_trees(model), n_features, base=float(model.init_.constant_[0, 0]))


CLASSIFIER = Algorithm(
    code="gradientboostingclassifier",
    family="gradientboosting",
    display_name="Gradient boosting classifier",
    task=CLASSIFICATION,
    parameters=(*_PARAMETERS, SQUARE_ROOT, CLASS_WEIGHT),
    build=_classifier,
    export=_export_classifier,
    refused=_REFUSED,
    any_block=True,
    max_records=_MAX_RECORDS,
    beyond=_BEYOND,
)
# Where few descriptors tell nearly all, as of solvation, the square root of the features misses them.
REGRESSOR = Algorithm(
    code="gradientboostingregressor",
    family="gradientboosting",
    display_name="Gradient boosting regressor",
    task=REGRESSION,
    parameters=(*_PARAMETERS, _SHARE.parameter),
    build=_regressor,
    export=_export_regressor,
    refused=_REFUSED,
    any_block=True,
    max_records=_MAX_RECORDS,
    beyond=_BEYOND,
)
