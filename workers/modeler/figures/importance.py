"""Which features count most, and what their bits stand for."""

from __future__ import annotations

from typing import Any

from rdkit import Chem
from rdkit.Chem.Draw import rdMolDraw2D

from workers.modeler.algorithms.base import CLASSIFICATION, REGRESSION
from workers.modeler.figures.canvas import BLUE, GREY, ORANGE, Sheet, elided
from workers.modeler.figures.outcome import Outcome
from workers.modeler.figures.picture import Picture
from workers.modeler.importance import Importance
from workers.modeler.substructures import MOST_BITS, Environments

_BARS = 25
_ACROSS, _CELL = 4, (300, 250)
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
    several = len({item.column.featurizer for item in shown}) > 1
    axes.set_yticks(places, [elided(_name(item, several), 8, 310) for item in shown])
    axes.tick_params(axis="y", length=0)
    axes.set_ylim(0.4, len(shown) + 0.6)
    axes.set_xlabel("Share of the importance of all features")
    for place, item in zip(places, shown, strict=True):
        words = elided(f"{direction_of(outcome, item)}, in {item.count:,}", 7, 180)
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


def _name(item: Importance, several: bool) -> str:
    if item.column.kind == "descriptors":
        return f"{item.column.name} ({item.column.featurizer})" if several else item.column.name
    return f"{item.column.featurizer} bit {item.column.name}"


def _substructures(outcome: Outcome) -> bytes:
    """A grid of the bits that count most, each in the smallest molecule seen that has it."""
    items = [item for item in outcome.importances if item.index in outcome.environments][:MOST_BITS]
    across = min(_ACROSS, len(items))
    width, height = _CELL
    down = -(-len(items) // across)
    canvas = rdMolDraw2D.MolDraw2DCairo(width * across, height * down, width, height)
    options: Any = canvas.drawOptions()
    options.includeMetadata = False
    options.legendFraction, options.legendFontSize = 0.23, 15
    options.padding, options.fixedBondLength = 0.06, 28
    options.highlightBondWidthMultiplier = 14
    options.fillHighlights = True
    molecules, atoms, bonds, atom_colours, bond_colours, legends = [], [], [], [], [], []
    for item in items:
        found = outcome.environments[item.index].found[0]
        mol = rdMolDraw2D.PrepareMolForDrawing(Chem.MolFromSmiles(found.molecule), kekulize=True)
        colour = _LOWERS if item.direction < 0 else _RAISES
        molecules.append(mol)
        atoms.append(list(found.atoms))
        bonds.append(list(found.bonds))
        atom_colours.append(dict.fromkeys(found.atoms, colour))
        bond_colours.append(dict.fromkeys(found.bonds, colour))
        legends.append(_legend(outcome, item, outcome.environments[item.index]))
    canvas.DrawMolecules(
        molecules,
        legends=legends,
        highlightAtoms=atoms,
        highlightBonds=bonds,
        highlightAtomColors=atom_colours,
        highlightBondColors=bond_colours,
    )
    canvas.FinishDrawing()
    return bytes(canvas.GetDrawingText())


def _legend(outcome: Outcome, item: Importance, environments: Environments) -> str:
    first, *others = environments.found
    lines = [
        f"{item.column.featurizer} bit {item.column.name}: {item.weight:.1%}",
        f"{direction_of(outcome, item)}; in {item.count:,} records",
    ]
    if others:
        share = first.count / environments.looked_at
        lines.append(f"shown: {share:.0%}; shares the bit with {len(others)} more")
    return "\n".join(lines)


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
