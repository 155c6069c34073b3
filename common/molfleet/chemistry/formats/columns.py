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
    "ctab",
    "inchi",
)


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
    lowered = [name.lower().replace(" ", "_") for name in header]
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


def _are_structures(rows: Sequence[Sequence[str]], index: int) -> bool:
    """Whether most cells are structures of more than an atom or two (a class "C" is none)."""
    cells = [cell for row in rows if (cell := _cell(row, index))]
    if not cells:
        return False
    read = [mol for cell in cells if not isinstance(mol := molecule(cell, notation_of(cell)), NotAMolecule)]
    return len(read) >= 0.8 * len(cells) and max((mol.GetNumAtoms() for mol in read), default=0) > 2


def _cell(row: Sequence[str], index: int) -> str:
    return row[index].strip() if index < len(row) else ""
