"""From a converter's graph to the one shape that bundles hold: float32 in, one float32 output."""

from __future__ import annotations

from typing import Any

import onnx
from onnx import TensorProto, helper

from workers.modeler.algorithms.base import INPUT_NAME, OUTPUT_NAME

#: Newest opset of the default domain that is asked of the converters; onnxruntime reads far newer ones.
OPSET = 18


def from_sklearn(estimator: Any, n_features: int) -> bytes:
    """A fitted scikit-learn estimator as ONNX bytes (skl2onnx, no zipmap)."""
    from skl2onnx import to_onnx
    from skl2onnx.common.data_types import FloatTensorType

    is_classifier = hasattr(estimator, "predict_proba")
    model = to_onnx(
        estimator,
        initial_types=[(INPUT_NAME, FloatTensorType([None, n_features]))],
        options={id(estimator): {"zipmap": False}} if is_classifier else None,
        target_opset=OPSET,
    )
    return sealed(model, "probabilities" if is_classifier else "variable", n_features)


def sealed(model: Any, output: str, n_features: int) -> bytes:
    """`model` reduced to its one `output`, renamed; what only other outputs need is dropped.

    The converters' label output is dropped since labels follow from the probabilities, and since
    onnxmltools declares it with a wrong shape. The bytes are deterministic.
    """
    graph = model.graph
    needed, kept = {output}, []
    for node in reversed(graph.node):
        if needed.intersection(node.output):
            needed.update(node.input)
            kept.append(node)
    kept.reverse()
    # A converter may have used our name for a tensor within.
    renamed = {OUTPUT_NAME: f"{OUTPUT_NAME}_within", output: OUTPUT_NAME}
    for node in kept:
        node.input[:] = [renamed.get(name, name) for name in node.input]
        node.output[:] = [renamed.get(name, name) for name in node.output]
    width = next(o for o in graph.output if o.name == output).type.tensor_type.shape.dim[1].dim_value
    clean = helper.make_graph(
        kept,
        "model",
        [helper.make_tensor_value_info(INPUT_NAME, TensorProto.FLOAT, [None, n_features])],
        [helper.make_tensor_value_info(OUTPUT_NAME, TensorProto.FLOAT, [None, width])],
        initializer=[part for part in graph.initializer if part.name in needed],
    )
    opsets = {entry.domain: entry.version for entry in model.opset_import}
    result = helper.make_model(
        clean,
        opset_imports=[helper.make_opsetid(domain, opsets[domain]) for domain in sorted(opsets)],
        ir_version=min(model.ir_version, 10),
        producer_name="molfleet",
    )
    onnx.checker.check_model(result)
    return bytes(result.SerializeToString(deterministic=True))
