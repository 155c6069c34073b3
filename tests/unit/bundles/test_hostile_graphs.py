"""ONNX graphs that would loop, read files, or take more memory than a model does are never loaded."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from molfleet.bundles.estimators import ESTIMATORS, OnnxPredictor
from molfleet.bundles.estimators.graphs import MAX_WIDTH, check_graph

WIDTH = 8


def graph(
    *nodes: onnx.NodeProto, output: str = "output", opset: int = 18, **constants: np.ndarray
) -> onnx.ModelProto:
    """Nodes from the input `x` [rows, 8] to `output`."""
    made = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, WIDTH])],
        [helper.make_tensor_value_info(output, TensorProto.FLOAT, None)],
        [numpy_helper.from_array(array, name) for name, array in constants.items()],
    )
    opsets = [helper.make_opsetid("", opset), helper.make_opsetid("ai.onnx.ml", 3)]
    return helper.make_model(made, opset_imports=opsets, ir_version=10)


def refusal(model: onnx.ModelProto) -> str:
    with pytest.raises(ValueError, match=r"\w") as caught:
        OnnxPredictor(model.SerializeToString(), WIDTH, any_block=True)
    return str(caught.value)


def node(operator: str, *inputs: str, to: str = "output", **attributes: Any) -> onnx.NodeProto:
    return helper.make_node(operator, inputs, [to], **attributes)


def floats(*shape: int) -> np.ndarray:
    return np.ones(shape, np.float32)


def test_a_plain_chain_is_loaded_and_right() -> None:
    weights = np.arange(WIDTH * 2, dtype=np.float32).reshape(WIDTH, 2)
    made = graph(node("MatMul", "x", "w", to="h"), node("Relu", "h"), w=weights)
    x = np.random.default_rng(0).normal(size=(3, WIDTH)).astype(np.float32)
    outputs = OnnxPredictor(made.SerializeToString(), WIDTH, any_block=True)(x)
    assert outputs == pytest.approx(np.maximum(x @ weights, 0), rel=1e-6)


@pytest.mark.parametrize(
    "operator",
    [
        "ConstantOfShape",
        "Expand",
        "Tile",
        "Range",
        "RandomNormalLike",
        "Pad",
        "Resize",
        "Loop",
        "If",
        "Scan",
    ],
)
def test_an_operator_that_no_model_needs_is_refused_by_name(operator: str) -> None:
    assert f"operator '{operator}', which no bundle has" in refusal(graph(node(operator, "x")))


def test_an_operator_of_another_house_is_refused_whatever_its_name() -> None:
    assert "'Relu'" in refusal(graph(node("Relu", "x", domain="com.evil")))


def test_a_graph_within_an_operator_is_refused() -> None:
    inner = helper.make_graph([node("Relu", "x")], "inner", [], [])
    assert "a graph of its own" in refusal(graph(node("Relu", "x", body=inner)))


def test_functions_are_refused() -> None:
    made = graph(node("Relu", "x"))
    made.functions.append(
        helper.make_function("f", "F", ["a"], ["b"], [node("Relu", "a", to="b")], made.opset_import)
    )
    assert "more than one ONNX graph" in refusal(made)


def test_two_graphs_that_a_parser_would_merge_are_refused() -> None:
    data = graph(node("Relu", "x")).SerializeToString()
    with pytest.raises(ValueError, match="more than one"):
        check_graph(data + data)


@pytest.mark.parametrize("key", ["location", "elsewhere"])
def test_a_constant_that_lies_in_a_file_is_refused(key: str) -> None:
    made = graph(node("Add", "x", "w"), w=floats(WIDTH))
    tensor = made.graph.initializer[0]
    tensor.external_data.add(key=key, value="../secret")
    assert "files outside the bundle" in refusal(made)


def test_a_constant_in_an_attribute_may_not_lie_in_a_file_either() -> None:
    made = graph(node("Relu", "x", value=numpy_helper.from_array(floats(2), "t")))
    tensor = made.graph.node[0].attribute[0].t
    tensor.data_location = TensorProto.EXTERNAL
    assert "files outside the bundle" in refusal(made)


@pytest.mark.parametrize("dims", [[1 << 40], [1 << 20, 1 << 20], [-1], [WIDTH, 1000]])
def test_a_constant_that_claims_more_than_it_holds_is_refused(dims: list[int]) -> None:
    made = graph(node("MatMul", "x", "w"), w=floats(WIDTH, 1))
    made.graph.initializer[0].dims[:] = dims
    assert "a size that it does not hold" in refusal(made)


def test_a_constant_of_two_dimensions_does_not_blow_a_row_up_to_a_table() -> None:
    assert "constants of a form" in refusal(graph(node("Add", "x", "w"), w=floats(1000, 1)))


def test_gathering_by_tables_is_refused() -> None:
    places = np.zeros((100, 100), np.int64)
    assert "constants of a form" in refusal(graph(node("Gather", "x", "p", axis=1), p=places))
    assert "constants of a form" in refusal(graph(node("Gather", "x", "x", axis=1)))


def test_doubling_a_row_again_and_again_is_refused() -> None:
    doubling = [
        node("Concat", f"x{n}" if n else "x", f"x{n}" if n else "x", to=f"x{n + 1}", axis=1)
        for n in range(5)
    ]
    assert "operators Concat" in refusal(graph(*doubling, output="x5"))
    assert "constants of a form" in refusal(graph(node("Concat", "x", "x", "x", axis=1)))


def test_more_operators_than_any_model_has_are_refused() -> None:
    chain = [node("Relu", f"x{n}" if n else "x", to=f"x{n + 1}") for n in range(300)]
    assert "300 operators, more than 256" in refusal(graph(*chain, output="x300"))


def trees(feature: int, targets: int) -> onnx.ModelProto:
    """One split, two leaves."""
    return graph(
        helper.make_node(
            "TreeEnsembleRegressor",
            ["x"],
            ["output"],
            domain="ai.onnx.ml",
            n_targets=targets,
            nodes_treeids=[0, 0, 0],
            nodes_nodeids=[0, 1, 2],
            nodes_featureids=[feature, 0, 0],
            nodes_modes=["BRANCH_LEQ", "LEAF", "LEAF"],
            nodes_values=[0.5, 0.0, 0.0],
            nodes_truenodeids=[1, 0, 0],
            nodes_falsenodeids=[2, 0, 0],
            target_treeids=[0, 0],
            target_nodeids=[1, 2],
            target_ids=[0, 0],
            target_weights=[1.0, 2.0],
        )
    )


def test_trees_with_more_outputs_than_any_model_has_are_refused() -> None:
    assert "outputs" in refusal(trees(0, MAX_WIDTH + 1))


def test_a_graph_that_fails_when_it_is_run_says_so() -> None:
    predict = ESTIMATORS.get("onnx").load(trees(1_000_000, 1).SerializeToString(), WIDTH, True)
    with pytest.raises(ValueError, match="onnxruntime cannot run it"):
        predict(floats(2, WIDTH))


@pytest.mark.parametrize("data", [b"", b"\xff", b"no onnx", bytes(100)])
def test_what_is_no_graph_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="ONNX graph"):
        check_graph(data)
