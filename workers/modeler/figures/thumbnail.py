"""The picture that stands for a model: what it says of records it had not seen, and how good that is."""

from __future__ import annotations

from typing import Any

import numpy as np

from workers.modeler.algorithms.base import CLASSIFICATION
from workers.modeler.figures.canvas import COLOURS, GREY, PALE, Sheet, elided, figure_text
from workers.modeler.figures.curves import macro_roc
from workers.modeler.figures.outcome import Outcome, Unseen
from workers.modeler.figures.scatter import cloud, common_limits

WIDTHS = (300, 600, 1200)
_SIDE = 300
_NUMBERS = {
    "classification": (("AUC", "AUC"), ("MCC", "MCC"), ("ACC", "Acc.")),
    "regression": (("R2", "R²"), ("RMSE", "RMSE"), ("MAE", "MAE")),
}


def thumbnail(outcome: Outcome, width: int) -> bytes:
    """A square PNG of `width` pixels, of which all are the same picture."""
    sheet = _empty(outcome, width)
    name, part = outcome.unseen
    axes = sheet.axes(40, 74, 246, 172, size=7, ticks=4)
    if outcome.task == CLASSIFICATION:
        _roc(axes, name, part)
    else:
        _scatter(axes, outcome, name, part)
    _numbers(sheet, outcome, name, len(part))
    return sheet.png()


def words_only(outcome: Outcome, width: int) -> bytes:
    """The same without a drawing: for when that fails."""
    sheet = _empty(outcome, width)
    sheet.text(14, 160, "no picture of this model's predictions", 8, color=GREY)
    return sheet.png()


def _empty(outcome: Outcome, width: int) -> Sheet:
    sheet = Sheet(_SIDE, _SIDE, width / _SIDE)
    sheet.text(10, 278, outcome.model_name or outcome.target, 11, weight="bold")
    told = outcome.quantity if not outcome.method else f"{outcome.quantity} · {outcome.method}"
    sheet.text(10, 260, told, 7.5, color=GREY)
    return sheet


def _roc(axes: Any, name: str, part: Unseen) -> None:
    axes.plot([0, 1], [0, 1], color=PALE, linestyle="--", linewidth=1)
    curve = macro_roc(part)
    if curve is not None:
        axes.plot(*curve, color=COLOURS[name], linewidth=2)
        axes.fill_between(*curve, color=COLOURS[name], alpha=0.15, linewidth=0)
    axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.02))
    axes.set_xlabel("false positives", size=7.5, labelpad=1)
    axes.set_ylabel("true positives", size=7.5, labelpad=1)


def _scatter(axes: Any, outcome: Outcome, name: str, part: Unseen) -> None:
    limits = common_limits([part])
    axes.plot(limits, limits, color=GREY, linestyle="--", linewidth=0.8, zorder=3)
    cloud(axes, part.actual.astype(np.float64), part.outputs[:, 0], limits, limits, name, 1_500)
    axes.set_xlabel("measured", size=7.5, labelpad=1)
    axes.set_ylabel("predicted", size=7.5, labelpad=1)


def _numbers(sheet: Sheet, outcome: Outcome, name: str, records: int) -> None:
    """The key numbers in large type, each with the trivial model's below where that is known."""
    place = 0
    for code, title in _NUMBERS[outcome.task]:
        value, trivial = outcome.score(code, name), outcome.baseline(code, name)
        if value is None:
            continue
        left = 12 + place * 95
        sheet.text(left, 26, f"{title} {figure_text(code, value)}", 9.5, room=92)
        if trivial is not None:
            sheet.text(left, 15, f"trivial {figure_text(code, trivial)}", 6, color=GREY)
        place += 1
    sheet.text(12, 5, elided(f"{name}, {records:,} records", 6, 200), 6, color=GREY)
