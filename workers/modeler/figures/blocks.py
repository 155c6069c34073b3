"""The sheet of pictures that show each subset in a block of its own, and each fold in a small one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from workers.modeler.figures.canvas import GREY, Sheet
from workers.modeler.figures.outcome import CROSS_VALIDATION, Outcome, Unseen

_SIDE, _LEFT, _BOTTOM, _GAP = 400, 74, 76, 84
_FOLDS = 470


@dataclass(frozen=True)
class Block:
    axes: Any
    name: str
    part: Unseen


@dataclass(frozen=True)
class Blocks:
    """`subsets` are the large blocks; `folds` the small ones, in which only the first of a row and the
    last of a column have labelled ticks."""

    sheet: Sheet
    subsets: tuple[Block, ...]
    folds: tuple[Block, ...]


def blocks(title: str, outcome: Outcome, *, fold_ticks: bool = True, margin: int = 0) -> Blocks:
    """An empty sheet with its heading; the axes are square and without titles. `margin` is more room to
    their left and below, for long labels."""
    parts = outcome.parts
    folds = parts[CROSS_VALIDATION].by_fold() if CROSS_VALIDATION in parts else []
    left, bottom = _LEFT + margin, _BOTTOM + margin
    width = left + len(parts) * (_SIDE + _GAP) + (_FOLDS if folds else -_GAP + 24)
    sheet = Sheet(width, _SIDE + bottom + 92)
    subsets = []
    for place, (name, part) in enumerate(parts.items()):
        axes = sheet.axes(left + place * (_SIDE + _GAP), bottom, _SIDE, _SIDE)
        subsets.append(Block(axes, name, part))
    small = _small(sheet, left + len(parts) * (_SIDE + _GAP) - 30, bottom, folds, fold_ticks)
    sheet.heading(title, outcome)
    return Blocks(sheet, tuple(subsets), tuple(small))


def _small(
    sheet: Sheet, left: int, bottom: int, folds: list[tuple[int, Unseen]], ticks: bool
) -> list[Block]:
    if not folds:
        return []
    gap = 22

    def side_of(across: int) -> int:
        down = -(-len(folds) // across)
        return min((_FOLDS - 20 - gap * (across - 1)) // across, (_SIDE - gap * (down - 1)) // down)

    across = max(range(1, len(folds) + 1), key=side_of)
    side = side_of(across)
    made = []
    for place, (number, part) in enumerate(folds):
        row, column = divmod(place, across)
        down = bottom + _SIDE - side - row * (side + gap)
        axes = sheet.axes(left + column * (side + gap), down, side, side, size=6, ticks=3)
        axes.tick_params(length=2, pad=1)
        axes.tick_params(labelleft=ticks and column == 0)
        axes.tick_params(labelbottom=ticks and place + across >= len(folds))
        made.append(Block(axes, f"fold {number + 1}", part))
    return made


def caption(block: Block, words: str, *, size: float = 9) -> None:
    """A line above a block."""
    block.axes.set_title(words, fontsize=size, loc="left", pad=4 if size > 7 else 2, color=GREY)
