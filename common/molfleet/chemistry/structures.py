"""From the text of one structure to a sanitized molecule, or to the reason why there is none."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Literal

from rdkit import Chem

from molfleet.chemistry.diagnosis import fault_of
from molfleet.chemistry.rdkit_log import listening, sentence
from molfleet.errors import RecordCode

Notation = Literal["molblock", "smiles", "inchi"]

#: A record with more text or atoms than this is refused unparsed: RDKit's time and memory grow with it.
MAX_STRUCTURE_BYTES = 4 * 2**20
MAX_ATOMS = 10_000


@dataclass(frozen=True, slots=True)
class NotAMolecule:
    """Why a structure gave no molecule."""

    code: RecordCode
    message: str


def notation_of(text: str) -> Notation:
    """What a structure in a table's cell is written in."""
    if text.startswith("InChI="):
        return "inchi"
    return "molblock" if "\n" in text and "M  END" in text else "smiles"


_READ: dict[Notation, Callable[..., Chem.Mol | None]] = {
    "molblock": Chem.MolFromMolBlock,
    "smiles": Chem.MolFromSmiles,
    "inchi": Chem.MolFromInchi,
}
_ASCII = bytes(byte if byte < 128 else ord("?") for byte in range(256))
_NAMES: dict[Notation, str] = {"molblock": "mol block", "smiles": "SMILES", "inchi": "InChI"}


def molecule(structure: str | bytes, notation: Notation, *, stereo: bool = True) -> Chem.Mol | NotAMolecule:
    """The sanitized molecule of one structure, as RDKit's own readers give it.

    `structure` is a mol block (bytes, any encoding, or text), a SMILES with an optional CXSMILES
    extension, or an InChI. Without `stereo` its stereochemistry may be left out, wholly or in part, and
    nothing else: that saves a sixth of the time.
    """
    if len(structure) > MAX_STRUCTURE_BYTES:
        return NotAMolecule(
            RecordCode.TOO_LARGE,
            f"The {_NAMES[notation]} has {len(structure):,} bytes; {MAX_STRUCTURE_BYTES:,} are allowed.",
        )
    try:
        mol = None if stereo else _flat(structure, notation)
        if mol is None:
            mol = _READ[notation](structure)
    except MemoryError:
        return NotAMolecule(
            RecordCode.TOO_LARGE, f"The {_NAMES[notation]} needs more memory than one process may use."
        )
    except Exception as error:  # RDKit raises RuntimeError, ValueError, ... from its invariants
        return NotAMolecule(RecordCode.UNPARSABLE, _unreadable(notation, str(error)))
    if mol is None:
        return _why(structure, notation)
    atoms = mol.GetNumAtoms()
    if not atoms:
        return NotAMolecule(RecordCode.EMPTY_MOLECULE, f"The {_NAMES[notation]} holds no atoms.")
    if atoms > MAX_ATOMS:
        return NotAMolecule(
            RecordCode.TOO_LARGE, f"The molecule has {atoms:,} atoms; {MAX_ATOMS:,} are allowed."
        )
    return mol


def _flat(structure: str | bytes, notation: Notation) -> Chem.Mol | None:
    """The molecule without its stereochemistry; None where only RDKit's own reader can tell.

    Whether that removes a hydrogen depends on the stereochemistry, be it an atom of its own or one of a
    metal's (`C[Ti@H](C)C`); and before it has read an InChI it has perceived everything.
    """
    if notation == "inchi" or (notation == "molblock" and _draws_hydrogens(structure)):
        return None
    try:
        mol = _unsanitized(structure, notation)
        if mol is None or mol.HasSubstructMatch(_unusual()):
            return None
        Chem.SanitizeMol(mol)
    except MemoryError:
        raise
    except Exception:
        return None
    return mol


@cache
def _unusual() -> Chem.Mol:
    """Matches hydrogens, dummies, and elements whose hydrogens may not follow from their valence."""
    return Chem.MolFromSmarts("[!#6!#7!#8!#16!#15!#9!#17!#35!#53!#5!#14!#34!#33]")


def _draws_hydrogens(block: str | bytes) -> bool:
    """Whether a mol block may hold hydrogen atoms; most have no H anywhere, which is quick to see."""
    if isinstance(block, bytes):
        return b"H" in block and b" H " in block
    return "H" in block and " H " in block


def _why(structure: str | bytes, notation: Notation) -> NotAMolecule:
    """A second look at what RDKit refused: did its text not parse, or is the molecule impossible?"""
    fault = fault_of(structure) if notation == "molblock" else None
    structure = _in_ascii(structure)
    try:
        with listening() as lines:
            mol = _unsanitized(structure, notation)
    except Exception as error:
        return NotAMolecule(RecordCode.UNPARSABLE, _unreadable(notation, str(error)))
    if mol is None:
        reason = _unreadable(notation, sentence(lines))
        return NotAMolecule(RecordCode.UNPARSABLE, f"{fault} {reason}" if fault else reason)
    try:
        with listening() as lines:
            Chem.SanitizeMol(mol)
            _READ[notation](structure)
        reason = sentence(lines)
    except Exception as error:  # sanitization's exceptions name the atoms
        reason = sentence([str(error)])
    return NotAMolecule(
        RecordCode.SANITIZATION_FAILED,
        f"RDKit cannot sanitize the molecule (its atoms are counted from 0): "
        f"{reason or 'it gives no reason'}.",
    )


def _in_ascii(structure: str | bytes) -> bytes | str:
    """The same with `?` for other bytes: where RDKit quotes those, its Python logger breaks down."""
    if isinstance(structure, str):
        return structure.encode("ascii", "replace").decode("ascii")
    return structure.translate(_ASCII)


def _unsanitized(structure: str | bytes, notation: Notation) -> Chem.Mol | None:
    options = {"sanitize": False} if notation == "smiles" else {"sanitize": False, "removeHs": False}
    return _READ[notation](structure, **options)


def _unreadable(notation: Notation, reason: str) -> str:
    return f"RDKit cannot read the {_NAMES[notation]}: {reason or 'it gives no reason'}."
