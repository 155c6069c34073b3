"""AdaBoost of decision trees, the predecessor's `decisiontree`: SAMME (Zhu et al. 2009) for classes,
AdaBoost.R2 (Drucker 1997) for values, of scikit-learn."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from sklearn.ensemble import AdaBoostClassifier, AdaBoostRegressor
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from workers.modeler.algorithms import onnx_trees
from workers.modeler.algorithms.base import CLASSIFICATION, REGRESSION, Algorithm, Parameter, Run
from workers.modeler.algorithms.class_weights import CLASS_WEIGHT, weighted
from workers.modeler.algorithms.column_shares import SQUARE_ROOT, SplitShare
from workers.modeler.algorithms.onnx_graphs import Graph

#: Rows that a tree of values is grown on at most: they bound its time, which 100 trees take one by one.
ROWS_PER_TREE = 20_000


def _parameters(n_estimators: int, max_depth: int, max_features: Parameter) -> tuple[Parameter, ...]:
    return (
        Parameter("n_estimators", "integer", n_estimators, "Trees at most.", 1, 5_000),
        Parameter("learning_rate", "number", 1.0, "Weight of each round.", 1e-5, 10.0),
        Parameter("max_depth", "integer", max_depth, "Greatest depth of a tree.", 1, 100),
        Parameter("min_samples_leaf", "integer", 1, "Fewest rows in a leaf.", 1, 1_000_000),
        max_features,
    )


_LOSS = Parameter(
    "loss",
    "text",
    "linear",
    "How the weights of rows grow with their errors.",
    choices=("linear", "square", "exponential"),
)


def _arguments(parameters: Mapping[str, Any], run: Run) -> dict[str, Any]:
    return {
        "n_estimators": parameters["n_estimators"],
        "learning_rate": parameters["learning_rate"],
        "random_state": run.seed,
    }


def _tree_arguments(parameters: Mapping[str, Any]) -> dict[str, Any]:
    return {name: parameters[name] for name in ("max_depth", "min_samples_leaf", "max_features")}


class _Classifier(AdaBoostClassifier):  # type: ignore[misc]
    """Where even the first tree knows no better than chance, which scikit-learn refuses (features that
    are all the same, leaves that are too large), that tree is the model."""

    def _boost(self, number: int, x: Any, y: Any, sample_weight: Any, random_state: Any) -> Any:
        try:
            return super()._boost(number, x, y, sample_weight, random_state)
        except ValueError:
            if number or self.estimators_:
                raise
        self._make_estimator(random_state=random_state).fit(x, y, sample_weight=sample_weight)
        return sample_weight, 1.0, 0.0


class _Tree(DecisionTreeRegressor):  # type: ignore[misc]
    """AdaBoost.R2 hands over rows drawn by their weights: the first of them are as good a draw."""

    def fit(self, x: Any, y: Any) -> Any:
        return super().fit(x[:ROWS_PER_TREE], y[:ROWS_PER_TREE])


def _classifier(parameters: Mapping[str, Any], run: Run) -> Any:
    tree = DecisionTreeClassifier(**_tree_arguments(parameters))
    return weighted(_Classifier, parameters)(tree, **_arguments(parameters, run))


def _regressor(parameters: Mapping[str, Any], run: Run) -> Any:
    of_tree = _tree_arguments(parameters)
    of_tree["max_features"] = _SHARE.tried(of_tree["max_features"], run)
    return AdaBoostRegressor(_Tree(**of_tree), loss=parameters["loss"], **_arguments(parameters, run))


def _export_classifier(model: Any, n_features: int) -> bytes:
    """Each tree has one vote, of its weight; a softmax makes probabilities of the votes (SAMME, eq. 15)."""
    classes, members = len(model.classes_), model.estimators_
    weights = model.estimator_weights_[: len(members)]
    scale = 4.0 if classes == 2 else classes / (classes - 1) ** 2
    trees = []
    for member, share in zip(members, scale * weights / weights.sum(), strict=True):
        vote = member.tree_.value[:, 0].argmax(axis=1)
        if classes == 2:
            trees.append(onnx_trees.of_sklearn(member.tree_, np.where(vote == 1, share, 0.0)))
        else:
            trees.append(onnx_trees.of_sklearn(member.tree_, np.full(len(vote), share), vote))
    base = np.array([-2.0]) if classes == 2 else np.zeros(classes)
    return onnx_trees.boosted_classes(trees, n_features, base)


def _export_regressor(model: Any, n_features: int) -> bytes:
    """The weighted median of the trees: the first, by value, at which half of all weight is reached."""
    members, weights = model.estimators_, model.estimator_weights_[: len(model.estimators_)]
    graph = Graph()
    trees = [onnx_trees.of_sklearn(m.tree_, targets=number) for number, m in enumerate(members)]
    values = onnx_trees.scores(graph, trees, len(trees))
    count = graph.constant(np.array([len(trees)], dtype=np.int64))
    ordered, places = graph.nodes("TopK", values, count, outputs=2, axis=1, largest=0, sorted=1)
    sorted_weights = graph.node("Gather", graph.constant(weights.astype(np.float64)), places)
    reached = graph.node("CumSum", sorted_weights, graph.constant(np.array(1, dtype=np.int64)))
    half = graph.constant(np.array(0.5 * float(np.cumsum(weights)[-1])))
    above = graph.cast(graph.node("GreaterOrEqual", reached, half), np.int32)
    place = graph.node("ArgMax", above, axis=1, keepdims=1)  # the first of equals
    return graph.model(graph.node("GatherElements", ordered, place, axis=1), n_features, 1)


CLASSIFIER = Algorithm(
    code="adaboostclassifier",
    family="decisiontree",
    display_name="AdaBoost classifier",
    task=CLASSIFICATION,
    parameters=(*_parameters(200, 3, SQUARE_ROOT), CLASS_WEIGHT),
    build=_classifier,
    export=_export_classifier,
    any_block=True,
    aliases=("decisiontreeclassifier",),
)
# As for gradient boosting: the square root of the features misses the few that tell nearly all.
_SHARE = SplitShare(0.2)
REGRESSOR = Algorithm(
    code="adaboostregressor",
    family="decisiontree",
    display_name="AdaBoost regressor",
    task=REGRESSION,
    parameters=(*_parameters(100, 12, _SHARE.parameter), _LOSS),
    build=_regressor,
    export=_export_regressor,
    any_block=True,
    aliases=("decisiontreeregressor",),
    max_records=ROWS_PER_TREE,
    beyond="beyond, each tree is grown on so many of them, drawn by their weights",
)
