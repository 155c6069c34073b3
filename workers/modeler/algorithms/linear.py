"""Linear models: logistic regression for classes, ridge regression for values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression, Ridge

from workers.modeler.algorithms.base import CLASSIFICATION, REGRESSION, Algorithm, Parameter, Run
from workers.modeler.algorithms.onnx_graphs import from_sklearn


def _logistic(parameters: Mapping[str, Any], run: Run) -> LogisticRegression:
    weight = parameters["class_weight"]
    return LogisticRegression(
        C=parameters["c"],
        max_iter=parameters["max_iter"],
        class_weight=None if weight == "none" else weight,
        random_state=run.seed,
    )


def _ridge(parameters: Mapping[str, Any], run: Run) -> Ridge:
    return Ridge(alpha=parameters["alpha"], random_state=run.seed)


LOGISTIC = Algorithm(
    code="logisticregression",
    family="linearregression",
    display_name="Logistic regression",
    task=CLASSIFICATION,
    parameters=(
        Parameter("c", "number", 1.0, "Inverse strength of the L2 penalty.", 1e-8, 1e8),
        Parameter("max_iter", "integer", 1_000, "Steps of the solver (L-BFGS) at most.", 1, 1_000_000),
        Parameter(
            "class_weight",
            "text",
            "balanced",
            "balanced: classes count equally, whatever their sizes; none: molecules count equally.",
            choices=("balanced", "none"),
        ),
    ),
    build=_logistic,
    export=from_sklearn,
    fit_dtype=np.float64,
)
RIDGE = Algorithm(
    code="ridgeregression",
    family="linearregression",
    display_name="Ridge regression",
    task=REGRESSION,
    parameters=(Parameter("alpha", "number", 10.0, "Strength of the L2 penalty.", 0.0, 1e12),),
    build=_ridge,
    export=from_sklearn,
    fit_dtype=np.float64,
    aliases=("ridge",),
)
