"""Which of many SMARTS patterns a molecule may match, told from its kinds of atoms and bonds alone.

Matching costs ten microseconds a pattern, and descriptors ask for two hundred of them. Most need a kind
of atom or bond that the molecule has not: those are known not to match without being tried.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from rdkit import Chem

from molfleet.chemistry.featurizers.graph import Atoms, Bond

#: RDKit's AtomType: the atomic number, and 1000 more where aromatic.
AROMATIC = 1000
_NODE = re.compile(r"( *)(\w+)(?: (\d+))? ?(.*)")

#: What a query allows; None: anything.
Allowed = frozenset[int] | None


class _Need(NamedTuple):
    """An atom (`end` and `order` None) or a bond that a pattern cannot do without."""

    begin: Allowed
    order: Allowed = None
    end: Allowed = None
    bond: bool = False


class Screen:
    """The patterns' needs, each a bit; `present` gives the bits of a molecule."""

    def __init__(self, patterns: Iterable[Chem.Mol]) -> None:
        bits: dict[_Need, int] = {}
        self._wanted: list[int] = []
        for pattern in patterns:
            wanted = 0
            for need in _needs(pattern):
                wanted |= 1 << bits.setdefault(need, len(bits))
            self._wanted.append(wanted)
        self._needs = tuple(bits)
        self._known: dict[int | tuple[int, int, int], int] = {}

    def present(self, atoms: Atoms, bonds: Sequence[Bond]) -> int:
        """The needs that some atom or bond of the molecule meets."""
        kinds = (atoms.numbers + AROMATIC * atoms.aromatic).tolist()
        found: set[int | tuple[int, int, int]] = set(kinds)
        found.update((kinds[bond.begin], bond.kind, kinds[bond.end]) for bond in bonds)
        met = 0
        for kind in found:
            mask = self._known.get(kind)
            if mask is None:
                mask = self._known[kind] = self._met_by(kind)
            met |= mask
        return met

    def possible(self, present: int) -> list[bool]:
        """For each pattern whether it may match; False is certain."""
        absent = ~present
        return [not wanted & absent for wanted in self._wanted]

    def _met_by(self, kind: int | tuple[int, int, int]) -> int:
        return sum(1 << bit for bit, need in enumerate(self._needs) if _meets(kind, need))


def _meets(kind: int | tuple[int, int, int], need: _Need) -> bool:
    if isinstance(kind, int):
        return not need.bond and _within(kind, need.begin)
    begin, order, end = kind
    ways = ((begin, end), (end, begin))
    return (
        need.bond
        and _within(order, need.order)
        and any(_within(one, need.begin) and _within(other, need.end) for one, other in ways)
    )


def _within(value: int, allowed: Allowed) -> bool:
    return allowed is None or value in allowed


def _needs(pattern: Chem.Mol) -> Iterable[_Need]:
    atoms = [_allowed(atom.DescribeQuery()) for atom in pattern.GetAtoms()]
    yield from (_Need(allowed) for allowed in atoms if allowed is not None)
    for bond in pattern.GetBonds():
        order = _allowed(bond.DescribeQuery())
        yield _Need(atoms[bond.GetBeginAtomIdx()], order, atoms[bond.GetEndAtomIdx()], bond=True)


def _allowed(description: str) -> Allowed:
    """What RDKit's description of a query surely allows no more than; what is not known allows all."""
    nodes = [node.groups() for line in description.splitlines() if (node := _NODE.fullmatch(line))]
    allowed, _ = _of_node(nodes, 0)
    return allowed


def _of_node(nodes: list[tuple[str, ...]], at: int) -> tuple[Allowed, int]:
    """What the node and those indented below it allow, and where the next node begins."""
    if not nodes:
        return None, at
    indent, name, value, rest = nodes[at]
    at += 1
    below: list[Allowed] = []
    while at < len(nodes) and len(nodes[at][0]) > len(indent):
        allowed, at = _of_node(nodes, at)
        below.append(allowed)
    if "!" in rest:
        return None, at
    known = [allowed for allowed in below if allowed is not None]
    if name in ("AtomAnd", "BondAnd") and known:
        return frozenset.intersection(*known), at
    if name in ("AtomOr", "BondOr") and known and len(known) == len(below):
        return frozenset.union(*known), at
    if name == "AtomType":
        return frozenset((int(value),)), at
    if name == "AtomAtomicNum":
        return frozenset((int(value), int(value) + AROMATIC)), at
    if name == "BondOrder":
        return frozenset((int(value),)), at
    if name == "SingleOrAromaticBond":
        return frozenset((int(Chem.BondType.SINGLE), int(Chem.BondType.AROMATIC))), at
    return None, at
