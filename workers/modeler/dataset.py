"""From the source file to packed features: every record becomes a measured molecule or a reject."""

from __future__ import annotations

import difflib
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rdkit import Chem

from molfleet.bundles.features import Featurization, Molecule, Toolbox
from molfleet.chemistry.featurizers import Packed, SpecValue
from molfleet.chemistry.pool import Lost, Report, run_chunks
from molfleet.chemistry.records import Chunk, Parsed, RawRecord, Records, Reject, parse
from molfleet.chemistry.scaffolds import scaffold_of
from molfleet.errors import Code, RecordCode, Rejected
from workers.modeler.algorithms.base import Matrix
from workers.modeler.curation import Measured, is_missing

RECORDS_PER_CHUNK = 100
#: So many field names are listed to somebody whose target is not among them.
_NAMES_TOLD = 50


@dataclass(frozen=True)
class Dataset:
    """Measured molecules in file order with their packed features, and everything that is not one.

    `packed` has one array (molecules, width) per featurizer, `ecfp4` is uint8 (molecules, 256).
    """

    measured: Sequence[Measured]
    packed: Sequence[Packed]
    ecfp4: NDArray[np.uint8]
    rejects: Sequence[Reject]
    records: int

    def features(self, rows: NDArray[np.int64], specs: Sequence[SpecValue], tools: Toolbox) -> Matrix:
        """The features of some molecules, float32 (rows, features); gaps are NaN."""
        names = [tools.add(spec) for spec in specs]
        parts = [
            tools.featurizer(name).unpack(packed[rows])
            for name, packed in zip(names, self.packed, strict=True)
        ]
        return parts[0] if len(parts) == 1 else np.hstack(parts)


@dataclass(frozen=True)
class Fields:
    """The fields of the file that are read besides the structure: the target's, that of the split, and
    the columns that are taken as features."""

    target: str
    split: str | None = None
    columns: tuple[str, ...] = ()


@dataclass
class _Part:
    """What one process made of one chunk."""

    end: int
    records: int = 0
    measured: list[Measured] = field(default_factory=list)
    packed: list[list[Packed]] = field(default_factory=list)
    ecfp4: list[NDArray[np.uint8]] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)


def require_fields(records: Records, wanted: Fields) -> None:
    """Raises Rejected: TARGET_NOT_FOUND and INVALID_COMMAND, with the fields that there are."""
    target, names = wanted.target, records.property_names()
    if target not in names:
        raise _not_found(target, names, Code.TARGET_NOT_FOUND, "a field called")
    if wanted.split is not None and wanted.split not in names:
        raise _not_found(wanted.split, names, Code.INVALID_COMMAND, "the field of split column:")


def read_dataset(
    records: Records,
    wanted: Fields,
    featurization: Featurization,
    tools: Toolbox,
    processes: int,
    record_time_limit_s: float,
    progress: Callable[[float, str], None],
) -> Dataset:
    """Parse, standardize and featurize all records that have a target, in `processes` processes.

    Raises Rejected: NO_VALID_RECORDS, UNSUITABLE_TARGET (no record has a value).
    """

    def work(chunk: Chunk, report: Report) -> _Part:
        return _featurize(records, chunk, report, wanted, featurization, tools)

    total = _Part(0)
    chunks = records.chunks(RECORDS_PER_CHUNK)
    for result in run_chunks(chunks, work, processes, record_time_limit_s):
        if isinstance(result, Lost):
            total.records += 1
            total.rejects.extend(
                Reject.of(raw, result.code, result.message) for raw in records.read_chunk(result.chunk)
            )
            continue
        total.records += result.records
        total.measured += result.measured
        total.packed += result.packed
        total.ecfp4 += result.ecfp4
        total.rejects += result.rejects
        progress(result.end / max(records.size, 1), f"{total.records:,} records")
    if not total.measured:
        raise _nothing(total, wanted.target)
    return Dataset(
        total.measured,
        [np.stack(column) for column in zip(*total.packed, strict=True)],
        np.stack(total.ecfp4),
        total.rejects,
        total.records,
    )


def _featurize(
    records: Records,
    chunk: Chunk,
    report: Report,
    wanted: Fields,
    featurization: Featurization,
    tools: Toolbox,
) -> _Part:
    part, target = _Part(chunk.end), wanted.target
    for raw in records.read_chunk(chunk):
        report(raw.record)
        part.records += 1
        text = raw.properties.get(target)
        if text is None or is_missing(text):
            part.rejects.append(
                Reject.of(raw, RecordCode.MISSING_TARGET, f"The record has no value of {target}.")
            )
            continue
        found = parse(raw)
        if isinstance(found, Parsed):
            group = raw.properties.get(wanted.split, "") if wanted.split is not None else ""
            said = {name: raw.properties.get(name, "").strip() for name in wanted.columns}
            _add(part, raw, (text, group), Molecule(found.mol, tools, said), featurization)
        else:
            part.rejects.append(found)
    return part


def _add(
    part: _Part,
    raw: RawRecord,
    texts: tuple[str, str],
    molecule: Molecule,
    featurization: Featurization,
) -> None:
    level = featurization.level
    try:
        mol = molecule.standardized(level)
        if not mol.GetNumAtoms():
            part.rejects.append(Reject.of(raw, RecordCode.EMPTY_MOLECULE, "Standardizing left no atoms."))
            return
        smiles = Chem.MolToSmiles(mol)
        scaffold = scaffold_of(smiles)
        packed = [molecule.packed(level, spec) for spec in featurization.specs]
        ecfp4 = molecule.ecfp4(level)
    except Exception as error:  # whatever RDKit raises concerns this record alone
        reason = " ".join(str(error).split()) or type(error).__name__
        message = f"RDKit cannot standardize or featurize the molecule: {reason[:500]}."
        part.rejects.append(Reject.of(raw, RecordCode.FEATURIZATION_FAILED, message))
        return
    said = tuple(molecule.properties.values())
    conditions = molecule.conditions(featurization)
    part.measured.append(
        Measured(raw.record, raw.line, raw.title, smiles, *texts, said, conditions, scaffold)
    )
    part.packed.append(packed)
    part.ecfp4.append(ecfp4)


def _nothing(total: _Part, target: str) -> Rejected:
    if not total.records:
        return Rejected(Code.NO_VALID_RECORDS, "The file holds no records.")
    faults = [reject for reject in total.rejects if reject.code != RecordCode.MISSING_TARGET]
    if not faults:
        return Rejected(
            Code.UNSUITABLE_TARGET,
            f"None of the {total.records:,} records has a value of the target {target!r}.",
            details={"target": target},
        )
    return Rejected(
        Code.NO_VALID_RECORDS,
        f"None of the {total.records:,} records is a molecule with a value of {target!r}; "
        f"the first fault, at line {faults[0].line}: {faults[0].message}",
    )


def _not_found(name: str, names: Sequence[str], code: Code, what: str) -> Rejected:
    near = difflib.get_close_matches(name.lower(), [known.lower() for known in names], n=1)
    hint = next((f" Did you mean {known}?" for known in names if near and known.lower() == near[0]), "")
    listed = ", ".join(islice(names, _NAMES_TOLD)) or "none"
    return Rejected(
        code,
        f"No record has {what} {name!r}.{hint} Fields: {listed}.",
        details={"target": name} if code == Code.TARGET_NOT_FOUND else {"field": "split"},
    )


def sha256_of(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
