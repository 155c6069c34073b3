"""Which column of a table holds the structures."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

from molfleet.chemistry.structures import NotAMolecule, molecule, notation_of
from molfleet.errors import Code, Rejected

#: Usual names, the surest first.
_NAMES = (
    "smiles",
    "canonical_smiles",
    "isomeric_smiles",
    "structure",
    "molecule",
    "mol",
    "molblock",
    "mol_block",
    "molfile",
    "ctab",
    "inchi",
)
#: Sampled cells that are structures, of all that are not empty, in a column found by its content.
_SHARE = 0.8


def is_structure_name(name: str) -> bool:
    """Whether a column called so is taken for structures without a look at its cells."""
    return _lowered(name) in _NAMES


def structure_column_of(
    file_name: str, header: tuple[str, ...], rows: Sequence[Sequence[str]], wanted: str | None
) -> int:
    """Index of the structure column: the wanted one, else by name, else by what `rows` hold.

    Raises Rejected(UNREADABLE_FILE), listing the columns that there are.
    """
    columns = ", ".join(header) or "none"
    if wanted is not None:
        for index, name in enumerate(header):
            if name == wanted:
                return index
        near = difflib.get_close_matches(wanted, header, n=1)
        hint = f" Did you mean {near[0]}?" if near else ""
        raise Rejected(
            Code.UNREADABLE_FILE,
            f"{file_name} has no column called {wanted!r}.{hint} Its columns: {columns}.",
            details={"structure_column": wanted},
        )
    lowered = [_lowered(name) for name in header]
    for name in _NAMES:
        if name in lowered:
            return lowered.index(name)
    for index, name in enumerate(lowered):
        if "smiles" in name:
            return index
    likely = [index for index in range(len(header)) if _are_structures(rows, index)]
    if not likely:
        raise Rejected(
            Code.UNREADABLE_FILE,
            f"{file_name} has no column with structures; name one in structure_column. "
            f"Its columns: {columns}.",
        )
    return max(likely, key=lambda index: sum(len(_cell(row, index)) for row in rows))


def is_structure(cell: str) -> bool:
    """Whether a cell is a structure of more than an atom or two (a class "C" is none)."""
    mol = molecule(cell.strip(), notation_of(cell.strip())) if cell.strip() else None
    return mol is not None and not isinstance(mol, NotAMolecule) and mol.GetNumAtoms() > 2


def _are_structures(rows: Sequence[Sequence[str]], index: int) -> bool:
    cells = [cell for row in rows if (cell := _cell(row, index))]
    if not cells:
        return False
    # A mol block begins with its title, maybe a blank line, so its cell is not stripped.
    read = [mol for cell in cells if not isinstance(mol := molecule(cell, notation_of(cell)), NotAMolecule)]
    return len(read) >= _SHARE * len(cells) and max((mol.GetNumAtoms() for mol in read), default=0) > 2


def _cell(row: Sequence[str], index: int) -> str:
    cell = row[index] if index < len(row) else ""
    return cell if "\n" in cell else cell.strip()


def _lowered(name: str) -> str:
    return name.strip().lower().replace(" ", "_")
