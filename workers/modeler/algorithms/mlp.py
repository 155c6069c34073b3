"""A small multilayer perceptron of scikit-learn (Adam, early stopping)."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier, MLPRegressor

from molfleet.errors import Code, Rejected
from workers.modeler.algorithms.base import CLASSIFICATION, REGRESSION, Algorithm, Parameter, Run
from workers.modeler.algorithms.class_weights import CLASS_WEIGHT, weighted
from workers.modeler.algorithms.onnx_graphs import dense

#: Fewer rows cannot spare a tenth to tell when to stop; then `max_iter` alone ends the training.
_ROWS_TO_STOP_EARLY = 100

_PARAMETERS = (
    Parameter("hidden_units", "integer", 128, "Units of each hidden layer.", 1, 4_096),
    Parameter("hidden_layers", "integer", 1, "Hidden layers.", 1, 8),
    Parameter(
        "activation",
        "text",
        "relu",
        "What the units compute.",
        choices=("relu", "tanh", "logistic"),
    ),
    Parameter("alpha", "number", 1.0, "Strength of the L2 penalty.", 0.0, 1e6),
    Parameter("learning_rate_init", "number", 1e-3, "Step size of Adam.", 1e-7, 1.0),
    Parameter("batch_size", "integer", 64, "Rows of a step.", 1, 100_000),
    Parameter("max_iter", "integer", 60, "Passes over the rows at most.", 1, 10_000),
    Parameter(
        "early_stopping",
        "boolean",
        True,
        f"Hold out a tenth of the rows, where there are {_ROWS_TO_STOP_EARLY}, and keep the weights that "
        "do best on them.",
    ),
    Parameter("n_iter_no_change", "integer", 10, "Passes without gain after which to stop.", 1, 10_000),
)


class _Network:
    """What ours add: no early stopping where there is too little to hold out, no warnings, and a refusal
    in words where the training diverges."""

    early_stopping: bool
    batch_size: int

    def fit(self, x: Any, y: Any, sample_weight: Any = None) -> Any:
        self.early_stopping = self.early_stopping and self._can_hold_out(y)
        self.batch_size = min(self.batch_size, len(y))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            try:
                return super().fit(x, y, sample_weight=sample_weight)  # type: ignore[misc]
            except ValueError as error:
                if "non-finite" not in str(error):
                    raise
        raise Rejected(
            Code.INVALID_COMMAND,
            "The multilayer perceptron's weights grew beyond all bounds: leave the scaler to the method, "
            "or choose a smaller learning_rate_init.",
            details={"hyper_parameter": "learning_rate_init"},
        )

    def _can_hold_out(self, y: NDArray[Any]) -> bool:
        return len(y) >= _ROWS_TO_STOP_EARLY


class _Classifier(_Network, MLPClassifier):  # type: ignore[misc]
    def _can_hold_out(self, y: NDArray[Any]) -> bool:
        # What is held out is stratified: it takes two rows of each class, and has one of each.
        counts = np.bincount(y)
        return len(y) >= max(_ROWS_TO_STOP_EARLY, 10 * len(counts)) and bool(np.min(counts) >= 2)


class _Regressor(_Network, MLPRegressor):  # type: ignore[misc]
    """Learns the values standardized; the output layer of the fitted network gives them as they are."""

    def fit(self, x: Any, y: Any, sample_weight: Any = None) -> Any:
        center, scale = float(np.mean(y)), float(np.std(y)) or 1.0
        super().fit(x, (np.asarray(y) - center) / scale, sample_weight)
        self.coefs_[-1] = self.coefs_[-1] * np.float32(scale)
        self.intercepts_[-1] = (self.intercepts_[-1] * scale + center).astype(np.float32)
        return self


def _arguments(parameters: Mapping[str, Any], run: Run) -> dict[str, Any]:
    own = ("hidden_units", "hidden_layers", "class_weight")
    return {
        **{name: value for name, value in parameters.items() if name not in own},
        "hidden_layer_sizes": (parameters["hidden_units"],) * parameters["hidden_layers"],
        "random_state": run.seed,
    }


def _classifier(parameters: Mapping[str, Any], run: Run) -> Any:
    return weighted(_Classifier, parameters)(**_arguments(parameters, run))


def _regressor(parameters: Mapping[str, Any], run: Run) -> Any:
    return _Regressor(**_arguments(parameters, run))


def _export(model: Any, n_features: int) -> bytes:
    return dense(
        list(zip(model.coefs_, model.intercepts_, strict=True)),
        classifies=hasattr(model, "classes_"),
        activation=model.activation,
        dtype=np.float32,
    )


CLASSIFIER = Algorithm(
    code="mlpclassifier",
    family="mlp",
    display_name="Multilayer perceptron classifier",
    task=CLASSIFICATION,
    parameters=(*_PARAMETERS, CLASS_WEIGHT),
    build=_classifier,
    export=_export,
    scales=True,
)
REGRESSOR = Algorithm(
    code="mlpregressor",
    family="mlp",
    display_name="Multilayer perceptron regressor",
    task=REGRESSION,
    parameters=_PARAMETERS,
    build=_regressor,
    export=_export,
    scales=True,
)
