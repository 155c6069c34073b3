"""Gradient-boosted trees of LightGBM (Ke et al., NeurIPS 2017)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import lightgbm
import numpy as np

from workers.modeler.algorithms.base import (
    CLASSIFICATION,
    INPUT_NAME,
    REGRESSION,
    Algorithm,
    Parameter,
    Run,
)
from workers.modeler.algorithms.onnx_graphs import sealed

_PARAMETERS = (
    Parameter("n_estimators", "integer", 400, "Boosting rounds.", 1, 20_000),
    Parameter("learning_rate", "number", 0.05, "Weight of each round.", 1e-5, 1.0),
    Parameter("num_leaves", "integer", 31, "Most leaves of a tree.", 2, 4_096),
    Parameter("max_depth", "integer", None, "Greatest depth of a tree; null: no limit.", 1, 1_000),
    Parameter("min_child_samples", "integer", 5, "Fewest rows in a leaf.", 1, 1_000_000),
    Parameter("subsample", "number", 0.8, "Part of the rows that each round sees.", 0.01, 1.0),
    Parameter("colsample_bytree", "number", 0.5, "Part of the features that each tree sees.", 0.001, 1.0),
    Parameter("reg_alpha", "number", 0.0, "Strength of the L1 penalty.", 0.0, 1e6),
    Parameter("reg_lambda", "number", 1.0, "Strength of the L2 penalty.", 0.0, 1e6),
)
_CLASS_WEIGHT = Parameter(
    "class_weight",
    "text",
    "balanced",
    "balanced: classes count equally, whatever their sizes; none: molecules count equally.",
    choices=("balanced", "none"),
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
        "max_depth": -1 if depth is None else depth,
        "subsample_freq": 1 if parameters["subsample"] < 1 else 0,
        "random_state": run.seed,
        "n_jobs": run.threads,
        "deterministic": True,
        "force_row_wise": True,
        "verbosity": -1,
    }


def _classifier(parameters: Mapping[str, Any], run: Run) -> Any:
    weight = parameters["class_weight"]
    arguments = _arguments(parameters, run)
    arguments["class_weight"] = None if weight == "none" else weight
    return lightgbm.LGBMClassifier(**arguments)


def _regressor(parameters: Mapping[str, Any], run: Run) -> Any:
    return lightgbm.LGBMRegressor(**_arguments(parameters, run))


def round_down(threshold: float) -> float:
    """The greatest float32 that is not above `threshold`.

    For a float32 x, `x <= threshold` and `x <= round_down(threshold)` are the same question; rounding
    to the nearest, as the converter does, sends rows down the wrong branch.
    """
    with np.errstate(over="ignore"):
        nearest = np.float32(threshold)
    if float(nearest) > threshold:
        nearest = np.nextafter(nearest, np.float32(-np.inf))
    return float(nearest)


def _with_float32_thresholds(model: str) -> str:
    lines = []
    for line in model.split("\n"):
        name, equals, values = line.partition("=")
        if name == "tree_sizes":  # byte counts of the trees, wrong after this; optional on reading
            continue
        if equals and name == "threshold" and values:
            line = "threshold=" + " ".join(repr(round_down(float(value))) for value in values.split())
        lines.append(line)
    return "\n".join(lines)


def _export(estimator: Any, n_features: int) -> bytes:
    from onnxmltools.convert import convert_lightgbm
    from onnxmltools.convert.common.data_types import FloatTensorType

    booster = lightgbm.Booster(model_str=_with_float32_thresholds(estimator.booster_.model_to_string()))
    model = convert_lightgbm(
        booster,
        initial_types=[(INPUT_NAME, FloatTensorType([None, n_features]))],
        zipmap=False,
        target_opset=15,  # the newest that onnxmltools 1.16 knows
    )
    is_classifier = isinstance(estimator, lightgbm.LGBMClassifier)
    return sealed(model, "probabilities" if is_classifier else "variable", n_features)


CLASSIFIER = Algorithm(
    code="lightgbmclassifier",
    family="lightgbm",
    display_name="LightGBM classifier",
    task=CLASSIFICATION,
    parameters=(*_PARAMETERS, _CLASS_WEIGHT),
    build=_classifier,
    export=_export,
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
    export=_export,
    any_block=True,
    refused=_REFUSED,
)
