"""Pictures of a model: what it predicts against what was measured. Drawn without any global state."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

from workers.modeler.algorithms.base import CLASSIFICATION, FloatArray, Task
from workers.modeler.metrics import auc, confusion

_INCHES = 6.0
#: More points than these are drawn from a seeded sample: a picture shows no more.
_MAX_POINTS = 20_000
_COLOURS = {"cross-validation": "#4c78a8", "test": "#e45756"}


@dataclass(frozen=True)
class Outcome:
    """What is drawn: by subset (cross-validation, test) actual values and outputs; empty ones left out."""

    task: Task
    target: str
    labels: tuple[str, ...]
    subsets: Mapping[str, tuple[NDArray[Any], FloatArray]]

    @property
    def unseen(self) -> tuple[NDArray[Any], FloatArray]:
        """The test set, or where there is none the cross-validation."""
        return self.subsets.get("test") or self.subsets["cross-validation"]


Draw = Callable[[Any, Outcome], None]


def _roc(axes: Any, outcome: Outcome) -> None:
    for name, (actual, outputs) in outcome.subsets.items():
        # One curve for two classes; for more, each against the rest, all in one (micro-average).
        classes = [1] if outputs.shape[1] == 2 else range(outputs.shape[1])
        positive = np.concatenate([actual == label for label in classes])
        scores = np.concatenate([outputs[:, label] for label in classes])
        area = auc(positive, scores)
        if area is None:
            continue
        false_rate, true_rate = roc_curve(positive, scores)
        axes.plot(false_rate, true_rate, color=_COLOURS[name], label=f"{name} (AUC {area:.3f})")
    axes.plot([0, 1], [0, 1], color="0.7", linestyle="--", linewidth=1)
    axes.set(xlabel="False positive rate", ylabel="True positive rate", xlim=(0, 1), ylim=(0, 1.01))
    axes.set_title(f"ROC: {outcome.target}")
    if axes.get_legend_handles_labels()[0]:
        axes.legend(loc="lower right")


def roc_curve(positive: NDArray[np.bool_], scores: FloatArray) -> tuple[FloatArray, FloatArray]:
    """False and true positive rates, from (0, 0) to (1, 1), one point for each distinct score."""
    order = np.argsort(-scores, kind="stable")
    ends = np.append(np.flatnonzero(np.diff(scores[order])), len(order) - 1)
    hits = np.cumsum(positive[order])[ends]
    false = ends + 1 - hits
    return np.append(0.0, false / false[-1]), np.append(0.0, hits / hits[-1])


def _confusion(axes: Any, outcome: Outcome) -> None:
    table = confusion(*outcome.unseen)
    axes.imshow(table / np.maximum(table.sum(axis=1, keepdims=True), 1), cmap="Blues", vmin=0, vmax=1)
    names = [label if len(label) <= 12 else label[:11] + "…" for label in outcome.labels]
    places = np.arange(len(names))
    axes.set_xticks(places, names, rotation=45 if len(names) > 4 else 0)
    axes.set_yticks(places, names)
    if len(names) <= 10:
        for (row, column), count in np.ndenumerate(table):
            dark = int(count) > 0.6 * int(table[row].sum())
            axes.text(column, row, f"{count}", ha="center", va="center", color="w" if dark else "k")
    axes.set(xlabel="Predicted", ylabel="True")
    axes.set_title(f"Confusion: {outcome.target}")


def _scatter(axes: Any, outcome: Outcome) -> None:
    drawn: list[FloatArray] = []
    for name, (actual, outputs) in outcome.subsets.items():
        points = _sampled(actual, outputs)
        axes.scatter(*points, s=10, alpha=0.6, color=_COLOURS[name], label=name, linewidths=0)
        drawn += points
    every = np.concatenate(drawn)
    limits = [float(np.min(every)), float(np.max(every))]
    axes.plot(limits, limits, color="0.7", linestyle="--", linewidth=1)
    axes.set(xlabel="Measured", ylabel="Predicted")
    axes.set_title(f"Predicted and measured: {outcome.target}")
    axes.legend(loc="upper left")


def _residuals(axes: Any, outcome: Outcome) -> None:
    for name, (actual, outputs) in outcome.subsets.items():
        measured, predicted = _sampled(actual, outputs)
        axes.scatter(
            predicted, predicted - measured, s=10, alpha=0.6, color=_COLOURS[name], label=name, linewidths=0
        )
    axes.axhline(0, color="0.7", linestyle="--", linewidth=1)
    axes.set(xlabel="Predicted", ylabel="Predicted - measured")
    axes.set_title(f"Residuals: {outcome.target}")
    axes.legend(loc="upper left")


def _sampled(actual: NDArray[Any], outputs: FloatArray) -> tuple[FloatArray, FloatArray]:
    rows: NDArray[np.int64] | slice = slice(None)
    if len(actual) > _MAX_POINTS:
        rows = np.random.default_rng(0).choice(len(actual), _MAX_POINTS, replace=False)
    return actual[rows].astype(np.float64), outputs[rows, 0]


@dataclass(frozen=True)
class Picture:
    """One row: a file that comes with every model of a task; the first of a task is its thumbnail."""

    code: str
    task: Task
    draw: Draw


PICTURES: Sequence[Picture] = (
    Picture("roc_plot", CLASSIFICATION, _roc),
    Picture("confusion_plot", CLASSIFICATION, _confusion),
    Picture("predicted_vs_measured_plot", "regression", _scatter),
    Picture("residuals_plot", "regression", _residuals),
)


def save(picture: Picture, outcome: Outcome, path: Path, width: int = 900) -> Path:
    """Write the picture as a square PNG of `width` pixels."""
    figure = Figure(figsize=(_INCHES, _INCHES), dpi=width / _INCHES, layout="constrained")
    FigureCanvasAgg(figure)
    picture.draw(figure.add_subplot(), outcome)
    figure.savefig(path, format="png", metadata={"Software": None})
    return path
