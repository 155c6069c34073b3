"""Random forests (Breiman 2001) of scikit-learn."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

from workers.modeler.algorithms import class_weights, onnx_trees
from workers.modeler.algorithms.base import CLASSIFICATION, REGRESSION, Algorithm, Parameter, Run
from workers.modeler.algorithms.column_shares import SQUARE_ROOT, SplitShare

#: Rows that a tree sees at most where the command does not say: trees of all of 100,000 molecules make
#: models of hundreds of megabytes, and are hardly better.
ROWS_PER_TREE = 20_000
BEYOND = "beyond, each tree is grown on so many of them, drawn anew"

CLASS_WEIGHT = Parameter(
    "class_weight",
    "text",
    "balanced",
    "balanced: classes count equally, whatever their sizes; none: molecules count equally.",
    choices=("balanced", "balanced_subsample", "none"),
)


def parameters_with(n_estimators: int, max_features: Parameter) -> tuple[Parameter, ...]:
    """The hyper-parameters of a forest."""
    return (
        Parameter("n_estimators", "integer", n_estimators, "Trees.", 1, 10_000),
        Parameter("max_depth", "integer", None, "Greatest depth of a tree; null: no limit.", 1, 1_000),
        Parameter("min_samples_split", "integer", 2, "Fewest rows that are split.", 2, 1_000_000),
        Parameter("min_samples_leaf", "integer", 1, "Fewest rows in a leaf.", 1, 1_000_000),
        max_features,
        Parameter(
            "max_samples",
            "integer",
            None,
            f"Rows that each tree sees at most, drawn anew; null: {ROWS_PER_TREE:,}.",
            1,
            100_000_000,
        ),
    )


def _arguments(parameters: Mapping[str, Any], share: SplitShare | None, run: Run) -> dict[str, Any]:
    """`parameters` as scikit-learn has them, `max_samples` aside."""
    given = {name: value for name, value in parameters.items() if name != "max_samples"}
    if "class_weight" in given:
        given["class_weight"] = class_weights.class_weight(parameters)
    if share is not None:
        given["max_features"] = share.tried(given["max_features"], run)
    return {**given, "random_state": run.seed, "n_jobs": run.threads}


class Forest:
    """What a forest of ours adds to scikit-learn's: a bound on the rows of a tree.

    Up to that many rows it is scikit-learn's forest as it is.
    """

    rows_per_tree = ROWS_PER_TREE

    def fit(self, x: Any, y: Any) -> Any:
        if len(x) > self.rows_per_tree:
            self.bootstrap, self.max_samples = True, self.rows_per_tree
        return super().fit(x, y)  # type: ignore[misc]

    def at_most(self, rows: int | None) -> Any:
        self.rows_per_tree = ROWS_PER_TREE if rows is None else rows
        return self


class _Classifier(Forest, RandomForestClassifier):  # type: ignore[misc]
    pass


class _Regressor(Forest, RandomForestRegressor):  # type: ignore[misc]
    pass


def grown(kind: type[Forest], share: SplitShare | None = None) -> Callable[[Mapping[str, Any], Run], Any]:
    """The `build` of an algorithm that is a forest of this kind."""

    def build(parameters: Mapping[str, Any], run: Run) -> Any:
        return kind(**_arguments(parameters, share, run)).at_most(parameters["max_samples"])

    return build


def export_classifier(forest: Any, n_features: int) -> bytes:
    """A forest of either kind: the mean of the trees' probabilities."""
    trees = [member.tree_ for member in forest.estimators_]
    shares = [tree.value[:, 0] / tree.value[:, 0].sum(axis=1, keepdims=True) / len(trees) for tree in trees]
    binary = len(forest.classes_) == 2
    return onnx_trees.voted_classes(
        [
            onnx_trees.of_sklearn(tree, share[:, 1] if binary else share)
            for tree, share in zip(trees, shares, strict=True)
        ],
        n_features,
        len(forest.classes_),
    )


def export_regressor(forest: Any, n_features: int) -> bytes:
    """A forest of either kind: the mean of the trees."""
    trees: Sequence[Any] = [member.tree_ for member in forest.estimators_]
    shares = [np.asarray(tree.value[:, 0, 0]) / len(trees) for tree in trees]
    return onnx_trees.regression(list(map(onnx_trees.of_sklearn, trees, shares)), n_features)


CLASSIFIER = Algorithm(
    code="randomforestclassifier",
    family="randomforest",
    display_name="Random forest classifier",
    task=CLASSIFICATION,
    parameters=(*parameters_with(300, SQUARE_ROOT), CLASS_WEIGHT),
    build=grown(_Classifier),
    export=export_classifier,
    any_block=True,
    max_records=ROWS_PER_TREE,
    beyond=BEYOND,
)
#: Of all features, which scikit-learn tries, the trees become too much alike (Breiman: a third).
_SHARE = SplitShare(0.4)
REGRESSOR = Algorithm(
    code="randomforestregressor",
    family="randomforest",
    display_name="Random forest regressor",
    task=REGRESSION,
    parameters=parameters_with(150, _SHARE.parameter),
    build=grown(_Regressor, _SHARE),
    export=export_regressor,
    any_block=True,
    max_records=ROWS_PER_TREE,
    beyond=BEYOND,
)
