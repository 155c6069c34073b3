"""What a file is: by what the command says, its name, and its content.

What the command says holds. A name is believed unless the content plainly says otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from molfleet.catalogue import Catalogue
from molfleet.chemistry.formats import sniff
from molfleet.chemistry.formats.columns import is_structure, structure_column_of
from molfleet.chemistry.formats.lines import SmilesRecords
from molfleet.chemistry.formats.sdf import SdfRecords
from molfleet.chemistry.formats.tables import TableRecords, begin_of, cells_of, header_of, table_rows
from molfleet.chemistry.formats.text import decode
from molfleet.chemistry.formats.unpack import head_of, plain_name, unpacked
from molfleet.chemistry.rdkit_log import silence
from molfleet.chemistry.records import Records
from molfleet.errors import Code, Rejected

_SAMPLE_ROWS = 50


@dataclass(frozen=True)
class Wanted:
    """What is wanted of a file: the column named for structures, and whether there must be one."""

    structure_column: str | None
    structures: bool


@dataclass(frozen=True)
class FileTypeRow:
    """A kind of structure file. `open(path, head, wanted)` makes its records."""

    code: str
    title: str
    suffixes: tuple[str, ...]
    open: Callable[[Path, bytes, Wanted], Records]
    aliases: tuple[str, ...] = ()


def open_records(
    path: Path,
    file_type: str | None,
    structure_column: str | None,
    structures: bool,
    scratch: Path | None,
    max_bytes: int | None,
) -> Records:
    """See molfleet.chemistry.records.open_records."""
    row = FILE_TYPES.get(file_type) if file_type else None
    silence()
    path = unpacked(path, scratch or path.parent, max_bytes)
    head = head_of(path)
    if not head.strip():
        raise Rejected(Code.NO_VALID_RECORDS, f"{plain_name(path)} is empty.")
    return (row or _find(path, head)).open(path, head, Wanted(structure_column, structures))


def open_slice(path: Path, layout: dict[str, Any], first_record: int, first_line: int) -> Records:
    """See molfleet.chemistry.records.open_slice."""
    silence()
    kind = layout["file_type"]
    if kind in ("sdf", "mol"):
        return SdfRecords(path, kind, first_record, first_line)
    if kind == "smi":
        return SmilesRecords(path, kind, 0, first_line, first_record)
    column = layout["structure_column"]
    if kind in ("csv", "tsv"):
        header = tuple(layout["header"])
        return TableRecords(path, layout["delimiter"], header, column, 0, first_line, first_record)
    from molfleet.chemistry.formats.parquet import ParquetRecords

    return ParquetRecords(path, column, first_record, first_line)


def _open_sdf(path: Path, head: bytes, wanted: Wanted) -> Records:
    if head.startswith((b"$RDFILE", b"$DATM")):
        raise _unreadable(path, "is an RD file; save its molecules as an SD file")
    if not sniff.may_be_sdf(head):
        _refuse_binary(path, head)
        raise _unreadable(path, f"is not an SD or mol file: it begins with {sniff.beginning(head)}")
    return SdfRecords(path)


def _open_smiles(path: Path, head: bytes, wanted: Wanted) -> Records:
    _refuse_binary(path, head)
    start = begin_of(path)
    first = head[start:].partition(b"\n")[0]
    if sniff.is_smiles_header(first):
        return SmilesRecords(path, "smi", start + len(first) + 1, 2)
    if head.lstrip()[:1] == b"<":
        raise _unreadable(path, f"is not a SMILES file: it begins with {sniff.beginning(head)}")
    return SmilesRecords(path, "smi", start, 1)


def _open_table(usual_delimiter: str) -> Callable[[Path, bytes, Wanted], Records]:
    def opened(path: Path, head: bytes, wanted: Wanted) -> Records:
        _refuse_binary(path, head)
        delimiter = sniff.delimiter(head, usual_delimiter, wanted.structure_column)
        header, first, line = header_of(path, delimiter)
        rows: list[Sequence[str]] = []
        for row, _, _ in table_rows(path, first, path.stat().st_size, delimiter.encode()):
            if row.strip():
                rows.append(cells_of(decode(row), delimiter))
            if len(rows) == _SAMPLE_ROWS:
                break
        column = _structure_column(path, header, rows, wanted)
        if column is not None and wanted.structure_column is None and is_structure(header[column]):
            # A table without a header: its first row is a record, too.
            header = tuple(f"column_{number}" for number in range(1, len(header) + 1))
            first, line = begin_of(path), 1
        return TableRecords(path, delimiter, header, column, first, line)

    return opened


def _open_parquet(path: Path, head: bytes, wanted: Wanted) -> Records:
    # Arrow is heavy, and only this kind of file needs it.
    from molfleet.chemistry.formats.parquet import ParquetRecords, sample_of

    header, rows = sample_of(path, _SAMPLE_ROWS)
    if not rows:
        raise Rejected(Code.NO_VALID_RECORDS, f"{plain_name(path)} has no rows.")
    column = _structure_column(path, header, rows, wanted)
    return ParquetRecords(path, None if column is None else header[column])


FILE_TYPES = Catalogue(
    "file type",
    (
        FileTypeRow("sdf", "SD file", (".sdf", ".sd"), _open_sdf),
        FileTypeRow("mol", "MDL mol file", (".mol", ".mdl"), _open_sdf),
        FileTypeRow("smi", "SMILES file", (".smi", ".smiles", ".ism"), _open_smiles, ("smiles",)),
        FileTypeRow("csv", "comma-separated table", (".csv",), _open_table(",")),
        FileTypeRow("tsv", "tab-separated table", (".tsv", ".tab"), _open_table("\t")),
        FileTypeRow("parquet", "Parquet table", (".parquet", ".pq"), _open_parquet),
    ),
)


def _find(path: Path, head: bytes) -> FileTypeRow:
    """The row by name and content; raises Rejected(UNREADABLE_FILE)."""
    suffix = Path(plain_name(path)).suffix.lower()
    named = next((row for row in FILE_TYPES if suffix in row.suffixes), None)
    plainly = sniff.plainly(head, None if named is None else named.code)
    if plainly is not None and not (named and named.code == "mol" and plainly == "sdf"):
        return FILE_TYPES.get(plainly)
    if named is not None and (named.code not in ("sdf", "mol") or sniff.may_be_sdf(head)):
        return named
    _refuse_binary(path, head)
    likely = sniff.likely(head)
    if likely is not None:
        return FILE_TYPES.get(likely)
    if named is not None:
        return named  # which says what is wrong
    known = ", ".join(FILE_TYPES.codes)
    raise _unreadable(
        path, f"is no structure file that is known here ({known}): it begins with {sniff.beginning(head)}"
    )


def _structure_column(
    path: Path, header: tuple[str, ...], rows: Sequence[Sequence[str]], wanted: Wanted
) -> int | None:
    try:
        return structure_column_of(plain_name(path), header, rows, wanted.structure_column)
    except Rejected:
        if wanted.structures or wanted.structure_column is not None:
            raise
        return None


def _refuse_binary(path: Path, head: bytes) -> None:
    if why := sniff.binary(head):
        raise _unreadable(path, why)


def _unreadable(path: Path, why: str) -> Rejected:
    return Rejected(Code.UNREADABLE_FILE, f"{plain_name(path)} {why}.")
