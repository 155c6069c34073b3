"""Reliability: how often what was given a probability is true (DeGroot and Fienberg,
The Statistician 32 (1983) 12). With more than two classes, the likeliest class's probability."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from workers.modeler.algorithms.base import CLASSIFICATION, FloatArray
from workers.modeler.figures.canvas import COLOURS, GREY, PALE, Sheet, beside, fold_colours
from workers.modeler.figures.outcome import CROSS_VALIDATION, Outcome, Unseen
from workers.modeler.figures.picture import Picture
from workers.modeler.metrics.classification import CALIBRATION_BINS

BINS = CALIBRATION_BINS
#: Fewer records in a bin of a fold say nothing.
_FEWEST = 5


def _told(part: Unseen) -> tuple[FloatArray, NDArray[np.bool_]]:
    """The probability of each record and whether it came true."""
    if part.classes == 2:
        return part.outputs[:, 1], part.actual == 1
    return part.outputs.max(axis=1), part.outputs.argmax(axis=1) == part.actual


def reliability(
    probability: FloatArray, true: NDArray[np.bool_]
) -> tuple[FloatArray, FloatArray, NDArray[np.int64]]:
    """For each of BINS equal steps of probability, as the metric ECE has them: its mean, the share that
    is true (NaN where the step is empty), and the number of records."""
    places = np.searchsorted(np.linspace(0, 1, BINS + 1)[1:-1], probability)
    counts = np.bincount(places, minlength=BINS)
    divisor = np.where(counts > 0, counts, np.nan)
    mean = np.bincount(places, probability, BINS) / divisor
    share = np.bincount(places, true.astype(np.float64), BINS) / divisor
    return mean, share, counts


def wilson(share: FloatArray, counts: NDArray[np.int64]) -> tuple[FloatArray, FloatArray]:
    """The 95 % interval of a share (Wilson, J. Am. Stat. Assoc. 22 (1927) 209)."""
    z, n = 1.959964, np.maximum(counts, 1).astype(np.float64)
    middle = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    return middle - half, middle + half


def _calibration(outcome: Outcome) -> bytes:
    sheet = Sheet(900, 760)
    axes, below = sheet.axes(74, 200, 500, 480), sheet.axes(74, 56, 500, 110)
    parts = outcome.parts
    axes.plot([0, 1], [0, 1], color=PALE, linestyle="--", linewidth=1)
    folds = parts[CROSS_VALIDATION].by_fold() if CROSS_VALIDATION in parts else []
    for (number, fold), colour in zip(folds, fold_colours(len(folds)), strict=True):
        mean, share, counts = reliability(*_told(fold))
        enough = counts >= _FEWEST
        label = f"fold {number + 1}"
        axes.plot(mean[enough], share[enough], color=colour, linewidth=0.8, marker=".", ms=3, label=label)
    for name, part in parts.items():
        _subset(axes, below, name, part)
    two = len(outcome.labels) == 2
    axes.set(ylabel="Share that is true", xlim=(-0.01, 1.01), ylim=(-0.01, 1.01))
    beside(axes)
    below.set(xlabel="Predicted probability", ylabel="Records", xlim=(-0.01, 1.01), yscale="log")
    below.minorticks_off()
    sheet.heading("Calibration of probabilities", outcome)
    sheet.text(16, 698, f"of {outcome.labels[1]}" if two else "of the likeliest class", 9, color=GREY)
    return sheet.png()


def _subset(axes: Any, below: Any, name: str, part: Unseen) -> None:
    mean, share, counts = reliability(*_told(part))
    known = counts > 0
    low, high = wilson(share[known], counts[known])
    axes.vlines(mean[known], low, high, color=COLOURS[name], linewidth=1, alpha=0.7)
    gap = float(np.average(np.abs(mean - share)[known], weights=counts[known]))
    label = f"{name}: ECE {gap:.3f} (n = {len(part):,})"
    axes.plot(mean[known], share[known], color=COLOURS[name], linewidth=2, marker="o", ms=4, label=label)
    below.stairs(counts, np.linspace(0, 1, BINS + 1), color=COLOURS[name], linewidth=1.4)
    below.set_ylim(0.8, max(below.get_ylim()[1], 2.0 * float(np.max(counts))))


PICTURES = (Picture("calibration_plot", "Calibration of probabilities", (CLASSIFICATION,), _calibration),)
