"""Tree ensembles as ONNX, their thresholds as float32 that ask the same questions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from onnx import NodeProto, helper, numpy_helper

from workers.modeler.algorithms.base import INPUT_NAME
from workers.modeler.algorithms.onnx_graphs import ML_DOMAIN, Graph

_SUM = 1
_MODES = {"<=": 0, "<": 1}  # of the operator TreeEnsemble
_SEVERAL_OPSET = 3  # the newest that has TreeEnsembleRegressor
_MODE_NAMES = {"<=": "BRANCH_LEQ", "<": "BRANCH_LT"}  # of TreeEnsembleRegressor

Integers = NDArray[np.integer[Any]]


@dataclass(frozen=True)
class Tree:
    """One binary tree, arrays with an entry per node, the root first; a leaf has a negative `left`.

    `left` is where rows go whose feature is below the threshold (or equals it, where the ensemble says so).
    A leaf adds its `values` [nodes] to the output `targets` [nodes], or `values` [nodes, outputs] to all.
    """

    left: Integers
    right: Integers
    feature: Integers
    threshold: NDArray[np.floating[Any]]
    values: NDArray[np.floating[Any]]
    targets: Integers | int = 0

    @property
    def is_leaf(self) -> NDArray[np.bool_]:
        return np.asarray(self.left < 0)


def of_sklearn(
    tree: Any, values: NDArray[np.floating[Any]] | None = None, targets: Integers | int = 0
) -> Tree:
    """A fitted scikit-learn tree (`tree_`); without `values` those of its own first output."""
    own = tree.value[:, 0, 0] if values is None else values
    return Tree(tree.children_left, tree.children_right, tree.feature, tree.threshold, own, targets)


def round_down(thresholds: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
    """The greatest float32 that are not above `thresholds`.

    For a float32 x, `x <= threshold` and `x <= round_down(threshold)` are the same question; rounding
    to the nearest, as converters do, sends rows down the wrong branch.
    """
    exact = np.asarray(thresholds, dtype=np.float64)
    with np.errstate(over="ignore"):
        nearest = exact.astype(np.float32)
    above = nearest.astype(np.float64) > exact
    return np.where(above, np.nextafter(nearest, np.float32(-np.inf)), nearest)


def scores(graph: Graph, trees: Sequence[Tree], outputs: int, *, branch: Literal["<=", "<"] = "<=") -> str:
    """The name of the trees' sums (rows, `outputs`), float32. `<` needs thresholds that are float32.

    Trees with `values` for several outputs need a graph of opset 3 of `ai.onnx.ml`.
    """
    make = _several if trees[0].values.ndim == 2 else _single
    return graph.append(make(trees, outputs, branch))


def regression(
    trees: Sequence[Tree], n_features: int, *, base: float = 0.0, branch: Literal["<=", "<"] = "<="
) -> bytes:
    """`base` plus the sum of the trees."""
    graph = Graph()
    value = scores(graph, trees, 1, branch=branch)
    return graph.model(
        graph.node("Add", value, graph.constant(np.array([base], dtype=np.float32))), n_features, 1
    )


def boosted_classes(
    trees: Sequence[Tree],
    n_features: int,
    base: NDArray[np.floating[Any]],
    *,
    branch: Literal["<=", "<"] = "<=",
) -> bytes:
    """Softmax of `base` [classes] plus the sums; a `base` of one is the second class's log-odds of two."""
    graph = Graph()
    value = scores(graph, trees, len(base), branch=branch)
    value = graph.node("Add", value, graph.constant(base.astype(np.float32)))
    if len(base) == 1:
        other = graph.node("Sub", value, value)
        value = graph.node("Concat", other, value, axis=1)
    return graph.model(graph.node("Softmax", value, axis=1), n_features, max(2, len(base)))


def voted_classes(trees: Sequence[Tree], n_features: int, classes: int) -> bytes:
    """Sums that are probabilities; of two classes the trees give the second's."""
    if classes > 2:
        graph = Graph(_SEVERAL_OPSET)
        return graph.model(scores(graph, trees, classes), n_features, classes)
    graph = Graph()
    second = scores(graph, trees, 1)
    first = graph.node("Sub", graph.constant(np.ones(1, dtype=np.float32)), second)
    return graph.model(graph.node("Concat", first, second, axis=1), n_features, 2)


def _single(trees: Sequence[Tree], outputs: int, branch: str) -> NodeProto:
    """Operator TreeEnsemble: a leaf adds to one output. Branches and leaves are numbered apart."""
    parts = [_with_a_branch(tree) for tree in trees]
    branches = np.cumsum([0, *(int((~tree.is_leaf).sum()) for tree in parts)])
    leaves = np.cumsum([0, *(int(tree.is_leaf.sum()) for tree in parts)])
    columns: dict[str, list[NDArray[Any]]] = {}
    splits, weights = [], []
    for tree, first_branch, first_leaf in zip(parts, branches, leaves, strict=False):
        leaf, inner = tree.is_leaf, ~tree.is_leaf
        number = np.where(leaf, np.cumsum(leaf) + first_leaf, np.cumsum(inner) + first_branch) - 1
        left, right = tree.left[inner], tree.right[inner]
        for name, column in (
            ("nodes_featureids", tree.feature[inner]),
            ("nodes_truenodeids", number[left]),
            ("nodes_falsenodeids", number[right]),
            ("nodes_trueleafs", leaf[left].astype(np.int64)),
            ("nodes_falseleafs", leaf[right].astype(np.int64)),
            ("leaf_targetids", np.broadcast_to(tree.targets, leaf.shape)[leaf]),
        ):
            columns.setdefault(name, []).append(column)
        splits.append(round_down(tree.threshold[inner]))
        weights.append(tree.values[leaf].astype(np.float32))
    modes = np.full(branches[-1], _MODES[branch], dtype=np.uint8)
    node = helper.make_node(
        "TreeEnsemble",
        [INPUT_NAME],
        ["output"],
        domain=ML_DOMAIN,
        aggregate_function=_SUM,
        post_transform=0,
        n_targets=outputs,
        tree_roots=branches[:-1].tolist(),
        nodes_splits=numpy_helper.from_array(np.concatenate(splits)),
        nodes_modes=numpy_helper.from_array(modes),
        leaf_weights=numpy_helper.from_array(np.concatenate(weights)),
    )
    for name in sorted(columns):
        _add_integers(node, name, columns[name])
    return node


def _with_a_branch(tree: Tree) -> Tree:
    """The operator asks for a branch: a tree that is one leaf gets one, with equal leaves."""
    if not tree.is_leaf[0]:
        return tree
    one, none, leaf = np.array([1, -1, -1]), np.zeros(3, dtype=np.int64), np.zeros(3, dtype=np.int64)
    targets = np.broadcast_to(tree.targets, tree.left.shape)[leaf]
    return Tree(one, one + (one > 0), none, none.astype(np.float32), tree.values[leaf], targets)


def _several(trees: Sequence[Tree], outputs: int, branch: str) -> NodeProto:
    """Operator TreeEnsembleRegressor: a leaf adds to several outputs."""
    sizes = [len(tree.left) for tree in trees]
    modes = np.where(np.concatenate([tree.is_leaf for tree in trees]), "LEAF", _MODE_NAMES[branch])
    node = helper.make_node(
        "TreeEnsembleRegressor",
        [INPUT_NAME],
        ["output"],
        domain=ML_DOMAIN,
        aggregate_function="SUM",
        n_targets=outputs,
        nodes_modes=modes.tolist(),
        nodes_values=np.concatenate(
            [np.where(tree.is_leaf, 0, round_down(tree.threshold)) for tree in trees]
        ).tolist(),
    )
    kept = [np.nonzero(tree.is_leaf[:, None] & (tree.values != 0)) for tree in trees]
    weights = [tree.values[where] for tree, where in zip(trees, kept, strict=True)]
    node.attribute.append(
        helper.make_attribute("target_weights", np.concatenate(weights).astype(np.float32).tolist())
    )
    for name, parts in (
        ("nodes_treeids", [np.full(size, number) for number, size in enumerate(sizes)]),
        ("nodes_nodeids", [np.arange(size) for size in sizes]),
        ("nodes_featureids", [np.where(tree.is_leaf, 0, tree.feature) for tree in trees]),
        ("nodes_truenodeids", [np.where(tree.is_leaf, 0, tree.left) for tree in trees]),
        ("nodes_falsenodeids", [np.where(tree.is_leaf, 0, tree.right) for tree in trees]),
        ("target_treeids", [np.full(len(where[0]), number) for number, where in enumerate(kept)]),
        ("target_nodeids", [where[0] for where in kept]),
        ("target_ids", [where[1] for where in kept]),
    ):
        _add_integers(node, name, parts)
    return node


def _add_integers(node: NodeProto, name: str, parts: Sequence[NDArray[Any]]) -> None:
    """Tree by tree: Python's integers of a whole forest would take gigabytes."""
    attribute = helper.make_attribute(name, [0])
    del attribute.ints[:]
    for part in parts:
        attribute.ints.extend(part.tolist())
    node.attribute.append(attribute)
