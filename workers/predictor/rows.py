"""The inner loop of batch prediction: the records of one chunk to rows. Runs in the pool's processes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from rdkit import Chem

from molfleet.bundles.features import Molecule, Toolbox
from molfleet.bundles.predict import Model, Predictions
from molfleet.chemistry.pool import NO_RECORD, Report
from molfleet.chemistry.records import Chunk, RawRecord, Records, Reject, parse
from molfleet.errors import RecordCode
from workers.predictor.columns import Cell, FileColumns
from workers.predictor.consensus import Answer, combine
from workers.predictor.sd_fields import sd_record

RECORDS_PER_CHUNK = 128


@dataclass
class ChunkRows:
    """What one chunk gave: a row of cells for every record, SD records where asked for, and rejects."""

    end: int
    rows: list[list[Cell]]
    sdf: list[bytes]
    rejects: list[Reject]


@dataclass
class _Case:
    """One record on its way: what was read of it, and why parts of its row stay empty."""

    raw: RawRecord
    molecule: Molecule | None
    smiles: str | None
    reject: Reject | None = None
    trouble: Reject | None = None


@dataclass(frozen=True)
class _Found:
    """One model's predictions, and the row in them of each record that it could treat."""

    predictions: Predictions | None
    place: dict[int, int]


@dataclass
class RowWork:
    """What is done to each record; an instance is the `work` of molfleet.chemistry.pool.run_chunks."""

    records: Records
    models: Sequence[Model]
    names: Sequence[str]
    weights: Sequence[float]
    columns: FileColumns
    confidence: float
    tools: Toolbox
    as_sdf: bool = False

    def __call__(self, chunk: Chunk, report: Report) -> ChunkRows:
        cases: list[_Case] = []
        features: list[dict[int, np.ndarray]] = [{} for _ in self.models]
        for raw in self.records.read_chunk(chunk):
            report(raw.record)
            case = self._read(raw)
            self._featurize(case, len(cases), features)
            cases.append(case)
        report(NO_RECORD)
        found = [
            self._predict(model, rows, cases) for model, rows in zip(self.models, features, strict=True)
        ]
        return self._rows(chunk.end, cases, found)

    def lost(self, end: int, raw: RawRecord, reject: Reject) -> ChunkRows:
        """The rows of a record that was lost with its process."""
        nothing = [_Found(None, {}) for _ in self.models]
        return self._rows(end, [_Case(raw, None, None, reject)], nothing)

    def _read(self, raw: RawRecord) -> _Case:
        parsed = parse(raw)
        if isinstance(parsed, Reject):
            return _Case(raw, None, None, parsed)
        properties = raw.properties if any(model.columns for model in self.models) else None
        try:
            molecule = Molecule(parsed.mol, self.tools, properties)
            return _Case(raw, molecule, Chem.MolToSmiles(parsed.mol))
        except Exception as error:  # RDKit raises RuntimeError, ValueError, ... from its invariants
            code = RecordCode.FEATURIZATION_FAILED
            return _Case(raw, None, None, Reject.of(raw, code, f"RDKit cannot write its SMILES: {error}"))

    def _featurize(self, case: _Case, at: int, features: list[dict[int, np.ndarray]]) -> None:
        if case.molecule is None:
            return
        for name, model, rows in zip(self.names, self.models, features, strict=True):
            try:
                rows[at] = case.molecule.features(model.featurization)
                case.molecule.ecfp4(model.featurization.level)
            except Exception as error:  # as above
                rows.pop(at, None)
                reason = " ".join(str(error).split())[:300]
                code = RecordCode.FEATURIZATION_FAILED
                case.trouble = Reject.of(case.raw, code, f"{name}: RDKit cannot featurize it: {reason}.")

    def _predict(self, model: Model, rows: dict[int, np.ndarray], cases: list[_Case]) -> _Found:
        if not rows:
            return _Found(None, {})
        featurization = model.featurization
        molecules = [molecule for at in rows if (molecule := cases[at].molecule) is not None]
        ecfp4 = np.stack([molecule.ecfp4(featurization.level) for molecule in molecules])
        familiar = np.array([molecule.familiar(featurization) for molecule in molecules])
        predictions = model.predict(np.stack(list(rows.values())), ecfp4, self.confidence, familiar)
        sure = np.isfinite(predictions.probabilities).all(axis=1)
        if model.manifest.task == "regression":
            sure = np.isfinite(predictions.value)
        place = {at: row for row, at in enumerate(rows) if sure[row]}
        for at in set(rows) - set(place):
            message = f"{model.manifest.name}: the model gives no number for it."
            cases[at].trouble = Reject.of(cases[at].raw, RecordCode.PREDICTION_FAILED, message)
        return _Found(predictions, place)

    def _rows(self, end: int, cases: list[_Case], found: list[_Found]) -> ChunkRows:
        result = ChunkRows(end, [], [], [])
        for at, case in enumerate(cases):
            if case.reject is None and not any(at in one.place for one in found):
                case.reject = case.trouble
            if case.reject is not None:
                result.rejects.append(case.reject)
            row = self._row(at, case, found)
            result.rows.append(row)
            if self.as_sdf:
                fields = zip((column.name for column in self.columns.all), row, strict=True)
                mol = case.molecule.parsed if case.molecule else None
                result.sdf.append(sd_record(case.raw, mol, list(fields)))
        return result

    def _row(self, at: int, case: _Case, found: list[_Found]) -> list[Cell]:
        raw, smiles = case.raw, None if case.reject else case.smiles
        row: list[Cell] = [raw.record, smiles] if self.columns.legacy else [raw.record, raw.title, smiles]
        answers = []
        for model, weight, columns, one in zip(
            self.models, self.weights, self.columns.models, found, strict=True
        ):
            if one.predictions is None or at not in one.place:
                row += columns.blank
                continue
            place = one.place[at]
            row += columns.cells(one.predictions, place)
            value = float(one.predictions.value[place])
            probabilities = tuple(one.predictions.probabilities[place].tolist())
            answers.append(
                Answer(model.manifest, value if math.isfinite(value) else None, probabilities, weight)
            )
        if not self.columns.legacy:
            combined = combine(answers)
            row += [combined.value, combined.std] if combined else [None, None]
        fate = case.reject or case.trouble
        return [*row, fate.code.value if fate else None, fate.message if fate else None]
