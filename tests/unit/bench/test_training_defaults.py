"""The comparison of default hyper-parameters."""

from __future__ import annotations

from bench.training_defaults import LIBRARY, Scored, of_library, table
from workers.modeler.algorithms import ALGORITHMS
from workers.modeler.algorithms.base import Run


def test_every_algorithm_is_compared_with_a_library() -> None:
    assert list(LIBRARY) == [row.code for row in ALGORITHMS]


def test_the_librarys_estimator_takes_the_seed_and_none_of_our_hyper_parameters() -> None:
    row = ALGORITHMS.get("randomforestregressor")
    built = of_library(row).build(row.resolve({}), Run(7, 1))
    assert built.get_params() == {**type(built)().get_params(), "random_state": 7}


def test_who_is_not_behind_is_who_has_the_lower_error_or_the_higher_area() -> None:
    pairs = [(Scored(0.5, 1.0), Scored(0.4, 3.0)), (Scored(0.6, 1.0), Scored(0.3, 2.0))]
    level = [(Scored(0.7, 1.0), Scored(0.7, 2.5))]
    places = {("ECFP", "random"): pairs, ("ECFC+DESC", "random"): level}
    ridge, logistic = table({"ridgeregression": places, "logisticregression": places}, ["random"])[2:]
    cells = "0.550 / 0.350 | 0.700 / 0.700"
    assert ridge == f"| `ridgeregression` | {cells} | 3 of 3 | 1.0 / 2.5 |"
    assert logistic == f"| `logisticregression` | {cells} | 1 of 3 | 1.0 / 2.5 |"
