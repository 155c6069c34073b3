"""Single structures: how tests ask, and what they expect of the answer."""

from __future__ import annotations

from molfleet.messages.generated import (
    SingleStructurePredict,
    SingleStructurePredicted,
    SingleStructurePredictionFailed,
)
from tests.builders import model, single_structure_predict
from tests.unit.predictor.contexts import FilesLightContext
from workers.predictor.single import Outcome, predict

BUTANOL = "CCCCO"


def ask(structure: str = BUTANOL, *keys: str, **fields: object) -> SingleStructurePredict:
    refs = [model(key) for key in keys or ("forest",)]
    return single_structure_predict(**{"structure": structure, "models": refs, **fields})


def one(context: FilesLightContext, command: SingleStructurePredict) -> Outcome:
    (event,) = predict([command], context)
    assert (event.id, event.correlation_id) == (command.id, command.correlation_id)
    return event


def answered(context: FilesLightContext, command: SingleStructurePredict) -> SingleStructurePredicted:
    event = one(context, command)
    assert isinstance(event, SingleStructurePredicted), event
    return event


def failed(context: FilesLightContext, command: SingleStructurePredict) -> SingleStructurePredictionFailed:
    event = one(context, command)
    assert isinstance(event, SingleStructurePredictionFailed), event
    assert event.message.endswith(".")
    return event
