"""RDKit's indices of complexity from shared matrices: BertzCT, BalabanJ, Ipc's polynomial, SPS.

The formulas and the order of their additions are those of rdkit.Chem.GraphDescriptors and
rdkit.Chem.SpacialScore, where the papers are named.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
from rdkit import Chem
from rdkit.ML.InfoTheory import rdInfoTheory

from molfleet.chemistry.featurizers.graph import Atoms, Bond, Floats, in_turn

#: How many of an atom's distances tell it from others, the nearest first (RDKit's default).
_CUTOFF = 100
_HYBRIDIZATIONS = {
    int(Chem.HybridizationType.SP): 1,
    int(Chem.HybridizationType.SP2): 2,
    int(Chem.HybridizationType.SP3): 3,
}


def characteristic_polynomial(adjacent: npt.NDArray[np.bool_]) -> Floats:
    """Coefficients by Le Verrier, Faddeev and Frame, shape [atoms + 1]; inf and NaN where too large."""
    atoms = len(adjacent)
    graph = adjacent.astype(np.float64)
    power, following = graph.copy(), np.empty_like(graph)
    coefficients = np.zeros(atoms + 1)
    coefficients[0] = 1.0
    with np.errstate(all="ignore"):
        for n in range(1, atoms + 1):
            coefficients[n] = 1.0 / n * power.trace()
            power.flat[:: atoms + 1] -= coefficients[n]
            np.dot(graph, power, out=following)
            power, following = following, power
    coefficients[1:] *= -1
    return coefficients


def balaban_j(distances: Floats, order_distances: Floats) -> float:
    """Balaban's J; 0 for as many rings less one as there are fragments less one."""
    sums = in_turn(order_distances)
    begins, ends = np.nonzero(np.triu(distances == 1))
    rings = len(begins) - len(sums) + 2
    if not rings:
        return 0.0
    connected = in_turn(1.0 / np.sqrt(sums[begins] * sums[ends]))
    return len(begins) / rings * float(connected)


def bertz_ct(atoms: Atoms, bonds: list[Bond], order_distances: Floats) -> float:
    """Bertz' complexity: information of the connections and of the elements."""
    count = len(order_distances)
    if count < 2:
        return 0.0
    neighbours: list[list[int]] = [[] for _ in range(count)]
    orders: dict[tuple[int, int], float] = {}
    for begin, end, order, _ in bonds:
        neighbours[begin].append(end)
        neighbours[end].append(begin)
        orders[begin, end] = orders[end, begin] = order
    classes = _symmetry_classes(order_distances)
    connections: dict[tuple[int, ...], float] = {}
    elements: dict[int, int] = {}
    for atom, number in enumerate(atoms.numbers.tolist()):
        elements[number] = elements.get(number, 0) + 1
        hinge = classes[atom]
        around = sorted(neighbours[atom])
        for position, first in enumerate(around):
            order, group = orders[atom, first], classes[first]
            if order > 1 and first > atom:
                key: tuple[int, ...] = (hinge, group) if hinge < group else (group, hinge)
                connections[key] = connections.get(key, 0) + order * (order - 1) / 2
            for second in around[position + 1 :]:
                other = classes[second]
                key = (group, hinge, other) if group < other else (other, hinge, group)
                connections[key] = connections.get(key, 0) + order * orders[atom, second]
    values = list(connections.values()) or [1]
    total = sum(values)
    bonding = total * (rdInfoTheory.InfoEntropy(np.array(values, float)) + math.log(total) / math.log(2))
    return float(count * rdInfoTheory.InfoEntropy(np.array(list(elements.values()), float)) + bonding)


def _symmetry_classes(order_distances: Floats) -> list[int]:
    """A number for each atom, the same for atoms whose sorted distances agree in four decimals."""
    rows = np.rint(np.sort(order_distances, axis=1)[:, :_CUTOFF] * 1e4)
    seen: dict[bytes, int] = {}
    return [seen.setdefault(row.tobytes(), len(seen)) + 1 for row in rows]


def spacial_score(mol: Chem.Mol, atoms: Atoms) -> float:
    """The spacial score per heavy atom. Raises ZeroDivisionError where there is none."""
    copy = Chem.Mol(mol)  # looking for stereo marks atoms and bonds
    Chem.FindPotentialStereoBonds(copy)
    untyped: Any = Chem
    centres = untyped.FindMolChiralCenters(
        copy, includeUnassigned=True, includeCIP=False, useLegacyImplementation=False
    )
    stereo = {index for index, _ in centres}
    for bond in copy.GetBonds():
        if bond.GetBondType() == Chem.BondType.DOUBLE and bond.GetStereo() != Chem.BondStereo.STEREONONE:
            stereo.update((bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()))
    score = 0
    columns = (atoms.hybridizations, atoms.degrees, atoms.in_ring & ~atoms.aromatic)
    for index, (hybridization, degree, ring) in enumerate(zip(*(c.tolist() for c in columns), strict=True)):
        weight = _HYBRIDIZATIONS.get(hybridization, 4) * degree * degree
        score += weight << ((index in stereo) + ring)
    return score / mol.GetNumHeavyAtoms()
