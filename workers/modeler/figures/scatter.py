"""Predicted against measured, by subset and fold."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.collections import LineCollection
from matplotlib.colors import LogNorm

from workers.modeler.algorithms.base import REGRESSION, FloatArray
from workers.modeler.figures.blocks import Block, blocks, caption
from workers.modeler.figures.canvas import BLUE, COLOURS, GREY, MAPS, quantity
from workers.modeler.figures.outcome import CROSS_VALIDATION, Outcome, Unseen
from workers.modeler.figures.picture import Picture

#: Records beyond which a cloud of points hides itself: their density is drawn instead.
_POINTS = 1_500
_FOLD_POINTS = 500
_SQUARES = 70
_INTERVALS = 150

Limits = tuple[float, float]


def cloud(
    axes: Any, x: FloatArray, y: FloatArray, across: Limits, up: Limits, name: str, most: int
) -> None:
    """Points, or beyond `most` how many there are in each small square; what is outside is at the edge."""
    x, y = np.clip(x, *across), np.clip(y, *up)
    if len(x) <= most:
        size = 7 + 500 / (30 + len(x))
        alpha = 0.75 if len(x) <= 200 else 0.5
        colour = COLOURS.get(name, BLUE)
        axes.scatter(x, y, s=size if most == _POINTS else size / 2, alpha=alpha, color=colour, linewidths=0)
    else:
        counts, *_ = np.histogram2d(x, y, bins=_SQUARES, range=(across, up))
        shown = np.ma.masked_equal(counts.T, 0)
        axes.imshow(
            shown,
            extent=(*across, *up),
            origin="lower",
            aspect="auto",
            cmap=MAPS.get(name, MAPS[CROSS_VALIDATION]),
            # The map's palest shades would not be seen on white.
            norm=LogNorm(vmin=0.2, vmax=max(float(np.max(counts)), 2.0)),
            interpolation="nearest",
        )
    axes.set(xlim=across, ylim=up)


def limits_of(values: FloatArray, margin: float = 0.04) -> Limits:
    """From the least to the greatest and a little beyond; around a single value, half of 1."""
    low, high = float(np.min(values)), float(np.max(values))
    room = (high - low) * margin or max(abs(high) * margin, 0.5)
    return low - room, high + room


def common_limits(parts: list[Unseen]) -> Limits:
    """Limits of measured and predicted together. Predictions may widen them by half of what was
    measured on either side: one prediction gone astray must not make the rest a dot."""
    measured = np.concatenate([part.actual for part in parts]).astype(np.float64)
    predicted = np.concatenate([part.outputs[:, 0] for part in parts])
    low, high = float(np.min(measured)), float(np.max(measured))
    room = 0.5 * (high - low)
    if room > 0:
        predicted = np.clip(predicted, low - room, high + room)
    return limits_of(np.append(predicted, [low, high]))


def _scatter(outcome: Outcome) -> bytes:
    sheet = blocks("Predicted and measured", outcome)
    limits = common_limits([block.part for block in sheet.subsets])
    for place, block in enumerate(sheet.subsets):
        _intervals(block, limits)
        _panel(block, limits, _POINTS)
        block.axes.set_xlabel(quantity("Measured", outcome))
        if place == 0:
            block.axes.set_ylabel(quantity("Predicted", outcome))
        caption(block, f"{block.name} (n = {len(block.part):,})")
        told = _told(outcome, block)
        block.axes.text(0.03, 0.97, told, transform=block.axes.transAxes, va="top", fontsize=8.5)
    for block in sheet.folds:
        _panel(block, limits, _FOLD_POINTS)
        rmse = float(np.sqrt(np.mean((block.part.outputs[:, 0] - block.part.actual) ** 2)))
        caption(block, f"{block.name}: RMSE {rmse:.3g}", size=7)
    return sheet.sheet.png()


def _panel(block: Block, limits: Limits, most: int) -> None:
    name = block.name if block.name in COLOURS else CROSS_VALIDATION
    block.axes.plot(limits, limits, color=GREY, linestyle="--", linewidth=0.8, zorder=3)
    measured, predicted = block.part.actual.astype(np.float64), block.part.outputs[:, 0]
    cloud(block.axes, measured, predicted, limits, limits, name, most)


def _intervals(block: Block, limits: Limits) -> None:
    """The 90 % intervals of some records, as lines through their points."""
    covered = known_intervals(block.part)
    if not covered.any():
        return
    part = block.part.take(covered).sampled(_INTERVALS)
    assert part.lower is not None
    assert part.upper is not None
    x = part.actual.astype(np.float64)
    ends = np.clip(np.stack([part.lower, part.upper], axis=1), *limits)
    lines = np.stack([np.stack([x, x], axis=1), ends], axis=2)
    block.axes.add_collection(
        LineCollection(list(lines), colors=COLOURS[block.name], linewidths=0.5, alpha=0.35), autolim=False
    )


def known_intervals(part: Unseen) -> Any:
    """Which records have an interval (NaN: none; an infinite bound is one)."""
    if part.lower is None or part.upper is None:
        return np.zeros(len(part), bool)
    return ~(np.isnan(part.lower) | np.isnan(part.upper))


def _told(outcome: Outcome, block: Block) -> str:
    lines = []
    for code, name in (("R2", "R²"), ("RMSE", "RMSE"), ("MAE", "MAE")):
        value, trivial = outcome.score(code, block.name), outcome.baseline(code, block.name)
        if value is not None:
            lines.append(
                f"{name} {value:.3g}" + (f" (baseline {trivial:.3g})" if trivial is not None else "")
            )
    covered = known_intervals(block.part)
    if covered.any():
        part = block.part.take(covered)
        inside = (part.lower <= part.actual) & (part.actual <= part.upper)
        lines.append(f"in 90 % interval: {np.mean(inside):.1%}")
    measured, predicted = block.part.actual, block.part.outputs[:, 0]
    low, high = block.axes.get_xlim()
    outside = int(np.sum((predicted < low) | (predicted > high) | (measured < low) | (measured > high)))
    if outside:
        lines.append(f"{outside} beyond the edge")
    return "\n".join(lines)


PICTURES = (Picture("predicted_vs_measured_plot", "Predicted against measured", (REGRESSION,), _scatter),)
