"""A sheet measured in pixels, from the lower left. Nothing here is global, nothing lays itself out:
layout engines of matplotlib draw everything twice."""

from __future__ import annotations

import io
from functools import cache
from typing import Any

import matplotlib
from matplotlib.backends.backend_agg import FigureCanvasAgg, RendererAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, findfont, get_font
from matplotlib.ticker import MaxNLocator

from workers.modeler.figures.outcome import CROSS_VALIDATION, TEST, Outcome

#: Pixels to the inch of every sheet, so that a point is 1.39 pixels.
DPI = 100
#: Okabe and Ito (2008): told apart by readers with any colour vision.
BLUE, ORANGE, GREEN, GREY, PALE = "#0072B2", "#D55E00", "#009E73", "#666666", "#BBBBBB"
COLOURS = {CROSS_VALIDATION: BLUE, TEST: ORANGE}
#: Of the same hues, from few to many.
MAPS = {CROSS_VALIDATION: "Blues", TEST: "Oranges"}
_FONT = "DejaVu Sans"
#: Characters of a text that are looked at; no sheet has room for more.
_LONGEST = 500
_OF_SCALE_ONE = frozenset({"R2", "AUC", "MCC", "ACC"})
_MISSING = "\N{WHITE SQUARE}"


class Sheet:
    """A white page of so many pixels with a title. `scale` multiplies the pixels, not the layout."""

    def __init__(self, width: int, height: int, scale: float = 1.0) -> None:
        self.width, self.height = width, height
        self.figure = Figure(figsize=(width / DPI, height / DPI), dpi=DPI * scale, facecolor="white")
        FigureCanvasAgg(self.figure)

    def axes(
        self, left: float, bottom: float, width: float, height: float, *, size: float = 8, ticks: int = 5
    ) -> Any:
        """Axes of that inner rectangle, with text of `size` points and at most `ticks` steps."""
        box = (left / self.width, bottom / self.height, width / self.width, height / self.height)
        axes = self.figure.add_axes(box)
        axes.tick_params(labelsize=size, length=3, pad=2)
        axes.xaxis.label.set_fontsize(size + 1)
        axes.yaxis.label.set_fontsize(size + 1)
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_locator(MaxNLocator(nbins=ticks))
        for side in ("top", "right"):
            axes.spines[side].set_visible(False)
        return axes

    def text(self, left: float, bottom: float, words: str, size: float = 9, **style: Any) -> None:
        """One line, cut where the sheet (or `room` pixels) ends."""
        room = style.pop("room", self.width - left - 8)
        words = elided(words, size, room, style.get("weight", "normal"))
        self.figure.text(left / self.width, bottom / self.height, words, size=size, **style)

    def heading(self, title: str, outcome: Outcome) -> None:
        self.text(16, self.height - 26, f"{title}: {outcome.target}", 12, weight="bold")
        self.text(16, self.height - 44, outcome.model_name, 9, color=GREY)

    def png(self) -> bytes:
        """The same sheet gives the same bytes: no time, no version."""
        file = io.BytesIO()
        self.figure.savefig(file, format="png", dpi="figure", metadata={"Software": None})
        return file.getvalue()


def fold_colours(count: int) -> list[Any]:
    """So many colours from dark to light, told apart by lightness as well."""
    ramp = matplotlib.colormaps["viridis"]
    return [ramp(0.9 * place / max(count - 1, 1)) for place in range(count)]


def beside(axes: Any) -> None:
    """The legend, to the right of the axes, where it hides nothing."""
    style = {"fontsize": 8, "frameon": False, "borderaxespad": 0.0}
    axes.legend(loc="upper left", bbox_to_anchor=(1.02, 1.0), **style)


def quantity(before: str, outcome: Outcome, room: float = 400) -> str:
    """Words, the target and its units as the label of an axis; what is too long is cut from the target."""
    units = f" [{elided(outcome.units, 9, room / 3)}]" if outcome.units else ""
    left = room - _width(f"{before} {units}", 9, "normal")
    return f"{before} {elided(outcome.target, 9, left)}{units}"


def figure_text(code: str, value: float) -> str:
    """A metric's value: two decimals where its scale is 1, else three digits."""
    return f"{round(value, 2) + 0.0:.2f}" if code in _OF_SCALE_ONE else f"{value:.3g}"


@cache
def _characters() -> frozenset[int]:
    return frozenset(get_font(findfont(FontProperties(family=_FONT))).get_charmap())


def plain(text: str) -> str:
    """Text that matplotlib draws as it stands: no formulas, no line breaks, no missing characters."""
    shown = "".join(" " if character.isspace() else character for character in text)
    known = "".join(c if ord(c) in _characters() and c.isprintable() else _MISSING for c in shown)
    return known.replace("$", r"\$")


def elided(text: str, size: float, room: float, weight: str = "normal", *, ends: bool = False) -> str:
    """`text` made plain and cut to `room` pixels at `size` points; with `ends`, cut in its middle."""
    text = text[:_LONGEST]
    if _width(plain(text), size, weight) <= room:
        return plain(text)
    low, high = 0, len(text)
    while low < high:
        kept = (low + high + 1) // 2
        fits = _width(_cut(text, kept, ends), size, weight) <= room
        low, high = (kept, high) if fits else (low, kept - 1)
    return _cut(text, low, ends)


def _cut(text: str, kept: int, ends: bool) -> str:
    tail = kept // 2 if ends else 0
    return plain(f"{text[: kept - tail].rstrip()}…{text[len(text) - tail :].lstrip()}")


def _width(text: str, size: float, weight: str) -> float:
    font = FontProperties(family=_FONT, weight=weight, size=size)
    width, *_ = _ruler().get_text_width_height_descent(text.replace(r"\$", "$"), font, ismath=False)
    return float(width)


@cache
def _ruler() -> Any:
    untyped: Any = RendererAgg
    return untyped(1, 1, DPI)
