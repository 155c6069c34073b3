"""The inner loop: the records of one chunk to packed rows and rejects. Runs in the pool's processes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from time import perf_counter

import numpy as np
import numpy.typing as npt
from rdkit import Chem

from molfleet.catalogue import Catalogue
from molfleet.chemistry.featurizers import Featurizer, Packed
from molfleet.chemistry.pool import Report
from molfleet.chemistry.records import Chunk, Records, Reject, parse
from molfleet.chemistry.standardize import Standardizer
from molfleet.errors import RecordCode

#: Records in a chunk, and the packed bytes that one chunk may hold.
RECORDS_PER_CHUNK = 128
_CHUNK_BYTES = 8 * 2**20


@dataclass(frozen=True)
class IdentifierRow:
    """An identifier of the standardized molecule, as a column of text."""

    code: str
    title: str
    calculate: Callable[[Chem.Mol], str]
    aliases: tuple[str, ...] = ()


IDENTIFIERS = Catalogue(
    "identifier",
    (
        IdentifierRow("smiles", "Canonical isomeric SMILES", Chem.MolToSmiles),
        IdentifierRow("inchikey", "InChIKey; empty where InChI cannot hold it", Chem.MolToInchiKey),
    ),
)


@dataclass
class ColumnCounts:
    """Of one featurizer's rows: what is set, what is missing (by descriptor), what did not fit."""

    set_values: int
    missing: npt.NDArray[np.int64] | None
    overflows: int


@dataclass
class ChunkResult:
    """What one chunk gave: `vectors[i]` is [rows, width] of featurizer i, `texts[j]` of text column j."""

    end: int
    records: npt.NDArray[np.int64]
    texts: list[list[str | None]]
    vectors: list[Packed]
    counts: list[ColumnCounts]
    rejects: list[Reject]
    seconds: dict[str, float] = field(default_factory=dict)


def records_per_chunk(featurizers: Sequence[Featurizer]) -> int:
    """How many records to a chunk, so that wide rows do not make heavy chunks."""
    row_bytes = sum(featurizer.row_bytes for featurizer in featurizers)
    return max(1, min(RECORDS_PER_CHUNK, _CHUNK_BYTES // row_bytes))


@dataclass
class ChunkWork:
    """What is done to each record; an instance is the `work` of molfleet.chemistry.pool.run_chunks."""

    records: Records
    featurizers: Sequence[Featurizer]
    standardize: Standardizer
    identifiers: Sequence[IdentifierRow]
    carried: Sequence[str]

    def __call__(self, chunk: Chunk, report: Report) -> ChunkResult:
        vectors = [np.empty((chunk.count, f.width), f.dtype) for f in self.featurizers]
        steps = list(zip(self.featurizers, vectors, strict=True))
        overflows = [f.overflows for f in self.featurizers]
        numbers: list[int] = []
        texts: list[list[str | None]] = [[] for _ in (*self.identifiers, *self.carried)]
        rejects: list[Reject] = []
        parsing = standardizing = calculating = identifying = 0.0
        for raw in self.records.read_chunk(chunk):
            report(raw.record)
            began = perf_counter()
            parsed = parse(raw)
            parsed_at = perf_counter()
            parsing += parsed_at - began
            if isinstance(parsed, Reject):
                rejects.append(parsed)
                continue
            doing = "standardize the molecule"
            try:
                mol = self.standardize(parsed.mol)
                standardized_at = perf_counter()
                standardizing += standardized_at - parsed_at
                if not mol.GetNumAtoms():
                    rejects.append(
                        Reject.of(raw, RecordCode.EMPTY_MOLECULE, "Standardizing left no atoms.")
                    )
                    continue
                at = len(numbers)
                for featurizer, rows in steps:
                    doing = f"calculate {featurizer.column}"
                    rows[at] = featurizer.calculate(mol)
                calculated_at = perf_counter()
                calculating += calculated_at - standardized_at
                doing = "write the identifiers"
                row: list[str | None] = [identify.calculate(mol) for identify in self.identifiers]
                if self.carried:
                    properties = raw.properties
                    row += [properties.get(name) for name in self.carried]
                identifying += perf_counter() - calculated_at
            except Exception as error:  # whatever RDKit raises concerns this record alone
                reason = " ".join(str(error).split()) or type(error).__name__
                rejects.append(
                    Reject.of(
                        raw, RecordCode.FEATURIZATION_FAILED, f"RDKit cannot {doing}: {reason[:500]}."
                    )
                )
                continue
            numbers.append(raw.record)
            for column, text in zip(texts, row, strict=True):
                column.append(text)
        vectors = [rows[: len(numbers)] for rows in vectors]
        counts = [
            _counted(f, rows, f.overflows - before)
            for f, rows, before in zip(self.featurizers, vectors, overflows, strict=True)
        ]
        seconds = {
            "parse": parsing,
            "standardize": standardizing,
            "featurize": calculating,
            "identify": identifying,
        }
        records = np.array(numbers, np.int64)
        return ChunkResult(chunk.end, records, texts, vectors, counts, rejects, seconds)

    def empty(self, end: int, reject: Reject) -> ChunkResult:
        """The result of a record that was lost with its process."""
        texts: list[list[str | None]] = [[] for _ in (*self.identifiers, *self.carried)]
        vectors = [np.empty((0, f.width), f.dtype) for f in self.featurizers]
        counts = [_counted(f, rows, 0) for f, rows in zip(self.featurizers, vectors, strict=True)]
        return ChunkResult(end, np.empty(0, np.int64), texts, vectors, counts, [reject])


def _counted(featurizer: Featurizer, rows: Packed, overflows: int) -> ColumnCounts:
    if featurizer.kind == "bits":
        return ColumnCounts(int(np.bitwise_count(rows).sum()), None, overflows)
    if featurizer.kind == "counts":
        return ColumnCounts(int(np.count_nonzero(rows)), None, overflows)
    missing = np.isnan(rows).sum(axis=0, dtype=np.int64)
    return ColumnCounts(int(rows.size - missing.sum()), missing, overflows)
