"""How the error grows with the distance from what was learned."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from workers.modeler.algorithms.base import CLASSIFICATION, REGRESSION, FloatArray, Task
from workers.modeler.figures.canvas import COLOURS, GREY, Sheet, beside, fold_colours, quantity
from workers.modeler.figures.outcome import CROSS_VALIDATION, Outcome, Unseen
from workers.modeler.figures.picture import Picture

BINS = 10
#: Fewer records in a step of a fold say nothing.
_FEWEST = 5


def losses(task: Task, part: Unseen) -> FloatArray:
    """Each record's absolute error; or its Brier score, over classes, halved for two of them."""
    if task == REGRESSION:
        return np.asarray(np.abs(part.outputs[:, 0] - part.actual))
    wanted = part.actual.astype(np.int64)[:, np.newaxis] == np.arange(part.classes)
    total = ((part.outputs - wanted) ** 2).sum(axis=1)
    return np.asarray(total / 2 if part.classes == 2 else total)


def by_similarity(
    similarity: NDArray[Any], found: FloatArray
) -> tuple[FloatArray, FloatArray, NDArray[np.int64]]:
    """For each of BINS equal steps of similarity: mean loss and its standard error (NaN where there is
    none), and the number of records. Records of similarity 1 are in the last step."""
    places = np.clip((similarity.astype(np.float64) * BINS + 1e-6).astype(np.int64), 0, BINS - 1)
    counts = np.bincount(places, minlength=BINS)
    mean = np.bincount(places, found, BINS) / np.where(counts, counts, np.nan)
    apart = np.bincount(places, (found - mean[places]) ** 2, BINS)
    error = np.sqrt(apart / np.where(counts > 1, counts - 1, np.nan) / np.maximum(counts, 1))
    return mean, error, counts


def _known(part: Unseen) -> Unseen | None:
    """The records of which the similarity is known; None: of none."""
    if part.similarity is None:
        return None
    known = np.isfinite(part.similarity)
    return part.take(known) if known.any() else None


def _applies(outcome: Outcome) -> bool:
    return any(_known(part) is not None for part in outcome.parts.values())


def _error_against_similarity(outcome: Outcome) -> bytes:
    sheet = Sheet(1020, 640)
    axes, below = sheet.axes(74, 200, 660, 370), sheet.axes(74, 56, 660, 110)
    parts = {name: of for name, part in outcome.parts.items() if (of := _known(part)) is not None}
    folds = parts[CROSS_VALIDATION].by_fold() if CROSS_VALIDATION in parts else []
    middles = (np.arange(BINS) + 0.5) / BINS
    for (number, fold), colour in zip(folds, fold_colours(len(folds)), strict=True):
        mean, _, counts = by_similarity(fold.similarity, losses(outcome.task, fold))  # type: ignore[arg-type]
        enough = counts >= _FEWEST
        axes.plot(middles[enough], mean[enough], color=colour, linewidth=0.8, label=f"fold {number + 1}")
    width = 0.8 / BINS / len(parts)
    for place, (name, part) in enumerate(parts.items()):
        found = losses(outcome.task, part)
        mean, error, counts = by_similarity(part.similarity, found)  # type: ignore[arg-type]
        known, at = counts > 0, middles + (place - (len(parts) - 1) / 2) * width
        error = np.where(counts >= _FEWEST, error, 0.0)
        label = f"{name}: {found.mean():.3g} in all (n = {len(part):,})"
        axes.plot(
            middles[known], mean[known], color=COLOURS[name], linewidth=2, marker="o", ms=4, label=label
        )
        axes.vlines(
            middles[known],
            np.maximum(mean - error, 0)[known],
            (mean + error)[known],
            color=COLOURS[name],
            linewidth=1,
        )
        below.bar(at, counts, width, color=COLOURS[name])
        for x, count in zip(at[known], counts[known], strict=True):
            below.text(x, count, f"{count}", ha="center", va="bottom", fontsize=6)
    what = quantity("Mean absolute error of", outcome, 360)
    axes.set(ylabel=what if outcome.task == REGRESSION else "Mean Brier score", xlim=(0, 1))
    axes.set_ylim(0, None)
    beside(axes)
    below.set(xlabel="Tanimoto similarity to the nearest training record (ECFP4)", ylabel="Records")
    below.set(xlim=(0, 1), yscale="log")
    below.set_ylim(0.8, 8 * below.get_ylim()[1])
    below.minorticks_off()
    sheet.heading("Error against similarity", outcome)
    sheet.text(74, 582, "vertical lines: one standard error, of 5 records or more", 8, color=GREY)
    return sheet.png()


PICTURES = (
    Picture(
        "error_vs_similarity_plot",
        "Error against similarity to the training set",
        (CLASSIFICATION, REGRESSION),
        _error_against_similarity,
        _applies,
    ),
)
