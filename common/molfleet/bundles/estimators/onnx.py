"""Estimators that are ONNX graphs, run by onnxruntime."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnxruntime as ort

from molfleet.bundles.estimators.base import Outputs
from molfleet.bundles.estimators.graphs import check_graph
from molfleet.bundles.features import Matrix

#: Rows of one inference, where blocks do not matter: enough to be fast, few enough to stay in cache.
BLOCK = 128


class OnnxPredictor:
    """One ONNX graph on one thread.

    Dense arithmetic gives other last digits for other numbers of rows, so rows are run one by one
    unless `any_block` says that this graph is free of that. One row costs about 6 us of overhead; a
    block padded to a fixed size would cost a single structure the time of the whole block.
    """

    def __init__(self, data: bytes, n_features: int, any_block: bool) -> None:
        options = ort.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
        options.log_severity_level = 4
        check_graph(data)
        try:
            # The fallback is to the same provider again, and writes to stdout.
            self._session = ort.InferenceSession(
                data, options, providers=["CPUExecutionProvider"], enable_fallback=0
            )
        except Exception as error:  # onnxruntime's own exceptions have no common base
            raise ValueError(f"onnxruntime cannot load it ({_first_line(error)})") from None
        self._input = _only_input(self._session, n_features)
        self._output = _float_output(self._session)
        self._block = BLOCK if any_block else 1

    def __call__(self, features: Matrix) -> Outputs:
        """Raises ValueError where the graph fails."""
        step = self._block
        try:
            blocks = [
                self._session.run([self._output], {self._input: features[start : start + step]})[0]
                for start in range(0, len(features), step)
            ]
        except Exception as error:  # onnxruntime's own exceptions have no common base
            raise ValueError(f"onnxruntime cannot run it ({_first_line(error)})") from None
        outputs = np.concatenate(blocks) if len(blocks) != 1 else blocks[0]
        return np.asarray(outputs, np.float64).reshape(len(features), -1)


def _only_input(session: Any, n_features: int) -> str:
    inputs = session.get_inputs()
    if len(inputs) != 1 or inputs[0].type != "tensor(float)" or len(inputs[0].shape) != 2:
        raise ValueError("its one input must be float32 [rows, features]")
    rows, width = inputs[0].shape
    if isinstance(rows, int) or (isinstance(width, int) and width != n_features):
        raise ValueError(f"its input is {inputs[0].shape}, not [rows, {n_features}]")
    return str(inputs[0].name)


def _float_output(session: Any) -> str:
    """The one float output: a regression's value or a classifier's probabilities (not its labels)."""
    names = [output.name for output in session.get_outputs() if output.type == "tensor(float)"]
    if len(names) != 1:
        raise ValueError(f"it must have one float output, and has {len(names)}")
    return str(names[0])


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]
