"""The kinds of estimator that a bundle may hold, and how each becomes something that predicts."""

from __future__ import annotations

from molfleet.bundles.estimators.base import EstimatorKind, Outputs, Predictor
from molfleet.bundles.estimators.kernel import KernelPredictor
from molfleet.bundles.estimators.neighbours import NeighboursPredictor
from molfleet.bundles.estimators.onnx import BLOCK, OnnxPredictor
from molfleet.catalogue import Catalogue

__all__ = ["BLOCK", "ESTIMATORS", "EstimatorKind", "OnnxPredictor", "Outputs", "Predictor"]

ESTIMATORS = Catalogue(
    "kind of estimator",
    (
        EstimatorKind("onnx", OnnxPredictor),
        EstimatorKind("kernel", KernelPredictor),
        EstimatorKind("neighbours", NeighboursPredictor),
    ),
)
