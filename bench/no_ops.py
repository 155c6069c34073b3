"""Handlers that do nothing: what is left is the fleet's own cost."""

from __future__ import annotations

from collections.abc import Sequence

from molfleet.messages.generated import (
    BlobRef,
    PredictionFailed,
    PredictProperties,
    PropertiesPredicted,
    SingleStructurePredict,
    SingleStructurePredicted,
    SingleStructurePredictionFailed,
)
from molfleet.runtime.handler import Context, Handler, LightContext, LightHandler

_OUTPUT = BlobRef(bucket="outputs", key="none.csv")


def _single(
    commands: Sequence[SingleStructurePredict], context: LightContext
) -> list[SingleStructurePredicted]:
    return [answer(command) for command in commands]


def answer(command: SingleStructurePredict) -> SingleStructurePredicted:
    """The event of a no-op, which the rivals publish as well."""
    return SingleStructurePredicted.answer(
        command, property_name=command.property_name, models=(), consensus=None, explanation=None
    )


def _batch(command: PredictProperties, context: Context) -> PropertiesPredicted:
    return PropertiesPredicted.answer(
        command, output=_OUTPUT, records=0, predicted=0, failed=0, file_name="none.csv"
    )


HANDLERS = {
    PredictProperties: Handler(_batch, failure=PredictionFailed),
    SingleStructurePredict: LightHandler(_single, failure=SingleStructurePredictionFailed),
}
