"""What a file is: by what the command says, its name, and its content, in this order."""

from __future__ import annotations

import gzip
import re
import shutil
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from molfleet.catalogue import Catalogue
from molfleet.chemistry.formats.columns import structure_column_of
from molfleet.chemistry.formats.lines import (
    SmilesRecords,
    TableRecords,
    cells_of,
    delimiter_of,
    header_of,
    table_rows,
)
from molfleet.chemistry.formats.sdf import SdfRecords
from molfleet.chemistry.formats.text import BOM, decode
from molfleet.chemistry.rdkit_log import silence
from molfleet.chemistry.records import Records
from molfleet.chemistry.structures import NotAMolecule, molecule
from molfleet.errors import Code, Rejected

_HEAD = 2**16
_SAMPLE_ROWS = 50
_COUNTS_LINE = re.compile(rb"\A(?:[^\n]*\n){3} *\d+ +\d+")
_SMILES_HEADER = frozenset({"smiles", "smi", "structure", "canonical_smiles", "isomeric_smiles"})


@dataclass(frozen=True)
class FileTypeRow:
    """A kind of structure file. `open(path, name, head, structure_column)` makes its records."""

    code: str
    title: str
    suffixes: tuple[str, ...]
    open: Callable[[Path, bytes, str | None], Records]
    aliases: tuple[str, ...] = ()


def open_records(
    path: Path,
    file_type: str | None,
    structure_column: str | None,
    scratch: Path | None,
    max_bytes: int | None,
) -> Records:
    """See molfleet.chemistry.records.open_records."""
    row = FILE_TYPES.get(file_type) if file_type else None
    silence()
    name = path.name
    if _starts(path, b"\x1f\x8b"):
        name = name.removesuffix(".gz")
        path = _unpack(path, (scratch or path.parent) / f"{name}.unpacked", max_bytes)
    with path.open("rb") as file:
        head = file.read(_HEAD)
    if not head.strip():
        raise Rejected(Code.NO_VALID_RECORDS, f"{name} is empty.")
    return (row or _find(name, head)).open(path, head, structure_column)


def _open_sdf(path: Path, head: bytes, structure_column: str | None) -> Records:
    _refuse_binary(path, head)
    if not _looks_like_sdf(head):
        raise _unreadable(path, f"is not an SD or mol file: it begins with {_beginning(head)}")
    return SdfRecords(path)


def _open_smiles(path: Path, head: bytes, structure_column: str | None) -> Records:
    _refuse_binary(path, head)
    start = len(BOM) if head.startswith(BOM) else 0
    first = head[start:].partition(b"\n")[0]
    tokens = decode(first).split()
    if tokens and tokens[0].lower() in _SMILES_HEADER:
        return SmilesRecords(path, "smi", start + len(first) + 1, 2)
    if head.lstrip()[:1] == b"<":
        raise _unreadable(path, f"is not a SMILES file: it begins with {_beginning(head)}")
    return SmilesRecords(path, "smi", start, 1)


def _open_table(file_type: str) -> Callable[[Path, bytes, str | None], Records]:
    def opened(path: Path, head: bytes, structure_column: str | None) -> Records:
        _refuse_binary(path, head)
        delimiter = delimiter_of(file_type)
        header, first, line = header_of(path, delimiter)
        rows: list[Sequence[str]] = []
        for row, _ in table_rows(path, first, path.stat().st_size, delimiter.encode()):
            rows.append(cells_of(decode(row), delimiter))
            if len(rows) == _SAMPLE_ROWS:
                break
        column = structure_column_of(_name(path), header, rows, structure_column)
        return TableRecords(path, file_type, header, column, first, line)

    return opened


def _open_parquet(path: Path, head: bytes, structure_column: str | None) -> Records:
    # Arrow is heavy, and only this kind of file needs it.
    import pyarrow as pa
    import pyarrow.parquet as pq

    from molfleet.chemistry.formats.parquet import ParquetRecords

    try:
        with pq.ParquetFile(path) as file:
            header = tuple(str(name) for name in file.schema_arrow.names)
            sample = next(file.iter_batches(batch_size=_SAMPLE_ROWS, use_threads=False), None)
    except (pa.ArrowException, OSError) as error:
        raise _unreadable(path, f"cannot be read as Parquet ({error})") from None
    if sample is None or not sample.num_rows:
        raise Rejected(Code.NO_VALID_RECORDS, f"{_name(path)} has no rows.")
    rows = [["" if cell is None else str(cell) for cell in row.values()] for row in sample.to_pylist()]
    return ParquetRecords(path, header[structure_column_of(_name(path), header, rows, structure_column)])


FILE_TYPES = Catalogue(
    "file type",
    (
        FileTypeRow("sdf", "SD file", (".sdf", ".sd"), _open_sdf),
        FileTypeRow("mol", "MDL mol file", (".mol", ".mdl"), _open_sdf),
        FileTypeRow("smi", "SMILES file", (".smi", ".smiles", ".ism"), _open_smiles, ("smiles",)),
        FileTypeRow("csv", "comma-separated table", (".csv",), _open_table("csv")),
        FileTypeRow("tsv", "tab-separated table", (".tsv", ".tab"), _open_table("tsv")),
        FileTypeRow("parquet", "Parquet table", (".parquet", ".pq"), _open_parquet),
    ),
)


def _find(name: str, head: bytes) -> FileTypeRow:
    """The row by the name's ending, else by content; raises Rejected(UNREADABLE_FILE)."""
    suffix = Path(name).suffix.lower()
    for row in FILE_TYPES:
        if suffix in row.suffixes:
            return row
    if head.startswith(b"PAR1"):
        return FILE_TYPES.get("parquet")
    _refuse_binary(Path(name), head)
    if _looks_like_sdf(head):
        return FILE_TYPES.get("sdf")
    lines = decode(head.removeprefix(BOM)).strip().splitlines()
    for file_type in ("csv", "tsv"):
        names = {cell.strip().strip('"').lower() for cell in lines[0].split(delimiter_of(file_type))}
        if any("smiles" in cell or cell == "structure" for cell in names) and len(names) > 1:
            return FILE_TYPES.get(file_type)
    for line in lines[:2]:
        token = line.split()[0] if line.split() else ""
        if token and not isinstance(molecule(token, "smiles"), NotAMolecule):
            return FILE_TYPES.get("smi")
    known = ", ".join(FILE_TYPES.codes)
    raise _unreadable(
        Path(name), f"is no structure file that is known here ({known}): it begins with {_beginning(head)}"
    )


def _looks_like_sdf(head: bytes) -> bool:
    return (
        any(mark in head for mark in (b"M  END", b"V2000", b"V3000", b"\n$$$$"))
        or head.startswith(b"$$$$")
        or _COUNTS_LINE.match(head.replace(b"\r\n", b"\n")) is not None
    )


def _refuse_binary(path: Path, head: bytes) -> None:
    if head[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise _unreadable(path, "is text in UTF-16: save it as UTF-8")
    if b"\0" in head:
        raise _unreadable(path, f"is a binary file, not text: it begins with {_beginning(head)}")


def _unpack(path: Path, target: Path, max_bytes: int | None) -> Path:
    try:
        with gzip.open(path) as packed, target.open("wb") as unpacked:
            if max_bytes is None:
                shutil.copyfileobj(packed, unpacked, 2**20)
                return target
            while part := packed.read(2**20):
                if unpacked.tell() + len(part) > max_bytes:
                    raise Rejected(
                        Code.BLOB_TOO_LARGE,
                        f"{path.name} unpacks to more than the {max_bytes:,} bytes that are allowed.",
                    )
                unpacked.write(part)
    except (OSError, EOFError, zlib.error) as error:
        raise _unreadable(path, f"is damaged gzip ({error})") from None
    return target


def _starts(path: Path, magic: bytes) -> bool:
    with path.open("rb") as file:
        return file.read(len(magic)) == magic


def _unreadable(path: Path, why: str) -> Rejected:
    return Rejected(Code.UNREADABLE_FILE, f"{_name(path)} {why}.")


def _name(path: Path) -> str:
    return path.name.removesuffix(".unpacked")


def _beginning(head: bytes) -> str:
    return repr(decode(head[:40]).strip())
