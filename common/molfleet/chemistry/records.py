"""Records of structure files: found by byte range, read anywhere, every one accounted for.

`open_records` finds out what a file is. `Records.chunks` cuts it in one pass without parsing;
`Records.read_chunk` reads one chunk, in this or a forked process; `parse` turns a record into a
molecule or into a row of the rejects file. Nothing that a record holds raises.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rdkit import Chem

from molfleet.chemistry.structures import NotAMolecule, Notation, molecule
from molfleet.errors import RecordCode

_COPIED_BYTES = 2**20


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some consecutive records of a file.

    `start` and `end` are bytes of `path` (rows, in a Parquet file); the first `skip` records of that
    range are passed over. `first_record` is 0-based and belongs, as `count` does, to what is left;
    `first_line` is 1-based and belongs to `start`.
    """

    path: Path
    start: int
    end: int
    first_record: int
    first_line: int
    count: int
    skip: int = 0

    def part(self, offset: int, count: int) -> Chunk:
        """`count` records of this chunk, from its record number `offset` on."""
        return replace(self, first_record=self.first_record + offset, count=count, skip=self.skip + offset)


class RawRecord:
    """One record as it stands in the file. Its properties are decoded when asked for.

    `record` is the 0-based position in the input, `line` the 1-based line where it begins, `block` the
    structure in its `notation`.
    """

    __slots__ = ("_block", "_line", "_properties", "_read", "_title", "notation", "record")

    def __init__(
        self,
        record: int,
        line: int,
        title: str,
        block: bytes | str,
        notation: Notation,
        read: Callable[[], dict[str, str]],
    ) -> None:
        self.record = record
        self.notation = notation
        self._line = line
        self._title = title
        self._block = block
        self._read = read
        self._properties: dict[str, str] | None = None

    @property
    def line(self) -> int:
        return self._line

    @property
    def title(self) -> str:
        return self._title

    @property
    def block(self) -> bytes | str:
        return self._block

    @property
    def original(self) -> bytes | None:
        """The whole record as it stands in an SD or mol file; None from other files."""
        return None

    @property
    def properties(self) -> Mapping[str, str]:
        """SD fields or other columns, as text, in file order."""
        if self._properties is None:
            self._properties = self._read()
        return self._properties


@dataclass(frozen=True, slots=True)
class Parsed:
    """A record that is a molecule."""

    raw: RawRecord
    mol: Chem.Mol


@dataclass(frozen=True, slots=True)
class Reject:
    """A row of a rejects file; `block` is the original record, where that is one of an SD file."""

    record: int
    line: int
    title: str
    code: RecordCode
    message: str
    block: bytes | None = None

    @classmethod
    def of(cls, raw: RawRecord, code: RecordCode, message: str) -> Reject:
        return cls(raw.record, raw.line, raw.title, code, message, raw.original)


def molecule_of(raw: RawRecord, *, stereo: bool = True) -> Chem.Mol | Reject:
    """The record's sanitized molecule, or why there is none; `stereo` as for `molecule`."""
    mol = molecule(raw.block, raw.notation, stereo=stereo)
    if isinstance(mol, NotAMolecule):
        return Reject.of(raw, mol.code, mol.message)
    return mol


def parse(raw: RawRecord) -> Parsed | Reject:
    """The record with its sanitized molecule, or why there is none."""
    mol = molecule_of(raw)
    return mol if isinstance(mol, Reject) else Parsed(raw, mol)


class Records(ABC):
    """A structure file, or a slice of one: then its numbers go on from `first_record` and `first_line`."""

    path: Path
    file_type: str
    first_record: int = 0
    first_line: int = 1

    @abstractmethod
    def property_names(self) -> tuple[str, ...]:
        """The names of all properties that any record has, in order; an SD file is searched for them."""

    @property
    @abstractmethod
    def size(self) -> int:
        """The end of the last chunk: bytes, or rows in Parquet. A chunk's `end` over it is progress."""

    @abstractmethod
    def chunks(self, records_per_chunk: int) -> Iterator[Chunk]:
        """The file's records in order, cut into chunks; reads the file once, and only as asked."""

    @abstractmethod
    def read_chunk(self, chunk: Chunk) -> Iterator[RawRecord]:
        """The records of a chunk. Works in a forked process as well."""

    @abstractmethod
    def layout(self) -> dict[str, Any]:
        """What `open_slice` must know of the whole file to read a slice of it; fit for JSON."""

    def write_slice(self, chunk: Chunk, path: Path) -> None:
        """Write a whole chunk, of any number of records, as a file that `open_slice` reads."""
        with chunk.path.open("rb") as file, path.open("wb") as target:
            file.seek(chunk.start)
            for start in range(chunk.start, chunk.end, _COPIED_BYTES):
                target.write(file.read(min(_COPIED_BYTES, chunk.end - start)))

    def __iter__(self) -> Iterator[RawRecord]:
        for chunk in self.chunks(1000):
            yield from self.read_chunk(chunk)


def open_records(
    path: Path,
    file_type: str | None = None,
    structure_column: str | None = None,
    *,
    structures: bool = True,
    scratch: Path | None = None,
    max_bytes: int | None = None,
) -> Records:
    """Find out what `path` is, unpack it if it is gzipped, and make its records available.

    `file_type` is sdf, mol, smi, csv, tsv or parquet; None means by name and content. Where no
    `structures` are wanted a table without a structure column will do: its records have the block
    `b""`, and all its columns are properties. Unpacking, and writing line feeds into a file whose lines
    end in carriage returns alone, goes to `scratch` (default: beside the file) and stops at `max_bytes`.

    Raises Rejected: UNKNOWN_NAME (file type), UNREADABLE_FILE, NO_VALID_RECORDS (an empty file),
    BLOB_TOO_LARGE (unpacked).
    """
    from molfleet.chemistry.formats import find

    return find.open_records(path, file_type, structure_column, structures, scratch, max_bytes)


def open_slice(path: Path, layout: dict[str, Any], first_record: int = 0, first_line: int = 1) -> Records:
    """What `Records.write_slice` wrote, by the whole file's `Records.layout`.

    `first_record` and `first_line` are those of the chunk that was written.
    """
    from molfleet.chemistry.formats import find

    return find.open_slice(path, layout, first_record, first_line)
