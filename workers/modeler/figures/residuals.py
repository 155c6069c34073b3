"""Where the errors are: against the predicted value, and how they spread in each fold."""

from __future__ import annotations

from typing import Any

import numpy as np

from workers.modeler.algorithms.base import REGRESSION, FloatArray
from workers.modeler.figures.canvas import COLOURS, GREY, Sheet, quantity
from workers.modeler.figures.outcome import CROSS_VALIDATION, Outcome, Unseen
from workers.modeler.figures.picture import Picture
from workers.modeler.figures.scatter import Limits, cloud, limits_of

_POINTS = 1_500
#: Equally many records in each step of the line of means, and records of which one is made at least.
_STEPS, _FEWEST = 10, 20


def _residuals(outcome: Outcome) -> bytes:
    parts = outcome.parts
    sheet = Sheet(74 + len(parts) * 484 + 330, 568)
    errors = {name: part.outputs[:, 0] - part.actual for name, part in parts.items()}
    up = _symmetric(np.concatenate(list(errors.values())))
    across = limits_of(_trimmed(np.concatenate([part.outputs[:, 0] for part in parts.values()])))
    for place, (name, part) in enumerate(parts.items()):
        axes = sheet.axes(74 + place * 484, 76, 400, 400)
        cloud(axes, part.outputs[:, 0], errors[name], across, up, name, _POINTS)
        axes.axhline(0, color=GREY, linestyle="--", linewidth=0.8)
        _means(axes, part.outputs[:, 0], errors[name])
        axes.set_xlabel(quantity("Predicted", outcome))
        if place == 0:
            axes.set_ylabel("Predicted - measured")
        told = f"{name}: mean {errors[name].mean():.2g}, deviation {errors[name].std():.3g}"
        axes.set_title(told, fontsize=9, loc="left", pad=4, color=GREY)
    _spread(sheet.axes(74 + len(parts) * 484, 76, 300, 400), parts, errors, up)
    sheet.heading("Residuals", outcome)
    return sheet.png()


def _trimmed(values: FloatArray) -> FloatArray:
    """Without the outermost thousandth on each side: those are drawn at the edge."""
    return np.clip(values, *np.quantile(values, (0.001, 0.999)))


def _symmetric(errors: FloatArray) -> Limits:
    edge = 1.08 * float(np.quantile(np.abs(errors), 0.999)) or 0.5
    return -edge, edge


def _means(axes: Any, predicted: FloatArray, errors: FloatArray) -> None:
    """The mean error of records of like prediction: it should stay at 0."""
    steps = min(_STEPS, len(errors) // _FEWEST)
    if steps < 2:
        return
    groups = np.array_split(np.argsort(predicted, kind="stable"), steps)
    x, y = [predicted[rows].mean() for rows in groups], [errors[rows].mean() for rows in groups]
    axes.plot(x, y, color="black", linewidth=1.2, marker="o", markersize=3, label="mean of a tenth")
    axes.legend(loc="upper right", fontsize=7.5, framealpha=0.85, edgecolor="none")


def _spread(axes: Any, parts: dict[str, Unseen], errors: dict[str, FloatArray], up: Limits) -> None:
    """A box for each fold and for the test set: median, quartiles, and where 90 % of errors lie."""
    rows: list[tuple[str, str, FloatArray]] = []
    for name, part in parts.items():
        folds = part.by_fold() if name == CROSS_VALIDATION else []
        for number, fold in folds:
            rows.append((f"{number + 1}", name, fold.outputs[:, 0] - fold.actual))
        rows.append(("all" if name == CROSS_VALIDATION else "test", name, errors[name]))
    for place, (_, name, found) in enumerate(rows):
        low, first, middle, third, high = np.clip(np.quantile(found, (0.05, 0.25, 0.5, 0.75, 0.95)), *up)
        axes.vlines(place, low, high, color=COLOURS[name], linewidth=1)
        axes.bar(place, third - first, 0.6, bottom=first, color=COLOURS[name], alpha=0.45)
        axes.hlines(middle, place - 0.3, place + 0.3, color="black", linewidth=1.2)
    axes.axhline(0, color=GREY, linestyle="--", linewidth=0.8)
    axes.set(ylim=up, xlim=(-0.7, len(rows) - 0.3), xlabel="Fold")
    axes.set_xticks(np.arange(len(rows)), [label for label, *_ in rows])
    axes.set_title("median, quartiles, 5 to 95 %", fontsize=9, loc="left", pad=4, color=GREY)


PICTURES = (Picture("residuals_plot", "Residuals", (REGRESSION,), _residuals),)
