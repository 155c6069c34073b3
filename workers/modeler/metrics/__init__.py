"""Figures of merit, how sure they are, and what they are compared with.

A figure that is not defined on its rows (0/0, one class) is None or absent, never a crash.
"""

from workers.modeler.metrics.baselines import baseline_figures, baseline_outputs
from workers.modeler.metrics.bootstrap import intervals
from workers.modeler.metrics.catalogue import METRICS, Metric, evaluate
from workers.modeler.metrics.classification import auc, confusion
from workers.modeler.metrics.modelability import looked_at, modi
from workers.modeler.metrics.randomization import randomization_section, y_randomization

__all__ = [
    "METRICS",
    "Metric",
    "auc",
    "baseline_figures",
    "baseline_outputs",
    "confusion",
    "evaluate",
    "intervals",
    "looked_at",
    "modi",
    "randomization_section",
    "y_randomization",
]
