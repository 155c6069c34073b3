"""What the first bytes of a file tell."""

from __future__ import annotations

import re
from collections import Counter

from molfleet.chemistry.formats.columns import is_structure_name
from molfleet.chemistry.formats.tables import cells_of
from molfleet.chemistry.formats.text import BOM, decode
from molfleet.chemistry.structures import NotAMolecule, molecule, notation_of

_COUNTS_LINE = re.compile(rb"\A(?:[^\n]*\n){3} *\d+ +\d+")
_VERSIONED_COUNTS_LINE = re.compile(rb"\A(?:[^\n]*\n){3} *\d+ +\d[^\n]*V[23]000")
_SMILES_HEADER = frozenset({"smiles", "smi", "structure", "canonical_smiles", "isomeric_smiles"})
_DELIMITERS = (",", "\t", ";", "|")
_SAMPLE_LINES = 20
#: Bytes that text does not hold; a stray one in a value must not cost the file.
_CONTROLS = bytes(set(range(32)) - set(b"\t\n\v\f\r\x1a\x1b"))
_CONTROL_SHARE = 0.02
#: How known files begin that are no text, and what to tell their owner.
_MAGIC = (
    ((b"\xff\xfe", b"\xfe\xff"), "is text in UTF-16: save it as UTF-8"),
    ((b"PK\x03\x04",), "is a zip archive or an Excel workbook: unpack it, or save it as CSV"),
    ((b"\xd0\xcf\x11\xe0",), "is an old Excel or Word file: save it as CSV"),
    ((b"BZh", b"\xfd7zXZ", b"\x28\xb5\x2f\xfd", b"7z\xbc\xaf"), "is packed by another program than gzip"),
    ((b"%PDF",), "is a PDF"),
)


def plainly(head: bytes, named: str | None) -> str | None:
    """The file type where the content leaves no doubt, whatever the file is called."""
    if head.startswith(b"PAR1"):
        return "parquet"
    if _VERSIONED_COUNTS_LINE.match(head):
        return "sdf"
    if named in (None, "smi"):
        lines = _lines(head)
        for sign in _DELIMITERS:
            cells = cells_of(lines[0], sign)
            # `SMILES<tab>Name` heads a SMILES file as well as a table.
            enough = 3 if named == "smi" and sign == "\t" else 2
            if len(cells) >= enough and any(map(_is_name, cells)):
                return "tsv" if sign == "\t" else "csv"
    return None


def may_be_sdf(head: bytes) -> bool:
    """Whether the content has any mark of an SD or mol file."""
    return (
        any(mark in head for mark in (b"M  END", b"V2000", b"V3000", b"\n$$$$"))
        or head.startswith((b"$$$$", b"$RDFILE", b"$RXN"))
        or _COUNTS_LINE.match(head) is not None
    )


def likely(head: bytes) -> str | None:
    """The file type that fits best, of those in text."""
    if may_be_sdf(head):
        return "sdf"
    lines = _lines(head)
    rows = [line for line in lines if not line.startswith("#")][:2]
    if rows and is_smiles_header(rows[0].encode()):
        return "smi"
    if rows and any(_begins_with_structure(line) for line in rows):
        return "smi"
    for sign in _DELIMITERS:
        widths = {len(cells_of(line, sign)) for line in lines}
        if len(lines) > 1 and len(widths) == 1 and widths != {1}:
            return "tsv" if sign == "\t" else "csv"
    return None


def delimiter(head: bytes, usual: str, structure_column: str | None) -> str:
    """What stands between a table's cells; `usual` unless the header tells otherwise.

    It is the delimiter that sets a structure column's name apart in the header; else the usual one if
    the header has it at all; else the one that cuts the header and most rows into equally many cells.
    """
    lines = _lines(head)
    cells = {sign: cells_of(lines[0], sign) for sign in _DELIMITERS}
    found = [sign for sign in sorted(_DELIMITERS, key=lambda sign: sign != usual) if len(cells[sign]) > 1]
    for sign in found:
        if any(name.strip() == structure_column or is_structure_name(name) for name in cells[sign]):
            return sign
    if not found or usual in found:
        return usual
    alike = Counter(
        {sign: sum(len(cells_of(line, sign)) == len(cells[sign]) for line in lines) for sign in found}
    )
    return alike.most_common(1)[0][0]


def is_smiles_header(line: bytes) -> bool:
    """Whether the first line of a SMILES file names its columns."""
    tokens = decode(line).split()
    return bool(tokens) and tokens[0].lower() in _SMILES_HEADER


def binary(head: bytes) -> str | None:
    """What to say of a file that is no text; None of one that is."""
    for beginnings, why in _MAGIC:
        if head.startswith(beginnings):
            return why
    controls = len(head) - len(head.translate(None, _CONTROLS))
    if controls > _CONTROL_SHARE * len(head):
        return f"is a binary file, not text: it begins with {beginning(head)}"
    return None


def beginning(head: bytes) -> str:
    """How a file begins, to be told to its owner."""
    return repr(decode(head[:40]).strip())


def _lines(head: bytes) -> list[str]:
    """The first lines that are not blank and not cut off; at least one, maybe empty."""
    text = decode(head.removeprefix(BOM))
    lines = [line for line in text.splitlines()[: _SAMPLE_LINES + 1] if line.strip()]
    if len(lines) > 1 and len(lines) <= _SAMPLE_LINES and not text.endswith("\n"):
        lines = lines[:-1] if len(lines) > 2 else lines
    return lines[:_SAMPLE_LINES] or [""]


def _is_name(cell: str) -> bool:
    name = cell.strip().strip('"').lower()
    return "smiles" in name or is_structure_name(name)


def _begins_with_structure(line: str) -> bool:
    token = line.split()[0] if line.split() else ""
    return bool(token) and not isinstance(molecule(token, notation_of(token)), NotAMolecule)
