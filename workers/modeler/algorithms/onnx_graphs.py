"""ONNX graphs of the one shape that bundles hold: float32 in, one float32 output, the same bytes each time.

They are written by hand and not by the converters of skl2onnx and onnxmltools, whose graphs are as exact
at best, five times slower to make (they go node by node), and silently wrong for some models.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from google.protobuf.message import EncodeError
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from molfleet.bundles.sizes import MAX_CONTENT_BYTES, too_large
from workers.modeler.algorithms.base import INPUT_NAME, OUTPUT_NAME

#: Opset of the default domain; onnxruntime reads far newer ones.
OPSET = 18
ML_DOMAIN = "ai.onnx.ml"

#: scikit-learn's names of activation functions; `identity` is none.
ACTIVATIONS = {"relu": "Relu", "tanh": "Tanh", "logistic": "Sigmoid"}


class Graph:
    """A graph in the making: `constant` and `node` give the names by which later nodes refer to them."""

    def __init__(self, ml_opset: int = 5) -> None:
        self._ml_opset = ml_opset
        self._nodes: list[onnx.NodeProto] = []
        self._constants: list[onnx.TensorProto] = []

    def constant(self, array: NDArray[Any]) -> str:
        name = f"constant{len(self._constants)}"
        self._constants.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def node(self, operator: str, *inputs: str, **attributes: Any) -> str:
        """The name of the first output."""
        return self.nodes(operator, *inputs, outputs=1, **attributes)[0]

    def nodes(self, operator: str, *inputs: str, outputs: int, **attributes: Any) -> list[str]:
        names = [f"value{len(self._nodes)}_{number}" for number in range(outputs)]
        self._nodes.append(helper.make_node(operator, inputs, names, **attributes))
        return names

    def append(self, node: onnx.NodeProto) -> str:
        """A node that was made outside; its one output is renamed."""
        node.output[:] = [f"value{len(self._nodes)}_0"]
        self._nodes.append(node)
        return str(node.output[0])

    def cast(self, name: str, to: type[np.generic]) -> str:
        return self.node("Cast", name, to=helper.np_dtype_to_tensor_dtype(np.dtype(to)))

    def affine(self, name: str, weights: NDArray[Any], bias: NDArray[Any]) -> str:
        """`name` [rows, n] times `weights` [n, m] plus `bias` [m], in the type of `weights`."""
        product = self.node("MatMul", name, self.constant(weights))
        return self.node("Add", product, self.constant(bias.astype(weights.dtype)))

    def model(
        self, result: str, n_features: int, width: int, *, max_bytes: int = MAX_CONTENT_BYTES
    ) -> bytes:
        """The finished model: `result`, cast to float32, is its output (rows, `width`).

        Raises Rejected(RESULT_TOO_LARGE) where it takes more than `max_bytes`.
        """
        self._nodes.append(helper.make_node("Cast", [result], [OUTPUT_NAME], to=TensorProto.FLOAT))
        graph = helper.make_graph(
            self._nodes,
            "model",
            [helper.make_tensor_value_info(INPUT_NAME, TensorProto.FLOAT, [None, n_features])],
            [helper.make_tensor_value_info(OUTPUT_NAME, TensorProto.FLOAT, [None, width])],
            initializer=self._constants,
        )
        model = helper.make_model(
            graph,
            opset_imports=[helper.make_opsetid("", OPSET), helper.make_opsetid(ML_DOMAIN, self._ml_opset)],
            ir_version=10,
            producer_name="molfleet",
        )
        try:
            data = bytes(model.SerializeToString(deterministic=True))
        except EncodeError:  # protobuf's own limit, which tells no size
            raise too_large("more than 2 GiB", max_bytes) from None
        if len(data) > max_bytes:
            raise too_large(f"{len(data):,} bytes", max_bytes)
        onnx.checker.check_model(data)
        return data


def dense(
    layers: Sequence[tuple[NDArray[Any], NDArray[Any]]],
    *,
    classifies: bool,
    activation: str = "identity",
    dtype: type[np.floating[Any]] = np.float64,
) -> bytes:
    """A chain of (weights [n, m], bias [m]) with `activation` between the layers; classes end in a softmax.

    One output of a classifier is the log-odds of the second of two classes. Linear models compute in
    float64: raw descriptors reach 1e15 and cancel.
    """
    graph = Graph()
    value = INPUT_NAME if dtype is np.float32 else graph.cast(INPUT_NAME, dtype)
    for number, (weights, bias) in enumerate(layers):
        if classifies and number == len(layers) - 1 and weights.shape[1] == 1:
            weights, bias = (np.concatenate([np.zeros_like(a), a], axis=-1) for a in (weights, bias))
        value = graph.affine(value, weights.astype(dtype), bias)
        if number < len(layers) - 1 and activation != "identity":
            value = graph.node(ACTIVATIONS[activation], value)
    if classifies:
        value = graph.node("Softmax", value, axis=1)
    return graph.model(value, layers[0][0].shape[0], max(layers[-1][0].shape[1], 1 + classifies))
