"""Which features count most, and what their bits stand for."""

from __future__ import annotations

import io
from collections import Counter
from typing import Any

from matplotlib.image import imread
from rdkit import Chem
from rdkit.Chem.Draw import rdMolDraw2D

from workers.modeler.algorithms.base import CLASSIFICATION, REGRESSION
from workers.modeler.figures.canvas import BLUE, GREY, ORANGE, Sheet, elided
from workers.modeler.figures.outcome import Outcome
from workers.modeler.figures.picture import Picture
from workers.modeler.importance import Importance
from workers.modeler.substructures import MOST_BITS, Environments

_BARS = 25
_ACROSS, _WIDE, _HIGH, _LEGEND, _HEAD = 4, 270, 200, 62, 58
_RAISES, _LOWERS = (0.34, 0.71, 0.91), (0.93, 0.62, 0.42)


def direction_of(outcome: Outcome, item: Importance) -> str:
    """In words, what goes with more of the feature."""
    if item.direction == 0:
        return "no direction"
    verb = "raises" if item.direction > 0 else "lowers"
    if outcome.task == REGRESSION:
        return verb
    label = item.label if item.label is not None else 1
    return f"{verb} {outcome.labels[label]}"


def _told(outcome: Outcome) -> list[Importance]:
    return [item for item in outcome.importances if item.weight > 0]


def _bars(outcome: Outcome) -> bytes:
    shown = _told(outcome)[:_BARS]
    sheet = Sheet(860, 130 + 24 * len(shown))
    axes = sheet.axes(330, 62, 500, 24 * len(shown))
    places = range(len(shown), 0, -1)
    colours = [ORANGE if item.direction < 0 else BLUE if item.direction > 0 else GREY for item in shown]
    axes.barh(places, [item.weight for item in shown], height=0.7, color=colours)
    same = Counter(item.column.name for item in shown)
    names = [elided(_name(item, repeated=same[item.column.name] > 1), 8, 310) for item in shown]
    axes.set_yticks(places, names)
    axes.tick_params(axis="y", length=0)
    axes.set_ylim(0.4, len(shown) + 0.6)
    axes.set_xlabel("Share of the importance of all features")
    for place, item in zip(places, shown, strict=True):
        words = elided(f"{direction_of(outcome, item)}, in {item.count:,} records", 7, 220)
        beyond = item.weight > 0.6 * shown[0].weight
        axes.annotate(
            words,
            (item.weight, place),
            (-4 if beyond else 4, 0),
            textcoords="offset points",
            ha="right" if beyond else "left",
            va="center",
            fontsize=7,
            color="white" if beyond else GREY,
        )
    sheet.heading("Importance of features", outcome)
    return sheet.png()


def _name(item: Importance, *, repeated: bool) -> str:
    column = item.column
    if column.kind == "descriptors":
        return f"{column.name} ({column.featurizer})" if repeated else column.name
    return f"{column.featurizer} {'bit' if column.kind == 'bits' else 'count'} {column.name}"


def _substructures(outcome: Outcome) -> bytes:
    """A grid of the bits that count most, each in the smallest molecule seen that has it."""
    items = [item for item in outcome.importances if item.index in outcome.environments][:MOST_BITS]
    across = min(_ACROSS, len(items))
    down = -(-len(items) // across)
    sheet = Sheet(max(across, 2) * _WIDE, down * (_HIGH + _LEGEND) + _HEAD)
    drawn = _molecules(items, outcome, across, down)
    for place, item in enumerate(items):
        row, column = divmod(place, across)
        bottom = sheet.height - _HEAD - row * (_HIGH + _LEGEND) - _HIGH
        tile = drawn[row * _HIGH : (row + 1) * _HIGH, column * _WIDE : (column + 1) * _WIDE]
        sheet.figure.figimage(tile, column * _WIDE, bottom, origin="upper")
        for line, words in enumerate(_legend(outcome, item, outcome.environments[item.index])):
            style = {"weight": "bold"} if line == 0 else {"color": GREY}
            sheet.text(column * _WIDE + 16, bottom - 12 - 15 * line, words, 8, room=_WIDE - 24, **style)
    sheet.heading("Substructures that count", outcome)
    return sheet.png()


def _molecules(items: list[Importance], outcome: Outcome, across: int, down: int) -> Any:
    """The molecules with their environments highlighted, (rows, columns, 3 or 4)."""
    canvas = rdMolDraw2D.MolDraw2DCairo(_WIDE * across, _HIGH * down, _WIDE, _HIGH)
    options: Any = canvas.drawOptions()
    options.includeMetadata = False
    options.padding, options.fixedBondLength = 0.06, 26
    options.highlightBondWidthMultiplier = 14
    molecules, atoms, bonds, atom_colours, bond_colours = [], [], [], [], []
    for item in items:
        found = outcome.environments[item.index].found[0]
        colour = _LOWERS if item.direction < 0 else _RAISES
        molecules.append(rdMolDraw2D.PrepareMolForDrawing(Chem.MolFromSmiles(found.molecule)))
        atoms.append(list(found.atoms))
        bonds.append(list(found.bonds))
        atom_colours.append(dict.fromkeys(found.atoms, colour))
        bond_colours.append(dict.fromkeys(found.bonds, colour))
    canvas.DrawMolecules(
        molecules,
        highlightAtoms=atoms,
        highlightBonds=bonds,
        highlightAtomColors=atom_colours,
        highlightBondColors=bond_colours,
    )
    canvas.FinishDrawing()
    return imread(io.BytesIO(canvas.GetDrawingText()), format="png")


def _legend(outcome: Outcome, item: Importance, environments: Environments) -> list[str]:
    first, *others = environments.found
    lines = [
        f"{_name(item, repeated=False)}: {item.weight:.1%}",
        f"{direction_of(outcome, item)}, in {item.count:,} records",
    ]
    if others:
        share = first.count / environments.looked_at
        lines.append(f"collision: this one in {share:.0%}, {len(others)} other" + "s" * (len(others) > 1))
    return lines


PICTURES = (
    Picture(
        "importance_plot",
        "The features that count most",
        (CLASSIFICATION, REGRESSION),
        _bars,
        lambda outcome: bool(_told(outcome)),
    ),
    Picture(
        "substructures_plot",
        "The bits that count most, as substructures",
        (CLASSIFICATION, REGRESSION),
        _substructures,
        lambda outcome: bool(outcome.environments),
    ),
)
