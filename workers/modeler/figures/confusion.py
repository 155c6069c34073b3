"""How often each class is taken for each other, by subset and fold."""

from __future__ import annotations

import numpy as np

from workers.modeler.algorithms.base import CLASSIFICATION
from workers.modeler.figures.blocks import Block, blocks, caption
from workers.modeler.figures.canvas import MAPS, elided
from workers.modeler.figures.outcome import CROSS_VALIDATION, Outcome
from workers.modeler.figures.picture import Picture
from workers.modeler.metrics import confusion

#: Classes up to which counts, and names, are written.
_COUNTED, _NAMED = 12, 25


def _confusion(outcome: Outcome) -> bytes:
    margin = 0 if _level(outcome.labels) else 50
    title = "Confusion, coloured by share of the true class"
    sheet = blocks(title, outcome, fold_ticks=False, margin=margin)
    for place, block in enumerate(sheet.subsets):
        _matrix(block, 9 if len(outcome.labels) <= 6 else 7)
        _ticks(block, outcome.labels, named=place == 0)
        correct = float(np.mean(block.part.outputs.argmax(axis=1) == block.part.actual))
        caption(block, f"{block.name}: {correct:.1%} right (n = {len(block.part):,})")
        block.axes.set_xlabel("Predicted class")
        if place == 0:
            block.axes.set_ylabel("True class")
    for block in sheet.folds:
        _matrix(block, 6 if len(outcome.labels) <= 3 else 0)
        block.axes.set(xticks=[], yticks=[])
        correct = float(np.mean(block.part.outputs.argmax(axis=1) == block.part.actual))
        caption(block, f"{block.name}: {correct:.0%}", size=7)
    return sheet.sheet.png()


def _matrix(block: Block, size: float) -> None:
    """The coloured table; counts of `size` points where there is room (0: nowhere)."""
    table = confusion(block.part.actual, block.part.outputs)
    shares = table / np.maximum(table.sum(axis=1, keepdims=True), 1)
    colours = MAPS.get(block.name, MAPS[CROSS_VALIDATION])
    block.axes.imshow(shares, cmap=colours, vmin=0, vmax=1, aspect="auto", interpolation="nearest")
    if not size or len(table) > _COUNTED:
        return
    for (row, column), count in np.ndenumerate(table):
        share = shares[row, column]
        words = f"{count:,}\n{share:.0%}" if len(table) <= 6 and size > 7 else f"{count:,}"
        colour = "white" if share > 0.6 else "black"
        block.axes.text(column, row, words, ha="center", va="center", color=colour, fontsize=size)


def _level(labels: tuple[str, ...]) -> bool:
    """Whether the names are written along the axes: there are few, or only numbers."""
    return len(labels) <= 4 or len(labels) > _NAMED


def _ticks(block: Block, labels: tuple[str, ...], *, named: bool) -> None:
    axes, places = block.axes, np.arange(len(labels))
    if len(labels) > _NAMED:
        axes.set_xlabel("Predicted class, by its number")
        return
    size = 8 if len(labels) <= 6 else 6
    level = _level(labels)
    # Along an axis a name has the room of a column, across it that of the margin; both its ends are
    # kept, since classes often differ in their last character.
    names = [elided(label, size, 380 / len(labels) if level else 92, ends=True) for label in labels]
    axes.set_xticks(places, names, rotation=0 if level else 90, fontsize=size)
    axes.set_yticks(places, names if named else [""] * len(places), fontsize=size)
    if level:
        axes.tick_params(axis="y", labelrotation=90)
        for tick in axes.get_yticklabels():
            tick.set_verticalalignment("center")


PICTURES = (Picture("confusion_plot", "Confusion matrices", (CLASSIFICATION,), _confusion),)
