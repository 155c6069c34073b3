"""Extremely randomized trees (Geurts, Ernst and Wehenkel, Machine Learning 2006) of scikit-learn."""

from __future__ import annotations

from sklearn.ensemble import ExtraTreesClassifier, ExtraTreesRegressor

from workers.modeler.algorithms.base import CLASSIFICATION, REGRESSION, Algorithm
from workers.modeler.algorithms.column_shares import SQUARE_ROOT, SplitShare
from workers.modeler.algorithms.random_forest import (
    BEYOND,
    CLASS_WEIGHT,
    ROWS_PER_TREE,
    Forest,
    export_classifier,
    export_regressor,
    grown,
    parameters_with,
)


class _Classifier(Forest, ExtraTreesClassifier):  # type: ignore[misc]
    pass


class _Regressor(Forest, ExtraTreesRegressor):  # type: ignore[misc]
    pass


CLASSIFIER = Algorithm(
    code="extratreesclassifier",
    family="extratrees",
    display_name="Extra trees classifier",
    task=CLASSIFICATION,
    parameters=(*parameters_with(300, SQUARE_ROOT), CLASS_WEIGHT),
    build=grown(_Classifier),
    export=export_classifier,
    any_block=True,
    max_records=ROWS_PER_TREE,
    beyond=BEYOND,
)
#: Trees that try all bits are too much alike, since a bit has one threshold; a descriptor has many.
_SHARE = SplitShare(0.35, among_descriptors=0.6)
REGRESSOR = Algorithm(
    code="extratreesregressor",
    family="extratrees",
    display_name="Extra trees regressor",
    task=REGRESSION,
    parameters=parameters_with(150, _SHARE.parameter),
    build=grown(_Regressor, _SHARE),
    export=export_regressor,
    any_block=True,
    max_records=ROWS_PER_TREE,
    beyond=BEYOND,
)
