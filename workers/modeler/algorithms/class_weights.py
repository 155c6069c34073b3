"""Classes of unequal size: one hyper-parameter for every classifier, whatever its library calls it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sklearn.utils.class_weight import compute_sample_weight

from workers.modeler.algorithms.base import Parameter

_DOC = "balanced: classes count equally, whatever their sizes; none: molecules count equally."

CLASS_WEIGHT = Parameter("class_weight", "text", "balanced", _DOC, choices=("balanced", "none"))


def class_weight(parameters: Mapping[str, Any]) -> str | None:
    """As scikit-learn and LightGBM have it."""
    weight = parameters["class_weight"]
    return None if weight == "none" else str(weight)


def weighted(estimator: type[Any], parameters: Mapping[str, Any]) -> type[Any]:
    """`estimator`, a class that takes weights of rows but none of classes, made to do what is asked."""
    return estimator if parameters["class_weight"] == "none" else _balanced(estimator)


def _balanced(estimator: type[Any]) -> type[Any]:
    class Balanced(estimator):  # type: ignore[misc]
        def fit(self, x: Any, y: Any) -> Any:
            return super().fit(x, y, sample_weight=compute_sample_weight("balanced", y))

    return Balanced
