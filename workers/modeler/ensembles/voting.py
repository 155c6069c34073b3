"""The weighted mean of several methods' values or probabilities."""

from __future__ import annotations

from workers.modeler.ensembles.base import Ensemble

VOTING = Ensemble(
    code="voting",
    display_name="Voting ensemble",
    parameters=(),
    parts=lambda parameters, inner, rows: [],
    combination=lambda task: "mean",
)
