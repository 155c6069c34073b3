"""The inner loop: the records of one chunk to packed rows and rejects. Runs in the pool's processes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import count
from operator import attrgetter
from time import perf_counter
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from rdkit import Chem

from molfleet.catalogue import Catalogue
from molfleet.chemistry.featurizers import Featurizer, Packed
from molfleet.chemistry.pool import NO_RECORD, Report, out_of_memory
from molfleet.chemistry.records import Chunk, RawRecord, Records, Reject, molecule_of
from molfleet.chemistry.standardize import AsParsed, Standardizer, StandardizeRow
from molfleet.errors import RecordCode
from workers.feature_vectors.counts import ColumnCounts

#: Records in a chunk (fewer of descriptors and tautomers, which take milliseconds each), and its most
#: packed bytes.
RECORDS_PER_CHUNK = 512
SLOW_RECORDS_PER_CHUNK = 64
_CHUNK_BYTES = 8 * 2**20
#: Records that get their texts together, a column at a time: the code for SMILES and that for InChI,
#: alternating, find the processor's caches cold, and so does all that follows; a tenth of the time.
_TOGETHER = 16


@dataclass(frozen=True)
class IdentifierRow:
    """An identifier of the standardized molecule, or of the record itself, as a column of text."""

    code: str
    title: str
    calculate: Callable[[Chem.Mol, RawRecord], str]
    needs: Literal["molecule", "record"] = "molecule"
    aliases: tuple[str, ...] = ()


#: Untyped in RDKit.
inchikey: Callable[[Chem.Mol], str] = Chem.MolToInchiKey

IDENTIFIERS = Catalogue(
    "identifier",
    (
        IdentifierRow("smiles", "Canonical isomeric SMILES", lambda mol, raw: Chem.MolToSmiles(mol)),
        IdentifierRow(
            "inchikey",
            "InChIKey; empty where InChI cannot hold it",
            lambda mol, raw: inchikey(mol),
        ),
        IdentifierRow(
            "title",
            "The record's own: an SD record's first line, what follows a SMILES, a column of names",
            lambda mol, raw: raw.title,
            needs="record",
        ),
    ),
)


@dataclass
class ChunkResult:
    """What one chunk gave: `vectors[i]` is [rows, width] of featurizer i, `texts[j]` of text column j.

    `seconds` of each stage; `changed` counts the molecules that each step of standardizing changed.
    """

    end: int
    records: npt.NDArray[np.int64]
    texts: list[list[str | None]]
    vectors: list[Packed]
    counts: list[ColumnCounts]
    rejects: list[Reject]
    seconds: dict[str, float] = field(default_factory=dict)
    changed: dict[str, int] = field(default_factory=dict)


def needs_structures(
    featurizers: Iterable[Featurizer], identifiers: Iterable[IdentifierRow], standardizes: bool
) -> bool:
    """Whether anything asks for the molecule; else records without a structure are as good."""
    needs = {featurizer.needs for featurizer in featurizers} | {one.needs for one in identifiers}
    return standardizes or "molecule" in needs


def records_per_chunk(featurizers: Sequence[Featurizer], standardize: StandardizeRow) -> int:
    """How many records to a chunk: fewer where rows are wide, or slow to calculate."""
    row_bytes = sum(featurizer.row_bytes for featurizer in featurizers)
    slow = standardize.slow or any(featurizer.kind == "descriptors" for featurizer in featurizers)
    most = min(RECORDS_PER_CHUNK, SLOW_RECORDS_PER_CHUNK) if slow else RECORDS_PER_CHUNK
    return max(1, min(most, _CHUNK_BYTES // row_bytes))


@dataclass
class ChunkWork:
    """What is done to each record; an instance is the `work` of molfleet.chemistry.pool.run_chunks."""

    records: Records
    featurizers: Sequence[Featurizer]
    standardize: Standardizer
    identifiers: Sequence[IdentifierRow]
    carried: Sequence[str]

    @property
    def steps(self) -> tuple[str, ...]:
        """The steps that are reported to the pool, by name."""
        return ("Parsing", "Standardizing", *(f.column for f in self.featurizers), "Identifying")

    def __call__(self, chunk: Chunk, report: Report) -> ChunkResult:
        losses = [Counter(f.losses) for f in self.featurizers]
        changed = Counter(self.standardize.changed)
        found = _Found(self, report)
        seconds = found.read(self.records.read_chunk(chunk))
        report(NO_RECORD)
        vectors = [_packed(f, raws) for f, raws in zip(self.featurizers, found.raws, strict=True)]
        counts = [
            ColumnCounts.of(f, rows, f.losses - before)
            for f, rows, before in zip(self.featurizers, vectors, losses, strict=True)
        ]
        return ChunkResult(
            chunk.end,
            np.array(found.numbers, np.int64),
            found.texts,
            vectors,
            counts,
            found.rejects,
            seconds,
            dict(self.standardize.changed - changed),
        )

    def empty(self, end: int, reject: Reject) -> ChunkResult:
        """The result of a record that was lost with its process."""
        texts: list[list[str | None]] = [[] for _ in (*self.identifiers, *self.carried)]
        vectors = [_packed(f, []) for f in self.featurizers]
        counts = [ColumnCounts.none(f) for f in self.featurizers]
        return ChunkResult(end, np.empty(0, np.int64), texts, vectors, counts, [reject])


class _Found:
    """What the records of one chunk gave so far: raws of featurizer i in `raws[i]`, not yet packed."""

    def __init__(self, work: ChunkWork, report: Report) -> None:
        self._work = work
        self._report = report
        self.numbers: list[int] = []
        self.raws: list[list[Any]] = [[] for _ in work.featurizers]
        self.texts: list[list[str | None]] = [[] for _ in (*work.identifiers, *work.carried)]
        self.rejects: list[Reject] = []
        self._waiting: list[tuple[RawRecord, Any]] = []
        steps = [*zip(count(2), work.featurizers, self.raws)]
        self._of_molecules = [(n, f.raw, raws.append) for n, f, raws in steps if f.needs == "molecule"]
        self._of_records = [
            (n, f.calculate_record, raws.append) for n, f, raws in steps if f.needs == "record"
        ]

    def read(self, raws: Iterable[RawRecord]) -> dict[str, float]:
        """Work through the records; the seconds of each stage."""
        work, report = self._work, self._report
        of_molecules, of_records = self._of_molecules, self._of_records
        standardize = None if isinstance(work.standardize, AsParsed) else work.standardize
        reads_structures = needs_structures(work.featurizers, work.identifiers, standardize is not None)
        stereo = _needs_stereo(work, standardize is not None)
        texts, waiting = bool(self.texts), self._waiting
        parsing = standardizing = calculating = identifying = 0.0
        now = perf_counter()
        for raw in raws:
            record, step = raw.record, 0
            report(record)
            mol: Any = None
            try:
                if reads_structures:
                    mol = molecule_of(raw, stereo=stereo)
                    began, now = now, perf_counter()
                    parsing += now - began
                    if isinstance(mol, Reject):
                        self.rejects.append(mol)
                        continue
                if standardize is not None:
                    step = 1
                    report(record, step)
                    mol = standardize(mol)
                    began, now = now, perf_counter()
                    standardizing += now - began
                    if not mol.GetNumAtoms():
                        message = "Standardizing left no atoms."
                        self.rejects.append(Reject.of(raw, RecordCode.EMPTY_MOLECULE, message))
                        continue
                for step, calculate, keep in of_molecules:
                    report(record, step)
                    keep(calculate(mol))
                for step, calculate_record, keep in of_records:
                    report(record, step)
                    keep(calculate_record(raw.properties))
                began, now = now, perf_counter()
                calculating += now - began
            except Exception as error:  # whatever RDKit raises concerns this record alone
                for kept in self.raws:
                    del kept[len(self.numbers) :]
                self.rejects.append(self._reject(raw, step, error))
                continue
            self.numbers.append(record)
            if texts:
                waiting.append((raw, mol))
                if len(waiting) == _TOGETHER:
                    self._identify()
                    began, now = now, perf_counter()
                    identifying += now - began
        if waiting:
            self._identify()
            identifying += perf_counter() - now
        self.rejects.sort(key=attrgetter("record"))
        return {
            "parse": parsing,
            "standardize": standardizing,
            "featurize": calculating,
            "identify": identifying,
        }

    def _identify(self) -> None:
        """The texts of the last records; one that gives none is taken out again."""
        work, waiting = self._work, self._waiting
        failed: set[int] = set()
        columns = [self._texts(failed, identifier.calculate) for identifier in work.identifiers]
        if work.carried:
            properties = self._texts(failed, lambda mol, raw: raw.properties)
            columns += [[(each or {}).get(name) for each in properties] for name in work.carried]
        for column, cells in zip(self.texts, columns, strict=True):
            column += [cell for at, cell in enumerate(cells) if at not in failed]
        first = len(self.numbers) - len(waiting)
        for at in sorted(failed, reverse=True):
            for kept in (self.numbers, *self.raws):
                del kept[first + at]
        waiting.clear()

    def _texts(self, failed: set[int], calculate: Callable[[Any, RawRecord], Any]) -> list[Any]:
        """What `calculate` gives for each record that waits; None for one that failed, here or before."""
        step, found = len(self._work.featurizers) + 2, []
        for at, (raw, mol) in enumerate(self._waiting):
            value = None
            if at not in failed:
                self._report(raw.record, step)
                try:
                    value = calculate(mol, raw)
                except Exception as error:  # as in `read`
                    failed.add(at)
                    self.rejects.append(self._reject(raw, step, error))
            found.append(value)
        return found

    def _reject(self, raw: RawRecord, step: int, error: Exception) -> Reject:
        doing = self._work.steps[step]
        if isinstance(error, MemoryError):
            return Reject.of(raw, RecordCode.TOO_LARGE, out_of_memory(doing))
        reason = " ".join(str(error).split()) or type(error).__name__
        what = {"Parsing": "read the record", "Standardizing": "standardize the molecule"}.get(doing)
        what = what or ("write the identifiers" if doing == "Identifying" else f"calculate {doing}")
        return Reject.of(raw, RecordCode.FEATURIZATION_FAILED, f"RDKit cannot {what}: {reason[:500]}.")


def _needs_stereo(work: ChunkWork, standardizes: bool) -> bool:
    """Whether anything that is calculated from the molecule depends on its stereochemistry."""
    return (
        standardizes
        or any(identifier.needs == "molecule" for identifier in work.identifiers)
        or any(f.stereo for f in work.featurizers if f.needs == "molecule")
    )


def _packed(featurizer: Featurizer, raws: list[Any]) -> Packed:
    return featurizer.pack(raws) if raws else np.empty((0, featurizer.width), featurizer.dtype)
