"""SingleStructurePredict: micro-batches of commands, each structure and each model touched once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from molfleet.bundles.features import Molecule, Toolbox
from molfleet.bundles.predict import Model, Predictions
from molfleet.catalogue import Catalogue
from molfleet.chemistry.rdkit_log import silence
from molfleet.chemistry.structures import NotAMolecule, Notation, molecule
from molfleet.errors import Code, Rejected
from molfleet.messages.generated import (
    BlobRef,
    ErrorInfo,
    ModelPrediction,
    SingleStructurePredict,
    SingleStructurePredicted,
    SingleStructurePredictionFailed,
)
from molfleet.runtime.handler import LightContext
from workers.predictor.answers import consensus_of, model_prediction
from workers.predictor.cache import ModelCache
from workers.predictor.checks import check_common, require_columns
from workers.predictor.explain import explanation_by

Outcome = SingleStructurePredicted | SingleStructurePredictionFailed
#: A structure and what its command says besides.
_Key = tuple[Notation, str, frozenset[tuple[str, str]]]

_BLANK = "Give it as an empty text where it is not known."


@dataclass(frozen=True)
class FormatRow:
    """A format that a structure may be sent in."""

    code: str
    notation: Notation
    aliases: tuple[str, ...] = ()


FORMATS = Catalogue(
    "structure format",
    (FormatRow("SMILES", "smiles"), FormatRow("MOL", "molblock"), FormatRow("INCHI", "inchi")),
)


class Resident:
    """What one resident process keeps between batches."""

    def __init__(self, context: LightContext) -> None:
        silence()
        self.tools = Toolbox()
        self.models = ModelCache(self.tools, context.cache_bytes)


@dataclass(frozen=True, slots=True)
class _Row:
    """Where in a model's predictions a structure stands."""

    predictions: Predictions
    index: int


class _Job:
    """All structures of a batch for one model and one confidence."""

    def __init__(self, model: Model, confidence: float) -> None:
        self.model = model
        self._confidence = confidence
        self._molecules: dict[int, Molecule] = {}
        self._rows: dict[int, _Row | Rejected] = {}

    def add(self, molecule: Molecule) -> None:
        self._molecules[id(molecule)] = molecule

    def run(self) -> None:
        """Featurize each molecule, predict all rows together; what fails becomes its own Rejected."""
        ready, features, ecfp4, familiar = [], [], [], []
        featurization = self.model.featurization
        for key, one in self._molecules.items():
            try:
                row, bits = one.features(featurization), one.ecfp4(featurization.level)
            except Exception as error:  # RDKit raises RuntimeError, ValueError, ... from its invariants
                self._rows[key] = _failed("its features cannot be calculated", error)
                continue
            ready.append(key)
            features.append(row)
            ecfp4.append(bits)
            familiar.append(one.familiar(featurization))
        if not ready:
            return
        try:
            predictions = self.model.predict(
                np.stack(features), np.stack(ecfp4), self._confidence, np.array(familiar)
            )
        except Exception as error:  # onnxruntime's own exceptions have no common base
            self._rows.update(dict.fromkeys(ready, _failed("the model fails", error)))
            return
        for index, key in enumerate(ready):
            self._rows[key] = _Row(predictions, index)

    def row(self, molecule: Molecule) -> _Row:
        """Raises Rejected(PREDICTION_ERROR)."""
        found = self._rows[id(molecule)]
        if isinstance(found, Rejected):
            raise found
        return found


class _Batch:
    """One micro-batch: commands are taken in, jobs run, commands answered."""

    def __init__(self, resident: Resident, context: LightContext) -> None:
        self._resident = resident
        self._context = context
        self._structures: dict[_Key, Molecule | NotAMolecule] = {}
        self._models: dict[str, Model | Rejected] = {}
        self._jobs: dict[tuple[int, float], _Job] = {}

    def take(self, command: SingleStructurePredict) -> Molecule:
        """Parse the structure and put it into the jobs of its models; raises Rejected."""
        check_common(command)
        structure = self._structure(command)
        for ref in command.models:
            model = self._model(ref.blob)
            if isinstance(model, Model) and all(name in command.properties for name in model.columns):
                self._job(model, command.confidence).add(structure)
        return structure

    def run(self) -> None:
        for job in self._jobs.values():
            job.run()

    def answer(self, command: SingleStructurePredict, structure: Molecule) -> Outcome:
        """The event of one command; its failure event where no model answers."""
        predictions, answers, errors = [], [], []
        explained: Model | None = None
        for ref in command.models:
            try:
                model = self._model(ref.blob)
                if isinstance(model, Rejected):
                    raise model
                require_columns(model, model.manifest.name, command.properties, "properties", _BLANK)
                row = self._job(model, command.confidence).row(structure)
                prediction, answer = model_prediction(ref, model.manifest, row.predictions, row.index)
            except Rejected as error:
                errors.append(error)
                info = ErrorInfo(code=error.code, message=error.message)
                predictions.append(ModelPrediction(id=ref.id, error=info))
                continue
            predictions.append(prediction)
            answers.append(answer)
            explained = explained or model
        if explained is None:
            return _failure(command, _nobody(command, errors), predictions)
        explanation = explanation_by(explained, structure) if command.explain else None
        return SingleStructurePredicted.answer(
            command,
            property_name=command.property_name,
            models=predictions,
            consensus=consensus_of(answers),
            explanation=explanation,
        )

    def _structure(self, command: SingleStructurePredict) -> Molecule:
        text, notation = command.structure, FORMATS.get(command.format).notation
        key = (notation, text, frozenset(command.properties.items()))
        found = self._structures.get(key)
        if found is None:
            mol = molecule(text, notation)
            if isinstance(mol, NotAMolecule):
                found = mol
            else:
                found = Molecule(mol, self._resident.tools, command.properties)
            self._structures[key] = found
        if isinstance(found, NotAMolecule):
            raise Rejected(Code.INVALID_STRUCTURE, found.message, details={"reason": found.code})
        return found

    def _model(self, ref: BlobRef) -> Model | Rejected:
        key = f"{ref.bucket}\0{ref.key}\0{ref.etag}\0{ref.sha256}\0{ref.size}"
        if key not in self._models:
            try:
                self._models[key] = self._resident.models.get(ref, self._context)
            except Rejected as error:
                self._models[key] = error
        return self._models[key]

    def _job(self, model: Model, confidence: float) -> _Job:
        key = (id(model), confidence)
        if key not in self._jobs:
            self._jobs[key] = _Job(model, confidence)
        return self._jobs[key]


def predict(commands: Sequence[SingleStructurePredict], context: LightContext) -> list[Outcome]:
    """One event per command, in order. What one command lacks never touches another's answer."""
    batch = _Batch(context.resident, context)
    taken: list[Molecule | Rejected] = []
    for command in commands:
        try:
            taken.append(batch.take(command))
        except Rejected as error:
            taken.append(error)
    batch.run()
    return [_outcome(batch, command, what) for command, what in zip(commands, taken, strict=True)]


def _outcome(batch: _Batch, command: SingleStructurePredict, what: Molecule | Rejected) -> Outcome:
    try:
        if isinstance(what, Rejected):
            raise what
        return batch.answer(command, what)
    except Rejected as error:
        return _failure(command, error)


def _failure(
    command: SingleStructurePredict, error: Rejected, models: Sequence[ModelPrediction] = ()
) -> SingleStructurePredictionFailed:
    return SingleStructurePredictionFailed.answer(
        command,
        code=error.code,
        message=error.message,
        retryable=error.retryable,
        details=error.details,
        property_name=command.property_name,
        models=models,
    )


def _failed(what: str, error: Exception) -> Rejected:
    reason = " ".join(str(error).split())[:300] or type(error).__name__
    return Rejected(Code.PREDICTION_ERROR, f"The structure cannot be predicted: {what} ({reason}).")


def _nobody(command: SingleStructurePredict, errors: list[Rejected]) -> Rejected:
    """Why no model answers: the models' common code, each model's own error."""
    codes = {error.code for error in errors}
    each = [f"{ref.id}: {error.message}" for ref, error in zip(command.models, errors, strict=True)]
    return Rejected(
        codes.pop() if len(codes) == 1 else Code.PREDICTION_ERROR,
        "No model answers. " + " ".join(each),
        retryable=any(error.retryable for error in errors),
        details={
            str(ref.id): f"{error.code}: {error.message}"
            for ref, error in zip(command.models, errors, strict=True)
        },
    )
