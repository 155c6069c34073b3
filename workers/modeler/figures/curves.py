"""Receiver operating characteristic and precision against recall: fold by fold, pooled, and by class."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workers.modeler.algorithms.base import CLASSIFICATION, FloatArray
from workers.modeler.figures.canvas import BLUE, COLOURS, GREY, PALE, Sheet, beside, elided, fold_colours
from workers.modeler.figures.outcome import CROSS_VALIDATION, Outcome, Unseen
from workers.modeler.figures.picture import Picture
from workers.modeler.metrics import auc

Curve = tuple[FloatArray, FloatArray]

#: Scores that are sorted for one curve, at most; classes whose curves are named.
_SCORES = 1_000_000
_NAMED = 10
_GRID = np.linspace(0.0, 1.0, 201)
#: A curve's points that fall into one of so many squares of its side are one.
_SQUARES = 800


def roc_curve(positive: NDArray[np.bool_], scores: FloatArray) -> Curve:
    """False and true positive rates, from (0, 0) to (1, 1), one point for each distinct score."""
    hits, seen = _cumulated(positive, scores)
    false = seen - hits
    return np.append(0.0, false / false[-1]), np.append(0.0, hits / hits[-1])


def precision_recall_curve(positive: NDArray[np.bool_], scores: FloatArray) -> Curve:
    """Recall, ascending from 0, and precision, one point for each distinct score, highest first."""
    hits, seen = _cumulated(positive, scores)
    precision = hits / seen
    return np.append(0.0, hits / hits[-1]), np.append(precision[0], precision)


def average_precision(positive: NDArray[np.bool_], scores: FloatArray) -> float | None:
    """The mean precision over the steps in recall; None where no record, or all, are positive."""
    if not 0 < int(positive.sum()) < len(positive):
        return None
    recall, precision = precision_recall_curve(positive, scores)
    return float(np.sum(np.diff(recall) * precision[1:]))


def _cumulated(positive: NDArray[np.bool_], scores: FloatArray) -> tuple[NDArray[Any], NDArray[Any]]:
    order = np.argsort(-scores, kind="stable")
    ends = np.append(np.flatnonzero(np.diff(scores[order])), len(order) - 1)
    return np.cumsum(positive[order])[ends], ends + 1


@dataclass(frozen=True)
class _Kind:
    title: str
    x: str
    y: str
    area: str
    trace: Callable[[NDArray[np.bool_], FloatArray], Curve]
    measure: Callable[[NDArray[np.bool_], FloatArray], float | None]
    steps: bool = False


_ROC = _Kind("ROC", "False positive rate", "True positive rate", "AUC", roc_curve, auc)
_PR = _Kind(
    "Precision and recall",
    "Recall",
    "Precision",
    "AP",
    precision_recall_curve,
    average_precision,
    # Between two points of a precision-recall curve there is no line (Davis and Goadrich, 2006).
    steps=True,
)


def _curve(kind: _Kind, part: Unseen) -> tuple[Curve, float] | None:
    """The curve of two classes, or the mean of the classes', each against the rest; its area.

    None where it is not defined: the mean is over the classes for which it is.
    """
    chosen = [1] if part.classes == 2 else range(part.classes)
    found = [one for label in chosen if (one := _of_class(kind, part, label)) is not None]
    if not found:
        return None
    if len(found) == 1:
        return found[0]
    mean = np.mean([_on_grid(kind, curve) for curve, _ in found], axis=0)
    begins = 1.0 if kind.steps else 0.0
    curve = np.append(0.0, _GRID), np.append(mean[0] * begins, mean)
    return curve, float(np.mean([area for _, area in found]))


def _on_grid(kind: _Kind, curve: Curve) -> FloatArray:
    x, y = curve
    if kind.steps:
        return np.asarray(y[np.searchsorted(x, np.minimum(_GRID, x[-1]))])
    return np.interp(_GRID, x, y)


def macro_roc(part: Unseen) -> Curve | None:
    """The ROC curve of two classes, or the mean of the classes'; None where it is not defined."""
    found = _curve(_ROC, part.sampled(_SCORES // part.classes))
    return None if found is None else found[0]


def _of_class(kind: _Kind, part: Unseen, label: int) -> tuple[Curve, float] | None:
    positive, scores = part.actual == label, part.outputs[:, label]
    area = kind.measure(positive, scores)
    return None if area is None else (kind.trace(positive, scores), area)


def _line(axes: Any, kind: _Kind, curve: Curve, **style: Any) -> None:
    squares = np.round(np.stack(curve) * _SQUARES)
    moved = np.append(True, (np.diff(squares) != 0).any(axis=0))
    moved[-1] = True
    drawn = "steps-pre" if kind.steps else "default"
    axes.plot(curve[0][moved], curve[1][moved], drawstyle=drawn, **style)


def _draw(kind: _Kind, outcome: Outcome) -> bytes:
    several = len(outcome.labels) > 2
    sheet = Sheet(1660 if several else 880, 640)
    parts = {name: part.sampled(_SCORES // part.classes) for name, part in outcome.parts.items()}
    axes = _axes(sheet, kind, 64)
    folds = parts[CROSS_VALIDATION].by_fold() if CROSS_VALIDATION in parts else []
    for (number, fold), colour in zip(folds, fold_colours(len(folds)), strict=True):
        if (found := _curve(kind, fold)) is not None:
            label = f"fold {number + 1}: {found[1]:.3f}"
            _line(axes, kind, found[0], color=colour, linewidth=0.8, alpha=0.9, label=label)
    for name, part in parts.items():
        if (found := _curve(kind, part)) is not None:
            sampled = ", sampled" if len(part) < len(outcome.parts[name]) else ""
            label = f"{name}: {kind.area} {found[1]:.3f} (n = {len(part):,}{sampled})"
            _line(axes, kind, found[0], color=COLOURS[name], linewidth=2.2, label=label)
    if kind is _ROC:
        axes.plot([0, 1], [0, 1], color=PALE, linestyle="--", linewidth=1)
    elif not several:
        share = float(np.mean(outcome.unseen[1].actual == 1))
        axes.axhline(share, color=PALE, linestyle="--", linewidth=1, label=f"by lot: {share:.3f}")
    _legend(axes)
    if several:
        axes.set_title("mean of the classes, each against the rest", fontsize=9, loc="left", color=GREY)
        _by_class(_axes(sheet, kind, 890), kind, outcome, parts)
    sheet.heading(kind.title, outcome)
    if not several:
        sheet.text(16, 578, f"positive: {outcome.labels[1]}", 9, color=GREY)
    return sheet.png()


def _by_class(axes: Any, kind: _Kind, outcome: Outcome, parts: dict[str, Unseen]) -> None:
    """Each class against the rest; the commonest are named."""
    name, part = list(parts.items())[-1]
    counts = np.bincount(part.actual.astype(np.int64), minlength=part.classes)
    order = np.argsort(-counts, kind="stable")
    for label in order[_NAMED:]:
        if (found := _of_class(kind, part, int(label))) is not None:
            _line(axes, kind, found[0], color=PALE, linewidth=0.6)
    named = order[:_NAMED]
    for label, colour in zip(named, fold_colours(len(named)), strict=True):
        if (found := _of_class(kind, part, int(label))) is not None:
            shown = elided(outcome.labels[label], 8, 130, ends=True)
            text = f"{shown}: {found[1]:.3f} (n = {counts[label]:,})"
            _line(axes, kind, found[0], color=colour, linewidth=1.4, label=text)
    rest = f"; {len(order) - _NAMED} more in grey" if len(order) > _NAMED else ""
    axes.set_title(f"{name}, each class{rest}", fontsize=9, loc="left", color=GREY)
    _legend(axes)


def _axes(sheet: Sheet, kind: _Kind, left: int) -> Any:
    axes = sheet.axes(left, 56, 500, 500)
    axes.set(xlabel=kind.x, ylabel=kind.y, xlim=(-0.01, 1.01), ylim=(-0.01, 1.01))
    return axes


def _legend(axes: Any) -> None:
    if axes.get_legend_handles_labels()[0]:
        beside(axes)
    else:
        axes.text(0.5, 0.5, "not defined: one class only", ha="center", color=BLUE, fontsize=9)


def _roc(outcome: Outcome) -> bytes:
    return _draw(_ROC, outcome)


def _precision_recall(outcome: Outcome) -> bytes:
    return _draw(_PR, outcome)


PICTURES = (
    Picture("roc_plot", "ROC curves", (CLASSIFICATION,), _roc),
    Picture("precision_recall_plot", "Precision against recall", (CLASSIFICATION,), _precision_recall),
)
